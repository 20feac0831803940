"""Features of pictures that a small network learns from few photos: histograms of colours and of gradients.

All sums are sums of whole numbers, and what follows is square roots, products and quotients one by one, so a picture
has the same features bit for bit on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array

__all__ = ["FEATURES", "Features", "color_histogram", "feature_count", "gradient_histogram", "picture_features"]

Features = Literal["pixels", "colors", "histograms"]
FEATURES: tuple[Features, ...] = get_args(Features)

_LEVELS = 5
_CELLS, _ORIENTATIONS, _BLOCK = 8, 9, 2
_FINEST = 16  # steps of a gradient's length in 1/16 of a grey level: whole numbers add up exactly in any order
_CLIP = 0.2
# Colours decide and shapes help: a block's histogram has length 1, as the whole colour histogram has.
_GRADIENT_SCALE = 0.1
_CHUNK = 128
# 2^20 cos, 2^20 sin of 0, 20, ..., 160 degrees.
_DIRECTIONS = (
    (1_048_576, 0),
    (985_339, 358_634),
    (803_256, 674_012),
    (524_288, 908_093),
    (182_083, 1_032_646),
    (-182_083, 1_032_646),
    (-524_288, 908_093),
    (-803_256, 674_012),
    (-985_339, 358_634),
)
_COLORS = _LEVELS**3
_GRADIENTS = (_CELLS - _BLOCK + 1) ** 2 * _BLOCK**2 * _ORIENTATIONS


def feature_count(features: Features, image_size: int, channels: int) -> int:
    """Numbers that stand for one picture.

    Args:
        features: "pixels"; "colors", 125 numbers; or "histograms", those and 1764 of gradients.
        image_size: Side of a picture in pixels.
        channels: 3 for colour, 1 for grey.

    Raises:
        ValueError: There are no such features, or the picture is too small for its gradients.
    """
    if features not in FEATURES:
        raise ValueError(f"unknown features {features!r}; known: {', '.join(FEATURES)}")
    if features == "histograms" and image_size < _CELLS:
        raise ValueError(f"features 'histograms' need an image_size of {_CELLS} or more, got {image_size}")
    if features == "pixels":
        return image_size * image_size * channels
    return _COLORS + (_GRADIENTS if features == "histograms" else 0)


def picture_features(pictures: Array, features: Features, *, mirrored: bool = False) -> Array:
    """What a network sees of pictures: `(photos, feature_count)` float32; "pixels" are the pictures as they are.

    Args:
        pictures: `(photos, height, width, channels)`, 0 to 255; fractions are rounded for histograms.
        features: "pixels", "colors" or "histograms".
        mirrored: Of the pictures with left and right exchanged.
    """
    if features == "pixels":
        return pictures[:, :, ::-1] if mirrored else pictures
    rows = np.empty((len(pictures), feature_count(features, pictures.shape[1], pictures.shape[3])), np.float32)
    for place, chunk in _chunks(pictures):
        part = chunk[:, :, ::-1] if mirrored else chunk
        rows[place, :_COLORS] = color_histogram(part)
        if features == "histograms":
            rows[place, _COLORS:] = np.float32(_GRADIENT_SCALE) * gradient_histogram(part)
    return rows


def color_histogram(pictures: Array) -> NDArray[np.float32]:
    """Root of the share of each of 5 x 5 x 5 colours in a picture, `(photos, 125)`, of length 1.

    A pixel counts for the eight colours around it, by nearness (trilinear). Distances between roots of histograms are
    Hellinger's, which fit colours better than those between histograms (Arandjelović and Zisserman, 2012).

    Args:
        pictures: `(photos, height, width, channels)` whole numbers 0 to 255; one channel counts as three equal ones.

    Example:
        >>> import numpy as np
        >>> white = np.full((1, 8, 8, 3), 255, "uint8")
        >>> color_histogram(white)[0, -3:].tolist()
        [0.0, 0.0, 1.0]
    """
    photos, height, width, channels = pictures.shape
    steps = _bytes(pictures).reshape(photos, height * width, channels).astype(np.int64) * (_LEVELS - 1)
    steps = np.broadcast_to(steps, (photos, height * width, 3))
    low = np.minimum(steps // 255, _LEVELS - 2)
    above = steps - 255 * low
    first = np.arange(photos)[:, None] * _COLORS
    counts = np.zeros(photos * _COLORS)
    for corner in np.ndindex(2, 2, 2):
        level, share = low + corner, np.where(corner, above, 255 - above)
        color = (level[..., 0] * _LEVELS + level[..., 1]) * _LEVELS + level[..., 2] + first
        weight = share[..., 0] * share[..., 1] * share[..., 2]
        counts += np.bincount(color.ravel(), weight.ravel(), photos * _COLORS)  # whole numbers below 2^53
    shares = counts.reshape(photos, _COLORS) / (255.0**3 * height * width)
    roots: NDArray[np.float32] = np.sqrt(shares).astype(np.float32)
    return roots


def gradient_histogram(pictures: Array) -> NDArray[np.float32]:
    """Histograms of oriented gradients, `(photos, 1764)` (Dalal and Triggs, 2005).

    Central differences of the channel with the longest gradient; 8 x 8 cells; 9 orientations over half a turn, each
    gradient counted whole for the nearest; blocks of 2 x 2 cells, one cell apart, brought to length 1, clipped at 0.2
    and brought to length 1 again.

    Args:
        pictures: `(photos, height, width, channels)` whole numbers 0 to 255, of 8 x 8 pixels or more.
    """
    photos, height, width, _ = pictures.shape
    values = _bytes(pictures).astype(np.int64)
    across, down = np.zeros_like(values), np.zeros_like(values)
    across[:, :, 1:-1] = values[:, :, 2:] - values[:, :, :-2]
    down[:, 1:-1] = values[:, 2:] - values[:, :-2]
    strongest = np.argmax(across**2 + down**2, axis=-1)[..., None]
    across, down = (np.take_along_axis(of, strongest, -1)[..., 0] for of in (across, down))
    length = np.floor(_FINEST * np.sqrt((across**2 + down**2).astype(np.float64)))
    orientation = np.argmax([np.abs(cos * across + sin * down) for cos, sin in _DIRECTIONS], axis=0)
    row, column = (np.arange(size) * _CELLS // size for size in (height, width))
    cell = (np.arange(photos)[:, None, None] * _CELLS + row[:, None]) * _CELLS + column
    places = photos * _CELLS**2 * _ORIENTATIONS
    cells = np.bincount((cell * _ORIENTATIONS + orientation).ravel(), length.ravel(), places)
    return _blocks(cells.reshape(photos, _CELLS, _CELLS, _ORIENTATIONS), _FINEST * height * width / _CELLS**2)


def _blocks(cells: Array, flat: float) -> NDArray[np.float32]:
    """Normalised blocks of cells; `flat` is what a block in which nothing happens is measured against."""
    corners = [(i, j) for i in range(_BLOCK) for j in range(_BLOCK)]
    last = _CELLS - _BLOCK + 1
    blocks = np.concatenate([cells[:, i : i + last, j : j + last] for i, j in corners], axis=-1)
    blocks = np.minimum(blocks / np.sqrt(_squares(blocks) + flat**2), _CLIP)
    blocks = blocks / np.sqrt(_squares(blocks) + 1e-4)
    return blocks.reshape(len(cells), -1).astype(np.float32)


def _squares(blocks: Array) -> Array:
    """Sum of squares, added from the left to the right on every machine."""
    sums: Array = np.cumsum(blocks * blocks, axis=-1)[..., -1:]
    return sums


def _bytes(pictures: Array) -> Array:
    return pictures if pictures.dtype == np.uint8 else np.rint(pictures).astype(np.uint8)


def _chunks(pictures: Array) -> Iterator[tuple[Any, Array]]:
    for start in range(0, len(pictures), _CHUNK):
        place = slice(start, start + _CHUNK)
        yield place, pictures[place]
