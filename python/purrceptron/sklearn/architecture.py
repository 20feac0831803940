"""From an estimator's parameters to layers, loss and optimizer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import losses, optimizers
from ..activations import ActivationFunction
from ..layers import Activation, BatchNorm, Dense, Dropout, Layer, LayerNorm, RMSNorm
from ..losses import Loss, as_loss
from ..optimizers import SGD, Adam, Optimizer, as_optimizer
from ..schedules import Schedule

__all__ = ["NORMALIZATIONS", "hidden_units", "layers", "objective", "optimizer"]

NORMALIZATIONS = {"batch": BatchNorm, "layer": LayerNorm, "rms": RMSNorm}


def hidden_units(sizes: Any) -> list[int]:
    """Units of the hidden layers, from a number or several."""
    units = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(units) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {units}.")
    return units


def layers(
    units: Sequence[int],
    activation: Any,
    last: str,
    *,
    dropout: float | Sequence[float] = 0.0,
    normalization: str | None = None,
) -> list[Layer]:
    """Dense layers of so many units, the outputs among them; what each hidden one is followed by.

    The kernels begin at 0, which costs nothing: the estimator draws its own.
    """
    hidden = len(units) - 1
    activations = _for_each(activation, hidden, "activation")
    rates = _for_each(dropout, hidden, "dropout")
    found: list[Layer] = []
    for size, function, rate in zip(units, activations, rates, strict=False):
        name = "sigmoid" if isinstance(function, str) and function == "logistic" else function
        if normalization is None:
            found.append(Dense(int(size), name, kernel_initializer="zeros"))
        else:
            found += [Dense(int(size), kernel_initializer="zeros"), NORMALIZATIONS[normalization](), Activation(name)]
        if rate:
            found.append(Dropout(rate))
    return [*found, Dense(int(units[-1]), last, kernel_initializer="zeros")]


def _for_each(value: Any, count: int, name: str) -> list[Any]:
    if isinstance(value, str | ActivationFunction) or not hasattr(value, "__len__"):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name}: expected one for each of the {count} hidden layers, got {len(value)}")
    return list(value)


def objective(loss: Any, last: str, outputs: int) -> tuple[Loss, float, float]:
    """The core's loss, and what it and its gradient are multiplied by to be scikit-learn's.

    scikit-learn sums over the outputs, except in the value of the squared error, whose gradient is that of the sum.
    """
    if loss == "log_loss":
        if last == "softmax":
            return losses.CrossEntropy(), 1.0, 1.0
        return losses.BinaryCrossEntropy(), outputs, outputs
    if loss == "squared_error":
        return losses.MeanSquaredError(), 0.5, outputs / 2
    if loss == "poisson":
        return losses.PoissonDeviance(), outputs, outputs
    return as_loss(loss), 1.0, 1.0


def described_objective(value: float, gradient: float, alpha: float) -> str:
    """The JSON that the core reads."""
    return json.dumps({"loss": float(value), "gradient": float(gradient), "alpha": float(alpha)})


def optimizer(estimator: Any) -> Optimizer:
    """The optimizer of an estimator's `solver`, with the settings that it has parameters for."""
    solver = estimator.solver
    rate: Any = (
        estimator.learning_rate if isinstance(estimator.learning_rate, Schedule) else estimator.learning_rate_init
    )
    if isinstance(rate, np.generic):
        rate = rate.item()
    if solver == "sgd":
        momentum = float(estimator.momentum)
        found: Optimizer = SGD(rate, momentum, bool(estimator.nesterovs_momentum) and momentum > 0)
    elif solver == "adam":
        betas = float(estimator.beta_1), float(estimator.beta_2)
        found = Adam(rate, *betas, float(estimator.epsilon), epsilon_hat=True)
    elif isinstance(solver, str):
        kind = {kind.type_name(): kind for kind in optimizers.Optimizer.__subclasses__()}[solver]
        known = {field.name for field in dataclasses.fields(kind)}
        shared = {name: getattr(estimator, name) for name in ("beta_1", "beta_2", "epsilon") if name in known}
        found = as_optimizer(solver, learning_rate=rate, **shared)
    else:
        found = solver
    clips = {name: getattr(estimator, name) for name in ("clip_norm", "clip_value")}
    given: dict[str, Any] = {name: float(limit) for name, limit in clips.items() if limit is not None}
    return dataclasses.replace(found, **given) if given else found
