"""Scores on data that a network has not seen, with what is needed to judge them: an interval, and baselines."""

from __future__ import annotations

import math
import operator
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["accuracy", "confusion_counts", "constant_baseline", "majority_baseline", "wilson_interval"]


def accuracy(y: ArrayLike, predicted: ArrayLike) -> float:
    """Share of samples whose predicted class is the true one, 0..1.

    Args:
        y: True classes `(samples,)`, numbers or names.
        predicted: Predicted classes `(samples,)`, of the same kind.

    Raises:
        ValueError: There are no samples, or the shapes differ.

    Example:
        >>> accuracy([1, 0, 1, 1], [1, 0, 0, 1])
        0.75
    """
    y, predicted = _classes(y, "y"), _classes(predicted, "predicted")
    if y.shape != predicted.shape:
        raise ValueError(f"accuracy: y has {len(y)} samples, but predicted has {len(predicted)}")
    return float(np.mean(y == predicted))


def confusion_counts(y: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """How often each class was taken for each: `(classes, classes)`, a row for a true class.

    Args:
        y: True classes `(samples,)`, whole numbers below `classes`.
        predicted: Predicted classes `(samples,)`, likewise.
        classes: Number of classes.

    Raises:
        ValueError: The shapes differ, or a class is out of range.

    Example:
        >>> confusion_counts([0, 0, 1, 1], [0, 1, 1, 1], 2)
        array([[1, 1],
               [0, 2]])
    """
    y, predicted = np.asarray(y, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if y.shape != predicted.shape or y.ndim != 1:
        raise ValueError(f"confusion_counts: y has shape {y.shape}, but predicted has {predicted.shape}")
    both = np.concatenate([y, predicted])
    if both.size and not 0 <= both.min() <= both.max() < classes:
        raise ValueError(f"confusion_counts: classes must be 0 to {classes - 1}, got {both.min()} to {both.max()}")
    return np.bincount(y * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def wilson_interval(right: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for the true share, given that `right` of `n` samples were right.

    The score interval of Wilson (1927, "Probable inference, the law of succession, and statistical inference", Journal
    of the American Statistical Association 22, 209-212). With the share p = right / n and the normal quantile z,

        (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)

    Unlike p ± z √(p(1-p)/n) it stays within 0..1, and says something sensible where all samples are right.

    Args:
        right: Samples that were right.
        n: Samples in all.
        confidence: How sure the interval shall be, above 0 and below 1.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: `n` is 0, `right` is not 0 to `n`, or `confidence` is out of its range.

    Example:
        >>> low, high = wilson_interval(40, 50)
        >>> round(low, 4), round(high, 4)
        (0.6696, 0.8876)
    """
    right, n = operator.index(right), operator.index(n)
    if n < 1:
        raise ValueError(f"wilson_interval: n must be at least 1, got {n}: no samples say nothing about a share")
    if not 0 <= right <= n:
        raise ValueError(f"wilson_interval: right must be 0 to n = {n}, got {right}")
    if not 0 < confidence < 1:
        raise ValueError(f"wilson_interval: confidence must be above 0 and below 1, got {confidence}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, z2n = right / n, z * z / n
    centre = share + z2n / 2
    half = z * math.sqrt(share * (1 - share) / n + z2n / (4 * n))
    # At the ends the formula gives 0 and 1 exactly, and floats may miss them.
    low = 0.0 if right == 0 else (centre - half) / (1 + z2n)
    high = 1.0 if right == n else (centre + half) / (1 + z2n)
    return low, high


def majority_baseline(training_labels: ArrayLike, labels: ArrayLike) -> float:
    """Accuracy on `labels` of always answering the most frequent class of the training data.

    Among classes that are equally frequent the first counts (in sorted order).

    Args:
        training_labels: Classes of the training data `(samples,)`, numbers or names.
        labels: Classes of the data that is scored, of the same kind.

    Raises:
        ValueError: One of them is empty.

    Example:
        >>> majority_baseline([0, 0, 1], [0, 1, 1, 1])
        0.25
    """
    classes, counts = np.unique(_classes(training_labels, "training_labels"), return_counts=True)
    return float(np.mean(_classes(labels, "labels") == classes[np.argmax(counts)]))


def constant_baseline(labels: ArrayLike) -> float:
    """Accuracy on `labels` of the best constant answer, the share of their own most frequent class.

    Args:
        labels: Classes of the data that is scored, numbers or names.

    Raises:
        ValueError: There are none.

    Example:
        >>> constant_baseline([0, 1, 1, 1])
        0.75
    """
    labels = _classes(labels, "labels")
    _, counts = np.unique(labels, return_counts=True)
    return float(counts.max() / len(labels))


def _classes(values: ArrayLike, what: str) -> NDArray[np.generic]:
    classes = np.asarray(values)
    if classes.ndim != 1:
        raise ValueError(f"{what}: expected one class a sample, (samples,), got shape {classes.shape}")
    if classes.size == 0:
        raise ValueError(f"{what}: there are no samples")
    return classes
