"""Multiplication beside NumPy's OpenBLAS here, and beside the crates `gemm` and `matrixmultiply` in the Rust bench."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import purrceptron as purr

from .clock import Effort, Timing, race
from .results import Product
from .training_rows import DisagreementError
from .workloads import Array

__all__ = ["products"]

# (m, k, n), the shapes of benches/matmul.rs; in the first two training has the left operand packed beforehand.
_PREPACKED = ((209, 12288, 20), (12288, 209, 20))
_SHAPES = (
    *_PREPACKED,
    (20, 12288, 209),
    (20, 209, 12288),
    (128, 784, 512),
    (2048, 2048, 512),
    (2048, 2048, 2048),
    (20, 209, 209),
    (32, 64, 32),
)


def _criterion_folder() -> Path:
    root = Path(__file__).parents[2]
    return Path(os.environ.get("CARGO_TARGET_DIR", root / "target")) / "criterion"


def _from_criterion(shape: tuple[int, int, int], threads: int) -> dict[str, Timing]:
    """What `cargo bench --bench matmul` left behind; empty if it did not run."""
    timings = {}
    for name in ("ours", "packed", "gemm", "matrixmultiply"):
        file = _criterion_folder() / "x".join(map(str, shape)) / name / str(threads) / "new" / "sample.json"
        if file.exists():
            sample = json.loads(file.read_text())
            pairs = zip(sample["times"], sample["iters"], strict=True)
            timings[f"Rust: {name}"] = Timing.of([1e-9 * nanoseconds / count for nanoseconds, count in pairs])
    return timings


def _calls(multiply: Callable[[Array, Array], Array], a: Array, b: Array, count: int) -> Callable[[], object]:
    def run() -> None:
        for _ in range(count):
            multiply(a, b)

    return run


def _product(shape: tuple[int, int, int], threads: int, effort: Effort) -> Product:
    from threadpoolctl import threadpool_limits

    m, k, n = shape
    random = np.random.default_rng(0)
    a = random.random((m, k), dtype=np.float32)
    b = random.random((k, n), dtype=np.float32)
    contestants = {"purrceptron": partial(purr.kernels.matmul, n_threads=threads), "NumPy": np.matmul}
    with threadpool_limits(threads, user_api="blas"):
        ours, theirs = contestants["purrceptron"](a, b), a @ b
        if not np.allclose(ours, theirs, rtol=1e-4):
            raise DisagreementError(f"products of shape {shape} differ by {np.abs(ours - theirs).max()}")
        count = effort.whole(min(2000, 5e9 / (2 * m * k * n)))
        runs = {name: (lambda: None, _calls(function, a, b, count)) for name, function in contestants.items()}
        timings = race(runs, effort, count)
    return Product(m, k, n, threads, shape in _PREPACKED, timings | _from_criterion(shape, threads))


def products(effort: Effort) -> list[Product]:
    """All shapes on one and two threads; the smallest effort leaves out the large ones."""
    if find_spec("threadpoolctl") is None:
        print("products left out: they need threadpoolctl, to set NumPy's threads", file=sys.stderr)
        return []
    shapes = [shape for shape in _SHAPES if effort.size >= 0.1 or shape[0] * shape[1] * shape[2] < 10**6]
    return [_product(shape, threads, effort) for shape in shapes for threads in (1, 2)]
