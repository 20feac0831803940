"""What the core calls during a training: it passes the word on to every callback."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checkpoints.plain import pack
from ..errors import CheckpointError, ModelFileError, told
from .callback import Callback

if TYPE_CHECKING:
    from .. import _core
    from ..model import Sequential

__all__ = ["Watch"]


class Watch:
    """All callbacks of one training, and the functions that are its metrics.

    Args:
        callbacks: In the order in which they are called.
        options: The core's options of the training.
        more_scores: Scores by name besides the core's, of the network as it is; called at the end of an epoch. None if
            there are no such.

    Attributes:
        epochs: Of the training.
        scores: What `more_scores` gave, a list by name.
    """

    def __init__(
        self,
        callbacks: Sequence[Callback],
        options: dict[str, Any],
        more_scores: Callable[[], dict[str, float]] | None = None,
    ) -> None:
        self._callbacks, self._more_scores = callbacks, more_scores
        self.epochs: int = options["epochs"]
        self._names: list[str] = options["metrics"]
        self._batch_begins = [callback for callback in callbacks if _overrides(callback, "on_batch_begin")]
        self._batch_ends = [callback for callback in callbacks if _overrides(callback, "on_batch_end")]
        self._remembering = [callback for callback in callbacks if _overrides(callback, "state")]
        self.scores: dict[str, list[float]] = {}
        # Epochs, and batches of the next, that all callbacks have been told of; and whether of its beginning, too.
        self._heard, self._begun = (0, 0), False
        self._telling = False
        self._kept: tuple[int, bytes] | None = None  # what they had come to after so many epochs

    @property
    def asked_for_batches(self) -> bool:
        """Whether a callback wants to hear of every batch."""
        return bool(self._batch_begins or self._batch_ends)

    @property
    def remembers(self) -> bool:
        """Whether somebody comes to something, epoch by epoch, that belongs into a checkpoint."""
        return bool(self._remembering or self._more_scores)

    def begin(self, model: Sequential, ends: ExitStack, first_epoch: int = 0) -> None:
        """Tell that the training begins; `ends` tells those who heard of it that it has ended, whatever happens."""
        heard: list[Callback] = []
        ends.callback(_end, heard)
        for callback in self._callbacks:
            heard.append(callback)
            callback.on_train_begin(model, self.epochs)
        self._epoch_begin(first_epoch)

    def _epoch_begin(self, epoch: int) -> None:
        if epoch < self.epochs:
            remember = self._remembering if self._begun else []  # they know, from a checkpoint within the epoch
            for callback in self._callbacks:
                if not any(callback is knows for knows in remember):
                    callback.on_epoch_begin(epoch)
            self._begun = True

    def epoch(
        self, epoch: int, loss: float, metrics: list[float], val_loss: float | None, val_metrics: list[float] | None
    ) -> bool:
        """After an epoch, with its scores; whether a callback stops the training."""
        stops = self._epoch_end(epoch, self._logs(loss, metrics, val_loss, val_metrics))
        if not stops:
            self._epoch_begin(epoch + 1)
        return stops

    def epoch_with_checkpoints(self, epoch: int, *scores: Any) -> bool:
        """The same where checkpoints are taken; the last of the scores says whether one comes next.

        That one has the state from before the next epoch's beginning, of which the training that goes on tells again.
        """
        *scores_, due = scores
        self._telling = True
        stops = self._epoch_end(epoch, self._logs(*scores_))
        if due or stops:
            self._kept = epoch + 1, self._pack()
        if not stops:
            self._epoch_begin(epoch + 1)
        self._telling = False
        return stops

    def _epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        for name, value in self._more_scores().items() if self._more_scores else ():
            logs[name] = value
            self.scores.setdefault(name, []).append(value)
        stops = [callback.on_epoch_end(epoch, logs) for callback in self._callbacks]  # all of them, whoever stops
        self._heard, self._begun = (epoch + 1, 0), False
        return any(stops)

    def _logs(
        self, loss: float, metrics: list[float], val_loss: float | None, val_metrics: list[float] | None
    ) -> dict[str, float]:
        logs = {"loss": loss, **dict(zip(self._names, metrics, strict=True))}
        if val_loss is not None and val_metrics is not None:
            logs |= {"val_loss": val_loss, **{f"val_{n}": v for n, v in zip(self._names, val_metrics, strict=True)}}
        return logs

    def batch(self, batch: int, loss: float | None) -> None:
        """Before a batch, without its loss, and after it."""
        self._telling = True
        if loss is None:
            for callback in self._batch_begins:
                callback.on_batch_begin(batch)
        else:
            for callback in self._batch_ends:
                callback.on_batch_end(batch, {"loss": loss})
            self._heard = self._heard[0], batch + 1
        self._telling = False

    def logs_of(self, checkpoint: _core.Checkpoint) -> dict[str, float]:
        """The scores of the last finished epoch, as callbacks hear them."""
        scores = checkpoint.scores(len(self._names))
        logs = {} if scores is None else self._logs(*scores)
        return {**logs, **{name: values[-1] for name, values in self.scores.items() if values}}

    def state(self, epochs: int = 0, batches: int | None = None) -> bytes | None:
        """What callbacks and functions have come to, for a checkpoint of that place.

        None where there is no such thing: after an error in their midst, of which some have heard and others have not.
        """
        kept, self._kept = self._kept, None
        if kept is not None and (kept[0], None) == (epochs, batches):
            return kept[1]
        place = epochs, (batches or 0) if self.asked_for_batches else 0
        if self.remembers and (self._telling or self._heard != place):
            return None
        return self._pack()

    def _pack(self) -> bytes:
        states = []
        for callback in self._remembering:
            name, state = type(callback).__name__, callback.state()
            try:
                pack(state)
            except (AttributeError, TypeError) as error:
                raise TypeError(f"callbacks: {name}.state() is no plain data: {error}") from None
            states.append([name, state])
        return pack({"callbacks": states, "scores": self.scores, "begun": self._begun})

    def restore(self, state: dict[str, Any], path: Path, epochs: int, batches: int | None) -> None:
        """Give every callback its state from a checkpoint of that place.

        Raises:
            CheckpointError: It is of other callbacks.
            ModelFileError: It is no state of theirs.
        """
        try:
            states, scores, begun = state["callbacks"], state["scores"], bool(state["begun"])
            then, now = [name for name, _ in states], [type(callback).__name__ for callback in self._remembering]
            theirs, ours = (", ".join(names) or "none" for names in (then, now))
            lists = all(isinstance(values, list) for values in scores.values())
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ModelFileError(f"{path}: not a checkpoint of fit: no states of callbacks") from None
        if then != now:
            raise CheckpointError(f"{path}: has the state of other callbacks: {told(theirs)}; this training has {ours}")
        for callback, (name, kept) in zip(self._remembering, states, strict=True):
            if not isinstance(kept, dict) or kept.keys() != callback.state().keys() or not lists:
                raise ModelFileError(f"{path}: not a checkpoint of fit: no state of {name}")
        for callback, (_, kept) in zip(self._remembering, states, strict=True):
            callback.restore(kept)
        self.scores, self._begun = scores, begun
        self._heard = epochs, (batches or 0) if self.asked_for_batches else 0


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)


def _end(callbacks: Sequence[Callback]) -> None:
    """Tell all of them, in their order, also if one fails."""
    with ExitStack() as ends:
        for callback in reversed(callbacks):
            ends.callback(callback.on_train_end)
