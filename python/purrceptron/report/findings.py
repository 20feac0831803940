"""`Findings`: all that a report says of a classifier, before any of it is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from ..assessment import Assessment, assess
from ..diagnosis import Diagnosis, doctor
from ..explanation import Explanation, explain
from ..photos import PhotoClassifier
from ..photos.pictures import Pictures, as_pictures
from ..plots.weights import weight_pictures

__all__ = ["Findings", "Looked", "Shown"]

_AT_MOST, _LOOKED_AT_MOST, _UNITS_AT_MOST = 6, 3, 24
# The doctor compares photos with each other, and what it finds it finds in some thousands.
_EXAMINED_AT_MOST = 5000


@dataclass(frozen=True, eq=False)
class Shown:
    """A photo, what it is, and what the classifier says.

    Attributes:
        number: Its place among the photos, from 0.
        image: `(height, width, channels)`, 0..255.
        truth: Name of its class.
        answer: Name of the class that is answered.
        probability: How probable the classifier finds the answer.
        novelty: How unlike the training photos it is, above 1 for unlike; None if that is not known.
    """

    number: int
    image: Array
    truth: str
    answer: str
    probability: float
    novelty: float | None

    @property
    def right(self) -> bool:
        """Whether the answer is the truth."""
        return self.answer == self.truth


@dataclass(frozen=True, eq=False)
class Looked:
    """A photo, and what in it the answer hangs on.

    Attributes:
        photo: The photo.
        explanation: The maps for the class that is answered.
    """

    photo: Shown
    explanation: Explanation


@dataclass(frozen=True, eq=False)
class Findings:
    """What there is to say of a classifier on labelled photos.

    Attributes:
        classifier: The classifier.
        assessment: Its scores, with intervals.
        right: Photos that it told right with most confidence, at most six; so the others.
        wrong: Photos that it told wrong with most confidence.
        border: Photos on which it was least sure.
        unlike: Photos that are most unlike those of the training, of those that are unlike them at all.
        unlike_count: How many such there are; None if the classifier cannot tell.
        looked: What answers hang on, for the surest right and wrong photo, then those nearest the border.
        weights: Weights of the first layer `(units, height, width, 3)`; None if it reads features, not pixels.
        units: Units of the first layer, all of them; 24 are shown at most, those of the largest weights.
        diagnosis: What the doctor found in the photos.
        examined_training: Whether the doctor saw the training photos too.
    """

    classifier: PhotoClassifier
    assessment: Assessment
    right: tuple[Shown, ...]
    wrong: tuple[Shown, ...]
    border: tuple[Shown, ...]
    unlike: tuple[Shown, ...]
    unlike_count: int | None
    looked: tuple[Looked, ...]
    weights: NDArray[np.uint8] | None
    units: int
    diagnosis: Diagnosis
    examined_training: bool

    @classmethod
    def gather(
        cls,
        classifier: PhotoClassifier,
        images: Pictures,
        labels: ArrayLike,
        *,
        training: tuple[Pictures, ArrayLike] | None = None,
        confidence: float = 0.95,
        seed: int = 0,
    ) -> Findings:
        """Ask a classifier about photos, and find out what there is to say.

        Args:
            classifier: One that has learnt.
            images: Photos that it has not learnt from, as for its `fit`.
            labels: Their classes `(photos,)`, as numbers in the order of the outputs.
            training: Photos that it has learnt from, with their classes as numbers, for the doctor to compare with.
            confidence: How sure the intervals shall be.
            seed: Of the bootstrap, and of the photos that the doctor looks at where there are many.

        Raises:
            ImportError: scikit-learn is not installed.
            DataError: There are no photos, or they are none that the classifier takes.
            ValueError: Labels do not fit.

        Example:
            >>> import purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier(epochs=50).fit(images[:40], labels[:40])
            >>> findings = purr.report.Findings.gather(cats, images[40:], labels[40:])
            >>> int(findings.assessment.confusion.sum()), len(findings.border)
            (20, 6)
        """
        pictures = as_pictures(images, classifier.image_size, classifier.color, fit=classifier.image_fit)
        probabilities = classifier.predict_proba(pictures)
        scores = assess(
            labels,
            probabilities,
            classifier.class_names_,
            training_counts=classifier.training_["photos"],
            confidence=confidence,
            seed=seed,
        )
        novelty = _novelty(classifier, pictures)
        order = _Order(scores, pictures, novelty)
        right, wrong, border = order.surest(True), order.surest(False), order.border()
        weights = weight_pictures(classifier)
        return cls(
            classifier=classifier,
            assessment=scores,
            right=right,
            wrong=wrong,
            border=border,
            unlike=order.unlike(),
            unlike_count=None if novelty is None else int((novelty > 1).sum()),
            looked=_looked(classifier, [*right[:1], *wrong[:1], *border]),
            weights=None if weights is None else _strongest(classifier, weights),
            units=0 if weights is None else len(weights),
            diagnosis=_examined(classifier, pictures, scores.labels, training, seed),
            examined_training=training is not None,
        )


class _Order:
    """Photos in the orders in which they are worth a look. Of equals the first comes first."""

    def __init__(self, scores: Assessment, pictures: Array, novelty: NDArray[np.float64] | None) -> None:
        self.scores, self.pictures, self.novelty = scores, pictures, novelty
        self.sure = scores.probabilities.max(axis=1)
        self.hits = scores.predicted == scores.labels

    def surest(self, right: bool) -> tuple[Shown, ...]:
        members = np.flatnonzero(self.hits == right)
        return self._shown(members[np.argsort(-self.sure[members], kind="stable")])

    def border(self) -> tuple[Shown, ...]:
        """Those whose two most probable classes are closest."""
        two = np.sort(self.scores.probabilities, axis=1)[:, -2:]
        return self._shown(np.argsort(two[:, 1] - two[:, 0], kind="stable"))

    def unlike(self) -> tuple[Shown, ...]:
        if self.novelty is None:
            return ()
        order = np.argsort(-self.novelty, kind="stable")
        return self._shown(order[self.novelty[order] > 1])

    def _shown(self, places: Iterable[int]) -> tuple[Shown, ...]:
        names, scores = self.scores.class_names, self.scores
        return tuple(
            Shown(
                number=int(place),
                image=self.pictures[place],
                truth=names[scores.labels[place]],
                answer=names[scores.predicted[place]],
                probability=float(self.sure[place]),
                novelty=None if self.novelty is None else float(self.novelty[place]),
            )
            for place in list(places)[:_AT_MOST]
        )


def _novelty(classifier: PhotoClassifier, pictures: Array) -> NDArray[np.float64] | None:
    try:
        return classifier.novelty(pictures)
    except ValueError:  # of a file from before, or of very few training photos
        return None


def _looked(classifier: PhotoClassifier, photos: Iterable[Shown]) -> tuple[Looked, ...]:
    chosen = list({photo.number: photo for photo in photos}.values())[:_LOOKED_AT_MOST]
    return tuple(Looked(photo, explain(classifier, photo.image, photo.answer)) for photo in chosen)


def _strongest(classifier: PhotoClassifier, pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures of the units with the largest weights, the largest first."""
    kernel = next(w for w in classifier.model_.get_weights() if w.ndim == 2 and w.shape[1] == len(pictures))
    strength = np.square(kernel.astype(np.float64)).sum(axis=0)
    return pictures[np.argsort(-strength, kind="stable")[:_UNITS_AT_MOST]]


def _examined(
    classifier: PhotoClassifier,
    pictures: Array,
    labels: NDArray[np.int64],
    training: tuple[Pictures, ArrayLike] | None,
    seed: int,
) -> Diagnosis:
    pictures, labels = pictures[:_EXAMINED_AT_MOST], labels[:_EXAMINED_AT_MOST]
    if training is None:
        return doctor(pictures, labels, seed=seed)
    learnt = as_pictures(training[0], classifier.image_size, classifier.color, "training images", classifier.image_fit)
    return doctor(learnt, training[1], test=(pictures, labels), seed=seed)
