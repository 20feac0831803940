"""Coats: the colours of an animal and the markings on its body."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .canvas import Canvas, Path
from .palette import FURS, PINK, WHITE, Colour, Dice, darker, lighter

MARKINGS = ("solid", "tabby", "patches", "tuxedo", "points")
EYES: tuple[Colour, ...] = ((146, 190, 70), (232, 190, 60), (96, 160, 210), (206, 134, 44), (110, 186, 150))


@dataclass(frozen=True)
class Coat:
    """The colours of one animal."""

    fur: Colour
    rim: Colour
    light: Colour  # muzzle and chest
    mark: Colour  # stripes, patches or points
    marking: str  # one of MARKINGS
    eye: Colour
    nose: Colour

    @property
    def ends(self) -> Colour:
        """Ears and tail."""
        return self.mark if self.marking in ("points", "patches") else self.fur

    @property
    def paws(self) -> Colour:
        """Feet."""
        return {"points": self.mark, "tuxedo": self.light, "patches": self.light}.get(self.marking, self.fur)

    @property
    def chest(self) -> Colour:
        """Breast and belly."""
        return self.light if self.marking in ("tuxedo", "patches") else lighter(self.fur, 0.22)


def random_coat(dice: Dice, against: Colour, markings: Sequence[str] = MARKINGS) -> Coat:
    """A coat that stands out from the colour behind it."""
    fur = dice.colour(FURS, against)
    marking = dice.pick(markings)
    dark = sum(fur) < 300
    rim = darker(fur, 0.9 if dark else 0.6)
    mark = lighter(fur, 0.3) if dark else darker(fur, 0.4)
    if marking == "patches":
        mark = dice.colour(FURS, fur, 60.0)
    elif marking == "points":
        fur = lighter(fur, 0.6)
        mark = dice.tinted((104, 84, 76))
        rim = darker(fur, 0.55)
    light = WHITE if marking in ("tuxedo", "patches") else lighter(fur, 0.5)
    nose = dice.pick((PINK, (190, 110, 100), darker(fur, 0.7)))
    return Coat(fur, rim, light, mark, marking, dice.pick(EYES), nose)


def plain(coat: Coat, **colours: Colour) -> Coat:
    """The coat without markings, with some colours replaced."""
    return replace(coat, marking="solid", **colours)


def mark_body(canvas: Canvas, dice: Dice, coat: Coat, body: Path, *, lying: bool = False) -> None:
    """Stripes, patches or a white breast on a body that has been filled already."""
    if coat.marking not in ("tabby", "patches"):
        return
    outline = np.asarray(body, dtype=np.float64)
    (left, top), (right, bottom) = outline.min(axis=0), outline.max(axis=0)
    wide, high = right - left, bottom - top
    with canvas.inside(outline):
        if coat.marking == "tabby" and lying:
            for k in range(5):
                x = left + wide * (0.14 + 0.18 * k + dice.between(-0.02, 0.02))
                canvas.stroke(
                    [(x + 0.02, top - 0.02), (x - 0.01, top + high * 0.3), (x + 0.02, top + high * 0.62)],
                    0.04,
                    coat.mark,
                    end=0.3,
                )
        elif coat.marking == "tabby":
            for k in range(4):
                y = top + high * (0.18 + 0.2 * k + dice.between(-0.02, 0.02))
                for edge, inner in ((left - 0.02, 0.3), (right + 0.02, 0.7)):
                    tip = left + wide * inner
                    canvas.stroke([(edge, y - 0.03), ((edge + tip) / 2, y), (tip, y - 0.01)], 0.04, coat.mark, end=0.3)
        else:
            for _ in range(3):
                x, y = left + wide * dice.between(0.05, 0.95), top + high * dice.between(0.0, 0.8)
                colour = dice.pick((coat.mark, coat.mark, coat.light))
                rx, ry = wide * dice.between(0.16, 0.3), high * dice.between(0.14, 0.28)
                canvas.ellipse(x, y, rx, ry, colour, angle=dice.between(-0.8, 0.8))
