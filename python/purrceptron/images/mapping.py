"""Arrays of bytes that stay in a file: the system reads what is touched, and only a bounded part is held in memory."""

from __future__ import annotations

import contextlib
import itertools
import math
import mmap
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["map_bytes", "mapping_of", "one_array", "take"]

# Resident bytes of files, all mappings together, above which their pages are handed back. The system keeps them in its
# own cache as long as it has room, so that taking a page again costs a microsecond, not a disk access.
_MOST_RESIDENT = 384 * 2**20
# A small network touches 600 MB in 50 ms, for every fault brings sixteen pages: with looks that far apart 1.5 GB were
# resident at most, with these 0.9.
_SECONDS_BETWEEN_LOOKS = 0.005
_ROWS = 512

_watched: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()
_watching = threading.Lock()


def map_bytes(file: IO[bytes], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """The first bytes of a file as a read-only array that stays there.

    The array may be larger than the memory. The file may be closed or removed, but must not be made shorter.

    Args:
        file: An open file with a descriptor.
        shape: Shape of the array; an empty one is no mapping.
    """
    size = math.prod(shape)
    if not size:
        return np.empty(shape, np.uint8)
    mapping = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    if size > _MOST_RESIDENT:
        _watch(mapping)
    return np.frombuffer(mapping, np.uint8).reshape(shape)


def mapping_of(array: NDArray[Any]) -> mmap.mmap | None:
    """The mapping that an array is a view of, if any: one of `map_bytes`, or of a NumPy memory map."""
    base: Any = array
    while isinstance(base, np.ndarray | memoryview):
        base = base.base if isinstance(base, np.ndarray) else base.obj
    return base if isinstance(base, mmap.mmap) else None


def take(images: NDArray[Any], indices: NDArray[Any], folder: Path | None = None) -> NDArray[Any]:
    """Rows of an array, `images[indices]`: in memory, or in a file without a name where the array is mapped from one.

    Args:
        images: `(samples, ...)`.
        indices: Which rows, in which order: numbers, or a mask.
        folder: Where the file is made; the system removes it when the result is no longer used. By default the folder
            for temporary files.
    """
    if mapping_of(images) is None:
        rows: NDArray[Any] = images[indices]
        return rows
    numbers = np.arange(len(images))[indices]
    parts = (images[numbers[start : start + _ROWS]] for start in range(0, max(len(numbers), 1), _ROWS))
    return one_array(parts, len(numbers), in_file=True, folder=folder)


def one_array(parts: Iterable[NDArray[Any]], rows: int, *, in_file: bool, folder: Path | None = None) -> NDArray[Any]:
    """Arrays one below the other as one: in memory, or in a file without a name, whose pages the system reads.

    Args:
        parts: One at least, alike in their dtype and in their shapes but for the first axis.
        rows: Rows of all of them.
        in_file: Whether it is a file; the result is then read-only.
        folder: Where the file is made if that is possible, else in the folder for temporary files. The system removes
            it when the result is no longer used.
    """
    parts = iter(parts)
    first = next(parts)
    shape, dtype, parts = (rows, *first.shape[1:]), first.dtype, itertools.chain([first], parts)
    if not in_file:
        whole, start = np.empty(shape, dtype), 0
        for part in parts:
            whole[start : start + len(part)] = part
            start += len(part)
        return whole
    with _file_without_name(folder) as file:
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
        file.flush()
        return map_bytes(file, (math.prod(shape) * dtype.itemsize,)).view(dtype).reshape(shape)


def _file_without_name(folder: Path | None) -> IO[bytes]:
    with contextlib.suppress(OSError):
        return tempfile.TemporaryFile(dir=folder)
    return tempfile.TemporaryFile()


def _watch(mapping: mmap.mmap) -> None:
    """Keep an eye on how much of the mapping is resident, as long as it is there."""
    if sys.platform != "linux":
        return  # elsewhere the advice means something else, and systems trim by themselves
    with _watching:
        first = not _watched
        _watched.add(mapping)
        if first:
            threading.Thread(target=_hand_back_pages, name="purrceptron-pages", daemon=True).start()


def _hand_back_pages() -> None:
    while _look():
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _look() -> bool:
    """Hand pages back if there are too many; whether any mapping is left."""
    with _watching:
        mappings = list(_watched)
        if _resident_file_bytes() > _MOST_RESIDENT:
            for mapping in mappings:
                mapping.madvise(mmap.MADV_DONTNEED)  # pages of a file that nobody writes: nothing is lost
        return bool(mappings)


def _resident_file_bytes() -> int:
    return int(Path("/proc/self/statm").read_bytes().split()[2]) * mmap.PAGESIZE
