"""Augmentation: pictures changed a little at random, anew in every epoch, so that no network learns them by heart.

`Sequential.fit(augmentation=[...])` and `PhotoClassifier(augmentation=[...])` take a list. Its flips, shifts, crops,
turns and scalings become one affine map, in the list's order, by which every picture is sampled once (bilinearly, and
beyond its edges its mirror image); then its changes of colour become another, applied in one pass; then come noise, and
last cutouts. All of it is drawn evenly between the bounds that are said. The numbers of a picture depend on the
network's seed, the epoch and the picture's place in the data, on nothing else: threads, batches and order change no
bit. Predictions and validation see pictures as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._spec import MOST_SEED, Spec, check_threads, check_whole

__all__ = [
    "Augmentation",
    "Brightness",
    "Contrast",
    "Crop",
    "Cutout",
    "Flip",
    "Hue",
    "Noise",
    "Rotate",
    "Saturation",
    "Scale",
    "Shift",
    "augment",
    "from_string",
]

_MOST_EPOCH = 2**32 - 1


class Augmentation(Spec):
    """What all augmentations are; use one of the others."""


class Flip(Augmentation):
    """Left becomes right.

    Args:
        probability: How often, 0 to 1.
    """

    probability: float = 0.5


class Shift(Augmentation):
    """Moved along both axes.

    Args:
        share: At most so much of the picture's side, 0 to 1.
    """

    share: float = 0.1


class Crop(Augmentation):
    """A window somewhere within the picture, made as large as the picture again.

    Args:
        smallest: Least side of the window, as a share of the picture's, 0.05 to 1.
    """

    smallest: float = 0.8


class Rotate(Augmentation):
    """Turned about the centre, either way.

    Args:
        degrees: At most so far, 0 to 180.
    """

    degrees: float = 15.0


class Scale(Augmentation):
    """Larger or smaller about the centre.

    Args:
        smallest: Least factor, from 0.05.
        largest: Greatest factor, up to 20.
    """

    smallest: float = 0.9
    largest: float = 1.1


class Brightness(Augmentation):
    """All values times a factor.

    Args:
        amount: The factor is 1, more or less at most so much, 0 to 1.
    """

    amount: float = 0.2


class Contrast(Augmentation):
    """Distances from the picture's mean brightness times a factor.

    Args:
        amount: The factor is 1, more or less at most so much, 0 to 1.
    """

    amount: float = 0.2


class Saturation(Augmentation):
    """Distances from a pixel's own grey (0.299 red + 0.587 green + 0.114 blue, ITU-R BT.601) times a factor.

    For pictures of three channels.

    Args:
        amount: The factor is 1, more or less at most so much, 0 to 1.
    """

    amount: float = 0.2


class Hue(Augmentation):
    """Colours turned about the axis of greys, either way; the sum of the channels stays.

    For pictures of three channels.

    Args:
        turn: At most so much of a full turn, 0 to 0.5.
    """

    turn: float = 0.05


class Noise(Augmentation):
    """Noise on every value by itself.

    It is the sum of four even numbers: nearly normal, and never beyond 3.5 deviations.

    Args:
        deviation: Its standard deviation, of values 0 to 255.
    """

    deviation: float = 8.0


class Cutout(Augmentation):
    """A rectangle of middle grey, around any point of the picture (DeVries and Taylor, 2017).

    Args:
        share: Its sides, as a share of the picture's, 0 to 1; what lies beyond an edge is lost.
    """

    share: float = 0.25


def augment(
    images: NDArray[np.uint8],
    augmentation: Iterable[Augmentation],
    *,
    seed: int = 0,
    epoch: int = 0,
    n_threads: int | None = None,
) -> NDArray[np.uint8]:
    """Pictures as a training with this seed sees them in an epoch.

    Args:
        images: `(pictures, height, width, channels)` uint8.
        augmentation: What is done to them.
        seed: As of the network.
        epoch: Counted from 0.
        n_threads: Threads; left out, `PURRCEPTRON_NUM_THREADS`, else the cores, or fewer by `OMP_NUM_THREADS`.

    Returns:
        New pictures, of the same shape.

    Raises:
        ValueError: A setting is out of its range, or pictures of so many channels do not take it (says which).
        TypeError: The pictures are not uint8, or the list holds something else.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> images = np.arange(12, dtype="uint8").reshape(1, 2, 2, 3)
        >>> purr.augmentation.augment(images, [purr.augmentation.Flip(1)])[0, 0].tolist()
        [[3, 4, 5], [0, 1, 2]]
    """
    pictures = np.ascontiguousarray(images)
    if pictures.dtype != np.uint8:
        raise TypeError(f"images: expected uint8, got {pictures.dtype}")
    if pictures.ndim != 4:
        raise ValueError(f"images: expected (pictures, height, width, channels), got shape {pictures.shape}")
    made: NDArray[np.uint8] = _core.augment(
        pictures.reshape(len(pictures), int(np.prod(pictures.shape[1:]))),
        list(pictures.shape[1:]),
        json.dumps(described(augmentation)),
        check_whole("seed", seed, 0, MOST_SEED),
        check_whole("epoch", epoch, 0, _MOST_EPOCH),
        0,
        check_threads(n_threads),
    )
    return made.reshape(pictures.shape)


def from_string(text: str) -> Augmentation:
    """An augmentation as the command line has it: its name, and its settings in their order, "rotate=15".

    Raises:
        ValueError: There is no such augmentation, or it has no such settings.

    Example:
        >>> from_string("scale=0.8,1.2")
        Scale(smallest=0.8, largest=1.2)
    """
    name, equals, settings = text.partition("=")
    kind = _known(name.strip())
    try:
        return kind(*(float(value) for value in settings.split(",") if equals))
    except (TypeError, ValueError):
        fields = ",".join(field.upper() for field in kind.__dataclass_fields__)
        raise ValueError(f"augmentation {text!r}: expected {name} or {name}={fields}, in numbers") from None


def as_augmentation(value: object) -> tuple[Augmentation, ...]:
    """A list of augmentations, each an object or its JSON form.

    Raises:
        TypeError: It is no such list.
        ValueError: There is no such augmentation, or it has no such settings.
    """
    if value is None:
        return ()
    if isinstance(value, str | Augmentation | Mapping) or not isinstance(value, Iterable):
        raise TypeError(f"augmentation: expected a list such as [purr.augmentation.Flip()], got {value!r}")
    return tuple(map(_one, value))


def described(value: object) -> list[dict[str, Any]]:
    """The same as JSON."""
    return [one.to_dict() for one in as_augmentation(value)]


def _one(value: object) -> Augmentation:
    if isinstance(value, Augmentation) and type(value) is not Augmentation:
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"augmentation: expected objects such as purr.augmentation.Flip(), got {value!r}")
    settings = dict(value)
    kind = _known(settings.pop("type", None))
    try:
        return kind(**settings)
    except TypeError as error:
        raise ValueError(f"augmentation {kind.type_name()}: {error}") from None


def _known(name: object) -> type[Augmentation]:
    kinds = {kind.type_name(): kind for kind in Augmentation.__subclasses__()}
    if not isinstance(name, str) or name not in kinds:
        raise ValueError(f"unknown augmentation {name!r}; known: {', '.join(kinds)}")
    return kinds[name]
