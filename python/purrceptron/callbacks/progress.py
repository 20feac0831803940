"""Callbacks that show how far a training is."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .callback import Callback

if TYPE_CHECKING:
    from ..model import Sequential

__all__ = ["Progress", "ProgressBar"]

# Columns of a bar; one of fewer than the shortest says nothing.
_LONGEST_BAR, _SHORTEST_BAR = 28, 5


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

    In a narrow terminal there is no bar, then no scores, the last of them first; the time left is always there.

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
    _LONGEST_TIME = "00 min 00 s left"  # the bar keeps its length whatever the time

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
        from rich.progress import Progress as RichProgress

        super().on_train_begin(model, epochs)
        self._begin = self._last_line = time.monotonic()
        self._first, self._next_line = None, 0.0
        console = Console(stderr=True)
        if console.is_interactive:
            self._bar = RichProgress(*self._columns(0), console=console)
            self._task = self._bar.add_task(self._description, total=epochs, status=f"0/{epochs:,}")
            self._bar.start()

    def on_epoch_begin(self, epoch: int) -> None:
        """Note where it begins: a training that is resumed has had epochs before."""
        self._first = epoch if self._first is None else self._first

    def _show(self, epoch: int, epochs: int, logs: dict[str, float]) -> None:
        now = time.monotonic()
        spent, done = now - self._begin, epoch - (self._first or 0)
        left = f"{_duration(spent / max(done, 1) * (epochs - epoch))} left" if epoch < epochs else _duration(spent)
        scores = [f"{_said(name)} {value:.4f}" for name, value in logs.items()]
        of_all = f"{epochs:,}"
        count = f"{epoch:>{len(of_all)},}/{of_all}"
        if self._bar is not None:
            self._draw(epoch, count, scores, left)
        elif epoch == epochs or (epoch >= self._next_line and now - self._last_line >= self._SECONDS_BETWEEN_LINES):
            self._last_line, self._next_line = now, epoch + epochs / self._MOST_LINES
            print("  ".join([self._description, count, *scores, left]), file=sys.stderr, flush=True)

    def _draw(self, epoch: int, count: str, scores: list[str], left: str) -> None:
        """The live line, with as many scores and as long a bar as there is room for beside the time."""
        room = self._bar.console.width - len(f"{self._description} {count}  {self._LONGEST_TIME}")
        ends = list(accumulate((len(f"  {score}") for score in scores), initial=0))
        kept = sum(end <= room for end in ends[1:])
        self._bar.columns = self._columns(room - ends[kept] - 1)
        self._bar.update(self._task, completed=epoch, status="  ".join([count, *scores[:kept], left]))

    def _columns(self, room: int) -> list[Any]:
        """What the live line is made of, with a bar if there is room for it."""
        from rich.progress import BarColumn, TextColumn

        text, status = (TextColumn(part, markup=False) for part in ("{task.description}", "{task.fields[status]}"))
        return [text, BarColumn(min(room, _LONGEST_BAR)), status] if room >= _SHORTEST_BAR else [text, status]

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
