"""Thumbnails of pictures, and whether two of them are of the same picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .signatures import SIDE, mirrored_signatures, signatures_of

__all__ = ["Thumbnails", "same_picture"]

# Copies correlate at least so much once they lie on one another, and at most a fifth of their steps of brightness go
# the other way. `docs/trust.md` has what is found and what is not.
_LEAST_CORRELATION, _MOST_OPPOSITE = 0.975, 0.2
# A thumbnail that varies less (grey levels, root mean square) has nothing to compare: equal pixels only.
_LEAST_VARIATION = 4


@dataclass(frozen=True)
class Thumbnails:
    """What pictures are compared by.

    Attributes:
        pixels: `(samples, 16, 16, 3)`.
        signatures: `(samples, 32)`, see `signatures_of`.
        varied: Which of them have something to compare, `(samples,)`.
    """

    pixels: NDArray[np.uint8]
    signatures: NDArray[np.int16]
    varied: NDArray[np.bool_]

    @classmethod
    def of(cls, images: NDArray[Any], chosen: NDArray[np.int64] | None = None) -> Thumbnails:
        """Of pictures `(samples, height, width, channels)` of 0..255, grey or in colours; of the chosen ones alone.

        By Pillow's triangle filter, whose arithmetic is of whole numbers.
        """
        from PIL import Image

        chosen = np.arange(len(images)) if chosen is None else chosen
        pixels = np.empty((len(chosen), SIDE, SIDE, 3), np.uint8)
        for row, index in enumerate(chosen):
            image = images[index]
            if image.dtype != np.uint8:
                image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
            whole = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image).convert("RGB")
            pixels[row] = np.asarray(whole.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        squares = np.array([np.square(row, dtype=np.int64).sum() for row in pixels], dtype=np.int64)
        sums = pixels.sum(axis=(1, 2), dtype=np.int64)
        variations = squares - np.square(sums).sum(axis=1) / SIDE**2  # each channel about its own mean
        return cls(pixels, signatures_of(pixels), variations >= pixels[0:1].size * _LEAST_VARIATION**2)

    def mirrored(self) -> Thumbnails:
        """Those of the mirror images."""
        return Thumbnails(self.pixels[:, :, ::-1], mirrored_signatures(self.signatures), self.varied)


def same_picture(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pairs of thumbnails are of one picture, `(pairs,)`, though it was cut, compressed or made brighter.

    Args:
        first: `(pairs, 16, 16, 3)`.
        second: Likewise.
    """
    same = _step_alike(first.sum(axis=3, dtype=np.int16), second.sum(axis=3, dtype=np.int16))
    same[same] = _correlations(first[same].astype(np.float64), second[same].astype(np.float64)) >= _LEAST_CORRELATION
    return same


def _step_alike(first: NDArray[np.int16], second: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Whether brightness grows in the same places: what correlation does not see beside one bright half.

    Steps from pixel to pixel count that are of more than a grey level in both; brightness is a sum of three channels.
    """
    both, opposite = np.zeros(len(first), np.int64), np.zeros(len(first), np.int64)
    for axis in (1, 2):
        one, other = np.diff(first, axis=axis), np.diff(second, axis=axis)
        clear = (np.abs(one) > 3) & (np.abs(other) > 3)
        both += clear.sum(axis=(1, 2))
        opposite += (clear & ((one > 0) != (other > 0))).sum(axis=(1, 2))
    alike: NDArray[np.bool_] = (both > 0) & (opposite <= _MOST_OPPOSITE * both)
    return alike


def _correlations(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each pair, `(pairs,)`, without what a small shift or stretch of one of them explains.

    To first order these add a multiple of the slope, and of slope times place, across and down (Lucas and Kanade, "An
    iterative image registration technique", 1981). So it is the partial correlation given these four; all sums are of
    whole numbers and below 2^53, that is exact.
    """
    both = first + second
    across = both[:, 1:-1, 2:] - both[:, 1:-1, :-2]
    down = both[:, 2:, 1:-1] - both[:, :-2, 1:-1]
    place = 2.0 * np.arange(1, SIDE - 1) - SIDE + 1
    inner = np.s_[:, 1:-1, 1:-1]
    parts = (across, across * place[:, None], down, down * place[:, None, None], first[inner], second[inner])
    table = np.stack(parts, axis=1).reshape(len(first), len(parts), across[0:1].size)
    sums = table.sum(axis=2)
    rest = table.shape[2] * (table @ table.transpose(0, 2, 1)) - sums[:, :, None] * sums[:, None, :]
    best = _correlation(rest)  # of a ramp the four explain everything
    for known in range(4):
        pivot = rest[:, known, known]
        pivot = np.where(pivot > 0, pivot, np.inf)[:, None, None]
        rest = rest - rest[:, :, known, None] * rest[:, None, known, :] / pivot
    return np.maximum(best, _correlation(rest))


def _correlation(covariances: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the last two of the parts."""
    lengths = np.sqrt(np.maximum(covariances[:, 4, 4], 0)) * np.sqrt(np.maximum(covariances[:, 5, 5], 0))
    correlations: NDArray[np.float64] = covariances[:, 4, 5] / np.where(lengths > 0, lengths, np.inf)
    return correlations
