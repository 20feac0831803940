"""The photos that commands work on: read from DATA, or drawn; split; their classes matched with a model's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets import Data, load_data, make_cats, near_duplicates
from ..datasets.data import DEFAULT_CLASS_NAMES
from ..datasets.duplicates import equal_pictures, shared_photos
from ..errors import DataError
from ..images.cache import cache_folder
from ..images.mapping import take
from ..images.reading import Color, named
from .file_progress import file_progress
from .output import Output, amount

__all__ = [
    "alike_classes",
    "assumed",
    "counts",
    "describe",
    "draw",
    "hold_out",
    "indices_of",
    "part",
    "picture_form",
    "read_data",
    "read_test_data",
    "same_photos",
    "skipped_files",
    "split",
]

# Training seeds are below it, so the held-out pictures of one training are never those that another learns from.
HELD_OUT_SEED = 2**64
# Photos that a message names.
_MOST_SHOWN, _MOST_SKIPPED_SHOWN = 3, 5


def draw(count: int, seed: int, *, held_out: bool = False) -> Data:
    """Drawn pictures; held-out ones come from a seed that no training has."""
    images, labels = make_cats(count, seed=seed + HELD_OUT_SEED if held_out else seed)
    return Data.from_arrays(images, labels, DEFAULT_CLASS_NAMES, source="drawn pictures")


def read_data(path: str, output: Output, **options: Any) -> Data:
    """Labelled photos of any kind of source, to train on; files are counted. `options` are those of `load_data`."""
    with file_progress(output) as progress:
        return load_data(path, progress=progress, **options)


def read_test_data(path: str, output: Output, **options: Any) -> Data:
    """Labelled photos to score on: of an .h5 with two parts its test set; else as `read_data`."""
    return read_data(path, output, split="any", **options)


def assumed(data: Data) -> list[str]:
    """What was taken for granted in reading, in lines."""
    return [f"{data.source}: {data.assumed}"] if data.assumed else []


def skipped_files(*sets: Data) -> list[str]:
    """What there is to say about files that were skipped, in lines."""
    skipped = [file for data in sets for file in data.skipped]
    if not skipped:
        return []
    names = ", ".join(map(named, skipped[:_MOST_SKIPPED_SHOWN]))
    return [f"left out {amount(len(skipped), 'file')} that cannot be read: {names}"]


def picture_form(data: Data) -> tuple[int, Color]:
    """Side and colour of square pictures; the standard ones for data that is none, which the classifier refuses."""
    shape = data.images.shape[1:]
    if len(shape) == 3 and shape[0] == shape[1]:
        return shape[0], "rgb" if shape[2] == 3 else "grey"
    return 64, "rgb"


def split(data: Data, share: float, seed: int, groups: NDArray[np.int64] | None = None) -> tuple[Data, Data | None]:
    """Sets a share of every class aside, drawn from the seed: what to train on, and what is held out, if anything.

    Photos of one group stay together. A group that would take more than the share of a class is trained on.

    Args:
        data: All photos.
        share: Of each class, what is held out; one photo at least is trained on.
        seed: What the choice is drawn from.
        groups: Group of each photo, `(photos,)`; left out, photos that show the same, see `near_duplicates`.
    """
    labels = data.labels
    if share <= 0 or len(np.unique(labels)) < 2:
        return data, None
    groups = near_duplicates(data.images) if groups is None else groups
    members: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(index)
    photos = np.bincount(labels)
    room = np.minimum([round(share * count) for count in photos.tolist()], photos - 1)
    generator = np.random.Generator(np.random.PCG64(seed))
    held_out = np.zeros(len(data), dtype=bool)
    for label in np.unique(labels):
        for index in generator.permutation(np.flatnonzero(labels == label)).tolist():
            together = members.pop(int(groups[index]), [])
            taken = np.bincount(labels[together], minlength=len(photos))
            if together and (taken <= room).all():
                held_out[together] = True
                room -= taken
    if not held_out.any():
        return data, None
    return part(data, ~held_out), part(data, held_out)


def part(data: Data, mask: NDArray[np.bool_]) -> Data:
    """Those of the photos for which the mask is true."""
    chosen = np.flatnonzero(mask)
    return replace(
        data,
        images=take(data.images, chosen, cache_folder()),
        labels=data.labels[chosen],
        paths=tuple(data.paths[index] for index in chosen) if data.paths else (),
    )


def same_photos(data: Data) -> list[str]:
    """What there is to say about equal photos in more than one class, in lines.

    Raises:
        DataError: Another class has more than half of a class's photos, so nothing tells them apart.
    """
    if data.images.dtype != np.uint8:
        return []  # whether they are pictures is seen later
    for share in _mostly_shared(data, near=False):
        raise DataError(f"{data.source}: {share}: nothing tells these classes apart")
    first = equal_pictures(data.images)
    classes: dict[int, set[int]] = {}
    for picture, label in zip(first.tolist(), data.labels.tolist(), strict=True):
        classes.setdefault(picture, set()).add(label)
    shared = [picture for picture, labels in classes.items() if len(labels) > 1]
    if not shared:
        return []
    lines = [f"the same photo is in more than one class, {len(shared)} times; one of its labels is wrong:"]
    for picture in shared[:_MOST_SHOWN]:
        copies = [int(np.flatnonzero((first == picture) & (data.labels == label))[0]) for label in classes[picture]]
        lines.append("  " + ", ".join(_name_of(data, copy) for copy in sorted(copies)))
    return lines


def alike_classes(data: Data) -> list[str]:
    """What there is to say about classes most of whose photos are near-duplicates of another's, in lines.

    They are not refused: a camera that stands still takes such photos of different things.
    """
    if data.images.dtype != np.uint8:
        return []
    return [f"{share}, or nearly so: are these two classes?" for share in _mostly_shared(data, near=True)]


def _mostly_shared(data: Data, near: bool) -> Iterator[str]:
    """Each pair of classes of which one has more than half of the other's photos, in words."""
    photos = np.bincount(data.labels, minlength=len(data.class_names)).tolist()
    told: set[tuple[int, ...]] = set()
    for pair, shared in sorted(shared_photos(data.images, data.labels, near=near).items()):
        one, other = pair
        if 2 * shared > photos[one] and tuple(sorted(pair)) not in told:
            told.add(tuple(sorted(pair)))
            names = data.class_names
            yield f"{shared:,} of the {amount(photos[one], 'photo')} of {names[one]!r} are in {names[other]!r}, too"


def hold_out(data: Data, share: float, seed: int) -> tuple[Data, Data | None, list[str]]:
    """Sets photos aside as `split` does; and what there is to say about it, in lines."""
    groups = near_duplicates(data.images) if share > 0 else np.arange(len(data))
    training, held_out = split(data, share, seed, groups)
    if held_out is None:
        return training, None, []
    lines = []
    sizes = np.bincount(groups)
    if several := sizes[sizes > 1].tolist():
        lines.append(f"{sum(several):,} photos are near-duplicates, in {len(several):,} groups: each is on one side")
    for name, kept in counts(held_out).items():
        if not kept:
            photos = counts(data)[name]
            has = "one photo, which is" if photos == 1 else f"{photos:,} photos, all of them"
            lines.append(f"{name!r} has {has} trained on: the score says nothing about it")
    return training, held_out, lines


def _name_of(data: Data, index: int) -> str:
    return named(data.paths[index]) if data.paths else f"{data.class_names[data.labels[index]]!r} photo {index}"


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
