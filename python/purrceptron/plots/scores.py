"""`ScoresDisplay`: scores with their intervals, on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..assessment import Assessment, Interval, assess
from .canvas import ACCENT, FAINT, INK, MUTED, AnswersDisplay, quiet
from .names import shown_ends

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["ScoresDisplay"]


class ScoresDisplay(AnswersDisplay):
    """Accuracy, balanced accuracy, AUC and each class's recall: points with intervals, beside the best constant answer.

    Args:
        assessment: The scores, as of `purr.assessment.assess`.

    Attributes:
        assessment: As given.
        rows: The scores that are drawn, by name; one that is not known has no point.

    Example:
        >>> import purrceptron as purr
        >>> p = [0.2, 0.4, 0.6, 0.3, 0.8, 0.9]
        >>> found = purr.assessment.assess([0, 0, 0, 1, 1, 1], [[1 - x, x] for x in p], ("other", "cat"))
        >>> display = purr.plots.ScoresDisplay(found).plot()
        >>> list(display.rows)
        ['accuracy', 'balanced accuracy', 'AUC', "recall of 'other'", "recall of 'cat'"]
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    _MOST_CLASSES, _MOST_LETTERS = 8, 30

    def __init__(self, assessment: Assessment) -> None:
        self.assessment = assessment
        self.rows: dict[str, Interval] = {
            "accuracy": assessment.accuracy,
            "balanced accuracy": assessment.balanced_accuracy,
            "AUC": assessment.auc,
        }
        if len(assessment.class_names) <= self._MOST_CLASSES:
            recalls = zip(assessment.class_names, assessment.recall, strict=True)
            self.rows |= {f"recall of '{name}'": recall for name, recall in recalls}
        self._size = (4.6, 0.55 + 0.36 * len(self.rows))

    @classmethod
    def from_predictions(
        cls, labels: ArrayLike, probabilities: ArrayLike, class_names: Sequence[str], *, ax: Axes | None = None
    ) -> Self:
        """Score probabilities, and draw; `purr.assessment.assess` has more to ask for.

        Args:
            labels: True classes `(photos,)`, as numbers in the order of the names.
            probabilities: `(photos, classes)`.
            class_names: Names of the classes.
            ax: As of `plot`.

        Raises:
            ImportError: scikit-learn or matplotlib is not installed.
            ValueError: Labels, probabilities or names do not fit.
        """
        return cls(assess(labels, probabilities, class_names)).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier, labels: ArrayLike, probabilities: NDArray[np.float64]) -> Self:
        counts = classifier.training_["photos"]
        return cls(assess(labels, probabilities, classifier.class_names_, training_counts=counts))

    def _draw(self, ax: Axes) -> None:
        base = self.assessment.baselines["best_constant"]  # no answer without a look does better
        for place, (name, score) in enumerate(self.rows.items()):
            known, color = not math.isnan(score.value), INK if name == "accuracy" else ACCENT
            if name == "accuracy":
                ax.plot((base, base), (place - 0.5, place + 0.32), color=MUTED, linewidth=1.6)
                ax.text(base, place - 0.55, "without looking", color=MUTED, size=8, ha="center", va="bottom")
            ax.plot((score.low, score.high), (place, place), color=color if known else FAINT, linewidth=2, alpha=0.6)
            if known:
                ax.plot(score.value, place, "o", color=color, markersize=6, clip_on=False, zorder=3)
        ax.set_yticks(range(len(self.rows)))
        ax.set_yticklabels([shown_ends(name, self._MOST_LETTERS) for name in self.rows], parse_math=False)
        ax.set(xlim=(-0.01, 1.01), ylim=(len(self.rows) - 0.5, -0.5))
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        quiet(ax, grid="x")
        ax.tick_params(axis="y", labelcolor=INK)
