"""A photo classifier as the notes of a model file: one JSON object, and back."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..augmentation import Augmentation, as_augmentation
from ..errors import ModelFileError, told
from ..images.reading import channels_of, check_image_options
from ..model import Sequential
from ..optimizers import Optimizer, as_optimizer
from .calibration import Calibration
from .cats import CatClassifier
from .classes import Classes
from .classifier import PhotoClassifier
from .curves import checked_curves
from .network import input_shape
from .novelty import Novelty
from .pictures import among_hashes, unpack_signatures
from .training import TrainingSummary

_KEY = "photo_classifier"
# Those of ten thousand classes; small JSON is large in memory.
_MOST_VALUES = 2**15
# Settings of the machine, which say nothing about the model.
_LEFT_OUT = ("n_threads",)


def to_notes(classifier: PhotoClassifier) -> dict[str, str]:
    """Everything of a classifier but its networks."""
    settings = {name: value for name, value in classifier.get_params().items() if name not in _LEFT_OUT}
    fields = {
        "kind": "CatClassifier" if isinstance(classifier, CatClassifier) else "PhotoClassifier",
        "settings": settings,
        "classes": dataclasses.asdict(classifier._classes),
        "training": classifier.training_,
    }
    if classifier.calibration_ is not None:
        fields["calibration"] = classifier.calibration_.to_json()
    if classifier._novelty is not None:
        fields["novelty"] = classifier._novelty.to_json()
    return {_KEY: json.dumps(fields, default=_to_json)}


def from_notes(
    models: tuple[Sequential, ...], notes: Mapping[str, str], path: str | os.PathLike[str]
) -> PhotoClassifier:
    """The classifier of a model file, of one network or of several of one description.

    Raises:
        ModelFileError: The notes do not parse, or do not fit the network.
    """
    try:
        text = notes[_KEY]
        if sum(map(text.count, ",[{")) > _MOST_VALUES:
            raise ValueError(f"more than {_MOST_VALUES} values")
        return _from_json(models, json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, OverflowError) as error:
        raise ModelFileError(
            f"{os.fspath(path)}: its notes on the photo classifier do not make sense ({told(error)})"
        ) from error


def _from_json(models: tuple[Sequential, ...], fields: dict[str, Any]) -> PhotoClassifier:
    kind = {"PhotoClassifier": PhotoClassifier, "CatClassifier": CatClassifier}[fields["kind"]]
    settings = dict(fields["settings"])
    if isinstance(settings["network"], list):
        settings["network"] = tuple(settings["network"])
    if isinstance(settings["optimizer"], dict):
        described = dict(settings["optimizer"])
        settings["optimizer"] = as_optimizer(described.pop("type"), **described)
    settings["augmentation"] = as_augmentation(settings.get("augmentation"))
    classifier = kind(**settings)
    check_image_options(classifier.image_size, classifier.color, classifier.image_fit)
    shape = input_shape(classifier.features, classifier.image_size, channels_of(classifier.color))
    if not isinstance(classifier.mirror, bool):
        raise ValueError(f"mirror is {classifier.mirror!r}, neither true nor false")
    model = models[0]
    if model.input_shape != shape:
        raise ValueError(f"inputs of {shape}, but a network for {model.input_shape}")
    classes = Classes(**fields["classes"])
    classes = Classes(tuple(classes.names), tuple(classes.numbered), bool(classes.answers_names))
    names = classes.names
    if not all(isinstance(name, str) for name in names) or sorted(names) != sorted(set(classes.numbered)):
        raise ValueError("the class names are no list of different names")
    if len(names) < 2 or model.outputs != (1 if len(names) == 2 else len(names)):
        raise ValueError(f"{len(names)} classes, but a network of {model.outputs} outputs")
    classifier.models_, classifier._classes = models, classes
    classifier.training_ = _summary(fields["training"], len(names))
    if "calibration" in fields:
        classifier.calibration_ = Calibration.from_json(fields["calibration"], len(names))
    if "novelty" in fields:
        classifier._novelty = Novelty.from_json(fields["novelty"], classifier.image_size, classifier.models_)
    return classifier


def _summary(fields: dict[str, Any], classes: int) -> TrainingSummary:
    costs = [None if fields[name] is None else float(fields[name]) for name in ("first_cost", "last_cost")]
    photos = [int(count) for count in fields["photos"]]
    if len(photos) != classes:
        raise ValueError(f"{classes} classes, but photos of {len(photos)}")
    hashes, signatures = (str(fields.get(name, "")) for name in ("photo_hashes", "photo_signatures"))
    among_hashes(np.empty(0, np.uint64), hashes)  # refuses what is none
    unpack_signatures(signatures)
    return {
        "photos": photos,
        "epochs": int(fields["epochs"]),
        "first_cost": costs[0],
        "last_cost": costs[1],
        "accuracy": float(fields["accuracy"]),
        "data_sha256": str(fields["data_sha256"]),
        "photo_hashes": hashes,
        "photo_signatures": signatures,
        "curves": checked_curves(fields.get("curves", {})),
    }


def _to_json(value: object) -> object:
    if isinstance(value, Optimizer | Augmentation):
        return value.to_dict()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a setting of {type(value)} cannot be saved: {value!r}")
