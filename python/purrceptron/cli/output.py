"""What a command prints: its report or one JSON object on standard output, messages on standard error."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from .failure import DEBUG, plain

__all__ = ["Output", "aligned", "amount", "facts", "output_options", "percent"]

_Command = TypeVar("_Command", bound=Callable[..., None])
_LABEL_WIDTH = 11


@dataclass(frozen=True)
class Output:
    """Where a command writes.

    Attributes:
        json: Whether the result is one JSON object instead of a report.
        quiet: Whether messages and progress are left out.
    """

    json: bool
    quiet: bool

    def say(self, *lines: str) -> None:
        """A message by the way, if there is any."""
        if lines and not self.quiet:
            click.echo(_text(lines), err=True, color=_color())

    def result(self, fields: dict[str, Any], report: Iterable[str]) -> None:
        """What the command was run for, in one form or the other; the report in lines."""
        text = json.dumps(fields) if self.json else _text(report)
        click.echo(text, color=_color())


def output_options(command: _Command) -> _Command:
    """Adds --json, --quiet and --debug; the command gets an `Output` as `output`."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
    @click.option("--quiet", is_flag=True, help="No progress, no messages; the result and errors are still shown.")
    @click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=lambda ctx, _, value: ctx.meta.__setitem__(DEBUG, value),
        help="Show the traceback of an error.",
    )
    @functools.wraps(command)
    def wrapped(*args: Any, as_json: bool, quiet: bool, **options: Any) -> None:
        command(*args, output=Output(as_json, quiet), **options)

    return wrapped  # type: ignore[return-value]


def facts(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Lines of a label and what there is to say; without a label it belongs to the row before; without both a gap."""
    lines = (f"  {click.style(label.ljust(_LABEL_WIDTH), dim=True)}  {text}" for label, text in rows)
    return [line if text else "" for line, (_, text) in zip(lines, rows, strict=True)]


def aligned(columns: Sequence[Sequence[str]], ends: str) -> list[str]:
    """Columns side by side, under each other as a terminal shows them: escaped, and with letters of any width.

    Args:
        columns: The cells of each, as many as there are lines; they may be coloured.
        ends: Where each column is even, "<" or ">"; the last sign counts for those that follow, too.
    """
    from rich.cells import cell_len

    padded = []
    for column, end in zip(columns, ends.ljust(len(columns), ends[-1]), strict=True):
        cells = list(map(plain, column))
        lengths = [cell_len(click.unstyle(cell)) for cell in cells]
        gaps = [" " * (max(lengths) - length) for length in lengths]
        padded.append([cell + gap if end == "<" else gap + cell for cell, gap in zip(cells, gaps, strict=True)])
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def percent(share: float) -> str:
    """A share as people read it, 7 wide: " 97.3 %"."""
    return f"{100 * share:5.1f} %"


def amount(count: int, what: str) -> str:
    """1 photo, 2 photos."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _text(lines: Iterable[str]) -> str:
    """Lines of which none becomes two, whatever the names in them."""
    return "\n".join(map(plain, lines))


def _color() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None
