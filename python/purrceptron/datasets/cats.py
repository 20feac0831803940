"""The drawn cats: a data set that needs no download."""

import math
import operator

import numpy as np
from numpy.typing import NDArray

__all__ = ["make_cats"]

SMALLEST = 8  # pixels; below it nothing can be recognised


def make_cats(
    n: int, size: int = 64, cat_fraction: float = 0.5, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw small colour pictures, some of a cat and the others of something else.

    Args:
        n: Number of pictures; 0 gives empty arrays.
        size: Side of a picture in pixels, at least 8; 64 is the size the classifier expects.
        cat_fraction: Share of cats, 0..1; exactly `round(n * cat_fraction)` pictures show one.
        seed: Whole number >= 0. The same seed draws the same pixels; a picture depends on the seed, its index
            and its class, not on `n`.
    Returns:
        images (n, size, size, 3) uint8 RGB and labels (n,) int64, 1 for a cat and 0 for anything else. The
        classes come in mixed order.
    Raises:
        ValueError: an argument is out of its range.

    >>> images, labels = make_cats(8, seed=1)
    >>> images.shape, images.dtype.name, labels.sum().item()
    ((8, 64, 64, 3), 'uint8', 4)
    """
    n, size, seed = operator.index(n), operator.index(size), operator.index(seed)
    if n < 0:
        raise ValueError(f"n is the number of pictures and must be 0 or more, got {n}")
    if size < SMALLEST:
        raise ValueError(f"size is the side of a picture in pixels and must be {SMALLEST} or more, got {size}")
    if math.isnan(cat_fraction) or not 0 <= cat_fraction <= 1:
        raise ValueError(f"cat_fraction is the share of cats and must be within 0..1, got {cat_fraction}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    from .drawing import draw_picture  # here, because it loads Pillow

    labels = np.zeros(n, dtype=np.int64)
    labels[: round(n * cat_fraction)] = 1
    _generator(seed, 0).shuffle(labels)
    images = np.empty((n, size, size, 3), dtype=np.uint8)
    for index, label in enumerate(labels):
        images[index] = draw_picture(_generator(seed, 1, index), size, is_cat=bool(label))
    return images, labels


def _generator(seed: int, *key: int) -> np.random.Generator:
    # A spawn key keeps the streams of different seeds apart; a bare [seed, 0] would equal [seed].
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
