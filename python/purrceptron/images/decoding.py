"""Many photo files at once: decoded by threads, kept in the cache, mapped where they are too many for memory."""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from purrceptron import _core
from purrceptron.errors import DataError
from purrceptron.images import cache
from purrceptron.images.reading import Color, Fit, PathLike, channels_of, decode, named

__all__ = ["MAP_ABOVE", "Progress", "Reading", "in_order", "read_files"]

Progress: TypeAlias = Callable[[int, int], object]
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# Bytes of pixels above which a set is mapped from disk instead of read into memory.
MAP_ABOVE = 2**30
# Files that each thread may be ahead of the one that is waited for.
_AHEAD = 32
# Errors of the machine, not of one file: leaving the file out would not help.
_OF_THE_MACHINE = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO)


@dataclass(eq=False)
class Reading:
    """What came of reading files.

    Attributes:
        images: Pictures of the files that could be read, in their order, `(photos, size, size, channels)` uint8;
            read-only where they are mapped.
        indices: Which of the files they are, `(photos,)`.
        refused: The others, and why.
        decoded: How many were decoded, and not found in the cache.
    """

    images: NDArray[np.uint8]
    indices: list[int] = field(default_factory=list)
    refused: dict[int, DataError] = field(default_factory=dict)
    decoded: int = 0


@dataclass(frozen=True, eq=False)
class _Form:
    """How every file is read."""

    image_size: int
    color: Color
    fit: Fit

    @property
    def picture(self) -> tuple[int, int, int]:
        return self.image_size, self.image_size, channels_of(self.color)

    @property
    def name(self) -> str:
        return cache.form(self.image_size, self.color, self.fit)


def read_files(
    files: Sequence[PathLike],
    *,
    image_size: int,
    color: Color,
    fit: Fit,
    skip_bad: bool = False,
    memory_map: bool | None = None,
    use_cache: bool = False,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Reading:
    """Read photo files as one array; order and bits do not depend on threads, cache or mapping.

    Args:
        files: Paths.
        image_size: Side of every picture in pixels.
        color: "rgb" or "grey".
        fit: "cover", "contain" or "stretch".
        skip_bad: Leave out files that cannot be read, instead of raising what the first of them says.
        memory_map: Whether the pictures stay in a file on disk; None maps what is larger than `MAP_ABOVE`.
        use_cache: Whether pictures are taken from the cache, and kept there.
        n_threads: Threads; left out, as everywhere in the library.
        progress: Called with the number of files done, and of all.

    Raises:
        DataError: A file cannot be read (names the first).
    """
    form = _Form(image_size, color, fit)
    if memory_map is None:
        memory_map = len(files) * int(np.prod(form.picture)) > MAP_ABOVE
    threads = _core.thread_count(n_threads)
    folder = cache.cache_folder() if use_cache else None
    known = list(cache.stored(folder, form.name, form.picture)) if folder else []
    if known and (same := _same_set(files, known, threads)):
        if progress is not None:
            progress(len(files), len(files))
        if folder:
            cache.drop_oldest(folder, same.path)
        return Reading(same.pixels if memory_map else same.pixels.copy(), list(range(len(files))))
    rows = {digest: (place, row) for place, found in enumerate(known) for row, digest in enumerate(found.digests)}

    def read(file: PathLike) -> tuple[bytes, NDArray[np.uint8], bool] | DataError:
        try:
            with open(file, "rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").digest()
                place, row = rows.get(digest, (0, -1))
                if row >= 0 and known[place].whole(row):
                    return digest, known[place].pixels[row], False
                opened.seek(0)
                return digest, decode(opened, file, image_size, color, fit), True
        except OSError as error:
            if error.errno in _OF_THE_MACHINE or error.filename is None:
                raise
            return DataError(f"{named(file)}: cannot be read ({error.strerror})")
        except DataError as error:
            return error

    reading = Reading(np.empty((0, *form.picture), np.uint8))
    with _Sink(len(files), form, memory_map, folder) as sink:
        for index, result in enumerate(in_order(read, files, threads)):
            if isinstance(result, DataError):
                if not skip_bad:
                    raise result
                reading.refused[index] = result
            else:
                digest, picture, decoded = result
                sink.add(picture, digest)
                reading.indices.append(index)
                reading.decoded += decoded
            if progress is not None:
                progress(index + 1, len(files))
        reading.images = sink.finish(keep=bool(reading.decoded) or memory_map)
    return reading


class _Sink:
    """Where pictures go: to memory, from which the cache is written in the end, or to a file that is mapped."""

    def __init__(self, most: int, form: _Form, memory_map: bool, folder: Path | None) -> None:
        self._form, self._folder = form, folder
        self._writer: cache.Writer | None = None
        if memory_map:
            try:
                self._writer = cache.Writer(folder, form.picture)
            except OSError:
                self._folder, self._writer = None, cache.Writer(None, form.picture)
        self._images = np.empty((0 if memory_map else most, *form.picture), np.uint8)
        self._digests: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, picture: NDArray[np.uint8], digest: bytes) -> None:
        if self._writer is not None:
            self._writer.append(picture, digest)
        else:
            self._images[len(self._digests)] = picture
            self._digests.append(digest)

    def finish(self, keep: bool) -> NDArray[np.uint8]:
        """The pictures; `keep` says whether the cache is to have them, too, if there is one."""
        if self._writer is not None:
            images = self._writer.mapped()
            if self._folder is not None and keep:
                self._kept(self._writer)
            return images
        images = self._images[: len(self._digests)]
        if self._folder is not None and keep:
            with contextlib.suppress(OSError), cache.Writer(self._folder, self._form.picture) as writer:
                for picture, digest in zip(images, self._digests, strict=True):
                    writer.append(picture, digest)
                self._kept(writer)
        return images

    def _kept(self, writer: cache.Writer) -> None:
        """Name the file. A cache that cannot be written, or is full, costs time and is no failure."""
        with contextlib.suppress(OSError):
            path = writer.keep(self._form.name)
            cache.drop_oldest(path.parent, path)


def in_order(function: Callable[[_Item], _Result], items: Iterable[_Item], threads: int) -> Iterator[_Result]:
    """What `function` gives for each item, in their order, worked out by several threads, not far ahead."""
    from PIL import Image

    Image.init()  # not by several threads at once
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[_Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > _AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _same_set(files: Sequence[PathLike], known: list[cache.Stored], threads: int) -> cache.Stored | None:
    """The file of the cache that holds exactly these photos, in this order."""
    candidates = [found for found in known if len(found.digests) == len(files)]
    for place, digest in enumerate(in_order(_digest_of, files, threads) if candidates else ()):
        candidates = [found for found in candidates if found.digests[place] == digest]
        if not candidates:
            return None
    same = candidates[0] if candidates else None
    return same if same and all(in_order(same.whole, range(len(files)), threads)) else None


def _digest_of(file: PathLike) -> bytes | None:
    try:
        with open(file, "rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except OSError:
        return None
