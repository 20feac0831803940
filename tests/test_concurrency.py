"""One network in several threads and processes: answers, trainings, and callbacks that use it meanwhile."""

import copy
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import purrceptron as purr

X = np.random.default_rng(0).normal(size=(3000, 40)).astype("float32")
Y = np.arange(3000) % 3
WAIT = 60  # seconds, for what takes less than one


def network() -> purr.Sequential:
    return purr.Sequential.from_string("40-64-3", seed=0)


class During(purr.Callback):
    """Does something within a training, once, after its first epoch."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work, self.error = work, None

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 0:
            try:
                self.work()
            except RuntimeError as error:
                self.error: RuntimeError | None = error


# Answers


@pytest.mark.parametrize("n_threads", [1, 2, None])
def test_eight_threads_get_the_answers_of_one_bit_for_bit(n_threads: int | None) -> None:
    net = network()
    asked = [
        lambda: net.predict(X, n_threads=n_threads).tobytes(),
        lambda: net.predict_proba(X[:700], n_threads=n_threads).tobytes(),
        lambda: net.predict(X[:1], n_threads=n_threads).tobytes(),
        lambda: net.forward(X[:100], n_threads=n_threads)[0].tobytes(),
        lambda: net.evaluate(X, Y, n_threads=n_threads)["loss"],
        lambda: net.loss_and_gradient(X, Y, n_threads=n_threads)[1].tobytes(),
    ]
    alone = [ask() for ask in asked]
    together = threading.Barrier(8)

    def ask_all(first: int) -> None:
        together.wait(WAIT)
        for round_ in range(5 * len(asked)):
            place = (first + round_) % len(asked)
            assert asked[place]() == alone[place]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask_all, range(8), timeout=WAIT))


# Trainings


def test_a_second_training_of_a_network_is_refused_and_the_first_is_what_it_would_be_alone() -> None:
    alone, net = network(), network()
    alone.fit(X, Y, epochs=3)
    begun, refused = threading.Event(), threading.Event()
    during = During(lambda: (begun.set(), refused.wait(WAIT)))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(net.fit, X, Y, epochs=3, callbacks=[during])
        try:
            assert begun.wait(WAIT)
            with pytest.raises(RuntimeError, match="this network is being trained already"):
                net.fit(X, Y)
            with pytest.raises(RuntimeError, match="this network is being trained already"):
                purr.Trainer(net).step(X, Y)
            with pytest.raises(RuntimeError, match="this network is being trained already"):
                purr.fit_many([network(), net], X, Y)
        finally:
            refused.set()
        first.result(WAIT)
    assert net.fingerprint() == alone.fingerprint()


def test_trainings_at_once_are_one_after_the_other_or_refused_and_never_mixed() -> None:
    net, outcomes = network(), []
    expected = [net.fingerprint()]
    twin = network()
    for _ in range(8):
        twin.fit(X[:200], Y[:200], epochs=5)
        expected.append(twin.fingerprint())

    def fit(_: int) -> bool:
        try:
            net.fit(X[:200], Y[:200], epochs=5)
        except RuntimeError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(fit, range(8), timeout=WAIT))
    assert any(outcomes)
    assert net.fingerprint() == expected[sum(outcomes)]


def test_a_training_within_a_training_of_the_same_network_is_refused() -> None:
    alone, net = network(), network()
    alone.fit(X, Y, epochs=2)
    during = During(lambda: net.fit(X, Y))
    net.fit(X, Y, epochs=2, callbacks=[during])
    assert "being trained already" in str(during.error)
    assert net.fingerprint() == alone.fingerprint()


def test_a_training_that_was_refused_or_failed_leaves_the_network_free() -> None:
    net = network()

    def fail(epoch: int, logs: dict[str, float]) -> None:
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        net.fit(X, Y, callbacks=[purr.callbacks.LambdaCallback(on_epoch_end=fail)])
    with pytest.raises(purr.DivergedError):
        net.fit(X, Y, optimizer=purr.SGD(1e30))
    with pytest.raises(ValueError, match="expects"):
        net.fit(X[:, 1:], Y)
    with pytest.raises(ValueError, match="batch_size"):
        purr.fit_many([net], X, Y, batch_size=-1)
    net.fit(X, Y, epochs=1)
    purr.fit_many([net], X, Y, epochs=1)


# Reading what is being trained


def test_a_network_in_training_can_be_read_and_is_always_that_of_a_finished_epoch(tmp_path: Path) -> None:
    net, epochs = network(), 40
    finished, done, read = {net.fingerprint()}, threading.Event(), []

    def note(epoch: int, logs: dict[str, float]) -> None:
        finished.add(net.fingerprint())

    def keep_reading() -> None:
        while not done.is_set():
            net.predict(X[:600], n_threads=2)
            net.get_weights()
            read.append(net.fingerprint())
            read.append(copy.deepcopy(net).fingerprint())
            net.save(tmp_path / "now.safetensors")
            loaded: Any = purr.load(tmp_path / "now.safetensors")
            read.append(loaded.fingerprint())

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(keep_reading)
        net.fit(X, Y, epochs=epochs, callbacks=[purr.callbacks.LambdaCallback(on_epoch_end=note)])
        done.set()
        reader.result(WAIT)
    assert read
    assert set(read) <= finished
    assert len(finished) == epochs + 1


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("in_thread", [False, True])
def test_callbacks_that_wait_for_threads_that_use_the_network_do_not_lock_up(n_threads: int, in_thread: bool) -> None:
    net, seen = network(), []

    def ask() -> None:
        seen.append(net.predict(X, n_threads=n_threads).tobytes())
        seen.append(net.predict_proba(X, n_threads=n_threads).tobytes())
        net.get_weights()
        net.fingerprint()

    class Asking(purr.Callback):
        def on_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            others = [threading.Thread(target=ask, daemon=True) for _ in range(2)]
            for other in others:
                other.start()
            for other in others:
                other.join(WAIT)
                assert not other.is_alive()

        on_epoch_end = lambda self, epoch, logs: self.on_batch_end(0, logs)  # noqa: E731

    def fit() -> None:
        net.fit(X, Y, epochs=2, batch_size=1500, n_threads=n_threads, callbacks=[Asking()])

    with ThreadPoolExecutor(1) as pool:
        pool.submit(fit).result(WAIT) if in_thread else fit()
    assert len(seen) == 2 * 2 * 6


# Forks


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="nobody forks there")
def test_workers_forked_from_a_process_that_has_predicted_and_trains_answer_and_train(
    run_python: Callable[..., str],
) -> None:
    script = """
import os, signal, threading, warnings
import numpy as np, purrceptron as purr
warnings.simplefilter("ignore")  # Python warns of forks in processes with threads: that is what is tested
x, y = np.random.default_rng(0).normal(size=(3000, 40)).astype("float32"), np.arange(3000) % 3
net = purr.Sequential.from_string("40-64-3", seed=0)
expected = net.predict(x, n_threads=2).tobytes()
busy, stop = purr.Sequential.from_string("40-64-3", seed=1), threading.Event()
train = lambda: busy.fit(x, y, epochs=10**9, callbacks=[
    purr.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: (begun.set(), stop.is_set())[1])])
begun = threading.Event()
trainer = threading.Thread(target=train)
trainer.start()
begun.wait()
workers = []
for _ in range(8):
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        ok = net.predict(x, n_threads=2).tobytes() == expected
        busy.fit(x, y, epochs=1)  # the parent's training is not the child's
        os._exit(0 if ok else 1)
    workers.append(pid)
statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in workers]
stop.set()
trainer.join()
print(statuses)
"""
    assert run_python(script) == str([0] * 8)
