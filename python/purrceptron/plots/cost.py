"""`CostDisplay`: the cost, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

from ..trainer import History
from .canvas import ACCENT, SECOND, LearntDisplay, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["CostDisplay"]

_BETWEEN_NAMES = 13  # points


class CostDisplay(LearntDisplay):
    """The cost of a training after each epoch, and that of the photos which were watched meanwhile, if there were any.

    A classifier's file keeps 200 points of each curve, none if it is of an early version.

    Args:
        epochs: The epochs `(points,)`, counted from 1.
        loss: The cost at each.
        val_loss: The cost of the validation data; empty without such.

    Attributes:
        epochs: As given.
        loss: As given.
        val_loss: As given.
        lines_: What was drawn, a line each.

    Example:
        >>> import purrceptron as purr
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> history = net.fit([[0.0], [1.0]], [0, 1], epochs=30)
        >>> display = purr.plots.CostDisplay.from_history(history)
        >>> display.ax_.get_xlabel(), len(display.lines_)
        ('epoch', 1)
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    def __init__(self, epochs: Sequence[float], loss: Sequence[float], val_loss: Sequence[float] = ()) -> None:
        if not len(loss) or len(epochs) != len(loss) or len(val_loss) not in (0, len(loss)):
            raise ValueError(
                f"expected a cost for each of the epochs, got {len(epochs)} epochs, {len(loss)} costs and "
                f"{len(val_loss)} of the validation"
            )
        self.epochs, self.loss, self.val_loss = epochs, loss, val_loss

    @classmethod
    def from_history(cls, history: History | Mapping[str, Sequence[float]], *, ax: Axes | None = None) -> Self:
        """Draw what a training gave.

        Args:
            history: What `fit` gives, or `classifier.history_`; or lists by name: "loss", "epoch", "val_loss".
            ax: As of `plot`.

        Raises:
            ValueError: There is no epoch in it.
        """
        if isinstance(history, History):
            history = {"loss": history.loss, "val_loss": history.val_loss}
        return cls._of_curves(history).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier) -> Self:
        return cls._of_curves(classifier.training_["curves"])

    @classmethod
    def _of_curves(cls, curves: Mapping[str, Sequence[float]]) -> Self:
        loss = curves.get("loss", ())
        return cls(curves.get("epoch", range(1, len(loss) + 1)), loss, curves.get("val_loss", ()))

    def _draw(self, ax: Axes) -> None:
        marker = "o" if len(self.epochs) == 1 else ""
        self.lines_ = ax.plot(self.epochs, self.loss, color=ACCENT, linewidth=1.8, marker=marker)
        ends = [(self.loss[-1], "training", ACCENT)]
        if len(self.val_loss):
            self.lines_ += ax.plot(self.epochs, self.val_loss, color=SECOND, linewidth=1.8, marker=marker)
            ends.append((self.val_loss[-1], "held out", SECOND))
        ax.set(xlabel="epoch", ylabel="cost", ylim=(0, None))
        ax.margins(x=0.02)
        quiet(ax)
        _name_ends(ax, self.epochs[-1], ends)


def _name_ends(ax: Axes, epoch: float, ends: list[tuple[float, str, str]]) -> None:
    """The names of the curves, at their ends: nobody has to match the colours of a legend.

    Of names that would touch, the upper one is moved up.
    """
    point, free = ax.figure.dpi / 72, -math.inf
    for cost, name, color in sorted(ends):
        height = float(ax.transData.transform((epoch, cost))[1]) / point
        place = max(height, free)
        ax.annotate(
            f"{name} {cost:.3g}", (epoch, cost), xytext=(5, 2 + place - height), textcoords="offset points",
            color=color, size=9, va="center",
        )  # fmt: skip
        free = place + _BETWEEN_NAMES
