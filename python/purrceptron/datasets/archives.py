"""Array files: NumPy's .npz, and the course's .h5 (with the extra `h5`)."""

import math
import os
import zipfile
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from purrceptron.datasets.data import Data, listed, refused_as, rows_as_pictures
from purrceptron.errors import DataError
from purrceptron.images.reading import PathLike

__all__ = ["Split", "load_h5", "load_npz"]

Split: TypeAlias = Literal["train", "test", "any"]

# Most bytes that one compressed byte stands for, in the method of zip and gzip files.
_MOST_EXPANSION = 1032
# Bytes that an array may take unquestioned.
_LITTLE = 2**20


def load_npz(path: PathLike) -> Data:
    """Read the arrays `x` and `y` of an .npz file.

    `x` is `(samples, height, width, channels)`, `(samples, height, width)` or `(samples, features)`; rows
    of 3 s^2 or s^2 uint8 are taken for pictures, which `assumed` says. Nothing in the file is executed: object
    arrays (pickles) are refused.

    Raises:
        DataError: The file is no .npz, is damaged, or holds no `x` and `y` of numbers (lists what it
            holds); or the data fail the checks of `Data.from_arrays`.
        FileNotFoundError: There is no such file.
    """
    name = os.fspath(path)
    with open(path, "rb") as file, refused_as(f"{name}: no .npz file of numbers, or a damaged one"):
        if file.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
            raise DataError(
                f"{name}: one array alone; expected the arrays x and y, as numpy.savez(path, x=x, y=y) writes"
            )
        with zipfile.ZipFile(file) as archive:
            images, labels = _from_npz(archive, "x", name), _from_npz(archive, "y", name)
    assumed = ""
    if images.ndim == 2 and images.dtype == np.uint8:
        images, assumed = rows_as_pictures(images)
    return Data.from_arrays(images, labels, source=name, assumed=assumed)


def _from_npz(archive: zipfile.ZipFile, key: str, name: str) -> NDArray[Any]:
    """An array, if there are as many bytes as it claims: NumPy takes the memory first."""
    names = archive.namelist()
    entry = f"{key}.npy" if f"{key}.npy" in names else key
    if entry not in names:
        found = listed([name.removesuffix(".npy") for name in names])
        raise DataError(f"{name}: expected the arrays 'x' and 'y', found {found}")
    if names.count(entry) > 1:
        raise DataError(f"{name}: the array {key!r} stands there twice")
    info = archive.getinfo(entry)
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise DataError(f"{name}: the array {key!r} is in format {version}, expected (1, 0) or (2, 0)")
        shape, _, dtype = read_header[version](file)
        present = info.file_size - file.tell()
    if not dtype.hasobject:  # which NumPy refuses
        stored = min(info.compress_size, os.path.getsize(name))
        _check_claim(f"{name}: the array {key!r}", shape, dtype, min(present, stored * _MOST_EXPANSION))
    with archive.open(info) as file:
        values: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return values


def _check_claim(what: str, shape: tuple[int, ...], dtype: np.dtype[Any], present: int) -> None:
    claimed = math.prod(shape) * dtype.itemsize
    if claimed > max(present, _LITTLE) or any(size < 0 for size in shape):
        raise DataError(
            f"{what} claims to be {shape} of {dtype}, {claimed} bytes, but there are no more than {present} in the file"
        )


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
        present = [key for key in file if isinstance(file.get(key, getlink=True), h5py.HardLink)]
        present = [key for key in present if isinstance(file[key], h5py.Dataset)]
        wanted = {"train": ("train", "test"), "test": ("test",), "any": ("test", "train")}[split]
        arrays = {part: {f"{part}_set_x", f"{part}_set_y"} for part in wanted}
        part = next((part for part in wanted if arrays[part] & set(present)), None)
        if part is None or not arrays[part] <= set(present):
            expected = " or ".join(f"{part}_set_x and {part}_set_y" for part in wanted)
            raise DataError(f"{name}: expected the arrays {expected}, found {listed(present)}")
        images = _from_h5(file[f"{part}_set_x"], name)
        labels = _from_h5(file[f"{part}_set_y"], name)
        class_names = _class_names(_from_h5(file["list_classes"], name), name) if "list_classes" in present else None
    return Data.from_arrays(images, labels, class_names, source=name)


def _from_h5(dataset: Any, name: str) -> NDArray[Any]:
    """An array that is in the file itself, and as large as it claims: HDF5 fills up what was never written."""
    what = f"{name}: the array {dataset.name.lstrip('/')!r}"
    if dataset.external or dataset.is_virtual:
        raise DataError(f"{what} lies in other files, which are not read")
    if dataset.shape is None:
        raise DataError(f"{what} is empty")
    stored = min(dataset.id.get_storage_size(), os.path.getsize(name))
    most = stored * (1 if dataset.chunks is None else _MOST_EXPANSION)
    _check_claim(what, dataset.shape, dataset.dtype, most)
    # HDF5 unpacks a whole chunk at a time, however little of it lies within the shape.
    _check_claim(f"{what}, in its chunks,", dataset.chunks or (), dataset.dtype, most)
    values: NDArray[Any] = dataset[()]
    return values


def _class_names(values: NDArray[Any], name: str) -> tuple[str, ...]:
    names = tuple(value.decode() if isinstance(value, bytes) else str(value) for value in np.atleast_1d(values).ravel())
    if len(set(names)) != len(names) or "" in names:
        raise DataError(f"{name}: list_classes must name each class once, got {listed(list(names))}")
    return names
