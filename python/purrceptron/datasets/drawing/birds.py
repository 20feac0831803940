"""Birds; the owl has tufts like a cat's ears and large eyes on purpose."""

from .anatomy import eyes, shadow
from .canvas import Canvas, smooth
from .coat import plain, random_coat
from .palette import BLACK, FURS, PAINTS, WHITE, Colour, Dice, darker, lighter
from .scenes import Scene

BARK: Colour = (116, 84, 60)


def owl(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """An owl on a branch, with tufts like a cat's ears and large eyes."""
    coat = random_coat(dice, scene.backdrop, ("solid",))
    canvas.stroke([(-0.6, 0.42), (0, 0.38), (0.6, 0.43)], 0.07, BARK, darker(BARK))
    body = smooth(
        [
            (0, -0.36),
            (0.22, -0.28),
            (0.28, 0.0),
            (0.2, 0.34),
            (0, 0.42),
            (-0.2, 0.34),
            (-0.28, 0.0),
            (-0.22, -0.28),
        ],
        closed=True,
    )
    for side in (-1, 1):
        canvas.polygon([(side * 0.06, -0.32), (side * 0.26, -0.46), (side * 0.25, -0.2)], coat.mark, coat.rim)
    canvas.polygon(body, coat.fur, coat.rim)
    canvas.ellipse(0, 0.16, 0.17, 0.22, coat.light)
    for row in range(3):
        for column in range(3 - row % 2):
            x = (column - 1 + 0.5 * (row % 2)) * 0.1
            canvas.polygon(
                [(x - 0.03, 0.06 + row * 0.09), (x + 0.03, 0.06 + row * 0.09), (x, 0.11 + row * 0.09)],
                coat.mark,
            )
    for side in (-1, 1):
        canvas.blob(
            [(side * 0.24, -0.06), (side * 0.31, 0.12), (side * 0.2, 0.36), (side * 0.16, 0.1)],
            coat.mark,
            coat.rim,
        )
        canvas.ellipse(side * 0.11, -0.15, 0.125, 0.125, lighter(coat.fur, 0.6))
        for toe in (-0.025, 0.025):
            canvas.ellipse(side * 0.08 + toe, 0.395, 0.02, 0.04, PAINTS[1])
    eyes(canvas, plain(coat, eye=(240, 180, 50)), x=0.11, y=-0.15, radius=0.08, pupil=0.6)
    canvas.polygon([(-0.04, -0.1), (0.04, -0.1), (0, 0.0)], (236, 170, 60), BLACK)


def bird(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A small bird in profile, on a branch or on the ground."""
    feathers = dice.colour(PAINTS + FURS, scene.backdrop)
    wing, belly, rim = darker(feathers, 0.3), lighter(dice.pick(PAINTS), 0.3), darker(feathers, 0.6)
    if scene.outdoors is not False and dice.chance(0.6):
        canvas.stroke([(-0.6, 0.46), (0, 0.44), (0.6, 0.42)], 0.06, BARK, darker(BARK))
    else:
        shadow(canvas, scene.ground, 0.0, 0.26)
    for x in (-0.04, 0.07):
        canvas.line([(x, 0.26), (x + 0.02, 0.43)], 0.025, (210, 130, 50))
        canvas.line([(x - 0.03, 0.44), (x + 0.07, 0.43)], 0.025, (210, 130, 50))
    canvas.polygon([(-0.2, 0.12), (-0.48, 0.3), (-0.42, 0.36), (-0.14, 0.26)], wing, rim)
    body = smooth(
        [
            (0.1, -0.34),
            (0.26, -0.24),
            (0.28, -0.04),
            (0.26, 0.14),
            (0.08, 0.32),
            (-0.16, 0.28),
            (-0.28, 0.14),
            (-0.12, -0.02),
            (-0.06, -0.22),
        ],
        closed=True,
    )
    canvas.polygon(body, feathers, rim)
    with canvas.inside(body):
        canvas.ellipse(0.2, 0.16, 0.16, 0.22, belly)
    canvas.blob([(0.02, 0.02), (0.0, 0.18), (-0.16, 0.24), (-0.36, 0.24), (-0.18, 0.06)], wing, rim)
    canvas.polygon([(0.25, -0.22), (0.42, -0.15), (0.25, -0.1)], (240, 170, 50), (150, 96, 40))
    canvas.ellipse(0.15, -0.19, 0.042, 0.042, WHITE)
    canvas.ellipse(0.16, -0.19, 0.03, 0.03, BLACK)
