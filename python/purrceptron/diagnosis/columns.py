"""Checks of columns: numbers that are none, scales, columns that say nothing or the same."""

from __future__ import annotations

import math
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from .case import Case, SkippedError, deviations_of
from .findings import Finding

__all__ = ["constant_columns", "duplicate_columns", "not_finite_input", "unscaled_input"]

_USUAL = (0.01, 10.0)  # root mean square of an input that usual learning rates and first weights suit
_APART = 100.0  # times the median column's deviation, or a column's mean in its own
_MANY = 0.1  # share of columns that are constant


def not_finite_input(case: Case) -> Finding | None:
    """NaN and infinities, which no training takes."""
    if case.x.dtype == np.uint8:
        return None
    bad = ~np.isfinite(case.x)
    if not bad.any():
        return None
    sample, column = map(int, np.argwhere(bad)[0])
    samples = int(bad.any(axis=1).sum())
    return Finding(
        "not_finite_input",
        "warning",
        f"{int(bad.sum()):,} numbers in {samples:,} samples are NaN or infinite, the first in sample {sample}, column "
        f"{column}",
        "leave these samples out, or fill the gaps: with the column's median, say, and a column that marks them",
        {"numbers": int(bad.sum()), "samples": samples, "sample": sample, "column": column},
    )


def unscaled_input(case: Case) -> Finding | None:
    """Inputs far from 1, or columns on very different scales: a few of them decide, and steps are too long or short."""
    if case.normalizes:
        raise SkippedError("the network brings its input to scale")
    x = case.seen[case.some(10_000)].astype(np.float64)
    rms, deviations = float(np.sqrt(np.mean(x * x))), deviations_of(x)
    varied = deviations[deviations > 0]
    if varied.size == 0:
        raise SkippedError("all columns are constant")
    widest = int(deviations.argmax())
    ratio = float(deviations[widest] / np.median(varied))
    offsets = np.abs(x.mean(axis=0)) / np.where(deviations > 0, deviations, math.inf)
    farthest = int(offsets.argmax())
    numbers = {"root_mean_square": rms, "widest_column": widest, "times_the_median": ratio}
    numbers |= {"farthest_column": farthest, "deviations_from_zero": float(offsets[farthest])}
    low, high = _USUAL
    if low <= rms <= high and ratio <= _APART and offsets[farthest] <= _APART:
        return None
    says = f"the network sees numbers around {rms:.3g}, where learning rates and first weights expect about 1"
    if low <= rms <= high and ratio > _APART:
        says = f"column {widest} varies {ratio:,.0f} times as much as the median column, so it drowns the others"
    elif low <= rms <= high:
        says = f"column {farthest} lies {offsets[farthest]:,.0f} times its own deviation away from 0"
    mend = "subtract each column's mean and divide by its deviation, both from the training data"
    if case.x.dtype == np.uint8:
        mend = "begin the network with purr.Rescale(1/255), which takes bytes to 0..1"
    return Finding("unscaled_input", "warning", says, mend, numbers)


def constant_columns(case: Case) -> Finding | None:
    """Columns that have one value: they can teach nothing."""
    columns = case.x.shape[1]
    constant = np.flatnonzero(case.x.max(axis=0) == case.x.min(axis=0))
    if len(constant) == 0 or len(case.x) < 2:
        return None
    return Finding(
        "constant_columns",
        "warning" if len(constant) >= _MANY * columns else "note",
        f"{len(constant):,} of {columns:,} columns have the same value in every sample: {_listed(constant)}",
        "leave them out: they say nothing, and a network may take them for a second bias",
        {"constant": len(constant), "columns": columns, "places": constant[:20].tolist()},
    )


def duplicate_columns(case: Case) -> Finding | None:
    """Columns that are equal in every sample to an earlier one."""
    x, columns = case.x, case.x.shape[1]
    varied = np.flatnonzero(x.max(axis=0) != x.min(axis=0))
    rows = np.ascontiguousarray(x[:, varied].T)
    first: dict[bytes, int] = {}
    pairs = []
    for column, row in zip(varied.tolist(), rows, strict=True):
        earlier = first.setdefault(sha256(row).digest(), column)
        if earlier != column:
            pairs.append((earlier, column))
    if not pairs:
        return None
    earlier, later = pairs[0]
    mend = "keep one of each: together they count twice as much as one"
    if len(pairs) * 3 >= columns and columns % 3 == 0:
        mend = "the pictures are grey ones in colour: read them as grey (color='grey'), a third of the work"
    return Finding(
        "duplicate_columns",
        "warning",
        f"{len(pairs):,} of {columns:,} columns repeat another one; column {later} is column {earlier}",
        mend,
        {"duplicates": len(pairs), "columns": columns, "pairs": [list(pair) for pair in pairs[:20]]},
    )


def _listed(places: NDArray[np.int64]) -> str:
    return ", ".join(map(str, places[:6])) + (", ..." if len(places) > 6 else "")
