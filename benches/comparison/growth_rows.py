"""How our time grows with the size of the problem: no faster than the work, beyond the smallest sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise

from .clock import Effort, Timing, race
from .peers import ours
from .results import Growth
from .workloads import CATS, Training, drawn_cats, first_weights, table

__all__ = ["rows"]

_MULTIPLY_ADDS = "10^6 multiply-adds"


def _multiply_adds(sizes: tuple[int, ...], samples: int) -> float:
    """Of one step in millions: forward, kernels' gradients, and the inputs' gradients of all layers but the first."""
    products = [inputs * units for inputs, units in pairwise(sizes)]
    return samples * (3 * sum(products) - products[0]) / 1e6


def _time(task: Training, effort: Effort, n_threads: int | None = None) -> Timing:
    data = drawn_cats(task.samples) if task.sizes == CATS else table(task.samples, task.sizes[0], task.sizes[-1])
    contestant = ours.training(task, data, first_weights(task.sizes), n_threads)[0]
    contestant.prepare()
    contestant.run()
    effort = replace(effort, repeats=min(effort.repeats, 5), budget=effort.budget / 4)
    return race({"": (contestant.prepare, contestant.run)}, effort, task.steps)[""]


def _up_to(sizes: Iterable[int], effort: Effort) -> list[int]:
    """The sizes, or the first two of them in the smallest effort."""
    return list(sizes) if effort.size >= 0.1 else list(sizes)[:2]


def _steps(effort: Effort, work: float) -> int:
    """Steps that take about 0.1 s where a million multiply-adds take 50 us, but enough to outweigh the set-up."""
    return max(effort.whole(20), math.ceil(effort.size * 0.1 / (20e-6 + 50e-6 * work)))


def samples(effort: Effort) -> Growth:
    """An epoch of 64-32-1, batch 100, Adam."""
    points = []
    for count in _up_to([10**2, 10**3, 10**4, 10**5, 10**6], effort):
        epochs = max(effort.whole(3), effort.whole(10**5) // count)
        task = Training((64, 32, 1), count, 100, "adam", 1e-3, epochs * (count // 100))
        timing = _time(task, effort)
        points.append((count, count / 1e3, timing.times(task.batches)))
    return Growth("samples", "an epoch of 64-32-1, batch 100, Adam", "samples", "1,000 samples", points)


def features(effort: Effort) -> Growth:
    """A step of d-20-1 on 200 samples, gradient descent, direct."""
    points = []
    for width in _up_to([10, 10**2, 10**3, 10**4, 10**5], effort):
        work = _multiply_adds((width, 20, 1), 200)
        task = Training((width, 20, 1), 200, 200, "sgd", 1e-3, _steps(effort, work))
        points.append((width, work, _time(task, effort)))
    return Growth("features", "a step of d-20-1, 200 samples, direct", "features d", _MULTIPLY_ADDS, points)


def width(effort: Effort) -> Growth:
    """A step of 64-w-w-10 with Adam."""
    points = []
    for units in _up_to([8, 16, 32, 64, 128, 256, 512, 1024, 2048], effort):
        sizes = (64, units, units, 10)
        work = _multiply_adds(sizes, 128)
        steps = _steps(effort, work)
        points.append((units, work, _time(Training(sizes, 128, 128, "adam", 1e-3, steps), effort)))
    return Growth("width", "a step of 64-w-w-10, batch 128, Adam", "width w", _MULTIPLY_ADDS, points)


def depth(effort: Effort) -> Growth:
    """A step of 64-64-...-1 with Adam."""
    points = []
    for layers in _up_to([1, 2, 4, 8, 16, 32, 64], effort):
        sizes = (64, *[64] * layers, 1)
        work = _multiply_adds(sizes, 128)
        task = Training(sizes, 128, 128, "adam", 1e-4, _steps(effort, work))
        points.append((layers, work, _time(task, effort)))
    title = "a step of L hidden layers of 64 units, batch 128, Adam"
    return Growth("depth", title, "hidden layers L", _MULTIPLY_ADDS, points)


def _threads(key: str, task: Training, steps: int) -> Callable[[Effort], Growth]:
    def row(effort: Effort) -> Growth:
        timed = replace(task, steps=task.batches * effort.whole(steps))
        points = [(threads, 1.0, _time(timed, effort, threads)) for threads in (1, 2)]
        title = f"a step of {'-'.join(map(str, task.sizes))}, batch {task.batch}, {task.optimizer}"
        return Growth(key, title, "threads", "step", points)

    return row


rows: dict[str, Callable[[Effort], Growth]] = {
    "samples": samples,
    "features": features,
    "width": width,
    "depth": depth,
    "threads-cats": _threads("threads-cats", Training(CATS, 209, 209, "sgd", 0.0075, 1), 100),
    "threads-small": _threads("threads-small", Training((64, 32, 1), 1600, 32, "adam", 1e-3, 50), 40),
    "threads-digits": _threads("threads-digits", Training((64, 100, 10), 2000, 200, "adam", 1e-3, 10), 100),
    "threads-wide": _threads("threads-wide", Training((784, 512, 512, 10), 1280, 128, "adam", 1e-3, 10), 8),
}
