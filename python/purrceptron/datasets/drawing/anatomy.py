"""What animals share: eyes, ears, whiskers, mouth and tail, and bodies in four poses."""

from .canvas import Canvas, Path, oval, smooth
from .coat import Coat, mark_body
from .palette import BLACK, WHITE, Colour, Dice, darker, lighter

GROUND = 0.45  # y of the ground under a body

# -- heads: radius 1 around (0, 0) --


def pointed_ears(
    canvas: Canvas,
    fur: Colour,
    rim: Colour,
    inner: Colour,
    *,
    height: float,
    spread: float = 0.0,
    width: float = 0.68,
) -> None:
    """Two triangular ears on a head of radius 1, their tips at y = -height."""
    for side in (-1, 1):
        outer, tip, near = (
            (side * 0.95, -0.2),
            (side * (0.78 + spread), -height),
            (side * (0.92 - width), -0.72),
        )
        bend = (side * (0.98 + spread * 0.6), -0.2 - (height - 0.2) * 0.55)
        canvas.polygon([outer, bend, tip, near], fur, rim)
        middle = (side * 0.66, -0.55)
        canvas.polygon([_toward(p, middle, 0.42) for p in (outer, bend, tip, near)], inner)


def _toward(point: tuple[float, float], goal: tuple[float, float], share: float) -> tuple[float, float]:
    return (point[0] + (goal[0] - point[0]) * share, point[1] + (goal[1] - point[1]) * share)


def eyes(
    canvas: Canvas,
    coat: Coat,
    *,
    x: float,
    y: float,
    radius: float,
    turn: float = 0.0,
    pupil: float = 0.5,
    closed: bool = False,
) -> None:
    """A pair of eyes at (turn - x, y) and (turn + x, y); `pupil` is its width as a share of the eye."""
    ink = BLACK if sum(coat.fur) > 300 else (12, 10, 12)
    for side in (-1, 1):
        cx = turn + side * x
        if closed:
            arc = [(cx - radius, y), (cx, y + radius * 0.55), (cx + radius, y)]
            canvas.curve(arc, 0.11, ink if sum(coat.fur) > 300 else lighter(coat.fur, 0.5))
            continue
        canvas.ellipse(cx, y, radius * 1.12, radius * 1.12, ink)
        canvas.ellipse(cx, y, radius * 0.92, radius * 0.92, coat.eye)
        canvas.ellipse(cx, y, radius * pupil, radius * 0.84, ink)
        canvas.ellipse(cx + radius * 0.3, y - radius * 0.36, radius * 0.26, radius * 0.26, WHITE)


def whiskers(canvas: Canvas, colour: Colour, *, y: float, length: float, turn: float = 0.0) -> None:
    """Three whiskers on each cheek."""
    for side in (-1, 1):
        for k in (-1, 0, 1):
            start = (turn + side * 0.36, y + 0.07 * k)
            canvas.line([start, (turn * 0.6 + side * length, y - 0.06 + 0.22 * k)], 0.035, colour)


def mouth(canvas: Canvas, colour: Colour, *, y: float, width: float, turn: float = 0.0) -> None:
    """The curved lines under a nose whose lower end is at y."""
    for side in (-1, 1):
        canvas.curve(
            [(turn, y), (turn + side * width * 0.4, y + width * 0.5), (turn + side * width, y + width * 0.3)],
            0.06,
            colour,
        )


# -- bodies: a box of -0.5..0.5 with the ground at GROUND --


def shadow(canvas: Canvas, ground: Colour, x: float, width: float) -> None:
    """The soft shadow of something that stands on the ground."""
    canvas.ellipse(x, GROUND + 0.005, width, 0.045, darker(ground, 0.28))


def tail(canvas: Canvas, coat: Coat, path: Path, width: float = 0.075, end: float = 0.75) -> None:
    """A tail along a path, ringed when the coat is striped."""
    canvas.stroke(path, width, coat.ends, coat.rim, end=end)
    if coat.marking == "tabby":
        middle = smooth(path, closed=False)
        for k in range(3):
            at = middle[int(len(middle) * (0.4 + 0.2 * k))]
            canvas.ellipse(at[0], at[1], width * 0.4, width * 0.3, coat.mark)


def seated_front(canvas: Canvas, dice: Dice, coat: Coat, *, width: float = 1.0, feet: float = 1.0) -> None:
    """A body that sits facing the viewer; the head belongs at about (0, -0.2)."""
    half = [(0.0, -0.12), (0.12, -0.08), (0.16, 0.06), (0.23, 0.24), (0.26, 0.38), (0.17, 0.46), (0.0, 0.46)]
    body = smooth([(x * width, y) for x, y in half] + [(-x * width, y) for x, y in half[-2:0:-1]], closed=True)
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body)
    canvas.blob([(0, -0.06), (0.085, 0.02), (0.07, 0.2), (0, 0.28), (-0.07, 0.2), (-0.085, 0.02)], coat.chest)
    for side in (-1, 1):
        canvas.ellipse(side * 0.2 * width, 0.425, 0.085 * feet, 0.045, coat.paws, coat.rim)
    for side in (-1, 1):
        canvas.stroke([(side * 0.075, 0.12), (side * 0.07, 0.42)], 0.085, coat.fur, coat.rim)
        canvas.ellipse(side * 0.075, 0.43, 0.062, 0.042, coat.paws, coat.rim)


def seated_side(canvas: Canvas, dice: Dice, coat: Coat) -> None:
    """A body that sits in profile, facing right; the head belongs at about (0.12, -0.22)."""
    body = smooth(
        [
            (0.06, -0.2),
            (0.2, -0.1),
            (0.2, 0.1),
            (0.14, 0.3),
            (0.1, 0.45),
            (-0.18, 0.46),
            (-0.28, 0.34),
            (-0.24, 0.12),
            (-0.1, -0.08),
        ],
        closed=True,
    )
    canvas.stroke([(0.1, 0.1), (0.12, 0.42)], 0.085, darker(coat.fur, 0.18), coat.rim)
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body)
    canvas.blob([(0.12, -0.06), (0.19, -0.02), (0.18, 0.1), (0.13, 0.2), (0.1, 0.08)], coat.chest)
    canvas.stroke([(0.15, 0.06), (0.16, 0.25), (0.165, 0.42)], 0.085, coat.fur, coat.rim)
    canvas.ellipse(0.19, 0.43, 0.065, 0.038, coat.paws, coat.rim)
    canvas.ellipse(-0.12, 0.31, 0.13, 0.14, coat.fur, coat.rim)
    canvas.ellipse(-0.03, 0.435, 0.1, 0.038, coat.paws, coat.rim)


def loaf(canvas: Canvas, dice: Dice, coat: Coat) -> None:
    """A body that lies with its legs tucked in, facing right; the head belongs at about (0.2, 0.02)."""
    body = smooth(
        [
            (0.3, 0.12),
            (0.36, 0.34),
            (0.3, 0.45),
            (0, 0.46),
            (-0.34, 0.45),
            (-0.43, 0.32),
            (-0.34, 0.12),
            (-0.1, 0.02),
            (0.12, 0.04),
        ],
        closed=True,
    )
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body, lying=True)
    canvas.ellipse(-0.22, 0.34, 0.15, 0.11, coat.fur, coat.rim)
    for x in (0.17, 0.3):
        canvas.ellipse(x, 0.43, 0.075, 0.036, coat.paws, coat.rim)


def walking(canvas: Canvas, dice: Dice, coat: Coat, *, legs: float = 1.0) -> None:
    """A body on four legs, facing right; the head belongs at about (0.3, -0.1). `legs` is their length."""
    hip = 0.45 - 0.27 * legs
    swing = dice.between(-0.05, 0.05)
    for x, step, colour in (
        (-0.2, -swing, darker(coat.fur, 0.2)),
        (0.16, swing, darker(coat.fur, 0.2)),
        (-0.27, swing, coat.fur),
        (0.24, -swing, coat.fur),
    ):
        canvas.stroke(
            [(x, hip - 0.04), (x + step * 0.3, (hip + 0.42) / 2), (x + step, 0.42)],
            0.085,
            colour,
            coat.rim,
            end=0.8,
        )
        canvas.ellipse(x + step + 0.02, 0.43, 0.055, 0.034, coat.paws, coat.rim)
    body = smooth(
        [
            (0.3, hip - 0.18),
            (0.33, hip - 0.04),
            (0.24, hip + 0.06),
            (0.0, hip + 0.06),
            (-0.24, hip + 0.05),
            (-0.33, hip - 0.06),
            (-0.27, hip - 0.18),
            (0.0, hip - 0.17),
        ],
        closed=True,
    )
    canvas.polygon(body, coat.fur, coat.rim)
    mark_body(canvas, dice, coat, body, lying=True)
    if coat.marking == "tuxedo":
        with canvas.inside(body):
            canvas.ellipse(0.1, hip + 0.1, 0.3, 0.07, coat.light)


def oval_patch(canvas: Canvas, head: Path, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
    """A patch of colour that ends where the head ends."""
    with canvas.inside(head):
        canvas.polygon(oval(x, y, rx, ry), colour)
