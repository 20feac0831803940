"""Checks of labels: one class alone, other shares in training than in test, labels that samples know nothing of."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from .._arrays import Array
from .case import Case, SkippedError, deviations_of
from .findings import Finding

__all__ = ["class_share", "one_class", "shuffled_labels"]

_SURE = 0.001  # chance of a difference as large between two draws of the same shares
_MATTERS = 0.05  # least difference of a share
_LEAST, _MOST = 200, 1000  # samples from which, and of which, labels are guessed
_SHUFFLES = 50
_WIDTHS = (1.0, 1 / 8)  # of the kernel, in medians of the squared distance
_RIDGE = 0.1
_BETTER = 3.0  # deviations by which true labels must be guessed better than shuffled ones


def one_class(case: Case) -> Finding | None:
    """Labels that are all the same."""
    if not case.classes:
        raise SkippedError("the targets are no classes")
    if (case.y != case.y[0]).any():
        return None
    return Finding(
        "one_class",
        "warning",
        f"all {len(case.y)} samples are of class {case.y[0]}: there is nothing to tell apart",
        "add samples of another class",
        {"class": int(case.y[0])},
    )


def class_share(case: Case) -> Finding | None:
    """Classes that are more frequent in the test data than in the training data, or less, by more than chance explains.

    The test of two shares, for each class, with Bonferroni's correction for their number.
    """
    if case.test is None or not case.classes or case.test[1].ndim != 1:
        raise SkippedError("there is no test data" if case.test is None else "the targets are no classes")
    train, test = case.y, case.test[1]
    count = int(max(train.max(), test.max())) + 1
    shares = [np.bincount(labels, minlength=count) / len(labels) for labels in (train, test)]
    both = np.bincount(np.concatenate([train, test]), minlength=count) / (len(train) + len(test))
    error = np.sqrt(np.maximum(both * (1 - both), 1e-12) * (1 / len(train) + 1 / len(test)))
    apart = np.abs(shares[0] - shares[1])
    limit = NormalDist().inv_cdf(1 - _SURE / (2 * count))
    worst = int(np.argmax(np.where(apart > limit * error, apart, 0)))
    if apart[worst] <= limit * error[worst] or apart[worst] < _MATTERS:
        return None
    ours, theirs = float(shares[0][worst]), float(shares[1][worst])
    return Finding(
        "class_share",
        "warning",
        f"class {worst} is {100 * ours:.1f} % of the training data, but {100 * theirs:.1f} % of the test data",
        "split so that both have the same shares (validation_split does), or weigh the classes",
        {"class": worst, "share_in_training": ours, "share_in_test": theirs},
    )


def shuffled_labels(case: Case) -> Finding | None:
    """Labels that cannot be guessed from the samples better than shuffled ones.

    Every sample is guessed from all others by kernel ridge regression, whose leave-one-out errors follow from one
    inverse (Rifkin and Lippert, "Notes on regularized least squares", 2007); so do those of the labels shuffled.
    """
    places = case.some(_MOST, salt=2)
    if len(places) < _LEAST:
        raise SkippedError(f"there are fewer than {_LEAST} samples")
    x = case.seen[places].astype(np.float64)
    deviation = deviations_of(x)
    x = (x - x.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    y = case.y[places]
    targets = (np.unique(y)[:, None] == y).T.astype(np.float64) if case.classes else y
    targets = targets - targets.mean(axis=0)
    if not targets.any():
        raise SkippedError("all targets are the same")
    generator = np.random.default_rng([case.seed, 3])
    shuffled = [targets[generator.permutation(len(targets))] for _ in range(_SHUFFLES)]
    squares = (x * x).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares - 2 * x @ x.T, 0)
    usual = float(np.median(distances[np.triu_indices(len(x), 1)])) or 1.0
    best, error, by_chance = -math.inf, math.nan, math.nan
    for width in _WIDTHS:
        kernel = np.exp(-distances / (width * usual))
        kernel[np.diag_indices(len(x))] += _RIDGE
        inverse = np.linalg.inv(kernel)
        true, *chance = (_left_out_error(inverse, labels) for labels in (targets, *shuffled))
        better = (np.mean(chance) - true) / max(float(np.std(chance, ddof=1)), 1e-12)
        if better > best:
            best, error, by_chance = float(better), true, float(np.mean(chance))
    if best >= _BETTER:
        return None
    return Finding(
        "shuffled_labels",
        "warning",
        f"from the other samples the labels are guessed with {100 * error / by_chance:.0f} % of the error that "
        f"shuffled labels give ({best:.1f} deviations better; {_BETTER:g} would be more than chance)",
        "look at a few samples with their labels: were the two sorted or filtered apart?",
        {"error_of_shuffled": by_chance, "error": error, "deviations_better": best, "looked_at": len(places)},
    )


def _left_out_error(inverse: Array, targets: Array) -> float:
    residuals = (inverse @ targets) / np.diag(inverse)[:, None]
    return float(np.mean(residuals * residuals))
