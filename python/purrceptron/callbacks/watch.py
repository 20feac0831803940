"""What the core calls during a training: it passes the word on to every callback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from .callback import Callback

if TYPE_CHECKING:
    from ..model import Sequential

__all__ = ["Watch"]


class Watch:
    """All callbacks of one training, and the functions that are its metrics.

    Args:
        callbacks: In the order in which they are called.
        options: The core's options of the training.
        more_scores: Scores by name besides the core's, of the network as it is; called at the end of an epoch.

    Attributes:
        scores: What `more_scores` gave, a list by name.
    """

    def __init__(
        self, callbacks: Sequence[Callback], options: dict[str, Any], more_scores: Callable[[], dict[str, float]]
    ) -> None:
        self._callbacks, self._more_scores = callbacks, more_scores
        self._epochs: int = options["epochs"]
        self._names: list[str] = options["metrics"]
        self._batch_begins = [callback for callback in callbacks if _overrides(callback, "on_batch_begin")]
        self._batch_ends = [callback for callback in callbacks if _overrides(callback, "on_batch_end")]
        self.scores: dict[str, list[float]] = {}

    @property
    def asked_for_batches(self) -> bool:
        """Whether a callback wants to hear of every batch."""
        return bool(self._batch_begins or self._batch_ends)

    def begin(self, model: Sequential, ends: ExitStack) -> None:
        """Tell that the training begins; `ends` tells those who heard of it that it has ended, whatever happens."""
        heard: list[Callback] = []
        ends.callback(_end, heard)
        for callback in self._callbacks:
            heard.append(callback)
            callback.on_train_begin(model, self._epochs)
        self._epoch_begin(0)

    def _epoch_begin(self, epoch: int) -> None:
        if epoch < self._epochs:
            for callback in self._callbacks:
                callback.on_epoch_begin(epoch)

    def epoch(
        self, epoch: int, loss: float, metrics: list[float], val_loss: float | None, val_metrics: list[float] | None
    ) -> bool:
        """After an epoch, with its scores; whether a callback stops the training."""
        logs = {"loss": loss, **dict(zip(self._names, metrics, strict=True))}
        if val_loss is not None and val_metrics is not None:
            logs |= {"val_loss": val_loss, **{f"val_{n}": v for n, v in zip(self._names, val_metrics, strict=True)}}
        for name, value in self._more_scores().items():
            logs[name] = value
            self.scores.setdefault(name, []).append(value)
        stops = [callback.on_epoch_end(epoch, logs) for callback in self._callbacks]  # all of them, whoever stops
        if any(stops):
            return True
        self._epoch_begin(epoch + 1)
        return False

    def batch(self, batch: int, loss: float | None) -> None:
        """Before a batch, without its loss, and after it."""
        if loss is None:
            for callback in self._batch_begins:
                callback.on_batch_begin(batch)
        else:
            for callback in self._batch_ends:
                callback.on_batch_end(batch, {"loss": loss})


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


def _end(callbacks: Sequence[Callback]) -> None:
    """Tell all of them, in their order, also if one fails."""
    with ExitStack() as ends:
        for callback in reversed(callbacks):
            ends.callback(callback.on_train_end)
