"""Scores of predictions, as scikit-learn defines them, and what is needed to judge them: intervals and baselines.

The functions that are named as the metrics of `Sequential.fit` (`_core.names("metric")`) give on arrays what a training
gives in its history.
"""

from __future__ import annotations

import math
import operator
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _core
from ._arrays import Array
from ._scores import Score
from ._spec import check_whole

__all__ = [
    "Score",
    "accuracy",
    "brier_score",
    "confusion_matrix",
    "constant_baseline",
    "log_loss",
    "majority_baseline",
    "mean_absolute_error",
    "r2",
    "root_mean_squared_error",
    "top_k_accuracy",
    "wilson_interval",
]


# Classes


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


def confusion_matrix(y: ArrayLike, predicted: ArrayLike, classes: int | None = None) -> NDArray[np.int64]:
    """How often each class was taken for each: `(classes, classes)`, a row for a true class.

    Args:
        y: True classes `(samples,)`, whole numbers below `classes`.
        predicted: Predicted classes `(samples,)`, likewise.
        classes: Number of classes; left out, one more than the largest number.

    Raises:
        ValueError: The shapes differ, or a class is out of range.

    Example:
        >>> confusion_matrix([0, 0, 1, 1], [0, 1, 1, 1])
        array([[1, 1],
               [0, 2]])
    """
    y, predicted = np.asarray(y, dtype=np.int64), np.asarray(predicted, dtype=np.int64)
    if y.shape != predicted.shape or y.ndim != 1:
        raise ValueError(f"confusion_matrix: y has shape {y.shape}, but predicted has {predicted.shape}")
    both = np.concatenate([y, predicted])
    if classes is None:
        classes = int(both.max(initial=-1)) + 1
    if both.size and not 0 <= both.min() <= both.max() < classes:
        raise ValueError(f"confusion_matrix: classes must be 0 to {classes - 1}, got {both.min()} to {both.max()}")
    return np.bincount(y * classes + predicted, minlength=classes * classes).reshape(classes, classes)


# Probabilities


def top_k_accuracy(y: ArrayLike, probabilities: ArrayLike, k: int = 5) -> float:
    """Share of samples whose true class is among the `k` with the largest outputs; in `fit`, "top_5_accuracy".

    Of equal outputs the later ones count as larger, as in scikit-learn.

    Args:
        y: True classes `(samples,)`, or rows with 1 for them.
        probabilities: `(samples, classes)`, or any scores of that order; `(samples,)` of class 1 where there are two.
        k: How many count, 5 by default (Keras's).

    Raises:
        ValueError: There are no samples, the shapes do not fit, or `k` is below 1.

    Example:
        >>> top_k_accuracy([2, 0], [[0.2, 0.5, 0.3], [0.1, 0.2, 0.7]], k=2)
        0.5
    """
    return _score(f"top_{check_whole('k', k, 1)}_accuracy", y, probabilities)


def log_loss(y: ArrayLike, probabilities: ArrayLike) -> float:
    """`-Σ_k y_k ln p_k`, mean over samples: the cross-entropy of the true classes under predicted probabilities.

    Probabilities are kept away from 0 and 1 by the epsilon of their type, as in scikit-learn. A training counts it from
    the logits instead, where nothing needs to be cut.

    Args:
        y: True classes `(samples,)`, or rows of probabilities.
        probabilities: `(samples, classes)`; `(samples,)` of class 1 where there are two.

    Raises:
        ValueError: There are no samples, the shapes do not fit, or a number is outside 0..1.

    Example:
        >>> round(log_loss([1, 0], [0.8, 0.4]), 4)
        0.367
    """
    return _score("log_loss", y, _unit("log_loss", probabilities))


def brier_score(y: ArrayLike, probabilities: ArrayLike) -> float:
    """`Σ_k (p_k - y_k)²`, mean over samples; for two classes half of it, `(p_1 - y)²`.

    Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78 (1950).

    Args:
        y: True classes `(samples,)`, or rows of probabilities.
        probabilities: `(samples, classes)`; `(samples,)` of class 1 where there are two.

    Raises:
        ValueError: There are no samples, the shapes do not fit, or a number is outside 0..1.

    Example:
        >>> round(brier_score([1, 0], [0.8, 0.4]), 4)
        0.1
    """
    return _score("brier_score", y, _unit("brier_score", probabilities))


# Numbers


def r2(y: ArrayLike, predicted: ArrayLike) -> float:
    """`1 - Σ(y - p)² / Σ(y - ȳ)²`, mean over outputs: the share of the variance that is predicted.

    Where all of an output's y are equal it is 1 if the predictions are, too, else 0; of one sample it is NaN.

    Args:
        y: True numbers `(samples,)` or `(samples, outputs)`.
        predicted: Predicted numbers, of the same shape.

    Raises:
        ValueError: There are no samples, or the shapes differ.

    Example:
        >>> round(r2([1.0, 2.0, 4.0], [1.0, 2.5, 4.0]), 4)
        0.9464
    """
    return _score("r2", y, predicted)


def mean_absolute_error(y: ArrayLike, predicted: ArrayLike) -> float:
    """`|y - p|`, mean over samples and outputs.

    Args:
        y: True numbers `(samples,)` or `(samples, outputs)`.
        predicted: Predicted numbers, of the same shape.

    Raises:
        ValueError: There are no samples, or the shapes differ.

    Example:
        >>> mean_absolute_error([1.0, 2.0], [1.5, 1.0])
        0.75
    """
    return _score("mean_absolute_error", y, predicted)


def root_mean_squared_error(y: ArrayLike, predicted: ArrayLike) -> float:
    """`√(Σ(y - p)² / samples)`, mean over outputs.

    Args:
        y: True numbers `(samples,)` or `(samples, outputs)`.
        predicted: Predicted numbers, of the same shape.

    Raises:
        ValueError: There are no samples, or the shapes differ.

    Example:
        >>> root_mean_squared_error([1.0, 2.0], [4.0, -2.0])
        3.5355339059327378
    """
    return _score("root_mean_squared_error", y, predicted)


def _score(name: str, y: ArrayLike, predictions: ArrayLike) -> float:
    predictions, y = _reals(name, "predictions", predictions), _reals(name, "y", y)
    if len(y) == 0:
        raise ValueError(f"{name}: there are no samples")
    flat = predictions.reshape(-1, 1) if predictions.ndim == 1 else predictions
    classes = y.ndim == 1 and flat.ndim == 2 and flat.shape[1] > 1
    if flat.ndim != 2 or len(y) != len(flat) or not (classes or y.reshape(len(y), -1).shape == flat.shape):
        raise ValueError(f"{name}: y has shape {y.shape}, but predictions have {predictions.shape}")
    if classes and name in ("r2", "mean_absolute_error", "root_mean_squared_error"):
        raise ValueError(f"{name}: y has shape {y.shape}, but predictions have {predictions.shape}")
    if classes:
        whole = y.astype(np.int64)
        if not np.array_equal(whole, y) or whole.min() < 0 or whole.max() >= flat.shape[1]:
            raise ValueError(f"{name}: a class of y must be a whole number 0 to {flat.shape[1] - 1}")
        return _core.score(name, whole.astype(np.uint32), flat)
    return _core.score(name, np.ascontiguousarray(y.reshape(flat.shape).astype(flat.dtype)), flat)


def _reals(name: str, what: str, values: ArrayLike) -> Array:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub" or array.ndim == 0:
        raise ValueError(f"{name}: {what} must be numbers (samples, ...), got {array.dtype} of shape {array.shape}")
    array = np.ascontiguousarray(array if array.dtype == np.float32 else array.astype(np.float64))
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: {what} must be finite numbers, got NaN or infinity")
    return array


def _unit(name: str, probabilities: ArrayLike) -> Array:
    array = _reals(name, "probabilities", probabilities)
    if array.size and not 0 <= array.min() <= array.max() <= 1:
        raise ValueError(f"{name}: probabilities must be 0 to 1, got {array.min():g} to {array.max():g}")
    return array


# How sure a score is, and what it takes to beat


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
