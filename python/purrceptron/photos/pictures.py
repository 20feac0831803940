"""Pictures as a classifier takes them: files, or arrays of 0..255."""

from __future__ import annotations

import base64
import hashlib
import os
import warnings
from collections.abc import Iterable, Sequence
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from ..datasets.duplicates import shared_photos
from ..datasets.signatures import SIGNATURE, close_pairs
from ..datasets.thumbnails import Thumbnails
from ..errors import DataError, DataWarning
from ..images.reading import Color, Fit, PathLike, channels_of, load_images

Pictures: TypeAlias = ArrayLike | Iterable[PathLike]


def as_pictures(images: Pictures, image_size: int, color: Color, what: str = "images", fit: Fit = "cover") -> Array:
    """Pictures as `(photos, image_size, image_size, channels)`: bytes where they are whole, else floats 0..255.

    Args:
        images: Paths, or an array `(photos, height, width, channels)`, or one row of pixels a photo.
        image_size: Side in pixels. Files are scaled to it; arrays must have it.
        color: "rgb" or "grey".
        what: What to call the images in messages.
        fit: How files are brought to a square, see `load_image`.

    Raises:
        DataError: A file is no image; or a value is not finite or not in 0..255.
        ValueError: The shape is another (says which was expected).
    """
    if isinstance(images, str | os.PathLike):
        raise TypeError(f"{what}: expected several paths, got the one path {os.fspath(images)!r}; write [path]")
    if not isinstance(images, np.ndarray):
        images = list(cast(Iterable[PathLike], images)) if isinstance(images, Iterable) else images
        if isinstance(images, list) and all(isinstance(image, str | os.PathLike) for image in images):
            return load_images(images, image_size=image_size, color=color, fit=fit)
    pixels = np.asarray(images)
    if pixels.dtype.kind == "U":
        return load_images(pixels.tolist(), image_size=image_size, color=color, fit=fit)
    if pixels.dtype.kind not in "fiu":
        raise TypeError(f"{what}: expected numbers 0 to 255 or paths, got an array of {pixels.dtype}")
    return _in_range(_in_shape(pixels, image_size, channels_of(color), what), what)


def data_hash(pictures: Array, labels: Array) -> str:
    """SHA-256 of training data: types, shapes and values of pictures and labels."""
    digest = hashlib.sha256()
    for array in (pictures, labels):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def warn_of_contradictions(pictures: Array, targets: Array, names: Sequence[str]) -> None:
    """Tell the caller of `fit` of equal pictures with different labels."""
    shared = shared_photos(pictures, targets, near=False)
    if shared:
        (label, other), count = shared.most_common(1)[0]
        warnings.warn(
            f"the pixels of {count:,} photos labelled {names[label]!r} are those of photos labelled {names[other]!r}: "
            "one of the labels is wrong, and no training tells such photos apart",
            DataWarning,
            stacklevel=3,
        )


# Photos whose hashes a model file keeps, in bytes each: at most 670 kB of text.
_MOST_HASHES, _HASH = 100_000, 5


def photo_hashes(pictures: Array) -> Array:
    """Five bytes of the SHA-256 of each picture, as numbers `(photos,)`: equal for equal pixels."""
    rows = (np.ascontiguousarray(picture, picture.dtype.newbyteorder("<")) for picture in pictures)
    return np.array([int.from_bytes(hashlib.sha256(row.data).digest()[:_HASH], "big") for row in rows], dtype=np.uint64)


def pack_hashes(hashes: Array) -> str:
    """The smallest hashes, sorted, as text: all of them for most sets, a fair sample of very large ones."""
    kept = np.unique(hashes)[:_MOST_HASHES].astype(">u8").view(np.uint8).reshape(-1, 8)[:, -_HASH:]
    return base64.b64encode(kept.tobytes()).decode("ascii")


def among_hashes(hashes: Array, packed: str) -> NDArray[np.bool_]:
    """Which hashes are among those that were packed. Of a sample only those are found that it can hold.

    Raises:
        ValueError: The text is none that `pack_hashes` wrote.
    """
    kept = np.frombuffer(base64.b64decode(packed, validate=True), np.uint8).reshape(-1, _HASH)
    numbers = np.zeros((len(kept), 8), np.uint8)
    numbers[:, -_HASH:] = kept
    return np.isin(hashes, numbers.reshape(-1).view(">u8").astype(np.uint64))


# Photos whose signatures a model file keeps, at most 175 kB of text, and what numbers of copies differ by. It is less
# than for `near_duplicates`, since there are no thumbnails to compare.
_MOST_SIGNATURES, _CLOSE = 4096, 10


def pack_signatures(pictures: Array, hashes: Array) -> str:
    """Signatures of the photos, as text, 32 bytes each: of very many photos those with the smallest hashes."""
    kept = np.unique(hashes, return_index=True)[1][:_MOST_SIGNATURES]
    thumbnails = Thumbnails.of(pictures, kept)
    return base64.b64encode(thumbnails.signatures[thumbnails.varied].astype(np.int8).tobytes()).decode("ascii")


def unpack_signatures(packed: str) -> NDArray[np.int16]:
    """The signatures `(photos, 32)`.

    Raises:
        ValueError: The text is none that `pack_signatures` wrote.
    """
    return np.frombuffer(base64.b64decode(packed, validate=True), np.int8).reshape(-1, SIGNATURE).astype(np.int16)


def near_signatures(pictures: Array, packed: str) -> NDArray[np.bool_]:
    """Which pictures are copies of the photos whose signatures were packed, mirrored or not."""
    near = np.zeros(len(pictures), np.bool_)
    if not packed:
        return near
    known, thumbnails = unpack_signatures(packed), Thumbnails.of(pictures)
    for side in (thumbnails, thumbnails.mirrored()):
        for rows, _ in close_pairs(side.signatures, known, _CLOSE):
            near[rows] = True
    return near & thumbnails.varied


def _in_shape(pixels: Array, size: int, channels: int, what: str) -> Array:
    shape, features = (size, size, channels), size * size * channels
    photo = pixels.shape[1:]
    if photo == shape or photo == (features,) or (channels == 1 and photo == (size, size)):
        return pixels.reshape(len(pixels), *shape)
    hint = "; one picture is images[None]" if pixels.shape == shape else ""
    raise ValueError(
        f"{what}: expected {features:,} features a photo, {size} x {size} x {channels}, "
        f"got {int(np.prod(photo)):,}, shape {photo}{hint}"
    )


def _in_range(pixels: Array, what: str) -> Array:
    if pixels.dtype == np.uint8 or not len(pixels):
        return pixels
    inside = (pixels >= 0) & (pixels <= 255)  # NaN compares false
    if not inside.all():
        where = tuple(int(i) for i in np.unravel_index(int(np.argmin(inside)), pixels.shape))
        raise DataError(f"{what}: {pixels[where]} in photo {where[0]}, at index {where}; pixels are numbers 0 to 255")
    if pixels.dtype.kind != "f":
        return pixels.astype(np.uint8)
    if 0 < pixels.max() <= 1 and (pixels != np.floor(pixels)).any():
        raise DataError(f"{what}: pixels are numbers 0 to 255, but all of these are 0 to 1; multiply them by 255")
    return pixels
