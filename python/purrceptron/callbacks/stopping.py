"""Callbacks that stop a training."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._arrays import Array
from .._scores import larger_is_better
from .._spec import check_whole
from .callback import Remembering

if TYPE_CHECKING:
    from ..model import Sequential

__all__ = ["EarlyStopping", "StopWhen"]


class EarlyStopping(Remembering):
    """Stops when a score has not become better for a while, and always gives back the best weights.

    The network has the best weights at the end whether the training stopped early, ran to its end, was interrupted, or
    failed (Prechelt, "Early stopping, but when?", 1998).

    Args:
        patience: Epochs without a better score that are waited for.
        monitor: The score, "val_loss" by default.
        min_delta: How much better counts.
        mode: "min" or "max", what is better; "auto" tells by the name: losses and errors are better when smaller,
            scores and accuracies when larger.
        start_from_epoch: Epochs before it count for nothing: neither as the best nor as waiting.

    Attributes:
        best: The best score, None as long as there is none.
        best_epoch: Its epoch, -1 as long as there is none.
        stopped_epoch: Epoch after which it stopped the training, None if it did not.

    Raises:
        ValueError: A setting is out of its range, or the name does not tell what is better.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> x = np.linspace(-1, 1, 40).reshape(-1, 1)
        >>> stop = purr.EarlyStopping(patience=3, monitor="val_r2")
        >>> net = purr.Sequential([purr.Dense(8, "tanh"), purr.Dense(1)], seed=0)
        >>> history = net.fit(x, x[:, 0] ** 2, epochs=400, loss="mean_squared_error", metrics=["r2"],
        ...                   validation_split=0.25, optimizer=purr.Adam(0.01), callbacks=[stop])
        >>> stop.best == max(history.metrics["val_r2"])
        True
    """

    def __init__(
        self,
        patience: int = 5,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        mode: str = "auto",
        start_from_epoch: int = 0,
    ) -> None:
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        if not min_delta >= 0:
            raise ValueError(f"EarlyStopping: min_delta must be at least 0, got {min_delta}")
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"EarlyStopping: mode must be 'auto', 'min' or 'max', got {mode!r}")
        self.patience, self.monitor, self.min_delta, self.mode = patience, monitor, min_delta, mode
        self.start_from_epoch = check_whole("EarlyStopping: start_from_epoch", start_from_epoch, 0)
        larger = mode == "max" or (mode == "auto" and larger_is_better(monitor))
        self._sign = 1.0 if larger else -1.0
        self._model: Sequential | None = None
        self._forget()

    def _forget(self) -> None:
        self.best: float | None = None
        self.best_epoch = -1
        self.stopped_epoch: int | None = None
        self.weights: list[Array] = []
        self.buffers: dict[str, Array] = {}

    def state(self) -> dict[str, Any]:
        """The best score, its epoch, the weights and buffers of then, and where it stopped."""
        kept = {"weights": self.weights, "buffers": self.buffers}
        return {"best": self.best, "best_epoch": self.best_epoch, "stopped_epoch": self.stopped_epoch, **kept}

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Forget what an earlier training left, unless the state was restored."""
        super().on_train_begin(model, epochs)
        self._model = model

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """Keep the weights if the score is better; stop if it has not been for `patience` epochs."""
        if self.monitor not in logs:
            raise ValueError(f"EarlyStopping: no score {self.monitor!r} in this training; there are {', '.join(logs)}")
        if epoch < self.start_from_epoch or self._model is None:
            return False
        score = logs[self.monitor]
        if self.best is None or self._is_better(score, self.best):
            self.best, self.best_epoch = score, epoch
            self.weights, self.buffers = self._model.get_weights(), self._model.buffers
        if epoch - self.best_epoch < self.patience:
            return False
        self.stopped_epoch = epoch
        return True

    def _is_better(self, score: float, best: float) -> bool:
        return (math.isnan(best) and not math.isnan(score)) or self._sign * (score - best) > self.min_delta

    def on_train_end(self) -> None:
        """Give the best weights back to the network."""
        if self._model is not None and self.weights:
            self._model.set_weights(self.weights)
            self._model.set_buffers(self.buffers)
        self._model, self.weights, self.buffers = None, [], {}


class StopWhen(Remembering):
    """Stops the training when a condition of yours holds after an epoch.

    Args:
        condition: Gets the epoch, counted from 0, and the scores by name; True stops.

    Attributes:
        stopped_epoch: Epoch after which it stopped the training, None if it did not.

    Example:
        >>> import purrceptron as purr
        >>> good_enough = purr.callbacks.StopWhen(lambda epoch, logs: logs["loss"] < 0.5)
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> history = net.fit([[0.0], [1.0]], [0, 1], epochs=1000, optimizer=purr.SGD(0.5), callbacks=[good_enough])
        >>> history.loss[-1] < 0.5 <= history.loss[-2]
        True
    """

    def __init__(self, condition: Callable[[int, dict[str, float]], bool]) -> None:
        self._condition = condition
        self._forget()

    def _forget(self) -> None:
        self.stopped_epoch: int | None = None

    def state(self) -> dict[str, Any]:
        """Where it stopped."""
        return {"stopped_epoch": self.stopped_epoch}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """Ask the condition."""
        if not self._condition(epoch, logs):
            return False
        self.stopped_epoch = epoch
        return True
