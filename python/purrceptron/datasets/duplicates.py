"""Photos that show the same: equal pixels, and near-duplicates such as a copy that was mirrored or compressed again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

_Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["difference_hashes", "equal_pictures", "near_copies", "near_duplicates", "shared_photos"]

# Two photos are near-duplicates if at most so many bits of their hashes differ, and their thumbnails correlate at least
# so much. Of the 209 cat photos of the series no two do (the closest pair correlates by 0.92), mirrored or not; of
# 1,000 drawn pictures a pair, and four more mirrored. A copy at 3/4 of its size or compressed by JPEG at quality 40 is
# found in 99 of 100 cases or more.
_MOST_BITS, _LEAST_CORRELATION = 20, 0.965
_SIDE = 16
# A thumbnail that varies less (grey levels, root mean square) has nothing to compare: equal pixels only.
_LEAST_VARIATION = 4
# Up to here every pair is compared; of more only those whose hashes agree in one of eight parts, with the next few.
_ALL_PAIRS, _BANDS, _FOLLOWERS = 4_000, 8, 32
_ROWS = 1024


def near_duplicates(images: NDArray[Any], *, mirrored: bool = True) -> NDArray[np.int64]:
    """Group of each picture: pictures of one group show the same.

    Pictures belong together if their pixels are equal, or if hashes of their brightness gradients
    (`difference_hashes`) and the correlation of their thumbnails say that they show the same. Whatever is linked by a
    chain of such pairs is one group. Copies that were mirrored, scaled, compressed again, made brighter or darker are
    found, and most of those that lost a hundredth at each edge; turned ones are not. Of more than 4,000 pictures most
    pairs are found, not all.

    All arithmetic is on whole numbers, so the groups are the same on every machine.

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
        thumbnails, hashes = _thumbnails(images, alone, mirrored)
        for one, other in _similar(thumbnails, hashes, len(alone), len(alone)):
            _join(parents, int(alone[one % len(alone)]), int(alone[other % len(alone)]))
    return np.array([_root(parents, index) for index in range(len(images))], dtype=np.int64)


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
    known = set(_digests(others, mirrored=True))
    found = np.array([digest in known for digest in _digests(images, mirrored=True)], dtype=bool)
    if images.ndim == others.ndim == 4:
        parts = [
            _thumbnails(images, np.arange(len(images))),
            _thumbnails(others, np.arange(len(others)), mirrored=True),
        ]
        thumbnails, hashes = map(np.concatenate, zip(*parts, strict=True))
        for one, other in _similar(thumbnails, hashes, len(images), len(images) + len(others)):
            if one < len(images) <= other:
                found[one] = True
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
    alone = {label: frozenset([label]) for label in np.unique(labels).tolist()}  # shared, for sets are large
    classes: dict[int, frozenset[int]] = {}
    for picture, label in zip(first.tolist(), labels.tolist(), strict=True):
        classes[picture] = classes[picture] | alone[label] if picture in classes else alone[label]
    around = dict(classes)
    if near and images.ndim == 4:
        different = np.unique(first)
        for one, other in _similar(*_thumbnails(images, different), len(different), len(different)):
            pair = int(different[one]), int(different[other])
            for picture, neighbour in (pair, pair[::-1]):
                around[picture] |= classes[neighbour]
    return Counter(
        (label, other)
        for picture, label in zip(first.tolist(), labels.tolist(), strict=True)
        for other in around[picture]
        if other != label
    )


def _digests(images: NDArray[Any], mirrored: bool) -> Iterator[bytes]:
    """Equal for equal pixels; with `mirrored` a picture and its mirror image have the same."""
    for image in images:
        sides = (image, image[:, ::-1]) if mirrored and images.ndim == 4 else (image,)
        yield min(hashlib.sha256(np.ascontiguousarray(side).data).digest() for side in sides)


def difference_hashes(images: NDArray[Any]) -> NDArray[np.uint8]:
    """128 bits of each picture, `(samples, 16)`: where brightness grows, from left to right and from top to bottom.

    The "dHash" of N. Krawetz ("Kind of like that", hackerfactor.com, 2013) on 9 x 8 pixels, and the same on 8 x 9 for
    the other direction.

    Args:
        images: `(samples, height, width, channels)` of 0..255, 1 or 3 channels.
    """
    return _thumbnails(images, np.arange(len(images)))[1]


def _thumbnails(
    images: NDArray[Any], indices: NDArray[np.int64], mirrored: bool = False
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Grey thumbnails `(samples, 16 * 16)` and hashes `(samples, 16)`, by Pillow's box filter, which is of integers.

    With `mirrored` those of the mirror images follow them.
    """
    from PIL import Image

    sides = 1 + mirrored
    thumbnails = np.empty((sides, len(indices), _SIDE * _SIDE), np.uint8)
    hashes = np.empty((sides, len(indices), 16), np.uint8)
    for row, index in enumerate(indices):
        image = images[index]
        if image.dtype != np.uint8:
            image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        grey = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("L")
        small = [np.asarray(grey.resize(size, Image.Resampling.BOX)) for size in ((_SIDE, _SIDE), (9, 8), (8, 9))]
        for side in range(sides):
            thumbnails[side, row] = small[0].ravel()
            grows = (small[1][:, 1:] > small[1][:, :-1]).ravel(), (small[2][1:] > small[2][:-1]).ravel()
            hashes[side, row] = np.packbits(np.concatenate(grows))
            small = [picture[:, ::-1] for picture in small]
    return thumbnails.reshape(-1, _SIDE * _SIDE), hashes.reshape(-1, 16)


def _similar(
    thumbnails: NDArray[np.uint8], hashes: NDArray[np.uint8], rows: int, photos: int
) -> Iterator[tuple[int, int]]:
    """Pairs of near-duplicates: all of the first `rows` with one that follows, where photos are few; else most."""
    sums, variations = _moments(thumbnails)
    pairs = _all_pairs(thumbnails, sums, variations, rows) if photos <= _ALL_PAIRS else _pairs_by_hash(hashes)
    for first, second in pairs:
        near = _different_bits(hashes[first], hashes[second]) <= _MOST_BITS
        first, second = first[near], second[near]
        products = (thumbnails[first].astype(np.int64) * thumbnails[second]).sum(axis=1)
        alike = _correlated(products, sums[first], sums[second], variations[first], variations[second])
        yield from zip(*np.sort([first[alike], second[alike]], axis=0).tolist(), strict=True)


def _all_pairs(
    thumbnails: NDArray[np.uint8], sums: NDArray[np.int64], variations: NDArray[np.int64], photos: int
) -> Iterator[_Pairs]:
    # A float32 holds every whole number below 2^24, and 256 products of bytes stay below: the sums are exact.
    values = thumbnails.astype(np.float32)
    for start in range(0, photos, _ROWS):
        rows = slice(start, min(start + _ROWS, photos))
        products = (values[rows] @ values[start:].T).astype(np.int64)
        alike = _correlated(products, sums[rows, None], sums[None, start:], variations[rows, None], variations[start:])
        first, second = np.nonzero(np.triu(alike, 1))
        yield first + start, second + start


def _pairs_by_hash(hashes: NDArray[np.uint8]) -> Iterator[_Pairs]:
    bands = hashes.view(np.uint16)
    for band in range(_BANDS):
        order = np.lexsort((*bands.T, bands[:, band]))
        values = bands[order, band]
        for step in range(1, _FOLLOWERS + 1):
            same = np.flatnonzero(values[:-step] == values[step:])
            yield order[same], order[same + step]


def _moments(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sums, and variances times the pixels squared."""
    squares = np.array([np.square(row, dtype=np.int64).sum() for row in thumbnails], dtype=np.int64)
    sums = thumbnails.sum(axis=1, dtype=np.int64)
    return sums, thumbnails.shape[1] * squares - sums**2


def _correlated(
    products: NDArray[np.int64],
    sums: NDArray[np.int64],
    others: NDArray[np.int64],
    variation: NDArray[np.int64],
    other: NDArray[np.int64],
) -> NDArray[np.bool_]:
    pixels = _SIDE * _SIDE
    least = (_LEAST_VARIATION * pixels) ** 2
    together = pixels * products - sums * others
    enough = _LEAST_CORRELATION * np.sqrt(variation.astype(np.float64)) * np.sqrt(other.astype(np.float64))
    result: NDArray[np.bool_] = (variation >= least) & (other >= least) & (together >= enough)
    return result


_BITS = np.array([number.bit_count() for number in range(256)], dtype=np.uint8)


def _different_bits(hashes: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    bits: NDArray[np.int64] = _BITS[hashes ^ others].sum(axis=1, dtype=np.int64)
    return bits


def _root(parents: NDArray[np.int64], index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = int(parents[index])
    return index


def _join(parents: NDArray[np.int64], first: int, second: int) -> None:
    """Make two groups one; its first picture stands for it."""
    low, high = sorted((_root(parents, first), _root(parents, second)))
    parents[high] = low
