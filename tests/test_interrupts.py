"""Ctrl-C and SIGTERM: long work stops soon, and leaves whole weights."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import purrceptron as purr

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

PRELUDE = """
import copy, os, signal, sys, threading, time
import numpy as np, purrceptron as purr

signal.signal(signal.SIGINT, signal.default_int_handler)
random = np.random.default_rng(0)
x, y = random.normal(size=(400, 300)).astype("float32"), np.arange(400) % 2

def interrupted(work, after=0.1):
    "Begins work that never ends, or takes many times as long, and interrupts it."
    def strike():
        time.sleep(after)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=strike, daemon=True).start()
    try:
        work()
    except KeyboardInterrupt:
        return
    raise SystemExit("it came to its end without an interrupt")
"""

LONG = """
net = purr.Sequential.from_string("50-2048-2048-1", seed=0)
many, labels = random.normal(size=(300_000, 50)).astype("float32"), np.arange(300_000) % 2
"""

WORK = {
    "batch by batch": ("", "train().fit(x, y, epochs=10**9)"),
    "all at once": ("", "train().fit(x, y, epochs=10**9, batch_size=None)"),
    "reduced": ("", "train().fit(x[:100], y[:100], epochs=10**9, batch_size=None, optimizer='sgd', solver='reduced')"),
    "many networks": ("", "purr.fit_many([train() for _ in range(4)], x, y, epochs=10**9)"),
    "prediction": (LONG, "net.predict(many, n_threads=2)"),
    "probabilities on one thread": (LONG, "net.predict_proba(many, n_threads=1)"),
    "evaluation": (LONG, "net.evaluate(many, labels, n_threads=2)"),
    "validation": (LONG, "net.fit(many[:32], labels[:32], epochs=1, validation_data=(many, labels), n_threads=2)"),
    "validation of many": (
        LONG,
        "purr.fit_many([net, copy.deepcopy(net)], many[:32], labels[:32], epochs=1, validation_data=(many, labels), "
        "n_threads=2)",
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_an_interrupt_ends_long_work(name: str, run_python: Callable[..., str]) -> None:
    prepare, work = WORK[name]
    script = (
        PRELUDE
        + f"""
def train(): return purr.Sequential.from_string("300-60-1", seed=0)
{prepare}
interrupted(lambda: {work})
"""
    )
    run_python(script)


@pytest.mark.parametrize("after", [0.1, 0.5])
def test_an_interrupt_ends_a_factorisation_and_changes_nothing(after: float, run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + f"""
wide = random.normal(size=(3000, 4000)).astype("float32")
net = purr.Sequential.from_string("4000-4-1", seed=0)
before = net.fingerprint()
def fit(): net.fit(wide, np.arange(3000) % 2, epochs=1, batch_size=None, optimizer="sgd", solver="reduced", n_threads=1)
interrupted(fit, {after})
assert net.fingerprint() == before
"""
    )
    run_python(script)


@pytest.mark.parametrize("batch_size", [None, 32])
def test_an_interrupted_training_has_the_weights_of_the_last_finished_step(
    batch_size: int | None, run_python: Callable[..., str]
) -> None:
    script = (
        PRELUDE
        + f"""
net = purr.Sequential.from_string("300-200-1", seed=0)
trainer = purr.Trainer(net)
interrupted(lambda: trainer.fit(x, y, epochs=10**9, batch_size={batch_size}, shuffle=False))
twin = purr.Sequential.from_string("300-200-1", seed=0)
again = purr.Trainer(twin)
size = {batch_size} or len(x)
batches = [(x[i:i + size], y[i:i + size]) for i in range(0, len(x), size)]
for step in range(trainer.steps):
    again.step(*batches[step % len(batches)])
assert trainer.steps > 10
assert net.fingerprint() == twin.fingerprint()
trainer.fit(x, y, epochs=1)  # and it goes on
assert net.fingerprint() != twin.fingerprint()
"""
    )
    run_python(script)


def test_a_handler_that_changes_the_network_in_the_midst_of_its_prediction_does_not_wait_for_ever(
    run_python: Callable[..., str],
) -> None:
    script = (
        PRELUDE
        + LONG
        + """
many = many[:40_000]
zeros = [np.zeros_like(weights) for weights in net.get_weights()]
seen = []
signal.signal(signal.SIGALRM, lambda *_: (net.set_weights(zeros), seen.append(net.fingerprint())))
expected = net.predict(many[:1000])
signal.setitimer(signal.ITIMER_REAL, 0.2)
predicted = net.predict(many)
assert (predicted[:1000] == expected).all() and (predicted[-1000:] != 0.5).any()  # as the network was at the start
assert seen == [net.fingerprint()]
"""
    )
    run_python(script, timeout=50)


# The command


def start(script: str) -> subprocess.Popen[str]:
    script = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n" + script
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("number", "status", "told"), [("SIGINT", 130, "interrupted"), ("SIGTERM", 143, "terminated")])
def test_the_command_ends_with_one_line_and_the_status_of_the_signal(
    number: str, status: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels = purr.datasets.make_cats(30, seed=0)
    np.savez("data.npz", x=images, y=labels)
    script = "import sys; sys.argv = ['purr', 'train', 'data.npz', '--epochs', '1000000000']\n"
    script += "from purrceptron.cli import main; main()"
    with start(script) as child:
        try:
            assert child.stderr is not None
            assert child.stderr.readline().startswith("reading")
            time.sleep(1.5)
            child.send_signal(getattr(signal, number))
            stdout, stderr = child.communicate(timeout=10)
        finally:
            child.kill()
    assert (child.returncode, stdout) == (status, "")
    assert stderr.splitlines()[-1].startswith(f"purr: {told}")
    assert "Traceback" not in stderr
    assert os.listdir() == ["data.npz"]


@pytest.mark.parametrize("second", ["SIGINT", "SIGTERM"])
def test_a_second_signal_ends_the_command_at_once(second: str) -> None:
    script = """
import time
from purrceptron.cli.signals import listen
listen()
try:
    print("ready", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("stopping", flush=True)
    time.sleep(60)
"""
    with start(script) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "stopping\n"
            child.send_signal(getattr(signal, second))
            assert child.wait(5) == -getattr(signal, second)
        finally:
            child.kill()


def test_what_a_shell_started_in_the_background_still_ignores_ctrl_c() -> None:
    script = """
from purrceptron.cli.signals import listen
signal.signal(signal.SIGINT, signal.SIG_IGN)
listen()
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    with start(script) as child:
        assert child.wait(20) == 0
