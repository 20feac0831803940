"""`check_gradients`: whether the gradients of a network are those that its loss has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._arrays import Array
from ._spec import check_whole
from .losses import Loss, OwnLoss
from .model import Sequential
from .optimizers import SGD
from .trainer import Trainer

__all__ = ["GradientReport", "ParameterCheck", "check_gradients"]

_STEP = 1e-5
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class ParameterCheck:
    """How far the gradient of one parameter array is from central differences.

    Attributes:
        name: `layers.0.kernel`, say.
        shape: Its shape.
        checked: Elements that were compared.
        kinks: Elements that were not, for the loss has a kink there (a ReLU at 0, say) and no derivative.
        relative_error: Norm of the difference of the two gradients over the larger norm, or over the norm at which
            the rounding of the loss alone would be as large as the tolerance.
        worst: Place of the element that is farthest off, None if nothing was compared.
        gradient: The gradient there.
        difference: The central difference there.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    kinks: int
    relative_error: float
    worst: tuple[int, ...] | None
    gradient: float
    difference: float


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found; printing it shows a table.

    Attributes:
        loss: The loss at the network's weights.
        tolerance: The largest relative error that passes.
        parameters: A check of every parameter array.
    """

    loss: float
    tolerance: float
    parameters: tuple[ParameterCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every relative error is within the tolerance."""
        return all(check.relative_error <= self.tolerance for check in self.parameters)

    @property
    def relative_error(self) -> float:
        """The largest of all parameters."""
        return max((check.relative_error for check in self.parameters), default=0.0)

    def __str__(self) -> str:
        lines = [f"loss {self.loss:.6g}; relative errors against central differences, at most {self.tolerance:g} pass"]
        width = max((len(check.name) for check in self.parameters), default=0)
        for check in self.parameters:
            passed = check.relative_error <= self.tolerance
            line = f"{check.name:<{width}}  {check.relative_error:8.1e}  {'passed' if passed else 'FAILED'}"
            line += f", {check.checked:,} of {math.prod(check.shape):,} elements"
            if not passed:
                line += f"; at {check.worst} {check.gradient:.6g}, but differences give {check.difference:.6g}"
            if check.kinks:
                line += f"; {check.kinks} more at a kink of the loss, where there is no derivative to compare with"
            lines.append(line)
        return "\n".join(lines)


def check_gradients(
    model: Sequential,
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | Loss | OwnLoss | None = None,
    tolerance: float = 1e-6,
    at_most: int = 200,
    seed: int = 0,
) -> GradientReport:
    """Hold the gradient of a network's loss against central differences `(L(w + h) - L(w - h)) / 2h`.

    All is computed on a copy in float64; the network stays as it is. Where an element disagrees, smaller steps and
    one-sided differences tell whether the loss has a kink there (a ReLU whose input is 0): such elements are left out
    and counted.

    Args:
        model: A network with weights.
        x: Samples, as for `Sequential.fit`; a few suffice.
        y: Targets.
        loss: As in `Sequential.fit`.
        tolerance: The largest relative error that passes.
        at_most: Elements that are compared in each parameter array, drawn from `seed` if it has more.
        seed: Where the elements are drawn from.

    Returns:
        A report by parameter.

    Raises:
        ValueError: Data or settings do not fit, or the network has no weights.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> net = purr.Sequential.from_string("3-4:tanh-2", seed=0)
        >>> report = purr.check_gradients(net, np.eye(3), [0, 1, 1])
        >>> report.passed, [check.name for check in report.parameters][:2]
        (True, ['layers.0.kernel', 'layers.0.bias'])
    """
    at_most = check_whole("at_most", at_most, 1)
    model._built()
    twin = model._copied("float64")
    trainer = Trainer(twin, optimizer=SGD(), loss=loss)
    value, gradient = trainer.loss_and_gradient(x, y)
    samples, targets = trainer._arrays(x, y)
    core = twin._built()
    start = core.parameters()

    def loss_at(place: int, offset: float) -> float:
        moved = start.copy()
        moved[place] += offset
        core.set_parameters(moved)
        return trainer._core.loss_and_gradient(samples, targets)[0]

    generator = np.random.default_rng(seed)
    checks, first = [], 0
    for name, shape in core.named_parameters():
        size = math.prod(shape)
        chosen = np.arange(size) if size <= at_most else np.sort(generator.choice(size, at_most, replace=False))
        checks.append(_check(name, tuple(shape), first, chosen, gradient, value, start, loss_at, tolerance))
        first += size
    return GradientReport(value, tolerance, tuple(checks))


def _check(
    name: str,
    shape: tuple[int, ...],
    first: int,
    chosen: NDArray[np.int64],
    gradient: Array,
    value: float,
    start: Array,
    loss_at: Callable[[int, float], float],
    tolerance: float,
) -> ParameterCheck:
    """Compares the elements `chosen` of the array that begins at `first` of all parameters."""
    places = first + chosen
    ours = gradient[places]
    steps = _STEP * np.maximum(1.0, np.abs(start[places]))
    pairs = zip(places.tolist(), steps.tolist(), strict=True)
    differences = np.array([(loss_at(i, h) - loss_at(i, -h)) / (2 * h) for i, h in pairs])
    norm = float(max(np.linalg.norm(ours), np.linalg.norm(differences)))
    rounding = 4 * _EPSILON * (1 + abs(value)) / _STEP
    off = np.abs(ours - differences) > tolerance * norm / math.sqrt(max(len(places), 1)) + rounding
    kinks = np.zeros(len(places), dtype=bool)
    for k in np.flatnonzero(off):
        kinks[k] = _at_kink(partial(loss_at, int(places[k])), float(ours[k]), float(steps[k]), value)
    errors = np.where(kinks, 0.0, np.abs(ours - differences))
    compared = int(len(places) - kinks.sum())
    least = rounding * math.sqrt(len(places)) / tolerance  # of gradients so small, rounding alone is this share
    worst = int(errors.argmax()) if compared else 0
    return ParameterCheck(
        name,
        shape,
        compared,
        int(kinks.sum()),
        float(np.linalg.norm(errors)) / max(norm, least),
        tuple(map(int, np.unravel_index(chosen[worst], shape))) if compared else None,
        float(ours[worst]) if compared else math.nan,
        float(differences[worst]) if compared else math.nan,
    )


def _at_kink(loss_at: Callable[[float], float], gradient: float, step: float, value: float) -> bool:
    """Whether the gradient is right but for a kink: at it, or between it and the end of a step.

    Near a kink the central difference comes right once the step is short enough. At one, the slopes on both sides stay
    apart however short the step, and the gradient is one of them, or lies between.
    """
    errors, gaps = [], []
    for h in (step, step / 30, step / 900):
        left, right = (value - loss_at(-h)) / h, (loss_at(h) - value) / h
        errors.append(abs((left + right) / 2 - gradient))
        gaps.append(abs(right - left))
        slack = 1e-3 * max(abs(left), abs(right)) + 8 * _EPSILON * (1 + abs(value)) / h
        between = min(left, right) - slack <= gradient <= max(left, right) + slack
    return min(errors) <= errors[0] / 10 or (between and gaps[-1] > max(gaps[0] / 2, 4 * slack))
