"""Things: cars, houses, trees, balls; and pictures in which the place itself is the subject."""

import numpy as np

from .anatomy import GROUND, shadow
from .canvas import Canvas, oval
from .palette import BLACK, PAINTS, WHITE, Colour, Dice, darker, lighter
from .scenes import Scene

GLASS: Colour = (176, 206, 222)
LIGHT: Colour = (250, 228, 150)
LEAVES: tuple[Colour, ...] = ((84, 140, 74), (120, 160, 70), (60, 110, 80), (200, 130, 60), (214, 150, 170))
BARK: Colour = (116, 82, 58)


def _wheel(canvas: Canvas, x: float, y: float, radius: float) -> None:
    canvas.ellipse(x, y, radius, radius, BLACK)
    canvas.ellipse(x, y, radius * 0.55, radius * 0.55, (190, 190, 194))
    canvas.ellipse(x, y, radius * 0.2, radius * 0.2, BLACK)


def car(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A car from the side or from the front."""
    paint = dice.colour(PAINTS, scene.backdrop)
    rim = darker(paint, 0.55)
    shadow(canvas, scene.ground, 0.0, 0.46)
    if dice.chance(0.6):
        back, roof = dice.between(-0.34, -0.22), dice.between(-0.12, -0.02)
        canvas.polygon([(back - 0.1, 0.16), (back, roof), (0.12, roof), (0.28, 0.16)], paint, rim)
        canvas.polygon([(back - 0.04, 0.14), (back + 0.03, roof + 0.05), (-0.06, roof + 0.05), (-0.06, 0.14)], GLASS)
        canvas.polygon([(-0.02, 0.14), (-0.02, roof + 0.05), (0.1, roof + 0.05), (0.2, 0.14)], GLASS)
        canvas.blob(
            [(-0.48, 0.36), (-0.48, 0.2), (-0.38, 0.14), (0.26, 0.14), (0.46, 0.2), (0.49, 0.36), (0, 0.37)],
            paint,
            rim,
        )
        canvas.line([(-0.04, 0.17), (-0.04, 0.35)], 0.012, rim)
        canvas.ellipse(0.45, 0.23, 0.03, 0.035, LIGHT)
        canvas.ellipse(-0.46, 0.23, 0.02, 0.035, (220, 70, 60))
        for x in (-0.26, 0.27):
            _wheel(canvas, x, 0.36, 0.1)
        return
    for x in (-0.3, 0.3):
        canvas.box(x - 0.07, 0.3, x + 0.07, 0.46, BLACK)
    canvas.polygon([(-0.34, 0.08), (-0.24, -0.2), (0.24, -0.2), (0.34, 0.08)], paint, rim)
    canvas.polygon([(-0.28, 0.06), (-0.2, -0.15), (0.2, -0.15), (0.28, 0.06)], GLASS)
    canvas.blob(
        [(-0.42, 0.36), (-0.42, 0.14), (-0.34, 0.05), (0.34, 0.05), (0.42, 0.14), (0.42, 0.36), (0, 0.39)],
        paint,
        rim,
    )
    canvas.box(-0.18, 0.2, 0.18, 0.29, darker(paint, 0.7))
    canvas.line([(-0.18, 0.245), (0.18, 0.245)], 0.015, (200, 200, 204))
    for x in (-0.3, 0.3):
        canvas.ellipse(x, 0.2, 0.075, 0.065, LIGHT, rim)
        canvas.ellipse(x * 1.3, 0.02, 0.05, 0.03, paint, rim)
    canvas.box(-0.1, 0.31, 0.1, 0.36, WHITE, BLACK)


def _gable(canvas: Canvas, left: float, right: float, top: float, foot: float, roof: Colour) -> None:
    canvas.polygon([(left, foot), ((left + right) / 2, top), (right, foot)], roof, darker(roof, 0.5))


def _pane(canvas: Canvas, x: float, y: float, half: float, colour: Colour) -> None:
    canvas.box(x - half, y - half, x + half, y + half, colour, BLACK)
    canvas.line([(x - half, y), (x + half, y)], 0.015, WHITE)
    canvas.line([(x, y - half), (x, y + half)], 0.015, WHITE)


def house(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A house with one roof, or with two gables that look like ears."""
    walls = dice.colour(PAINTS, scene.backdrop)
    roof, door, pane = dice.colour(PAINTS, walls), dice.colour(PAINTS, walls), dice.pick((GLASS, LIGHT))
    half = dice.between(0.3, 0.4)
    shadow(canvas, scene.ground, 0.0, half + 0.06)
    if dice.chance(0.65):
        canvas.box(0.14, -0.36, 0.22, -0.1, darker(roof, 0.2), BLACK)
        canvas.box(-half, -0.06, half, GROUND, walls, darker(walls, 0.5))
        _gable(canvas, -half - 0.07, half + 0.07, dice.between(-0.45, -0.34), -0.04, roof)
        canvas.ellipse(0, -0.14, 0.05, 0.05, pane, BLACK)
        for x in (-half * 0.58, half * 0.58):
            _pane(canvas, x, 0.12, 0.075, pane)
    else:
        canvas.box(-half, -0.16, half, GROUND, walls, darker(walls, 0.5))
        for side in (-1, 1):
            middle = side * half * 0.62
            _gable(canvas, middle - half * 0.46, middle + half * 0.46, -0.45, -0.14, roof)
            _pane(canvas, middle, 0.02, 0.075, pane)
    canvas.box(-0.07, 0.18, 0.07, GROUND, door, BLACK)
    canvas.ellipse(0.04, 0.32, 0.014, 0.014, LIGHT)


def tree(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A round tree, a fir, or indoors a plant in a pot."""
    leaves = dice.colour(LEAVES, scene.backdrop, 36.0)
    rim, light = darker(leaves, 0.4), lighter(leaves, 0.25)
    kind = "pot" if scene.outdoors is False else dice.pick(("round", "fir", "round", "pot"))
    shadow(canvas, scene.ground, 0.0, 0.24)
    if kind == "fir":
        canvas.box(-0.05, 0.3, 0.05, GROUND, BARK, darker(BARK))
        for top, foot, half in ((-0.02, 0.36, 0.34), (-0.24, 0.14, 0.27), (-0.46, -0.08, 0.2)):
            canvas.polygon([(-half, foot), (0, top), (half, foot)], leaves, rim)
            canvas.polygon([(-half * 0.7, foot - 0.03), (0, top + 0.04), (-half * 0.1, foot - 0.03)], light)
    elif kind == "round":
        canvas.stroke([(0, -0.1), (0.01, 0.2), (-0.01, 0.44)], 0.1, BARK, darker(BARK))
        for x, y, radius in ((-0.2, 0.0, 0.2), (0.2, 0.0, 0.2), (0.0, -0.2, 0.27), (0.0, 0.02, 0.2)):
            canvas.ellipse(x, y, radius, radius * 0.9, leaves, rim)
        canvas.ellipse(0, -0.06, 0.27, 0.2, leaves)
        for _ in range(5):
            x, y = dice.between(-0.26, 0.26), dice.between(-0.3, 0.08)
            canvas.ellipse(x, y, 0.045, 0.04, dice.pick((light, light, PAINTS[0], PAINTS[1])))
    else:
        pot = dice.colour(PAINTS, scene.backdrop)
        for angle in np.linspace(-1.25, 1.25, 7):
            angle = float(angle) + dice.between(-0.12, 0.12)
            reach = dice.between(0.5, 0.66)
            x, y = np.sin(angle) * reach * 0.62, 0.16 - np.cos(angle) * reach
            canvas.ellipse(x * 0.6, (y + 0.16) / 2, 0.06, reach * 0.46, leaves, rim, angle=angle)
        canvas.polygon([(-0.18, 0.14), (0.18, 0.14), (0.13, 0.46), (-0.13, 0.46)], pot, darker(pot, 0.5))
        canvas.box(-0.2, 0.11, 0.2, 0.19, lighter(pot, 0.2), darker(pot, 0.5))


def _beach_ball(disc: Canvas, dice: Dice, paint: Colour) -> None:
    other = dice.colour(PAINTS, paint)
    for k in range(6):
        rays = [k * np.pi / 3, (k + 1) * np.pi / 3]
        disc.polygon([(0, -0.25), *((1.6 * np.sin(a), 1.6 * np.cos(a)) for a in rays)], (paint, WHITE, other)[k % 3])
    disc.ellipse(0, -0.25, 0.16, 0.16, WHITE, darker(WHITE))


def _football(disc: Canvas, dice: Dice, paint: Colour) -> None:
    fifths = np.arange(5) * 2 * np.pi / 5
    pentagon = np.stack([np.sin(fifths), np.cos(fifths)], axis=1)
    disc.polygon(pentagon * 0.32, BLACK)
    for angle, (x, y) in zip(fifths, pentagon, strict=True):
        disc.line([(0, 0), (x * 0.6, y * 0.6)], 0.05, BLACK)
        disc.at(x * 0.86, y * 0.86, 0.32, angle=-angle).polygon(-pentagon, BLACK)


def _basketball(disc: Canvas, dice: Dice, paint: Colour) -> None:
    seam = darker(paint, 0.55)
    disc.line([(-1, 0), (1, 0)], 0.07, seam)
    disc.line([(0, -1), (0, 1)], 0.07, seam)
    for side in (-1, 1):
        disc.curve([(side * 0.8, -0.9), (side * 0.38, 0), (side * 0.8, 0.9)], 0.07, seam)


def _yarn(disc: Canvas, dice: Dice, paint: Colour) -> None:
    for k in range(9):  # three layers of three strands
        layer = disc.at(0, 0, angle=(k // 3) * 2.1)
        bend = -0.75 + 0.28 * (k % 3)
        shade = (darker(paint, 0.55), lighter(paint, 0.35))[k % 2]
        layer.curve([(-1.0, bend + 0.2), (0, bend), (1.0, bend + 0.2)], 0.09, shade)


def ball(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A beach ball, a football, a basketball or a ball of yarn."""
    pattern = dice.pick((_beach_ball, _football, _basketball, _yarn))
    paint = dice.colour(PAINTS, scene.backdrop)
    skin = WHITE if pattern is _football else paint
    radius = dice.between(0.28, 0.4)
    y = GROUND - radius
    shadow(canvas, scene.ground, 0.02, radius * 0.9)
    if pattern is _yarn:  # its loose end
        canvas.curve([(0, GROUND), (radius, GROUND - 0.02), (0.36, 0.49), (0.5, 0.46)], 0.025, paint)
    outline = oval(0, y, radius, radius)
    canvas.polygon(outline, skin)
    with canvas.inside(outline):
        pattern(canvas.at(0, y, radius, angle=dice.between(0, 2 * np.pi)), dice, paint)
    canvas.ring(outline, darker(skin, 0.55))
    canvas.ellipse(-radius * 0.4, y - radius * 0.45, radius * 0.16, radius * 0.12, lighter(skin, 0.7), angle=-0.7)


def _sofa(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    cloth = dice.colour(PAINTS, scene.backdrop)
    rim = darker(cloth, 0.5)
    shadow(canvas, scene.ground, 0.0, 0.5)
    for x in (-0.36, 0.36):
        canvas.box(x - 0.03, 0.38, x + 0.03, 0.46, BARK)
    canvas.blob([(-0.4, 0.3), (-0.4, -0.08), (-0.3, -0.14), (0.3, -0.14), (0.4, -0.08), (0.4, 0.3)], cloth, rim)
    for side in (-1, 1):
        canvas.ellipse(side * 0.43, 0.14, 0.08, 0.1, cloth, rim)
        canvas.box(side * 0.43 - 0.07, 0.14, side * 0.43 + 0.07, 0.4, cloth, rim)
    canvas.box(-0.36, 0.16, 0.36, 0.38, lighter(cloth, 0.15), rim)
    canvas.line([(0, 0.16), (0, 0.38)], 0.015, rim)
    cushion = dice.colour(PAINTS, cloth)
    canvas.at(-0.22, 0.06, angle=0.5).box(-0.1, -0.1, 0.1, 0.1, cushion, darker(cushion, 0.4))


def _boat(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    hull, sail = dice.colour(PAINTS, scene.backdrop), dice.tinted(WHITE)
    canvas.ellipse(0, 0.38, 0.48, 0.07, (84, 150, 180), (60, 120, 160))
    canvas.line([(0, -0.42), (0, 0.24)], 0.025, BARK)
    canvas.polygon([(-0.03, -0.38), (-0.03, 0.18), (-0.34, 0.18)], sail, darker(sail, 0.4))
    canvas.polygon([(0.03, -0.3), (0.03, 0.18), (0.26, 0.18)], dice.colour(PAINTS, sail), darker(sail, 0.4))
    canvas.polygon([(-0.42, 0.22), (0.42, 0.22), (0.28, 0.38), (-0.28, 0.38)], hull, darker(hull, 0.5))


def _mountains(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    rock = dice.colour(((120, 124, 140), (134, 116, 108), (96, 112, 126)), scene.backdrop)
    for x, top, half in ((-0.24, -0.26, 0.4), (0.26, -0.4, 0.46)):
        canvas.polygon([(x - half, 0.3), (x, top), (x + half, 0.3)], rock, darker(rock, 0.3))
        canvas.polygon(
            [
                (x - half * 0.3, top + 0.2),
                (x, top),
                (x + half * 0.3, top + 0.2),
                (x + half * 0.1, top + 0.15),
                (x, top + 0.22),
                (x - half * 0.14, top + 0.15),
            ],
            WHITE,
        )
    canvas.ellipse(0, 0.42, 1.0, 0.16, scene.ground)


def place(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """The scene alone, or with a sofa, a boat or mountains."""
    if dice.chance(0.25):
        return
    options = {True: (_mountains, _boat), False: (_sofa,), None: (_sofa, _boat)}
    dice.pick(options[scene.outdoors])(canvas, dice, scene)
