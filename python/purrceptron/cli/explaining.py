"""Pictures that show what an answer hangs on, as files."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Sequence
from pathlib import Path

from .._arrays import Array
from ..photos import PhotoClassifier
from .whole_files import write_whole

__all__ = ["explain_into"]


def explain_into(
    folder: Path, photos: Sequence[str], pictures: Array, places: Sequence[int], classifier: PhotoClassifier
) -> list[str]:
    """Write NAME.explained.png into a folder for every photo, about the class at its place; its path for each.

    An earlier explanation of that name is replaced, a photo never. A second photo of the same name gets
    NAME-2.explained.png.

    Raises:
        OSError: A file cannot be written; those before it are whole.
    """
    from ..explanation import explain

    taken = {os.path.realpath(photo) for photo in photos}
    files = []
    for photo, picture, place in zip(photos, pictures, places, strict=True):
        file = _free(folder, Path(photo).stem, taken)
        _write(file, explain(classifier, picture, place).picture())
        files.append(str(file))
    return files


def _free(folder: Path, stem: str, taken: set[str]) -> Path:
    """The first of NAME.explained.png, NAME-2.explained.png, .. that is not taken; then it is, too."""
    number = 1
    while True:
        file = folder / f"{stem}{f'-{number}' if number > 1 else ''}.explained.png"
        if os.path.realpath(file) not in taken:
            taken.add(os.path.realpath(file))
            return file
        number += 1


def _write(file: Path, picture: Array) -> None:
    from PIL import Image

    if file.exists() and not file.is_file():
        raise FileExistsError(errno.EEXIST, "there is something else than a file; choose another folder", str(file))
    encoded = io.BytesIO()
    Image.fromarray(picture).save(encoded, format="PNG")
    write_whole(file, encoded.getvalue())
