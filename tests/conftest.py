"""What several test modules share: data, the network of the series, and a fresh interpreter."""

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron.datasets.sources import load_data

settings.register_profile("purrceptron", deadline=None, max_examples=50)
settings.load_profile("purrceptron")

os.environ["PURRCEPTRON_CACHE"] = "off"  # the tests of the cache say where it is

Data = tuple[NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="session")
def drawn() -> Data:
    """A hundred drawn pictures and their labels."""
    return purr.datasets.make_cats(100, seed=0)


@pytest.fixture(scope="session")
def photos() -> Data:
    """The real training photos, if `PURRCEPTRON_PHOTOS` says where they are."""
    path = os.environ.get("PURRCEPTRON_PHOTOS")
    if not path:
        pytest.skip("PURRCEPTRON_PHOTOS is not set to an .h5 file with train_set_x and train_set_y")
    import h5py

    with h5py.File(path) as file:
        return np.asarray(file["train_set_x"]), np.asarray(file["train_set_y"]).ravel()


@pytest.fixture(scope="session")
def standard_network() -> Callable[..., purr.Sequential]:
    """Builds 12288-20-7-5-1 on bytes of pictures."""

    def build(**options: Any) -> purr.Sequential:
        layers = [purr.Rescale(1 / 255), *purr.Sequential.from_string("12288-20-7-5-1").layers]
        return purr.Sequential(layers, input_shape=(64, 64, 3), **options)

    return build


@pytest.fixture(scope="session")
def run_python() -> Callable[..., str]:
    """Runs a script in a fresh interpreter and gives back what it prints."""

    def run(script: str, *arguments: str | Path, timeout: float = 60, **environment: str) -> str:
        command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
        done = subprocess.run(
            command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture
def refused(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Says why a file is refused: soon, in a short line that no terminal obeys, and for little memory."""

    def refuse(content: bytes, kind: str = "csv", most_memory: int = 20_000_000) -> str:
        path = tmp_path / f"hostile.{kind}"
        path.write_bytes(content)
        start = time.process_time()
        tracemalloc.reset_peak()
        with pytest.raises(purr.DataError) as caught:
            load_data(path)
        assert tracemalloc.get_traced_memory()[1] < most_memory + 8 * len(content)
        assert time.process_time() - start < 5
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert message.isprintable()
        assert len(message) < 1500
        return message.removeprefix(f"{path}: ")

    tracemalloc.start()
    yield refuse
    tracemalloc.stop()
