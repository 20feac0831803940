"""Rows of whole processes: imports, and `purr train` from start to saved model."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import purrceptron as purr

from .clock import Effort, Timing, race
from .results import Row

__all__ = ["rows"]

# The package alone loads what is asked for later: the second of its rows asks for networks, and so for NumPy.
_IMPORTS = {
    "NumPy": "import numpy",
    "purrceptron": "import purrceptron",
    "purrceptron, its networks": "from purrceptron import Sequential",
    "scikit-learn": "import sklearn.neural_network",
    "JAX": "import jax",
    "PyTorch": "import torch",
}


def _environment(compiled: str) -> dict[str, str]:
    """Keeps compiled modules in a folder: an editable installation may lack those that pip makes."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**environment, "PYTHONPYCACHEPREFIX": compiled}


def _import_seconds(statement: str, compiled: str) -> float:
    """Seconds of an import in a fresh interpreter, timed inside it."""
    script = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    command = [sys.executable, "-c", script]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=_environment(compiled)).stdout
    return float(told)


def imports(effort: Effort) -> Row:
    """Imports, each in interpreters of its own; the first of each compiles, warms the file cache and does not count."""
    present = {name: line for name, line in _IMPORTS.items() if find_spec(line.split()[1].partition(".")[0])}
    seconds: dict[str, list[float]] = {name: [] for name in present}
    with tempfile.TemporaryDirectory() as compiled:
        for _ in range(effort.whole(11, 1) + 1):
            for name, statement in present.items():
                seconds[name].append(_import_seconds(statement, compiled))
    timings = {name: Timing.of(spent[1:]) for name, spent in seconds.items()}
    return Row("import", "import", "s", 1, timings, {"purrceptron": 0.1}, "")


def _train(folder: str, *arguments: object) -> None:
    """`purr train` with a model file, and all that Python compiles, in a folder."""
    command = [sys.executable, "-m", "purrceptron", "train", *arguments, "--output", f"{folder}/cats.safetensors"]
    environment = _environment(f"{folder}/compiled")
    subprocess.run([*map(str, command), "--quiet"], check=True, stdout=subprocess.DEVNULL, env=environment)


def drawn(effort: Effort) -> Row:
    """`purr train` without data: draw 400 pictures and 1,000 to score on, train, score, save."""
    epochs = effort.whole(2500, 5)
    with tempfile.TemporaryDirectory() as folder:
        _train(folder, "--epochs", 1)
        run = partial(_train, folder, "--epochs", epochs)
        timings = race({"purrceptron": (lambda: None, run)}, effort)
    title = "purr train, 400 drawn pictures and 1,000 to score on, start to saved model"
    return Row("process-drawn", title, "s", 1, timings, {"purrceptron": 20.0} if epochs == 2500 else {}, "")


def whole_process(effort: Effort) -> Row:
    """`purr train` on 209 photos; those of `PURRCEPTRON_PHOTOS` (.h5), else drawn ones (.npz)."""
    epochs = effort.whole(2500, 5)
    given = os.environ.get("PURRCEPTRON_PHOTOS")
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(given or f"{folder}/drawn.npz")
        if not given:
            images, y = purr.datasets.make_cats(209, seed=0)
            np.savez(photos, x=images, y=y)
        run = partial(_train, folder, photos, "--holdout", 0, "--epochs", epochs)
        run()
        timings = race({"purrceptron": (lambda: None, run)}, effort)
    what = "209 photos from .h5" if given else "209 drawn photos from .npz"
    title = f"purr train, {what}, {epochs} iterations, start to saved model"
    reach = {"purrceptron": 1.0} if epochs == 2500 else {}
    return Row("process", title, "s", 1, timings, reach, "")


rows: dict[str, Callable[[Effort], Row]] = {"import": imports, "process": whole_process, "process-drawn": drawn}
