"""Maps of relevance as colours over the photo."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array

if TYPE_CHECKING:
    from PIL import ImageDraw

__all__ = ["overlay", "side_by_side"]

Picture = NDArray[np.uint8]

# Vermilion and blue of Okabe and Ito (2008), which people of every kind of colour vision tell apart.
_FOR, _AGAINST = np.array([213.0, 94.0, 0.0]), np.array([0.0, 114.0, 178.0])
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601
_MOST_OPAQUE = 0.85
# The strongest colour is that of this share of the pixels: a few extremes must not make all others pale.
_FULL_AT = 0.99
_GAP, _LINE, _LETTER = 12, 26, 16


def overlay(image: ArrayLike, relevance: ArrayLike) -> Picture:
    """A photo in grey, with what speaks for a class in warm and what against it in cool colours over it.

    The stronger, the less transparent. The strength is relative to the map's own 99 % quantile: the colours of two
    photos do not compare.

    Args:
        image: The photo `(height, width)`, or `(height, width, channels)` of one or three channels, 0..255.
        relevance: `(height, width)`, as `gradient_times_input` and `occlusion` give it.

    Returns:
        `(height, width, 3)`.

    Raises:
        ValueError: The shapes do not fit, or a number is not finite.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> black = np.zeros((2, 2, 3), "uint8")
        >>> purr.explanation.overlay(black, [[1, 0], [0, -1]])[[0, 0, 1], [0, 1, 1]].tolist()
        [[181, 80, 0], [0, 0, 0], [0, 97, 151]]
    """
    grey, values = as_colour(image) @ _LUMA, np.asarray(relevance, np.float64)
    if values.shape != grey.shape:
        raise ValueError(f"relevance: expected the photo's shape {grey.shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("relevance: expected finite numbers")
    strength = np.abs(values)
    full = np.quantile(strength, _FULL_AT, method="higher") if strength.size else 0.0
    share = np.minimum(strength / full, 1) if full > 0 else np.zeros_like(strength)
    opacity = (_MOST_OPAQUE * share)[..., None]
    colour = np.where(values[..., None] > 0, _FOR, _AGAINST)
    mixed: Picture = np.rint((1 - opacity) * grey[..., None] + opacity * colour).astype(np.uint8)
    return mixed


def as_colour(image: ArrayLike) -> Array:
    """A photo of one or three channels as `(height, width, 3)`, 0..255."""
    pixels = np.asarray(image)
    if pixels.dtype.kind not in "fiu":
        raise TypeError(f"image: expected numbers 0 to 255, got an array of {pixels.dtype}")
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(f"image: expected (height, width, 1 or 3 channels), got shape {np.shape(image)}")
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 255):  # NaN compares false
        raise ValueError("image: expected numbers 0 to 255")
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def side_by_side(panels: Mapping[str, ArrayLike], title: str = "", side: int = 384) -> Picture:
    """Pictures in a row, each with its name above it, enlarged by a whole factor so that single pixels are seen.

    Args:
        panels: Pictures as of `overlay`, of the same height, by name.
        title: A line above all.
        side: Height in pixels that a picture gets at least; a larger one stays as it is.

    Returns:
        `(height, width, 3)`.

    Raises:
        ValueError: There is no picture, or a shape does not fit.
    """
    from PIL import Image, ImageDraw

    pictures = [np.rint(as_colour(panel)).astype(np.uint8) for panel in panels.values()]
    if not pictures or len({picture.shape[0] for picture in pictures}) > 1:
        raise ValueError(f"panels: expected pictures of the same height, got {[p.shape for p in pictures]}")
    factor = -(-side // max(pictures[0].shape[0], 1))
    pictures = [picture.repeat(factor, axis=0).repeat(factor, axis=1) for picture in pictures]
    head = (2 if title else 1) * _LINE + _GAP
    width = sum(picture.shape[1] + _GAP for picture in pictures) + _GAP
    sheet = Image.new("RGB", (width, head + pictures[0].shape[0] + _GAP), "white")
    draw, left = ImageDraw.Draw(sheet), _GAP
    if title:
        _write(draw, _GAP, _GAP, title, width - 2 * _GAP)
    for name, picture in zip(panels, pictures, strict=True):
        _write(draw, left, head - _LINE, name, picture.shape[1])
        sheet.paste(Image.fromarray(picture), (left, head))
        left += picture.shape[1] + _GAP
    return np.array(sheet)


def _write(draw: ImageDraw.ImageDraw, left: int, top: int, text: str, width: int) -> None:
    """A line of text, cut where it would be too long. Pillow's own font has the letters of ASCII alone."""
    from PIL import ImageFont

    font = ImageFont.load_default(_LETTER)
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "replace").decode("ascii")
    plain = "".join(letter if letter.isprintable() else "?" for letter in letters)
    fits = next((n for n in range(len(plain), 0, -1) if font.getlength(plain[:n]) <= width), 0)
    draw.text((left, top), plain[:fits], fill="black", font=font)
