"""Optimizers, as descriptions: how a gradient moves the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._spec import Spec, optional
from .schedules import Schedule, as_schedule

__all__ = ["SGD", "Adam", "Optimizer"]


@dataclass(frozen=True, repr=False)
class Optimizer(Spec):
    """What all optimizers are and take; use one of the others.

    Args:
        learning_rate: Length of a step, above 0, or a schedule such as `purr.CosineDecay(0.1, 1000)`.
        weight_decay: Decoupled decay of the kernels, `w -= learning_rate * weight_decay * w` beside every step
            (Loshchilov and Hutter, 2019).
        clip_norm: Longest gradient, all of it as one vector, that is let through; a longer one is scaled to this length
            (Pascanu et al., 2013).
        clip_value: Largest magnitude of one element of the gradient; what is beyond is cut off, before `clip_norm`.
        layer_rates: What the learning rate is multiplied by in some layers, by their place: `{0: 0.1}`. With 0 a layer
            stays as it is.
    """

    weight_decay: float = optional(0.0, absent=0.0, kw_only=True)
    clip_norm: float | None = optional(kw_only=True)
    clip_value: float | None = optional(kw_only=True)
    layer_rates: Mapping[int, float] = dataclasses.field(
        default_factory=dict, metadata={"absent": {}}, kw_only=True, hash=False
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer_rates", {int(layer): rate for layer, rate in self.layer_rates.items()})
        if isinstance(rate := getattr(self, "learning_rate", None), Mapping):
            object.__setattr__(self, "learning_rate", as_schedule(rate))

    def __repr__(self) -> str:
        common = [field.name for field in dataclasses.fields(Optimizer)]
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own = [f"{name}={value!r}" for name, value in fields.items() if name not in common]
        usual = type(self)()
        changed = [f"{name}={fields[name]!r}" for name in common if fields[name] != getattr(usual, name)]
        return f"{type(self).__name__}({', '.join(own + changed)})"


@dataclass(frozen=True, repr=False)
class SGD(Optimizer):
    """Gradient descent: `w -= learning_rate * gradient`.

    With momentum, `v = momentum * v - learning_rate * gradient` and `w += v`; with Nesterov's look-ahead (Sutskever et
    al., 2013), `w += momentum * v - learning_rate * gradient`.

    Args:
        learning_rate: Length of a step, above 0, or a schedule. The default suits momentum on scaled data.
        momentum: Share of the last step that is kept, 0 (none, the default) to below 1.
        nesterov: Whether the gradient counts as taken after the momentum's part of the step.
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True, repr=False)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015): steps scaled by decaying means of the gradient and of its square.

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the mean of its square, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
        epsilon_hat: Add epsilon to the uncorrected root (scikit-learn's form) instead of the corrected one (the paper's
            algorithm 1, the default).
    """

    learning_rate: float | Schedule = 1e-3
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
