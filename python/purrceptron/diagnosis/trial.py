"""Checks of a network on its data: first weights that saturate, units that are dead, a learning rate that diverges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import kernels
from .._arrays import Array
from ..activations import ActivationFunction
from ..errors import DivergedError
from ..model import Sequential
from ..optimizers import Optimizer
from ..trainer import Trainer
from .case import Case, SkippedError
from .findings import Finding

__all__ = ["dead_units", "diverging_learning_rate", "saturating_initialization"]

_MOST = 512  # samples on which outputs are looked at
_STEPS = 10
_FLAT = 0.01  # of an activation's range: so near to its end it hardly moves
_SATURATED, _CERTAIN = 0.2, 0.5  # share of outputs
_DEAD = 0.75  # share of a layer's units
_WORSE, _LEAP = 1.2, 10.0  # times the first loss: at the end of the trial, and within it
_TRIES = 8  # smaller learning rates, each a third of the one before


def saturating_initialization(case: Case) -> Finding | None:
    """Outputs of bounded activations that begin near the ends of their range, where the gradient is next to none."""
    network = _network(case)
    worst, share = -1, 0.0
    for index, activation, outputs in _outputs(network, case.x[case.some(_MOST)]):
        last = index + 1 == len(network.layers)
        ends = _range(activation) if activation != "softmax" else (0.0, 1.0)
        if ends is None:
            continue
        margin = _FLAT * (ends[1] - ends[0])
        at_end = (outputs > ends[1] - margin) | (outputs < ends[0] + margin)
        if activation == "softmax":
            at_end = outputs.max(axis=1) > 1 - margin
        found = float(at_end.mean()) * (_SATURATED / _CERTAIN if last else 1)  # a last layer may begin more certain
        if found > max(share, _SATURATED):
            worst, share = index, float(at_end.mean())
    if worst < 0:
        return None
    return Finding(
        "saturating_initialization",
        "warning",
        f"with the first weights {100 * share:.0f} % of the outputs of layers.{worst} lie within 1 % of the ends of "
        "their range, where hardly any gradient passes",
        "scale the input, or begin with smaller weights (kernel_initializer='glorot_uniform')",
        {"layer": worst, "share": share},
    )


def dead_units(case: Case) -> Finding | None:
    """Units that give the same for every sample, at first or after ten steps: they can tell nothing apart."""
    network = _network(case)
    x = case.x[case.some(_MOST)]
    if len(x) < 2:
        raise SkippedError("there is one sample only")
    after = _trial(case, case.optimizer).network
    first = {index: _dead(outputs) for index, _, outputs in _outputs(network, x)}
    later = {index: _dead(outputs) for index, _, outputs in _outputs(after, x)} if after is not None else first
    counts = {index: (int(first[index].sum()), int((later[index] & ~first[index]).sum())) for index in first}
    layer = max(counts, key=lambda index: sum(counts[index]) / len(first[index]), default=-1)
    if layer < 0 or not any(counts[layer]):
        return None
    begun, thrown, units = *counts[layer], len(first[layer])
    says = f"{begun:,} with the first weights" if begun else ""
    says += (" and " if begun and thrown else "") + (f"{thrown:,} more after ten steps" if thrown else "")
    mend = "more units, another seed, or an activation that is nowhere flat give them a chance"
    if thrown > begun:
        mend = "take a smaller learning rate: steps as long as these throw units out of the data's reach"
    return Finding(
        "dead_units",
        "warning" if begun + thrown >= _DEAD * units else "note",
        f"of the {units:,} units of layers.{layer} some give the same for every sample: {says}",
        mend,
        {"layer": layer, "units": units, "dead_at_first": begun, "dead_after_ten_steps": thrown},
    )


def diverging_learning_rate(case: Case) -> Finding | None:
    """A trial of ten steps after which the loss is larger than before, or in which it leaps or leaves the numbers."""
    trial = _trial(case, case.optimizer)
    if not trial.diverged:
        return None
    rate = case.optimizer.to_dict().get("learning_rate")
    numbers = {
        "learning_rate": rate,
        "loss_before": trial.first,
        "loss_after": trial.last,
        "largest_loss": trial.largest,
    }
    mend = "take a smaller learning rate"
    if isinstance(rate, float):
        tries = (rate / 3**k for k in range(1, _TRIES + 1))
        good = next((r for r in tries if _trial(case, case.with_rate(r)).falls), None)
        numbers["learning_rate_that_falls"] = good
        mend = f"with {good:.2g} the loss falls" if good else "scale the input; no smaller learning rate helped"
    after = (
        "is no longer finite" if not math.isfinite(trial.last) else f"goes from {trial.first:.3g} to {trial.last:.3g}"
    )
    if math.isfinite(trial.last) and trial.last <= _WORSE * trial.first:
        after = f"leaps from {trial.first:.3g} to {trial.largest:.3g}"
    return Finding(
        "diverging_learning_rate",
        "warning",
        f"in a trial of ten steps at learning rate {_shown(rate)} the loss {after}",
        mend,
        {name: _plain(value) for name, value in numbers.items()},
    )


def _dead(outputs: Array) -> NDArray[np.bool_]:
    """Which units give the same for every sample."""
    return np.asarray(outputs.max(axis=0) == outputs.min(axis=0))


@dataclass(frozen=True)
class _Trial:
    """Ten steps on a copy: the losses, and the network after them unless it diverged."""

    first: float
    last: float
    largest: float
    network: Sequential | None

    @property
    def diverged(self) -> bool:
        return not (self.last <= _WORSE * self.first and self.largest <= _LEAP * self.first)

    @property
    def falls(self) -> bool:
        return self.last < self.first and not self.diverged


def _trial(case: Case, optimizer: Optimizer) -> _Trial:
    network = _network(case)._copied()
    trainer = Trainer(network, optimizer=optimizer, loss=case.loss)
    y = case.y
    some = case.some(4 * _MOST, salt=4)
    size = len(case.x) if case.batch_size is None else min(case.batch_size, len(case.x))
    first = largest = trainer.evaluate(case.x[some], y[some])["loss"]
    order = np.random.default_rng([case.seed, 5]).permutation(len(case.x))
    try:
        for step in range(_STEPS):
            batch = np.take(order, range(step * size, (step + 1) * size), mode="wrap")
            largest = max(largest, trainer.step(case.x[batch], y[batch]))
        last = trainer.evaluate(case.x[some], y[some])["loss"]
    except DivergedError:
        return _Trial(first, math.inf, math.inf, None)
    if not math.isfinite(last):
        return _Trial(first, math.inf, math.inf, None)
    return _Trial(first, last, max(largest, last), network)


def _network(case: Case) -> Sequential:
    if case.network is None:
        raise SkippedError("there is no network")
    if case.x.dtype != np.uint8 and not np.isfinite(case.x).all():
        raise SkippedError("the input is not finite")
    return case.network


def _outputs(network: Sequential, x: Array) -> list[tuple[int, str | ActivationFunction, Array]]:
    """Place, activation and outputs in training of every layer that has an activation other than the identity."""
    activations = [getattr(layer, "activation", "identity") for layer in network.layers]
    places = enumerate(zip(activations, network.forward(x, training=True), strict=True))
    return [(i, activation, out.reshape(len(x), -1)) for i, (activation, out) in places if activation != "identity"]


def _range(activation: str | ActivationFunction) -> tuple[float, float] | None:
    """The ends between which an activation's outputs lie, None if it grows without end."""
    if "softmax" in str(activation):
        return None
    far = [[-50.0], [-100.0], [50.0], [100.0]]
    low, lower, high, higher = kernels.activation_forward(activation, far).ravel()
    bounded = abs(higher - high) < 0.02 and abs(low - lower) < 0.02 and higher > lower
    return (float(lower), float(higher)) if bounded else None


def _plain(value: object) -> float | None:
    return float(value) if isinstance(value, float | int) and math.isfinite(value) else None


def _shown(rate: object) -> str:
    return f"{rate:g}" if isinstance(rate, float) else str(rate)
