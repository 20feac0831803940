"""Arrays as text: matrices in brackets, side by side, cut where they are large."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

__all__ = ["mathematical", "side_by_side"]

_MOST_ROWS, _MOST_COLUMNS = 8, 5
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def mathematical(text: str) -> str:
    """Numbers of layers as subscripts: "z1 = x · W1 + b1" is "z₁ = x · W₁ + b₁"."""
    return re.sub(r"(?<![A-Za-z])(d?[aWbz])(\d+)", lambda match: match[1] + match[2].translate(_SUBSCRIPTS), text)


def side_by_side(arrays: Iterable[tuple[str, NDArray[Any]]], width: int) -> list[str]:
    """Named arrays as blocks of lines, as many beside each other as `width` holds."""
    lines: list[str] = []
    row: list[list[str]] = []
    for block in (_block(name, np.atleast_2d(array)) for name, array in arrays):
        if row and sum(len(other[0]) + 3 for other in row) + len(block[0]) > width:
            lines += [*_joined(row), ""]
            row = []
        row.append(block)
    return lines + _joined(row)


def _joined(row: list[list[str]]) -> list[str]:
    height = max(map(len, row), default=0)
    blocks = [[*block, *[" " * len(block[0])] * (height - len(block))] for block in row]
    lines = ["   ".join(parts).rstrip() for parts in zip(*blocks, strict=True)]
    return [click.style(lines[0], dim=True), *lines[1:]] if lines else []


def _block(name: str, matrix: NDArray[Any]) -> list[str]:
    """The name, and below it the numbers in brackets, all lines of one length."""
    rows = [[_number(value) for value in row] for row in matrix]
    if matrix.shape[1] > _MOST_COLUMNS:
        rows = [[*row[: _MOST_COLUMNS - 2], "…", row[-1]] for row in rows]
    if len(rows) > _MOST_ROWS:
        rows = [*rows[: _MOST_ROWS - 2], ["⋮"] * len(rows[0]), rows[-1]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    body = ["  ".join(cell.rjust(size) for cell, size in zip(row, widths, strict=True)) for row in rows]
    edges = ["[]"] if len(body) == 1 else ["⎡⎤", *["⎢⎥"] * (len(body) - 2), "⎣⎦"]
    lines = [f"{edge[0]} {line} {edge[1]}" for edge, line in zip(edges, body, strict=True)]
    size = max(len(name), len(lines[0]))
    return [name.ljust(size), *(line.ljust(size) for line in lines)]


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 1000 else f"{value:.3e}"
