"""Small and medium neural networks from first principles: fast, bit-reproducible, safe."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    from . import (
        activations,
        assessment,
        augmentation,
        callbacks,
        datasets,
        explanation,
        images,
        initializers,
        kernels,
        losses,
        metrics,
        photos,
        plots,
        report,
        schedules,
    )
    from .activations import CELU, ELU, LeakyReLU, PReLU
    from .callbacks import Callback, EarlyStopping, Progress, ProgressBar
    from .checkpoints import Checkpoint
    from .diagnosis import doctor
    from .errors import CheckpointError, DataError, DataWarning, DivergedError, ModelFileError
    from .files import load
    from .gradient_check import check_gradients
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
    from .photos import CatClassifier, PhotoClassifier
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
    "Checkpoint",
    "CheckpointError",
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "DataError",
    "DataWarning",
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
    "assessment",
    "augmentation",
    "callbacks",
    "check_gradients",
    "datasets",
    "doctor",
    "explanation",
    "find_learning_rate",
    "fit_many",
    "images",
    "initializers",
    "kernels",
    "load",
    "losses",
    "metrics",
    "photos",
    "plots",
    "report",
    "schedules",
]

# Where the public names are. They are loaded when they are first asked for: importing the library loads the core,
# nothing more.
_MODULES = {
    "activations": "CELU ELU LeakyReLU PReLU",
    "callbacks": "Callback EarlyStopping Progress ProgressBar",
    "checkpoints": "Checkpoint",
    "diagnosis": "doctor",
    "errors": "CheckpointError DataError DataWarning DivergedError ModelFileError",
    "files": "load",
    "gradient_check": "check_gradients",
    "layers": (
        "Activation AlphaDropout BatchNorm Dense Dropout Embedding Flatten GaussianNoise Layer LayerNorm "
        "Normalize RMSNorm Rescale Residual"
    ),
    "lbfgs": "LBFGS",
    "learning_rates": "LearningRates find_learning_rate",
    "many": "fit_many",
    "model": "Sequential",
    "optimizers": "AMSGrad Adadelta Adagrad Adam AdamW Adamax Average EMA Lion NAdam Optimizer RMSprop RPROP SGD SWA",
    "photos": "CatClassifier PhotoClassifier",
    "schedules": (
        "Constant CosineDecay CosineRestarts ExponentialDecay InverseTimeDecay MultiStepDecay OneCycle "
        "PolynomialDecay ReduceOnPlateau Schedule StepDecay WarmUp"
    ),
    "trainer": "History Trainer",
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _PLACES:
        return import_module(f".{name}", __name__)  # a module of the package
    value = globals()[name] = getattr(import_module(f".{_PLACES[name]}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
