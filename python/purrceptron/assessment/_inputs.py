"""What is assessed, checked once: classes as whole numbers, rows of probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array


def checked_classes(what: str, labels: ArrayLike, classes: int | None = None) -> NDArray[np.int64]:
    """Classes `(n,)` as whole numbers of at least 0, below `classes` if that is known.

    Raises:
        ValueError: There are none, or one is no class.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "iub" or not array.size:
        raise ValueError(
            f"{what}: expected whole numbers, one a photo, (photos,), got {array.dtype} of shape {array.shape}"
        )
    array = array.astype(np.int64)
    wrong = np.flatnonzero((array < 0) | (array >= (classes or np.inf)))
    if wrong.size:
        expected = "at least 0" if classes is None else f"0 to {classes - 1}"
        raise ValueError(f"{what}: a class is {expected}, got {array[wrong[0]]} for photo {wrong[0]}")
    return array


def checked_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Probabilities `(n, classes)`, each row of sum 1.

    Raises:
        ValueError: The shape is another, there are fewer than two classes, or a row is no probabilities.
    """
    array: Array = np.asarray(probabilities)
    if array.ndim != 2 or array.shape[1] < 2 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"probabilities: expected a row a photo, (photos, classes), got {array.dtype} of shape {array.shape}"
        )
    array = array.astype(np.float64)
    wrong = np.flatnonzero(~((array >= 0).all(axis=1) & (abs(array.sum(axis=1) - 1) < 1e-3)))  # NaN is wrong too
    if wrong.size:
        row = ", ".join(f"{value:g}" for value in array[wrong[0], :6])
        raise ValueError(f"probabilities: a row is at least 0 and its sum 1, got {row} for photo {wrong[0]}")
    return array


def checked_pair(labels: ArrayLike, probabilities: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels and probabilities of the same photos.

    Raises:
        ValueError: One of them is none, or they are of different numbers of photos.
    """
    rows = checked_probabilities(probabilities)
    classes = checked_classes("labels", labels, rows.shape[1])
    if len(classes) != len(rows):
        raise ValueError(f"labels are of {len(classes)} photos, but probabilities of {len(rows)}")
    return classes, rows


def checked_share(name: str, value: float) -> float:
    """A number above 0 and below 1.

    Raises:
        ValueError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not 0 < value < 1:
        raise ValueError(f"{name} must be above 0 and below 1, got {value!r}")
    return float(value)


def checked_shares(name: str, shares: Sequence[float], classes: int) -> NDArray[np.float64]:
    """Shares of the classes `(classes,)`, of sum 1, from numbers of at least 0.

    Raises:
        ValueError: They are of another number of classes, or none.
    """
    values = np.asarray(shares, np.float64)
    if values.shape != (classes,) or not np.isfinite(values).all() or values.min() < 0 or not values.sum():
        raise ValueError(f"{name}: expected {classes} shares of at least 0, got {values.tolist()}")
    normalised: NDArray[np.float64] = values / values.sum()
    return normalised
