"""Dogs, rabbits, foxes and mice; foxes and mice have something of a cat on purpose."""

from .anatomy import (
    eyes,
    loaf,
    mouth,
    oval_patch,
    pointed_ears,
    seated_front,
    seated_side,
    shadow,
    tail,
    walking,
    whiskers,
)
from .canvas import Canvas, oval
from .coat import Coat, plain, random_coat
from .palette import BLACK, FURS, PAINTS, PINK, WHITE, Dice, darker, lighter
from .scenes import Scene

DOG_HEAD = oval(0, -0.05, 0.82, 0.86)


def _dog_head(canvas: Canvas, dice: Dice, coat: Coat, *, turn: float = 0.0) -> None:
    pricked = dice.chance(0.2)
    if pricked:
        pointed_ears(canvas, coat.ends, coat.rim, darker(coat.ends, 0.3), height=1.4, width=0.6)
    canvas.polygon(DOG_HEAD, coat.fur, coat.rim)
    if coat.marking == "patches":
        oval_patch(canvas, DOG_HEAD, 0.5, -0.3, 0.45, 0.5, coat.mark)
    elif coat.marking == "tuxedo":
        oval_patch(canvas, DOG_HEAD, turn * 0.7, -0.2, 0.16, 0.9, coat.light)
    if not pricked:
        flap = coat.mark if coat.marking != "tuxedo" else darker(coat.fur, 0.2)
        for side in (-1, 1):
            ear = [(0.5, -0.86), (0.86, -0.82), (1.16, -0.2), (1.14, 0.42), (0.86, 0.5), (0.72, -0.1)]
            canvas.blob([(side * x, y) for x, y in ear], flap, coat.rim)
    eyes(canvas, plain(coat, eye=(96, 62, 40)), x=0.36, y=-0.18, radius=0.17, turn=turn, pupil=0.7)
    snout = turn * 1.5
    if dice.chance(0.6):
        canvas.blob(
            [(snout - 0.15, 0.7), (snout + 0.15, 0.7), (snout + 0.14, 1.08), (snout - 0.14, 1.08)],
            (226, 110, 116),
            darker(PINK, 0.4),
        )
    canvas.ellipse(snout, 0.48, 0.52, 0.42, coat.light, coat.rim)
    canvas.ellipse(snout, 0.26, 0.24, 0.17, BLACK)
    canvas.ellipse(snout - 0.07, 0.21, 0.07, 0.045, lighter(BLACK, 0.5))
    canvas.line([(snout, 0.4), (snout, 0.6)], 0.07, darker(coat.light, 0.75))
    mouth(canvas, darker(coat.light, 0.75), y=0.58, width=0.32, turn=snout)


def dog(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A dog: face, sitting from the front or the side, walking."""
    coat = random_coat(dice, scene.backdrop, ("solid", "solid", "patches", "tuxedo"))
    pose = dice.pick(("face", "front", "side", "walking", "walking"))
    collar = dice.colour(PAINTS, coat.fur)
    if pose == "face":
        canvas.blob([(-0.48, 0.62), (-0.34, 0.28), (0, 0.18), (0.34, 0.28), (0.48, 0.62)], coat.fur, coat.rim)
        canvas.stroke([(-0.3, 0.34), (0, 0.46), (0.3, 0.34)], 0.08, collar, darker(collar))
        _dog_head(canvas.at(0, -0.02, 0.36), dice, coat, turn=dice.between(-0.15, 0.15))
        return
    shadow(canvas, scene.ground, 0.0, 0.34)
    if pose == "front":
        tail(canvas, coat, [(0.16, 0.42), (0.32, 0.36), (0.38, 0.26)], 0.07, 0.5)
        seated_front(canvas, dice, coat, feet=1.15)
        canvas.stroke([(-0.12, 0.0), (0, 0.05), (0.12, 0.0)], 0.045, collar)
        _dog_head(canvas.at(0, -0.22, 0.21), dice, coat, turn=dice.between(-0.2, 0.2))
    elif pose == "side":
        tail(canvas, coat, [(-0.2, 0.4), (-0.36, 0.36), (-0.42, 0.24)], 0.07, 0.5)
        seated_side(canvas, dice, coat)
        canvas.stroke([(0.02, -0.08), (0.12, -0.03), (0.22, -0.06)], 0.045, collar)
        _dog_head(canvas.at(0.12, -0.24, 0.2), dice, coat, turn=dice.between(0.1, 0.3))
    else:
        legs = dice.between(0.8, 1.15)
        rise = 0.27 * (1 - legs)
        tail(canvas, coat, [(-0.28, 0.06 + rise), (-0.38, -0.06 + rise), (-0.36, -0.18 + rise)], 0.065, 0.4)
        walking(canvas, dice, coat, legs=legs)
        canvas.stroke([(0.2, 0.02 + rise), (0.28, 0.08 + rise), (0.36, 0.04 + rise)], 0.045, collar)
        _dog_head(canvas.at(0.28, -0.12 + rise, 0.19), dice, coat, turn=dice.between(0.1, 0.32))


def _rabbit_head(canvas: Canvas, dice: Dice, coat: Coat, *, turn: float = 0.0) -> None:
    lop = dice.between(0.05, 0.3)
    for side in (-1, 1):
        canvas.ellipse(side * (0.34 + lop), -1.45, 0.25, 0.85, coat.ends, coat.rim, angle=side * lop)
        canvas.ellipse(side * (0.34 + lop), -1.4, 0.12, 0.62, PINK, angle=side * lop)
    head = oval(0, 0, 0.86, 0.84)
    canvas.polygon(head, coat.fur, coat.rim)
    if coat.marking == "patches":
        oval_patch(canvas, head, 0.5, -0.2, 0.42, 0.5, coat.mark)
    eyes(canvas, plain(coat, eye=(90, 50, 44)), x=0.46, y=-0.1, radius=0.19, turn=turn, pupil=0.7)
    for side in (-1, 1):
        canvas.ellipse(turn + side * 0.19, 0.4, 0.24, 0.19, coat.light)
    canvas.box(turn - 0.11, 0.48, turn + 0.11, 0.74, WHITE, darker(WHITE, 0.4))
    canvas.ellipse(turn, 0.24, 0.12, 0.08, (220, 120, 124))
    whiskers(canvas, darker(coat.fur, 0.4), y=0.36, length=1.15, turn=turn)


def rabbit(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A rabbit, sitting up or crouching, with long ears and a white tail."""
    coat = random_coat(dice, scene.backdrop, ("solid", "solid", "patches"))
    shadow(canvas, scene.ground, 0.0, 0.34)
    if dice.chance(0.5):
        canvas.ellipse(0.24, 0.36, 0.09, 0.09, WHITE, coat.rim)
        seated_front(canvas, dice, coat, feet=1.5)
        _rabbit_head(canvas.at(0, -0.08, 0.18), dice, coat, turn=dice.between(-0.2, 0.2))
    else:
        canvas.ellipse(-0.4, 0.3, 0.09, 0.09, WHITE, coat.rim)
        loaf(canvas, dice, coat)
        _rabbit_head(canvas.at(0.2, 0.06, 0.18), dice, coat, turn=dice.between(0.0, 0.3))


def _fox_head(canvas: Canvas, coat: Coat, *, turn: float = 0.0) -> None:
    pointed_ears(canvas, coat.fur, coat.rim, BLACK, height=1.5, spread=0.1, width=0.62)
    face = [(0, -0.72), (0.6, -0.6), (0.92, -0.1), (1.28, 0.34), (0.7, 0.55), (turn + 0.22, 0.95)]
    mirrored = [(-x, y) for x, y in face[4:0:-1]]
    canvas.polygon([*face, (turn - 0.22, 0.95), *mirrored], coat.fur, coat.rim)
    for side in (-1, 1):
        canvas.polygon(
            [
                (turn * 0.6, 0.2),
                (side * 0.7, 0.08),
                (side * 1.22, 0.35),
                (side * 0.68, 0.52),
                (turn + side * 0.18, 0.9),
            ],
            WHITE,
        )
    canvas.polygon([(turn - 0.3, 0.0), (turn + 0.3, 0.0), (turn + 0.13, 0.85), (turn - 0.13, 0.85)], coat.fur)
    eyes(canvas, plain(coat, eye=(210, 150, 60)), x=0.42, y=-0.04, radius=0.16, turn=turn * 0.7, pupil=0.6)
    canvas.ellipse(turn, 0.86, 0.17, 0.13, BLACK)


def fox(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A fox: pointed ears and snout, white cheeks, a bushy tail with a white tip."""
    fur = dice.tinted(dice.pick((FURS[0], FURS[0], FURS[7], FURS[2])))
    coat = Coat(fur, darker(fur, 0.55), WHITE, (70, 48, 42), "points", (210, 150, 60), BLACK)
    pose = dice.pick(("face", "front", "walking"))
    if pose == "face":
        canvas.blob([(-0.46, 0.62), (-0.3, 0.26), (0, 0.16), (0.3, 0.26), (0.46, 0.62)], fur, coat.rim)
        canvas.blob([(-0.2, 0.24), (0.2, 0.24), (0.1, 0.62), (-0.1, 0.62)], WHITE)
        _fox_head(canvas.at(0, 0.0, 0.34), coat, turn=dice.between(-0.12, 0.12))
        return
    shadow(canvas, scene.ground, 0.0, 0.36)
    brush = [(0.12, 0.4), (0.32, 0.42), (0.4, 0.28), (0.36, 0.08)]
    if pose == "walking":
        brush = [(-0.26, 0.08), (-0.38, 0.14), (-0.44, 0.26), (-0.42, 0.38)]
    canvas.stroke(brush, 0.12, fur, coat.rim, end=1.3)
    canvas.ellipse(brush[-1][0], brush[-1][1], 0.085, 0.085, WHITE)
    if pose == "walking":
        walking(canvas, dice, plain(coat), legs=0.9)
        _fox_head(canvas.at(0.28, -0.06, 0.17), coat, turn=dice.between(0.0, 0.2))
    else:
        seated_front(canvas, dice, coat, width=0.9)
        _fox_head(canvas.at(0, -0.2, 0.19), coat, turn=dice.between(-0.15, 0.15))


def mouse(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A mouse: large round ears, whiskers, a long bare tail, often a piece of cheese."""
    coat = random_coat(dice, scene.backdrop, ("solid",))
    shadow(canvas, scene.ground, 0.0, 0.34)
    canvas.stroke(
        [(-0.2, 0.4), (-0.42, 0.42), (-0.46, 0.2), (-0.34, 0.04), (-0.42, -0.12)],
        0.035,
        PINK,
        darker(PINK),
        end=0.5,
    )
    canvas.blob(
        [(0.08, -0.08), (0.26, 0.16), (0.28, 0.4), (0, 0.46), (-0.26, 0.42), (-0.28, 0.2), (-0.1, -0.06)],
        coat.fur,
        coat.rim,
    )
    canvas.ellipse(0.02, 0.28, 0.15, 0.15, coat.chest)
    head = canvas.at(0.02, -0.12, 0.21)
    for side in (-1, 1):
        canvas.ellipse(side * 0.13 + 0.02, 0.43, 0.07, 0.03, PINK, coat.rim)
        head.ellipse(side * 0.88, -0.78, 0.66, 0.66, coat.fur, coat.rim)
        head.ellipse(side * 0.88, -0.78, 0.42, 0.42, PINK)
    head.blob(
        [
            (0, -0.85),
            (0.72, -0.5),
            (0.74, 0.1),
            (0.3, 0.66),
            (0, 0.82),
            (-0.3, 0.66),
            (-0.74, 0.1),
            (-0.72, -0.5),
        ],
        coat.fur,
        coat.rim,
    )
    eyes(head, plain(coat, eye=BLACK), x=0.34, y=-0.1, radius=0.16, pupil=0.9)
    whiskers(head, darker(coat.fur, 0.5), y=0.5, length=1.2)
    head.ellipse(0, 0.74, 0.15, 0.13, (226, 110, 120))
    if dice.chance(0.5):
        canvas.polygon([(0.2, 0.45), (0.46, 0.45), (0.46, 0.3)], PAINTS[2], darker(PAINTS[2]))
        canvas.ellipse(0.39, 0.4, 0.022, 0.022, darker(PAINTS[2]))
