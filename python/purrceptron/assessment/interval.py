"""`Interval`: a number, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..metrics import wilson_interval

__all__ = ["Interval"]


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval.

    Attributes:
        value: What was found; NaN where the photos say nothing about it, such as the recall of a class without one.
        low: Lower end.
        high: Upper end.

    Example:
        >>> half = Interval.of_share(40, 50)
        >>> round(half.value, 3), round(half.low, 3), round(half.high, 3)
        (0.8, 0.67, 0.888)
    """

    value: float
    low: float
    high: float

    @classmethod
    def of_share(cls, right: int, n: int, confidence: float = 0.95) -> Interval:
        """The share `right / n` with its Wilson interval (`purr.metrics.wilson_interval`); of no photos NaN, 0 to 1."""
        if n == 0:
            return cls(math.nan, 0.0, 1.0)
        return cls(right / n, *wilson_interval(right, n, confidence))

    def to_dict(self) -> dict[str, float | None]:
        """`{"value", "low", "high"}` for JSON, which has no NaN: an unknown value is None."""
        return {"value": None if math.isnan(self.value) else self.value, "low": self.low, "high": self.high}
