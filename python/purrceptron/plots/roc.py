"""`RocDisplay`: what finding more of a class costs in false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..assessment._inputs import checked_pair
from .canvas import ACCENT, FAINT, MUTED, SECOND, AnswersDisplay, quiet
from .names import shown_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["RocCurve", "RocDisplay", "roc_curves"]

# Okabe and Ito (2008) again: five colours, each solid and dashed, and no more curves than that tells apart.
_COLORS = (ACCENT, SECOND, "#009e73", "#cc79a7", MUTED)
_STYLES = ("-", "--")


@dataclass(frozen=True, eq=False)
class RocCurve:
    """A class against all others.

    Attributes:
        name: Name of the class.
        false_alarms: Share of the other photos that are called so, at each threshold `(points,)`, increasing.
        recall: Share of the class's photos that are called so, at each threshold.
        area: Area under the curve: 1 at best, one half by chance.
    """

    name: str
    false_alarms: NDArray[np.float64]
    recall: NDArray[np.float64]
    area: float


class RocDisplay(AnswersDisplay):
    """Recall beside false alarms, for every threshold that one might choose; scikit-learn's `roc_curve`.

    Of two classes it is about the second; of more each has its curve against the rest. A curve on the diagonal is
    chance.

    Args:
        curves: The curves; of more than ten those ten of the smallest area are drawn, and the legend says so.

    Attributes:
        curves: As given, the largest area first.
        lines_: What was drawn, a line for each.

    Example:
        >>> import purrceptron as purr
        >>> p = [[0.2, 0.8], [0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]
        >>> display = purr.plots.RocDisplay.from_predictions([1, 0, 1, 1], p, ("other", "cat"))
        >>> display.ax_.get_ylabel(), display.curves[0].area
        ("recall of 'cat'", 1.0)
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    _size = (4.2, 3.6)
    _most = len(_COLORS) * len(_STYLES)
    _MOST_LETTERS = 32  # of a name in the legend

    def __init__(self, curves: Sequence[RocCurve]) -> None:
        if not curves:
            raise ValueError("a ROC curve takes photos of a class and of another, got one class")
        self.curves = tuple(sorted(curves, key=lambda curve: -curve.area))
        if len(curves) > 1:  # more height, for the legend
            self._size = (4.2, 3.9 + 0.2 * min(len(curves), self._most))

    @property
    def drawn(self) -> tuple[RocCurve, ...]:
        """The curves that are drawn: all, or those that are told worst."""
        return self.curves[-self._most :]

    @classmethod
    def from_predictions(
        cls, labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], *, ax: Axes | None = None
    ) -> Self:
        """Draw the curves of probabilities.

        Args:
            labels: True classes `(photos,)`, as numbers in the order of the names.
            probabilities: `(photos, classes)`.
            class_names: Names of the classes.
            ax: As of `plot`.

        Raises:
            ImportError: scikit-learn or matplotlib is not installed.
            ValueError: Labels or probabilities do not fit, or all photos are of one class.
        """
        return cls(roc_curves(labels, probabilities, class_names)).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier, labels: ArrayLike, probabilities: NDArray[np.float64]) -> Self:
        return cls(roc_curves(labels, probabilities, classifier.class_names_))

    def _draw(self, ax: Axes) -> None:
        ax.plot((0, 1), (0, 1), color=FAINT, linewidth=1.2, zorder=1)
        self.lines_ = []
        for place, curve in enumerate(self.drawn):
            color, style = _COLORS[place % len(_COLORS)], _STYLES[place // len(_COLORS)]
            self.lines_ += ax.plot(curve.false_alarms, curve.recall, style, color=color, linewidth=1.8)
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        if len(self.curves) == 1:
            (curve,) = self.curves
            ax.text(0.97, 0.04, f"AUC {curve.area:.3f}, chance 0.5", color=ACCENT, size=9, ha="right", va="bottom")
            ax.set_ylabel(f"recall of '{curve.name}'", parse_math=False)
            ax.set_xlabel("false alarms: share of the others")
        else:
            self._name_lines(ax)
            ax.set(xlabel="false alarms: share of the others", ylabel="recall of the class")
        quiet(ax, grid="both")

    def _name_lines(self, ax: Axes) -> None:
        """A legend below the curves, which lie too close to each other for names at them."""
        names = [f"{curve.area:.3f} {shown_ends(curve.name, self._MOST_LETTERS)}" for curve in self.drawn]
        n, all_of_them = len(self.drawn), len(self.curves)
        which = "" if n == all_of_them else f", the {n} smallest of {all_of_them}"
        legend = ax.legend(
            self.lines_,
            names,
            title=f"AUC (chance 0.5){which}",
            loc="upper left",
            bbox_to_anchor=(-0.05, -0.16),
            alignment="left",
            frameon=False,
            fontsize=9,
        )
        for text in legend.get_texts():
            text.set(color=MUTED, parse_math=False)
        legend.get_title().set(color=MUTED, size=9)


def roc_curves(labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str]) -> list[RocCurve]:
    """The curves of the classes that have photos and are not all that there is; of two classes that of the second."""
    try:
        from sklearn.metrics import auc, roc_curve
    except ImportError as error:
        raise ImportError("RocDisplay needs scikit-learn: pip install 'purrceptron[report]'") from error
    truth, rows = checked_pair(labels, probabilities)
    if len(class_names) != rows.shape[1]:
        raise ValueError(f"class_names: expected {rows.shape[1]} names, got {len(class_names)}")
    curves = []
    for k in [1] if rows.shape[1] == 2 else range(rows.shape[1]):
        if 0 < np.sum(truth == k) < len(truth):
            alarms, recall, _ = roc_curve(truth == k, rows[:, k])
            curves.append(RocCurve(class_names[k], alarms, recall, float(auc(alarms, recall))))
    return curves
