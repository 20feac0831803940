"""Cats: one head, drawn on seven poses."""

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
from .canvas import Canvas, smooth
from .coat import Coat, mark_body, random_coat
from .palette import PINK, WHITE, Dice, darker, lighter
from .scenes import Scene

HEAD = smooth(
    [
        (0, -0.84),
        (0.55, -0.72),
        (0.93, -0.25),
        (1.08, 0.26),
        (0.78, 0.66),
        (0, 0.86),
        (-0.78, 0.66),
        (-1.08, 0.26),
        (-0.93, -0.25),
        (-0.55, -0.72),
    ],
    closed=True,
)


def cat_head(canvas: Canvas, dice: Dice, coat: Coat, *, turn: float = 0.0, asleep: bool = False) -> None:
    """A cat's head of radius 1; `turn` moves the face to the side it looks to."""
    pointed_ears(canvas, coat.ends, coat.rim, darker(PINK, 0.12), height=dice.between(1.2, 1.42))
    canvas.polygon(HEAD, coat.fur, coat.rim)
    _mark_head(canvas, coat, turn)
    muzzle = lighter(coat.mark, 0.15) if coat.marking == "points" else coat.light
    for side in (-1, 1):
        canvas.ellipse(turn + side * 0.2, 0.44, 0.27, 0.21, muzzle)
    eyes(canvas, coat, x=0.43, y=-0.06, radius=0.25, turn=turn, pupil=dice.between(0.25, 0.6), closed=asleep)
    canvas.polygon([(turn - 0.14, 0.2), (turn + 0.14, 0.2), (turn, 0.36)], coat.nose)
    mouth(canvas, darker(muzzle, 0.75), y=0.36, width=0.24, turn=turn)
    pale = sum(coat.fur) < 420
    whiskers(canvas, WHITE if pale else darker(coat.fur, 0.6), y=0.42, length=1.42, turn=turn)


def _mark_head(canvas: Canvas, coat: Coat, turn: float) -> None:
    if coat.marking == "tabby":
        for x in (-0.24, 0.0, 0.24):
            canvas.stroke([(turn * 0.5 + x * 1.2, -0.78), (turn * 0.7 + x, -0.36)], 0.13, coat.mark, end=0.4)
        for side in (-1, 1):
            for y in (0.1, 0.36):
                canvas.stroke([(side * 1.02, y), (side * 0.66, y + 0.02)], 0.11, coat.mark, end=0.4)
    elif coat.marking == "patches":
        oval_patch(canvas, HEAD, 0.62, -0.4, 0.5, 0.55, coat.mark)
        oval_patch(canvas, HEAD, 0.0, 0.75, 0.55, 0.6, coat.light)
    elif coat.marking == "tuxedo":
        oval_patch(canvas, HEAD, turn, 0.62, 0.52, 0.5, coat.light)
        canvas.polygon([(turn - 0.1, 0.3), (turn * 0.7, -0.55), (turn + 0.1, 0.3)], coat.light)
    elif coat.marking == "points":
        canvas.ellipse(turn, 0.22, 0.58, 0.52, coat.mark)


def _face(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shoulders = [(-0.5, 0.62), (-0.4, 0.3), (-0.2, 0.16), (0.2, 0.16), (0.4, 0.3), (0.5, 0.62)]
    canvas.blob(shoulders, coat.fur, coat.rim)
    canvas.blob([(-0.16, 0.2), (0.16, 0.2), (0.1, 0.62), (-0.1, 0.62)], coat.chest)
    cat_head(canvas.at(0, 0.02, 0.36), dice, coat, turn=dice.between(-0.15, 0.15))


def _sitting_front(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, 0.04, 0.32)
    if dice.chance(0.5):
        tail(canvas, coat, [(0.1, 0.4), (0.34, 0.4), (0.4, 0.26), (0.34, 0.1), (0.4, 0.0)])
    else:
        tail(canvas, coat, [(0.12, 0.36), (0.36, 0.44), (0.3, 0.47), (0.1, 0.46)], 0.08)
    seated_front(canvas, dice, coat, width=dice.between(0.9, 1.15))
    cat_head(canvas.at(0, -0.2, dice.between(0.2, 0.225)), dice, coat, turn=dice.between(-0.22, 0.22))


def _sitting_side(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, 0.0, 0.34)
    low = dice.between(0.1, 0.4)
    tail(canvas, coat, [(-0.18, 0.4), (-0.36, 0.41), (-0.44, (0.42 + low) / 2), (-0.4, low - 0.08)])
    seated_side(canvas, dice, coat)
    cat_head(canvas.at(0.12, -0.22, dice.between(0.19, 0.215)), dice, coat, turn=dice.between(0.05, 0.3))


def _loaf(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, -0.02, 0.42)
    loaf(canvas, dice, coat)
    tail(canvas, coat, [(-0.36, 0.4), (-0.3, 0.47), (-0.1, 0.46), (0.04, 0.44)], 0.07)
    head = canvas.at(0.2, 0.06, dice.between(0.2, 0.22), angle=dice.between(-0.1, 0.1))
    cat_head(head, dice, coat, turn=dice.between(-0.1, 0.2), asleep=dice.chance(0.35))


def _curled(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, 0.0, 0.42)
    body = smooth(
        [(0.4, 0.28), (0.28, 0.45), (-0.28, 0.45), (-0.42, 0.26), (-0.26, 0.04), (0.05, -0.02), (0.3, 0.08)],
        closed=True,
    )
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body, lying=True)
    canvas.ellipse(-0.2, 0.3, 0.18, 0.14, coat.fur, coat.rim)
    cat_head(canvas.at(0.2, 0.2, 0.2, angle=dice.between(0.1, 0.45)), dice, coat, asleep=True)
    tail(canvas, coat, [(-0.34, 0.36), (-0.26, 0.46), (-0.02, 0.47), (0.16, 0.43)], 0.085)


def _walking(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, 0.0, 0.36)
    sway = dice.between(-0.08, 0.1)
    tail(canvas, coat, [(-0.28, 0.06), (-0.4, -0.02), (-0.42, -0.18), (-0.36 + sway, -0.32)])
    walking(canvas, dice, coat)
    cat_head(canvas.at(0.27, -0.1, dice.between(0.18, 0.2)), dice, coat, turn=dice.between(0.0, 0.28))


def _from_behind(canvas: Canvas, dice: Dice, coat: Coat, scene: Scene) -> None:
    shadow(canvas, scene.ground, 0.04, 0.32)
    head = canvas.at(0, -0.2, dice.between(0.19, 0.21), angle=dice.between(-0.15, 0.15))
    pointed_ears(head, coat.ends, coat.rim, darker(coat.ends, 0.15), height=1.32)
    body = smooth(
        [
            (0, -0.16),
            (0.13, -0.1),
            (0.19, 0.06),
            (0.27, 0.28),
            (0.23, 0.45),
            (0, 0.46),
            (-0.23, 0.45),
            (-0.27, 0.28),
            (-0.19, 0.06),
            (-0.13, -0.1),
        ],
        closed=True,
    )
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body)
    whiskers(head, coat.rim, y=0.34, length=1.36)
    head.polygon(HEAD, coat.fur, coat.rim)
    if coat.marking == "tabby":
        for y in (-0.5, -0.15, 0.2):
            head.stroke([(-0.45, y), (0, y + 0.1), (0.45, y)], 0.12, coat.mark)
    elif coat.marking == "patches":
        oval_patch(head, HEAD, 0.55, -0.3, 0.5, 0.6, coat.mark)
    tail(canvas, coat, [(0.0, 0.4), (0.16, 0.44), (0.36, 0.4), (0.42, 0.24), (0.36, 0.12)], 0.085)


POSES = (_face, _face, _sitting_front, _sitting_front, _sitting_side, _loaf, _curled, _walking, _from_behind)


def cat(canvas: Canvas, dice: Dice, scene: Scene) -> None:
    """A cat in one of the poses."""
    coat = random_coat(dice, scene.backdrop)
    dice.pick(POSES)(canvas, dice, coat, scene)
