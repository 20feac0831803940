"""One training and its directory of checkpoints."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from .. import _core
from ..errors import CheckpointError, ModelFileError, told
from .checkpoint import Checkpoint
from .files import hold, name_of, newest_first, release, sweep
from .identity import differences
from .plain import unpack
from .writer import Snapshot, Writer

if TYPE_CHECKING:
    from ..callbacks.watch import Watch

__all__ = ["Checkpoints"]

_NOTE = "training"


class Checkpoints:
    """The checkpoints of one training: within it the directory is held, and at its end all is written.

    Args:
        settings: Where, how often, how many.
        identity: What the training is; it goes on from checkpoints of the same identity alone.
        watch: What is called during the training; it knows the callbacks.
        resume: Whether it goes on from the last checkpoint, if there is one.

    Attributes:
        resumed: The checkpoint that it goes on from, None where it begins.
        first_epoch: The epoch that it begins in.
    """

    def __init__(self, settings: Checkpoint, identity: dict[str, Any], watch: Watch, resume: bool) -> None:
        self._settings, self._identity, self._watch, self._resume = settings, identity, watch, resume
        self._directory = Path(os.path.abspath(settings.directory))  # wherever a callback goes meanwhile
        self._process = os.getpid()
        self._last: Path | None = None
        self._best: float | None = None
        self.resumed: _core.Checkpoint | None = None
        self.first_epoch = 0

    def __enter__(self) -> Self:
        """Hold the directory; where asked, find the checkpoint to go on from, and give callbacks their state."""
        self._watch.state()  # what cannot be kept is refused before the training
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock = hold(self._directory)
        try:
            sweep(self._directory)
            found = newest_first(self._directory)
            if found and not self._resume:
                raise CheckpointError(
                    f"{self._directory}: holds checkpoints of an earlier training, the last is {found[0].name}; "
                    "resume goes on from it, or name another directory"
                )
            if found:
                self._go_on_from(found)
        except BaseException:
            release(self._lock)
            raise
        self._writer = Writer(self._directory, self._lock, self._settings.keep, self._written)
        return self

    def _go_on_from(self, found: list[Path]) -> None:
        refused: ModelFileError | None = None
        for path in found:
            try:
                core, notes, attached = _core.Checkpoint.load(path)
                note, state = _read(path, notes, attached)
            except ModelFileError as error:
                refused = refused or error
                continue
            break
        else:
            assert refused is not None
            raise refused
        if refused is not None:
            warnings.warn(f"{refused}; going on from {path.name}", stacklevel=5)
        self._check(path, note["identity"])
        epochs, batches, stopped = core.place()
        self._watch.restore(state, path, epochs, batches)
        self._best = note["best"]
        self._last, self.resumed = path, core
        self.first_epoch = self._watch.epochs if stopped else epochs

    def _check(self, path: Path, identity: dict[str, Any]) -> None:
        """Refuse a checkpoint of another training, and say what differs."""
        for place, then, now in differences(identity, self._identity):
            if place.startswith("data."):
                if not self._settings.force_data:
                    what = f"the {told(place.removeprefix('data.'))} data (samples, targets, weights or their order)"
                    raise CheckpointError(
                        f"{path}: {what} are not those of this checkpoint; bring those, or say that you mean it "
                        "(force_data=True, --force-data)"
                    )
            else:
                raise CheckpointError(
                    f"{path}: made with {told(place)} {_brief(then)}, but this training has {_brief(now)}"
                )

    @property
    def times(self) -> tuple[int | None, float | None]:
        """Epochs and seconds from one checkpoint to the next."""
        return self._settings._times

    def take(self, core: _core.Checkpoint, due: bool) -> None:
        """Hand a checkpoint to the writer: the core calls it. `due`: one that was due at the end of an epoch."""
        if self._process != os.getpid():
            raise RuntimeError("a child that was forked in the midst of a training cannot go on with its checkpoints")
        self._writer.check()
        epochs, batches, stopped = core.place()
        if (state := self._watch.state(epochs, batches)) is None:
            return
        is_best = batches is None and (due or stopped) and self._is_best(core)
        notes = {_NOTE: json.dumps({"identity": self._identity, "best": self._best})}
        self._writer.put(Snapshot(name_of(epochs, batches), core, notes, state), is_best)

    def _is_best(self, core: _core.Checkpoint) -> bool:
        name = self._settings.best
        if name is None:
            return False
        logs = self._watch.logs_of(core)
        if name not in logs:
            raise ValueError(f"Checkpoint: no score {name!r} in this training; there are {', '.join(logs)}")
        sign = 1.0 if self._settings._larger_is_better(name) else -1.0
        score, best = logs[name], self._best
        if best is None or sign * (score - best) > 0 or (best != best and score == score):
            self._best = score
            return True
        return False

    def _written(self, path: Path) -> None:
        self._last = path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what waits, and let go of the directory."""
        if self._process != os.getpid():  # the thread that writes, the lock and the directory are the parent's
            return
        try:
            try:
                self._writer.close()
            except KeyboardInterrupt as interrupt:
                self._writer.close()  # what is being written is whole soon; a second interrupt comes through
                self._note(interrupt)
                raise
            if error is None:
                self._writer.check()
            else:
                self._note(error)
        finally:
            release(self._lock)

    def _note(self, error: BaseException) -> None:
        """Say beside an error what there is to go on from."""
        try:
            self._writer.check()
        except Exception as failed:
            error.add_note(f"the last checkpoint could not be written: {failed}")
        if self._last is not None and self._last.exists():
            error.add_note(f"the last checkpoint is {self._last}")


def _read(path: Path, notes: dict[str, str], attached: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is Python's in a file: what the training is, and the state of its callbacks."""
    try:
        note, state = json.loads(notes[_NOTE]), unpack(attached)
        if not isinstance(note["identity"], dict) or not isinstance(note["best"], float | None):
            raise ValueError("no description of a training")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{path}: not a checkpoint of fit: {told(error)}") from None
    return note, state


def _brief(value: Any) -> str:
    text = value if value == "nothing" else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
