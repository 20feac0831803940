"""Answers that may be left open, with a stated coverage: class-conditional conformal sets.

Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005), section 4.5 (Mondrian, or class-conditional);
Sadinle, Lei & Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114 (2019).

A photo's score for a class is the probability p of that class (not `1 - p` as in the papers: float32 keeps more of a
small p). Of each class the scores of n photos that were not trained on are kept. For a new photo the p-value of class k
is the share, itself counted, of the class's photos that are no more typical: `(1 + #{scores <= its score}) / (n + 1)`;
the set holds the classes whose p-value is above alpha.

What is promised: if a photo of class k is drawn as the kept ones were, its set holds k with a probability of at least
`1 - alpha`, for any network and any n, class by class: how frequent each class is does not matter. It is a promise
about the mean over calibrations; with one calibration in hand the coverage varies by about `√(alpha (1-alpha) / n)`.

It takes scores of the very network that answers. Those of a cross-fit (`PhotoClassifier.calibrate` with folds) come
from networks that were trained on a part of the photos. A network of all photos is rarely worse than they are, and the
sets then hold the class as often or oftener; but that is experience and no theorem (of cross-conformal sets that ask
every fold's network Vovk 2015 and Barber et al. 2021 prove `1 - 2 alpha`, about).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._inputs import checked_classes, checked_pair, checked_probabilities, checked_share
from .interval import Interval

__all__ = [
    "Coverage",
    "answered",
    "conformal_p_values",
    "conformal_scores",
    "coverage_of",
    "least_photos",
    "prediction_sets",
]

Scores = tuple[tuple[float, ...], ...]
_ROUNDING = 1e-9
# Where nobody says how many of each class's photos may be given another class.
ABSTAIN = 0.1


@dataclass(frozen=True)
class Coverage:
    """What became of prediction sets on photos whose classes are known.

    Attributes:
        by_class: Of each class, the share of its photos whose set holds it (Wilson); NaN where it has none.
        wrong_by_class: Of each class, the share of its photos that are answered with another.
        open_by_class: Of each class, the share of its photos that are left open.
        answered: Share of photos that are answered: whose set is one class, and which are like those of the training.
        right: Of these, the share that is of that class; it moves with the shares of the classes, like accuracy.
    """

    by_class: tuple[Interval, ...]
    wrong_by_class: tuple[Interval, ...]
    open_by_class: tuple[Interval, ...]
    answered: Interval
    right: Interval


def answered(sets: NDArray[np.bool_], unlike: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which photos are answered, `(photos,)`; the others are left open.

    Args:
        sets: `(photos, classes)`, as `prediction_sets` gives them.
        unlike: Which photos are unlike those of the training `(photos,)`, so that their sets say nothing.

    Example:
        >>> sets = np.array([[True, False], [True, True], [True, False]])
        >>> answered(sets, np.array([False, False, True])).tolist()
        [True, False, False]
    """
    single: NDArray[np.bool_] = (sets.sum(axis=1) == 1) & ~unlike
    return single


def coverage_of(
    labels: ArrayLike, sets: ArrayLike, *, unlike: ArrayLike | None = None, confidence: float = 0.95
) -> Coverage:
    """What became of prediction sets, and of answers that follow them, on photos whose classes are known.

    Args:
        labels: True classes `(photos,)`, as numbers.
        sets: `(photos, classes)`, as `prediction_sets` gives them.
        unlike: Which photos are left open whatever their set holds `(photos,)`; none by default.
        confidence: Of the intervals.

    Raises:
        ValueError: Labels, sets or `unlike` are none, or do not fit.

    Example:
        >>> found = coverage_of([0, 0, 1], [[True, False], [True, True], [True, False]])
        >>> [share.value for share in found.by_class], round(found.answered.value, 2), found.right.value
        ([1.0, 0.0], 0.67, 0.5)
    """
    held = np.asarray(sets)
    if held.ndim != 2 or held.dtype != np.bool_:
        raise ValueError(f"sets: expected booleans (photos, classes), got {held.dtype} of shape {held.shape}")
    truth = checked_classes("labels", labels, held.shape[1])
    if len(truth) != len(held):
        raise ValueError(f"labels are of {len(truth)} photos, but sets of {len(held)}")
    strange = np.zeros(len(held), np.bool_) if unlike is None else np.asarray(unlike)
    if strange.shape != (len(held),) or strange.dtype != np.bool_:
        raise ValueError(f"unlike: expected booleans (photos,), got {strange.dtype} of shape {strange.shape}")
    inside, single = held[np.arange(len(truth)), truth], answered(held, strange)

    def share(which: NDArray[np.bool_], among: NDArray[np.bool_]) -> Interval:
        return Interval.of_share(int(np.sum(which & among)), int(among.sum()), confidence)

    of_class = [truth == k for k in range(held.shape[1])]
    return Coverage(
        by_class=tuple(share(inside, photos) for photos in of_class),
        wrong_by_class=tuple(share(single & ~inside, photos) for photos in of_class),
        open_by_class=tuple(share(~single, photos) for photos in of_class),
        answered=Interval.of_share(int(single.sum()), len(truth), confidence),
        right=share(inside, single),
    )


def conformal_scores(labels: ArrayLike, probabilities: ArrayLike, most: int, seed: int = 0) -> Scores:
    """The scores of each class's photos for their class, sorted, in float32.

    Args:
        labels: True classes `(n,)`, as numbers.
        probabilities: `(n, classes)`, of photos that were not trained on.
        most: Keep so many of a class at most, drawn at random, which leaves the promise whole.
        seed: Of the draw.
    """
    classes, rows = checked_pair(labels, probabilities)
    generator = np.random.Generator(np.random.PCG64(seed))
    scores = []
    for k in range(rows.shape[1]):
        of_class = rows[classes == k, k].astype(np.float32)
        kept = generator.permutation(of_class)[:most] if len(of_class) > most else of_class
        scores.append(tuple(np.sort(kept).tolist()))
    return tuple(scores)


def conformal_p_values(scores: Sequence[Sequence[float]], probabilities: ArrayLike) -> NDArray[np.float64]:
    """How typical each photo is of each class, `(photos, classes)`: the share of that class that is no more typical.

    Args:
        scores: Of each class the probabilities of it that its photos got, sorted; not photos of the training.
        probabilities: `(photos, classes)`.

    Raises:
        ValueError: The probabilities are none, or of another number of classes.

    Example:
        >>> conformal_p_values([[0.4, 0.8, 0.9], [0.1, 0.7, 0.8]], [[0.85, 0.15]]).tolist()
        [[0.75, 0.5]]
    """
    rows = checked_probabilities(probabilities)
    if rows.shape[1] != len(scores):
        raise ValueError(f"there are scores of {len(scores)} classes, but probabilities of {rows.shape[1]}")
    new = rows.astype(np.float32)
    values = np.empty(rows.shape)
    for k, of_class in enumerate(scores):
        at_most = np.searchsorted(np.asarray(of_class, np.float32), new[:, k], side="right")
        values[:, k] = (1 + at_most) / (len(of_class) + 1)
    return values


def prediction_sets(
    scores: Sequence[Sequence[float]],
    probabilities: ArrayLike,
    coverage: float = 0.9,
    *,
    class_names: Sequence[str] | None = None,
) -> NDArray[np.bool_]:
    """The classes that each photo may be of, `(photos, classes)`.

    A set of several classes says that the photo could be any of them; an empty one that it is like none.

    Args:
        scores: As for `conformal_p_values`.
        probabilities: `(photos, classes)`.
        coverage: Share of each class's photos whose set holds their class, at least; above 0 and below 1.
        class_names: What to call the classes in messages; left out, their numbers.

    Raises:
        ValueError: A class has too few scores for that coverage (says how many it takes).

    Example:
        >>> scores = [[(i + 1) / 20 for i in range(20)]] * 2
        >>> prediction_sets(scores, [[0.97, 0.03], [0.5, 0.5]], coverage=0.9).tolist()
        [[True, False], [True, True]]
    """
    least = least_photos(coverage)
    for k, of_class in enumerate(scores):
        if len(of_class) < least:
            name = f"class {k}" if class_names is None else repr(class_names[k])
            raise ValueError(
                f"a coverage of {coverage:g} takes {least} photos of each class to calibrate on, but {name} has "
                f"{len(of_class)}: ask for a coverage of at most {len(of_class) / (len(of_class) + 1):.3g}, or "
                "calibrate on more photos"
            )
    # Above alpha; what rounding may have added must not let 1/(n+1) = alpha pass.
    return conformal_p_values(scores, probabilities) > (1 - coverage) * (1 + _ROUNDING)


def least_photos(coverage: float) -> int:
    """The fewest photos of a class that can leave it out of a set: `n >= 1/alpha - 1`, alpha = 1 - coverage.

    Example:
        >>> least_photos(0.9), least_photos(0.95)
        (9, 19)
    """
    return math.ceil(1 / (1 - checked_share("coverage", coverage)) - 1 - _ROUNDING)
