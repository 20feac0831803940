"""Labelled photos that a model is held against, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..datasets import Data
from ..photos import PhotoClassifier
from ..photos.pictures import among_hashes, as_pictures, data_hash, photo_hashes
from .sources import indices_of

__all__ = ["LabelledPhotos"]


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos as a model takes them.

    Attributes:
        pictures: The photos.
        labels: In the order of the model's outputs.
        known: Which of them it was trained on.
        trained_on: Whether they are the photos that it was trained on.
    """

    pictures: Array
    labels: NDArray[np.int64]
    known: NDArray[np.bool_]
    trained_on: bool

    @classmethod
    def of(cls, classifier: PhotoClassifier, photos: Data) -> LabelledPhotos:
        """Photos that were read in the form of a classifier."""
        labels = indices_of(photos, classifier.class_names_)
        pictures = as_pictures(photos.images, classifier.image_size, classifier.color, photos.source)
        known = among_hashes(photo_hashes(pictures), classifier.training_["photo_hashes"])
        # The whole set is known by its own hash too: from files without hashes of photos, or with those of a part.
        trained_on = bool(known.all()) or data_hash(pictures, labels) == classifier.training_["data_sha256"]
        return cls(pictures, labels, known, trained_on)

    @property
    def scored(self) -> NDArray[np.bool_]:
        """Those that count: the ones it was not trained on, unless all of them are such."""
        return np.full_like(self.known, True) if self.trained_on else ~self.known
