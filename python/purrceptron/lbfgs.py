"""L-BFGS: SciPy's, over the loss and the gradient of this library."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import Array
from ._spec import check_whole
from .errors import DivergedError

if TYPE_CHECKING:
    from .trainer import Labels, Trainer

__all__ = ["LBFGS"]


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS (Liu and Nocedal, 1989), as SciPy has it: for small data, all samples in every step.

    An epoch is an iteration, with as many evaluations of the loss as its line search takes; `batch_size` and `shuffle`
    are of no account. It remembers nothing from one `fit` to the next. Needs SciPy (`pip install purrceptron[scipy]`).

    Args:
        memory: Pairs of steps and gradients that the approximation is made of.
        tolerance: It stops when the loss becomes smaller by no more than this share of itself.
        gradient_tolerance: It stops when no element of the gradient is larger.
    """

    memory: int = 10
    tolerance: float = 1e-9
    gradient_tolerance: float = 1e-6

    def __post_init__(self) -> None:
        object.__setattr__(self, "memory", check_whole("LBFGS: memory", self.memory, 1))
        for name in ("tolerance", "gradient_tolerance"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"LBFGS: {name} must be at least 0, got {getattr(self, name)}")


def run(
    optimizer: LBFGS,
    trainer: Trainer,
    arrays: tuple[Array, Labels],
    validation: tuple[Array, Labels] | None,
    options: dict[str, Any],
    watch: Callable[..., bool] | None,
) -> dict[str, Any]:
    """Train; gives what the core's `fit` gives, and calls `watch` as it does."""
    try:
        from scipy.optimize import minimize
    except ImportError as error:
        raise ImportError("purr.LBFGS needs SciPy: pip install purrceptron[scipy]") from error
    core, network, names = trainer._core, trainer.model._built(), options["metrics"]
    begun = time.perf_counter()
    history: dict[str, Any] = {"loss": [], "val_loss": [], "learning_rate": []}
    history |= {name: [] for name in names} | {f"val_{name}": [] for name in names}
    before = network.parameters()

    def value(weights: Array) -> tuple[float, Array]:
        network.set_parameters(weights.astype(before.dtype))
        loss, gradient = core.loss_and_gradient(*arrays)
        return loss, gradient.astype(np.float64)

    def epoch_end(intermediate_result: Any) -> None:
        network.set_parameters(intermediate_result.x.astype(before.dtype))
        loss, scores = core.evaluate(*arrays, names)
        val_loss, val_scores = (None, None) if validation is None else core.evaluate(*validation, names)
        history["loss"].append(loss)
        for name, score in zip(names, scores, strict=True):
            history[name].append(score)
        if val_loss is not None and val_scores is not None:
            history["val_loss"].append(val_loss)
            for name, score in zip(names, val_scores, strict=True):
                history[f"val_{name}"].append(score)
        if watch is not None and watch(len(history["loss"]) - 1, loss, scores, val_loss, val_scores):
            raise StopIteration

    settings = {"maxiter": options["epochs"], "maxcor": optimizer.memory, "ftol": optimizer.tolerance}
    settings |= {"gtol": optimizer.gradient_tolerance, "maxfun": 20 * options["epochs"] + 20}
    if options["epochs"]:
        found = minimize(
            value, before.astype(np.float64), jac=True, method="L-BFGS-B", callback=epoch_end, options=settings
        )
        if not np.isfinite(found.fun) or not np.isfinite(found.x).all():
            network.set_parameters(before)
            raise DivergedError("training diverged: L-BFGS met a loss that is not finite; scale the inputs")
        network.set_parameters(found.x.astype(before.dtype))
    seconds = time.perf_counter() - begun
    return {**history, "solver": "direct", "solver_reason": "L-BFGS", "seconds": seconds}
