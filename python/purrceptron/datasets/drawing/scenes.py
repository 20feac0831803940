"""Where a picture plays: a scene is chosen before the subject and without knowing it."""

from collections.abc import Callable
from dataclasses import dataclass

from .canvas import Canvas
from .palette import BLACK, WHITE, Colour, Dice, darker, lighter, mix

WALLS: tuple[Colour, ...] = (
    (206, 220, 226),
    (232, 214, 190),
    (178, 200, 176),
    (226, 186, 178),
    (120, 146, 170),
    (150, 128, 150),
    (98, 124, 116),
    (196, 176, 120),
    (214, 210, 206),
    (112, 100, 96),
)
FLOORS: tuple[Colour, ...] = (
    (176, 132, 92),
    (128, 92, 68),
    (200, 170, 130),
    (150, 140, 136),
    (110, 120, 140),
)
SKIES: tuple[tuple[Colour, Colour], ...] = (  # high, low
    ((112, 172, 226), (206, 228, 240)),
    ((150, 190, 214), (226, 226, 214)),
    ((116, 104, 160), (244, 176, 130)),
    ((34, 44, 86), (88, 96, 140)),
    ((150, 160, 172), (206, 208, 208)),
)
MEADOWS: tuple[Colour, ...] = (
    (118, 164, 84),
    (92, 138, 74),
    (154, 170, 92),
    (190, 170, 110),
    (226, 232, 238),
)


@dataclass(frozen=True)
class Scene:
    """What a subject has to know of its surroundings."""

    backdrop: Colour  # behind the subject
    ground: Colour  # under it
    outdoors: bool | None  # None: a studio, where anything can be


def _bands(canvas: Canvas, high: Colour, low: Colour, bottom: float, steps: int = 10) -> None:
    """A vertical gradient from the top of the picture down to `bottom`."""
    for step in range(steps):
        top = bottom * step / steps
        canvas.box(0, top, 1, bottom, mix(high, low, step / (steps - 1)))


def _window(canvas: Canvas, dice: Dice, x: float) -> None:
    high, low = dice.pick(SKIES)
    canvas.box(x - 0.14, 0.08, x + 0.14, 0.42, WHITE, darker(WHITE))
    canvas.box(x - 0.11, 0.11, x + 0.11, 0.25, high)
    canvas.box(x - 0.11, 0.25, x + 0.11, 0.39, low)
    canvas.line([(x, 0.1), (x, 0.4)], 0.02, WHITE)


def _framed_picture(canvas: Canvas, dice: Dice, x: float) -> None:
    canvas.box(x - 0.10, 0.10, x + 0.10, 0.32, dice.pick(FLOORS), BLACK)
    canvas.box(x - 0.07, 0.13, x + 0.07, 0.29, dice.tinted(dice.pick(WALLS)))
    canvas.ellipse(x, 0.22, 0.04, 0.05, dice.tinted(dice.pick(FLOORS)))


def _lamp(canvas: Canvas, dice: Dice, x: float) -> None:
    canvas.line([(x, 0.3), (x, 0.74)], 0.02, darker(dice.pick(FLOORS)))
    canvas.polygon([(x - 0.06, 0.14), (x + 0.06, 0.14), (x + 0.11, 0.32), (x - 0.11, 0.32)], dice.pick(WALLS), BLACK)


def room(canvas: Canvas, dice: Dice) -> Scene:
    """A wall, perhaps papered, a floor, and something on the wall."""
    wall, floor = dice.tinted(dice.pick(WALLS)), dice.tinted(dice.pick(FLOORS))
    edge = dice.between(0.62, 0.8)
    canvas.box(0, 0, 1, 1, wall)
    paper = mix(wall, dice.pick((BLACK, WHITE)), dice.between(0.06, 0.16))
    pattern = dice.pick(("plain", "plain", "stripes", "dots"))
    if pattern == "stripes":
        step = dice.between(0.1, 0.2)
        start = dice.between(0, step)
        for k in range(int(1 / step) + 1):
            canvas.box(start + k * step, 0, start + (k + 0.5) * step, 1, paper)
    elif pattern == "dots":
        for row in range(4):
            for column in range(5):
                canvas.ellipse(column * 0.24 + 0.12 * (row % 2), 0.09 + row * 0.18, 0.02, 0.02, paper)
    if dice.chance(0.6):
        dice.pick((_window, _framed_picture, _lamp))(canvas, dice, dice.pick((0.14, 0.22, 0.8, 0.88)))
    canvas.box(0, edge, 1, 1, floor)
    canvas.box(0, edge - 0.025, 1, edge, lighter(wall, 0.5))
    if dice.chance(0.5):
        rug = dice.tinted(dice.pick(WALLS))
        canvas.ellipse(0.5, 0.93, 0.46, 0.12, rug, darker(rug))
        return Scene(wall, rug, outdoors=False)
    return Scene(wall, floor, outdoors=False)


def _sky(canvas: Canvas, dice: Dice, bottom: float) -> Colour:
    """A sky with sun, moon or clouds; returns the colour behind the subject."""
    high, low = dice.pick(SKIES)
    high, low = dice.tinted(high), dice.tinted(low)
    _bands(canvas, high, low, bottom)
    x, y = dice.pick((0.15, 0.85)), dice.between(0.1, 0.25)
    if sum(high) < 250:
        canvas.ellipse(x, y, 0.07, 0.07, (244, 236, 200))
        canvas.ellipse(x + 0.03, y - 0.015, 0.06, 0.06, high)
        for _ in range(7):
            canvas.ellipse(dice.between(0, 1), dice.between(0, 0.5), 0.007, 0.007, WHITE)
    elif dice.chance(0.4):
        canvas.ellipse(x, y, 0.08, 0.08, (250, 224, 130))
    else:
        cloud = lighter(low, 0.55)
        for k in range(3):
            canvas.ellipse(x + 0.09 * (k - 1), y - 0.02 * (k % 2), 0.09, 0.04 + 0.02 * (k % 2), cloud)
    return mix(high, low, 0.6)


def meadow(canvas: Canvas, dice: Dice) -> Scene:
    """Sky over hills and grass (or straw, or snow)."""
    edge = dice.between(0.55, 0.76)
    sky = _sky(canvas, dice, edge + 0.1)
    grass = dice.tinted(dice.pick(MEADOWS))
    hill = mix(grass, sky, 0.35)
    canvas.ellipse(dice.between(0, 1), edge + 0.2, dice.between(0.5, 0.8), dice.between(0.22, 0.34), hill)
    canvas.box(0, edge + 0.03, 1, 1, grass)
    canvas.ellipse(dice.between(0.2, 0.8), edge + 0.1, 0.9, 0.12, grass)
    for _ in range(6):
        x, y = dice.between(0, 1), dice.between(edge + 0.06, 1)
        if dice.chance(0.3):
            canvas.ellipse(x, y, 0.016, 0.016, dice.pick(((250, 224, 90), WHITE, (232, 120, 130))))
        else:
            canvas.line([(x - 0.02, y - 0.04), (x, y), (x + 0.02, y - 0.045)], 0.01, darker(grass))
    return Scene(sky, grass, outdoors=True)


def fence(canvas: Canvas, dice: Dice) -> Scene:
    """A garden with a picket fence."""
    sky = _sky(canvas, dice, 0.7)
    grass, wood = dice.tinted(dice.pick(MEADOWS)), dice.tinted(dice.pick((*FLOORS, WHITE)))
    top, start = dice.between(0.28, 0.42), dice.between(-0.1, 0)
    canvas.box(0, 0.68, 1, 1, grass)
    canvas.box(0, top + 0.12, 1, top + 0.17, darker(wood, 0.2))
    for k in range(8):
        left = start + k * 0.145
        corners = [
            (left, 0.74),
            (left, top),
            (left + 0.05, top - 0.06),
            (left + 0.1, top),
            (left + 0.1, 0.74),
        ]
        canvas.polygon(corners, wood, darker(wood, 0.25))
    return Scene(mix(sky, wood, 0.6), grass, outdoors=True)


def beach(canvas: Canvas, dice: Dice) -> Scene:
    """Sky, sea and sand."""
    edge, shore = dice.between(0.38, 0.5), dice.between(0.62, 0.74)
    sky = _sky(canvas, dice, edge)
    sea, sand = dice.tinted((84, 150, 180)), dice.tinted((226, 204, 158))
    canvas.box(0, edge, 1, 1, sea)
    for _ in range(4):
        x, y = dice.between(0, 1), dice.between(edge + 0.03, shore)
        canvas.line([(x - 0.06, y), (x + 0.06, y)], 0.01, lighter(sea))
    canvas.ellipse(dice.between(0.3, 0.7), 1.1, 1.1, 1.1 - shore, sand)
    return Scene(mix(sky, sea, 0.6), sand, outdoors=True)


def studio(canvas: Canvas, dice: Dice) -> Scene:
    """A plain backdrop that flows into the floor, lit from one side."""
    colour = dice.tinted(dice.pick(WALLS))
    floor = mix(colour, dice.pick((BLACK, WHITE)), dice.between(0.1, 0.3))
    _bands(canvas, darker(colour, dice.between(0, 0.2)), lighter(colour, dice.between(0, 0.2)), 1.0)
    canvas.ellipse(0.5, 1.0, 0.9, dice.between(0.16, 0.3), floor)
    return Scene(colour, floor, outdoors=None)


SCENES: tuple[Callable[[Canvas, Dice], Scene], ...] = (room, room, meadow, fence, beach, studio)
