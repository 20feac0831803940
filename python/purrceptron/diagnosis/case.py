"""`Case`: what is examined, in the forms that the checks look at."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array, as_numbers
from ..layers import BatchNorm, Embedding, Layer, LayerNorm, Normalize, Rescale, RMSNorm
from ..model import Sequential
from ..optimizers import Optimizer

__all__ = ["Case", "SkippedError", "deviations_of", "labels_of"]

# Layers that bring whatever comes to the scale that they want.
_NORMALIZING = (Normalize, BatchNorm, LayerNorm, RMSNorm, Embedding)


class SkippedError(Exception):
    """A check cannot be made; says why."""


@dataclass(frozen=True)
class Case:
    """Data, and a network with its settings if there is one.

    Attributes:
        x: Samples as rows.
        y: Targets: whole numbers `(samples,)` for classes, else numbers `(samples, outputs)`.
        test: The same of data to test on.
        shape: Of a sample, before it was a row.
        network: A copy with its first weights, or None.
        loss: Name of the loss.
        optimizer: What moves the weights.
        batch_size: Samples of a step, None for all.
        seed: Where samples are drawn from, if there are more than a check looks at.
    """

    x: Array
    y: Array
    test: tuple[Array, Array] | None
    shape: tuple[int, ...]
    network: Sequential | None
    loss: str | None
    optimizer: Optimizer
    batch_size: int | None
    seed: int

    @property
    def classes(self) -> bool:
        """Whether targets are classes."""
        return self.y.ndim == 1

    @property
    def pictures(self) -> bool:
        """Whether samples are pictures, of bytes in one channel or three."""
        return self.x.dtype == np.uint8 and len(self.shape) == 3 and self.shape[2] in (1, 3)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The network's layers, none without one."""
        return () if self.network is None else self.network.layers

    @property
    def normalizes(self) -> bool:
        """Whether the network itself brings its input to scale."""
        return any(isinstance(layer, _NORMALIZING) for layer in self.layers[:2])

    @cached_property
    def seen(self) -> Array:
        """Samples as the first layer with weights sees them: rescaled; bytes without a network count as pictures."""
        return self.rescaled(self.x)

    def rescaled(self, x: Array) -> Array:
        """`x` times a first `Rescale`."""
        first = self.layers[0] if self.layers else Rescale(1 / 255) if x.dtype == np.uint8 else None
        scale = first.scale if isinstance(first, Rescale) else 1.0
        numbers: Array = x if x.dtype == np.float64 else x.astype(np.float32)
        return numbers * scale

    def some(self, most: int, salt: int = 0) -> NDArray[np.int64]:
        """Places of at most so many samples, drawn from the seed, in order."""
        samples = len(self.x)
        if samples <= most:
            return np.arange(samples)
        return np.sort(np.random.default_rng([self.seed, salt]).choice(samples, most, replace=False))

    def with_rate(self, learning_rate: float) -> Optimizer:
        """The optimizer at another learning rate."""
        settings: dict[str, Any] = {"learning_rate": learning_rate}
        return dataclasses.replace(self.optimizer, **settings)


def deviations_of(x: Array) -> NDArray[np.float64]:
    """Standard deviation of every column; exactly 0 where all its numbers are equal, whatever their mean rounds to."""
    return np.where(x.max(axis=0) == x.min(axis=0), 0.0, x.std(axis=0, dtype=np.float64))


def labels_of(y: ArrayLike, samples: int, what: str = "y") -> Array:
    """Targets as classes `(samples,)` of whole numbers, or as numbers `(samples, outputs)`.

    Whole numbers are classes, and so are names, and rows with a single 1.

    Raises:
        ValueError: There are not as many as samples.
    """
    array = np.asarray(y)
    if array.ndim == 0 or len(array) != samples:
        raise ValueError(f"{what}: expected targets of {samples} samples, got shape {array.shape}")
    if array.dtype.kind in "UOS":
        return np.unique(array.astype(str), return_inverse=True)[1].reshape(-1).astype(np.int64)
    array = as_numbers(array, "float64", what) if array.dtype.kind == "f" else array
    rows = array.reshape(samples, -1)
    if rows.shape[1] > 1:
        one_hot = np.isin(rows, (0, 1)).all() and (rows.sum(axis=1) == 1).all()
        return rows.argmax(axis=1) if one_hot else rows.astype(np.float64)
    column = rows[:, 0]
    whole = column.dtype.kind in "iub" or (
        np.array_equal(column, np.round(column)) and len(np.unique(column)) <= max(2, min(20, samples // 5))
    )
    if whole and samples and column.min() >= 0:
        return column.astype(np.int64)
    return rows.astype(np.float64)
