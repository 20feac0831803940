"""All weights of a network as one flat array, as the core has them, and as arrays by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array

__all__ = ["cut_by_name", "flattened"]


def cut_by_name(named: Sequence[tuple[str, Sequence[int]]], flat: Array) -> dict[str, Array]:
    """A flat array cut into named ones.

    Raises:
        ValueError: It is not flat, or of another length.
    """
    ends = np.cumsum([math.prod(shape) for _, shape in named])
    if flat.ndim != 1 or len(flat) != (ends[-1] if named else 0):
        raise ValueError(f"expected a flat array of {ends[-1] if named else 0} numbers, got shape {flat.shape}")
    parts = np.split(flat, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(named, parts, strict=True)} if named else {}


def flattened(
    named: Sequence[tuple[str, Sequence[int]]], arrays: Mapping[str, ArrayLike], dtype: str, what: str
) -> Array:
    """The reverse of `cut_by_name`, with every array checked.

    Raises:
        ValueError: A name is missing or unknown, or an array has another shape; the message begins with `what`.
        TypeError: An array is not of real numbers.
    """
    flat = []
    unknown = [name for name in arrays if name not in dict(named)]
    if unknown:
        raise ValueError(f"{what} there is no {unknown[0]}; there are {', '.join(name for name, _ in named) or 'none'}")
    for name, shape in named:
        if name not in arrays:
            raise ValueError(f"{what} {name} is missing")
        array = np.asarray(arrays[name])
        if array.shape != tuple(shape):
            raise ValueError(f"{what} {name} has shape {tuple(shape)}, got {array.shape}")
        if array.dtype.kind not in "fiub":
            raise TypeError(f"{what} {name} must be real numbers, got an array of {array.dtype}")
        flat.append(array.astype(dtype).ravel())
    return np.concatenate(flat) if flat else np.empty(0, dtype)
