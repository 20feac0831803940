"""`WeightsDisplay`: the weights of a first layer, as pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..explanation.saliency import reads_pixels
from .canvas import LearntDisplay, picture

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
    return _as_pictures(kernels[0].astype(np.float64), shape)


def _as_pictures(kernel: NDArray[np.float64], shape: tuple[int, ...]) -> Pictures:
    """A kernel `(features, units)` of pictures of a shape as `weight_pictures` gives it."""
    if kernel.ndim != 2 or len(shape) != 3 or shape[2] not in (1, 3) or len(kernel) != np.prod(shape):
        raise ValueError(f"kernel: expected weights of pictures (height, width, 1 or 3), got {kernel.shape} of {shape}")
    units = kernel.T.reshape(-1, *shape)
    largest = np.abs(units).max(axis=(1, 2, 3), keepdims=True)
    scaled = np.rint(127.5 + 127.5 * units / np.where(largest > 0, largest, 1)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(scaled, (*scaled.shape[:3], 3)))


class WeightsDisplay(LearntDisplay):
    """The weights of a first layer, a picture for each unit; of an ensemble the first network counts.

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
    def from_kernel(cls, kernel: ArrayLike, shape: tuple[int, int, int], *, ax: Axes | None = None) -> Self:
        """Draw the weights of any layer that reads pixels.

        Args:
            kernel: `(height · width · channels, units)`.
            shape: The pictures' `(height, width, channels)`, of one or three channels.
            ax: As of `plot`.

        Raises:
            ValueError: The kernel is of other pictures.
        """
        return cls(_as_pictures(np.asarray(kernel, np.float64), shape)).plot(ax)

    @classmethod
    def _of(cls, classifier: PhotoClassifier) -> Self:
        pictures = weight_pictures(classifier)
        if pictures is None:
            raise ValueError("the first layer reads features of photos, not pixels: its weights are no pictures")
        return cls(pictures)

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
