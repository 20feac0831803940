"""`Callback`, the base of all, and one that is made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model import Sequential
    from ..trainer import Trainer

__all__ = ["Callback", "LambdaCallback", "Remembering"]


class Callback:
    """Base of all callbacks: override what you need.

    A training with such callbacks comes back to Python after every epoch (`Progress` costs less), and for every batch
    only if one of them overrides `on_batch_begin` or `on_batch_end`. The network's weights are then those of the
    moment. If a callback raises, the training ends with that error, and the network has the weights of the last
    finished epoch. Ctrl-C reaches Python's main thread only: a training in another thread is stopped by a callback that
    returns True, with the weights of that epoch (see the example).

    Attributes:
        trainer: The `Trainer` at work, from before `on_train_begin` to after `on_train_end`, else None.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> class Stopwatch(purr.Callback):
        ...     epochs = 0
        ...     def on_epoch_end(self, epoch, logs):
        ...         self.epochs += 1
        ...         return logs["loss"] < 0.5  # True stops the training
        >>> watch = Stopwatch()
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> _ = net.fit([[0.0], [1.0]], [0, 1], epochs=1000, optimizer=purr.SGD(0.5), callbacks=[watch])
        >>> 1 < watch.epochs < 1000
        True

        A training in a thread, stopped from outside:

        >>> import threading
        >>> begun, stop = threading.Event(), threading.Event()
        >>> class Stop(purr.Callback):
        ...     def on_epoch_end(self, epoch, logs):
        ...         begun.set()
        ...         return stop.is_set()
        >>> settings = {"epochs": 10**9, "callbacks": [Stop()]}
        >>> thread = threading.Thread(target=net.fit, args=([[0.0], [1.0]], [0, 1]), kwargs=settings)
        >>> thread.start()
        >>> begun.wait(60)
        True
        >>> stop.set()
        >>> thread.join(60)
        >>> thread.is_alive()
        False
    """

    trainer: Trainer | None = None

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Before the first epoch. `model` is the network that is trained."""

    def on_epoch_begin(self, epoch: int) -> None:
        """Before an epoch, counted from 0."""

    def on_batch_begin(self, batch: int) -> None:
        """Before the step of a batch, counted from 0 in each epoch."""

    def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
        """After the step of a batch. `logs`: "loss", the batch's mean before the step."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool | None:
        """After an epoch, counted from 0; return True to stop. `logs`: "loss", "val_loss", metrics by name."""

    def on_train_end(self) -> None:
        """After the last epoch, and also when an error or an interrupt ends the training."""

    def state(self) -> dict[str, Any]:
        """What it keeps, as plain data: None, bool, int, float, str, NumPy arrays, and lists and dicts of these.

        It belongs to a place in the training. One that goes on within an epoch tells a callback with a state of its own
        no second time that this epoch begins.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave, before the training that goes on from there begins."""


class Remembering(Callback):
    """One that forgets an earlier training when another begins, unless its state was restored for it."""

    _restored = False

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave, before the training that goes on from there begins."""
        self._forget()
        for name, value in state.items():
            setattr(self, name, value)
        self._restored = True

    def on_train_begin(self, model: Sequential, epochs: int) -> None:
        """Forget what an earlier training left, unless the state was restored."""
        if not self._restored:
            self._forget()
        self._restored = False

    def _forget(self) -> None:
        raise NotImplementedError


class LambdaCallback(Callback):
    """A callback of functions, for what is not worth a class.

    Args:
        on_train_begin: As `Callback.on_train_begin`, and so the others.
        on_epoch_begin: Gets the epoch.
        on_batch_begin: Gets the batch.
        on_batch_end: Gets the batch and its scores.
        on_epoch_end: Gets the epoch and its scores; True stops.
        on_train_end: Gets nothing.

    Example:
        >>> import purrceptron as purr
        >>> seen = []
        >>> note = purr.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
        >>> net = purr.Sequential.from_string("1-1", seed=0)
        >>> _ = net.fit([[0.0], [1.0]], [0, 1], epochs=3, callbacks=[note])
        >>> seen
        [0, 1, 2]
    """

    def __init__(
        self,
        *,
        on_train_begin: Callable[[Sequential, int], object] | None = None,
        on_epoch_begin: Callable[[int], object] | None = None,
        on_batch_begin: Callable[[int], object] | None = None,
        on_batch_end: Callable[[int, dict[str, float]], object] | None = None,
        on_epoch_end: Callable[[int, dict[str, float]], bool | None] | None = None,
        on_train_end: Callable[[], object] | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name.startswith("on_") and value is not None}
        for name, function in given.items():
            if not callable(function):
                raise TypeError(f"LambdaCallback: {name} must be a function, got {function!r}")
            setattr(self, name, function)
