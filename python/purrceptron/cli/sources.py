"""The photos that commands work on: read from DATA, or drawn; split; their classes matched with a model's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..datasets import Data, load_data, make_cats
from ..datasets.data import DEFAULT_CLASS_NAMES
from ..errors import DataError
from ..images.reading import Color

__all__ = ["counts", "describe", "draw", "indices_of", "picture_form", "read_data", "read_test_data", "split"]

# Training seeds are below it, so the held-out pictures of one training are never those that another learns from.
HELD_OUT_SEED = 2**64


def draw(count: int, seed: int, *, held_out: bool = False) -> Data:
    """Drawn pictures; held-out ones come from a seed that no training has."""
    images, labels = make_cats(count, seed=seed + HELD_OUT_SEED if held_out else seed)
    return Data.from_arrays(images, labels, DEFAULT_CLASS_NAMES, source="drawn pictures")


def read_data(path: str, *, image_size: int = 64, color: Color = "rgb", skip_bad: bool = False) -> Data:
    """Labelled photos of any kind of source, to train on."""
    return load_data(path, image_size=image_size, color=color, skip_bad=skip_bad)


def read_test_data(path: str, *, image_size: int, color: Color, skip_bad: bool = False) -> Data:
    """Labelled photos to score on: of an .h5 with two parts its test set."""
    return load_data(path, image_size=image_size, color=color, skip_bad=skip_bad, split="any")


def picture_form(data: Data) -> tuple[int, Color]:
    """Side and colour of square pictures; the standard ones for data that is none, which the classifier refuses."""
    shape = data.images.shape[1:]
    if len(shape) == 3 and shape[0] == shape[1]:
        return shape[0], "rgb" if shape[2] == 3 else "grey"
    return 64, "rgb"


def split(data: Data, share: float, seed: int) -> tuple[Data, Data | None]:
    """Sets a share of every class aside, drawn from the seed: what to train on, and what is held out, if anything."""
    generator = np.random.Generator(np.random.PCG64(seed))
    chosen: list[int] = []
    for label in np.unique(data.labels):
        members = generator.permutation(np.flatnonzero(data.labels == label))
        chosen += members[: min(round(share * len(members)), len(members) - 1)].tolist()
    held_out = np.zeros(len(data), dtype=bool)
    held_out[chosen] = True
    if not chosen or len(np.unique(data.labels)) < 2:
        return data, None
    return _part(data, ~held_out), _part(data, held_out)


def _part(data: Data, mask: NDArray[np.bool_]) -> Data:
    return replace(data, images=data.images[mask], labels=data.labels[mask])


def indices_of(data: Data, known: Sequence[str]) -> NDArray[np.int64]:
    """The class of each photo as a number in `known`, a model's class names; of two the second is the positive one.

    Classes are matched by name. Where the data only numbers its classes, the numbers count; where a model of two
    classes meets data of two that has the positive one, the others match too ("dog", "not cat").

    Raises:
        DataError: The data has a class that the model does not know.
    """
    names = data.class_names
    unnamed = names in (DEFAULT_CLASS_NAMES, tuple(map(str, range(len(names)))))
    if set(names) <= set(known):
        table = [known.index(name) for name in names]
    elif unnamed and len(names) <= len(known) and not set(names) & set(known):
        table = list(range(len(names)))
    elif len(names) == len(known) == 2 and known[1] in names:
        table = [int(name == known[1]) for name in names]
    else:
        have, expected = (", ".join(map(repr, classes)) for classes in (names, known))
        raise DataError(f"{data.source}: its classes are {have}, but the model knows {expected}")
    return np.array(table, dtype=np.int64)[data.labels]


def counts(data: Data) -> dict[str, int]:
    """Number of photos of each class."""
    numbers = np.bincount(data.labels, minlength=len(data.class_names)).tolist()
    return dict(zip(data.class_names, numbers, strict=True))


def describe(data: Data) -> str:
    """Where photos come from and how many of each class there are."""
    return f"{data.source}: " + ", ".join(f"{count:,} {name}" for name, count in counts(data).items())
