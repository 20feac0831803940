"""purrceptron: `fit`, and one call a step as a loop of the user's own would do it."""

from __future__ import annotations

from functools import partial

import purrceptron as purr

from ..workloads import Array, Data, Training
from . import Answer, Contestant

NAME = "purrceptron"


def version() -> str:
    """The library's version."""
    return purr.__version__


def _optimizer(task: Training) -> purr.Optimizer:
    return purr.Adam(task.rate) if task.optimizer == "adam" else purr.SGD(task.rate)


def _network(sizes: tuple[int, ...], *first: purr.Layer) -> purr.Sequential:
    layers = purr.Sequential.from_string("-".join(map(str, sizes))).layers
    return purr.Sequential([*first, *layers], input_shape=sizes[0])


def training(task: Training, data: Data, weights: list[Array], n_threads: int | None = None) -> list[Contestant]:
    """Ways to run the task."""
    contestants = [_fit(NAME, task, data.x, data.y, _network(task.sizes), weights, n_threads)]
    if data.pixels is not None:
        net = _network(task.sizes, purr.Rescale(1 / 255))
        contestants.append(_fit(f"{NAME}, uint8", task, data.pixels, data.y, net, weights, n_threads))
    if task.batches > 1:
        contestants.append(_step_by_step(task, data, weights))
    return contestants


def _fit(
    name: str, task: Training, x: Array, y: Array, net: purr.Sequential, weights: list[Array], n_threads: int | None
) -> Contestant:
    run = partial(
        net.fit,
        x,
        y,
        epochs=task.epochs,
        batch_size=task.batch,
        shuffle=False,
        optimizer=_optimizer(task),
        solver=task.solver,
        n_threads=n_threads,
    )
    return Contestant(name, partial(net.set_weights, weights), run, net.get_weights)


def _step_by_step(task: Training, data: Data, weights: list[Array]) -> Contestant:
    net = _network(task.sizes)
    cuts = [slice(start, start + task.batch) for start in range(0, task.samples, task.batch)]
    batches = [(data.x[cut], data.y[cut]) for cut in cuts] * task.epochs
    trainers: list[purr.Trainer] = []

    def prepare() -> None:
        net.set_weights(weights)
        trainers[:] = [purr.Trainer(net, optimizer=_optimizer(task))]

    def run() -> None:
        step = trainers[0].step
        for x, y in batches:
            step(x, y)

    return Contestant(f"{NAME}, a call a step", prepare, run, net.get_weights)


def answering(weights: list[Array]) -> Answer:
    """A function from one sample to its output."""
    net = _network((len(weights[0]), *(len(bias) for bias in weights[1::2])))
    net.set_weights(weights)
    return net.predict
