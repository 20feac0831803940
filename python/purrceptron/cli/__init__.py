"""The command `purr`: trains photo classifiers, asks them, shows them."""

from __future__ import annotations

import sys
from io import TextIOWrapper

import click

from .. import __version__
from .data import data
from .doctor import doctor
from .evaluate import evaluate
from .failure import Purr
from .predict import predict
from .report import report
from .show import show
from .signals import listen
from .trace import trace
from .train import train

__all__ = ["main", "purr"]


_EXAMPLES = """\b
Start here:
  purr train                                draw pictures, learn, save cats.safetensors
  purr predict cats.safetensors photo.jpg   is it a cat?
"""


@click.group(
    cls=Purr, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=_EXAMPLES
)
@click.version_option(__version__, "-V", "--version", prog_name="purr", message="%(prog)s %(version)s")
def purr() -> None:
    """Small neural networks that tell photos of cats from others.

    Answers and reports go to standard output, all else to standard error.
    """


for _command in (train, predict, evaluate, report, show, data, doctor, trace):
    purr.add_command(_command)


def main() -> None:
    """Run the command with the process's arguments, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # names of files may hold what the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    listen()
    purr(prog_name="purr")
