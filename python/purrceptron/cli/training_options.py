"""The options of `purr train` that say how to train."""

from __future__ import annotations

import click

from .. import _core
from ..images.decoding import MAP_ABOVE
from ..photos.recipes import RECIPES
from .options import (
    USUAL,
    Command,
    NumberRange,
    WholeRange,
    augment_option,
    checked_network,
    mixup_option,
    seed_option,
)
from .training_data import BATCH_OF_MANY

__all__ = ["training_options"]

_OPTIONS = (
    click.option(
        "--recipe",
        "recipe_name",
        type=click.Choice(RECIPES),
        help="The series' network and procedure, or the best known for few real photos.  [default: best for DATA; "
        "series for drawn pictures, and where one of the options down to --solver is given, whose defaults are its]",
    ),
    click.option(
        "--network",
        callback=checked_network,
        metavar="SIZES",
        help="Sizes from the input to the output; the input's may be left out.  [default: 12288-20-7-5-1; the input "
        "follows the photos, the output the classes]",
    ),
    click.option(
        "--epochs",
        type=WholeRange(1),
        default=USUAL["epochs"],
        show_default=True,
        metavar="N",
        help="Passes over the photos.",
    ),
    click.option(
        "--batch-size",
        type=WholeRange(1),
        metavar="N",
        help=f"Photos of one step.  [default: all of them; {BATCH_OF_MANY:,} of a folder that stays on disk, as those "
        f"do whose pixels take more than {MAP_ABOVE >> 30} GiB]",
    ),
    click.option(
        "--optimizer",
        type=click.Choice(_core.names("optimizer")),
        default=USUAL["optimizer"],
        show_default=True,
        help="How the weights move: gradient descent (sgd) or a refinement of it.",
    ),
    click.option(
        "--learning-rate",
        type=NumberRange(0, min_open=True),
        metavar="R",
        help=f"Length of a step.  [default: {USUAL['learning_rate']} for {USUAL['optimizer']}, else the optimizer's "
        "own]",
    ),
    augment_option,
    mixup_option,
    click.option(
        "--ensemble",
        type=WholeRange(1, 100),
        default=USUAL["ensemble"],
        show_default=True,
        metavar="N",
        help="Networks to train side by side, from the seeds SEED, SEED + 1, ...; answers are the mean of their "
        "probabilities. Not with --checkpoint.",
    ),
    click.option(
        "--solver",
        type=click.Choice(_core.names("solver")),
        default=USUAL["solver"],
        show_default=True,
        help="How the first layer is trained; auto decides from the network and the photos.",
    ),
    seed_option(
        "Seed of everything random: drawn pictures, first weights, the holdout. The same seed gives the same model."
    ),
    click.option(
        "--threads",
        type=WholeRange(1),
        metavar="N",
        help="Threads to use; the model is the same bit for bit.  "
        "[default: PURRCEPTRON_NUM_THREADS, else the cores, or fewer by OMP_NUM_THREADS]",
    ),
)


def training_options(command: Command) -> Command:
    """Adds them all."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
