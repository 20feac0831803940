"""How the brightness of a photo is spread: numbers in which photos of all kinds are alike, and drawings are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array

__all__ = ["LEAST_SIZE", "numbers_of_texture", "texture"]

LEAST_SIZE = 4

_SCALES = 4
_BINS = 16
# In grey levels: about the noise of a camera, below which differences say nothing.
_FLOOR = 0.64


def texture(pictures: Array) -> NDArray[np.float64]:
    """Seven numbers for each photo, all of its brightness (luma) alone.

    - Logarithm of the root mean square of the details at four scales, of the Haar wavelets of 2, 4, 8 and 16 pixels,
      and of what is left above them. In photos it grows with the scale in nearly the same way, whatever they show
      (Field, 1987): noise has too much at the first, blank and blurred pictures too little. A small picture has fewer
      scales.
    - Logarithm of the median over the mean of the differences of neighbours. Text has many differences of 0.
    - Entropy of the histogram of 16 bins, in bits. A blank page has 0, a page of two tones 1.

    Args:
        pictures: `(photos, height, width, channels)` of 0..255, at least `LEAST_SIZE` high and wide.

    Returns:
        `(photos, 3 + scales)`, the same bits on every machine: whole numbers up to the logarithm, which is rounded.
    """
    luma = _luma(pictures)
    values = [*_bands(luma), _sparseness(luma), _entropy(luma)]
    return np.stack(values, axis=1).round(6)


def numbers_of_texture(size: int) -> int:
    """How many they are for pictures of `size` pixels: a scale for every halving, four at most."""
    return 3 + min(_SCALES, size.bit_length() - 1)


def _luma(pictures: Array) -> NDArray[np.int32]:
    levels = pictures if pictures.dtype == np.uint8 else np.rint(pictures)
    if levels.shape[-1] == 1:
        return levels[..., 0].astype(np.int32)
    red, green, blue = (levels[..., channel].astype(np.int32) for channel in range(3))
    return np.asarray((77 * red + 150 * green + 29 * blue) >> 8, np.int32)


def _bands(luma: NDArray[np.int32]) -> list[Array]:
    bands, sums = [], luma  # of squares of 1, 4, 16, .. pixels: no square of a detail leaves 32 bits
    for scale in range(_SCALES):
        height, width = (side // 2 * 2 for side in sums.shape[1:])
        if min(height, width) < 2:
            break
        a, b, c, d = (sums[:, i:height:2, j:width:2] for i in (0, 1) for j in (0, 1))
        details = (a - b + c - d, a + b - c - d, a - b - c + d)
        squares = sum((detail**2).sum(axis=(1, 2), dtype=np.int64) for detail in details)
        bands.append(_log_root(np.asarray(squares), a[0].size, 2.0 ** (2 * scale + 1)))
        sums = a + b + c + d
    count, wide = sums[0].size, sums.astype(np.int64)
    spread = count * (wide**2).sum(axis=(1, 2)) - wide.sum(axis=(1, 2)) ** 2
    return [*bands, _log_root(spread, count**2, 4.0 ** len(bands))]


def _log_root(squares: Array, count: int, scale: float) -> Array:
    """Logarithm of a root mean square in grey levels."""
    return np.asarray(np.log(np.sqrt(squares / count) / scale + _FLOOR))


def _sparseness(luma: NDArray[np.int32]) -> Array:
    across, down = np.abs(np.diff(luma, axis=2)), np.abs(np.diff(luma, axis=1))
    differences = np.concatenate([part.reshape(len(luma), -1) for part in (across, down)], axis=1).astype(np.int16)
    middle = differences.shape[1] // 2
    median = np.partition(differences, middle, axis=1)[:, middle]
    mean = differences.sum(axis=1, dtype=np.int64) / differences.shape[1]
    return np.asarray(np.log((median + _FLOOR) / (mean + _FLOOR)))


def _entropy(luma: NDArray[np.int32]) -> Array:
    photos, pixels = len(luma), luma[0].size if len(luma) else 1
    bins = luma.reshape(photos, -1) * _BINS // 256 + _BINS * np.arange(photos)[:, None]
    share = np.bincount(bins.ravel(), minlength=_BINS * photos).reshape(photos, _BINS) / pixels
    return np.asarray((share * -np.log2(np.where(share > 0, share, 1))).sum(axis=1))
