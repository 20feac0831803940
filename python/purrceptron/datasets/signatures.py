"""Signatures of pictures, 32 bytes that say what one shows, and the search for those that are close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["SIDE", "SIGNATURE", "Pairs", "close_pairs", "mirrored_signatures", "signatures_of"]

# Side of the thumbnails that signatures are of, numbers of a signature, and the largest of them.
SIDE, SIGNATURE, _LARGEST = 16, 32, 127
# Brightness, and two differences of colour that weigh alike: rows are of nearly equal length, and of whole numbers.
_COLORS = np.array([[4.0, 4, 4], [5, 0, -5], [3, -6, 3]])
# Frequencies, the lowest first, as `(color, down, across)`: 20 of brightness without its mean, and 6 of each colour.
_LOWEST = sorted((down * down + across * across, down, across) for down in range(6) for across in range(6))
_COLOR, _DOWN, _ACROSS = np.array(
    [(0, *place) for _, *place in _LOWEST[1:21]] + [(color, *place) for color in (1, 2) for _, *place in _LOWEST[:6]]
).T
# Pairs that are compared at once, at most; rows that say which numbers tell pictures apart, and how many of them do.
_AT_ONCE, _SAMPLE, _TELLING = 1 << 18, 256, 4


def signatures_of(thumbnails: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Signature of each picture, `(samples, 32)`, of -127 to 127: the lowest frequencies of brightness and colours.

    They are coefficients of the cosine transform, divided by their length, so contrast does not count; the means of the
    colours are measured by the same length. Everything up to the last division is a whole number, so signatures are the
    same on every machine.

    Args:
        thumbnails: `(samples, 16, 16, 3)`.
    """
    angles = np.pi * np.outer(np.arange(6), np.arange(SIDE) + 0.5) / SIDE
    cosines = np.rint(64 * np.cos(angles) * np.where(np.arange(6) == 0, np.sqrt(0.5), 1)[:, None])
    signatures = np.empty((len(thumbnails), SIGNATURE), np.int16)
    for start in range(0, len(thumbnails), 1024):
        colors = np.moveaxis(thumbnails[start : start + 1024] @ _COLORS.T, 3, 1)
        chosen = np.rint((cosines @ colors @ cosines.T)[:, _COLOR, _DOWN, _ACROSS] / 1024)
        length = np.sqrt(np.square(chosen[:, _DOWN + _ACROSS > 0]).sum(axis=1, keepdims=True))
        numbers = np.rint(_LARGEST * chosen / np.maximum(length, 1))
        signatures[start : start + 1024] = np.clip(numbers, -_LARGEST, _LARGEST)
    return signatures


def mirrored_signatures(signatures: NDArray[np.int16]) -> NDArray[np.int16]:
    """Those of the mirror images: what is odd from left to right turns its sign."""
    return signatures * np.where(_ACROSS % 2 == 0, 1, -1).astype(np.int16)


def close_pairs(first: NDArray[np.int16], second: NDArray[np.int16], most: int) -> Iterator[Pairs]:
    """Every pair `(row of first, row of second)` none of whose numbers differ by more than `most`, in parts.

    The rows are cut into cells by the number that tells most of them apart, and a cell meets those rows of the second
    that lie in it or within `most` of it, until few are left to compare. No pair is lost, and none comes twice.

    Args:
        first: `(samples, numbers)`.
        second: `(others, numbers)`.
        most: What numbers of a pair may differ by.
    """
    cells = [(np.arange(len(first)), np.arange(len(second)))]
    while cells:
        rows, columns = cells.pop()
        if len(rows) == 0 or len(columns) == 0:
            continue
        sample = second[columns[:: 1 + len(columns) // _SAMPLE]]
        telling = np.argsort(-sample.std(axis=0), kind="stable")
        number = telling[0]
        # A cell meets rows within 3 * most: only of a wider spread some are left out.
        if len(rows) * len(columns) <= _AT_ONCE or np.ptp(sample[:, number]) <= 3 * most:
            yield from _compared(first, second, rows, columns, most, telling[:_TELLING])
            continue
        rows = rows[np.argsort(first[rows, number], kind="stable")]
        columns = columns[np.argsort(second[columns, number], kind="stable")]
        values, others = first[rows, number], second[columns, number]
        for part in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(values // (most + 1))) + 1):
            low = np.searchsorted(others, values[part[0]] - most)
            high = np.searchsorted(others, values[part[-1]] + most, "right")
            cells.append((rows[part], columns[low:high]))


def _compared(
    first: NDArray[np.int16],
    second: NDArray[np.int16],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    most: int,
    telling: NDArray[np.int64],
) -> Iterator[Pairs]:
    """The close ones of all pairs of these rows and columns: by a few telling numbers, and those that are left by all.

    In blocks of `_AT_ONCE` pairs or fewer.
    """
    for left in range(0, len(columns), _AT_ONCE):
        some = columns[left : left + _AT_ONCE]
        step = max(1, _AT_ONCE // len(some))
        for top in range(0, len(rows), step):
            part = rows[top : top + step]
            close = np.ones((len(part), len(some)), np.bool_)
            for number in telling:
                close &= np.abs(first[part, number, None] - second[some, number]) <= most
            row, column = (places[place] for places, place in zip((part, some), np.nonzero(close), strict=True))
            near = (np.abs(first[row] - second[column]) <= most).all(axis=1)
            yield row[near], column[near]
