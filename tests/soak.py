"""A day of small trainings in one process, pressed into minutes: what is in use at the end is what was after a while.

`python tests/soak.py --fits 100000` (`make soak`) trains, predicts, scores, steps, copies, saves, loads and resumes
small networks of many kinds, one after the other; callbacks fail and interrupt, inputs are refused, losses diverge,
files are damaged, and threads come and go. Resident memory may grow by 1 % after the first tenth, file handles and
threads by none.
"""

import argparse
import gc
import json
import os
import pickle
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import purrceptron as purr

RANDOM = np.random.default_rng(0)
X = {features: RANDOM.normal(size=(48, features)).astype("float32") for features in (6, 200)}
Y = np.arange(48) % 3
MEMORY = 0.01
COUNT: Counter[str] = Counter()


def network(turn: int) -> purr.Sequential:
    """One of many kinds: narrow or wide, single or double precision, plain or with layers that gather and draw."""
    features = 200 if turn % 4 == 0 else 6
    layers: list[purr.Layer] = [purr.Dense(5 + turn % 7, "relu")]
    if turn % 3 == 0:
        layers = [purr.Normalize(), purr.Dense(8, "tanh"), purr.BatchNorm(), purr.Dropout(0.25), *layers]
    dtype = "float64" if turn % 5 == 0 else "float32"
    return purr.Sequential([*layers, purr.Dense(3, "softmax")], input_shape=features, seed=turn, dtype=dtype)


OPTIMIZERS = [kind() for kind in purr.Optimizer.__subclasses__()]


def fit(net: purr.Sequential, turn: int, **options: Any) -> None:
    COUNT["fits"] += 1
    x = X[net.input_shape[0] if net.input_shape else 6]
    settings: dict[str, Any] = {"batch_size": (16, None, 7)[turn % 3], "n_threads": 1 + turn % 2}
    optimizer = OPTIMIZERS[turn % len(OPTIMIZERS)]
    net.fit(x, Y, **{"epochs": 1 + turn % 2, "optimizer": optimizer, **settings, **options})


def failing(kind: type[BaseException]) -> purr.Callback:
    def fail(epoch: int, logs: dict[str, float]) -> None:
        if kind is KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
        else:
            raise kind

    return purr.callbacks.LambdaCallback(on_epoch_end=fail)


def expect(kind: type[BaseException], call: Callable[[], object]) -> None:
    COUNT[kind.__name__] += 1
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} did not come")


def turn_of_all(turn: int, folder: Path) -> None:
    """A training and what goes with it; rarer things at some turns only."""
    net = network(turn)
    x = X[net.input_shape[0] if net.input_shape else 6]
    fit(net, turn)
    net.predict(x)
    COUNT["predictions"] += 1
    if turn % 5 == 0:
        net.evaluate(x, Y, metrics=["accuracy"])
        trainer = purr.Trainer(net, optimizer=purr.Adam(average=purr.EMA()), loss="cross_entropy")
        trainer.step(x, Y)
        trainer.partial_fit(x, Y)
        COUNT["steps"] += 1
    if turn % 10 == 1:
        pickle.loads(pickle.dumps(net)).predict(x)
        expect(ValueError, lambda: net.fit(x[:, 1:], Y))
        expect(ValueError, lambda: net.set_weights([]))
        expect(purr.DataError, lambda: net.fit(np.full_like(x, np.nan), Y))
    if turn % 10 == 2:
        expect(purr.DivergedError, lambda: fit(net, turn, optimizer=purr.SGD(1e30), epochs=20, batch_size=4))
        expect(ArithmeticError, lambda: fit(net, turn, callbacks=[failing(ArithmeticError)]))
        fit(net, turn, callbacks=[purr.EarlyStopping(1)], validation_split=0.25)
    if turn % 20 == 3:
        path = folder / f"{turn % 3}.safetensors"
        net.save(path)
        purr.load(path)
        COUNT["files"] += 1
        path.write_bytes(path.read_bytes()[:-1])
        expect(purr.ModelFileError, lambda: purr.load(path))
        expect(OSError, lambda: net.save(folder / "none" / "net.safetensors"))
    if turn % 20 == 4:
        expect(KeyboardInterrupt, lambda: fit(net, turn, epochs=10**9, callbacks=[failing(KeyboardInterrupt)]))
        purr.fit_many([network(4 * place) for place in (1, 2, 3)], X[200], Y, epochs=1)
        COUNT["fits"] += 3
    if turn % 20 == 6:
        with tempfile.TemporaryDirectory() as kept:
            again = pickle.loads(pickle.dumps(net))
            fit(net, turn, epochs=1, checkpoint=kept)
            fit(again, turn, epochs=2, checkpoint=kept, resume=True)
            expect(purr.CheckpointError, lambda: fit(net, turn, epochs=3, checkpoint=kept))
        COUNT["checkpoints"] += 2
    if turn % 100 == 5:
        with ThreadPoolExecutor(4) as pool:  # threads that are new each time
            jobs = [pool.submit(fit, network(turn + place), turn + place) for place in range(3)]
            jobs += [pool.submit(lambda: net.predict(x, n_threads=2)) for _ in range(8)]  # type: ignore[arg-type]
            for job in jobs:
                job.result()
        COUNT["threads"] += 4


def in_use() -> tuple[int, int, int]:
    """Resident memory in bytes, open files, and threads."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024, len(os.listdir("/proc/self/fd")), int(fields["Threads"])


def soak(fits: int, tell: Callable[[str], object] = lambda text: None) -> dict[str, Any]:
    """Goes on for so many trainings; what was in use after a tenth of them, and at the end: medians of five looks."""
    COUNT.clear()
    looks: list[tuple[int, int, int]] = []
    begun, turn, next_look = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        while COUNT["fits"] < fits:
            turn_of_all(turn, Path(folder))
            turn += 1
            if COUNT["fits"] >= next_look * fits / 100:
                looks.append(in_use())
                next_look += 1
                memory, files, threads = looks[-1]
                tell(f"{COUNT['fits']:>7} fits: {memory / 2**20:.2f} MiB, {files} files, {threads} threads")
    looks.append(in_use())
    tenth = len(looks) // 10
    before, after = (
        [statistics.median(look[kind] for look in part) for kind in range(3)]
        for part in (looks[tenth : tenth + 5], looks[-5:])
    )
    return {
        "counts": dict(COUNT),
        "seconds": round(time.monotonic() - begun, 1),
        "memory": [before[0], after[0]],
        "growth": after[0] / before[0] - 1,
        "files": [before[1], after[1]],
        "threads": [before[2], after[2]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fits", type=int, default=100_000)
    parser.add_argument("--most-growth", type=float, default=MEMORY)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    found = soak(arguments.fits, lambda text: print(text, file=sys.stderr, flush=True))
    print(json.dumps(found))
    if found["growth"] > arguments.most_growth:
        sys.exit(f"memory grew by {found['growth']:.2%}")
    for kind in ("files", "threads"):
        before, after = found[kind]
        if after > before:
            sys.exit(f"{kind}: {before} after a tenth, {after} at the end")


if __name__ == "__main__":
    main()
