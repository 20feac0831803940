"""Small and medium neural networks from first principles: fast, bit-reproducible, safe."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _core, activations, callbacks, initializers, kernels, losses, schedules
from .activations import CELU, ELU, LeakyReLU, PReLU
from .callbacks import Callback, EarlyStopping, Progress, ProgressBar
from .errors import DataError, DivergedError, ModelFileError
from .files import load
from .layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    Layer,
    LayerNorm,
    Normalize,
    Rescale,
    Residual,
    RMSNorm,
)
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
    from .diagnosis import doctor
    from .gradient_check import check_gradients
    from .photos import CatClassifier, PhotoClassifier

__version__ = _core.version()

__all__ = [
    "CELU",
    "ELU",
    "EMA",
    "LBFGS",
    "RPROP",
    "SGD",
    "SWA",
    "AMSGrad",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "AlphaDropout",
    "Average",
    "BatchNorm",
    "Callback",
    "CatClassifier",
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "DataError",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Flatten",
    "GaussianNoise",
    "History",
    "InverseTimeDecay",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearningRates",
    "Lion",
    "ModelFileError",
    "MultiStepDecay",
    "NAdam",
    "Normalize",
    "OneCycle",
    "Optimizer",
    "PReLU",
    "PhotoClassifier",
    "PolynomialDecay",
    "Progress",
    "ProgressBar",
    "RMSNorm",
    "RMSprop",
    "ReduceOnPlateau",
    "Rescale",
    "Residual",
    "Schedule",
    "Sequential",
    "StepDecay",
    "Trainer",
    "WarmUp",
    "__version__",
    "activations",
    "callbacks",
    "check_gradients",
    "datasets",
    "doctor",
    "find_learning_rate",
    "fit_many",
    "images",
    "initializers",
    "kernels",
    "load",
    "losses",
    "metrics",
    "photos",
    "schedules",
]

# Loaded when they are first asked for: importing the library loads NumPy and itself, nothing more.
_LAZY = {"CatClassifier": "photos", "PhotoClassifier": "photos", "check_gradients": "gradient_check"}
_LAZY |= {"doctor": "diagnosis"}
_LAZY |= {name: name for name in ("datasets", "images", "metrics", "photos")}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_LAZY[name]}", __name__)
    return module if _LAZY[name] == name else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
