"""The learning-rate finder: a short training at rates that grow, and the curve of its losses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array, ClassWeight
from ._spec import check_whole
from .errors import DivergedError
from .losses import Loss, OwnLoss
from .optimizers import Optimizer, as_optimizer
from .schedules import ExponentialDecay
from .trainer import Trainer

if TYPE_CHECKING:
    from .model import Sequential

__all__ = ["LearningRates", "find_learning_rate"]


@dataclass(frozen=True)
class LearningRates:
    """What `find_learning_rate` found.

    Attributes:
        rates: The learning rate of each step.
        losses: The loss of the batch before each step.
        smooth: The losses' exponential moving average, corrected for its start at zero.
        best: The rate that is proposed: a tenth of that at which the smooth loss was smallest.
    """

    rates: Array
    losses: Array
    smooth: Array
    best: float


def find_learning_rate(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: str | Optimizer = "adam",
    loss: str | Loss | OwnLoss | None = None,
    lowest: float = 1e-7,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int | None = 32,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    n_threads: int | None = None,
) -> LearningRates:
    """Try learning rates, each step's a little higher than the last's, until the loss explodes (Smith, 2017).

    It works on a copy: the network, its weights and its seed stay as they are.

    Args:
        model: The network, with its input shape known.
        x: Samples, as for `Sequential.fit`.
        y: Targets.
        optimizer: A name or an object; its own learning rate is of no account.
        loss: As for `Sequential.fit`.
        lowest: The first rate, above 0.
        highest: The last rate, above the first.
        steps: Steps from the first to the last.
        batch_size: Samples of a step; None takes all.
        sample_weight: As for `Sequential.fit`.
        class_weight: As for `Sequential.fit`.
        n_threads: As for `Sequential.fit`.

    Returns:
        Rates, losses, and the rate that is proposed.

    Raises:
        ValueError: A setting is out of its range.
        DivergedError: No rate gave a finite loss.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> x = np.random.default_rng(0).normal(size=(200, 5))
        >>> net = purr.Sequential.from_string("5-8-1", seed=0)
        >>> found = purr.find_learning_rate(net, x, x[:, 0] > 0)
        >>> 1e-4 < found.best < 1
        True
    """
    if not (0 < lowest < highest < math.inf):
        raise ValueError(f"lowest and highest must be rates, 0 < lowest < highest, got {lowest} and {highest}")
    steps = check_whole("steps", steps, 2)
    size = None if batch_size is None else check_whole("batch_size", batch_size, 1)
    growing = ExponentialDecay(lowest, steps - 1, highest / lowest)
    copy = type(model)._from_core(type(model._built()).from_bytes(model._built().to_bytes()))
    optimizer = replace(as_optimizer(optimizer), learning_rate=growing, average=None)  # type: ignore[call-arg]
    trainer = Trainer(copy, optimizer=optimizer, loss=loss, n_threads=n_threads)
    samples, labels = trainer._arrays(x, y, sample_weight, class_weight)
    targets, weights = labels if isinstance(labels, tuple) else (labels, None)
    count = len(samples)
    size = count if size is None else min(size, count)
    order = np.random.default_rng(model.seed).permutation(count)
    rates: list[float] = []
    losses: list[float] = []
    smooth: list[float] = []
    mean = 0.0
    for step in range(steps):
        batch = np.take(order, range(step * size, (step + 1) * size), mode="wrap")
        part = targets[batch] if weights is None else (targets[batch], weights[batch])
        rate = trainer.learning_rate
        try:
            value = trainer._core.step(samples[batch], part)
        except DivergedError:
            if not losses:
                raise
            break
        mean = 0.9 * mean + 0.1 * value
        rates.append(rate)
        losses.append(value)
        smooth.append(mean / (1 - 0.9 ** (step + 1)))
        if step > 9 and smooth[-1] > 4 * min(smooth) + 1e-12:
            break
    best = rates[int(np.argmin(smooth))] / 10
    return LearningRates(np.array(rates), np.array(losses), np.array(smooth), best)
