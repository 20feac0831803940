"""Optimizers, as descriptions: how a gradient moves the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._spec import Spec

__all__ = ["SGD", "Adam", "Optimizer"]


class Optimizer(Spec):
    """What all optimizers are; use one of the others."""


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * gradient`.

    With momentum, `v = momentum * v - learning_rate * gradient` and `w += v`; with Nesterov's look-ahead (Sutskever et
    al., 2013), `w += momentum * v - learning_rate * gradient`.

    Args:
        learning_rate: Length of a step, above 0. The default suits momentum on scaled data.
        momentum: Share of the last step that is kept, 0 (none, the default) to below 1.
        nesterov: Whether the gradient counts as taken after the momentum's part of the step.
    """

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015): steps scaled by decaying means of the gradient and of its square.

    Args:
        learning_rate: Length of a step, above 0.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the mean of its square, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
        epsilon_hat: Add epsilon to the uncorrected root (scikit-learn's form) instead of the corrected one (the paper's
            algorithm 1, the default).
    """

    learning_rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False


def as_optimizer(optimizer: str | Optimizer, **settings: Any) -> Optimizer:
    """The optimizer itself, or the one of that name with these settings."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    known = {kind.type_name(): kind for kind in Optimizer.__subclasses__()}
    if optimizer not in known:
        raise ValueError(
            f"unknown optimizer {optimizer!r}; known: {', '.join(known)}, or an object such as purr.Adam(1e-3)"
        )
    return known[optimizer](**settings)
