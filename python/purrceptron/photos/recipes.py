"""Recipes: settings of a photo classifier that were found to do well together."""

from __future__ import annotations

from typing import Any, Literal, get_args

__all__ = ["RECIPES", "Recipe", "recipe"]

Recipe = Literal["series", "best"]
RECIPES: tuple[Recipe, ...] = get_args(Recipe)

_BEST: dict[str, Any] = {
    "features": "histograms",
    "network": (),
    "mirror": True,
    "l2": 1e-4,
    "class_weight": "balanced",
    "optimizer": "adam",
    "learning_rate": 0.1,
    "epochs": 200,
}


def recipe(name: Recipe) -> dict[str, Any]:
    """Settings for `PhotoClassifier` and `CatClassifier`.

    Args:
        name: "series", the network and procedure of the series: the settings that a classifier has by itself. Or
            "best", found by cross-validation on 209 photos (docs/recipes.md has the search and its numbers):
            histograms of colours and gradients, one layer with weight decay, mirror images, every class counting alike.

    Raises:
        ValueError: There is no such recipe.

    Example:
        >>> import purrceptron as purr
        >>> purr.PhotoClassifier(**recipe("best"), image_size=32).features
        'histograms'
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    return dict(_BEST) if name == "best" else {}
