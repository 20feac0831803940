"""`assess`: all scores of a classifier on labelled photos, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._spec import check_whole
from ..metrics import constant_baseline, majority_baseline, wilson_interval
from ._inputs import checked_pair, checked_share, checked_shares
from .bootstrap import areas_under_curves, balanced_accuracies, bootstrap, percentiles
from .calibration import CalibrationCurve, calibration_curve
from .interval import Interval
from .threshold import shift_shares

__all__ = ["SHARE_EFFECTS", "Assessment", "assess"]

SHARE_EFFECTS: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "moves: it is the mean of the recalls, weighted by the shares of the classes",
        "balanced_accuracy": "stays: every class counts alike",
        "auc": "stays: it compares photos of one class with photos of the others",
        "precision": "moves: the rarer a class, the more of the photos that are called so are others",
        "recall": "stays: it is about the photos of one class alone",
        "baselines": "move: they are shares of classes",
        "calibration": "moves: probabilities stand for the class shares of the training; shift_shares changes that",
        "threshold": "moves: the rarer a class, the surer one must be; threshold_for takes the share",
        "abstain": "coverage of each class stays; how often an answer is left open moves with the mix",
    }
)
"""What happens to each score where classes are as typical as here, but more or less frequent."""

# Shares of classes differ by that of the photos whose class would have to change; below this nobody sees it.
_APART = 0.05


@dataclass(frozen=True, eq=False)
class Assessment:
    """The scores of a classifier on photos. Two are equal only if they are the same.

    Attributes:
        accuracy: Share of photos that are told right (Wilson interval).
        balanced_accuracy: Mean recall of the classes that have photos (stratified bootstrap).
        auc: Area under the ROC curve (stratified bootstrap): the share of pairs of a photo of a class and one of
            another in which the first has the larger probability of it. Of more than two classes the mean over the
            classes, each against the rest. NaN where all photos are of one class.
        precision: Of each class, the share of the photos called so that are so (Wilson); NaN where none is called so.
        recall: Of each class, the share of its photos that are called so (Wilson); NaN where it has none.
        confusion: Photos `(classes, classes)`, a row for a true class, a column for an answer.
        baselines: Accuracies of answers without a look: "training_majority", the class most frequent in training (if
            that is known), and "best_constant", the class most frequent here.
        calibration: How often the probabilities come true.
        calibration_shifted: The same of the probabilities after `shift_shares` from `class_shares`, which they stand
            for, to the shares of the classes here; None where these are about equal, or not known.
        class_shares: Share of each class that the probabilities stand for; None if not known.
        labels: The true classes `(n,)`.
        probabilities: `(n, classes)`.
        class_names: In the order of the columns.
        confidence: Of all intervals.
    """

    accuracy: Interval
    balanced_accuracy: Interval
    auc: Interval
    precision: tuple[Interval, ...]
    recall: tuple[Interval, ...]
    confusion: NDArray[np.int64]
    baselines: Mapping[str, float]
    calibration: CalibrationCurve
    calibration_shifted: CalibrationCurve | None
    class_shares: tuple[float, ...] | None
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    class_names: tuple[str, ...]
    confidence: float

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each photo `(n,)`."""
        answers: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return answers

    @property
    def share_apart(self) -> tuple[str, float, float] | None:
        """A class, the share of it that the probabilities stand for, and its share here; None without a shifted curve.

        It is the second of two classes; of more, the one whose shares differ most.
        """
        if self.class_shares is None or self.calibration_shifted is None:
            return None
        here = np.bincount(self.labels, minlength=len(self.class_names)) / len(self.labels)
        place = 1 if len(here) == 2 else int(np.abs(here - self.class_shares).argmax())
        return self.class_names[place], self.class_shares[place], float(here[place])

    def to_dict(self) -> dict[str, Any]:
        """The scores, without the photos' own rows, for JSON; a score is `{"value", "low", "high"}`."""

        def by_class(values: Sequence[Any]) -> dict[str, Any]:
            return dict(zip(self.class_names, values, strict=True))

        return {
            "photos": len(self.labels),
            "confidence": self.confidence,
            "accuracy": self.accuracy.to_dict(),
            "balanced_accuracy": self.balanced_accuracy.to_dict(),
            "auc": self.auc.to_dict(),
            "precision": by_class([interval.to_dict() for interval in self.precision]),
            "recall": by_class([interval.to_dict() for interval in self.recall]),
            "confusion": by_class([by_class(row) for row in self.confusion.tolist()]),
            "baselines": dict(self.baselines),
            "calibration": self.calibration.to_dict(),
            "calibration_shifted": None if self.calibration_shifted is None else self.calibration_shifted.to_dict(),
            "class_share_effects": dict(SHARE_EFFECTS),
        }


def assess(
    labels: ArrayLike,
    probabilities: ArrayLike,
    class_names: Sequence[str],
    *,
    training_counts: Sequence[int] | None = None,
    class_shares: Sequence[float] | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Assessment:
    """Score probabilities on labelled photos, with intervals and baselines.

    The scores are scikit-learn's (`pip install 'purrceptron[report]'`).

    Args:
        labels: True classes `(n,)`, as numbers in the order of the outputs.
        probabilities: `(n, classes)`, as `PhotoClassifier.predict_proba` gives them.
        class_names: Names of the classes, in the order of the outputs.
        training_counts: How many photos of each class were trained on, for the first baseline.
        class_shares: Share of each class that the probabilities stand for, as `PhotoClassifier.class_shares_` has it.
        confidence: How sure the intervals shall be, above 0 and below 1.
        seed: Of the bootstrap; the same seed gives the same intervals.

    Raises:
        ImportError: scikit-learn is not installed.
        ValueError: Labels, probabilities, names, counts or shares do not fit together.

    Example:
        >>> p = [0.2, 0.4, 0.6, 0.3, 0.8, 0.9]
        >>> found = assess([0, 0, 0, 1, 1, 1], [[1 - x, x] for x in p], ("other", "cat"))
        >>> round(found.accuracy.value, 3), round(found.auc.value, 3), found.confusion.tolist()
        (0.667, 0.778, [[2, 1], [1, 2]])
    """
    try:
        from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support, roc_auc_score
    except ImportError as error:
        raise ImportError("purrceptron.assessment needs scikit-learn: pip install 'purrceptron[report]'") from error
    truth, rows = checked_pair(labels, probabilities)
    names = _checked_names(class_names, rows.shape[1])
    shares = None
    if class_shares is not None:
        shares = tuple(checked_shares("class_shares", class_shares, len(names)).tolist())
    checked_share("confidence", confidence)
    check_whole("seed", seed, 0)
    predicted, every = rows.argmax(axis=1), np.arange(len(names))
    precision, recall, _, _ = precision_recall_fscore_support(truth, predicted, labels=every, zero_division=np.nan)
    confusion = confusion_matrix(truth, predicted, labels=every).astype(np.int64)
    there = [k for k in ([1] if len(names) == 2 else every.tolist()) if 0 < np.sum(truth == k) < len(truth)]
    areas = [float(roc_auc_score(truth == k, rows[:, k])) for k in there]
    hits = confusion.diagonal()
    return Assessment(
        accuracy=_with_wilson(float(accuracy_score(truth, predicted)), int(hits.sum()), len(truth), confidence),
        balanced_accuracy=_balanced(recall, truth, predicted == truth, confidence, seed),
        auc=_area(areas, there, truth, rows, confidence, seed),
        precision=_by_class(precision, hits, confusion.sum(axis=0), confidence),
        recall=_by_class(recall, hits, confusion.sum(axis=1), confidence),
        confusion=confusion,
        baselines=MappingProxyType(_baselines(truth, training_counts, len(names))),
        calibration=calibration_curve(truth, rows, confidence=confidence),
        calibration_shifted=None if shares is None else _shifted_curve(truth, rows, shares, confidence),
        class_shares=shares,
        labels=truth,
        probabilities=rows,
        class_names=names,
        confidence=float(confidence),
    )


def _checked_names(class_names: Sequence[str], classes: int) -> tuple[str, ...]:
    names = () if isinstance(class_names, str) else tuple(class_names)
    if len(names) != classes or not all(isinstance(name, str) for name in names) or len(set(names)) != classes:
        raise ValueError(f"class_names: expected {classes} different names, got {class_names!r}")
    return names


def _baselines(truth: NDArray[np.int64], training_counts: Sequence[int] | None, classes: int) -> dict[str, float]:
    baselines = {} if training_counts is None else {"training_majority": 0.0}
    if training_counts is not None:
        counts = np.asarray(training_counts)
        if counts.shape != (classes,) or counts.dtype.kind not in "iu" or counts.min() < 0 or not counts.sum():
            raise ValueError(f"training_counts: expected {classes} numbers of photos, got {training_counts!r}")
        baselines["training_majority"] = majority_baseline([int(counts.argmax())], truth)
    return {**baselines, "best_constant": constant_baseline(truth)}


def _shifted_curve(
    truth: NDArray[np.int64], rows: NDArray[np.float64], shares: tuple[float, ...], confidence: float
) -> CalibrationCurve | None:
    """The curve at the shares of the classes here; None where these are about the same, or a class has no photo."""
    here = np.bincount(truth, minlength=rows.shape[1]) / len(truth)
    if not here.all() or not all(shares) or np.abs(here - shares).sum() / 2 < _APART:
        return None
    return calibration_curve(truth, shift_shares(rows, shares, here.tolist()), confidence=confidence)


def _with_wilson(value: float, right: int, n: int, confidence: float) -> Interval:
    interval = Interval.of_share(right, n, confidence)
    return Interval(value, interval.low, interval.high)


def _by_class(
    values: NDArray[np.float64], right: NDArray[np.int64], n: NDArray[np.int64], confidence: float
) -> tuple[Interval, ...]:
    rows = zip(values.tolist(), right.tolist(), n.tolist(), strict=True)
    return tuple(_with_wilson(value, hits, count, confidence) for value, hits, count in rows)


def _balanced(
    recall: NDArray[np.float64],
    truth: NDArray[np.int64],
    right: NDArray[np.bool_],
    confidence: float,
    seed: int,
) -> Interval:
    """Mean recall. Where each class is all right or all wrong, no resample differs: Wilson's ends are averaged then."""
    values = bootstrap(truth, lambda counts: balanced_accuracies(counts, truth, right), seed=seed)
    low, high = percentiles(values, confidence)
    if values.min() == values.max():
        of_class = [right[truth == label] for label in np.unique(truth)]
        ends = [wilson_interval(int(hits.sum()), len(hits), confidence) for hits in of_class]
        low, high = (float(end) for end in np.mean(ends, axis=0))
    return Interval(float(np.nanmean(recall)), low, high)


def _area(
    areas: list[float],
    there: list[int],
    truth: NDArray[np.int64],
    rows: NDArray[np.float64],
    confidence: float,
    seed: int,
) -> Interval:
    """Mean area. Where all pairs are in order no resample differs: Wilson's end for the rarest class then.

    Obuchowski & Lieber, "Confidence bounds when the estimated ROC area is 1.0", Academic Radiology 9 (2002), show that
    such an area is far from certain in small sets.
    """
    if not areas:
        return Interval(math.nan, 0.0, 1.0)
    value = float(np.mean(areas))
    if value in (0.0, 1.0):
        rarest = int(np.unique(truth, return_counts=True)[1].min())
        return Interval(value, *wilson_interval(int(value) * rarest, rarest, confidence))

    def means(counts: NDArray[np.int64]) -> Array:
        mean: Array = np.mean([areas_under_curves(counts, truth == k, rows[:, k]) for k in there], axis=0)
        return mean

    return Interval(value, *percentiles(bootstrap(truth, means, seed=seed), confidence))
