"""`CalibrationDisplay`: whether probabilities come true."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..assessment import CalibrationCurve, calibration_curve
from .canvas import ACCENT, FAINT, MUTED, AnswersDisplay, quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["CalibrationDisplay"]


class CalibrationDisplay(AnswersDisplay):
    """How often photos are what they were said to be, beside how probable that was said to be.

    Of two classes it is about the second; of more about the answer, and how often it is right. On the diagonal
    probabilities mean what they say. The bars are the intervals, the points are larger the more photos they stand for.

    Args:
        curve: The curve, as of `purr.assessment.calibration_curve`.
        of: What was said to be probable, for the axis: the name of the class.

    Attributes:
        curve: As given.
        of: As given.

    Example:
        >>> import purrceptron as purr
        >>> p = [[0.2, 0.8], [0.9, 0.1], [0.4, 0.6], [0.7, 0.3]]
        >>> display = purr.plots.CalibrationDisplay.from_predictions([1, 0, 1, 1], p, of="cat")
        >>> display.ax_.get_xlabel()
        "said: probability of 'cat'"
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    _size = (4.2, 3.6)

    def __init__(self, curve: CalibrationCurve, of: str | None = None) -> None:
        self.curve, self.of = curve, of

    @classmethod
    def from_predictions(
        cls, labels: ArrayLike, probabilities: ArrayLike, *, of: str | None = None, ax: Axes | None = None
    ) -> Self:
        """Draw the curve of probabilities.

        Args:
            labels: True classes `(photos,)`, as numbers in the order of the outputs.
            probabilities: `(photos, classes)`.
            of: Name of the second of two classes.
            ax: As of `plot`.

        Raises:
            ValueError: Labels or probabilities are none, or do not fit.
        """
        return cls(calibration_curve(labels, probabilities), of).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier, labels: ArrayLike, probabilities: NDArray[np.float64]) -> Self:
        names = classifier.class_names_
        return cls(calibration_curve(labels, probabilities), names[1] if len(names) == 2 else None)

    def _draw(self, ax: Axes) -> None:
        curve = self.curve
        said, came = np.array(curve.predicted), np.array(curve.observed)
        ax.plot((0, 1), (0, 1), color=FAINT, linewidth=1.2, zorder=1)
        ax.annotate("as said", (1, 1), xytext=(6, 0), textcoords="offset points", color=MUTED, size=8, va="center")
        ax.vlines(said, curve.low, curve.high, color=ACCENT, linewidth=1.2, alpha=0.55)
        ax.plot(said, came, color=ACCENT, linewidth=1.2)
        sizes = 18 + 90 * np.array(curve.counts) / max(sum(curve.counts), 1)
        ax.scatter(said, came, s=sizes, color=ACCENT, zorder=3)
        what = "the answer" if self.of is None else f"'{self.of}'"
        ax.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
        ax.set_xlabel(f"said: probability of {what}", parse_math=False)
        ax.set_ylabel("came: share of photos")
        quiet(ax, grid="both")
