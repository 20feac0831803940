"""Arrays as the core wants them: two-dimensional, of the network's type or bytes, without a copy where that fits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError

Array = NDArray[Any]
ClassWeight = str | Mapping[int, float]

_AS_THEY_ARE = {name: (np.dtype(name), np.dtype(np.uint8)) for name in ("float32", "float64")}


def as_samples(x: ArrayLike, dtype: str, input_shape: tuple[int, ...] | None = None, what: str = "x") -> Array:
    """Samples as rows: `(samples, ...)` becomes `(samples, features)`; bytes stay bytes, the rest becomes `dtype`.

    Raises:
        ValueError: There is no axis of samples, or a sample has another shape than `input_shape`.
        TypeError: The numbers are not real.
    """
    if (
        isinstance(x, np.ndarray)
        and x.ndim == 2
        and x.dtype in _AS_THEY_ARE[dtype]
        and x.flags.aligned
        and (input_shape is None or x.shape[1] == math.prod(input_shape))
    ):
        return x  # nearly always: one answer of a small network takes less time than what follows
    x = as_numbers(x, dtype, what)
    if x.ndim < 2:
        hint = "; one sample is x.reshape(1, -1), one feature x.reshape(-1, 1)" if x.ndim == 1 else ""
        raise ValueError(f"{what}: expected (samples, features), got shape {x.shape}{hint}")
    features = math.prod(x.shape[1:])
    flat = x.ndim == 2 or (input_shape is not None and len(input_shape) == 1)
    fits = input_shape is None or x.shape[1:] == input_shape or (flat and features == math.prod(input_shape))
    if input_shape is not None and not fits:
        expected = ", ".join(str(size) for size in input_shape)
        got = ", ".join(str(size) for size in x.shape[1:])
        raise ValueError(f"{what}: the network expects samples of shape ({expected}), got ({got})")
    return np.require(x.reshape(len(x), features), requirements="A")


def as_numbers(x: ArrayLike, dtype: str, what: str = "x") -> Array:
    """An array of any shape: bytes stay bytes, the rest becomes `dtype`.

    Raises:
        TypeError: The numbers are not real.
    """
    x = np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{what}: expected real numbers, got an array of {x.dtype}")
    if x.dtype == np.uint8:
        return x
    with np.errstate(over="ignore"):  # what does not fit becomes infinite and is refused by name
        return x.astype(dtype, copy=False)


def as_targets(y: ArrayLike, dtype: str, outputs: int, takes_classes: bool, what: str = "y") -> Array:
    """Targets for the core: `(samples,)` of uint32 for classes, if the loss takes them, else `(samples, outputs)`.

    Raises:
        ValueError: The shape does not fit the outputs.
        DataError: A class is not a whole number of at least 0.
    """
    y = np.asarray(y)
    if y.dtype.kind not in "fiub":
        raise TypeError(f"{what}: expected numbers, got an array of {y.dtype}; number the classes 0, 1, 2, ...")
    if takes_classes and (y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1 and outputs > 1)):
        return _as_classes(y.ravel(), what)
    if y.ndim == 1 and outputs == 1:
        y = y.reshape(-1, 1)
    if y.ndim != 2 or y.shape[1] != outputs:
        expected = f"(samples, {outputs})" if outputs > 1 else "(samples,)"
        raise ValueError(f"{what}: the network has {outputs} outputs, so expected shape {expected}, got {y.shape}")
    if y.dtype.kind != "f":  # whole numbers are never too large
        return y.astype(dtype)
    if y.dtype == dtype and y.flags.aligned:
        return y
    with np.errstate(over="ignore"):
        return np.require(y.astype(dtype, copy=False), requirements="A")


def as_weights(
    targets: Array, sample_weight: ArrayLike | None, class_weight: ClassWeight | None, dtype: str, prefix: str = ""
) -> Array | None:
    """How much each sample counts: its own weight times that of its class; None if all count alike.

    Args:
        targets: As `as_targets` gives them.
        sample_weight: `(samples,)`.
        class_weight: Weights by class, 1 where none is given; "balanced" is `samples / (classes * count)`.

    Raises:
        ValueError: The shape does not fit, or a class is none of the data's outputs.
        DataError: The targets are not classes.
    """
    if sample_weight is None and class_weight is None:
        return None
    weights = np.ones(len(targets))
    if sample_weight is not None:
        given = np.asarray(sample_weight)
        if given.dtype.kind not in "fiub":
            raise TypeError(f"{prefix}sample_weight: expected real numbers, got an array of {given.dtype}")
        if given.shape != weights.shape:
            raise ValueError(f"{prefix}sample_weight: expected shape {weights.shape}, got {given.shape}")
        weights = given.astype(np.float64)
    if class_weight is not None:
        weights = weights * _of_classes(_classes_of(targets), class_weight)
    with np.errstate(over="ignore"):
        return weights.astype(dtype)


def _classes_of(targets: Array) -> Array:
    """The class of each sample: 0 or 1 for one output, the place of the 1 for rows."""
    if targets.ndim == 1:
        return targets
    if not np.all((targets == 0) | (targets == 1)) or (targets.shape[1] > 1 and not np.all(targets.sum(axis=1) == 1)):
        raise DataError("class_weight: expected classes, or rows with one 1; these targets are other numbers")
    return targets[:, 0].astype(np.int64) if targets.shape[1] == 1 else targets.argmax(axis=1)


def _of_classes(classes: Array, class_weight: ClassWeight) -> Array:
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight must be "balanced" or weights by class, got {class_weight!r}')
        counts = np.bincount(classes)
        return len(classes) / (np.count_nonzero(counts) * counts[classes])
    by_class = np.ones(int(classes.max(initial=0)) + 1)
    for label, weight in class_weight.items():
        if not isinstance(label, int | np.integer) or label < 0:
            raise ValueError(f"class_weight: a class is a whole number 0, 1, 2, ..., got {label!r}")
        if label < len(by_class):  # else there is no sample of it
            by_class[label] = weight
    return by_class[classes]


def _as_classes(y: Array, what: str) -> Array:
    if y.dtype.kind in "iu" and (not y.size or (y.min() >= 0 and y.max() < 2**32)):
        return y.astype(np.uint32)
    exact = y if y.dtype.kind in "iu" else y.astype(np.float64)
    wrong = np.flatnonzero(~((exact >= 0) & (exact < 2**32) & (exact == np.floor(exact))))
    if wrong.size:
        raise DataError(f"{what}: sample {wrong[0]} has {y[wrong[0]]}, but a class is a whole number 0, 1, 2, ...")
    return exact.astype(np.uint32)
