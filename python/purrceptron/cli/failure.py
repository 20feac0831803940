"""How the command fails: one clear line on standard error, and an exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from typing import Any

import click

from ..images.reading import named
from .signals import Terminated

__all__ = ["DEBUG", "InOrder", "Purr", "failure_line", "plain", "say_failure"]

DEBUG = "purrceptron.debug"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
TERMINATED = 143  # 128 + SIGTERM
PIPE_CLOSED = 141  # 128 + SIGPIPE

# What bad input and a full or forbidden disk raise. Anything else is a defect, and is said to be one.
_EXPECTED = (OSError, ValueError, ArithmeticError, ImportError, MemoryError, TypeError)

_COLOR = re.compile(r"(\x1b\[[0-9;]*m)")


class InOrder(click.Group):
    """A group that lists its commands in the order in which one uses them, in which they were added."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return list(self.commands)


class Purr(InOrder):
    """A group whose commands fail with one line; click itself answers wrong usage, with status 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand, and turn what it raises into a line and a status."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt as interrupt:
            told, status = "interrupted", INTERRUPTED
            if isinstance(interrupt, Terminated):
                told, status = "terminated", TERMINATED
            say_failure(ctx, told + "".join(f"; {argument}" for argument in interrupt.args))
            ctx.exit(status)
        except BrokenPipeError:
            _discard_output()
            ctx.exit(PIPE_CLOSED)
        except Exception as error:
            if ctx.meta.get(DEBUG):
                raise
            say_failure(ctx, failure_line(error))
            ctx.exit(1)


def failure_line(error: Exception) -> str:
    """What went wrong, in one line."""
    match error:
        case FileNotFoundError(filename=str(name), strerror=str(reason)) if reason == os.strerror(errno.ENOENT):
            text = f"{name}: no such file"
        case IsADirectoryError(filename=str(name)):
            text = f"{name}: is a folder, expected a file"
        case NotADirectoryError(filename=str(name)):
            text = f"{name}: is no folder"
        case OSError(filename=str(name), strerror=str(reason)):
            text = f"{name}: {reason[:1].lower()}{reason[1:]}"
        case MemoryError():
            text = f"not enough memory ({error})" if str(error) else "not enough memory"
        case _ if isinstance(error, _EXPECTED):
            text = str(error) or type(error).__name__
        case _:
            text = f"internal error, please report it: {type(error).__name__}: {error} (--debug shows where)"
    return plain(" ".join(text.split()))


def plain(line: str) -> str:
    r"""A line with nothing that begins another or steers a terminal, but colours: names may hold anything.

    Example:
        >>> plain("a\nforged.png")
        'a\\nforged.png'
    """
    return "".join(part if _COLOR.fullmatch(part) else named(part) for part in _COLOR.split(line))


def say_failure(ctx: click.Context, line: str) -> None:
    """The line, after the name of the command."""
    click.echo(f"{ctx.find_root().info_name}: {line}", err=True)


def _discard_output() -> None:
    """Nobody reads any more; without this Python would complain when it flushes at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
