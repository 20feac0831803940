"""`doctor`: all checks on one case."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from .._arrays import Array, as_numbers
from .._spec import MOST_SEED, check_whole
from ..errors import DataError
from ..layers import Dense, Normalize
from ..model import Sequential
from ..optimizers import Optimizer, as_optimizer
from .case import Case, SkippedError, labels_of
from .columns import constant_columns, duplicate_columns, not_finite_input, unscaled_input
from .findings import Diagnosis, Finding
from .labels import class_share, one_class, shuffled_labels
from .samples import near_duplicates, same_in_train_and_test
from .trial import dead_units, diverging_learning_rate, saturating_initialization

__all__ = ["CHECKS", "doctor"]

CHECKS: tuple[Callable[[Case], Finding | None], ...] = (
    not_finite_input,
    unscaled_input,
    constant_columns,
    duplicate_columns,
    same_in_train_and_test,
    near_duplicates,
    one_class,
    class_share,
    shuffled_labels,
    saturating_initialization,
    dead_units,
    diverging_learning_rate,
)
_WITHSTAND_NAN = (not_finite_input, same_in_train_and_test, one_class, class_share)


def doctor(
    x: ArrayLike,
    y: ArrayLike,
    *,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    network: str | Sequential | None = None,
    loss: str | None = None,
    optimizer: str | Optimizer = "adam",
    batch_size: int | None = 32,
    seed: int = 0,
) -> Diagnosis:
    """Look for what would waste a training on this data, before it begins.

    Of the data: numbers that are none, input that is not scaled, constant and duplicate columns, samples that are in
    training and test or nearly so, class shares that differ, labels that look shuffled. Of a network on it: first
    weights that saturate, dead units, a learning rate that diverges in a trial of ten steps. Nothing is changed.

    Args:
        x: Samples `(samples, ...)` to train on.
        y: Their classes (whole numbers, names, or rows with a single 1) or numbers.
        test: `(x, y)` to test on.
        network: A network, or sizes as for `Sequential.from_string`; left out, the data alone is examined.
        loss: As in `Sequential.fit`; left out, the usual one for the targets.
        optimizer: As in `Sequential.fit`.
        batch_size: Samples of one step of the trial, None for all.
        seed: Of a network given as text, and of the samples that are looked at where there are many.

    Returns:
        The findings, the warnings first, each with its number and what to do.

    Raises:
        ValueError: Shapes do not fit.
        DataError: There are no samples.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> x = np.random.default_rng(0).normal(size=(300, 4)) * [1, 1, 1, 5000]
        >>> for finding in purr.doctor(x, x[:, 0] > 0):
        ...     print(finding.name, "-", finding.mend)
        unscaled_input - subtract each column's mean and divide by its deviation, both from the training data
    """
    case = _case(x, y, test, network, loss, as_optimizer(optimizer), batch_size, seed)
    findings, checked, skipped = [], [], {}
    finite = case.x.dtype == np.uint8 or bool(np.isfinite(case.x).all())
    for check in CHECKS:
        name = check.__name__
        if not finite and check not in _WITHSTAND_NAN:
            skipped[name] = "the input is not finite"
            continue
        try:
            finding = check(case)
        except SkippedError as reason:
            skipped[name] = str(reason)
            continue
        checked.append(name)
        if finding is not None:
            findings.append(finding)
    findings.sort(key=lambda finding: finding.severity != "warning")
    return Diagnosis(tuple(findings), tuple(checked), skipped)


def _case(
    x: ArrayLike,
    y: ArrayLike,
    test: tuple[ArrayLike, ArrayLike] | None,
    network: str | Sequential | None,
    loss: str | None,
    optimizer: Optimizer,
    batch_size: int | None,
    seed: int,
) -> Case:
    seed = check_whole("seed", seed, 0, MOST_SEED)
    samples = _samples(x, "x")
    targets = labels_of(y, len(samples))
    tested = None
    if test is not None:
        if len(test) != 2:
            raise ValueError(f"test: expected (x, y), got {len(test)} things")
        held_out = _samples(test[0], "test x")
        if held_out.shape[1:] != samples.shape[1:]:
            raise ValueError(f"test x has samples of {held_out.shape[1:]}, but x of {samples.shape[1:]}")
        tested = _rows(held_out), labels_of(test[1], len(held_out), "test y")
    model = _model(network, samples, seed)
    if model is not None:
        loss = loss or _usual_loss(model, targets)
    if batch_size is not None:
        batch_size = check_whole("batch_size", batch_size, 1)
    return Case(_rows(samples), targets, tested, samples.shape[1:], model, loss, optimizer, batch_size, seed)


def _samples(x: ArrayLike, what: str) -> Array:
    array = np.asarray(x)
    array = as_numbers(array, "float64" if array.dtype == np.float64 else "float32", what)
    if array.ndim < 2:
        raise ValueError(f"{what}: expected (samples, features), got shape {array.shape}")
    if array.size == 0:
        raise DataError(f"{what}: there are no samples")
    return array


def _rows(x: Array) -> Array:
    return np.ascontiguousarray(x.reshape(len(x), -1))


def _model(network: str | Sequential | None, samples: Array, seed: int) -> Sequential | None:
    """A copy of the network, built for such samples."""
    if network is None:
        return None
    given = Sequential.from_string(network, seed=seed) if isinstance(network, str) else network
    if not isinstance(given, Sequential):
        raise TypeError(f"network: expected a Sequential or text such as '64-100-10', got {network!r}")
    model = given._copied()
    if model.input_shape is None:
        model.build(samples.shape[1:])
    inputs, features = math.prod(model.input_shape or ()), math.prod(samples.shape[1:])
    if inputs != features:
        raise ValueError(f"network: it takes {inputs:,} inputs, but a sample has {features:,} features")
    if any(isinstance(layer, Normalize) for layer in model.layers) and np.isfinite(samples).all():
        model.adapt(samples)
    return model


def _usual_loss(model: Sequential, targets: Array) -> str | None:
    last = model.layers[-1]
    if isinstance(last, Dense) and last.activation in ("sigmoid", "softmax"):
        return None  # the activation implies it
    if targets.ndim > 1:
        return "mean_squared_error"
    return "binary_cross_entropy" if model.outputs == 1 else "cross_entropy"
