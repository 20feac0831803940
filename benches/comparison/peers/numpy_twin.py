"""NumPy by hand: float32, memory allocated once, products and updates written in place."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..workloads import Array, Data, Training
from . import Answer, Contestant

NAME = "NumPy"


def version() -> str:
    """The library's version."""
    return np.__version__


class _Network:
    def __init__(self, task: Training, data: Data, weights: list[Array]) -> None:
        self.task = task
        self.start = weights
        self.weights = [weight.copy() for weight in weights]
        self.gradients = [np.empty_like(weight) for weight in weights]
        self.z = [np.empty((task.batch, units), np.float32) for units in task.sizes[1:]]
        self.means = [np.zeros_like(weight) for weight in weights]
        self.squares = [np.zeros_like(weight) for weight in weights]
        self.room = [(np.empty_like(weight), np.empty_like(weight)) for weight in weights]
        classes = task.sizes[-1]
        y = np.eye(classes, dtype=np.float32)[data.y] if classes > 1 else data.y.astype(np.float32)[:, None]
        cuts = [slice(start, start + task.batch) for start in range(0, task.samples, task.batch)]
        self.batches = [(data.x[cut], y[cut]) for cut in cuts]
        self.steps = 0

    def reset(self) -> None:
        self.steps = 0
        for weight, start in zip(self.weights, self.start, strict=True):
            weight[:] = start
        for array in (*self.means, *self.squares):
            array[:] = 0

    def run(self) -> list[float]:
        return [self.step(x, y) for _ in range(self.task.epochs) for x, y in self.batches]

    def step(self, x: Array, y: Array) -> float:
        inputs = [x, *self.z[:-1]]
        kernels, biases = self.weights[::2], self.weights[1::2]
        for index, (a, kernel, bias, z) in enumerate(zip(inputs, kernels, biases, self.z, strict=True)):
            np.matmul(a, kernel, out=z)
            z += bias
            if index + 1 < len(kernels):
                np.maximum(z, 0, out=z)
        loss, delta = _loss(self.z[-1], y)
        for index in reversed(range(len(kernels))):
            np.matmul(inputs[index].T, delta, out=self.gradients[2 * index])
            np.sum(delta, axis=0, out=self.gradients[2 * index + 1])
            if index:
                delta = delta @ kernels[index].T
                delta *= inputs[index] > 0
        self.steps += 1
        if self.task.optimizer == "adam":
            self._adam()
        else:
            for weight, gradient in zip(self.weights, self.gradients, strict=True):
                gradient *= np.float32(self.task.rate)
                weight -= gradient
        return loss

    def _adam(self) -> None:
        rate = np.float32(self.task.rate / (1 - 0.9**self.steps))
        root = np.float32(1 / np.sqrt(1 - 0.999**self.steps))
        state = zip(self.weights, self.gradients, self.means, self.squares, self.room, strict=True)
        for weight, gradient, mean, square, (a, b) in state:
            mean *= np.float32(0.9)
            mean += np.multiply(gradient, np.float32(0.1), out=a)
            square *= np.float32(0.999)
            np.multiply(gradient, gradient, out=a)
            square += np.multiply(a, np.float32(0.001), out=a)
            np.sqrt(square, out=a)
            a *= root
            a += np.float32(1e-8)
            np.multiply(mean, rate, out=b)
            weight -= np.divide(b, a, out=b)


def _loss(z: Array, y: Array) -> tuple[float, Array]:
    """Mean loss of logits `z (samples, outputs)`, and its gradient."""
    if z.shape[1] == 1:
        loss = np.mean(np.logaddexp(np.float32(0), z) - y * z)
        p = 1 / (1 + np.exp(-z))
    else:
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - np.sum(z * y, axis=1))
        p /= total
    p -= y
    p *= np.float32(1 / len(z))
    return float(loss), p


def training(task: Training, data: Data, weights: list[Array]) -> list[Contestant]:
    """Ways to run the task."""
    net = _Network(task, data, weights)
    return [Contestant(NAME, net.reset, net.run, lambda: [weight.copy() for weight in net.weights])]


def answering(weights: list[Array]) -> Answer:
    """A function from one sample to its output."""
    return partial(_answer, list(zip(weights[::2], weights[1::2], strict=True)))


def _answer(layers: list[tuple[Array, Array]], x: Array) -> Array:
    for kernel, bias in layers[:-1]:
        x = x @ kernel
        x += bias
        np.maximum(x, 0, out=x)
    kernel, bias = layers[-1]
    z = x @ kernel
    z += bias
    if z.shape[1] == 1:
        return 1 / (1 + np.exp(-z))
    p = np.exp(z - z.max())
    p /= p.sum()
    return p
