"""The stratified bootstrap, many resamples at a time.

Efron & Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13: percentile intervals. Photos are drawn with
replacement within each class, so that every resample has the class shares of the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array

Counts = NDArray[np.int64]

# Of many photos fewer: the ends of an interval that is narrow anyway may wobble by a few per cent of its width.
_MOST_RESAMPLES, _FEWEST_RESAMPLES, _DRAWS = 2000, 500, 10_000_000
_MOST_COUNTS = 2**21  # at a time: 16 MB


def stratified_counts(labels: NDArray[np.int64], resamples: int, seed: int = 0) -> Iterator[Counts]:
    """How often each photo is in each resample, `(some resamples, n)` at a time.

    Args:
        labels: Class of each photo `(n,)`; a resample has as many of each class as there are.
        resamples: Resamples in all.
        seed: The same seed gives the same resamples.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    rows = max(1, _MOST_COUNTS // len(labels))
    for start in range(0, resamples, rows):
        some = min(rows, resamples - start)
        counts = np.zeros((some, len(labels)), np.int64)
        for photos in members:
            size = len(photos)
            drawn = generator.integers(0, size, (some, size)) + size * np.arange(some)[:, None]
            counts[:, photos] = np.bincount(drawn.ravel(), minlength=some * size).reshape(some, size)
        yield counts


def bootstrap(labels: NDArray[np.int64], score: Callable[[Counts], Array], seed: int = 0) -> Array:
    """The scores of all resamples `(resamples,)`: 2,000 of them, or 500 at least of more than 5,000 photos.

    Args:
        labels: Class of each photo `(n,)`.
        score: Gets counts `(some, n)` and gives `(some,)`.
        seed: As for `stratified_counts`.
    """
    resamples = max(_FEWEST_RESAMPLES, min(_MOST_RESAMPLES, _DRAWS // len(labels)))
    return np.concatenate([score(counts) for counts in stratified_counts(labels, resamples, seed)])


def percentiles(values: Array, confidence: float) -> tuple[float, float]:
    """The ends of the middle `confidence` of the resamples' scores `(resamples,)`."""
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def balanced_accuracies(counts: Counts, labels: NDArray[np.int64], right: NDArray[np.bool_]) -> Array:
    """Mean recall over the classes that are there, of each resample `(some,)`."""
    masks = [labels == label for label in np.unique(labels)]
    mean: Array = np.mean([counts[:, mask] @ right[mask] / mask.sum() for mask in masks], axis=0)
    return mean


def areas_under_curves(counts: Counts, positive: NDArray[np.bool_], scores: Array) -> Array:
    """Area under the ROC curve of each resample `(some,)`.

    It is the share of pairs of a positive and a negative photo in which the positive one has the larger score, ties
    counted half (Mann & Whitney 1947; Hanley & McNeil 1982).
    """
    order = np.argsort(scores, kind="stable")
    ordered = counts[:, order]
    first_of_equals = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positives = np.add.reduceat(ordered * positive[order], first_of_equals, axis=1)
    negatives = np.add.reduceat(ordered * ~positive[order], first_of_equals, axis=1)
    below = negatives.cumsum(axis=1) - negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    areas: Array = (positives * below).sum(axis=1) / pairs
    return areas
