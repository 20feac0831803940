"""A folder with one folder of photos per class: read it, write it."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from purrceptron.datasets.data import Data
from purrceptron.errors import DataError
from purrceptron.images.decoding import Progress, read_files
from purrceptron.images.reading import Color, Fit, PathLike, check_image_options, named

__all__ = ["load_image_folder", "write_image_folder"]


def load_image_folder(
    path: PathLike,
    *,
    image_size: int = 64,
    color: Color = "rgb",
    fit: Fit = "cover",
    skip_bad: bool = False,
    memory_map: bool | None = None,
    cache: bool = True,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Data:
    """Read a folder of class folders as one array.

    Hidden files and folders (a name that starts with a dot) are passed over; the order is that of the
    names, so the same folder gives the same arrays everywhere, with any number of threads.

    Decoded pixels are kept in the folder that `PURRCEPTRON_CACHE` names ("off" for none), by default
    ~/.cache/purrceptron: up to 10 GB, known by the content of the photo files. `purr data cache` shows and clears them.

    Args:
        path: Folder with one folder per class; a class is named by its folder.
        image_size: Side in pixels of the square to which photos are scaled.
        color: "rgb" or "grey".
        fit: "cover" crops to the square, "contain" adds black bars, "stretch" bends; see `load_image`.
        skip_bad: Leave out what is no readable photo, and list it in `skipped`, instead of refusing the
            folder.
        memory_map: Whether the pictures stay in a file on disk, from which a training takes what it needs: for sets
            that are larger than the memory. They are then read-only. Left out, sets above 1 GiB are.
        cache: Whether decoded pixels are looked for and kept on disk.
        n_threads: Threads that decode; left out, as everywhere in the library.
        progress: Called after each photo with the number of files done, and of all.

    Returns:
        images `(samples, image_size, image_size, channels)` uint8, labels `(samples,)` int64, class names in
        alphabetical order, skipped files, paths.

    Raises:
        DataError: A file cannot be read as an image or lies where none belongs (names the file), a class
            has no photo, or there is no class.
        FileNotFoundError: There is no such folder.
        NotADirectoryError: The path is a file.

    Example:
        >>> load_image_folder("photos").class_names  # doctest: +SKIP
        ('cat', 'dog')
    """
    check_image_options(image_size, color, fit)
    classes, strays = _listing(Path(path))
    misplaced = [(file, "lies beside the class folders") for file in strays]
    files: list[tuple[Path, int]] = []
    for label, folder in enumerate(classes):
        photos, inner = _listing(folder)[::-1]
        misplaced += [(entry, "is no file, but lies in a class folder") for entry in inner]
        for photo in photos:
            if photo.is_file():  # anything else, such as a pipe, could block for ever when opened
                files.append((photo, label))
            else:
                misplaced.append((photo, "is no regular file"))
    if not classes and strays:
        raise DataError(
            f"{named(path)}: holds files, but no folders; expected one folder of photos per class (if they are the "
            "photos of one class, give the folder around theirs)"
        )
    if not classes:
        raise DataError(
            f"{named(path)}: there is no class; expected one folder of photos per class, such as {named(path)}/cat"
        )
    if misplaced and not skip_bad:
        entry, why = misplaced[0]
        raise DataError(f"{named(entry)}: {why}, where only photos in class folders belong; {_REMEDY}")
    try:
        reading = read_files(
            [photo for photo, _ in files],
            image_size=image_size,
            color=color,
            fit=fit,
            skip_bad=skip_bad,
            memory_map=memory_map,
            use_cache=cache,
            n_threads=n_threads,
            progress=progress,
        )
    except DataError as error:
        raise DataError(f"{error}; {_REMEDY}") from error
    kept = [files[index] for index in reading.indices]
    labels = [label for _, label in kept]
    for label in sorted(set(range(len(classes))).difference(labels)):
        raise DataError(
            f"{named(classes[label])}: the class has no photo that can be read; add photos or remove the folder"
        )
    skipped = sorted([entry for entry, _ in misplaced] + [files[index][0] for index in reading.refused])
    return Data.from_arrays(
        reading.images,
        labels,
        tuple(folder.name for folder in classes),
        source=os.fspath(path),
        skipped=tuple(skipped),
        paths=tuple(photo for photo, _ in kept),
    )


def write_image_folder(path: PathLike, images: NDArray[Any], labels: ArrayLike, class_names: tuple[str, ...]) -> None:
    """Write pictures as PNG files, one folder per class: `cat/00000.png`, `cat/00001.png`, ...

    Numbers count within a class, in the order of `images`. A file appears under its name only when it is
    whole. `load_image_folder` gives the same pixels back; a class without a picture gets no folder.

    Args:
        path: Folder to make, with its parents; it may exist when it is empty.
        images: `(samples, height, width, channels)` uint8, 1 or 3 channels.
        labels: Class of each picture, `(samples,)`, an index into `class_names`.
        class_names: Names of the folders, one a class.

    Raises:
        DataError: The arrays are no labelled pictures, or a class name is no folder name.
        FileExistsError: The path is a file, or a folder that is not empty.

    Example:
        >>> write_image_folder("cats", images, labels, ("not cat", "cat"))  # doctest: +SKIP
    """
    from PIL import Image

    folder = Path(path)
    data = Data.from_arrays(np.asarray(images), labels, tuple(class_names), source="the pictures to write")
    if data.images.dtype != np.uint8 or data.images.ndim != 4:
        raise DataError(
            f"pictures to write must be uint8 of shape (samples, height, width, channels), "
            f"got {data.images.dtype} of shape {data.images.shape}"
        )
    _check_folder_names(data.class_names)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(errno.EEXIST, "The folder is not empty; name a new one", str(folder))
    digits = max(5, len(str(len(data) - 1)))
    for label, name in enumerate(data.class_names):
        members = np.flatnonzero(data.labels == label)
        for number, index in enumerate(members):
            (folder / name).mkdir(exist_ok=True)
            target = folder / name / f"{number:0{digits}d}.png"
            # Hidden, so that a reader passes over what a killed process left.
            unfinished = target.with_name(f".{target.name}.part")
            try:
                Image.fromarray(_without_single_channel(data.images[index])).save(unfinished, format="PNG")
                os.replace(unfinished, target)
            finally:
                unfinished.unlink(missing_ok=True)


_REMEDY = "remove it, or leave out what cannot be read with skip_bad=True (--skip-bad)"


def _listing(folder: Path) -> tuple[list[Path], list[Path]]:
    """Folders and other entries in a folder that are not hidden, each sorted by name."""
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    return [entry for entry in entries if entry.is_dir()], [entry for entry in entries if not entry.is_dir()]


def _check_folder_names(names: tuple[str, ...]) -> None:
    for name in names:
        if not name or name.startswith(".") or any(sign in name for sign in '/\\:*?"<>|\0'):
            raise DataError(f"the class name {name!r} cannot be a folder's name; it must not be hidden or hold / \\ :")
    if len({name.casefold() for name in names}) != len(names):
        raise DataError(f"class names must differ, also without regard to case, got {names!r}")


def _without_single_channel(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture[..., 0] if picture.shape[-1] == 1 else picture
