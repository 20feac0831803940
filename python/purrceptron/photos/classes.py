"""Labels as a caller writes them, and classes as a network numbers them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from ..errors import DataError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Classes:
    """The classes of a classifier.

    Attributes:
        names: In the order of the outputs; of two classes the second is the positive one.
        numbered: The names in the order in which a number as a label counts them. It differs from `names` where the
            positive class came first.
        answers_names: Whether predictions are names; otherwise they are numbers.
    """

    names: tuple[str, ...]
    numbered: tuple[str, ...]
    answers_names: bool

    @classmethod
    def learn(cls, labels: ArrayLike, class_names: Sequence[str] | None, positive: str | None) -> Classes:
        """The classes that training data has.

        Args:
            labels: Class of each photo, `(photos,)`: whole numbers from 0, or names.
            class_names: Names that numbers count; all the names there may be, if the labels are names.
            positive: Name of the class that becomes the second of two. Left out, the order is that of the names.

        Raises:
            DataError: There are no labels, only one class, a class without a photo, or a label that is none.
            ValueError: `class_names` does not fit.
        """
        values = _one_label_each(labels)
        if not len(values):
            raise DataError("there are no photos to train on")
        named = values.dtype.kind == "U"
        if class_names is not None and not isinstance(class_names, str) and len(class_names) == 1:
            raise _one_class(len(values), class_names[0])
        if class_names is not None:
            names = _checked_names(class_names)
        elif named:
            names = tuple(sorted(set(values.tolist())))
        elif positive is not None:
            names = (f"not {positive}", positive)
        else:
            names = tuple(map(str, range(_count_of_numbers(values))))
        counts = np.bincount(cls(names, names, named).indices(values), minlength=len(names))
        present = np.flatnonzero(counts)
        if len(present) == 1:
            raise _one_class(len(values), names[present[0]])
        if positive is not None and len(names) != 2:
            raise DataError(
                f"expected two classes, {positive!r} and one other, got {len(names)}: {', '.join(map(repr, names))}; "
                "PhotoClassifier takes more"
            )
        if not counts.all():
            missing = names[int(np.argmin(counts))]
            raise DataError(f"the class {missing!r} has no photo, so it cannot be learnt: add photos, or leave it out")
        order = names
        if positive is not None:
            if positive not in names:
                raise ValueError(f"positive_class {positive!r} is none of the classes {', '.join(map(repr, names))}")
            order = (next(name for name in names if name != positive), positive)
        return cls(order, names, named or class_names is not None)

    @property
    def answers(self) -> Array:
        """What predictions are made of, in the order of the outputs."""
        return np.array(self.names) if self.answers_names else np.arange(len(self.names))

    def indices(self, labels: ArrayLike) -> Indices:
        """Output that stands for each label: `(photos,)`.

        Raises:
            DataError: A label is none of the classes (says which and where).
        """
        values = _one_label_each(labels)
        output_of = {name: index for index, name in enumerate(self.names)}
        if values.dtype.kind == "U":
            known = np.array([name in output_of for name in values.tolist()], dtype=bool)
            expected = "one of " + ", ".join(map(repr, self.names))
        else:
            known = (values >= 0) & (values < len(self.numbered)) & (values == np.floor(values))  # NaN compares false
            meanings = ", ".join(f"{number} = {name!r}" for number, name in enumerate(self.numbered))
            expected = "a number: " + (meanings if meanings != "0 = '0', 1 = '1'" else "0 or 1")
        if not known.all():
            where = int(np.argmin(known))
            label = values[where].item()
            raise DataError(f"label {label!r} of photo {where} (from 0) is no class; expected {expected}")
        if values.dtype.kind == "U":
            return np.array([output_of[name] for name in values.tolist()], dtype=np.int64)
        return np.array([output_of[name] for name in self.numbered])[values.astype(np.int64)]


def _one_class(photos: int, name: str) -> DataError:
    return DataError(f"all {photos} photos are of one class, {name!r}; training needs photos of two")


def _one_label_each(labels: ArrayLike) -> Array:
    values = np.asarray(labels)
    if values.dtype == object and all(isinstance(value, str) for value in values.ravel()):
        values = values.astype(str)
    if values.shape in ((1, values.size), (values.size, 1)):
        values = values.ravel()
    if values.ndim != 1:
        raise ValueError(f"labels: expected one label a photo, (photos,), got shape {values.shape}")
    if values.dtype.kind not in "biufU":
        raise TypeError(f"labels: expected whole numbers or names, got an array of {values.dtype}")
    return values


def _checked_names(class_names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(class_names, str) or not all(isinstance(name, str) for name in class_names):
        raise TypeError(f"class_names must be a list of names, got {class_names!r}")
    names = tuple(map(str, class_names))
    if len(names) < 2 or len(set(names)) != len(names) or "" in names:
        raise ValueError(f"class_names must be two or more different names, got {names!r}")
    return names


def _count_of_numbers(values: Array) -> int:
    """Number of classes, where labels are numbers without names: they must be 0, 1, ... without a gap."""
    seen = np.unique(values.astype(np.int64) if values.dtype.kind == "b" else values)
    gap = np.flatnonzero(seen != np.arange(len(seen)))
    if len(seen) == 1:
        return int(seen[0]) + 1 if 0 <= seen[0] < 2 else 2  # anything else is refused where it stands
    if gap.size:
        raise DataError(
            f"labels must be the numbers 0, 1, 2, ... without a gap, but class {gap[0]} has no photo "
            f"(the labels are {', '.join(map(str, seen[:6].tolist()))}{', ...' if len(seen) > 6 else ''})"
        )
    return len(seen)
