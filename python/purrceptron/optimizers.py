"""Optimizers, as descriptions: how a gradient moves the weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ._spec import Spec, optional
from .schedules import Schedule, as_schedule

__all__ = [
    "RPROP",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "NAdam",
    "Optimizer",
    "RMSprop",
]


class Average(Spec):
    """What averages of the weights are; use one of the others.

    An optimizer takes one: `purr.Adam(average=purr.EMA(0.999))`. Validation, callbacks and the network after training
    have the average, while the training itself goes on from the weights.
    """


class EMA(Average):
    """Exponential moving average, `a = decay a + (1 - decay) w` after every step (Polyak and Juditsky, 1992).

    Args:
        decay: Share of the average that a step keeps, above 0 and below 1.
    """

    decay: float = 0.999


class SWA(Average):
    """Mean of the weights after every step but the first `start` ones (Izmailov et al., 2018).

    Args:
        start: Steps that are left out.
    """

    start: int = 0


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
        average: An average of the weights, `purr.EMA(0.999)` or `purr.SWA(1000)`, to be left behind in their place.
    """

    weight_decay: float = optional(0.0, absent=0.0, kw_only=True)
    clip_norm: float | None = optional(kw_only=True)
    clip_value: float | None = optional(kw_only=True)
    layer_rates: Mapping[int, float] = dataclasses.field(
        default_factory=dict, metadata={"absent": {}}, kw_only=True, hash=False
    )
    average: Average | None = dataclasses.field(default=None, metadata={"absent": None}, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layer_rates", {int(layer): rate for layer, rate in self.layer_rates.items()})
        if isinstance(rate := getattr(self, "learning_rate", None), Mapping):
            object.__setattr__(self, "learning_rate", as_schedule(rate))
        if isinstance(average := self.average, Mapping):
            kinds = {kind.type_name(): kind for kind in Average.__subclasses__()}
            settings = dict(average)
            object.__setattr__(self, "average", kinds[settings.pop("type")](**settings))

    def __repr__(self) -> str:
        common = [field.name for field in dataclasses.fields(Optimizer)]
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own = [f"{name}={value!r}" for name, value in fields.items() if name not in common]
        usual = type(self)()
        changed = [f"{name}={fields[name]!r}" for name in common if fields[name] != getattr(usual, name)]
        return f"{type(self).__name__}({', '.join(own + changed)})"


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


class AMSGrad(Optimizer):
    """Adam with the largest mean square so far (Reddi, Kale and Kumar, 2018), bias-corrected.

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the mean of its square, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
    """

    learning_rate: float | Schedule = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


class AdamW(Optimizer):
    """Adam beside decoupled decay (Loshchilov and Hutter, 2019).

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the mean of its square, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
        weight_decay: Decay of the kernels, `w -= learning_rate * weight_decay * w`.
    """

    learning_rate: float | Schedule = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = optional(0.01, absent=0.0, kw_only=True)


class NAdam(Optimizer):
    """Adam with Nesterov's look-ahead (Dozat, 2016), with a constant `beta_1`.

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the mean of its square, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
    """

    learning_rate: float | Schedule = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


class Adamax(Optimizer):
    """Adam in the maximum norm (Kingma and Ba, 2015, algorithm 2).

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        beta_1: Decay of the mean of the gradient, 0 to below 1.
        beta_2: Decay of the greatest magnitude, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
    """

    learning_rate: float | Schedule = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8


class RMSprop(Optimizer):
    """RMSprop (Tieleman and Hinton, 2012): `w -= learning_rate * g / (sqrt(v) + epsilon)`, v the decaying mean of g².

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        rho: Decay of the mean, 0 to below 1.
        epsilon: Keeps the quotient finite, above 0.
        momentum: Share of the last step that is kept, 0 to below 1.
        centered: Subtract the square of the mean gradient from v (Graves, 2013).
    """

    learning_rate: float | Schedule = 1e-3
    rho: float = 0.9
    epsilon: float = 1e-8
    momentum: float = 0.0
    centered: bool = False


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011): `w -= learning_rate * g / (sqrt(a) + epsilon)`, a the sum of g².

    Args:
        learning_rate: Length of a step, above 0, or a schedule.
        epsilon: Keeps the quotient finite, above 0.
    """

    learning_rate: float | Schedule = 0.01
    epsilon: float = 1e-10


class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012): steps in the proportion of the means of earlier steps and gradients.

    Args:
        learning_rate: What the paper's step is multiplied by, above 0, or a schedule.
        rho: Decay of the means, 0 to below 1.
        epsilon: Begins the steps, and keeps the quotient finite, above 0.
    """

    learning_rate: float | Schedule = 1.0
    rho: float = 0.95
    epsilon: float = 1e-6


class Lion(Optimizer):
    """Lion (Chen et al., 2023): steps of one length, along the sign of a mean gradient.

    Args:
        learning_rate: Length of a step, above 0, or a schedule; a tenth of what suits Adam.
        beta_1: Share of the mean in the step's direction, 0 to below 1.
        beta_2: Decay of the mean, 0 to below 1.
    """

    learning_rate: float | Schedule = 1e-4
    beta_1: float = 0.9
    beta_2: float = 0.99


class RPROP(Optimizer):
    """Resilient propagation (Riedmiller and Braun, 1993; iRprop- of Igel and Hüsken, 2003), for full batches.

    Each weight has a step of its own, which grows while the gradient keeps its sign and shrinks when it changes.

    Args:
        learning_rate: The first step of every weight, above 0.
        shrinkage: What a step is multiplied by after a change of sign, above 0 and below 1.
        growth: What a step is multiplied by while the sign stays, above 1.
        shortest: The shortest step.
        longest: The longest step.
    """

    learning_rate: float | Schedule = 0.01
    shrinkage: float = 0.5
    growth: float = 1.2
    shortest: float = 1e-6
    longest: float = 50.0


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
