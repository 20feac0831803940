"""`Findings`: all that a report says of a classifier, before any of it is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from ..assessment import Assessment, Coverage, JudgedThreshold, assess, judge_threshold
from ..assessment._inputs import checked_share
from ..assessment.conformal import ABSTAIN
from ..diagnosis import Diagnosis, doctor
from ..explanation import Explanation, explain
from ..photos import PhotoClassifier
from ..photos.asked import Asked
from ..photos.pictures import Pictures, as_pictures
from ..plots.gallery import Shown, Which, choose, photo_names
from ..plots.weights import weight_pictures

__all__ = ["Findings", "Looked", "Shown"]

_AT_MOST, _LOOKED_AT_MOST, _UNITS_AT_MOST = 6, 3, 24
# The doctor compares photos with each other, and what it finds it finds in some thousands.
_EXAMINED_AT_MOST = 5000


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
        threshold: Where to draw the line between two classes; None of more, or where all photos are of one.
        abstain: Share of each class's photos that may be given another class where answers may be left open.
        open_answers: What then becomes of the photos; None if the classifier is not calibrated, or on too few photos.
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
    threshold: JudgedThreshold | None
    abstain: float
    open_answers: Coverage | None
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
        names: Sequence[str] | None = None,
        training: tuple[Pictures, ArrayLike] | None = None,
        share: float | None = None,
        cost_false_positive: float | None = None,
        cost_false_negative: float | None = None,
        abstain: float = ABSTAIN,
        confidence: float = 0.95,
        seed: int = 0,
    ) -> Findings:
        """Ask a classifier about photos, and find out what there is to say.

        Args:
            classifier: One that has learnt.
            images: Photos that it has not learnt from, as for its `fit`.
            labels: Their classes `(photos,)`, as numbers in the order of the outputs.
            names: What the photos are called, such as their files; "photo 0", "photo 1", ... by default.
            training: Photos that it has learnt from, with their classes as numbers, for the doctor to compare with.
            share: Share of the second of two classes in use, for the threshold; that among the photos by default.
            cost_false_positive: Cost of calling a photo so that is not; 1 by default.
            cost_false_negative: Cost of not calling one so that is; 1 by default.
            abstain: As for `PhotoClassifier.predict`.
            confidence: How sure the intervals shall be.
            seed: Of the bootstrap, and of the photos that the doctor looks at where there are many.

        Raises:
            ImportError: scikit-learn is not installed.
            DataError: There are no photos, or they are none that the classifier takes.
            ValueError: Labels or names do not fit; or a cost or share is given, and there are not two classes.

        Example:
            >>> import purrceptron as purr
            >>> images, labels = purr.datasets.make_cats(60, seed=0)
            >>> cats = purr.CatClassifier(epochs=50).fit(images[:40], labels[:40])
            >>> findings = purr.report.Findings.gather(cats, images[40:], labels[40:])
            >>> int(findings.assessment.confusion.sum()), len(findings.border)
            (20, 6)
        """
        class_names = classifier.class_names_
        checked_share("abstain", abstain)
        pictures = as_pictures(images, classifier.image_size, classifier.color, fit=classifier.image_fit)
        names = photo_names(names, len(pictures))
        asked = Asked(classifier, pictures)
        scores = assess(
            labels,
            asked.probabilities,
            class_names,
            training_counts=classifier.training_["photos"],
            class_shares=classifier.class_shares_,
            confidence=confidence,
            seed=seed,
        )
        novelty = asked.novelty

        def chosen(which: Which) -> tuple[Shown, ...]:
            found = scores.labels, scores.probabilities, class_names
            return choose(which, pictures, *found, count=_AT_MOST, names=names, novelty=novelty)

        line = {"share": share, "cost_false_positive": cost_false_positive, "cost_false_negative": cost_false_negative}
        left_open = asked.left_open(scores.labels, abstain, confidence=confidence)
        right, wrong, border = chosen("right"), chosen("wrong"), chosen("border")
        weights = weight_pictures(classifier)
        return cls(
            classifier=classifier,
            assessment=scores,
            threshold=_threshold(
                classifier, scores, {name: value for name, value in line.items() if value is not None}
            ),
            abstain=abstain,
            open_answers=left_open,
            right=right,
            wrong=wrong,
            border=border,
            unlike=() if novelty is None else chosen("unlike"),
            unlike_count=None if novelty is None else int((novelty > 1).sum()),
            looked=_looked(classifier, [*right[:1], *wrong[:1], *border]),
            weights=None if weights is None else _strongest(classifier, weights),
            units=0 if weights is None else len(weights),
            diagnosis=_examined(classifier, pictures, scores.labels, training, seed),
            examined_training=training is not None,
        )


def _threshold(classifier: PhotoClassifier, scores: Assessment, line: dict[str, float]) -> JudgedThreshold | None:
    if not line and (len(scores.class_names) != 2 or len(np.unique(scores.labels)) != 2):
        return None
    return judge_threshold(scores.labels, scores.probabilities, classifier.class_shares_[1], **line)


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
