"""Photos that show the same: equal pixels, and near-duplicates such as a copy that was mirrored or compressed again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .signatures import close_pairs
from .thumbnails import Thumbnails, same_picture

_Wanted: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.bool_]]

__all__ = ["copied_from", "equal_pictures", "near_copies", "near_duplicates", "shared_photos"]

# Pictures are compared whose signatures differ in no number by more.
_CLOSE = 20
_AT_ONCE = 512


def near_duplicates(images: NDArray[Any], *, mirrored: bool = True) -> NDArray[np.int64]:
    """Group of each picture: pictures of one group show the same.

    Pictures belong together if their pixels are equal, or if their signatures are close and their thumbnails are of the
    same picture (`purrceptron.datasets.thumbnails`). Whatever is linked by a chain of such pairs is one group, whatever
    the number of pictures. Copies that were mirrored, scaled, compressed again, cut by up to three hundredths, made
    brighter or darker are found; turned ones, or those in other colours, are not.

    The arithmetic gives the same groups on every machine.

    Args:
        images: `(samples, height, width, channels)` of 0..255; of arrays of another shape only equal rows are found.
        mirrored: Whether a picture and its mirror image show the same: not where left and right are the classes.

    Returns:
        `(samples,)` int64: the index of the first picture of the group that each belongs to.

    Example:
        >>> picture = np.arange(64 * 64 * 3).reshape(1, 64, 64, 3) // 64 % 256
        >>> copies = [picture, 255 - picture, picture // 2, picture[:, :, ::-1]]
        >>> near_duplicates(np.concatenate(copies).astype("uint8")).tolist()
        [0, 1, 0, 0]
    """
    parents = equal_pictures(images, mirrored=mirrored)
    if images.ndim == 4:
        alone = np.flatnonzero(parents == np.arange(len(images)))

        def apart(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
            differ: NDArray[np.bool_] = _roots(parents, alone[rows]) != _roots(parents, alone[columns])
            return differ

        for one, other in _near_pairs(Thumbnails.of(images, alone), None, mirrored, apart):
            _join(parents, int(alone[one]), int(alone[other]))
    return _roots(parents, np.arange(len(images)))


def near_copies(images: NDArray[Any], others: NDArray[Any]) -> NDArray[np.bool_]:
    """Which pictures show the same as one of the others, mirrored or not, as `near_duplicates` has it: `(samples,)`.

    Args:
        images: `(samples, height, width, channels)` of 0..255, or rows of numbers.
        others: Likewise; pictures may have another size.

    Example:
        >>> pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1), "uint8")
        >>> near_copies(pictures, pictures[1:2, :, ::-1]).tolist()
        [False, True, False]
    """
    found: NDArray[np.bool_] = copied_from(images, others) >= 0
    return found


def copied_from(images: NDArray[Any], others: NDArray[Any]) -> NDArray[np.int64]:
    """Of each picture the index of another that shows the same, as `near_copies` has it, or -1: `(samples,)`."""
    known = {digest: place for place, digest in enumerate(_digests(others, mirrored=True))}
    found = np.array([known.get(digest, -1) for digest in _digests(images, mirrored=True)], dtype=np.int64)
    if images.ndim == others.ndim == 4:
        pairs = _near_pairs(Thumbnails.of(images), Thumbnails.of(others), True, lambda rows, _: found[rows] < 0)
        for one, other in pairs:
            found[one] = other
    return found


def equal_pictures(images: NDArray[Any], *, mirrored: bool = False) -> NDArray[np.int64]:
    """For each picture the index of the first one whose pixels are equal, `(samples,)`; if asked for, also mirrored."""
    first: dict[bytes, int] = {}
    digests = _digests(images, mirrored)
    return np.array([first.setdefault(digest, index) for index, digest in enumerate(digests)], dtype=np.int64)


def shared_photos(images: NDArray[Any], labels: NDArray[np.int64], *, near: bool) -> Counter[tuple[int, int]]:
    """How many photos of a class another class has, too: the count of each `(class, other)`; mirrored ones are others.

    Args:
        images: `(samples, height, width, channels)` of 0..255, or rows of numbers.
        labels: Class of each, `(samples,)`.
        near: Whether near-duplicates count, or equal pixels alone. Chains of them do not.

    Example:
        >>> picture = np.arange(64 * 64 * 3).reshape(1, 64, 64, 3) // 64 % 256
        >>> pictures = np.concatenate([picture, 255 - picture, picture // 2])
        >>> dict(shared_photos(pictures, np.array([0, 0, 1]), near=True))
        {(0, 1): 1, (1, 0): 1}
    """
    first = equal_pictures(images)
    places, place = np.unique(first, return_inverse=True)
    # Sets of classes as bits, a row for each different picture: its own, and those that show the same have.
    classes = np.zeros((len(places), (int(labels.max(initial=0)) >> 3) + 1), np.uint8)
    np.bitwise_or.at(classes, (place, labels >> 3), np.left_shift(1, labels & 7).astype(np.uint8))
    around = classes.copy()
    if near and images.ndim == 4:

        def unknown(rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.bool_]:
            new = (classes[columns] & ~around[rows]) | (classes[rows] & ~around[columns])
            says: NDArray[np.bool_] = np.any(new, axis=1)
            return says

        for one, other in _near_pairs(Thumbnails.of(images, places), None, False, unknown):
            around[one] |= classes[other]
            around[other] |= classes[one]
    shared: Counter[tuple[int, int]] = Counter()
    for picture, label in zip(place.tolist(), labels.tolist(), strict=True):
        others = np.flatnonzero(np.unpackbits(around[picture], bitorder="little"))
        shared.update((label, other) for other in others.tolist() if other != label)
    return shared


def _digests(images: NDArray[Any], mirrored: bool) -> Iterator[bytes]:
    """Equal for equal pixels; with `mirrored` a picture and its mirror image have the same."""
    for image in images:
        sides = (image, image[:, ::-1]) if mirrored and images.ndim == 4 else (image,)
        yield min(hashlib.sha256(np.ascontiguousarray(side).data).digest() for side in sides)


def _near_pairs(
    first: Thumbnails, second: Thumbnails | None, mirrored: bool, wanted: _Wanted
) -> Iterator[tuple[int, int]]:
    """Near-duplicates `(row of first, row of second)`, without a second each pair of the first once.

    Args:
        first: Pictures.
        second: Others.
        mirrored: Whether mirror images of the others count.
        wanted: Which of many pairs still say something; asked again and again, so that of many that all show the same
            few are compared.
    """
    others = first if second is None else second
    here, there = np.flatnonzero(first.varied), np.flatnonzero(others.varied)
    for side in (others, others.mirrored())[: 1 + mirrored]:
        for rows, columns in close_pairs(first.signatures[here], side.signatures[there], _CLOSE):
            rows, columns = here[rows], there[columns]
            if second is None:
                rows, columns = rows[rows < columns], columns[rows < columns]
            while len(rows):
                left = wanted(rows, columns)
                rows, columns = rows[left], columns[left]
                one, other = rows[:_AT_ONCE], columns[:_AT_ONCE]
                same = same_picture(first.pixels[one], side.pixels[other])
                yield from zip(one[same].tolist(), other[same].tolist(), strict=True)
                rows, columns = rows[_AT_ONCE:], columns[_AT_ONCE:]


def _roots(parents: NDArray[np.int64], indices: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first picture of the group of each, to which its way is then the shortest."""
    roots = parents[indices]
    while (parents[roots] != roots).any():
        roots = parents[roots]
    parents[indices] = roots
    return roots


def _join(parents: NDArray[np.int64], first: int, second: int) -> None:
    """Make two groups one; its first picture stands for it."""
    low, high = np.sort(_roots(parents, np.array([first, second])))
    parents[high] = low
