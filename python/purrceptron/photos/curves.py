"""The scores of a training epoch by epoch, thinned so that they fit in a model file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..trainer import History

__all__ = ["Curves", "checked_curves", "thinned_curves"]

Curves = dict[str, list[float]]
"""Lists of the same length by name: "epoch", counted from 1, "loss", and what else was scored after each."""

# A curve on a screen is some hundred points wide; the file grows by 2 kB a curve.
_MOST_POINTS, _MOST_CURVES = 200, 8


def thinned_curves(histories: Sequence[History]) -> Curves:
    """The mean of histories of equal length at no more than 200 epochs, the first and the last among them.

    Args:
        histories: One a network; none gives no curves.

    Example:
        >>> curves = thinned_curves([History(loss=[1 / epoch for epoch in range(1, 1001)])])
        >>> len(curves["loss"]), curves["epoch"][:3], curves["epoch"][-1]
        (200, [1, 6, 11], 1000)
    """
    if not histories:
        return {}
    scores = [{"loss": h.loss, "val_loss": h.val_loss, **h.metrics} for h in histories]
    epochs = len(scores[0]["loss"])
    points = min(epochs, _MOST_POINTS)
    places = [round(i * (epochs - 1) / max(points - 1, 1)) for i in range(points)]
    curves: Curves = {"epoch": [place + 1 for place in places]}
    for name in scores[0]:
        if all(len(each.get(name, ())) == epochs for each in scores):
            means = [sum(each[name][place] for each in scores) / len(scores) for place in places]
            if all(map(math.isfinite, means)):
                curves[name] = [float(f"{mean:.6g}") for mean in means]  # more digits no chart shows
    return dict(list(curves.items())[:_MOST_CURVES]) if points else {}


def checked_curves(fields: object) -> Curves:
    """Curves as a file gives them.

    Raises:
        ValueError: They are none that `thinned_curves` wrote.
    """
    if not isinstance(fields, Mapping) or len(fields) > _MOST_CURVES:
        raise ValueError(f"the curves of the training are no object of at most {_MOST_CURVES} lists")
    if not fields:
        return {}
    curves = {str(name): [float(value) for value in values] for name, values in fields.items()}
    curves["epoch"] = [int(epoch) for epoch in curves.get("epoch", ())]
    points = len(curves["epoch"])
    if not 0 < points <= _MOST_POINTS or any(len(values) != points for values in curves.values()):
        raise ValueError(f"the curves of the training are not of 1 to {_MOST_POINTS} points each")
    if not all(math.isfinite(value) for values in curves.values() for value in values):
        raise ValueError("the curves of the training are not finite")
    return curves
