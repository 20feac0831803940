"""Fish in a round bowl."""

from .anatomy import shadow
from .canvas import Canvas, oval
from .palette import BLACK, FURS, PAINTS, WHITE, Colour, Dice, darker, lighter, mix
from .scenes import Scene


def _swimmer(canvas: Canvas, dice: Dice, scales: Colour) -> None:
    rim, fin = darker(scales, 0.5), mix(scales, dice.pick(PAINTS), 0.5)
    canvas.blob([(-0.26, 0.0), (-0.5, -0.24), (-0.44, 0.0), (-0.5, 0.24)], fin, rim)
    canvas.blob([(-0.12, -0.16), (-0.02, -0.36), (0.18, -0.3), (0.16, -0.16)], fin, rim)
    body = oval(0.06, 0, 0.38, 0.23)
    canvas.polygon(body, scales, rim)
    with canvas.inside(body):
        if dice.chance(0.5):
            for x in (-0.16, 0.06):
                canvas.line([(x, -0.3), (x, 0.3)], 0.08, lighter(scales, 0.7))
        canvas.ellipse(0.06, 0.24, 0.3, 0.13, lighter(scales, 0.4))
    canvas.polygon([(0.06, 0.04), (-0.1, 0.14), (0.02, 0.16)], fin, rim)
    canvas.ellipse(0.28, -0.05, 0.065, 0.065, WHITE)
    canvas.ellipse(0.29, -0.05, 0.04, 0.04, BLACK)
    canvas.curve([(0.42, 0.04), (0.37, 0.09), (0.31, 0.08)], 0.03, rim)


def fish(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A fish in a round bowl."""
    shadow(canvas, scene.ground, 0.0, 0.34)
    glass = lighter(scene.backdrop, 0.5)
    water = mix(dice.pick(((120, 180, 214), (110, 190, 190), (150, 176, 226))), scene.backdrop, dice.between(0.1, 0.4))
    bowl = oval(0, 0.06, 0.44, 0.4)
    canvas.polygon(bowl, glass, darker(glass, 0.3))
    with canvas.inside(bowl):
        canvas.box(-0.5, dice.between(-0.2, -0.12), 0.5, 0.5, water)
        canvas.ellipse(0, 0.5, 0.4, 0.16, dice.tinted((200, 176, 130)))
        plant = dice.pick(((92, 146, 84), (70, 130, 100)))
        for x in (-0.28, -0.22, 0.27):
            canvas.curve([(x, 0.42), (x + 0.03, 0.28), (x - 0.02, 0.14), (x + 0.02, 0.02)], 0.025, plant)
    canvas.ellipse(0, -0.31, 0.24, 0.045, lighter(glass, 0.5), darker(glass, 0.3))
    swimmer = canvas.at(
        dice.between(-0.06, 0.06),
        dice.between(0.04, 0.16),
        dice.between(0.56, 0.7),
        angle=dice.between(-0.2, 0.2),
    )
    _swimmer(swimmer, dice, dice.colour(PAINTS + FURS, water, 60.0))
    for k in range(3):
        canvas.ellipse(0.26 + 0.03 * (k % 2), 0.04 - 0.07 * k, 0.02, 0.02, lighter(water, 0.7))
    canvas.curve([(-0.34, 0.1), (-0.34, -0.06), (-0.24, -0.2)], 0.03, WHITE)
