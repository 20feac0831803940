"""The one form in which every source hands over its samples, and the checks that all of them pass."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from purrceptron.errors import DataError, told
from purrceptron.images.reading import is_system_error

__all__ = ["DEFAULT_CLASS_NAMES", "Data"]

DEFAULT_CLASS_NAMES = ("not cat", "cat")
# A label is the index of its class, so a wild label would ask for as many names; no source has more classes.
_MOST_CLASSES = 10_000


@dataclass(frozen=True, eq=False, repr=False)
class Data:
    """Labelled samples; `Data.from_arrays` makes them and checks them, once for all sources.

    Attributes:
        images: Pictures `(samples, height, width, channels)`, uint8; float32 or float64 where the source
            holds no bytes. A table that is not of pictures stays `(samples, features)`.
        labels: Class of each sample, `(samples,)` int64, an index into `class_names`.
        class_names: Names in the order of the labels; a folder's are in alphabetical order.
        source: Where the samples come from, for messages: a path, or what drew them.
        skipped: Files that could not be read and were left out on request.
        paths: Files of the samples, one each, where they come from files.
        assumed: What the source does not say and the reader took for granted, for messages.

    Example:
        >>> Data.from_arrays(np.zeros((2, 64, 64, 3), np.uint8), [0, 1], source="by hand")
        Data(2 samples of (64, 64, 3) uint8: 1 'not cat', 1 'cat'; from by hand)
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    source: str
    skipped: tuple[Path, ...] = ()
    paths: tuple[Path, ...] = ()
    assumed: str = ""

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        class_names: tuple[str, ...] | None = None,
        *,
        source: str,
        skipped: tuple[Path, ...] = (),
        paths: tuple[Path, ...] = (),
        assumed: str = "",
    ) -> "Data":
        """Check arrays as a source gave them and put them together.

        Integers 0..255 of any dtype become uint8, other numbers float64; float32 and float16 become float32.

        Args:
            images: `(samples, height, width, channels)`, `(samples, height, width)` for one channel, or
                `(samples, features)`; 1 or 3 channels, and they come last.
            labels: Whole numbers (of any dtype) from 0, `(samples,)`, or a row or column of them.
            class_names: Names of classes 0, 1, ...; without, "not cat" and "cat", or the numbers for more
                classes.
            source: What to call the data in messages.
            skipped: Files left out.
            paths: File of each sample, if there is one.
            assumed: What was taken for granted.

        Raises:
            DataError: No samples, counts that differ, a wrong shape, NaN or infinity, or labels that are not
                0..K-1. The message says where.
        """
        samples = _checked_images(np.asarray(images), source)
        indices = _checked_labels(labels, len(samples), class_names, source)
        if class_names is None:
            most = int(indices.max())
            class_names = DEFAULT_CLASS_NAMES if most <= 1 else tuple(map(str, range(most + 1)))
        return cls(samples, indices, tuple(class_names), source, skipped, paths, assumed)

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.labels)

    def __repr__(self) -> str:
        """Return shape, class counts and source; never the arrays."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        classes = ", ".join(f"{count} {name!r}" for count, name in zip(counts, self.class_names, strict=True))
        left_out = f"; {len(self.skipped)} files skipped" if self.skipped else ""
        shape, dtype = self.images.shape[1:], self.images.dtype
        return f"Data({len(self)} samples of {shape} {dtype}: {classes}; from {self.source}{left_out})"


@contextmanager
def refused_as(message: str) -> Iterator[None]:
    """Turn what a decoder raises on a damaged file into a DataError; errors of disk and memory pass."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        if is_system_error(error):
            raise
        raise DataError(f"{message} ({told(error)})") from error


def rows_as_pictures(rows: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Give rows of pixels their shape, and say so: 3 s^2 pixels are a colour picture, s^2 a grey one; others stay."""
    samples, pixels = rows.shape
    for channels in (3, 1):
        side = round((pixels / channels) ** 0.5)
        if pixels > 0 and channels * side * side == pixels:
            kind = "colour" if channels == 3 else "grey"
            assumed = f"each row of {pixels:,} numbers is taken for a {kind} picture of {side} x {side} pixels"
            return rows.reshape(samples, side, side, channels), assumed
    return rows, ""


def as_bytes(values: NDArray[Any]) -> NDArray[Any]:
    """Values as uint8 where all of them are whole numbers 0..255, else unchanged."""
    if values.dtype == np.uint8 or values.size == 0 or values.min() < 0 or values.max() > 255:
        return values
    whole = values.astype(np.uint8)
    return whole if np.array_equal(whole, values) else values


def listed(names: list[str], most: int = 6) -> str:
    """Names for a message, cut where there are thousands."""
    shown = ", ".join(told(repr(name)) for name in names[:most])
    return f"{shown}, ... ({len(names)} in all)" if len(names) > most else shown or "none"


def _checked_images(images: NDArray[Any], source: str) -> NDArray[Any]:
    kind = images.dtype.kind
    if kind not in "buif":
        raise DataError(f"{source}: the samples must be numbers, got dtype {images.dtype}")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim not in (2, 4):
        raise DataError(f"{source}: samples must have the shape (samples, height, width, channels), got {images.shape}")
    if images.ndim == 4 and images.shape[3] not in (1, 3):
        raise DataError(
            f"{source}: pictures must have 1 or 3 channels, and these come last: "
            f"expected (samples, height, width, channels), got {images.shape}"
        )
    if len(images) == 0:
        raise DataError(f"{source}: there are no samples")
    if images.size == 0:
        raise DataError(f"{source}: the samples are empty, their shape is {images.shape}")
    if kind == "f":
        _check_finite(images, source)
    else:
        images = as_bytes(images.astype(np.uint8) if kind == "b" else images)
    dtype = np.uint8 if images.dtype == np.uint8 else np.float32 if images.dtype.char in "ef" else np.float64
    return np.ascontiguousarray(images, dtype)


def _check_finite(images: NDArray[Any], source: str) -> None:
    finite = np.isfinite(images)
    if not finite.all():
        where = np.unravel_index(int(np.argmin(finite)), images.shape)
        column = int(np.ravel_multi_index(where[1:], images.shape[1:]))
        raise DataError(
            f"{source}: {images[where]} in row {where[0]}, column {column} (both from 0), "
            f"at index {tuple(map(int, where))}; every value must be a finite number"
        )


def _checked_labels(
    labels: ArrayLike, samples: int, class_names: tuple[str, ...] | None, source: str
) -> NDArray[np.int64]:
    given = np.asarray(labels)
    if given.dtype.kind not in "buif":
        raise DataError(f"{source}: labels must be whole numbers from 0, got dtype {given.dtype}")
    if given.shape in ((1, given.size), (given.size, 1)):
        given = given.reshape(-1)
    if given.ndim != 1:
        raise DataError(f"{source}: labels must have the shape (samples,), got {given.shape}")
    if len(given) != samples:
        raise DataError(f"{source}: {samples} samples but {len(given)} labels; there must be one label a sample")
    most = len(class_names) if class_names is not None else _MOST_CLASSES
    good = (given >= 0) & (given < most) & (given == np.floor(given))  # NaN compares false
    if not good.all():
        row = int(np.argmin(good))
        raise DataError(
            f"{source}: label {given[row]} in row {row} (from 0); labels must be whole numbers 0..{most - 1}"
        )
    return given.astype(np.int64)
