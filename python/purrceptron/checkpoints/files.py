"""The files of a directory of checkpoints: their names and their order, and the lock."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from .. import _core

__all__ = ["BEST", "hold", "name_of", "newest_first", "release", "sweep"]

BEST = "best.safetensors"
_NAME = re.compile(r"epoch-(\d{8,})(?:-batch-(\d{8,}))?\.safetensors")
_UNFINISHED = ".purrceptron-*"

_held: set[_core.DirectoryLock] = set()


def name_of(epochs: int, batches: int | None) -> str:
    """The name of a checkpoint after so many epochs, and batches of the next where it is within one."""
    return f"epoch-{epochs:08}.safetensors" if batches is None else f"epoch-{epochs:08}-batch-{batches:08}.safetensors"


def newest_first(directory: Path) -> list[Path]:
    """The checkpoints that are there."""
    found = []
    for path in directory.iterdir():
        if match := _NAME.fullmatch(path.name):
            epochs, batches = match.groups()
            found.append(((int(epochs), int(batches or 0)), path))
    return [path for _, path in sorted(found, reverse=True)]


def sweep(directory: Path) -> None:
    """Delete what a process that was killed had begun to write."""
    for path in directory.glob(_UNFINISHED):
        with contextlib.suppress(OSError):
            path.unlink()


def hold(directory: Path) -> _core.DirectoryLock:
    """Keep other writers out, until `release`, or until this process ends in whatever way.

    Raises:
        BlockingIOError: Another training, of this process or another, holds it.
    """
    lock = _core.DirectoryLock(directory)
    _held.add(lock)
    return lock


def release(lock: _core.DirectoryLock) -> None:
    """Let others in."""
    _held.discard(lock)
    lock.release()


def _let_go_in_child() -> None:
    """A forked child must not hold what its parent holds: the lock would outlive the training."""
    for lock in _held:
        lock.release()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go_in_child)
