"""Features of pictures that a small network learns from few photos: histograms of colours and of gradients.

All sums are sums of whole numbers, and what follows is square roots, products and quotients one by one, so a picture
has the same features bit for bit on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
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
_CHUNK = 8
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
_SPAN = 2 * 255 + 1
_COLORS = _LEVELS**3
# Of each byte the colour level below it, and 255 times its nearness to this level and to the next.
_LOW = np.minimum(np.arange(256) * (_LEVELS - 1) // 255, _LEVELS - 2)
_ABOVE = np.arange(256) * (_LEVELS - 1.0) - 255 * _LOW
_SHARES = (255 - _ABOVE, _ABOVE)
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
    levels = [_bytes(pictures)[..., channel % channels].ravel() for channel in range(3)]
    red, green, blue = (_LOW[level] for level in levels)
    lowest = (red * _LEVELS + green) * _LEVELS + blue + np.repeat(np.arange(photos) * _COLORS, height * width)
    reds, greens, blues = ([_SHARES[side][level] for side in (0, 1)] for level in levels)
    counts = np.zeros(photos * _COLORS)
    for i, j in np.ndindex(2, 2):
        both = reds[i] * greens[j]
        for k in (0, 1):
            corner = (i * _LEVELS + j) * _LEVELS + k
            held = np.bincount(lowest, both * blues[k])  # whole numbers below 2^53
            counts[corner : corner + len(held)] += held
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
    values = np.moveaxis(_bytes(pictures), -1, 0).astype(np.int16, order="C")
    across, down = np.zeros(values.shape, np.int32), np.zeros(values.shape, np.int32)
    np.subtract(values[..., 2:], values[..., :-2], out=across[..., 1:-1])
    np.subtract(values[:, :, 2:], values[:, :, :-2], out=down[:, :, 1:-1])
    gradients, squares = across * _SPAN + down, across * across + down * down
    gradient, longest = gradients[0], squares[0]
    for other, square in zip(gradients[1:], squares[1:], strict=True):
        gradient = np.where(square > longest, other, gradient)
        longest = np.maximum(square, longest)
    gradient += _SPAN * _SPAN // 2
    lengths, orientations = _polar()
    row, column = (np.arange(size) * _CELLS // size for size in (height, width))
    cell = (np.arange(photos)[:, None, None] * _CELLS + row[:, None]) * _CELLS + column
    places = photos * _CELLS**2 * _ORIENTATIONS
    place = cell * _ORIENTATIONS + orientations.take(gradient)
    cells = np.bincount(place.ravel(), lengths.take(gradient).ravel(), places)
    return _blocks(cells.reshape(photos, _CELLS, _CELLS, _ORIENTATIONS), _FINEST * height * width / _CELLS**2)


@cache
def _polar() -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Length and orientation of the gradient at every `across * _SPAN + down`, both from -255 to 255."""
    across, down = np.divmod(np.arange(_SPAN * _SPAN), _SPAN) - np.array([[255], [255]])
    length = np.floor(_FINEST * np.sqrt((across**2 + down**2).astype(np.float64)))
    orientation = np.argmax([np.abs(cos * across + sin * down) for cos, sin in _DIRECTIONS], axis=0)
    return length, orientation


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
