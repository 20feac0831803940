"""The chart: how many times faster than each peer, and how the time for the same work goes with size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .results import Growth, Row

__all__ = ["draw"]

_COLORS = {"NumPy": "#4477aa", "scikit-learn": "#ee8866", "JAX": "#228833", "PyTorch": "#aa3377"}


def draw(rows: Sequence[Row], growth: Sequence[Growth], file: Path) -> None:
    """Writes a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12, 4.8), width_ratios=(3, 2), layout="constrained")
    compared = [row for row in rows if any(name.startswith(tuple(_COLORS)) for name in row.timings)]
    for position, row in enumerate(reversed(compared)):
        medians = [timing.median for name, timing in row.timings.items() if name.startswith("purrceptron")]
        ours = max(medians) if row.key == "import" else min(medians)  # with its networks: only then can it be used
        for peer, color in _COLORS.items():
            theirs = [timing.median for name, timing in row.timings.items() if name.startswith(peer)]
            if theirs:
                left.plot(min(theirs) / ours, position, "o", color=color, markersize=8)
    left.axvline(1, color="black", linewidth=1)
    left.set_xscale("log")
    left.set_yticks(range(len(compared)), [row.title for row in reversed(compared)], fontsize=8)
    left.grid(axis="x", alpha=0.3)
    left.set_xlabel("time of a peer / time of purrceptron (right of 1: purrceptron is faster)")
    for peer, color in _COLORS.items():
        if any(name.startswith(peer) for row in compared for name in row.timings):
            left.plot([], [], "o", color=color, label=peer)
    left.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=len(_COLORS), fontsize=8, frameon=False)

    for one in growth:
        if one.axis != "threads":
            least = min(timing.median / work for _, work, timing in one.points)
            sizes = [size for size, _, _ in one.points]
            right.plot(
                sizes, [t.median / work / least for _, work, t in one.points], "o-", markersize=4, label=one.axis
            )
    right.set_xscale("log")
    right.set_yscale("log")
    right.grid(alpha=0.3)
    right.set_xlabel("size")
    right.set_ylabel("time for the same work, 1 at the best size")
    if any(one.axis != "threads" for one in growth):
        right.legend(fontsize=8)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)
