"""What the rows give: plain data for tables, JSON and the chart."""

from __future__ import annotations

from dataclasses import dataclass, field

from .clock import Timing

__all__ = ["Growth", "Product", "Row"]


@dataclass
class Row:
    """One workload and its contestants.

    Attributes:
        key: For `--only`.
        title: What was timed.
        unit: "ms an iteration", "us a step", ...; `scale` units are one second.
        reach: What the design asks of us, in the unit, by contestant.
        timings: By contestant, in seconds.
        agreement: How the results were compared, and how far they lie apart.
    """

    key: str
    title: str
    unit: str
    scale: float
    timings: dict[str, Timing]
    reach: dict[str, float] = field(default_factory=dict)
    agreement: str = ""


@dataclass
class Growth:
    """Our time along one axis of size.

    Attributes:
        key: For `--only`.
        title: The network and what grows.
        axis: Name of what grows.
        work: What a unit of work is.
        points: (size, units of work, timing in seconds).
    """

    key: str
    title: str
    axis: str
    work: str
    points: list[tuple[int, float, Timing]]


@dataclass
class Product:
    """One multiplication, `(m, k) · (k, n)` on some threads: timings by contestant, in seconds.

    `prepacked` says that training packs the left operand once; then `ours, packed before` counts.
    """

    m: int
    k: int
    n: int
    threads: int
    prepacked: bool
    timings: dict[str, Timing]
