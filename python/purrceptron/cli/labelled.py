"""Labelled photos that a model is scored on, and which of them count."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..datasets import Data
from ..datasets.duplicates import near_copies
from ..photos import PhotoClassifier
from ..photos.pictures import among_hashes, as_pictures, data_hash, near_signatures, photo_hashes
from .output import amount
from .sources import indices_of, part

__all__ = ["HeldOut", "LabelledPhotos"]


@dataclass(frozen=True)
class HeldOut:
    """Photos that a training is scored on.

    Attributes:
        photos: Those that count.
        left_out: How many more there were that are trained on, too.
        trained_on: Whether all of them are, and count for want of others.
        near: How many of those that count are near-duplicates of photos that are trained on.
    """

    photos: Data
    left_out: int = 0
    trained_on: bool = False
    near: int = 0

    @classmethod
    def apart(cls, photos: Data, training: Data) -> HeldOut:
        """Photos of a source of their own, without those that are trained on unless all of them are."""
        known = np.isin(photo_hashes(photos.images), photo_hashes(training.images))
        if known.all():
            return cls(photos, trained_on=True)
        others = part(photos, ~known) if known.any() else photos
        return cls(others, int(known.sum()), near=int(near_copies(others.images, training.images).sum()))

    @property
    def remarks(self) -> list[str]:
        """What there is to say about what the score is worth, in lines."""
        if self.trained_on:
            return ["the photos that it was trained on: the score says nothing about others"]
        lines = []
        if self.left_out:
            lines.append(f"{amount(self.left_out, 'more photo')} it was trained on: left out of the score")
        if self.near:
            what = "is nearly a photo" if self.near == 1 else "are nearly photos"
            lines.append(f"{self.near:,} of them {what} that it was trained on: the score may be too high")
        return lines


@dataclass(frozen=True)
class LabelledPhotos:
    """Photos as a model takes them.

    Attributes:
        pictures: The photos.
        labels: In the order of the model's outputs.
        trained: Which of them it was trained on, by their hashes, or on near-copies, by their signatures.
        near_copies: How many of these are near-copies.
        scored: Which of them count: those that it was neither trained nor calibrated on; if there are none, those that
            it was calibrated on; else all.
        trained_on: Whether they are the photos that it was trained on.
        calibrated_on: Whether those that count are photos that it was calibrated on.
    """

    pictures: Array
    labels: NDArray[np.int64]
    trained: NDArray[np.bool_]
    near_copies: int
    scored: NDArray[np.bool_]
    trained_on: bool
    calibrated_on: bool

    @classmethod
    def of(cls, classifier: PhotoClassifier, photos: Data) -> LabelledPhotos:
        """Photos that were read in the form of a classifier."""
        labels = indices_of(photos, classifier.class_names_)
        pictures = as_pictures(photos.images, classifier.image_size, classifier.color, photos.source)
        hashes, calibration = photo_hashes(pictures), classifier.calibration_
        equal = among_hashes(hashes, classifier.training_["photo_hashes"])
        trained = equal | near_signatures(pictures, classifier.training_["photo_signatures"])
        known = trained | among_hashes(hashes, "" if calibration is None else calibration.photo_hashes)
        # The whole set is known by its own hash too: from files without hashes of photos, or with those of a part.
        trained_on = bool(trained.all()) or data_hash(pictures, labels) == classifier.training_["data_sha256"]
        calibrated_on = bool(known.all()) and not trained_on
        scored = np.full_like(known, True) if trained_on else ~(trained if calibrated_on else known)
        near_copies = int((trained & ~equal).sum())
        return cls(pictures, labels, trained, near_copies, scored, trained_on, calibrated_on)

    @property
    def left_out(self) -> int:
        """How many do not count."""
        return int((~self.scored).sum())

    @property
    def left_out_for(self) -> str:
        """What they were used for: "trained", or "trained or calibrated" on."""
        return "trained" if self.trained[~self.scored].all() else "trained or calibrated"

    @property
    def cautions(self) -> list[str]:
        """What is to be known of the scores, a line each."""
        lines = []
        if self.trained_on:
            lines.append("the photos that it was trained on: the score says nothing about others")
        if self.left_out:
            photos = amount(self.left_out, "photo")
            lines.append(f"{photos} of them it was {self.left_out_for} on: left out of the score")
        if self.near_copies:
            copies = "is a near-copy" if self.near_copies == 1 else "are near-copies"
            lines.append(f"{self.near_copies:,} of these {copies} of training photos, not equal ones")
        if self.calibrated_on:
            lines.append("calibrated on these: its probabilities and open answers fit them better than others")
        return lines
