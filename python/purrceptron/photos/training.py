"""Networks for photos, their training, and what is noted of it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from .._arrays import Array
from .._spec import MOST_SEED, check_whole
from ..images.reading import channels_of
from ..many import fit_many
from ..metrics import accuracy
from ..model import Sequential
from ..optimizers import as_optimizer
from ..trainer import History
from .classes import Indices
from .curves import Curves, thinned_curves
from .network import input_shape, photo_layers
from .pictures import data_hash, pack_hashes, pack_signatures, photo_hashes
from .views import mean_probabilities

if TYPE_CHECKING:
    from .classifier import PhotoClassifier

__all__ = ["TrainingSummary", "new_networks", "summary", "train"]


class TrainingSummary(TypedDict):
    """What a classifier was trained on, and how it went; it stands in the model file."""

    photos: list[int]
    epochs: int
    first_cost: float | None
    last_cost: float | None
    accuracy: float
    data_sha256: str
    photo_hashes: str
    photo_signatures: str
    curves: Curves


def new_networks(classifier: PhotoClassifier, classes: int) -> tuple[Sequential, ...]:
    """Networks with their first weights, as the settings say: one, or an ensemble.

    Raises:
        ValueError: A setting is out of range, or the sizes do not fit photos and classes.
    """
    channels = channels_of(classifier.color)
    layers = photo_layers(
        classifier.network,
        image_size=classifier.image_size,
        channels=channels,
        classes=classes,
        kernel_initializer=classifier.kernel_initializer,
        features=classifier.features,
        l2=classifier.l2,
    )
    shape = input_shape(classifier.features, classifier.image_size, channels)
    ensemble = check_whole("ensemble", classifier.ensemble, 1)
    first = check_whole("seed", classifier.seed, 0, MOST_SEED + 1 - ensemble)
    return tuple(Sequential(layers, input_shape=shape, seed=first + i) for i in range(ensemble))


def train(
    classifier: PhotoClassifier,
    models: Sequence[Sequential],
    views: Array,
    targets: Indices,
    *,
    validation_data: tuple[Array, Indices] | None = None,
    **watching: Any,
) -> list[History]:
    """Train networks side by side, as the settings say; a history each.

    Args:
        classifier: Has the settings.
        models: One network, or an ensemble.
        views: As of `photo_views`; every view of a photo is a sample.
        targets: Output that stands for each photo.
        validation_data: `(inputs, targets)`.
        watching: Callbacks and checkpoints, as in `PhotoClassifier.fit`; not for an ensemble.

    Raises:
        ValueError: A setting is out of range.
        DivergedError: The cost is no longer finite.
    """
    settings: dict[str, Any] = {
        "epochs": classifier.epochs,
        "batch_size": classifier.batch_size,
        "optimizer": as_optimizer(classifier.optimizer, learning_rate=classifier.learning_rate),
        "loss": "binary_cross_entropy" if models[0].outputs == 1 else "cross_entropy",
        "validation_data": validation_data,
        "class_weight": classifier.class_weight,
        "n_threads": classifier.n_threads,
        "solver": classifier.solver,
        "augmentation": classifier.augmentation,
        "mixup": classifier.mixup,
    }
    samples, answers = views.reshape(-1, *views.shape[2:]), np.tile(targets, len(views))
    if len(models) > 1:
        return fit_many(models, samples, answers, **settings)
    return [models[0].fit(samples, answers, **settings, **watching)]


def summary(
    classifier: PhotoClassifier,
    models: Sequence[Sequential],
    pictures: Array,
    views: Array,
    targets: Indices,
    histories: Sequence[History],
) -> TrainingSummary:
    """What is noted of a training; without histories it was interrupted."""
    costs = [fmean(losses) for losses in zip(*(history.loss for history in histories), strict=True)]
    probabilities = mean_probabilities(models, views, classifier.n_threads)
    hashes = photo_hashes(pictures)
    return {
        "photos": np.bincount(targets, minlength=probabilities.shape[1]).tolist(),
        "epochs": len(costs),
        "first_cost": costs[0] if costs else None,
        "last_cost": costs[-1] if costs else None,
        "accuracy": accuracy(targets, probabilities.argmax(axis=1)),
        "data_sha256": data_hash(pictures, targets),
        "photo_hashes": pack_hashes(hashes),
        "photo_signatures": pack_signatures(pictures, hashes),
        "curves": thinned_curves(histories),
    }
