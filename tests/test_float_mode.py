"""Flush-to-zero or another rounding, switched on by another library, changes no weight."""

import platform
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64") or platform.libc_ver()[0] != "glibc",
    reason="the mode is set through glibc, on x86-64 or aarch64",
)

# Gradients and weights are subnormal. `flush` does what loading a library built with -ffast-math does, `upward` what a
# library of interval arithmetic may forget to take back.
PRELUDE = """
import ctypes, hashlib, platform, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, purrceptron as purr

libm = ctypes.CDLL("libm.so.6")
arm = platform.machine() == "aarch64"

def flush():
    environment = (ctypes.c_uint32 * 16)()
    libm.fegetenv(environment)
    environment[0 if arm else 7] |= 1 << 24 if arm else 0x8040
    libm.fesetenv(environment)

def upward():
    libm.fesetround(0x400000 if arm else 0x800)

def is_standard():
    third = np.float32(1) / np.float32(3)
    return bool(np.float32(2e-38) * np.float32(0.25) > 0 and third + np.float32(1e-8) == third)

x = (np.arange(500 * 600, dtype="uint32") * np.uint32(2654435761) >> 16).reshape(500, 600) * 2.0**-16
x = (x * 1e-30).astype("float32")
y = np.full(500, 1e-9, dtype="float32")  # NumPy converts in whatever mode there is

def train(n_threads, solver="direct", batch_size=None, callbacks=()):
    net = purr.Sequential([purr.Dense(1, kernel_initializer="zeros")], input_shape=600, seed=0)
    net.fit(x, y, epochs=4, batch_size=batch_size, optimizer=purr.SGD(0.5, momentum=0.5), loss="mean_squared_error",
            n_threads=n_threads, solver=solver, callbacks=callbacks)
    return net.fingerprint()

def trainings():
    runs = [train(n_threads, solver, batch_size)
            for n_threads in (1, 2, 3) for solver in ("direct", "reduced") for batch_size in (None, 100)]
    return [*runs, steps(), *first_weights_and_answers()]

def first_weights_and_answers():
    ones, drawn = np.ldexp(x, 99), purr.Sequential.from_string("600-40:tanh-2:identity", seed=0)  # exact in every mode
    logits = purr.kernels.dense_forward(ones, np.ldexp(x[:9].T, 95).copy(), np.full(9, 1e-9, "float32"))
    parts = [drawn.predict_proba(ones), logits, purr.kernels.sigmoid(logits), purr.kernels.softmax(logits),
             purr.kernels.binary_cross_entropy(logits, logits > 0)[1], purr.kernels.initialize(3, 4, seed=0)]
    return [drawn.fingerprint(), *(hashlib.sha256(part.tobytes()).hexdigest() for part in parts)]

def steps():
    net = purr.Sequential([purr.Dense(1, kernel_initializer="zeros")], input_shape=600, seed=0)
    trainer = purr.Trainer(net, optimizer="sgd", loss="mean_squared_error", n_threads=2)
    for _ in range(3):
        trainer.step(x, y)
    return net.fingerprint()

assert is_standard()
"""


@pytest.mark.parametrize("mode", ["flush", "upward"])
@pytest.mark.parametrize("begun", ["before", "after"])
@pytest.mark.parametrize("place", ["main", "thread"])
def test_a_mode_set_beforehand_changes_no_weight_and_stays_set(
    mode: str, begun: str, place: str, run_python: Callable[..., str]
) -> None:
    """`begun`: whether the library's threads start before the mode is set; `place`: the thread that trains."""
    script = (
        PRELUDE
        + """
mode, begun, place = sys.argv[1:]
with ThreadPoolExecutor(1) as pool:
    call = (lambda function: function()) if place == "main" else (lambda function: pool.submit(function).result())
    if begun == "before":
        call(lambda: train(3))
    call(globals()[mode])
    prints = call(trainings)
    assert not call(is_standard), "the thread has another mode afterwards"
print(*prints)
"""
    )
    expected = run_python(PRELUDE + "print(*trainings())")
    assert len(set(expected.split())) > 2
    assert run_python(script, mode, begun, place) == expected


@pytest.mark.parametrize("mode", ["flush", "upward"])
def test_a_mode_that_a_callback_sets_changes_no_weight(mode: str, run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + """
class Meddler(purr.Callback):
    def on_epoch_end(self, epoch, logs):
        globals()[sys.argv[1]]()

def meddled(solver):
    return train(2, solver, 100, [Meddler()])

plain = [train(2, solver, 100) for solver in ("direct", "reduced")]
assert [meddled("direct"), meddled("reduced")] == plain
with ThreadPoolExecutor(1) as pool:
    assert list(pool.map(meddled, ("direct", "reduced"))) == plain
"""
    )
    run_python(script, mode)


def test_the_weights_of_these_trainings_are_subnormal(run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + """
net = purr.Sequential([purr.Dense(1, kernel_initializer="zeros")], input_shape=600, seed=0)
net.fit(x, y, epochs=4, batch_size=None, optimizer="sgd", loss="mean_squared_error")
kernel = net.get_weights()[0]
assert ((0 < abs(kernel)) & (abs(kernel) < np.finfo("float32").smallest_normal)).mean() > 0.9
flush()
assert not is_standard()
"""
    )
    run_python(script)
