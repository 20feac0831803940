"""`WeightsDisplay`: the weights of a first layer, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explanation.saliency import reads_pixels
from ..photos.classifier import learnt
from .canvas import Display, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..photos import PhotoClassifier

__all__ = ["WeightsDisplay", "weight_pictures"]

Pictures = NDArray[np.uint8]


def weight_pictures(classifier: PhotoClassifier) -> Pictures | None:
    """The weights of each unit of the first layer, as a picture: grey is 0, and a colour what the unit looks for.

    Each picture has its own scale: its largest weight is 0 or 255.

    Args:
        classifier: One that has learnt; of an ensemble the first network counts.

    Returns:
        `(units, height, width, 3)`; None if the first layer reads features of photos, not pixels.
    """
    shape = classifier.model_.input_shape or ()
    features = int(np.prod(shape))
    kernels = [w for w in classifier.model_.get_weights() if w.ndim == 2 and len(w) == features]
    if not reads_pixels(classifier) or not kernels:
        return None
    kernel = kernels[0].T.reshape(-1, *shape).astype(np.float64)
    largest = np.abs(kernel).max(axis=(1, 2, 3), keepdims=True)
    scaled = np.rint(127.5 + 127.5 * kernel / np.where(largest > 0, largest, 1)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(scaled, (*scaled.shape[:3], 3)))


class WeightsDisplay(Display):
    """The weights of a first layer, a picture for each unit.

    Args:
        images: Pictures `(units, height, width, 3)` of 0..255.

    Attributes:
        images: As given.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
        >>> display = purr.plots.WeightsDisplay.from_estimator(cats)
        >>> display.images.shape
        (20, 64, 64, 3)
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    def __init__(self, images: ArrayLike) -> None:
        self.images = np.asarray(images, np.uint8)
        if self.images.ndim != 4 or self.images.shape[3] != 3 or not len(self.images):
            raise ValueError(f"images: expected (units, height, width, 3), got {self.images.shape}")

    @classmethod
    def from_estimator(cls, classifier: PhotoClassifier, *, ax: Axes | None = None) -> Self:
        """Draw the first layer of a classifier.

        Args:
            classifier: One that has learnt; of an ensemble the first network counts.
            ax: Axes to draw on; new ones by default.

        Raises:
            ValueError: Nothing was learnt yet; or the first layer reads features of photos, not pixels.
        """
        pictures = weight_pictures(learnt(classifier))
        if pictures is None:
            raise ValueError("the first layer reads features of photos, not pixels: its weights are no pictures")
        display = cls(pictures)
        display.plot(ax)
        return display

    def _draw(self, ax: Axes) -> None:
        units, height, width, _ = self.images.shape
        columns = int(np.ceil(np.sqrt(1.6 * units)))
        rows, gap = -(-units // columns), max(1, width // 16)
        sheet = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), 0, np.uint8)
        for place, image in enumerate(self.images):
            top, left = (place // columns) * (height + gap), (place % columns) * (width + gap)
            sheet[top : top + height, left : left + width, :3] = image
            sheet[top : top + height, left : left + width, 3] = 255
        picture(ax, sheet)
