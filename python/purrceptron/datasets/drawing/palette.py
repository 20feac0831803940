"""Chance and colour: every random choice of a picture goes through one `Dice`, colours come from lists."""

import math
from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import numpy as np

Colour: TypeAlias = tuple[int, int, int]
T = TypeVar("T")

BLACK: Colour = (34, 30, 34)
WHITE: Colour = (246, 244, 240)
PINK: Colour = (232, 150, 150)

# One list of furs for cats and for the other animals alike, so that fur does not tell the class.
FURS: tuple[Colour, ...] = (
    (228, 150, 78),  # ginger
    (238, 208, 162),  # cream
    (164, 164, 170),  # grey
    (116, 128, 150),  # blue
    (88, 84, 92),  # black
    (240, 236, 228),  # white
    (148, 106, 74),  # brown
    (184, 118, 74),  # cinnamon
)
PAINTS: tuple[Colour, ...] = (
    (206, 62, 54),
    (232, 148, 52),
    (240, 206, 84),
    (92, 156, 84),
    (62, 150, 160),
    (66, 104, 176),
    (138, 92, 164),
    (226, 134, 160),
    (238, 232, 220),
    (92, 88, 94),
    (150, 106, 72),
)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from `a` to `b`."""
    return (
        round(a[0] + (b[0] - a[0]) * share),
        round(a[1] + (b[1] - a[1]) * share),
        round(a[2] + (b[2] - a[2]) * share),
    )


def darker(colour: Colour, share: float = 0.3) -> Colour:
    """`colour` mixed with `share` of black."""
    return mix(colour, BLACK, share)


def lighter(colour: Colour, share: float = 0.4) -> Colour:
    """`colour` mixed with `share` of white."""
    return mix(colour, WHITE, share)


def contrast(a: Colour, b: Colour) -> float:
    """How far two colours are apart for the eye: weighted RGB distance, 0 (same) to about 255."""
    red, green, blue = a[0] - b[0], a[1] - b[1], a[2] - b[2]
    return math.sqrt(0.30 * red**2 + 0.59 * green**2 + 0.11 * blue**2)


class Dice:
    """The random choices of one picture."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._next = rng.random

    def between(self, low: float, high: float) -> float:
        """A uniform number in [low, high)."""
        return low + (high - low) * self._next()

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._next() < probability

    def pick(self, options: Sequence[T]) -> T:
        """One of the options, all equally likely (list an option twice to make it twice as likely)."""
        return options[int(self._next() * len(options))]

    def tinted(self, colour: Colour, spread: float = 14.0) -> Colour:
        """`colour` made a little lighter or darker, warmer or colder."""
        light, warm = self.between(-spread, spread), self.between(-spread, spread) * 0.5
        red, green, blue = colour[0] + light + warm, colour[1] + light, colour[2] + light - warm
        return (min(255, max(0, round(red))), min(255, max(0, round(green))), min(255, max(0, round(blue))))

    def colour(self, palette: Sequence[Colour], against: Colour | None = None, least: float = 48.0) -> Colour:
        """A tinted colour of the palette that stands out from `against` (as well as eight tries allow)."""
        best = self.tinted(self.pick(palette))
        for _ in range(7):
            if against is None or contrast(best, against) >= least:
                break
            best = max(best, self.tinted(self.pick(palette)), key=lambda c: contrast(c, against))
        return best
