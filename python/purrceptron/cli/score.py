"""Scores of a classifier on data, as commands report them: with an interval, beside baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import click
import numpy as np
from numpy.typing import NDArray

from ..metrics import accuracy, confusion_matrix, constant_baseline, majority_baseline, wilson_interval
from .output import aligned, percent

__all__ = ["Evaluation", "Score"]


@dataclass(frozen=True)
class Score:
    """A share of photos.

    Attributes:
        right: Photos that count.
        n: Photos in all.
    """

    right: int
    n: int

    @classmethod
    def of_share(cls, share: float, n: int) -> Score:
        """The score that is `share` of `n` photos."""
        return cls(round(share * n), n)

    @property
    def value(self) -> float:
        """The share."""
        return self.right / self.n

    def to_dict(self) -> dict[str, float]:
        """The share with its Wilson 95 % interval."""
        low, high = wilson_interval(self.right, self.n)
        return {"value": self.value, "low": low, "high": high}

    def __str__(self) -> str:
        return percent(self.value)


class Evaluation:
    """How a classifier does on photos, and how well one does on them without looking.

    Args:
        names: Names of the classes.
        labels: True classes as numbers, `(photos,)`.
        predicted: Answers as numbers, `(photos,)`.
        training_photos: How many photos of each class were trained on.
    """

    def __init__(
        self,
        names: Sequence[str],
        labels: NDArray[np.int64],
        predicted: NDArray[np.int64],
        training_photos: Sequence[int],
    ) -> None:
        n = len(labels)
        self.names = list(names)
        self.accuracy = Score.of_share(accuracy(labels, predicted), n)
        training_labels = np.repeat(np.arange(len(training_photos)), training_photos)
        self.majority = Score.of_share(majority_baseline(training_labels, labels), n)
        self.majority_name = self.names[int(np.argmax(training_photos))]
        self.constant = Score.of_share(constant_baseline(labels), n)
        self.constant_name = self.names[int(np.argmax(np.bincount(labels)))]
        self.confusion = confusion_matrix(labels, predicted, len(self.names))

    def to_dict(self) -> dict[str, object]:
        """Accuracy, baselines, and how often each class was taken for each."""
        return {
            "accuracy": self.accuracy.to_dict(),
            "baselines": {
                "training_majority": {"class": self.majority_name, **self.majority.to_dict()},
                "best_constant": {"class": self.constant_name, **self.constant.to_dict()},
            },
            "confusion": {
                name: dict(zip(self.names, row, strict=True))
                for name, row in zip(self.names, self.confusion.tolist(), strict=True)
            },
        }

    def rows(self, label: str, what: str) -> list[tuple[str, str]]:
        """Accuracy with its interval, and the baselines, for `facts`; `what` names the photos."""
        score = self.accuracy.to_dict()
        interval = f"95 % interval {100 * score['low']:.1f} to {100 * score['high']:.1f} %"
        return [
            (label, f"{click.style(str(self.accuracy), bold=True)} of {self.accuracy.n:,} {what}, {interval}"),
            ("baselines", f"{self.majority} always {self.majority_name!r}, the most frequent class in training"),
            ("", f"{self.constant} always {self.constant_name!r}, the best constant answer"),
        ]

    def confusion_rows(self) -> list[str]:
        """The table of true classes and answers."""
        heads = ["taken for", *(f"is {name}" for name in self.names)]
        taken = zip(self.names, self.confusion.T, strict=True)
        columns = [heads, *([name, *(f"{count:,}" for count in column)] for name, column in taken)]
        return [f"  {line}" for line in aligned(columns, "<>")]
