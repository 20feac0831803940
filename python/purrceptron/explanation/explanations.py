"""`explain`: every map of relevance that a classifier allows, with the answer that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from ..images.reading import PathLike
from ..photos import PhotoClassifier
from .drawing import overlay, side_by_side
from .saliency import gradient_times_input, occlusion, one_picture, reads_pixels, target_place

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """What in a photo speaks for a class and what against it.

    Attributes:
        image: The photo as the classifier takes it, `(height, width, channels)`.
        target: Name of the class.
        probability: How probable the classifier finds it.
        maps: Relevance `(height, width)` by the name of the method: "gradient x input", unless the network reads
            features instead of pixels, and "occlusion".
    """

    image: Array
    target: str
    probability: float
    maps: Mapping[str, NDArray[np.float64]]

    def picture(self, side: int = 384) -> NDArray[np.uint8]:
        """The photo, and beside it each map over it: `(height, width, 3)`, warm for the class and cool against it.

        Args:
            side: Height in pixels that the photo gets at least.
        """
        title = f"{self.target} {100 * self.probability:.1f} %: orange speaks for it, blue against it"
        if "gradient x input" not in self.maps:
            title += " (this network reads features of the photo, so there is no gradient of pixels)"
        panels = {"the photo": self.image, **{name: overlay(self.image, map_) for name, map_ in self.maps.items()}}
        return side_by_side(panels, title, side)


def explain(classifier: PhotoClassifier, image: ArrayLike | PathLike, target: str | int | None = None) -> Explanation:
    """Show by every method that the classifier allows what its answer on a photo hangs on.

    Args:
        classifier: A classifier that has learnt.
        image: One photo, `(image_size, image_size, channels)` of 0..255, or the path of a file.
        target: The class to speak of: a name, or its place in the order of the outputs. Left out, the one that the
            classifier answers.

    Raises:
        TypeError: It is no classifier.
        ValueError: It has learnt nothing; there is no such class; the photo has another shape.
        DataError: The file is no image, or a pixel is no number 0 to 255.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(40, seed=0)
        >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
        >>> found = purr.explanation.explain(cats, images[0], "cat")
        >>> sorted(found.maps), found.picture().shape
        (['gradient x input', 'occlusion'], (460, 1200, 3))
    """
    picture = one_picture(classifier, image)
    place = target_place(classifier, picture, target)
    maps = {"gradient x input": gradient_times_input(classifier, picture[0], place)} if reads_pixels(classifier) else {}
    maps["occlusion"] = occlusion(classifier, picture[0], place)
    probability = float(classifier.predict_proba(picture)[0, place])
    return Explanation(picture[0], classifier.class_names_[place], probability, maps)
