"""What a trained photo classifier answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array, ClassWeight, as_weights
from ..assessment._inputs import checked_share
from ..assessment.conformal import answered, least_photos
from ..errors import DataError
from ..images.features import Features
from ..images.reading import Color, Fit
from ..metrics import accuracy
from ..model import Sequential
from .asked import Asked
from .calibration import Calibration
from .classes import Classes, Indices
from .novelty import FirstLayer, Novelty
from .pictures import Pictures, as_pictures
from .training import TrainingSummary
from .views import photo_views

__all__ = ["NOT_SURE", "Answers"]

NOT_SURE = "not sure"
"""What `predict(..., abstain=...)` answers where it leaves the class open; among numbers it is -1."""


class Answers:
    """The part of `PhotoClassifier` that answers, with what `fit` and `calibrate` have learnt."""

    image_size: int
    color: Color
    image_fit: Fit
    features: Features
    mirror: bool
    n_threads: int | None
    class_weight: ClassWeight | None

    training_: TrainingSummary
    models_: tuple[Sequential, ...]
    calibration_: Calibration | None = None
    _classes: Classes
    _novelty: Novelty | None = None  # as of files from before it was known

    @property
    def model_(self) -> Sequential:
        """The trained network; of an ensemble the first."""
        return self.models_[0]

    @property
    def classes_(self) -> Array:
        """The classes as `predict` answers them: names if `fit` knew names, else numbers."""
        return self._fitted().answers

    @property
    def class_names_(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the outputs."""
        return self._fitted().names

    @property
    def class_shares_(self) -> tuple[float, ...]:
        """Share of each class that its probabilities have in them: of the training's photos, by their class's weight.

        Example:
            >>> import purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(30, seed=0)
            >>> cats = purr.CatClassifier((4,), epochs=1, class_weight={1: 3.0}).fit(images, labels)
            >>> cats.class_shares_
            (0.25, 0.75)
        """
        self._fitted()
        counts = self.training_["photos"]
        classes, weight = np.repeat(np.arange(len(counts)), counts), self.class_weight
        if isinstance(weight, Mapping):  # a model file has the classes as text
            weight = {int(label): value for label, value in weight.items()}
        weights = np.bincount(classes, as_weights(classes, None, weight, "float64"))
        return tuple((weights / weights.sum()).tolist())

    def fingerprint(self) -> str:
        """SHA-256 of the weights: that of the network, or of an ensemble's, one after the other in hexadecimal.

        Equal exactly if every bit of the weights is equal, see `Sequential.fingerprint`.

        Example:
            >>> import purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(30, seed=0)
            >>> cats = purr.CatClassifier((4,), epochs=1).fit(images, labels)
            >>> cats.fingerprint() == cats.model_.fingerprint()
            True
        """
        self._fitted()
        each = [model.fingerprint() for model in self.models_]
        return each[0] if len(each) == 1 else hashlib.sha256("".join(each).encode()).hexdigest()

    def predict(self, images: Pictures, *, abstain: float | None = None) -> Array:
        """Class of each photo, `(photos,)`.

        Names if the labels of `fit` were names or it was given `class_names`, else numbers as they were; of two classes
        1 is then the positive one.

        Args:
            images: As for `fit`.
            abstain: Share of each class's photos that may be given another class, at most, above 0 and below 1. A photo
                whose `prediction_sets` at a coverage of `1 - abstain` holds just one class is answered with that one;
                if several fit, or none does, the answer is left open: "not sure", or -1 among numbers. So it is for a
                photo that is unlike those of the training (`novelty` above 1), as far as that is known: about 5 % of
                usual photos are.

        Raises:
            ValueError: Nothing was learnt yet; or `abstain` takes a calibration on more photos.

        Example:
            >>> import numpy as np, purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier((4,), epochs=20).fit(images, labels).calibrate(images, labels)
            >>> white = np.full((1, 64, 64, 3), 255, np.uint8)
            >>> cats.predict(white, abstain=0.1).tolist()
            [-1]
        """
        if abstain is None:
            answers: Array = self.classes_[self.predict_proba(images).argmax(axis=1)]
            return answers
        self._check_abstain(abstain)
        asked = self._asked(images)
        sets = asked.sets(1 - abstain)
        open_answer = np.array([NOT_SURE if self._classes.answers_names else -1])
        return np.where(answered(sets, asked.unlike), self.classes_[sets.argmax(axis=1)], open_answer)

    def predict_proba(self, images: Pictures) -> Array:
        """Probability of each class, `(photos, classes)`, in the order of `classes_`; calibrated after `calibrate`."""
        return self._asked(images).probabilities

    def prediction_sets(self, images: Pictures, *, coverage: float = 0.9) -> NDArray[np.bool_]:
        """The classes that each photo may be of, `(photos, classes)`, in the order of `classes_`.

        Of the photos of each class at least the share `coverage` have their class in the set, whatever the shares of
        the classes are; `purrceptron.assessment.conformal` says when this holds. A set may hold several classes, or
        none, for a photo that is like none of them.

        Args:
            images: As for `fit`.
            coverage: Above 0 and below 1; each class takes `1 / (1 - coverage) - 1` calibration photos.

        Raises:
            ValueError: There was no `calibrate`, or it had too few photos of a class.
        """
        self._fitted()
        self._calibration()  # refuses before photos are read
        return self._asked(images).sets(coverage)

    @property
    def knows_usual(self) -> bool:
        """Whether `novelty` can be asked: not of one trained on fewer than 20 photos, or by an early version."""
        self._fitted()
        return self._novelty is not None

    def novelty(self, images: Pictures) -> Array:
        """How unlike the training photos each photo is, `(photos,)`: up to 1 usual, above 1 not.

        The network answers whatever it is shown, and on what is nothing like its photos often with confidence. So two
        distances from the training photos are measured (Mahalanobis, with a shrunk covariance), in what the first dense
        layer makes of a photo, before its activation, and in plain numbers of its texture, for the layer is blind to
        most of a photo. Each is divided by the one that 2.5 % of the training photos exceed, and the larger counts: at
        most about 5 % of further photos of the same kind are above 1.

        On the course's photos 3 % of those held out are, and all of noise, blank pages, plain colours, checkerboards
        and pages of text; but of drawn cats a fifth, and of photos with inverted colours or upside down hardly any. A
        photo below 1 may still show something that no class is about.

        Args:
            images: As for `fit`.

        Raises:
            ValueError: Nothing was learnt yet, or not what is usual: from fewer than 20 photos or pictures smaller than
                4 pixels, or by a version that did not know of it.

        Example:
            >>> import numpy as np, purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier(epochs=20).fit(images, labels)
            >>> noise = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3))
            >>> bool(cats.novelty(noise)[0] > 1)
            True
        """
        self._fitted()
        if self._novelty is None:
            raise ValueError(
                f"this {type(self).__name__} does not know what is usual: it was trained on fewer than 20 photos, or "
                "by a version that did not measure it; train it again"
            )
        pictures = as_pictures(images, self.image_size, self.color, fit=self.image_fit)
        inputs = photo_views(pictures, self.features, mirror=False)[0]
        return self._novelty.of(pictures, inputs, FirstLayer(self.models_))

    def _check_abstain(self, abstain: float) -> None:
        """Whether answers can be left open.

        Raises:
            ValueError: `abstain` is out of its range, there was no `calibrate`, or a class is called "not sure".
        """
        checked_share("abstain", abstain)
        if NOT_SURE in self.class_names_:
            raise ValueError(f"a class is called {NOT_SURE!r}, which is what abstain answers")
        self._calibration()

    def _may_leave_open(self, abstain: float) -> bool:
        """Whether `predict(..., abstain=...)` can be asked: after `calibrate` with enough photos of each class."""
        calibration = self.calibration_
        if calibration is None or NOT_SURE in self.class_names_:
            return False
        return min(map(len, calibration.scores)) >= least_photos(1 - abstain)

    def _calibration(self) -> Calibration:
        if self.calibration_ is None:
            raise ValueError(f"this {type(self).__name__} is not calibrated: call calibrate first")
        return self.calibration_

    def _asked(self, images: Pictures) -> Asked:
        """What is said of photos, with their features computed once."""
        self._fitted()
        return Asked(self, as_pictures(images, self.image_size, self.color, fit=self.image_fit))

    def score(self, images: Pictures, labels: ArrayLike) -> float:
        """Share of photos that are classified as labelled; labels as for `fit`."""
        targets = self._fitted().indices(labels)
        pictures = self._pictures(images, targets)
        return accuracy(targets, self._probabilities(pictures).argmax(axis=1))

    def _fitted(self) -> Classes:
        if not hasattr(self, "models_"):
            raise ValueError(f"this {type(self).__name__} has learnt nothing yet: call fit first, or load a model file")
        return self._classes

    def _pictures(self, images: Pictures, targets: Indices, what: str = "images") -> Array:
        pictures = as_pictures(images, self.image_size, self.color, what, self.image_fit)
        if len(pictures) != len(targets):
            raise DataError(f"{what}: {len(pictures)} photos, but {len(targets)} labels; every photo needs one")
        return pictures

    def _probabilities(self, pictures: Array) -> Array:
        """Before calibration, `(photos, classes)`."""
        return Asked(self, pictures).raw
