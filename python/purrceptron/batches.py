"""Training on batches that come one by one: from a generator, or any iterator."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import Array, ClassWeight
from .errors import DivergedError

if TYPE_CHECKING:
    from .trainer import Labels, Trainer

__all__ = ["is_stream", "run"]


def is_stream(x: object) -> bool:
    """Whether these are batches that come one by one, not an array."""
    return not hasattr(x, "__array__") and (isinstance(x, Iterator) or (callable(x) and not isinstance(x, type)))


def run(
    trainer: Trainer,
    batches: Any,
    steps_per_epoch: int | None,
    class_weight: ClassWeight | None,
    validation: tuple[Array, Labels] | None,
    options: dict[str, Any],
    watch: Callable[..., bool] | None,
    batch_seen: Callable[[int, float | None], object] | None = None,
) -> dict[str, Any]:
    """Train; gives what the core's `fit` gives, and calls `watch` as it does.

    Args:
        trainer: Makes the steps.
        batches: An iterator of `(x, y)` or `(x, y, sample_weight)`, or a function that gives a new one for each epoch.
        steps_per_epoch: Batches of an epoch; None takes all that there are.
        class_weight: As for `fit`.
        validation: Evaluated after every epoch.
        options: Epochs and metrics.
        watch: Called after every epoch; True stops.
        batch_seen: Called with the number of a batch before its step, and with its loss after it.
    """
    core, network, names = trainer._core, trainer.model._built(), options["metrics"]
    before = network.parameters()
    history: dict[str, Any] = {"loss": [], "val_loss": [], "learning_rate": []}
    history |= {name: [] for name in names} | {f"val_{name}": [] for name in names}
    begun = time.perf_counter()
    stream = None if callable(batches) else iter(batches)
    for epoch in range(options["epochs"]):
        source: Iterable[Any] = iter(batches()) if stream is None else stream
        losses, weights, scores = [], [], _core.Scores(names)
        for number, batch in enumerate(_first(source, steps_per_epoch)):
            arrays = _arrays(trainer, batch, class_weight)
            if batch_seen is not None:
                batch_seen(number, None)
            try:
                losses.append(core.step(*arrays, scores if names else None))
            except DivergedError as error:
                network.set_parameters(before)
                last = losses[-1] if losses else (history["loss"] or [None])[-1]
                message = str(error).replace("in epoch 0", f"in epoch {epoch}", 1)
                raise DivergedError(message, epoch, last, error.layer) from None
            labels = arrays[1]
            weights.append(float(labels[1].sum()) if isinstance(labels, tuple) else float(len(labels)))
            if batch_seen is not None:
                batch_seen(number, losses[-1])
        if not losses:
            if epoch == 0:
                raise ValueError("the batches have come to an end before the first one")
            break  # an iterator gives its batches once
        loss = float(np.average(losses, weights=weights)) if any(weights) else 0.0
        values = scores.values()
        val_loss, val_scores = (None, None) if validation is None else core.evaluate(*validation, names)
        history["loss"].append(loss)
        history["learning_rate"].append(core.learning_rate())
        for name, score in zip(names, values, strict=True):
            history[name].append(score)
        if val_loss is not None and val_scores is not None:
            history["val_loss"].append(val_loss)
            for name, score in zip(names, val_scores, strict=True):
                history[f"val_{name}"].append(score)
        if watch is not None and watch(epoch, loss, values, val_loss, val_scores):
            break
    seconds = time.perf_counter() - begun
    return {**history, "solver": "direct", "solver_reason": "batches come one by one", "seconds": seconds}


def _arrays(trainer: Trainer, batch: Any, class_weight: ClassWeight | None) -> tuple[Array, Labels]:
    if not isinstance(batch, tuple | list) or len(batch) not in (2, 3):
        raise TypeError(f"batches: expected (x, y) or (x, y, sample_weight), got {type(batch).__name__}")
    x, y, *weights = batch
    return trainer._arrays(x, y, weights[0] if weights else None, class_weight)


def _first(source: Iterable[Any], count: int | None) -> Iterator[Any]:
    """The first `count` items; no more is taken from the source."""
    iterator = iter(source)
    taken = 0
    while count is None or taken < count:
        try:
            yield next(iterator)
        except StopIteration:
            return
        taken += 1
