"""Array files: NumPy's .npz, and the course's .h5 (with the extra `h5`)."""

import os
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from purrceptron.datasets.data import Data, listed, refused_as, rows_as_pictures
from purrceptron.errors import DataError
from purrceptron.images.reading import PathLike

__all__ = ["Split", "load_h5", "load_npz"]

Split: TypeAlias = Literal["train", "test", "any"]


def load_npz(path: PathLike) -> Data:
    """Read the arrays `x` and `y` of an .npz file.

    `x` is `(samples, height, width, channels)`, `(samples, height, width)` or `(samples, features)`; rows
    of 3 s^2 or s^2 uint8 are pictures. Nothing in the file is executed: object arrays (pickles) are
    refused.

    Raises:
        DataError: The file is no .npz, is damaged, or holds no `x` and `y` of numbers (lists what it
            holds); or the data fail the checks of `Data.from_arrays`.
        FileNotFoundError: There is no such file.
    """
    name = os.fspath(path)
    with open(path, "rb") as file, refused_as(f"{name}: no .npz file of numbers, or a damaged one"):
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(
                f"{name}: one array alone; expected the arrays x and y, as numpy.savez(path, x=x, y=y) writes"
            )
        if not {"x", "y"} <= set(archive.files):
            raise DataError(f"{name}: expected the arrays 'x' and 'y', found {listed(archive.files)}")
        images, labels = archive["x"], archive["y"]
    if images.ndim == 2 and images.dtype == np.uint8:
        images = rows_as_pictures(images)
    return Data.from_arrays(images, labels, source=name)


def load_h5(path: PathLike, *, split: Split = "train") -> Data:
    """Read photos in the layout of the course: `train_set_x`, `train_set_y`, or the same with `test`.

    `x` is `(samples, height, width, channels)` uint8, `y` the labels; `list_classes`, where there is one,
    names the classes in the order of the labels ("non-cat", "cat").

    Args:
        path: The file; reading it needs h5py.
        split: "train" takes the train set, or the test set of a file that has no other; "test" takes the
            test set only; "any" takes the test set, or the train set of a file that has no other.

    Raises:
        DataError: The file is no HDF5, is damaged, or holds no such arrays (lists what it holds); or the
            data fail the checks of `Data.from_arrays`.
        FileNotFoundError: There is no such file.
        ImportError: h5py is not installed.
    """
    name = os.fspath(path)
    with open(path, "rb"):  # a missing or forbidden file is told as Python tells it
        pass
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f'{name}: reading .h5 files needs h5py, which is not installed: pip install "purrceptron[h5]"'
        ) from error

    with refused_as(f"{name}: no HDF5 file of numbers, or a damaged one"), h5py.File(name, "r") as file:
        present = [key for key in file if isinstance(file[key], h5py.Dataset)]
        wanted = {"train": ("train", "test"), "test": ("test",), "any": ("test", "train")}[split]
        arrays = {part: {f"{part}_set_x", f"{part}_set_y"} for part in wanted}
        part = next((part for part in wanted if arrays[part] & set(present)), None)
        if part is None or not arrays[part] <= set(present):
            expected = " or ".join(f"{part}_set_x and {part}_set_y" for part in wanted)
            raise DataError(f"{name}: expected the arrays {expected}, found {listed(present)}")
        images: NDArray[Any] = file[f"{part}_set_x"][()]
        labels: NDArray[Any] = file[f"{part}_set_y"][()]
        class_names = _class_names(file["list_classes"][()], name) if "list_classes" in present else None
    return Data.from_arrays(images, labels, class_names, source=name)


def _class_names(values: NDArray[Any], name: str) -> tuple[str, ...]:
    names = tuple(value.decode() if isinstance(value, bytes) else str(value) for value in np.atleast_1d(values).ravel())
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"{name}: list_classes must name each class once, got {listed(list(names))}")
    return names
