"""scikit-learn's MLPClassifier: float32, no shuffling, no validation, no regularization, one call of `fit`."""

from __future__ import annotations

import warnings

import numpy as np
import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from ..workloads import Array, Data, Training
from . import Answer, Contestant

NAME = "scikit-learn"


def version() -> str:
    """The library's version."""
    return sklearn.__version__


def _first_fit(model: MLPClassifier, x: Array, y: Array, weights: list[Array]) -> None:
    """Makes scikit-learn set itself up; from then on it starts where its weights are."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.set_params(max_iter=1).fit(x, y)
    _set(model, weights)


def _set(model: MLPClassifier, weights: list[Array]) -> None:
    model.coefs_ = [kernel.copy() for kernel in weights[::2]]
    model.intercepts_ = [bias.copy() for bias in weights[1::2]]


def training(task: Training, data: Data, weights: list[Array]) -> list[Contestant]:
    """Ways to run the task."""
    model = MLPClassifier(
        task.sizes[1:-1],
        solver=task.optimizer,
        alpha=0,
        batch_size=task.batch,
        learning_rate_init=task.rate,
        shuffle=False,
        tol=0,
        n_iter_no_change=10**9,
        momentum=0,
        nesterovs_momentum=False,
        warm_start=True,
    )
    _first_fit(model, data.x, data.y, weights)
    model.set_params(max_iter=task.epochs)

    def run() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(data.x, data.y)

    def now() -> list[Array]:
        return [array for pair in zip(model.coefs_, model.intercepts_, strict=True) for array in pair]

    return [Contestant(NAME, lambda: _set(model, weights), run, now)]


def answering(weights: list[Array]) -> Answer:
    """A function from one sample to its output."""
    classes = max(len(weights[-1]), 2)
    model = MLPClassifier([len(bias) for bias in weights[1:-1:2]], warm_start=True)
    x = np.zeros((classes, len(weights[0])), np.float32)
    _first_fit(model, x, np.arange(classes), weights)
    return model.predict_proba
