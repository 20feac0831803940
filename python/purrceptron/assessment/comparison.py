"""Two classifiers on the same photos: McNemar's test, and the difference with its interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ._inputs import checked_classes, checked_share
from .interval import Interval

__all__ = ["Comparison", "compare"]


@dataclass(frozen=True)
class Comparison:
    """How two classifiers did on the same photos.

    Attributes:
        both_right: Photos that both told right.
        only_first: Photos that the first alone told right.
        only_second: Photos that the second alone told right.
        both_wrong: Photos that both told wrong.
        difference: Accuracy of the first minus that of the second, with Newcombe's interval for pairs.
        p_exact: McNemar's exact test: how probable it is, were both equally good, that the photos which only one tells
            right are split at least so unevenly.
        p_mid: Its mid-p form: the observed split counts half. The exact test is cautious, this one seldom (Fagerland,
            Lydersen & Laake, "The McNemar test for binary matched-pairs data", BMC Medical Research Methodology 13:91,
            2013).
    """

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    difference: Interval
    p_exact: float
    p_mid: float

    def to_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        return {
            "both_right": self.both_right,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "both_wrong": self.both_wrong,
            "difference": self.difference.to_dict(),
            "mcnemar": {"p_exact": self.p_exact, "p_mid": self.p_mid},
        }


def compare(labels: ArrayLike, first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> Comparison:
    """Compare the answers of two classifiers to the same photos.

    McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika
    12 (1947): only the photos that one tells right and the other wrong say which is better.

    Args:
        labels: True classes `(n,)`, as numbers.
        first: Answers of the first `(n,)`.
        second: Answers of the second `(n,)`.
        confidence: Of the difference's interval.

    Raises:
        ValueError: There are no photos, or the numbers of them differ.

    Example:
        >>> labels, first = [1] * 21, [1] * 2 + [0] * 19
        >>> second = [1] + [0] + [1] * 7 + [0] * 12
        >>> found = compare(labels, first, second)
        >>> found.only_first, found.only_second
        (1, 7)
        >>> round(found.p_exact, 4), round(found.p_mid, 4)
        (0.0703, 0.0391)
    """
    truth = checked_classes("labels", labels)
    answers = [checked_classes(name, given) for name, given in (("first", first), ("second", second))]
    for name, given in zip(("first", "second"), answers, strict=True):
        if given.shape != truth.shape:
            raise ValueError(f"labels are of {len(truth)} photos, but the answers of the {name} of {len(given)}")
    right, also = (given == truth for given in answers)
    a, b, c, d = (int(np.sum(x & y)) for x, y in ((right, also), (right, ~also), (~right, also), (~right, ~also)))
    p_exact, p_mid = _mcnemar(b, c)
    difference = _difference(a, b, c, d, checked_share("confidence", confidence))
    return Comparison(a, b, c, d, difference=difference, p_exact=p_exact, p_mid=p_mid)


def _mcnemar(b: int, c: int) -> tuple[float, float]:
    """Exact and mid-p values of a split b : c, of which chance makes a fair coin."""
    n, fewer = b + c, min(b, c)
    weights = [math.exp(_log_choose(n, k) - n * math.log(2)) for k in range(fewer + 1)]
    tail, here = math.fsum(weights), weights[-1]
    return min(1.0, 2 * tail), min(1.0, 2 * tail - here) if b != c else 1 - here / 2


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _difference(a: int, b: int, c: int, d: int, confidence: float) -> Interval:
    """Wilson's intervals of both, and how far the two hang together.

    Newcombe, "Improved confidence intervals for the difference between binomial proportions based on paired data",
    Statistics in Medicine 17 (1998), 2635-2650, method 10.
    """
    n = a + b + c + d
    first, second = Interval.of_share(a + b, n, confidence), Interval.of_share(a + c, n, confidence)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    surplus: float = a * d - b * c
    surplus = max(surplus - n / 2, 0) if surplus > 0 else surplus
    phi = surplus / math.sqrt(margins) if margins else 0.0
    difference = (b - c) / n

    def distance(below: float, above: float) -> float:
        return math.sqrt(max(below * below - 2 * phi * below * above + above * above, 0))

    low = difference - distance(first.value - first.low, second.high - second.value)
    high = difference + distance(first.high - first.value, second.value - second.low)
    return Interval(difference, low, high)
