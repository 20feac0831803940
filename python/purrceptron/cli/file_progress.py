"""How far the reading of photo files is, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ..images.decoding import Progress
from .output import Output, amount

__all__ = ["file_progress"]

_SECONDS_BEFORE, _SECONDS_BETWEEN, _SECONDS_BETWEEN_LINES = 0.5, 0.05, 5.0


@contextmanager
def file_progress(output: Output) -> Iterator[Progress | None]:
    """What to call with the number of files done, and of all.

    In a terminal a bar, once it has taken half a second; elsewhere a plain line every few seconds; nothing if --quiet.
    """
    if output.quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("reading"), BarColumn(bar_width=28), TextColumn("{task.fields[status]}", markup=False))
    bar = Bar(*columns, console=console, transient=True)
    task = bar.add_task("reading", total=None, status="")
    begin = last = time.monotonic()
    pause = _SECONDS_BETWEEN if console.is_interactive else _SECONDS_BETWEEN_LINES

    def show(done: int, files: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - begin < _SECONDS_BEFORE or now - last < pause:
            return
        last = now
        if not console.is_interactive:
            print(f"reading  {done:,}/{amount(files, 'file')}", file=sys.stderr, flush=True)
            return
        bar.start()
        bar.update(task, total=files, completed=done, status=f"{done:,}/{amount(files, 'file')}")

    try:
        yield show
    finally:
        bar.stop()
