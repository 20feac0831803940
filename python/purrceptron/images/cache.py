"""Decoded pixels kept on disk, so that photos that did not change are not decoded again.

A file of the cache holds the pictures of one set of photos, as one form of reading gives them: its rows can be mapped
as one array. Every row is known by the SHA-256 of the photo file that it came from, so a photo that was renamed, moved,
or is part of another set is found, and one whose content changed is not. A row is checked against the SHA-256 of its
pixels when it is read; what is not read costs nothing.

    pixels (photos, size, size, channels) | index: digests of photo files and of pixels (2, photos, 32) |
    photos, little-endian (8) | SHA-256 of index and photos (32) | magic (8)
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from purrceptron.images.mapping import map_bytes

__all__ = [
    "DIGEST",
    "MOST_BYTES",
    "Stored",
    "Writer",
    "cache_folder",
    "clear",
    "drop_oldest",
    "form",
    "sizes",
    "stored",
]

DIGEST = 32
_MAGIC = b"purrpix2"
_TRAILER = 8 + DIGEST + len(_MAGIC)
_SUFFIX, _UNFINISHED, _PART = ".pixels", "purrceptron-", ".part"
_OFF = ("off", "0", "no", "")
# Bytes that the cache may take on disk, the set that was written last apart.
MOST_BYTES = 10 * 10**9


def cache_folder() -> Path | None:
    """Where decoded pixels are kept: `PURRCEPTRON_CACHE`, or "purrceptron" in the user's folder for such files.

    None if `PURRCEPTRON_CACHE` is "off", or there is no such place.
    """
    chosen = os.environ.get("PURRCEPTRON_CACHE")
    if chosen is not None:
        return None if chosen.lower() in _OFF else Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    try:
        return (Path(base) if base else Path.home() / ".cache") / "purrceptron"
    except RuntimeError:  # nobody's home
        return None


def form(image_size: int, color: str, fit: str) -> str:
    """Name of one form of reading: options, and the version of what decodes."""
    from PIL import __version__, features

    versions = [__version__, *(str(features.version(part)) for part in ("jpg", "webp"))]
    text = repr((_MAGIC, image_size, color, fit, versions))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Stored:
    """One file of the cache: `digests` of photo files, one a row, and their `pixels`, mapped, which `whole` checks."""

    path: Path
    digests: tuple[bytes, ...]
    checks: tuple[bytes, ...]
    pixels: NDArray[np.uint8]

    def whole(self, row: int) -> bool:
        """Whether the pixels of a row are those that were written; if not, the file is removed."""
        if hashlib.sha256(self.pixels[row].data).digest() == self.checks[row]:
            return True
        _remove(self.path)
        return False


def stored(folder: Path, name: str, picture: tuple[int, ...]) -> Iterator[Stored]:
    """What the cache has of one form, pictures of the shape `picture`; files that are damaged are removed."""
    try:
        paths = sorted(folder.glob(f"{name}-*{_SUFFIX}"))
    except OSError:
        return
    for path in paths:
        try:
            with open(path, "rb") as file:
                found = _opened(file, path, picture)
        except OSError:
            continue
        if found is None:
            _remove(path)
        else:
            yield found


def _opened(file: IO[bytes], path: Path, picture: tuple[int, ...]) -> Stored | None:
    size = os.fstat(file.fileno()).st_size
    if size < _TRAILER:
        return None
    file.seek(size - _TRAILER)
    trailer = file.read(_TRAILER)
    photos = int.from_bytes(trailer[:8], "little")
    pixels = photos * math.prod(picture)
    if trailer[-len(_MAGIC) :] != _MAGIC or size != pixels + 2 * photos * DIGEST + _TRAILER:
        return None
    file.seek(pixels)
    index = file.read(2 * photos * DIGEST)
    if hashlib.sha256(index + trailer[:8]).digest() != trailer[8 : 8 + DIGEST]:
        return None
    rows = tuple(index[start : start + DIGEST] for start in range(0, len(index), DIGEST))
    return Stored(path, rows[:photos], rows[photos:], map_bytes(file, (photos, *picture)))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


class Writer:
    """Writes a file of the cache: it has its name when it is whole, or there is none.

    Used as a context manager, which removes what was not kept.

    Args:
        folder: The cache's folder, which is made where it is not there; None for a file that is never kept.
        picture: Shape of one picture.
    """

    def __init__(self, folder: Path | None, picture: tuple[int, ...]) -> None:
        self._folder, self._picture = folder, picture
        self._digests: list[bytes] = []
        self._checks: list[bytes] = []
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # what photos show is the user's alone
        self._file: IO[bytes] = tempfile.NamedTemporaryFile(dir=folder, prefix=_UNFINISHED, suffix=_PART)  # noqa: SIM115

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the file, if it was not kept; what is mapped stays readable."""
        with contextlib.suppress(FileNotFoundError):  # it has its name
            self._file.close()

    def append(self, picture: NDArray[np.uint8], digest: bytes) -> None:
        """Add a picture, and what its file is known by."""
        self._write(picture.data)
        self._digests.append(digest)
        self._checks.append(hashlib.sha256(picture.data).digest())

    def mapped(self) -> NDArray[np.uint8]:
        """The pictures so far, mapped."""
        self._file.flush()
        return map_bytes(self._file, (len(self._digests), *self._picture))

    def keep(self, name: str) -> Path:
        """Finish the file and give it its name in the cache, under the form `name`."""
        assert self._folder is not None
        photos = b"".join(self._digests)
        index = photos + b"".join(self._checks) + len(self._digests).to_bytes(8, "little")
        self._write(index + hashlib.sha256(index).digest() + _MAGIC)
        self._file.flush()
        path = self._folder / f"{name}-{hashlib.sha256(photos).hexdigest()[:32]}{_SUFFIX}"
        os.replace(self._file.name, path)
        return path

    def _write(self, content: Any) -> None:
        try:
            self._file.write(content)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}, for the pixels of photos", self._file.name) from error


def drop_oldest(folder: Path, keep: Path, most: int = MOST_BYTES) -> None:
    """Remove the files that were not used for longest, until the others take `most` bytes; `keep` is in use."""
    with contextlib.suppress(OSError):
        os.utime(keep)
    total = 0
    for path, size, _ in sorted(sizes(folder), key=lambda found: (found[0] != keep, -found[2])):
        total += size
        if total > most and path != keep:
            with contextlib.suppress(OSError):
                path.unlink()


def sizes(folder: Path) -> list[tuple[Path, int, float]]:
    """Files of the cache, unfinished ones too, with their bytes and when they were used last."""
    found = []
    for pattern in (f"{'[0-9a-f]' * 16}-*{_SUFFIX}", f"{_UNFINISHED}*{_PART}"):
        for path in folder.glob(pattern) if folder.is_dir() else ():
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((path, status.st_size, status.st_mtime))
    return found


def clear(folder: Path) -> tuple[int, int]:
    """Remove everything in the cache, what killed processes left too: how many files, and their bytes."""
    found = sizes(folder)
    for path, _, _ in found:
        path.unlink(missing_ok=True)
    return len(found), sum(size for _, size, _ in found)
