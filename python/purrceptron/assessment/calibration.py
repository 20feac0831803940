"""Whether probabilities mean what they say, and a temperature that makes them.

The curve: DeGroot & Fienberg, "The comparison and evaluation of forecasters" (1983); its error (ECE): Naeini, Cooper &
Hauskrecht, AAAI 2015. The temperature: Guo, Pleiss, Sun & Weinberger, "On calibration of modern neural networks", ICML
2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._arrays import Array
from .._spec import check_above_zero, check_whole
from ._inputs import checked_pair, checked_probabilities, checked_shares
from .interval import Interval

__all__ = ["CalibrationCurve", "calibration_curve", "fit_temperature", "scale_probabilities"]

# What float32 keeps below 1: a probability says no more than that, and a wrong answer costs no more than 16.6.
_LEAST = 2.0**-24
LEAST_TEMPERATURE, MOST_TEMPERATURE = 0.01, 100.0


@dataclass(frozen=True)
class CalibrationCurve:
    """How often photos are of a class, beside how probable that was said to be.

    Of two classes it is about the probability of the second; of more about that of the answer, and how often the answer
    is right.

    Attributes:
        predicted: Mean probability of each bin `(bins,)`, increasing.
        observed: Share of the bin's photos that are of the class.
        low: Lower ends of the shares' Wilson intervals.
        high: Upper ends.
        counts: Photos of each bin.
        error: Expected calibration error: `Σ counts |predicted - observed| / n`. Chance alone makes it larger than 0.
    """

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    counts: tuple[int, ...]
    error: float

    def to_dict(self) -> dict[str, object]:
        """All of it, for JSON."""
        bins = zip(self.predicted, self.observed, self.low, self.high, self.counts, strict=True)
        return {
            "error": self.error,
            "bins": [
                {"predicted": predicted, "observed": {"value": observed, "low": low, "high": high}, "photos": count}
                for predicted, observed, low, high, count in bins
            ],
        }


def calibration_curve(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, confidence: float = 0.95
) -> CalibrationCurve:
    """The calibration curve, in bins of about equally many photos.

    Args:
        labels: True classes `(n,)`, as numbers in the order of the outputs.
        probabilities: `(n, classes)`.
        bins: At most so many, and no more than leave ten photos each; photos of equal probability share a bin.
        confidence: Of the intervals.

    Raises:
        ValueError: Labels or probabilities are none, or do not fit.

    Example:
        >>> import numpy as np
        >>> p = np.tile([0.25, 0.75], 20)  # of 20 photos 0.25, and 5 of them are; of 20 0.75, and 10 are
        >>> labels = np.tile([0, 1, 0, 0, 0, 1, 1, 0], 5)
        >>> curve = calibration_curve(labels, np.stack([1 - p, p], axis=1))
        >>> curve.predicted, curve.observed, curve.error
        ((0.25, 0.75), (0.25, 0.5), 0.125)
    """
    classes, rows = checked_pair(labels, probabilities)
    check_whole("bins", bins, 1)
    if rows.shape[1] == 2:
        said, came = rows[:, 1], classes == 1
    else:
        said, came = rows.max(axis=1), rows.argmax(axis=1) == classes
    edges = np.quantile(said, np.linspace(0, 1, max(1, min(bins, len(said) // 10)) + 1))
    place = np.searchsorted(edges[1:-1], said)  # as scikit-learn's: an edge belongs to the bin below it
    parts = [place == i for i in np.unique(place)]
    shares = [Interval.of_share(int(came[part].sum()), int(part.sum()), confidence) for part in parts]
    predicted = [float(said[part].mean()) for part in parts]
    counts = [int(part.sum()) for part in parts]
    gaps = [abs(p - share.value) * n for p, share, n in zip(predicted, shares, counts, strict=True)]
    return CalibrationCurve(
        predicted=tuple(predicted),
        observed=tuple(share.value for share in shares),
        low=tuple(share.low for share in shares),
        high=tuple(share.high for share in shares),
        counts=tuple(counts),
        error=sum(gaps) / len(said),
    )


def scale_probabilities(probabilities: ArrayLike, temperature: float) -> NDArray[np.float64]:
    """Probabilities of logits that are divided by a temperature: `softmax(ln p / T)`.

    Above 1 they become less sure, below 1 surer; the most probable class stays what it is. Two classes of one sigmoid
    are the same: their logits are 0 and `ln p/(1-p)`. Probabilities below 2^-24 count as that.

    Args:
        probabilities: `(n, classes)`.
        temperature: Above 0.

    Raises:
        ValueError: The probabilities are none, or the temperature is not above 0.

    Example:
        >>> scale_probabilities([[0.1, 0.9]], 2.0).round(3).tolist()
        [[0.25, 0.75]]
    """
    logits = _logits(checked_probabilities(probabilities)) / check_above_zero("temperature", temperature)
    return _softmax(logits)


def fit_temperature(labels: ArrayLike, probabilities: ArrayLike, *, shares: Sequence[float] | None = None) -> float:
    """The temperature under which photos that were not trained on are most likely to be what they are.

    It minimises the mean of `-Σ_k t_k ln softmax(ln p / T)_k`, the log loss, which is convex in 1/T. The targets t are
    Platt's (1999, "Probabilistic outputs for support vector machines", section 2.2) and not 0 and 1: of the n photos
    of a class, t is (n+1)/(n+2) for the true class and what is left shared among the others. So a few photos that were
    all told right do not make it certain of everything.

    Args:
        labels: True classes `(n,)`, as numbers.
        probabilities: `(n, classes)`, of photos that were not trained on.
        shares: Share of each class that the probabilities stand for, as `PhotoClassifier.class_shares_` has it, where
            that is not the one among the photos: each photo is weighted by its class, so that the classes have these
            shares. Otherwise the temperature would make up for the shares, which it cannot. All photos count alike by
            default.

    Returns:
        The temperature, 0.01 to 100; 1 where the probabilities tell nothing apart.

    Raises:
        ValueError: Labels, probabilities or shares are none, or do not fit.

    Example:
        >>> import numpy as np
        >>> p = np.full((1000, 2), (0.05, 0.95))  # so sure
        >>> labels = np.arange(1000) % 4 > 0       # but right in three of four
        >>> temperature = fit_temperature(labels, p)
        >>> scale_probabilities(p[:1], temperature).round(2).tolist()
        [[0.25, 0.75]]
    """
    classes, rows = checked_pair(labels, probabilities)
    logits = _logits(rows)
    counts = np.bincount(classes, minlength=rows.shape[1])
    weights = np.ones((len(classes), 1))
    if shares is not None:
        of_class = checked_shares("shares", shares, rows.shape[1]) * len(classes) / np.maximum(counts, 1)
        weights = of_class[classes][:, None]
    surest = (counts + 1) / (counts + 2)
    targets = np.repeat((1 - surest)[classes][:, None] / (rows.shape[1] - 1), rows.shape[1], axis=1)
    targets[np.arange(len(classes)), classes] = surest[classes]
    logits -= logits.mean(axis=1, keepdims=True)
    if not abs(logits).max() > 1e-9:
        return 1.0
    hoped = float((weights * targets * logits).sum())

    def surer_than_it_may(temperature: float) -> bool:  # the sign of the loss's slope in 1/T, which only grows
        return float((weights * _softmax(logits / temperature) * logits).sum()) > hoped

    low, high = np.log(LEAST_TEMPERATURE), np.log(MOST_TEMPERATURE)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if surer_than_it_may(float(np.exp(middle))) else (low, middle)
    return float(np.clip(np.exp((low + high) / 2), LEAST_TEMPERATURE, MOST_TEMPERATURE))


def _logits(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    logits: NDArray[np.float64] = np.log(np.clip(rows, _LEAST, 1 - _LEAST))
    return logits


def _softmax(logits: Array) -> NDArray[np.float64]:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
