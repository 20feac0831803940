"""The command `purr`: trains photo classifiers, asks them, shows them."""

from __future__ import annotations

import sys
from importlib import import_module
from io import TextIOWrapper

import click

from .. import __version__
from .failure import Purr
from .signals import listen

__all__ = ["main", "purr"]


_EXAMPLES = """\b
Start here:
  purr train                                draw pictures, learn, save cats.safetensors
  purr predict cats.safetensors photo.jpg   is it a cat?
"""


class _Commands(Purr):
    """The commands, each in a module of its name that is imported with the first who asks for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which one uses them."""
        return ["train", "predict", "evaluate", "report", "show", "data", "doctor", "trace"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of them, if there is one of that name."""
        known = self.list_commands(ctx)
        for name in [cmd_name] if cmd_name in known else known:  # all, where click has to say what may have been meant
            if name not in self.commands:
                self.add_command(getattr(import_module(f".{name}", __name__), name))
        return super().get_command(ctx, cmd_name)


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXAMPLES
)
@click.version_option(__version__, "-V", "--version", prog_name="purr", message="%(prog)s %(version)s")
def purr() -> None:
    """Small neural networks that tell photos of cats from others.

    Answers and reports go to standard output, all else to standard error.
    """


def main() -> None:
    """Run the command with the process's arguments, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    listen()
    purr(prog_name="purr")
