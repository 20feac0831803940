"""How far work that takes a while is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from ..images.decoding import Progress
from .output import Output, amount

__all__ = ["file_progress", "work_progress"]

_SECONDS_BEFORE, _SECONDS_BETWEEN, _SECONDS_BETWEEN_LINES = 0.5, 0.05, 5.0


def file_progress(output: Output) -> AbstractContextManager[Progress | None]:
    """What to call with the number of files read, and of all."""
    return work_progress(output, "reading", "file")


@contextmanager
def work_progress(output: Output, task: str, unit: str) -> Iterator[Progress | None]:
    """What to call with the number of units of a task that are done, and of all.

    In a terminal a bar, once it has taken half a second; elsewhere a plain line every few seconds; nothing if --quiet.
    """
    if output.quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn(task), BarColumn(bar_width=28), TextColumn("{task.fields[status]}", markup=False))
    bar = Bar(*columns, console=console, transient=True)
    row = bar.add_task(task, total=None, status="")
    begin = last = time.monotonic()
    pause = _SECONDS_BETWEEN if console.is_interactive else _SECONDS_BETWEEN_LINES

    def stop() -> None:
        if console.is_interactive:  # elsewhere that would be an empty line
            bar.stop()

    def show(done: int, count: int) -> None:
        nonlocal last
        if done == count:
            stop()  # what follows may have a bar of its own
            return
        now = time.monotonic()
        if now - begin < _SECONDS_BEFORE or now - last < pause:
            return
        last, status = now, f"{done:,}/{amount(count, unit)}"
        if not console.is_interactive:
            print(f"{task}  {status}", file=sys.stderr, flush=True)
            return
        bar.start()
        bar.update(row, total=count, completed=done, status=status)

    try:
        yield show
    finally:
        stop()
