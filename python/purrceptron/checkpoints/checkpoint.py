"""`Checkpoint`: what is kept of a training, where and how often."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self

from .._scores import larger_is_better
from .._spec import check_above_zero, check_whole

__all__ = ["Checkpoint"]

_USUAL_SECONDS = 60.0
_MOST_EPOCHS = 1 << 63  # more than a training has, and all that the core can count


@dataclass(frozen=True)
class Checkpoint:
    """Where a training leaves checkpoints, how often, and which of them it keeps: `fit(..., checkpoint=...)`.

    A checkpoint holds all that the training needs to go on, and `fit(..., resume=True)` goes on from the last one: with
    the very bits, weights and history, of a training that was never stopped. Each is a model file, too, which
    `purr.load` opens. They are written in the background: the training waits for no disk. If the disk is slower than
    the training, the newest checkpoint is written next and those between are left out.

    One more is written at the end of the training, when a callback stops it, and on Ctrl-C.

    Args:
        directory: The folder; it is made if there is none. One training at a time may write to it.
        every_epochs: Epochs from one checkpoint to the next.
        every_seconds: Seconds from one to the next, at the end of an epoch, or within it where it takes longer. If
            neither is given: 60 seconds, or with `best` every epoch.
        keep: How many are kept, the newest; None keeps all.
        best: The name of a score, "val_loss" say: the best of the checkpoints at the end of an epoch, by that score, is
            `best.safetensors`, besides.
        mode: "min" or "max", what is better; "auto" tells by the name, as in `EarlyStopping`.
        force_data: Whether a training may go on with other data. Its bits are then nobody's.

    Raises:
        ValueError: A setting is out of its range, or the name does not tell what is better.

    Example:
        >>> import numpy as np, purrceptron as purr, tempfile
        >>> x, y = np.array([[0.0], [1.0]]), [0, 1]
        >>> def fit(epochs, **options):
        ...     net = purr.Sequential.from_string("1-4-1", seed=0)
        ...     history = net.fit(x, y, epochs=epochs, **options)
        ...     return net.fingerprint(), history.loss
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     stopped = fit(3, checkpoint=folder)
        ...     resumed = fit(5, checkpoint=purr.Checkpoint(folder, every_epochs=1), resume=True)
        >>> resumed == fit(5)
        True
    """

    directory: str | os.PathLike[str]
    every_epochs: int | None = None
    every_seconds: float | None = None
    keep: int | None = 2
    best: str | None = None
    mode: str = "auto"
    force_data: bool = False

    def __post_init__(self) -> None:
        if not os.fspath(self.directory):
            raise ValueError("Checkpoint: directory is empty; expected the name of a folder")
        for name in ("every_epochs", "keep"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, check_whole(f"Checkpoint: {name}", getattr(self, name), 1))
        if self.every_seconds is not None:
            seconds = check_above_zero("Checkpoint: every_seconds", self.every_seconds)
            object.__setattr__(self, "every_seconds", seconds)
        if self.mode not in ("auto", "min", "max"):
            raise ValueError(f"Checkpoint: mode must be 'auto', 'min' or 'max', got {self.mode!r}")
        if self.best is not None:
            self._larger_is_better(self.best)

    @classmethod
    def of(cls, checkpoint: str | os.PathLike[str] | Self) -> Self:
        """A directory alone means the usual settings."""
        return checkpoint if isinstance(checkpoint, cls) else cls(checkpoint)  # type: ignore[arg-type]

    @property
    def _times(self) -> tuple[int | None, float | None]:
        """Epochs and seconds from one checkpoint to the next."""
        if self.every_epochs is None and self.every_seconds is None:
            return (1, None) if self.best is not None else (None, _USUAL_SECONDS)
        epochs = None if self.every_epochs is None else min(self.every_epochs, _MOST_EPOCHS)
        return epochs, self.every_seconds

    def _larger_is_better(self, name: str) -> bool:
        return self.mode == "max" or (self.mode == "auto" and larger_is_better(name))
