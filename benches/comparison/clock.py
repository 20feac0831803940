"""The clock: contestants take turns, and the median counts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import quantiles

__all__ = ["Effort", "Timing", "race"]

# Threads of a library that has just run may wait busily for more work; after this pause they sleep.
_PAUSE = 0.06


@dataclass(frozen=True)
class Effort:
    """How much to measure: repeats of every contestant, seconds for each of them in one row, share of full size."""

    repeats: int
    budget: float
    size: float

    def whole(self, full: int, least: int = 1) -> int:
        """A number of steps or calls for this effort."""
        return max(least, round(full * self.size))


@dataclass(frozen=True)
class Timing:
    """Seconds of one unit of work: fastest, median, quartiles, number of repeats."""

    best: float
    median: float
    lower: float
    upper: float
    repeats: int

    @classmethod
    def of(cls, seconds: Sequence[float], units: float = 1) -> Timing:
        """Summary of repeats that did `units` each."""
        several = seconds if len(seconds) > 1 else [*seconds, *seconds]
        lower, median, upper = quantiles(several, n=4, method="inclusive")
        return cls(min(seconds) / units, median / units, lower / units, upper / units, len(seconds))

    def times(self, count: float) -> Timing:
        """Of `count` units."""
        scaled = {name: getattr(self, name) * count for name in ("best", "median", "lower", "upper")}
        return replace(self, **scaled)


def race(
    runs: dict[str, tuple[Callable[[], object], Callable[[], object]]], effort: Effort, units: float = 1
) -> dict[str, Timing]:
    """Times `(prepare, run)` of each name in turns, `run` alone inside the clock. Each must have run once before.

    The order is turned by one place each round. Who has used up the effort's budget stays out of further rounds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    gc.collect()
    gc.disable()
    try:
        for _ in range(effort.repeats):
            for name in names:
                spent = seconds[name]
                if spent and sum(spent) + spent[-1] > effort.budget:
                    continue
                prepare, run = runs[name]
                prepare()
                time.sleep(_PAUSE)
                start = time.perf_counter()
                run()
                spent.append(time.perf_counter() - start)
            names.append(names.pop(0))
    finally:
        gc.enable()
    return {name: Timing.of(spent, units) for name, spent in seconds.items()}
