"""Options that several commands have, and checks of what is given, before anything else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from .. import _core
from ..augmentation import Augmentation, from_string
from ..photos import PhotoClassifier
from ..strings import parse_network

__all__ = ["USUAL", "Command", "augment_option", "checked_network", "seed_option", "skip_bad_option"]

USUAL = PhotoClassifier().get_params()
"""The settings of a photo classifier that are not chosen."""

Command = TypeVar("Command", bound=Callable[..., Any])


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
