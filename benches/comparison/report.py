"""Results as markdown tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .results import Growth, Product, Row

__all__ = ["best_peer", "faster_than_work", "markdown", "number", "ratio_to_best"]

_OURS = "purrceptron"


def best_peer(row: Row) -> str | None:
    """The fastest of the others."""
    others = [name for name in row.timings if not name.startswith(_OURS)]
    return min(others, key=lambda name: row.timings[name].median, default=None)


def ratio_to_best(row: Row, name: str = _OURS) -> float:
    """How many times faster than the best of the others; below 1 the row is lost, 0 without others."""
    best = best_peer(row)
    return row.timings[best].median / row.timings[name].median if best else 0.0


def markdown(
    machine: dict[str, Any], rows: Sequence[Row], growth: Sequence[Growth], products: Sequence[Product]
) -> str:
    """The report: machine, speed table, multiplication, growth; parts that were not measured are left out."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; {versions}."]
    parts += [f"`{library}`" for library in machine["libraries"]]
    parts += [_speed(rows)] if rows else []
    parts += [_products(products)] if products else []
    parts += [_growth(one) for one in growth]
    return "\n\n".join(parts) + "\n"


def _lines(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines))


def number(value: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _speed(rows: Sequence[Row]) -> str:
    lines = []
    for row in rows:
        fastest = min(row.timings, key=lambda name: row.timings[name].median)
        for position, (name, timing) in enumerate(row.timings.items()):
            times = (timing.best, timing.lower, timing.median, timing.upper)
            best, low, middle, high = (number(row.scale * t) for t in times)
            ours = name.startswith(_OURS)
            ratio = ratio_to_best(row, name) if ours else 0
            lines.append(
                [
                    f"`{row.key}` {row.title}, {row.unit}" if position == 0 else "",
                    name,
                    f"**{middle}**" if name == fastest else middle,
                    f"{low} to {high}, {timing.repeats}",
                    best,
                    f"{ratio:.2f}" if ratio else "",
                    _reach(row, name),
                ]
            )
    head = ("workload", "who", "median", "quartiles, rounds", "fastest", "best peer / ours", "asked for")
    notes = [f"`{row.key}`: {row.agreement}." for row in rows if row.agreement]
    return "\n\n".join([_lines(head, lines), "Agreement: " + " ".join(notes)] if notes else [_lines(head, lines)])


def _reach(row: Row, name: str) -> str:
    if name not in row.reach:
        return ""
    met = row.scale * row.timings[name].median <= row.reach[name]
    return f"<= {row.reach[name]:g}: {'met' if met else 'missed'}"


def _products(products: Sequence[Product]) -> str:
    lines = []
    for product in products:
        work = 2 * product.m * product.k * product.n
        timings = product.timings

        def speed(name: str, timings: dict = timings, work: float = work) -> str:
            return f"{work / timings[name].best / 1e9:.0f}" if name in timings else ""

        def ratio(theirs: str, ours: str, timings: dict = timings) -> str:
            both = theirs in timings and ours in timings
            return f"{timings[theirs].best / timings[ours].best:.2f}" if both else ""

        lines.append(
            [
                f"{product.m}x{product.k}x{product.n}",
                str(product.threads),
                *map(
                    speed, ("purrceptron", "NumPy", "Rust: ours", "Rust: packed", "Rust: gemm", "Rust: matrixmultiply")
                ),
                ratio("NumPy", "purrceptron"),
                ratio("Rust: gemm", "Rust: ours"),
                *(ratio(name, "Rust: packed") if product.prepacked else "" for name in ("NumPy", "Rust: gemm")),
            ]
        )
    head = (
        "m x k x n",
        "threads",
        "ours, Python",
        "NumPy",
        "ours, Rust",
        "ours, packed before",
        "gemm",
        "matrixmultiply",
        "NumPy / ours",
        "gemm / ours",
        "NumPy / packed",
        "gemm / packed",
    )
    return "GFLOP/s of the fastest round, and ratios of times:\n\n" + _lines(head, lines)


def _growth(growth: Growth) -> str:
    lines = []
    last = None
    for size, work, timing in growth.points:
        each = timing.median / work
        lines.append(
            [f"{size:,}", f"{timing.median * 1e6:,.3g}", f"{each * 1e6:.3g}", f"{each / last:.2f}" if last else ""]
        )
        last = each
    head = (growth.axis, "us", f"us for {growth.work}", "of the row above")
    return f"`{growth.key}` {growth.title}:\n\n{_lines(head, lines)}"


def faster_than_work(growth: Growth) -> list[str]:
    """Where the time grows by more than a tenth faster than the work, from one size to the next."""
    said = []
    for (size, work, timing), (next_size, next_work, next_timing) in pairwise(growth.points):
        grown = (next_timing.median / next_work) / (timing.median / work)
        if grown > 1.1:
            said.append(
                f"{growth.key}: from {size:,} to {next_size:,} the time for the same work grows {grown:.2f} times"
            )
    return said
