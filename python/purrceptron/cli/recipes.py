"""Which recipe `purr train` follows, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click

from ..photos.recipes import Recipe, recipe

__all__ = ["ChosenRecipe", "choose_recipe"]

# Options that say how to train, which a recipe says, too.
_PROCEDURE = ("network", "epochs", "batch_size", "optimizer", "learning_rate", "solver", "augmentation", "mixup")


@dataclass(frozen=True)
class ChosenRecipe:
    """A recipe, the reason for it, and the settings that it has in place of the usual ones."""

    name: Recipe
    reason: str
    settings: dict[str, Any]


def choose_recipe(ctx: click.Context, name: Recipe | None, data: str | None) -> ChosenRecipe:
    """The recipe that was asked for, or the one that fits.

    Args:
        ctx: The command's, which knows what options were given.
        name: What --recipe says.
        data: Where the photos are; None for drawn ones.

    Raises:
        UsageError: --recipe best, and an option that it would overrule.
    """
    default = click.core.ParameterSource.DEFAULT
    written = {option.name: option.opts[0] for option in ctx.command.params}
    given = [written[option] for option in _PROCEDURE if ctx.get_parameter_source(option) is not default]
    if name == "best" and given:
        raise click.UsageError(
            f"--recipe best says how to train, and so does {given[0]}: leave one of the two out.", ctx
        )
    if name is not None:
        return ChosenRecipe(name, "as --recipe says", recipe(name))
    if given:
        return ChosenRecipe("series", f"implied by {given[0]}", recipe("series"))
    if data is None:
        return ChosenRecipe("series", "the pictures are drawn", recipe("series"))
    return ChosenRecipe("best", "the usual one for photos (--recipe series is the other)", recipe("best"))
