"""The workloads: a network, its data, its first weights, and the loss that all contestants must agree on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

import purrceptron as purr

Array = NDArray[Any]

CATS = (12288, 20, 7, 5, 1)


@dataclass(frozen=True)
class Training:
    """Steps on batches in order: the same batches, from the same weights, for everybody.

    Attributes:
        sizes: Units of the layers, the input's first; ReLU, then a sigmoid for one output or softmax for more.
        samples: Samples, a multiple of `batch`.
        batch: Samples of a step.
        optimizer: "sgd" (without momentum) or "adam" (usual betas, epsilon 1e-8).
        rate: Learning rate.
        steps: Timed steps, a multiple of the number of batches.
        solver: Our solver.
    """

    sizes: tuple[int, ...]
    samples: int
    batch: int
    optimizer: str
    rate: float
    steps: int
    solver: str = "direct"

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return self.samples // self.batch

    @property
    def epochs(self) -> int:
        """Epochs that the timed steps make."""
        return self.steps // self.batches


@dataclass(frozen=True)
class Data:
    """Samples `x (samples, inputs)` float32, the same as bytes where they are pictures, classes `y (samples,)`."""

    x: Array
    y: Array
    pixels: Array | None = None


def drawn_cats(samples: int) -> Data:
    """Drawn pictures of 64x64x3 bytes, scaled to 0..1."""
    images, y = purr.datasets.make_cats(samples, seed=0)
    pixels = images.reshape(samples, -1)
    return Data(pixels.astype(np.float32) / np.float32(255), y, pixels)


def table(samples: int, features: int, classes: int) -> Data:
    """Normal features, classes by a random linear map."""
    random = np.random.default_rng(0)
    x = random.standard_normal((samples, features), dtype=np.float32)
    scores = x @ random.standard_normal((features, max(classes - 1, 1) if classes < 3 else classes), dtype=np.float32)
    y = (scores[:, 0] > 0).astype(np.int64) if classes < 3 else scores.argmax(axis=1)
    y[:classes] = np.arange(classes)[: len(y)]  # every class occurs, however few the samples
    return Data(x, y)


def first_weights(sizes: Sequence[int]) -> list[Array]:
    """`[kernel (inputs, units), bias (units,), ...]`, float32, with hidden kernels as He et al. draw them."""
    random = np.random.default_rng(1)
    weights: list[Array] = []
    for inputs, units in pairwise(sizes):
        scale = np.float32(np.sqrt(2 / inputs))
        weights += [scale * random.standard_normal((inputs, units), dtype=np.float32), np.zeros(units, np.float32)]
    return weights


def loss(weights: Sequence[Array], data: Data) -> float:
    """Mean cross-entropy in double precision."""
    a = data.x.astype(np.float64)
    for index in range(0, len(weights), 2):
        a = a @ weights[index].astype(np.float64) + weights[index + 1]
        a = np.maximum(a, 0) if index + 2 < len(weights) else a
    if a.shape[1] == 1:
        return float(np.mean(np.logaddexp(0, a[:, 0]) - data.y * a[:, 0]))
    a -= a.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(a).sum(axis=1)) - a[np.arange(len(a)), data.y]))
