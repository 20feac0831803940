"""The thread that writes checkpoints while the training goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import _core
from .files import BEST, newest_first

__all__ = ["Snapshot", "Writer"]


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint that is to be written: the name of its file, and what stands in it."""

    name: str
    core: _core.Checkpoint
    notes: dict[str, str]
    attached: bytes


class Writer:
    """Writes snapshots to a directory, one after the other; of those that wait, the newest and the newest best.

    Args:
        directory: Where to.
        lock: What holds it.
        keep: How many files stay besides the best; None keeps all.
        written: Called with the path of each, in the thread.
    """

    def __init__(
        self, directory: Path, lock: _core.DirectoryLock, keep: int | None, written: Callable[[Path], object]
    ) -> None:
        self._directory, self._lock, self._keep, self._written = directory, lock, keep, written
        self._changed = threading.Condition()
        self._waiting: dict[str, Snapshot] = {}
        self._error: BaseException | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def put(self, snapshot: Snapshot, is_best: bool) -> None:
        """Write a snapshot as soon as the disk is free."""
        with self._changed:
            if is_best:
                self._waiting["best"] = snapshot
            self._waiting["last"] = snapshot
            self._changed.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="purrceptron-checkpoints")
            self._thread.start()

    def check(self) -> None:
        """Raise what went wrong in the thread; once."""
        with self._changed:
            error, self._error = self._error, None
        if error is not None:
            raise error

    def close(self) -> None:
        """Write what waits, and end the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                waiting, self._waiting = self._waiting, {}
            if not waiting:
                return
            try:
                self._write(waiting)
            except BaseException as error:  # also of a callback of the interpreter's: the training must hear of it
                if isinstance(error, OSError) and error.strerror:
                    error.strerror += "; the checkpoint could not be written"
                with self._changed:
                    self._error = error

    def _write(self, waiting: dict[str, Snapshot]) -> None:
        last, best = waiting["last"], waiting.get("best")
        path, best_path = self._directory / last.name, self._directory / BEST
        self._lock.check()
        # The best first: what a last checkpoint says of the best is then true, whenever the process is killed.
        if best is last:
            last.core.save([best_path, path], last.notes, last.attached)
        else:
            if best is not None:
                best.core.save([best_path], best.notes, best.attached)
            last.core.save([path], last.notes, last.attached)
        self._written(path)
        if self._keep is not None:
            found = newest_first(self._directory)
            # Those that are newer were refused, and would otherwise count as the ones that are kept.
            newer = found.index(path) if path in found else len(found)
            for old in found[newer + self._keep :]:
                old.unlink(missing_ok=True)
