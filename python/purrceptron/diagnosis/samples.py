"""Checks of samples: the same ones in training and test, and ones that are nearly the same."""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
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
    """Samples much closer to another than is usual: cut or compressed again, or bursts of photos.

    How much closer some come by chance depends on the number of dimensions that the data fills: with d of them, a share
    of `ln 2 r^d` is nearer than r times the median. It follows from the distances to the two nearest (Facco et al.,
    "Estimating the intrinsic dimension of datasets by a minimal neighborhood information", 2017).
    """
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
    twins = np.flatnonzero(distance <= near)
    numbers = {"near_in_training": len(twins), "looked_at": len(places), "near": near, "usual_distance": usual}
    says = []
    if len(twins):
        one = int(twins[0])
        says.append(
            f"{len(twins):,} of {len(places):,} training samples are nearly another one (training samples "
            f"{places[one]} and {places[nearest[one]]})"
        )
    leaked = np.zeros(0, dtype=np.int64)
    if case.test is not None:
        test = case.rescaled(case.test[0][:_MOST])
        distance, _, nearest = _nearest(test, train, same=False)
        leaked = np.flatnonzero((distance <= near) & (distance > 0))  # equal ones are another finding
        numbers |= {"near_in_test": len(leaked), "test_looked_at": len(test)}
        if len(leaked):
            one = int(leaked[0])
            says.append(
                f"{len(leaked):,} of {len(test):,} test samples are nearly a training sample (test sample {one} and "
                f"training sample {places[nearest[one]]})"
            )
    if not says:
        return None
    return Finding(
        "near_duplicates",
        "warning" if len(leaked) or len(twins) > _MANY * len(places) else "note",
        "; ".join(says),
        "keep one of each, or all of them on one side of the split: else they are learnt and asked as the same",
        numbers,
    )


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
