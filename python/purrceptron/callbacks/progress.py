"""Callbacks that show how far a training is."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .callback import Callback

if TYPE_CHECKING:
    from ..model import Sequential

__all__ = ["Progress", "ProgressBar"]


class Progress(Callback):
    """Calls `function(epoch, epochs, logs)` now and then: at most 20 times a second, and after the last epoch.

    Unlike other callbacks it does not make the training come back to Python after every epoch. It cannot stop it.

    Args:
        function: Gets the number of epochs done, of epochs in all, and the scores of the latest by name.

    Example:
        >>> import purrceptron as purr
        >>> show = purr.Progress(lambda epoch, epochs, logs: print(epoch, "of", epochs) if epoch == epochs else None)
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> _ = net.fit([[0.0], [1.0]], [0, 1], epochs=3, callbacks=[show])
        3 of 3
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

    Where standard error is no terminal it writes plain lines: one for each tenth of the epochs at most, with seconds
    between them, and one at the end.

    Args:
        description: What stands before the bar.

    Example:
        >>> import purrceptron as purr
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> _ = net.fit([[0.0], [1.0]], [0, 1], epochs=3, callbacks=[purr.ProgressBar("learning")])
    """

    _SECONDS_BETWEEN_LINES, _MOST_LINES = 5.0, 10
    # Columns of the bar; where scores and time leave it less, there is none.
    _SHORTEST, _LONGEST = 5, 28
    _TEXT = " {0}/{0}  cost 0.0000  validation cost 0.0000  00 min 00 s left "

    def __init__(self, description: str = "training") -> None:
        super().__init__(self._show)
        self._description = description
        self._bar: Any = None
        self._task: Any = None
        self._begin = self._last_line = self._next_line = 0.0
        self._first: int | None = None

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Start the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, ProgressColumn, TextColumn
        from rich.progress import Progress as RichProgress

        super().on_train_begin(model, epochs)
        self._begin = self._last_line = time.monotonic()
        self._first, self._next_line = None, 0.0
        console = Console(stderr=True)
        if console.is_interactive:
            columns: list[ProgressColumn] = [
                TextColumn("{task.description}", markup=False),
                TextColumn("{task.fields[status]}", markup=False),
            ]
            text = self._description + self._TEXT.format(f"{epochs:,}")
            if (room := console.width - len(text)) >= self._SHORTEST:
                columns.insert(1, BarColumn(bar_width=min(room, self._LONGEST)))
            self._bar = RichProgress(*columns, console=console)
            self._task = self._bar.add_task(self._description, total=epochs, status="")
            self._bar.start()

    def on_epoch_begin(self, epoch: int) -> None:
        """Note where it begins: a training that is resumed has had epochs before."""
        self._first = epoch if self._first is None else self._first

    def _show(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        spent, done = now - self._begin, epoch - (self._first or 0)
        left = f"{_duration(spent / max(done, 1) * (epochs - epoch))} left" if epoch < epochs else _duration(spent)
        scores = (f"{_said(name)} {value:.4f}" for name, value in logs.items())
        of_all = f"{epochs:,}"
        status = "  ".join([f"{epoch:>{len(of_all)},}/{of_all}", *scores, left])
        if self._bar is not None:
            self._bar.update(self._task, completed=epoch, status=status)
        elif epoch == epochs or (epoch >= self._next_line and now - self._last_line >= self._SECONDS_BETWEEN_LINES):
            self._last_line, self._next_line = now, epoch + epochs / self._MOST_LINES
            print(f"{self._description}  {status}", file=sys.stderr, flush=True)

    def on_train_end(self) -> None:
        """Stop the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _said(name: str) -> str:
    """A score's name as people say it: "loss" is the cost, "val_accuracy" the validation accuracy."""
    held_out, name = name.startswith("val_"), name.removeprefix("val_")
    return ("validation " if held_out else "") + ("cost" if name == "loss" else name)


def _duration(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
