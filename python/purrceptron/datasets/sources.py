"""One door to every kind of data: `load_data` looks at the path and picks the reader."""

import errno
import os
from pathlib import Path
from typing import get_args

from purrceptron.datasets.archives import Split, load_h5, load_npz
from purrceptron.datasets.data import Data
from purrceptron.datasets.folders import load_image_folder
from purrceptron.datasets.tables import load_csv
from purrceptron.errors import DataError
from purrceptron.images.decoding import Progress
from purrceptron.images.reading import Color, Fit, PathLike, check_image_options

__all__ = ["load_data"]


def load_data(
    path: PathLike,
    *,
    image_size: int = 64,
    color: Color = "rgb",
    fit: Fit = "cover",
    skip_bad: bool = False,
    split: Split = "train",
    progress: Progress | None = None,
) -> Data:
    """Read labelled data: a folder of class folders, the course's .h5, the series' CSV, or an .npz.

    Args:
        path: What to read; a file's kind is told by its ending (.h5, .hdf5, .csv, .npz).
        image_size: Side in pixels to which a folder's photos are scaled. Arrays come as they are stored.
        color: "rgb" or "grey", for a folder's photos as well.
        fit: How a folder's photos are brought to a square, "cover", "contain" or "stretch", see `load_image`.
        skip_bad: Leave out a folder's files that are no readable photo and list them in `skipped`.
        split: Part of an .h5 that has two: "train" (or the only one), "test", or "any" ("test", or the only one). Other
            sources have one part.
        progress: Called as a folder's photos are read, with the number of files done, and of all.

    Returns:
        images, labels, class names, source and skipped files.

    Raises:
        DataError: The path is of no known kind, or its content cannot be used; the message says what and
            where.
        FileNotFoundError: There is nothing at the path.
        ImportError: An .h5, and h5py is not installed.
        ValueError: An option is out of range.

    Example:
        >>> load_data("train_catvnoncat.h5")  # doctest: +SKIP
        Data(209 samples of (64, 64, 3) uint8: 137 'non-cat', 72 'cat'; from train_catvnoncat.h5)
    """
    check_image_options(image_size, color, fit)
    if split not in get_args(Split):
        raise ValueError(f"split must be one of {', '.join(map(repr, get_args(Split)))}; got {split!r}")
    place = Path(path)
    if place.is_dir():
        return load_image_folder(
            place, image_size=image_size, color=color, fit=fit, skip_bad=skip_bad, progress=progress
        )
    if not place.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
    match place.suffix.lower():
        case ".h5" | ".hdf5":
            return load_h5(place, split=split)
        case ".csv":
            return load_csv(place)
        case ".npz":
            return load_npz(place)
    raise DataError(
        f"{place}: no data of a known kind; expected a folder with one folder of photos per class, "
        f"or a file that ends in .h5, .hdf5, .csv or .npz"
    )
