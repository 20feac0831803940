"""Memory that the standard training takes beside its data."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CLEAR = Path("/proc/self/clear_refs")
SCRIPT = """
import sys
from pathlib import Path
import numpy as np, purrceptron as purr

kind, solver = sys.argv[1:]
x = (np.arange(209 * 12288, dtype="uint32") * np.uint32(2654435761) >> 24).reshape(209, 12288).astype("uint8")
y = np.arange(209) % 3 == 0
layers = purr.Sequential.from_string("12288-20-7-5-1").layers
if kind == "float32":
    x = x / np.float32(255)
else:
    layers = (purr.Rescale(1 / 255), *layers)

def train(net, x, y):
    net.fit(x, y, epochs=30, batch_size=None, optimizer=purr.SGD(0.0075), solver=solver)

def status(name):
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024

train(purr.Sequential.from_string("9-2-1"), x[:4, :9], y[:4])  # threads are there, and code is loaded
net = purr.Sequential(layers, input_shape=12288, seed=0)
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before = status("VmRSS")
train(net, x, y)
print((status("VmHWM") - before) / (4 * x.size))
"""


@pytest.mark.skipif(sys.platform != "linux" or not CLEAR.exists(), reason="the peak is read from /proc")
@pytest.mark.parametrize("kind", ["float32", "uint8"])
@pytest.mark.parametrize("solver", ["direct", "reduced"])
def test_the_standard_training_adds_at_most_four_times_its_data(
    kind: str, solver: str, run_python: Callable[..., str]
) -> None:
    added = float(run_python(SCRIPT, kind, solver))
    assert 0.3 < added <= 4, f"{added:.2f} times the data as float32"
