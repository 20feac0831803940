"""`purr doctor`: what would waste a training on some data, before it begins."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import click

from .. import _core
from ..diagnosis import CHECKS, Diagnosis, Finding
from ..diagnosis import doctor as examine
from ..images.reading import Color
from ..layers import Dense
from ..model import Sequential
from ..optimizers import as_optimizer
from ..photos.network import photo_layers
from ..strings import parse_network
from .options import USUAL, NumberRange, WholeRange, checked_network, seed_option, skip_bad_option
from .output import Output, amount, facts, output_options
from .sources import assumed, describe, indices_of, read_data, read_test_data, skipped_files

__all__ = ["doctor"]

_WIDTH, _INDENT = 80, " " * 4

_EXAMPLES = """\b
Examples:
  purr doctor photos/
  purr doctor train_catvnoncat.h5 --test test_catvnoncat.h5
  purr doctor table.npz --network 20-64-3 --learning-rate 0.01 --json
"""


@click.command(short_help="Find what would waste a training.", epilog=_EXAMPLES)
@click.argument("data", type=click.Path())
@click.option("--test", "test", metavar="DATA", type=click.Path(), help="Data to score on, to compare with.")
@click.option(
    "--network",
    callback=checked_network,
    metavar="SIZES",
    help="A network to try on the data, as for `purr train`.  [default: 12288-20-7-5-1 for photos, none for tables]",
)
@click.option(
    "--optimizer",
    type=click.Choice(_core.names("optimizer")),
    help=f"What moves its weights.  [default: {USUAL['optimizer']} for photos, adam for tables]",
)
@click.option(
    "--learning-rate",
    type=NumberRange(0, min_open=True),
    metavar="R",
    help=f"Length of a step.  [default: {USUAL['learning_rate']} for photos with {USUAL['optimizer']}, else the "
    "optimizer's own]",
)
@click.option(
    "--batch-size",
    type=WholeRange(1),
    metavar="N",
    help="Samples of one step.  [default: all for photos, 32 for tables]",
)
@seed_option("Seed of the first weights.")
@skip_bad_option
@output_options
def doctor(
    data: str,
    test: str | None,
    network: str | None,
    optimizer: str | None,
    learning_rate: float | None,
    batch_size: int | None,
    seed: int,
    skip_bad: bool,
    output: Output,
) -> None:
    """Look for what would waste a training on DATA, and say what to do about it.

    Of the data: numbers that are none, input that is not scaled, constant and duplicate columns, photos that are in
    training and test or nearly so, one class alone, class shares that differ, labels that look shuffled. Of a network
    on it: first weights that saturate, dead units, a learning rate that diverges in a trial of ten steps.

    DATA is as for `purr train`, or an .npz of numbers x (samples, features) with classes y. The exit status is 0
    whether something was found or not.
    """
    output.say(f"reading {data}")
    training = read_data(data, output, skip_bad=skip_bad)
    output.say(*assumed(training))
    photos = training.images.ndim == 4
    tested = None
    if test is not None:
        output.say(f"reading {test}")
        size = training.images.shape[1] if photos else USUAL["image_size"]
        color: Color = "grey" if photos and training.images.shape[3] == 1 else "rgb"
        held_out = read_test_data(test, output, image_size=size, color=color, skip_bad=skip_bad)
        tested = held_out.images, indices_of(held_out, training.class_names)
    sets = [training] if test is None else [training, held_out]
    output.say(*skipped_files(*sets))
    model = _model(network, training.images.shape[1:], len(training.class_names), seed)
    if optimizer is None:
        optimizer = USUAL["optimizer"] if photos else "adam"
    if learning_rate is None and photos and optimizer == USUAL["optimizer"]:
        learning_rate = USUAL["learning_rate"]
    mover = as_optimizer(optimizer, **({} if learning_rate is None else {"learning_rate": learning_rate}))
    if batch_size is None and not photos:
        batch_size = 32
    output.say(f"looking at {amount(len(training), 'sample')}")
    diagnosis = examine(
        training.images, training.labels, test=tested, network=model, optimizer=mover, batch_size=batch_size, seed=seed
    )
    sizes = None if model is None else _sizes(model)
    fields: dict[str, Any] = {
        "data": training.source,
        "test": test,
        "network": sizes,
        "samples": len(training),
        "findings": [finding.to_dict() for finding in diagnosis],
        "checked": list(diagnosis.checked),
        "skipped": diagnosis.skipped,
        "skipped_files": [str(file) for part in sets for file in part.skipped],
    }
    rows = [("data", describe(training))]
    if test is not None:
        rows.append(("test", describe(held_out)))
    if sizes is not None:
        rows.append(("network", f"{sizes}, {optimizer} at {mover.to_dict()['learning_rate']:g}"))
    rows.append(("checks", _checks(diagnosis)))
    output.result(fields, [*facts(rows), *_findings(diagnosis)])


def _model(network: str | None, shape: tuple[int, ...], classes: int, seed: int) -> Sequential | None:
    """The network that `purr train` would build for photos; for a table the one that the sizes name."""
    if len(shape) == 3:
        layers = photo_layers(
            network or USUAL["network"],
            image_size=shape[0],
            channels=shape[2],
            classes=classes,
            kernel_initializer=USUAL["kernel_initializer"],
        )
        return Sequential(layers, input_shape=shape, seed=seed)
    if network is None:
        return None
    features = shape[0]
    has_input = network.split("-")[0].strip() == str(features) and "-" in network
    return Sequential(parse_network(network, has_input=has_input)[1], input_shape=features, seed=seed)


def _sizes(model: Sequential) -> str:
    units = [layer.units for layer in model.layers if isinstance(layer, Dense)]
    return "-".join(map(str, [math.prod(model.input_shape or ()), *units]))


def _checks(diagnosis: Diagnosis) -> str:
    made = f"{len(diagnosis.checked)} of {len(CHECKS)}"
    reasons = sorted(set(diagnosis.skipped.values()))
    return made + (f"; the others not, for {', '.join(reasons)}" if reasons else "")


def _findings(diagnosis: Diagnosis) -> list[str]:
    if not diagnosis.findings:
        return ["", "  Nothing found."]
    return [line for finding in diagnosis for line in ("", *_finding(finding))]


def _finding(finding: Finding) -> list[str]:
    color = "yellow" if finding.severity == "warning" else "cyan"
    head = f"  {click.style(finding.severity, fg=color, bold=True)}  {finding.name.replace('_', ' ')}"
    says = textwrap.wrap(finding.says, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    mend = textwrap.wrap(finding.mend, _WIDTH, initial_indent=f"{_INDENT}→ ", subsequent_indent=f"{_INDENT}  ")
    return [head, *says, *mend]
