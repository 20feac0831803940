"""Callbacks: code of yours that a training calls."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._arrays import Array

if TYPE_CHECKING:
    from .model import Sequential

__all__ = ["Callback", "EarlyStopping", "Progress", "ProgressBar"]


class Callback:
    """Base of all callbacks: override what you need.

    A training with such callbacks comes back to Python after every epoch; `Progress` costs less.
    """

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Before the first epoch. `model` is the network that is trained."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool | None:
        """After an epoch, counted from 0; return True to stop. `logs`: "loss", "val_loss", metrics by name."""

    def on_train_end(self) -> None:
        """After the last epoch, and also when an error or an interrupt ends the training."""


class EarlyStopping(Callback):
    """Stops when a score has not become better for a while, and gives back the best weights.

    Args:
        patience: Epochs without a better score that are waited for.
        monitor: The score, "val_loss" by default. Losses are better when smaller, all else when larger.
        min_delta: How much better counts.
    """

    def __init__(self, patience: int = 5, monitor: str = "val_loss", min_delta: float = 0.0) -> None:
        if patience < 1:
            raise ValueError(f"EarlyStopping: patience must be at least 1, got {patience}")
        if not min_delta >= 0:
            raise ValueError(f"EarlyStopping: min_delta must be at least 0, got {min_delta}")
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self.best, self.best_epoch = math.inf, -1
        self._model: Sequential | None = None
        self._weights: list[Array] = []
        self._buffers: dict[str, Array] = {}

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Forget what an earlier training left."""
        self._model, self._weights = model, []
        self.best, self.best_epoch = math.inf, -1

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """Keep the weights if the score is better; stop if it has not been for `patience` epochs."""
        if self.monitor not in logs:
            raise ValueError(f"EarlyStopping: no score {self.monitor!r} in this training; there are {', '.join(logs)}")
        score = logs[self.monitor] if self.monitor.endswith("loss") else -logs[self.monitor]
        if (self.best_epoch < 0 or score < self.best - self.min_delta) and self._model is not None:
            self.best, self.best_epoch = score, epoch
            self._weights, self._buffers = self._model.get_weights(), self._model.buffers
        return epoch - self.best_epoch >= self.patience

    def on_train_end(self) -> None:
        """Give the best weights back to the network."""
        if self._model is not None and self._weights:
            self._model.set_weights(self._weights)
            self._model.set_buffers(self._buffers)
        self._model, self._weights = None, []


class Progress(Callback):
    """Calls `function(epoch, epochs, logs)` now and then: at most 20 times a second, and after the last epoch.

    Unlike other callbacks it does not make the training come back to Python after every epoch. It cannot stop it.

    Args:
        function: Gets the number of epochs done, of epochs in all, and the scores of the latest by name.
    """

    _PAUSE = 0.05

    def __init__(self, function: Callable[[int, int, dict[str, float]], object]) -> None:
        self._function, self._epochs, self._last = function, 0, -math.inf

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Note how many epochs there are."""
        self._epochs = epochs

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Pass it on, unless it was less than 1/20 s ago."""
        now = time.monotonic()
        if epoch + 1 == self._epochs or now - self._last >= self._PAUSE:
            self._last = now
            self._function(epoch + 1, self._epochs, logs)


class ProgressBar(Progress):
    """A live line on standard error: epochs done, scores, time left.

    Where standard error is no terminal it writes a plain line every few seconds, and one at the end.

    Args:
        description: What stands before the bar.
    """

    _SECONDS_BETWEEN_LINES = 5.0

    def __init__(self, description: str = "training") -> None:
        super().__init__(self._show)
        self._description = description
        self._bar: Any = None
        self._task: Any = None
        self._begin = self._last_line = 0.0

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Start the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        super().on_train_begin(model, epochs)
        self._begin = self._last_line = time.monotonic()
        console = Console(stderr=True)
        if console.is_interactive:
            status = TextColumn("{task.fields[status]}", markup=False)
            columns = (TextColumn("{task.description}", markup=False), BarColumn(bar_width=28), status)
            self._bar = RichProgress(*columns, console=console)
            self._task = self._bar.add_task(self._description, total=epochs, status="")
            self._bar.start()

    def _show(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        spent = now - self._begin
        left = f"{_duration(spent / epoch * (epochs - epoch))} left" if epoch < epochs else _duration(spent)
        scores = (f"{'cost' if name == 'loss' else name} {value:.4f}" for name, value in logs.items())
        status = "  ".join([f"{epoch:,}/{epochs:,}", *scores, left])
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch, status=status)
        elif epoch == epochs or now - self._last_line >= self._SECONDS_BETWEEN_LINES:
            self._last_line = now
            print(f"{self._description}  {status}", file=sys.stderr, flush=True)

    def on_train_end(self) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
