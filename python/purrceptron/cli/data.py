"""`purr data`: photos to learn from."""

from __future__ import annotations

import errno
import shlex
from pathlib import Path

import click

from ..datasets import make_cats, write_image_folder
from ..datasets.cats import SMALLEST
from ..datasets.data import DEFAULT_CLASS_NAMES
from ..images.cache import MOST_BYTES, cache_folder, clear, sizes
from .failure import InOrder
from .options import WholeRange, seed_option
from .output import Output, amount, output_options
from .preview import preview

__all__ = ["data"]


_EXAMPLES = """\b
Examples:
  purr data make pictures
  purr data make pictures --count 2000 --seed 7
"""
_CACHE_EXAMPLES = """\b
Examples:
  purr data cache
  purr data cache --clear
"""


@click.group(cls=InOrder, short_help="Make photos, look at them, and at the pixels kept.")
def data() -> None:
    """Photos to learn from."""


@data.command(short_help="Draw cats and other things into a folder.", epilog=_EXAMPLES)
@click.argument("folder", metavar="DIR", type=click.Path())
@click.option("--count", type=WholeRange(1), default=400, show_default=True, metavar="N", help="Pictures to draw.")
@seed_option("The same seed draws the same pictures; `purr train` without DATA learns from those of its own seed.")
@click.option(
    "--size",
    type=WholeRange(SMALLEST),
    default=64,
    show_default=True,
    metavar="PIXELS",
    help="Side of a picture; models see 64.",
)
@output_options
def make(folder: str, count: int, seed: int, size: int, output: Output) -> None:
    """Draw pictures, half of them cats, as PNG files in class folders under DIR, a new or empty folder."""
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    if any(place.iterdir()):
        raise FileExistsError(errno.EEXIST, "the folder is not empty; name a new one", folder)
    output.say(f"drawing {amount(count, 'picture')}")
    images, labels = make_cats(count, size=size, seed=seed)
    write_image_folder(place, images, labels, DEFAULT_CLASS_NAMES)
    photos = {name: int((labels == label).sum()) for label, name in enumerate(DEFAULT_CLASS_NAMES)}
    folders = ", ".join(f"{n:,} in {place / name}" for name, n in photos.items() if n)
    output.result(
        {"folder": folder, "count": count, "seed": seed, "size": size, "photos": photos},
        [f"{amount(count, 'picture')} of {size} x {size}: {folders}"],
    )
    output.say("", "Next, learn from them:", f"  purr train {shlex.quote(folder)}")


data.add_command(preview)


@data.command(short_help="Show or clear the pixels that are kept of photos.", epilog=_CACHE_EXAMPLES)
@click.option("--clear", "cleared", is_flag=True, help="Remove them all; photos are then decoded again.")
@output_options
def cache(cleared: bool, output: Output) -> None:
    """Show what is kept of photos in folders: their pixels as models see them, so that they are decoded once.

    The folder is that of PURRCEPTRON_CACHE, which "off" switches off. It never takes more than 10 GB, one very large
    set apart: what was not used for longest goes first.
    """
    folder = cache_folder()
    if folder is None:
        output.result({"folder": None, "files": 0, "bytes": 0, "cleared": False}, ["nothing is kept of photos"])
        return
    files, taken = clear(folder) if cleared else (len(found := sizes(folder)), sum(size for _, size, _ in found))
    what = f"{amount(files, 'set')} of photos, {taken / 1e6:,.1f} MB"
    done = f"{folder}: removed {what}" if cleared else f"{folder}: {what} of at most {MOST_BYTES / 1e9:,.0f} GB"
    output.result({"folder": str(folder), "files": files, "bytes": taken, "cleared": cleared}, [done])
