"""Small and medium neural networks from first principles: fast, bit-reproducible, safe."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _core, callbacks, kernels, losses, schedules
from .callbacks import Callback, EarlyStopping, Progress, ProgressBar
from .errors import DataError, DivergedError, ModelFileError
from .files import load
from .layers import Dense, Layer, Rescale
from .lbfgs import LBFGS
from .learning_rates import LearningRates, find_learning_rate
from .many import fit_many
from .model import Sequential
from .optimizers import (
    EMA,
    RPROP,
    SGD,
    SWA,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    Average,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
)
from .schedules import (
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    MultiStepDecay,
    OneCycle,
    PolynomialDecay,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from .trainer import History, Trainer

if TYPE_CHECKING:
    from . import datasets, images, metrics, photos
    from .photos import CatClassifier, PhotoClassifier

__version__ = _core.version()

__all__ = [
    "EMA",
    "LBFGS",
    "RPROP",
    "SGD",
    "SWA",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Average",
    "Callback",
    "CatClassifier",
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "DataError",
    "Dense",
    "DivergedError",
    "EarlyStopping",
    "ExponentialDecay",
    "History",
    "InverseTimeDecay",
    "Layer",
    "LearningRates",
    "Lion",
    "ModelFileError",
    "MultiStepDecay",
    "NAdam",
    "OneCycle",
    "Optimizer",
    "PhotoClassifier",
    "PolynomialDecay",
    "Progress",
    "ProgressBar",
    "RMSprop",
    "ReduceOnPlateau",
    "Rescale",
    "Schedule",
    "Sequential",
    "StepDecay",
    "Trainer",
    "WarmUp",
    "__version__",
    "callbacks",
    "datasets",
    "find_learning_rate",
    "fit_many",
    "images",
    "kernels",
    "load",
    "losses",
    "metrics",
    "photos",
    "schedules",
]

# Loaded when they are first asked for: importing the library loads NumPy and itself, nothing more.
_LAZY = {"CatClassifier": "photos", "PhotoClassifier": "photos"}
_LAZY |= {name: name for name in ("datasets", "images", "metrics", "photos")}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LAZY[name]}", __name__)
    return module if _LAZY[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
