"""`RelevanceDisplay`: what in a photo an answer hangs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from numpy.typing import ArrayLike

from ..explanation import gradient_times_input, occlusion, overlay
from .canvas import Display, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..images.reading import PathLike
    from ..photos import PhotoClassifier

__all__ = ["RelevanceDisplay"]


class RelevanceDisplay(Display):
    """A photo in grey, with what speaks for a class in orange and what against it in blue over it.

    Args:
        image: The photo `(height, width, channels)`, 0..255.
        relevance: `(height, width)`, as of `purr.explanation.occlusion`.

    Attributes:
        image: As given.
        relevance: As given.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
        >>> display = purr.plots.RelevanceDisplay.from_estimator(cats, images[0], "cat")
        >>> display.relevance.shape
        (64, 64)
        >>> from matplotlib import pyplot
        >>> pyplot.close(display.figure_)
    """

    _size = (3.2, 3.2)

    def __init__(self, image: ArrayLike, relevance: ArrayLike) -> None:
        self.image, self.relevance = image, relevance

    @classmethod
    def from_map(cls, image: ArrayLike, relevance: ArrayLike, *, ax: Axes | None = None) -> Self:
        """Draw a map that is there already.

        Args:
            image: As of the display, and so is relevance.
            relevance: See there.
            ax: As of `plot`.

        Raises:
            ValueError: The shapes do not fit.
        """
        return cls(image, relevance).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        classifier: PhotoClassifier,
        image: ArrayLike | PathLike,
        target: str | int | None = None,
        *,
        method: Literal["gradient_times_input", "occlusion"] = "occlusion",
        ax: Axes | None = None,
    ) -> Self:
        """Draw what a classifier's answer hangs on.

        Args:
            classifier: One that has learnt.
            image: One photo `(image_size, image_size, channels)` of 0..255, or the path of a file.
            target: The class: its name or number; left out, the one that is answered.
            method: Of `purr.explanation`; the first needs a network that reads pixels.
            ax: As of `plot`.

        Raises:
            ValueError: There is no such method or class, or the photo does not fit.
        """
        from ..explanation.saliency import one_picture

        methods = {"gradient_times_input": gradient_times_input, "occlusion": occlusion}
        if method not in methods:
            raise ValueError(f"method must be one of {', '.join(map(repr, methods))}, got {method!r}")
        photo = one_picture(classifier, image)[0]
        return cls(photo, methods[method](classifier, photo, target)).plot(ax)

    def _draw(self, ax: Axes) -> None:
        picture(ax, overlay(self.image, self.relevance))
