"""Schedules, as descriptions: learning rates that change from step to step.

An optimizer takes one in the place of its learning rate: `purr.SGD(purr.CosineDecay(0.1, 1000))`. `t` is the number of
steps made before; a decay stays at its last rate when its steps are over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ._spec import Spec, check_whole

__all__ = [
    "Constant",
    "CosineDecay",
    "CosineRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "MultiStepDecay",
    "OneCycle",
    "PolynomialDecay",
    "ReduceOnPlateau",
    "Schedule",
    "StepDecay",
    "WarmUp",
]


class Schedule(Spec):
    """What all schedules are; use one of the others."""


class Constant(Schedule):
    """Always the same; a plain number means this.

    Args:
        learning_rate: The rate, above 0.
    """

    learning_rate: float


class StepDecay(Schedule):
    """`learning_rate * factor ** (t // steps)`.

    Args:
        learning_rate: The first rate.
        steps: Steps between two changes.
        factor: What a change multiplies by.
    """

    learning_rate: float
    steps: int
    factor: float = 0.5


class MultiStepDecay(Schedule):
    """`learning_rate * factor ** k`, where k of the boundaries are at most t.

    Args:
        learning_rate: The first rate.
        boundaries: Steps before which the changes come, rising.
        factor: What a change multiplies by.
    """

    learning_rate: float
    boundaries: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))


class ExponentialDecay(Schedule):
    """`learning_rate * factor ** (t / steps)`.

    Args:
        learning_rate: The first rate.
        steps: Steps in which the rate changes by the factor.
        factor: What it is then multiplied by.
    """

    learning_rate: float
    steps: int
    factor: float = 0.5


class PolynomialDecay(Schedule):
    """`end + (learning_rate - end) * (1 - t / steps) ** power`.

    Args:
        learning_rate: The first rate.
        steps: Steps until the end.
        end: The last rate.
        power: 1, the default, is a straight line.
    """

    learning_rate: float
    steps: int
    end: float = 0.0
    power: float = 1.0


class InverseTimeDecay(Schedule):
    """`learning_rate / (1 + factor * t / steps)`.

    Args:
        learning_rate: The first rate.
        steps: Steps in which the divisor grows by the factor.
        factor: By how much.
    """

    learning_rate: float
    steps: int
    factor: float = 1.0


class CosineDecay(Schedule):
    """`end + (learning_rate - end) * (1 + cos(pi t / steps)) / 2` (Loshchilov and Hutter, SGDR, 2017, equation 5).

    Args:
        learning_rate: The first rate.
        steps: Steps until the end.
        end: The last rate.
    """

    learning_rate: float
    steps: int
    end: float = 0.0


class CosineRestarts(Schedule):
    """Cosine decays one after the other (Loshchilov and Hutter, SGDR, 2017).

    Args:
        learning_rate: The first rate.
        steps: Steps of the first decay.
        end: The last rate of every decay.
        period_factor: How many times as long each decay is as the one before it, 1 or more.
        peak_factor: How many times as high its first rate is.
    """

    learning_rate: float
    steps: int
    end: float = 0.0
    period_factor: int = 2
    peak_factor: float = 1.0


class OneCycle(Schedule):
    """Up along half a cosine, then down along another (Smith and Topin, Super-convergence, 2019).

    Args:
        learning_rate: The highest rate.
        steps: Steps of the whole cycle.
        warm_up: Share of the steps that go up.
        start_divisor: Highest by first rate.
        end_divisor: Highest by last rate.
    """

    learning_rate: float
    steps: int
    warm_up: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4


class WarmUp(Schedule):
    """Grows linearly to the first rate of another schedule, `(t + 1) / steps` of it, and goes on with that.

    Args:
        steps: Steps of growth.
        then: What follows, from its beginning: a schedule, or a number.
    """

    steps: int
    then: Schedule | float

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", check_whole("WarmUp: steps", self.steps, 1))
        object.__setattr__(self, "then", as_schedule(self.then))


class ReduceOnPlateau(Schedule):
    """Multiplies the rate by a factor whenever the score has not become better for a while.

    The score is the validation loss if there is one, else the loss.

    Args:
        learning_rate: The first rate.
        factor: What a change multiplies by, above 0 and below 1.
        patience: Epochs without a better score that are waited for.
        min_delta: How much better counts.
        end: The lowest rate.
    """

    learning_rate: float
    factor: float = 0.5
    patience: int = 5
    min_delta: float = 0.0
    end: float = 0.0


def as_schedule(rate: Any) -> Schedule:
    """The schedule itself, the one that JSON describes, or a constant."""
    if isinstance(rate, Schedule):
        return rate
    if isinstance(rate, Mapping):
        kinds = {kind.type_name(): kind for kind in Schedule.__subclasses__()}
        fields = dict(rate)
        schedule: Schedule = kinds[fields.pop("type")](**fields)
        return schedule
    return Constant(float(rate))
