"""`purr data preview`: what augmentation makes of photos, as a contact sheet."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence

import click
import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..augmentation import Augmentation, augment
from ..datasets import Data
from ..errors import DataError
from ..layers import Rescale
from ..model import Sequential
from .options import WholeRange, augment_option, mixup_option, seed_option, skip_bad_option
from .output import Output, amount, output_options
from .sources import draw, read_data, skipped_files
from .whole_files import check_output, write_whole

__all__ = ["preview"]

_SIZE, _GAP, _TITLE = 128, 4, 16  # pixels

_EXAMPLES = """\b
Examples:
  purr data preview
  purr data preview photos/ --augment flip --augment rotate=15 --output sheet.png
  purr data preview photos/ --augment flip --mixup 0.2
"""


@click.command(short_help="Show what augmentation makes of photos.", epilog=_EXAMPLES)
@click.argument("data", required=False, type=click.Path())
@augment_option
@mixup_option
@click.option("--photos", type=WholeRange(1, 100), default=6, show_default=True, metavar="N", help="Rows.")
@click.option(
    "--variants",
    type=WholeRange(1, 100),
    default=7,
    show_default=True,
    metavar="N",
    help="Epochs that are shown of --augment and --mixup.",
)
@seed_option("Seed of the photos chosen and of what is done to them.")
@click.option(
    "--output",
    "sheet_file",
    type=click.Path(),
    default="sheet.png",
    show_default=True,
    metavar="FILE",
    help="The PNG to write; one of that name is replaced.",
)
@skip_bad_option
@output_options
@click.pass_context
def preview(
    ctx: click.Context,
    data: str | None,
    augmentation: tuple[Augmentation, ...],
    mixup: float | None,
    photos: int,
    variants: int,
    seed: int,
    sheet_file: str,
    skip_bad: bool,
    output: Output,
) -> None:
    """Write a contact sheet: photos of DATA, some of every class, and what they are in epoch after epoch of a training.

    DATA is as for `purr train`; without it, cats are drawn. Without --augment and --mixup the columns are one
    augmentation each, as it is by default. With --mixup the photos of the sheet are one step, blended with one another.
    """
    asked = bool(augmentation) or mixup is not None
    if not asked and ctx.get_parameter_source("variants") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--variants is how often --augment or --mixup is shown: give one of them, too.", ctx)
    if os.path.splitext(sheet_file)[1].lower() not in ("", ".png"):
        raise click.UsageError(f"--output {sheet_file}: what is written is a PNG; name a file that ends in .png.", ctx)
    check_output(sheet_file, "a contact sheet", [data])
    source = read_data(data, output, skip_bad=skip_bad) if data else draw(max(photos, 2), seed)
    output.say(*skipped_files(source))
    images = _chosen(source, photos, seed)
    if asked:
        made = _epochs(images, augmentation, mixup, seed, variants)
        columns = [(f"epoch {epoch}", pictures) for epoch, pictures in enumerate(made)]
    else:
        grey = images.shape[3] != 3
        kinds = [
            kind for kind in Augmentation.__subclasses__() if not (grey and kind.type_name() in ("saturation", "hue"))
        ]
        columns = [(kind.type_name(), augment(images, [kind()], seed=seed)) for kind in kinds]
    _write(sheet_file, contact_sheet([("photo", images), *columns]))
    names = [*map(repr, augmentation), *([] if mixup is None else [f"mixup {mixup:g}"])]
    described = {
        "photos": len(images),
        "columns": len(columns),
        "augmentation": [one.to_dict() for one in augmentation],
        "mixup": mixup,
        "skipped": list(map(str, source.skipped)),
    }
    done = f"{amount(len(images), 'photo')}, each {len(columns)} times{': ' if names else ''}{', '.join(names)}"
    output.result({"file": sheet_file, **described}, [f"{sheet_file}: {done}"])


def _chosen(data: Data, count: int, seed: int) -> NDArray[np.uint8]:
    """Photos of one class after the other, drawn from the seed."""
    images = np.asarray(data.images)
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(f"{data.source}: a preview is of pictures, got {images.dtype} of shape {images.shape}")
    generator = np.random.Generator(np.random.PCG64(seed))
    order = generator.permutation(len(images))
    place_in_class = np.empty(len(images), dtype=np.int64)
    for label in np.unique(data.labels):
        members = order[data.labels[order] == label]
        place_in_class[members] = np.arange(len(members))
    return images[order[np.lexsort((data.labels[order], place_in_class[order]))][:count]]


def _epochs(
    images: NDArray[np.uint8], augmentation: tuple[Augmentation, ...], mixup: float | None, seed: int, count: int
) -> list[NDArray[np.uint8]]:
    """What a training on these photos, all in one step and in this order, sees of them in each of so many epochs.

    Blends are what a network gets that gives them back: a training it is, and has its numbers.
    """
    if mixup is None:
        return [augment(images, augmentation, seed=seed, epoch=epoch) for epoch in range(count)]
    network, seen = Sequential([Rescale(1.0)], input_shape=images.shape[1:], seed=seed), []

    def loss(outputs: Array, targets: Array) -> tuple[float, Array]:
        seen.append(np.rint(outputs).astype(np.uint8).reshape(images.shape))
        return 0.0, np.zeros_like(outputs)

    targets = np.zeros((len(images), images[0].size), np.float32)
    network.fit(
        images, targets, loss=loss, epochs=count, batch_size=None, shuffle=False, augmentation=augmentation, mixup=mixup
    )
    return seen


def contact_sheet(columns: Sequence[tuple[str, NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """Pictures side by side, each column with its title.

    Args:
        columns: Titles, and pictures `(rows, height, width, channels)` of 1 or 3 channels, all of one shape.

    Returns:
        One picture `(height, width, 3)`.
    """
    from PIL import Image, ImageDraw

    rows, height, width = columns[0][1].shape[:3]
    by = max(1, _SIZE // max(height, width))
    step_x, step_y = width * by + _GAP, height * by + _GAP
    sheet = Image.new("RGB", (len(columns) * step_x - _GAP, rows * step_y - _GAP + _TITLE), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (title, pictures) in enumerate(columns):
        pen.text((column * step_x + 2, 2), title, fill="black")
        for row, pixels in enumerate(pictures):
            colored = np.broadcast_to(pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1], (height, width, 3))
            picture = Image.fromarray(np.ascontiguousarray(colored).repeat(by, axis=0).repeat(by, axis=1))
            sheet.paste(picture, (column * step_x, row * step_y + _TITLE))
    return np.asarray(sheet)


def _write(file: str, sheet: NDArray[np.uint8]) -> None:
    """Write a PNG, whole or not at all."""
    from PIL import Image

    encoded = io.BytesIO()
    Image.fromarray(sheet).save(encoded, format="PNG", optimize=True)
    write_whole(file, encoded.getvalue())
