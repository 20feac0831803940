"""Options that several commands have, and checks of what is given, before anything else happens."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import click

from .. import _core
from ..assessment.conformal import ABSTAIN
from ..augmentation import Augmentation, from_string
from ..photos import PhotoClassifier
from ..strings import parse_network

__all__ = [
    "SHARE",
    "USUAL",
    "Command",
    "NumberRange",
    "WholeRange",
    "augment_option",
    "checked_network",
    "mixup_option",
    "seed_option",
    "skip_bad_option",
    "trust_options",
]

USUAL = PhotoClassifier().get_params()
"""The settings of a photo classifier that are not chosen."""

Command = TypeVar("Command", bound=Callable[..., Any])


class NumberRange(click.FloatRange):
    """A range of finite numbers: "nan" is in none, and neither is "inf"."""

    name = "number"  # as messages call what is asked for

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number, or a message that names the option."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{number} is no finite number.", param, ctx)
        return number


class WholeRange(click.IntRange):
    """A range of whole numbers."""

    name = "whole number"


SHARE = NumberRange(0, 1, min_open=True, max_open=True)
# Far beyond what costs and shares are in use, and far from where their ratios leave what a number can be.
_IN_USE, _COST = NumberRange(1e-9, 1 - 1e-9), NumberRange(1e-9, 1e9)


def _augmentation(ctx: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[Augmentation, ...]:
    """Each as an object; whether its settings fit the photos is seen later."""
    try:
        return tuple(map(from_string, texts))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, option) from error


def augment_option(command: Command) -> Command:
    """The option --augment, which may be given several times; the command gets `augmentation`."""
    return click.option(
        "--augment",
        "augmentation",
        multiple=True,
        callback=_augmentation,
        metavar="NAME[=N,..]",
        help="Change photos at random in every epoch, in this way; may be given several times: "
        f"{', '.join(_core.names('augmentation'))}, with settings as in rotate=15.",
    )(command)


def mixup_option(command: Command) -> Command:
    """The option --mixup."""
    return click.option(
        "--mixup",
        type=NumberRange(0, min_open=True),
        metavar="A",
        help="Blend the photos of each step two by two; 0.2 is usual.  [default: not]",
    )(command)


def trust_options(command: Command) -> Callable[..., Any]:
    """The options --share, --cost-..., given as `line`, a dict of those that are there, and --abstain."""

    @click.option(
        "--share",
        metavar="SHARE",
        type=_IN_USE,
        help="How frequent the positive class will be in use: where to draw the line, and what to expect there.  "
        "[default: as frequent as in DATA]",
    )
    @click.option("--cost-false-positive", metavar="COST", type=_COST, help="Cost of a false alarm.  [default: 1]")
    @click.option("--cost-false-negative", metavar="COST", type=_COST, help="Cost of a miss.  [default: 1]")
    @click.option(
        "--abstain",
        metavar="SHARE",
        type=SHARE,
        default=ABSTAIN,
        show_default=True,
        help="Say what `purr predict --abstain SHARE` would do on DATA.",
    )
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        share: float | None,
        cost_false_positive: float | None,
        cost_false_negative: float | None,
        **rest: Any,
    ) -> Any:
        line = {
            "share": share,
            "cost_false_positive": cost_false_positive,
            "cost_false_negative": cost_false_negative,
        }
        return command(*args, line={name: value for name, value in line.items() if value is not None}, **rest)

    return wrapped


def seed_option(meaning: str) -> Callable[[Command], Command]:
    """The option --seed, 0 to 2^64 - 1; `meaning` says what is drawn from it."""
    return click.option(
        "--seed", type=int, callback=_checked_seed, default=0, show_default=True, metavar="N", help=meaning
    )


def _checked_seed(ctx: click.Context, option: click.Parameter, seed: int) -> int:
    if not 0 <= seed < 2**64:
        raise click.BadParameter(f"{seed} is not in the range 0 to 2^64 - 1.", ctx, option)
    return seed


def skip_bad_option(command: Command) -> Command:
    """The option --skip-bad."""
    return click.option(
        "--skip-bad", is_flag=True, help="Leave out files in folders that are no photo, instead of failing."
    )(command)


def checked_network(ctx: click.Context, option: click.Parameter, network: str | None) -> str | None:
    """A network's sizes must parse; whether they fit the photos is seen later."""
    try:
        if network is not None:
            parse_network(network, has_input=False)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, option) from error
    return network
