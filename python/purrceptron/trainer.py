"""`Trainer`: one step of training, and the loop over many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._arrays import Array, as_samples, as_targets
from ._scores import Metric, Score, check_metrics
from ._spec import check_name, check_threads, check_whole
from .callbacks import Callback, Progress, ProgressBar
from .callbacks.watch import Watch
from .optimizers import Optimizer, as_optimizer

if TYPE_CHECKING:
    from .model import Sequential

__all__ = ["History", "Trainer"]


@dataclass
class History:
    """What a training gave, epoch by epoch.

    Attributes:
        loss: Mean over the epoch's samples, each batch before its step.
        val_loss: On the validation data after the epoch; empty without such data.
        metrics: Scores by name, "accuracy" and "val_accuracy", as lists like the losses: over the epoch's samples, each
            batch before its step, or for functions at the epoch's end.
        solver: The solver that ran, "direct" or "reduced".
        solver_reason: Why it was chosen.
        seconds: Wall time.
    """

    loss: list[float]
    val_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    solver: str = "direct"
    solver_reason: str = ""
    seconds: float = 0.0

    @classmethod
    def _from_core(cls, result: dict[str, Any]) -> Self:
        loss, val_loss = result.pop("loss"), result.pop("val_loss")
        ran = {name: result.pop(name) for name in ("solver", "solver_reason", "seconds")}
        scores = {name: values for name, values in result.items() if values}
        return cls(loss, val_loss, scores, **ran)


class Trainer:
    """Trains a network step by step: keeps the optimizer's state, the loss, and the memory that a step needs.

    Args:
        model: The network, with its input shape known. Every step changes its weights.
        optimizer: A name, or an object such as `purr.SGD(0.1, momentum=0.9)`.
        loss: As in `Sequential.fit`.
        n_threads: Threads; left out, `PURRCEPTRON_NUM_THREADS`, else the cores, or fewer by `OMP_NUM_THREADS`.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> net = purr.Sequential.from_string("2-4-1", seed=0)
        >>> trainer = purr.Trainer(net, optimizer=purr.SGD(0.1))
        >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
        >>> losses = [trainer.step(x, y) for _ in range(100)]
        >>> losses[-1] < losses[0]
        True
    """

    def __init__(
        self,
        model: Sequential,
        *,
        optimizer: str | Optimizer = "adam",
        loss: str | None = None,
        n_threads: int | None = None,
    ) -> None:
        self._model = model
        self._optimizer = as_optimizer(optimizer)
        self._loss = check_name("loss", loss) if loss is not None else _implied_loss(model._last_activation)
        self._threads = _core.thread_count(check_threads(n_threads))
        self._core = _core.Trainer(model._built(), json.dumps(self._optimizer.to_dict()), self._loss, self._threads)

    @property
    def model(self) -> Sequential:
        """The network that it trains."""
        return self._model

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer's description."""
        return self._optimizer

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._loss

    @property
    def learning_rate(self) -> float:
        """Length of the next step."""
        return float(self._optimizer.to_dict()["learning_rate"])

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return self._core.steps()

    def step(self, x: ArrayLike, y: ArrayLike) -> float:
        """Move the weights along the gradient of the mean loss on a batch; returns that loss, from before the step.

        Raises:
            DivergedError: The loss is not finite; the weights stay as they are.
        """
        return self._core.step(*self._arrays(x, y))

    def loss_and_gradient(self, x: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
        """The mean loss on a batch and its gradient, flat, in the order of `get_weights`. The weights stay.

        Both are as the next step would find them: with units dropped, and statistics of the batch.
        """
        return self._core.loss_and_gradient(*self._arrays(x, y))

    def evaluate(self, x: ArrayLike, y: ArrayLike, *, metrics: Metric | Sequence[Metric] = ()) -> dict[str, float]:
        """Mean loss and metrics by name."""
        names, functions = check_metrics(metrics)
        samples, targets = self._arrays(x, y)
        loss, values = self._core.evaluate(samples, targets, names)
        return {"loss": loss, **dict(zip(names, values, strict=True)), **self._call(functions, samples, targets)}

    def _call(self, functions: Sequence[Score], samples: Array, targets: Array) -> dict[str, float]:
        """What functions of the caller's say of the network as it is."""
        if not functions:
            return {}
        predictions = self._model._built().predict(samples, self._classifies, self._threads)
        return {function.name: function(targets, predictions, self._classifies) for function in functions}

    @property
    def _classifies(self) -> bool:
        return self._loss.endswith("cross_entropy")

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: bool = True,
        metrics: Metric | Sequence[Metric] = (),
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        validation_split: float | None = None,
        callbacks: Sequence[Callback] = (),
        solver: str = "auto",
        verbose: int = 0,
    ) -> History:
        """Many steps, as `Sequential.fit`, going on with this trainer's optimizer."""
        options = fit_options(epochs, batch_size, shuffle, metrics, solver)
        functions = check_metrics(metrics)[1]
        arrays = self._arrays(x, y)
        validation = None if validation_data is None else self._arrays(*validation_data, prefix="validation ")
        if validation_split is not None:
            if validation is not None:
                raise ValueError("validation_split and validation_data are both given; expected one of them")
            arrays, validation = self._set_aside(validation_split, *arrays)
        callbacks = [*callbacks, *([ProgressBar()] if verbose else [])]
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks: expected objects of subclasses of purr.Callback, got {callback!r}")

        def scores() -> dict[str, float]:
            validated = {} if validation is None else self._call(functions, *validation)
            return {**self._call(functions, *arrays), **{f"val_{name}": value for name, value in validated.items()}}

        watch = Watch(callbacks, options, scores)
        every_epoch = bool(functions) or any(not isinstance(callback, Progress) for callback in callbacks)
        with ExitStack() as ends:
            for callback in callbacks:
                callback.trainer = self
            for callback in reversed(callbacks):
                ends.callback(setattr, callback, "trainer", None)
            watch.begin(self._model, ends)
            result = self._core.fit(
                *arrays,
                json.dumps(options),
                validation,
                watch.epoch if callbacks or functions else None,
                every_epoch,
                watch.batch if watch.asked_for_batches else None,
            )
        history = History._from_core(result)
        history.metrics |= watch.scores
        return history

    def _set_aside(self, share: float, x: Array, y: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Splits arrays into what is trained on and what is validated on, each class by its share."""
        classes = None
        if self._classifies:
            numbers = y if y.ndim == 1 else y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
            classes = np.ascontiguousarray(numbers, dtype=np.uint32)
        try:
            share = float(share)
        except (TypeError, ValueError):
            raise TypeError(f"validation_split must be a number above 0 and below 1, got {share!r}") from None
        held_out = np.zeros(len(x), dtype=bool)
        held_out[_core.held_out(len(x), share, self._model.seed, classes)] = True
        return (x[~held_out], y[~held_out]), (x[held_out], y[held_out])

    def _arrays(self, x: ArrayLike, y: ArrayLike, prefix: str = "") -> tuple[Array, Array]:
        model = self._model
        samples = as_samples(x, model.dtype, model.input_shape, what=f"{prefix}x")
        targets = as_targets(y, model.dtype, model.outputs, self._loss, what=f"{prefix}y")
        if len(samples) != len(targets):
            raise ValueError(f"{prefix}x has {len(samples)} samples, but {prefix}y has {len(targets)}")
        return samples, targets

    def __repr__(self) -> str:
        return f"Trainer({self._model!r}, optimizer={self._optimizer!r}, loss={self._loss!r})"


def fit_options(
    epochs: int, batch_size: int | None, shuffle: bool, metrics: Metric | Sequence[Metric], solver: str
) -> dict[str, Any]:
    """What the core reads of the settings of `fit`, each checked."""
    return {
        "epochs": check_whole("epochs", epochs, 0),
        "batch_size": None if batch_size is None else check_whole("batch_size", batch_size, 1),
        "shuffle": bool(shuffle),
        "metrics": check_metrics(metrics)[0],
        "solver": check_name("solver", solver),
    }


def _implied_loss(last_activation: str) -> str:
    implied = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}
    if last_activation not in implied:
        known = ", ".join(_core.names("loss"))
        raise ValueError(f"a network that ends in {last_activation} needs a loss; known: {known}")
    return implied[last_activation]
