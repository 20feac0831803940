"""`ConfusionDisplay`: how often which class was taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics import confusion_matrix
from .canvas import AnswersDisplay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["ConfusionDisplay"]


class ConfusionDisplay(AnswersDisplay):
    """How many photos of each class were taken for which, as scikit-learn's `ConfusionMatrixDisplay` draws it.

    Args:
        confusion: Photos `(classes, classes)`, a row for a true class, a column for an answer.
        class_names: Their names, in the same order.

    Attributes:
        confusion: As given.
        class_names: As given.

    Example:
        >>> import purrceptron as purr
        >>> display = purr.plots.ConfusionDisplay.from_predictions([0, 1, 1], [0, 1, 0], ("other", "cat"))
        >>> display.confusion.tolist()
        [[1, 0], [1, 1]]
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    _size = (4.2, 3.6)

    def __init__(self, confusion: ArrayLike, class_names: Sequence[str]) -> None:
        self.confusion, self.class_names = np.asarray(confusion), tuple(class_names)
        if self.confusion.shape != (len(self.class_names),) * 2:
            n = len(self.class_names)
            raise ValueError(f"confusion: expected ({n}, {n}) for {n} classes, got {self.confusion.shape}")

    @classmethod
    def from_predictions(
        cls, labels: ArrayLike, predicted: ArrayLike, class_names: Sequence[str], *, ax: Axes | None = None
    ) -> Self:
        """Count and draw.

        Args:
            labels: True classes `(photos,)`, as numbers in the order of the names.
            predicted: Answers `(photos,)`, likewise.
            class_names: Names of the classes.
            ax: As of `plot`.
        """
        return cls(confusion_matrix(labels, predicted, len(class_names)), class_names).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier, labels: ArrayLike, probabilities: NDArray[np.float64]) -> Self:
        names = classifier.class_names_
        return cls(confusion_matrix(labels, probabilities.argmax(axis=1), len(names)), names)

    def _draw(self, ax: Axes) -> None:
        try:
            from sklearn.metrics import ConfusionMatrixDisplay
        except ImportError as error:
            raise ImportError("ConfusionDisplay needs scikit-learn: pip install 'purrceptron[report]'") from error
        names = [name.replace("$", r"\$") for name in self.class_names]  # no formulas
        ConfusionMatrixDisplay(self.confusion, display_labels=names).plot(
            ax=ax, cmap="Blues", colorbar=False, values_format=",d"
        )
        ax.set(xlabel="taken for", ylabel="is")
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
