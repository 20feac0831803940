"""Where to draw the line, for what errors cost and for how frequent a class is in use.

Saerens, Latinne & Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities", Neural
Computation 14 (2002), for shares that are known; Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._spec import check_above_zero
from ._inputs import checked_pair, checked_probabilities, checked_share, checked_shares

__all__ = ["AtShare", "JudgedThreshold", "Threshold", "judge_threshold", "shift_shares", "threshold_for"]


@dataclass(frozen=True)
class AtShare:
    """What to expect of a threshold where the positive class has a stated share.

    Attributes:
        accuracy: Share of photos that are told right.
        precision: Of the photos that are called positive, the share that is; NaN if none is called so.
        cost: Mean cost of a photo, in the units of the costs.
    """

    accuracy: float
    precision: float
    cost: float

    def to_dict(self) -> dict[str, float | None]:
        """All of it, for JSON, which has no NaN."""
        precision = None if math.isnan(self.precision) else self.precision
        return {"accuracy": self.accuracy, "precision": precision, "cost": self.cost}


@dataclass(frozen=True)
class Threshold:
    """A line between two classes, drawn for costs and a share of the second, the positive one.

    Attributes:
        value: A photo is called positive if its probability, as the classifier gives it, is at least this.
        cost_false_positive: Cost of calling a photo positive that is not.
        cost_false_negative: Cost of not calling one so that is.
        share: Share of the positive class in use.
        training_share: The share that the probabilities stand for.
    """

    value: float
    cost_false_positive: float
    cost_false_negative: float
    share: float
    training_share: float

    def answers(self, probabilities: ArrayLike) -> NDArray[np.int64]:
        """1 where the photo is called positive, else 0: `(photos,)` of probabilities `(photos, 2)`."""
        return (_positive(probabilities) >= self.value).astype(np.int64)

    def expect(self, labels: ArrayLike, probabilities: ArrayLike, value: float | None = None) -> AtShare:
        """What labelled photos let expect at this share; how many of each class they are does not matter.

        Args:
            labels: True classes `(n,)`, photos of both; they should not be those of the training.
            probabilities: `(n, 2)`.
            value: Another threshold to be judged by the same costs and share.

        Raises:
            ValueError: Labels or probabilities do not fit, or one of the classes has no photo.
        """
        classes, rows = checked_pair(labels, probabilities)
        called = _positive(rows) >= (self.value if value is None else value)
        _check_both(classes)
        found, alarm = float(called[classes == 1].mean()), float(called[classes == 0].mean())
        true, false = self.share * found, (1 - self.share) * alarm
        return AtShare(
            accuracy=true + (1 - self.share) * (1 - alarm),
            precision=true / (true + false) if true + false else math.nan,
            cost=self.cost_false_negative * self.share * (1 - found) + self.cost_false_positive * false,
        )

    def __str__(self) -> str:
        """The value in four decimals; in all that it has where four would make it 0 or 1."""
        text = f"{self.value:.4f}"
        return text if 0 < float(text) < 1 else repr(self.value)

    def to_dict(self) -> dict[str, float]:
        """All of it, for JSON."""
        return {
            "value": self.value,
            "cost_false_positive": self.cost_false_positive,
            "cost_false_negative": self.cost_false_negative,
            "share": self.share,
            "training_share": self.training_share,
        }


@dataclass(frozen=True)
class JudgedThreshold:
    """A threshold, and what photos let expect of it.

    Attributes:
        line: The threshold.
        here: What to expect of it.
        usual: What to expect of 0.5 instead.
    """

    line: Threshold
    here: AtShare
    usual: AtShare

    def to_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {**self.line.to_dict(), "expected": self.here.to_dict(), "expected_at_half": self.usual.to_dict()}


def judge_threshold(
    labels: ArrayLike,
    probabilities: ArrayLike,
    training_share: float,
    *,
    cost_false_positive: float = 1.0,
    cost_false_negative: float = 1.0,
    share: float | None = None,
) -> JudgedThreshold:
    """The threshold of least expected cost, and what labelled photos let expect of it.

    Args:
        labels: True classes `(n,)`, photos of both; they should not be those of the training.
        probabilities: `(n, 2)`.
        training_share: As for `threshold_for`.
        cost_false_positive: As for `threshold_for`.
        cost_false_negative: As for `threshold_for`.
        share: Share of the positive class in use; left out, that among these photos.

    Raises:
        ValueError: As of `threshold_for` and of `Threshold.expect`.

    Example:
        >>> p = [0.2, 0.4, 0.6, 0.3, 0.8, 0.9]
        >>> found = judge_threshold([0, 0, 0, 1, 1, 1], [[1 - x, x] for x in p], 0.5, cost_false_negative=3)
        >>> round(found.line.value, 2), round(found.here.cost, 2), round(found.usual.cost, 2)
        (0.25, 0.33, 0.67)
    """
    classes, rows = checked_pair(labels, probabilities)
    _positive(rows)  # of two classes
    _check_both(classes)
    line = threshold_for(
        training_share,
        cost_false_positive=cost_false_positive,
        cost_false_negative=cost_false_negative,
        share=float(np.mean(classes == 1)) if share is None else share,
    )
    return JudgedThreshold(line, line.expect(classes, rows), line.expect(classes, rows, 0.5))


def threshold_for(
    training_share: float,
    *,
    cost_false_positive: float = 1.0,
    cost_false_negative: float = 1.0,
    share: float | None = None,
) -> Threshold:
    """The threshold of least expected cost, if probabilities mean what they say.

    A photo that is positive with probability q in use should be called so if `q C_fn >= (1 - q) C_fp`. Its odds in use
    are those that the classifier gives, times `share/(1-share)`, divided by `training_share/(1-training_share)`.

    Args:
        training_share: Share of the positive class among the photos that the classifier was trained and calibrated on;
            where classes had weights, that of the weights, as `PhotoClassifier.class_shares_` has it.
        cost_false_positive: Cost of calling a photo positive that is not, above 0; only the ratio of the two counts.
        cost_false_negative: Cost of not calling one so that is.
        share: Share of the positive class in use; left out, that of the training.

    Raises:
        ValueError: A cost is not above 0, or a share not above 0 and below 1.

    Example:
        >>> round(threshold_for(0.5).value, 3), round(threshold_for(0.5, cost_false_negative=9.0).value, 3)
        (0.5, 0.1)
        >>> round(threshold_for(0.5, share=0.1).value, 3)
        0.9
    """
    before = checked_share("training_share", training_share)
    after = before if share is None else checked_share("share", share)
    false_positive = check_above_zero("cost_false_positive", cost_false_positive)
    false_negative = check_above_zero("cost_false_negative", cost_false_negative)
    odds = math.log(false_positive) - math.log(false_negative) + _log_odds(before) - _log_odds(after)
    return Threshold(1 / (1 + math.exp(-odds)), false_positive, false_negative, after, before)


def shift_shares(
    probabilities: ArrayLike, training_shares: Sequence[float], shares: Sequence[float]
) -> NDArray[np.float64]:
    """Probabilities where classes are as frequent as `shares` says, from those that stand for other shares.

    Each is multiplied by `shares / training_shares` of its class, and the row divided by its sum. It is right if the
    classes look the same in use and only their frequencies differ, and if the probabilities were right before.

    Args:
        probabilities: `(photos, classes)`.
        training_shares: Share of each class that they stand for, above 0, as `PhotoClassifier.class_shares_` has it.
        shares: Share of each class in use, at least 0. Both are divided by their sum.

    Raises:
        ValueError: They are of another number of classes, or out of their range.

    Example:
        >>> shift_shares([[0.5, 0.5]], (0.5, 0.5), (0.9, 0.1)).round(2).tolist()
        [[0.9, 0.1]]
    """
    rows = checked_probabilities(probabilities)
    before = checked_shares("training_shares", training_shares, rows.shape[1])
    after = checked_shares("shares", shares, rows.shape[1])
    if not before.all():
        raise ValueError(f"training_shares: each must be above 0, got {before.tolist()}")
    shifted = rows * (after / before)
    total = shifted.sum(axis=1, keepdims=True)
    lost = np.flatnonzero(total == 0)
    if lost.size:
        raise ValueError(f"shares: photo {lost[0]} is surely of a class whose share is 0")
    shifted /= total
    return shifted


def _check_both(classes: NDArray[np.int64]) -> None:
    if len(np.unique(classes)) < 2:
        raise ValueError("what to expect at a share takes photos of both classes, got one")


def _positive(probabilities: ArrayLike) -> NDArray[np.float64]:
    rows = checked_probabilities(probabilities)
    if rows.shape[1] != 2:
        raise ValueError(f"a threshold lies between two classes, but there are probabilities of {rows.shape[1]}")
    return rows[:, 1]


def _log_odds(share: float) -> float:
    return math.log(share) - math.log1p(-share)
