"""Callbacks that note what a training gives."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .callback import Callback, Remembering

if TYPE_CHECKING:
    from ..model import Sequential

__all__ = ["CSVLog", "HistoryLog", "LearningRateLog"]


class HistoryLog(Remembering):
    """Keeps the scores of every epoch, also of a training that is interrupted and gives back no history.

    Attributes:
        epochs: The epochs, counted from 0.
        scores: Lists by name, an entry an epoch.

    Example:
        >>> import purrceptron as purr
        >>> log = purr.callbacks.HistoryLog()
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> history = net.fit([[0.0], [1.0]], [0, 1], epochs=3, callbacks=[log])
        >>> log.scores["loss"] == history.loss
        True
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.epochs: list[int] = []
        self.scores: dict[str, list[float]] = {}

    def state(self) -> dict[str, Any]:
        """Copies of the lists."""
        return {"epochs": [*self.epochs], "scores": {name: [*values] for name, values in self.scores.items()}}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Note the scores."""
        self.epochs.append(epoch)
        for name, value in logs.items():
            self.scores.setdefault(name, []).append(value)


class LearningRateLog(Remembering):
    """Keeps the learning rate at the end of every epoch.

    Attributes:
        rates: One an epoch.

    Example:
        >>> import purrceptron as purr
        >>> log = purr.callbacks.LearningRateLog()
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> _ = net.fit([[0.0], [1.0]], [0, 1], epochs=2, optimizer=purr.SGD(0.25), callbacks=[log])
        >>> log.rates
        [0.25, 0.25]
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.rates: list[float] = []

    def state(self) -> dict[str, Any]:
        """A copy of the list."""
        return {"rates": [*self.rates]}

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Note the learning rate."""
        if self.trainer is not None:
            self.rates.append(self.trainer.learning_rate)


class CSVLog(Callback):
    """Writes the scores of every epoch to a file of comma-separated values, a line as soon as an epoch is done.

    A training that is resumed from an earlier epoch writes on from there: lines of later epochs are dropped.

    Args:
        path: The file; an older one is replaced when a training begins, unless its state was restored.

    Example:
        >>> import tempfile, pathlib, purrceptron as purr
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "training.csv")
        ...     log = purr.callbacks.CSVLog(path)
        ...     _ = net.fit([[0.0], [1.0]], [0, 1], epochs=2, metrics=["accuracy"], callbacks=[log])
        ...     print(path.read_text().splitlines()[0])
        epoch,loss,accuracy
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._epoch: int | None = None
        self._file: Any = None
        self._columns: Sequence[str] = ()

    def state(self) -> dict[str, Any]:
        """The last epoch that is written."""
        return {"epoch": self._epoch}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on after the epoch of that state."""
        self._epoch = state["epoch"]

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Open the file, with the lines that it keeps."""
        if self._epoch is None:
            self._file = open(self._path, "w", newline="", encoding="utf-8")  # noqa: SIM115 - closed in on_train_end
            return
        # Cut where it goes on, not written anew: a kill at this moment must not cost the lines of earlier epochs.
        self._file = open(self._path, "r+", newline="", encoding="utf-8")  # noqa: SIM115 - closed in on_train_end
        kept = [self._file.readline() for _ in range(self._epoch + 2)]
        self._file.seek(self._file.tell())  # it has read further than the lines that it gave
        self._file.truncate()
        self._columns = next(csv.reader(kept[:1]), ())

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        """Write a line."""
        if not self._columns:
            self._columns = ["epoch", *logs]
            self._write(self._columns)
        self._write([logs.get(name, "") if name != "epoch" else epoch for name in self._columns])
        self._epoch = epoch

    def _write(self, *lines: Sequence[object]) -> None:
        csv.writer(self._file, lineterminator="\n").writerows(lines)
        self._file.flush()

    def on_train_end(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file, self._epoch, self._columns = None, None, ()
