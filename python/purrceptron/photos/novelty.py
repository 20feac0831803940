"""How unlike the training photos a photo is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from .._arrays import Array
from ..kernels import initialize
from ..layers import Dense
from ..model import Sequential
from .parts import first_dense_network
from .texture import LEAST_SIZE, numbers_of_texture, texture

__all__ = ["FirstLayer", "Novelty"]

Floats = NDArray[np.float64]

# Below so many photos nothing can be said about what is usual.
_LEAST_PHOTOS = 20
# Photos that the statistics are of, evenly spaced in a larger set.
_MOST_PHOTOS = 5000
_AT_A_TIME = 256
# Numbers to which the outputs of wider first layers are projected: a model file stays small.
_MOST_DIRECTIONS = 32
_FOLDS = 10
# Share of photos as those of the training that are within either border: 5 of 100 are beyond one of them at most.
_WITHIN = 0.975
# Deviation of each number that is taken at least: where training photos are all alike, the border has some width.
_LEAST_TEXTURE = 0.01
_LEAST_VARIANCE = 1e-6
# Beyond this a distance says no more; a damaged border must not give infinities.
_FARTHEST = 1e6


class FirstLayer:
    """What the first dense layer of every network makes of its input, before the activation.

    Args:
        models: The networks of a classifier.
    """

    def __init__(self, models: Sequence[Sequential]) -> None:
        found = [first_dense_network(model) for model in models]
        self._networks = [network for network in found if network is not None]
        width = sum(network.outputs for network in self._networks)
        self._directions: Array | None = None
        if width > _MOST_DIRECTIONS:
            self._directions = initialize(width, _MOST_DIRECTIONS, initializer="orthogonal", dtype="float64")

    def __call__(self, inputs: Array) -> Floats:
        """What they make of photos, `(photos, numbers)`; of more than 32 units, their shadow on 32 fixed directions."""
        if not self._networks:
            return np.empty((len(inputs), 0))
        seen = np.concatenate([network.predict(inputs) for network in self._networks], axis=1).astype(np.float64)
        return seen if self._directions is None else np.asarray(_core.matmul(seen, self._directions))


@dataclass(frozen=True, eq=False)
class Border:
    """Where the usual ends: the ellipsoid `|factor⁻¹ (x - mean)| = limit`.

    Attributes:
        mean: `(numbers,)`.
        factor: Lower triangular with `factor · factorᵀ` the covariance, `(numbers, numbers)`.
        limit: The Mahalanobis distance that counts as 1.
    """

    mean: Floats
    factor: Floats
    limit: float

    @classmethod
    def learn(cls, samples: Floats, least_deviation: float) -> Border:
        """The border that a share of 0.975 of samples like these are within.

        The distances of a sample from a mean and a covariance that it had a part in are too small, so each tenth is
        measured with those of the other nine.
        """
        fold = np.arange(len(samples)) % _FOLDS
        distances = np.empty(len(samples))
        for k in range(_FOLDS):
            mean, factor = _spread(samples[fold != k], least_deviation)
            distances[fold == k] = cls(mean, factor, 1.0).distance(samples[fold == k])
        limit = float(np.quantile(distances, _WITHIN, method="higher"))
        return cls(*_spread(samples, least_deviation), max(limit, 1.0))

    def distance(self, samples: Floats) -> Floats:
        """Distance of each sample from the mean, `(samples,)`; 1 is the border."""
        rest = samples - self.mean
        with np.errstate(all="ignore"):
            for j in range(len(self.mean)):  # forward substitution, element by element: the same bits everywhere
                rest[:, j] /= self.factor[j, j]
                rest[:, j + 1 :] -= rest[:, j, None] * self.factor[j + 1 :, j]
            distance = np.sqrt((rest**2).sum(axis=1)) / self.limit
        return np.asarray(np.minimum(np.nan_to_num(distance, nan=_FARTHEST), _FARTHEST))

    def to_json(self) -> dict[str, Any]:
        """As plain numbers; of the factor the lower triangle, row by row."""
        rows = self.factor[np.tril_indices(len(self.mean))]
        return {"mean": self.mean.tolist(), "factor": rows.tolist(), "limit": self.limit}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], numbers: int) -> Border:
        """The reverse of `to_json`.

        Raises:
            ValueError: It is no border of so many numbers.
        """
        mean, rows = (np.array(fields[name], np.float64) for name in ("mean", "factor"))
        limit = float(fields["limit"])
        if mean.shape != (numbers,) or rows.shape != (numbers * (numbers + 1) // 2,):
            raise ValueError(f"novelty: a mean of shape {mean.shape} with a factor of shape {rows.shape}")
        factor = np.zeros((numbers, numbers))
        factor[np.tril_indices(numbers)] = rows
        finite = np.isfinite(mean).all() and np.isfinite(rows).all() and np.isfinite(limit)
        if not finite or not (factor.diagonal() > 0).all() or not limit > 0:
            raise ValueError("novelty: a mean, factor or limit that none can be")
        return cls(mean, factor, limit)


@dataclass(frozen=True, eq=False)
class Novelty:
    """What the training photos are like, to tell photos that are not.

    Attributes:
        layer: Border of what the first layer makes of them; None if no layer is dense.
        texture: Border of their texture, see `texture`: a layer of 20 units sees 20 directions of 12,288, in which
            noise looks like an average photo.
    """

    layer: Border | None
    texture: Border

    @classmethod
    def learn(cls, pictures: Array, inputs: Array, seen: Callable[[Array], Array]) -> Novelty | None:
        """The borders of training photos; None if they are fewer than 20, or smaller than 4 pixels.

        Args:
            pictures: `(photos, height, width, channels)`.
            inputs: What networks see of them, `(photos, ...)`.
            seen: Gives what the first layer makes of such inputs, `(photos, numbers)`.
        """
        if len(pictures) < _LEAST_PHOTOS or min(pictures.shape[1:3]) < LEAST_SIZE:
            return None
        count = min(len(pictures), _MOST_PHOTOS)
        places = np.arange(count) * len(pictures) // count
        chunks = [places[i : i + _AT_A_TIME] for i in range(0, count, _AT_A_TIME)]
        outputs = np.concatenate([np.asarray(seen(inputs[chunk]), np.float64) for chunk in chunks])
        textures = np.concatenate([texture(pictures[chunk]) for chunk in chunks])
        least = 1e-3 * float(np.sqrt((outputs**2).mean())) + 1e-12 if outputs.size else 0.0
        if not np.isfinite(least):
            return None
        layer = Border.learn(outputs, least) if outputs.size else None
        return cls(layer, Border.learn(textures, _LEAST_TEXTURE))

    def of(self, pictures: Array, inputs: Array, seen: Callable[[Array], Array]) -> Floats:
        """The larger of both distances, `(photos,)`; 1 is the border.

        Args:
            pictures: As of `learn`, as the others.
        """
        answers = [np.empty(0)]
        for start in range(0, len(pictures), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            unlike = self.texture.distance(texture(pictures[some]))
            if self.layer is not None:
                unlike = np.maximum(unlike, self.layer.distance(np.asarray(seen(inputs[some]), np.float64)))
            answers.append(unlike)
        return np.concatenate(answers)

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return {"layer": None if self.layer is None else self.layer.to_json(), "texture": self.texture.to_json()}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], size: int, models: Sequence[Sequential]) -> Novelty:
        """The reverse of `to_json`, for photos of `size` pixels and the networks that go with it.

        Raises:
            ValueError: The numbers make no sense.
        """
        if size < LEAST_SIZE:
            raise ValueError(f"novelty: of pictures of {size} pixels nothing can be told")
        dense = (next((layer.units for layer in model.layers if isinstance(layer, Dense)), 0) for model in models)
        outputs = min(sum(dense), _MOST_DIRECTIONS)
        layer = Border.from_json(fields["layer"], outputs) if outputs else None
        return cls(layer, Border.from_json(fields["texture"], numbers_of_texture(size)))


def _spread(samples: Floats, least_deviation: float) -> tuple[Floats, Floats]:
    """Mean, and lower triangular factor of the covariance.

    The correlations are shrunk towards none as far as so few samples make them doubtful (Ledoit and Wolf, 2004, "A
    well-conditioned estimator for large-dimensional covariance matrices").
    """
    count, numbers = samples.shape
    mean = samples.mean(axis=0)
    deviation = np.maximum(np.sqrt(((samples - mean) ** 2).mean(axis=0)), least_deviation)
    scaled = (samples - mean) / deviation
    matrix = np.asarray(_core.matmul(np.ascontiguousarray(scaled.T), scaled)) / count
    average = matrix.trace() / numbers
    target = average * np.eye(numbers)
    apart = ((matrix - target) ** 2).sum()
    doubt = (((scaled**2).sum(axis=1) ** 2).sum() / count - (matrix**2).sum()) / count
    shrinkage = min(max(doubt / apart, 0.0), 1.0) if apart > 0 else 1.0
    shrunk = (1 - shrinkage) * matrix + shrinkage * target + _LEAST_VARIANCE * np.eye(numbers)
    return mean, deviation[:, None] * _cholesky(shrunk)


def _cholesky(matrix: Floats) -> Floats:
    """Lower triangular factor, element by element: the same bits everywhere."""
    rest, factor = matrix.copy(), np.zeros_like(matrix)
    for j in range(len(matrix)):
        factor[j:, j] = rest[j:, j] / np.sqrt(rest[j, j])
        rest[j:, j:] -= factor[j:, j, None] * factor[j:, j]
    return factor
