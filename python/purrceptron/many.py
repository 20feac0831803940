"""`fit_many`: several networks, trained side by side on the same data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from numpy.typing import ArrayLike

from . import _core
from ._arrays import ClassWeight, as_numbers
from ._scores import check_metrics
from ._spec import check_threads
from .augmentation import Augmentation
from .errors import DataError, DivergedError
from .losses import Loss, as_loss
from .model import Sequential
from .optimizers import Optimizer, as_optimizer
from .trainer import History, Trainer, fit_options

__all__ = ["fit_many"]


def fit_many(
    models: Sequence[Sequential],
    x: ArrayLike,
    y: ArrayLike,
    *,
    epochs: int = 10,
    batch_size: int | None = 32,
    shuffle: bool = True,
    optimizer: str | Optimizer = "adam",
    loss: str | Loss | None = None,
    metrics: str | Sequence[str] = (),
    validation_data: tuple[ArrayLike, ...] | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    accumulate: int = 1,
    mixup: float | None = None,
    augmentation: Sequence[Augmentation] = (),
    n_threads: int | None = None,
    solver: str = "auto",
) -> list[History]:
    """Train several networks side by side on the same data: the bits of `fit` one by one, in less time.

    Each network is trained on one thread, and what does not depend on its weights is made once for all: the packed
    samples, and for the reduced solver the factor of their span (for each first `Rescale` there is, and once more for
    networks that draw random numbers or have a loss of yours).

    Args:
        models: Networks of any layers and seeds, all different objects, of one dtype.
        x: Samples, as for `Sequential.fit`.
        y: Targets that fit every network and its loss.
        epochs: Passes over the data.
        batch_size: As for `Sequential.fit`.
        shuffle: As for `Sequential.fit`; each network has the order of its own seed.
        optimizer: One for all; each network has its own state of it.
        loss: One for all; left out, each network's last activation implies it.
        metrics: Names, as for `Sequential.fit`.
        validation_data: As for `Sequential.fit`. There is no `validation_split`: it is drawn from a network's own seed,
            so every network would have other samples to train on.
        sample_weight: As for `Sequential.fit`, one for all.
        class_weight: As for `Sequential.fit`, one for all.
        accumulate: As for `Sequential.fit`.
        mixup: As for `Sequential.fit`.
        augmentation: As for `Sequential.fit`; each network's pictures are drawn from its own seed.
        n_threads: Networks that are trained at a time; left out, `PURRCEPTRON_NUM_THREADS` or the cores.
        solver: As for `Sequential.fit`: "auto" chooses for each network by itself.

    Returns:
        The history of each network, in the order of `models`. Its `seconds` are those of the network's own training,
        without the preparation of the data.

    Raises:
        ValueError: Shapes or settings do not fit; the message names the network, `models[3]`, and none was changed.
        DataError: The data has NaN, infinities, or targets that a loss does not take; none was changed.
        DivergedError: A network left the finite numbers. It has its weights from before the call; the others were
            trained to the end, and have theirs.
        KeyboardInterrupt: Networks have the weights of their last step; those not yet begun are as they were.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> x, y = np.eye(4, dtype="float32"), np.array([0, 1, 1, 0])
        >>> nets = [purr.Sequential.from_string("4-8-1", seed=seed) for seed in range(3)]
        >>> histories = purr.fit_many(nets, x, y, epochs=50, batch_size=None)
        >>> alone = purr.Sequential.from_string("4-8-1", seed=2)
        >>> _ = alone.fit(x, y, epochs=50, batch_size=None)
        >>> nets[2].fingerprint() == alone.fingerprint()
        True
    """
    models, optimizer = _checked(models), as_optimizer(optimizer)
    loss = None if loss is None else as_loss(loss)
    options = fit_options(epochs, batch_size, shuffle, metrics, solver, accumulate, mixup, augmentation)
    if check_metrics(metrics)[1]:
        raise ValueError(f"metrics: fit_many takes names, got {metrics!r}")
    threads = _core.thread_count(check_threads(n_threads))
    if not models:
        return []
    x = as_numbers(x, models[0].dtype)
    held_out = None if validation_data is None else as_numbers(validation_data[0], models[0].dtype, "validation x")
    with ExitStack() as built:
        jobs = []
        for i, model in enumerate(models):
            with _naming(i):
                built.enter_context(model._built_for(x))
                trainer = Trainer(model, optimizer=optimizer, loss=loss, n_threads=1)
                samples, targets = trainer._arrays(x, y, sample_weight, class_weight)
                validation = validation_targets = None
                if held_out is not None and validation_data is not None:
                    validation, validation_targets = trainer._validation((held_out, *validation_data[1:]))
                jobs.append((model._built(), json.dumps(trainer._loss.to_dict()), targets, validation_targets))
        outcomes = _core.fit_many(
            jobs, samples, json.dumps(optimizer.to_dict()), json.dumps(options), validation, threads
        )
    return _histories(outcomes)


def _checked(models: Sequence[Sequential]) -> list[Sequential]:
    """The networks, all different, all of one dtype."""
    if isinstance(models, Sequential):
        raise TypeError("models: expected a list of networks, got one; write [model]")
    models = list(models)
    first_at: dict[int, int] = {}
    for i, model in enumerate(models):
        if not isinstance(model, Sequential):
            raise TypeError(f"models[{i}]: expected a Sequential, got {model!r}")
        if first_at.setdefault(id(model), i) != i:
            raise ValueError(f"models[{i}] is models[{first_at[id(model)]}]: every network must be there once")
        if model.dtype != models[0].dtype:
            raise ValueError(f"models[{i}] has dtype {model.dtype}, but models[0] has {models[0].dtype}; expected one")
    return models


@contextmanager
def _naming(i: int) -> Iterator[None]:
    """Says in a refusal which network it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = next(kind for kind in (DataError, ValueError, TypeError) if isinstance(error, kind))
        raise kind(f"models[{i}]: {error}") from error


def _histories(outcomes: list[dict[str, Any] | Exception]) -> list[History]:
    """The history of each network, if all were trained."""
    for i, outcome in enumerate(outcomes):
        if isinstance(outcome, Exception) and not isinstance(outcome, DivergedError):
            outcome.add_note(f"while training models[{i}]")
            raise outcome
    diverged = {f"models[{i}]": error for i, error in enumerate(outcomes) if isinstance(error, DivergedError)}
    for name, error in diverged.items():
        others = [other for other in diverged if other != name]
        too = f"; so did {', '.join(others)}" if others else ""
        raise DivergedError(f"{name}: {error}{too}", error.epoch, error.loss, error.layer)
    return [History._from_core(outcome) for outcome in outcomes if not isinstance(outcome, Exception)]
