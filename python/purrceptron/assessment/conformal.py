"""Answers that may be left open, with a stated coverage: class-conditional conformal sets.

Vovk, Gammerman & Shafer, "Algorithmic Learning in a Random World" (2005), section 4.5 (Mondrian, or class-conditional);
Sadinle, Lei & Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114 (2019).

A photo's score for a class is `1 - p`, p the probability of that class. Of each class the scores of n photos that were
not trained on are kept. For a new photo the p-value of class k is the share, itself counted, of the class's photos that
are no more typical: `(1 + #{scores >= its score}) / (n + 1)`; the set holds the classes whose p-value is above alpha.

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

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._inputs import checked_pair, checked_probabilities, checked_share

__all__ = ["conformal_p_values", "conformal_scores", "least_photos", "prediction_sets"]

Scores = tuple[tuple[float, ...], ...]


def conformal_scores(labels: ArrayLike, probabilities: ArrayLike, most: int, seed: int = 0) -> Scores:
    """The scores `1 - p` of each class's photos, sorted, in float32.

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
        of_class = _nonconformity(rows[classes == k, k])
        kept = generator.permutation(of_class)[:most] if len(of_class) > most else of_class
        scores.append(tuple(np.sort(kept).tolist()))
    return tuple(scores)


def conformal_p_values(scores: Sequence[Sequence[float]], probabilities: ArrayLike) -> NDArray[np.float64]:
    """How typical each photo is of each class, `(photos, classes)`: the share of that class that is no more typical.

    Args:
        scores: Of each class the scores `1 - p` of photos that were not trained on, sorted.
        probabilities: `(photos, classes)`.

    Raises:
        ValueError: The probabilities are none, or of another number of classes.

    Example:
        >>> conformal_p_values([[0.1, 0.2, 0.6], [0.2, 0.3, 0.9]], [[0.8, 0.2]]).tolist()
        [[0.75, 0.5]]
    """
    rows = checked_probabilities(probabilities)
    if rows.shape[1] != len(scores):
        raise ValueError(f"there are scores of {len(scores)} classes, but probabilities of {rows.shape[1]}")
    new = _nonconformity(rows)
    values = np.empty(rows.shape)
    for k, of_class in enumerate(scores):
        at_least = len(of_class) - np.searchsorted(np.asarray(of_class, np.float32), new[:, k], side="left")
        values[:, k] = (1 + at_least) / (len(of_class) + 1)
    return values


def prediction_sets(
    scores: Sequence[Sequence[float]], probabilities: ArrayLike, coverage: float = 0.9
) -> NDArray[np.bool_]:
    """The classes that each photo may be of, `(photos, classes)`.

    A set of several classes says that the photo could be any of them; an empty one that it is like none.

    Args:
        scores: As for `conformal_p_values`.
        probabilities: `(photos, classes)`.
        coverage: Share of each class's photos whose set holds their class, at least; above 0 and below 1.

    Raises:
        ValueError: A class has too few scores for that coverage (says how many it takes).

    Example:
        >>> scores = [[i / 20 for i in range(20)]] * 2
        >>> prediction_sets(scores, [[0.97, 0.03], [0.5, 0.5]], coverage=0.9).tolist()
        [[True, False], [True, True]]
    """
    least = least_photos(coverage)
    for k, of_class in enumerate(scores):
        if len(of_class) < least:
            raise ValueError(
                f"a coverage of {coverage:g} takes {least} photos of each class to calibrate on, but class {k} has "
                f"{len(of_class)}: ask for a coverage of at most {len(of_class) / (len(of_class) + 1):.3g}, or "
                "calibrate on more photos"
            )
    # Above alpha, that is; a whisker is taken off so that 1/(n+1) = alpha is not above it by rounding.
    return conformal_p_values(scores, probabilities) > (1 - coverage) * (1 + 1e-12)


def least_photos(coverage: float) -> int:
    """The fewest photos of a class that can leave it out of a set: `n >= 1/alpha - 1`, alpha = 1 - coverage.

    Example:
        >>> least_photos(0.9), least_photos(0.95)
        (9, 19)
    """
    return math.ceil(1 / (1 - checked_share("coverage", coverage)) - 1 - 1e-9)


def _nonconformity(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    scores: NDArray[np.float32] = (1 - probabilities).astype(np.float32)
    return scores
