"""Checks of samples: the same ones in training and test, and ones that are nearly the same."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..datasets import duplicates
from .case import Case, SkippedError
from .findings import Finding

__all__ = ["near_duplicates", "same_in_train_and_test"]

_MOST = 2000  # samples whose distances are looked at
_NEAR = 0.25  # of the median distance to the nearest other sample, at most
_BY_CHANCE = 1e-5  # share of samples that lie so near to another one without being nearly the same
_MANY = 0.01  # share of training samples that may be near others


def same_in_train_and_test(case: Case) -> Finding | None:
    """Test samples that were trained on: the score then says too much."""
    if case.test is None:
        raise SkippedError("there is no test data")
    known = {sha256(row).digest(): place for place, row in enumerate(_alike(case.x, case.test[0]))}
    prints = [sha256(row).digest() for row in _alike(case.test[0], case.x)]
    pairs = [(known[key], place) for place, key in enumerate(prints) if key in known]
    if not pairs:
        return None
    repeated = len(case.x) - len(known)
    usual = repeated * 2 > len(case.x)  # a table of few patterns, where equal samples mean little
    return Finding(
        "same_in_train_and_test",
        "note" if usual else "warning",
        f"{len(pairs):,} of {len(case.test[0]):,} test samples are in the training data, too; test sample "
        f"{pairs[0][1]} is training sample {pairs[0][0]}",
        "take them out of one of the two: a network is right about what it has seen, not about what is new",
        {"same": len(pairs), "test_samples": len(case.test[0]), "pairs": [list(pair) for pair in pairs[:20]]},
    )


def near_duplicates(case: Case) -> Finding | None:
    """Samples much closer to another than is usual: cut, mirrored or compressed again, or bursts of photos.

    Pictures are those that a split keeps together (`purrceptron.datasets.near_duplicates`); a mirror image counts.

    In a table how much closer some come by chance depends on the number of dimensions that the data fills: with d of
    them, a share of `ln 2 r^d` is nearer than r times the median. It follows from the distances to the two nearest
    (Facco et al., "Estimating the intrinsic dimension of datasets by a minimal neighborhood information", 2017).
    """
    twins, leaked, numbers = _near_pictures(case) if case.pictures else _near_rows(case)
    says = []
    if twins:
        says.append(
            f"{len(twins):,} of {numbers['looked_at']:,} training samples are nearly another one (training samples "
            f"{twins[0][0]} and {twins[0][1]})"
        )
    if leaked:
        says.append(
            f"{len(leaked):,} of {numbers['test_looked_at']:,} test samples are nearly a training sample (test sample "
            f"{leaked[0][0]} and training sample {leaked[0][1]})"
        )
    if not says:
        return None
    return Finding(
        "near_duplicates",
        "warning" if leaked or len(twins) > _MANY * numbers["looked_at"] else "note",
        "; ".join(says),
        "keep one of each, or all of them on one side of the split: else they are learnt and asked as the same",
        numbers,
    )


_Near: TypeAlias = tuple[list[tuple[int, int]], list[tuple[int, int]], dict[str, Any]]


def _near_pictures(case: Case) -> _Near:
    """Near training samples with another one, test samples with a training sample near them, and numbers."""
    images = case.x.reshape(-1, *case.shape)
    groups = duplicates.near_duplicates(images)
    sizes = np.bincount(groups)
    first = groups.tolist()
    later = {group: place for place, group in reversed(list(enumerate(first))) if place != group}
    twins = [
        (place, later[group] if place == group else group) for place, group in enumerate(first) if sizes[group] > 1
    ]
    numbers: dict[str, Any] = {"near_in_training": len(twins), "looked_at": len(images)}
    if case.test is None or case.test[0].dtype != np.uint8:
        return twins, [], numbers
    tested = case.test[0].reshape(-1, *case.shape)
    known = {row.tobytes() for row in images}
    leaked = [
        (place, copied)
        for place, copied in enumerate(duplicates.copied_from(tested, images).tolist())
        if copied >= 0 and tested[place].tobytes() not in known  # equal ones are another finding
    ]
    return twins, leaked, numbers | {"near_in_test": len(leaked), "test_looked_at": len(tested)}


def _near_rows(case: Case) -> _Near:
    """The same of a table, by distances."""
    places = case.some(_MOST, salt=1)
    if len(places) < 20:
        raise SkippedError("there are fewer than 20 samples")
    train = case.seen[places]
    distance, second, nearest = _nearest(train, train, same=True)
    usual = float(np.median(distance))
    if usual == 0:
        raise SkippedError("most samples come more than once")
    ratio = float(np.median(second / np.maximum(distance, 1e-300)))
    dimensions = math.log(2) / max(math.log(ratio), 1e-3)
    near = usual * min(_NEAR, (_BY_CHANCE / math.log(2)) ** (1 / dimensions))
    twins = [(int(places[one]), int(places[nearest[one]])) for one in np.flatnonzero(distance <= near)]
    numbers = {"near_in_training": len(twins), "looked_at": len(places), "near": near, "usual_distance": usual}
    if case.test is None:
        return twins, [], numbers
    test = case.rescaled(case.test[0][:_MOST])
    distance, _, nearest = _nearest(test, train, same=False)
    close = np.flatnonzero((distance <= near) & (distance > 0))  # equal ones are another finding
    leaked = [(int(one), int(places[nearest[one]])) for one in close]
    return twins, leaked, numbers | {"near_in_test": len(leaked), "test_looked_at": len(test)}


def _alike(rows: Array, others: Array) -> Array:
    """Rows whose bytes can be compared with those of the other array's."""
    return np.ascontiguousarray(rows if rows.dtype == others.dtype else rows.astype(np.float64))


def _nearest(
    rows: Array, others: Array, *, same: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Distances of each row to the two nearest of the others, and the nearest's place; `same` leaves out itself."""
    rows, others = rows.astype(np.float64), others.astype(np.float64)
    centre = others.mean(axis=0)
    rows, others = rows - centre, others - centre  # so that the products cancel less
    squares = (rows * rows).sum(axis=1)[:, None] + (others * others).sum(axis=1) - 2 * rows @ others.T
    if same:
        np.fill_diagonal(squares, np.inf)
    nearest = squares.argmin(axis=1)
    distance = np.linalg.norm(rows - others[nearest], axis=1)
    np.put_along_axis(squares, nearest[:, None], np.inf, axis=1)
    second = np.linalg.norm(rows - others[squares.argmin(axis=1)], axis=1)
    return distance, np.maximum(second, distance), nearest
