"""Memory that is not to be had: one clear error before the work starts, never the end of the process."""

import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limit is one of Linux")

LIMIT = """
import os, resource
import numpy as np, purrceptron as purr
from pathlib import Path

def limit(megabytes):
    "Room for so much more than there is now."
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20,) * 2)

def refused(work):
    try:
        work()
    except MemoryError as error:
        return str(error)
    raise SystemExit("there was enough")

small = purr.Sequential.from_string("4-3-1", seed=0)
x, y = np.ones((4, 4), dtype="float32"), np.array([0, 1, 0, 1])
small.fit(x, y, epochs=1, n_threads=2)  # threads are there, and code is loaded
"""

STILL_USABLE = """
small.fit(x, y, epochs=1)
assert np.isfinite(small.predict(x)).all()
"""

CASES = {
    "a giant layer": (
        "",
        200,
        "purr.Sequential([purr.Dense(100_000)], input_shape=100_000, seed=0)",
        "a network needs 10000100000 numbers (40.0 GB): more memory than there is",
    ),
    "a giant prediction": (
        "net = purr.Sequential([purr.Dense(100_000)], input_shape=1, seed=0); many = np.ones((10_000, 1), 'float32')",
        1500,
        "net.predict(many)",
        "a prediction needs 1000000000 numbers (4.0 GB): more memory than there is",
    ),
    "a giant layer within a prediction": (
        "net = purr.Sequential([purr.Dense(500_000), purr.Dense(1)], input_shape=1, seed=0)",
        300,
        "net.predict(np.ones((512, 1), 'float32'))",
        "a prediction needs 256001024 numbers (1.0 GB): more memory than there is",
    ),
    "an evaluation": (
        "net = purr.Sequential([purr.Dense(500_000), purr.Dense(1)], input_shape=1, seed=0)",
        300,
        "net.evaluate(np.ones((512, 1), 'float32'), np.ones(512), loss='mean_squared_error')",
        "an evaluation needs 256001024 numbers (1.0 GB): more memory than there is",
    ),
    "every intermediate": (
        "net = purr.Sequential([purr.Dense(500_000), purr.Dense(1)], input_shape=1, seed=0)",
        300,
        "net.forward(np.ones((512, 1), 'float32'))",
        "a pass needs 256001024 numbers (1.0 GB): more memory than there is",
    ),
    "what an optimizer remembers": (
        "net = purr.Sequential([purr.Dense(5000)], input_shape=5000, seed=0)",
        250,
        "purr.Trainer(net, loss='mean_squared_error')",
        "a trainer needs 75015000 numbers (300.1 MB): more memory than there is",
    ),
    "a training": (
        "net = purr.Sequential([purr.Dense(5000)], input_shape=5000, seed=0)",
        250,
        "net.fit(np.ones((4, 5000), 'float32'), np.ones((4, 5000), 'float32'), optimizer='sgd',"
        " loss='mean_squared_error', solver='direct')",
        "a training needs 50050000 numbers (200.2 MB): more memory than there is",
    ),
    "a batch of all samples": (
        "net = purr.Sequential([purr.Dense(10_000), purr.Dense(1)], input_shape=1, seed=0)\n"
        "many = np.ones((20_000, 1), 'float32')",
        300,
        "net.fit(many, many, loss='mean_squared_error', batch_size=None)",
        "a training needs 200160004 numbers (800.6 MB): more memory than there is",
    ),
    "a factor of many samples": (
        "net = purr.Sequential.from_string('20000-2-1', seed=0)\nmany = np.zeros((5000, 20_000), 'uint8')",
        400,
        "net.fit(many, np.arange(5000) % 2, batch_size=32, optimizer='sgd', solver='reduced')",
        "a reduced training needs 75000000 numbers (600.0 MB): more memory than there is",
    ),
    "a copy of the weights": (
        "net = purr.Sequential([purr.Dense(5000)], input_shape=5000, seed=0)",
        50,
        "net.get_weights()",
        "a copy of the weights needs 25005000 numbers (100.0 MB): more memory than there is",
    ),
    "a file": (
        "net = purr.Sequential([purr.Dense(5000)], input_shape=5000, seed=0)",
        150,
        "net.save('never_written.safetensors')",
        "a model file needs 200040000 numbers (200.0 MB): more memory than there is",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_memory_that_is_not_to_be_had_is_an_error_that_says_how_much_for_what(
    name: str, run_python: Callable[..., str]
) -> None:
    prepare, megabytes, work, told = CASES[name]
    script = f"{LIMIT}\n{prepare}\nlimit({megabytes})\nprint(refused(lambda: {work}))\n{STILL_USABLE}"
    assert run_python(script) == told
