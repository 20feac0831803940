"""Where charts are drawn: axes of matplotlib, clean, in colours that everybody tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..photos.classifier import learnt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..photos import PhotoClassifier
    from ..photos.pictures import Pictures

__all__ = ["ACCENT", "FAINT", "INK", "MUTED", "RIGHT", "SECOND", "AnswersDisplay", "Display", "LearntDisplay"]

# Blue and vermilion of Okabe and Ito (2008), which people of every kind of colour vision tell apart.
ACCENT, SECOND = "#0072b2", "#d55e00"
INK, MUTED, FAINT = "#1d1d1f", "#6e6e73", "#d2d2d7"
RIGHT = "#00714f"  # of what was answered rightly, beside SECOND


class Display:
    """Base of all displays: a chart, and where it was drawn last.

    Attributes:
        ax_: The axes.
        figure_: Their figure.
    """

    ax_: Axes
    figure_: Figure

    _size = (4.6, 2.8)  # inches, of new axes

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the chart.

        Args:
            ax: Axes to draw on; new ones by default.

        Returns:
            The display.

        Raises:
            ImportError: matplotlib is not installed.
        """
        try:
            from matplotlib import pyplot
        except ImportError as error:
            raise ImportError("purrceptron.plots needs matplotlib: pip install 'purrceptron[report]'") from error
        if ax is None:
            _, ax = pyplot.subplots(figsize=self._size, layout="constrained")
        figure = ax.get_figure(root=True)
        assert figure is not None  # axes that are drawn on belong to one
        self.ax_, self.figure_ = ax, figure
        self._draw(ax)
        return self

    def _draw(self, ax: Axes) -> None:
        raise NotImplementedError


class LearntDisplay(Display):
    """Base of displays of what a classifier has learnt, for which it needs no photos."""

    @classmethod
    def from_estimator(cls, classifier: PhotoClassifier, *, ax: Axes | None = None) -> Self:
        """Draw what a classifier has learnt.

        Args:
            classifier: One that has learnt, or was loaded.
            ax: As of `plot`.

        Raises:
            ImportError: matplotlib is not installed.
            ValueError: Nothing was learnt yet, or nothing that could be drawn.
        """
        return cls._of(learnt(classifier)).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier) -> Self:
        raise NotImplementedError


class AnswersDisplay(Display):
    """Base of displays of what a classifier answers on labelled photos."""

    @classmethod
    def from_estimator(
        cls, classifier: PhotoClassifier, images: Pictures, labels: ArrayLike, *, ax: Axes | None = None
    ) -> Self:
        """Ask a classifier, and draw.

        Args:
            classifier: One that has learnt.
            images: Photos that it has not learnt from, as for its `fit`.
            labels: True classes `(photos,)`, as for its `score`: names, or numbers as `fit` counted them.
            ax: As of `plot`.

        Raises:
            ImportError: scikit-learn or matplotlib is not installed.
            ValueError: Nothing was learnt yet, or photos or labels do not fit.
        """
        targets = learnt(classifier)._fitted().indices(labels)
        return cls._of(classifier, targets, classifier.predict_proba(images)).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier, labels: ArrayLike, probabilities: NDArray[np.float64]) -> Self:
        raise NotImplementedError


def quiet(ax: Axes, grid: str = "y") -> None:
    """Leave of the axes what helps to read a value."""
    for side in ("top", "right", "left", "bottom"):
        ax.spines[side].set_visible(side == "bottom")
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors=MUTED, length=0, labelsize=9)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=FAINT, linewidth=0.7)  # type: ignore[arg-type]
    ax.xaxis.label.set(color=MUTED, size=9)
    ax.yaxis.label.set(color=MUTED, size=9)


def picture(ax: Axes, pixels: Any) -> None:
    """Show a picture `(height, width, 3)`, single pixels as they are."""
    ax.imshow(np.asarray(pixels), interpolation="nearest")
    ax.set_axis_off()
