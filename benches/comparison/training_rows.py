"""The training rows of the speed table."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import purrceptron as purr

from .clock import Effort, Timing, race
from .peers import Contestant, installed
from .results import Row
from .workloads import CATS, Array, Data, Training, drawn_cats, first_weights, loss, table

__all__ = ["DisagreementError", "check_agreement", "rows"]

# Relative distance of losses that float32 in another order of sums, and scikit-learn's own epsilon, may make.
_TOLERANCE = 0.02


class DisagreementError(AssertionError):
    """Contestants that should have done the same arrived at different losses."""


def check_agreement(losses: dict[str, float], start: float) -> str:
    """Says how well the losses agree, given the loss before.

    Raises:
        DisagreementError: A loss is not below the first one, or is farther than 2 % of it from the rest.
    """
    values = sorted(losses.values())
    listed = ", ".join(f"{name} {value:.6f}" for name, value in losses.items())
    if not all(math.isfinite(value) for value in values) or values[-1] >= start:
        raise DisagreementError(f"a loss did not fall from {start:.6f}: {listed}")
    spread = (values[-1] - values[0]) / start
    if spread > _TOLERANCE:
        raise DisagreementError(f"losses lie {spread:.3f} of the first loss apart: {listed}")
    return f"loss from {start:.4f} to {values[0]:.4f}, spread {spread:.0e} of the first"


def _contestants(task: Training, data: Data, weights: list[Array]) -> list[Contestant]:
    return [contestant for peer in installed() for contestant in peer.training(task, data, weights)]


def _agreement(task: Training, data: Data, weights: list[Array]) -> str:
    """Runs the task once with everybody and compares the losses."""
    losses = {}
    for contestant in _contestants(task, data, weights):
        contestant.prepare()
        contestant.run()
        losses[contestant.name] = loss(contestant.weights(), data)
    return f"after {task.steps} steps: {check_agreement(losses, loss(weights, data))}"


def _race(task: Training, data: Data, effort: Effort, compared: int, warm_up: bool) -> tuple[dict[str, Timing], str]:
    weights = first_weights(task.sizes)
    agreement = _agreement(replace(task, steps=min(compared, task.steps)), data, weights)
    contestants = _contestants(task, data, weights)
    for contestant in contestants:
        if warm_up or "JAX" in contestant.name:  # JAX compiles for the number of steps
            contestant.prepare()
            contestant.run()
    return race({c.name: (c.prepare, c.run) for c in contestants}, effort, task.steps), agreement


def cats_iteration(effort: Effort) -> Row:
    """One iteration of the cat network on all photos."""
    steps = effort.whole(200, 3)
    task = Training(CATS, 209, 209, "sgd", 0.0075, steps)
    timings, agreement = _race(task, drawn_cats(209), effort, 50, warm_up=True)
    reach = {"purrceptron": 2.4, "purrceptron, uint8": 1.6}
    return Row("cats", "12288-20-7-5-1, 209 photos, direct", "ms an iteration", 1e3, timings, reach, agreement)


def cats_training(effort: Effort) -> Row:
    """The whole training of the cat network, factorisation and recovery included."""
    steps = effort.whole(2500, 5)
    task = Training(CATS, 209, 209, "sgd", 0.0075, steps, solver="auto")
    effort = replace(effort, budget=2 * effort.budget)
    timings, agreement = _race(task, drawn_cats(209), effort, 50, warm_up=False)
    timings = {name: timing.times(steps) for name, timing in timings.items()}
    reach = {"purrceptron": 0.15, "purrceptron, uint8": 0.15} if steps == 2500 else {}
    title = f'12288-20-7-5-1, 209 photos, {steps} iterations, solver="auto"'
    return Row("cats-2500", title, "s", 1, timings, reach, agreement)


def cats_of_many_seeds(effort: Effort) -> Row:
    """32 cat networks trained side by side, and the same one after the other."""
    seeds, epochs = range(32), effort.whole(2500, 5)
    data = drawn_cats(209)
    settings = {"epochs": epochs, "batch_size": None, "optimizer": purr.SGD(0.0075), "loss": "binary_cross_entropy"}
    sizes = "-".join(map(str, CATS))
    networks: dict[str, list[purr.Sequential]] = {}

    def prepare(name: str) -> Callable[[], None]:
        def run() -> None:
            networks[name] = [purr.Sequential.from_string(sizes, seed=seed) for seed in seeds]

        return run

    def together() -> None:
        purr.fit_many(networks["purrceptron"], data.x, data.y, **settings)

    def one_by_one() -> None:
        for network in networks["purrceptron, one by one"]:
            network.fit(data.x, data.y, **settings)

    ways = {"purrceptron": together, "purrceptron, one by one": one_by_one}
    runs = {name: (prepare(name), run) for name, run in ways.items()}
    for begin, run in runs.values():
        begin()
        run()
    together_bits, apart_bits = ([network.fingerprint() for network in networks[name]] for name in ways)
    if together_bits != apart_bits:
        raise DisagreementError("networks trained side by side have other bits than one by one")
    timings = race(runs, replace(effort, budget=2 * effort.budget))
    reach = {"purrceptron": 2.5} if epochs == 2500 else {}
    title = f"{sizes}, 209 photos, {epochs} iterations, {len(seeds)} seeds, fit_many"
    return Row("cats-32", title, "s", 1, timings, reach, "the same bits")


def _adam(
    key: str, sizes: tuple[int, ...], batch: int, batches: int, epochs: int, reach: float
) -> Callable[[Effort], Row]:
    def row(effort: Effort) -> Row:
        task = Training(sizes, batch * batches, batch, "adam", 1e-3, batches * effort.whole(epochs))
        data = table(task.samples, sizes[0], sizes[-1])
        timings, agreement = _race(task, data, effort, 4 * batches, warm_up=True)
        title = f"{'-'.join(map(str, sizes))}, batch {batch}, Adam"
        return Row(key, title, "us a step", 1e6, timings, {"purrceptron": reach}, agreement)

    return row


rows: dict[str, Callable[[Effort], Row]] = {
    "cats": cats_iteration,
    "cats-2500": cats_training,
    "cats-32": cats_of_many_seeds,
    "small": _adam("small", (64, 32, 1), 32, 50, 40, 8),
    "digits": _adam("digits", (64, 100, 10), 200, 10, 100, 80),
    "wide": _adam("wide", (784, 512, 512, 10), 128, 10, 8, 2900),
}
