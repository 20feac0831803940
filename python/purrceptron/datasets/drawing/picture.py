"""A whole picture: scene, subject, light."""

import numpy as np
from numpy.typing import NDArray

from .birds import bird, owl
from .canvas import Canvas
from .cat import cat
from .fish import fish
from .mammals import dog, fox, mouse, rabbit
from .palette import Dice
from .scenes import SCENES
from .things import ball, car, house, place, tree

# The subjects of pictures without a cat, as often as they are listed.
OTHERS = (
    (dog,) * 4
    + (rabbit,) * 2
    + (fox, mouse, owl, bird, bird, fish, fish, car, car, house, house, tree, tree, ball, place)
)

# Flat drawings are paler than photos. This curve brings their mean and spread near those of real cat photos
# (0.40 and 0.26 of full scale). Without it gradient descent at a learning rate of 0.0075 leaps about: the
# larger the mean of the inputs, the sharper the valley of the loss.
GAMMA, EXPOSURE = np.float32(1.9), np.float32(1.2)


def draw_picture(rng: np.random.Generator, size: int, *, is_cat: bool) -> NDArray[np.uint8]:
    """Draw one picture.

    Args:
        rng: Source of every choice.
        size: Side of the picture in pixels.
        is_cat: Whether the subject is a cat or one of `OTHERS`.
    Returns:
        Picture (size, size, 3) uint8, RGB.
    """
    dice = Dice(rng)
    canvas = Canvas(size)
    scene = dice.pick(SCENES)(canvas, dice)
    subject = cat if is_cat else dice.pick(OTHERS)
    placed = canvas.at(
        dice.between(0.488, 0.512),
        dice.between(0.502, 0.518),
        dice.between(0.87, 1.03),
        angle=dice.between(-0.035, 0.035),
        mirror=dice.chance(0.5),
    )
    subject(placed, dice, scene)
    return _lit(canvas.reduced(), dice)


def _lit(picture: NDArray[np.uint8], dice: Dice) -> NDArray[np.uint8]:
    """The picture under a lamp: brighter on one side, warm or cold, with a photo's tones and grain."""
    size = len(picture)
    slope = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    light = dice.between(0.82, 1.04) + dice.between(-0.22, 0.22) * slope + dice.between(-0.1, 0.2) * slope[::-1, None]
    warm = dice.between(-0.06, 0.06)
    tint = np.array([1 + warm, 1, 1 - warm], dtype=np.float32)
    grain = dice.rng.standard_normal((size, size, 1), dtype=np.float32) * np.float32(dice.between(0.5, 3.0))
    lit = picture * (light.astype(np.float32)[:, :, None] * tint / np.float32(255))
    toned = EXPOSURE * 255 * lit**GAMMA + grain
    return np.clip(np.rint(toned), 0, 255).astype(np.uint8)
