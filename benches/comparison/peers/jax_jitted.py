"""JAX on the CPU, jitted, memory donated: one call a step, and all steps in one call (`lax.fori_loop`)."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from ..workloads import Array, Data, Training
from . import Answer, Contestant

NAME = "JAX"


def version() -> str:
    """The library's version."""
    return jax.__version__


def _logits(weights: list[Any], x: Any) -> Any:
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        x = jax.nn.relu(x @ kernel + bias)
    return x @ weights[-2] + weights[-1]


def _loss(weights: list[Any], x: Any, y: Any) -> Any:
    z = _logits(weights, x)
    if z.shape[1] == 1:
        return jnp.mean(jnp.logaddexp(0, z[:, 0]) - y * z[:, 0])
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(z), y[:, None], axis=1))


def _step(task: Training, state: Any, x: Any, y: Any) -> Any:
    weights, means, squares, steps, _ = state
    loss, gradients = jax.value_and_grad(_loss)(weights, x, y)
    steps = steps + 1
    if task.optimizer == "adam":
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, gradients)
        squares = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, squares, gradients)
        rate, root = task.rate / (1 - 0.9**steps), 1 / jnp.sqrt(1 - 0.999**steps)
        weights = jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) * root + 1e-8), weights, means, squares)
    else:
        weights = jax.tree.map(lambda w, g: w - task.rate * g, weights, gradients)
    return weights, means, squares, steps, loss


def training(task: Training, data: Data, weights: list[Array]) -> list[Contestant]:
    """Ways to run the task."""
    y = data.y.astype(np.float32 if task.sizes[-1] == 1 else np.int32)
    xs = jnp.asarray(data.x.reshape(task.batches, task.batch, -1))
    ys = jnp.asarray(y.reshape(task.batches, task.batch))
    states: list[Any] = []

    def prepare() -> None:
        zeros = [jnp.zeros_like(weight) for weight in weights]
        start = (
            [jnp.array(weight) for weight in weights],
            zeros,
            [jnp.array(zero) for zero in zeros],
            jnp.float32(0),
            jnp.float32(0),
        )
        states[:] = [jax.block_until_ready(start)]

    step = jax.jit(partial(_step, task), donate_argnums=0)
    batches = [(xs[i], ys[i]) for i in range(task.batches)]

    def run_steps() -> None:
        state = states[0]
        for _ in range(task.epochs):
            for x, y in batches:
                state = step(state, x, y)
        states[0] = jax.block_until_ready(state)

    @partial(jax.jit, donate_argnums=0)
    def loop(state: Any, xs: Any, ys: Any) -> Any:
        def body(i: Any, state: Any) -> Any:
            batch = 0 if task.batches == 1 else i % task.batches
            return _step(task, state, xs[batch], ys[batch])

        return jax.lax.fori_loop(0, task.steps, body, state)

    def run_loop() -> None:
        states[0] = jax.block_until_ready(loop(states[0], xs, ys))

    def now() -> list[Array]:
        return [np.array(weight) for weight in states[0][0]]

    return [
        Contestant(f"{NAME}, a call a step", prepare, run_steps, now),
        Contestant(f"{NAME}, one loop", prepare, run_loop, now),
    ]


def answering(weights: list[Array]) -> Answer:
    """A function from one sample to its output."""

    @jax.jit
    def output(weights: list[Any], x: Any) -> Any:
        z = _logits(weights, x)
        return jax.nn.sigmoid(z) if z.shape[1] == 1 else jax.nn.softmax(z)

    placed = [jnp.asarray(weight) for weight in weights]
    return lambda x: np.asarray(output(placed, x))
