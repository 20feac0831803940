"""L-BFGS as scikit-learn calls it: SciPy's, over the loss and the gradient of this library."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from .._arrays import Array
from ..trainer import Trainer

__all__ = ["run"]


def run(estimator: Any, trainer: Trainer, x: Array, labels: Any) -> None:
    """Train the estimator's network, and write its attributes.

    SciPy works in double precision; a network of single precision keeps its type.
    """
    core, network = trainer._core, estimator._core_network()
    before = network.parameters()

    def value(weights: Array) -> tuple[float, Array]:
        network.set_parameters(weights.astype(before.dtype, copy=False))
        loss, gradient = core.loss_and_gradient(x, labels)
        return loss, gradient.astype(np.float64, copy=False)

    def report(intermediate_result: Any) -> None:
        print(f"Loss = {intermediate_result.fun:.8f}")

    found = minimize(
        value,
        before.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=report if estimator.verbose else None,
        options={"maxfun": int(estimator.max_fun), "maxiter": int(estimator.max_iter), "gtol": float(estimator.tol)},
    )
    if not np.isfinite(found.x).all():
        network.set_parameters(before)
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed."
        )
    network.set_parameters(found.x.astype(before.dtype, copy=False))
    estimator._weights.trained()
    estimator.n_iter_ = min(int(found.nit), int(estimator.max_iter))
    estimator.loss_ = found.fun
    if found.status != 0:
        warnings.warn(
            f"lbfgs did not converge (status={found.status}) after {found.nit} iterations: {found.message}. Raise "
            f"max_iter ({estimator.max_iter}) or max_fun ({estimator.max_fun}), or scale the data.",
            ConvergenceWarning,
            stacklevel=5,
        )
