"""How many threads there are: asked for, in a crowd of threads, under joblib, and in forked children."""

import os
import sys
from collections.abc import Callable

import pytest

from purrceptron import _core

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
forks = pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="nobody forks there")

PRELUDE = """
import contextlib, os, signal, sys, threading, time, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np, purrceptron as purr
from purrceptron import _core

x, y = np.random.default_rng(0).normal(size=(400, 300)).astype("float32"), np.arange(400) % 2

def train(seed=0, n_threads=2, epochs=3):
    net = purr.Sequential.from_string("300-60-1", seed=seed)
    net.fit(x, y, epochs=epochs, batch_size=None, n_threads=n_threads)
    return net.fingerprint()

def own_threads():
    count = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            count += (task / "comm").read_text().startswith("purrceptron-")
    return count
"""


@pytest.fixture
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    """The cores that there are, with nothing in the environment about threads."""
    for name in ("PURRCEPTRON_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return _core.thread_count()


# How many


def test_left_alone_it_takes_the_cores_that_the_process_may_use(cores: int) -> None:
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    assert 1 <= cores <= usable


@linux
def test_it_respects_affinity(cores: int, run_python: Callable[..., str]) -> None:
    script = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from purrceptron import _core
print(_core.thread_count())
"""
    assert run_python(script) == "1"


@pytest.mark.parametrize("value", ["1", "1,4", " 1 , 2,3"])
def test_the_limit_that_others_go_by_holds_here_too(cores: int, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert _core.thread_count() == 1


@pytest.mark.parametrize("value", ["4096", "", "many", "0", "-1", ","])
def test_the_limit_of_others_is_never_more_than_the_cores_and_never_an_error(
    cores: int, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert _core.thread_count() == cores


def test_our_own_variable_comes_first_and_an_argument_before_it(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PURRCEPTRON_NUM_THREADS", "7")
    assert _core.thread_count() == 7
    assert _core.thread_count(5) == 5


def test_joblib_workers_share_the_cores(cores: int, run_python: Callable[..., str]) -> None:
    pytest.importorskip("joblib")
    script = (
        PRELUDE
        + """
from joblib import Parallel, delayed

def task(seed):
    import os
    import numpy as np, purrceptron as purr
    from purrceptron import _core
    net = purr.Sequential.from_string("300-60-1", seed=seed)
    net.fit(x, y, epochs=3, batch_size=None)
    return net.fingerprint(), _core.thread_count()

results = Parallel(n_jobs=2)(delayed(task)(seed) for seed in range(4))
assert [fingerprint for fingerprint, _ in results] == [train(seed) for seed in range(4)]
print(*{threads for _, threads in results})
"""
    )
    assert run_python(script) == str(max(1, cores // 2))


# In a crowd


@linux
def test_many_python_threads_share_few_threads_of_ours(cores: int, run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + """
alone = [train(seed) for seed in range(8)]
most = 0
with ThreadPoolExecutor(8) as pool:
    for n_threads in (2, 3, None):
        fits = [pool.submit(train, seed, n_threads, 3) for seed in range(8)]
        while not all(fit.done() for fit in fits):
            most = max(most, own_threads())
            time.sleep(0.002)
        assert [fit.result() for fit in fits] == alone
print(own_threads(), most)
"""
    )
    after, most = map(int, run_python(script).split())
    pool = max(cores, 3)
    assert after <= (max(cores, 2) - 1) + pool  # the main thread's helpers, and one pool for all others
    assert most <= after + pool  # while a larger pool takes over


@linux
def test_with_one_thread_none_is_started(run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + """
train(n_threads=None)
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda seed: train(seed, None), range(8)))
print(own_threads())
"""
    )
    assert run_python(script, OMP_NUM_THREADS="1") == "0"


@linux
def test_training_within_a_training_starts_no_threads(cores: int, run_python: Callable[..., str]) -> None:
    script = (
        PRELUDE
        + """
counts = []

class Nested(purr.Callback):
    def on_epoch_end(self, epoch, logs):
        assert train(n_threads=4) == expected
        counts.append(own_threads())

expected = train(n_threads=1)
net = purr.Sequential.from_string("300-60-1", seed=0)
net.fit(x, y, epochs=20, batch_size=None, n_threads=2, callbacks=[Nested()])
print(max(counts))
"""
    )
    assert 1 <= int(run_python(script)) <= max(cores, 2) - 1  # the main thread's helpers alone


# Forks

FORK = (
    PRELUDE
    + """
warnings.simplefilter("ignore")  # Python warns of forks in processes with threads: that is what is tested
signal.alarm(50)
expected = [train(seed) for seed in range(3)]
stop = threading.Event()

def go_on():
    while not stop.is_set():
        assert train(n_threads=2, epochs=20)

def child(work):
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)
        os._exit(0 if work() else 1)
    return pid

def join(pids):
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    assert statuses == [0] * len(pids), statuses

others = [threading.Thread(target=go_on) for _ in range(2)]
"""
)


@forks
def test_children_forked_while_others_train_in_the_parent_train_too(run_python: Callable[..., str]) -> None:
    script = (
        FORK
        + """
[other.start() for other in others]
try:
    for _ in range(5):
        join([child(lambda: [train(seed, 2 + seed) for seed in range(3)] == expected) for _ in range(2)])
        assert train() == expected[0]
finally:
    stop.set()
[other.join() for other in others]
assert train() == expected[0]
"""
    )
    run_python(script)


@forks
def test_a_child_forked_in_a_callback_trains(run_python: Callable[..., str]) -> None:
    script = (
        FORK
        + """
class Fork(purr.Callback):
    def on_epoch_end(self, epoch, logs):
        join([child(lambda: train() == expected[0])])

def fit():
    net = purr.Sequential.from_string("300-60-1", seed=0)
    net.fit(x, y, epochs=3, batch_size=None, n_threads=2, callbacks=[Fork()])
    return net.fingerprint()

assert fit() == expected[0]
with ThreadPoolExecutor(1) as pool:
    assert pool.submit(fit).result() == expected[0]
"""
    )
    run_python(script)


@forks
def test_a_pool_of_forked_processes_trains(run_python: Callable[..., str]) -> None:
    script = (
        FORK
        + """
import multiprocessing
[other.start() for other in others]
try:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map_async(train, range(3)).get(40) == expected
        assert pool.map_async(train, range(3)).get(40) == expected
finally:
    stop.set()
[other.join() for other in others]
"""
    )
    run_python(script)


# Locks


def test_predictions_and_a_watched_training_of_one_network_do_not_wait_for_each_other(
    run_python: Callable[..., str],
) -> None:
    script = (
        PRELUDE
        + """
net = purr.Sequential.from_string("300-60-1", seed=0)
done = threading.Event()
def predict():
    while not done.is_set():
        net.predict(x, n_threads=2)
others = [threading.Thread(target=predict) for _ in range(2)]
for other in others: other.start()
def train_watched():
    for _ in range(40):
        net.fit(x, y, epochs=5, callbacks=[purr.Callback()], n_threads=2)
trainer = threading.Thread(target=train_watched)
trainer.start(); trainer.join(); done.set()
for other in others: other.join()
print("done")
"""
    )
    assert run_python(script, timeout=60) == "done"
