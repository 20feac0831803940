"""The naive twin: a dense network in NumPy, written from the mathematics alone.

Derivatives here are functions of `z`, softmax has its whole Jacobian, losses go through log-probabilities: other roads
than those of the library, to the same place.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))


def log_softmax(z: Array) -> Array:
    shifted = z - z.max(axis=1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def softmax(z: Array) -> Array:
    return np.exp(log_softmax(z))


def softmax_pull_back(z: Array, da: Array) -> Array:
    a = softmax(z)
    jacobian = a[:, :, None] * np.eye(z.shape[1], dtype=z.dtype) - a[:, :, None] * a[:, None, :]
    return np.einsum("sij,si->sj", jacobian, da)


def softplus(z: Array) -> Array:
    return np.logaddexp(0, z).astype(z.dtype)


def normal_distribution(z: Array) -> Array:
    return (0.5 * np.vectorize(math.erfc, otypes=[float])(-z.astype(float) / math.sqrt(2))).astype(z.dtype)


def log_softmax_pull_back(z: Array, da: Array) -> Array:
    return da - softmax(z) * da.sum(axis=1, keepdims=True)


def gelu_tanh_inner(z: Array) -> Array:
    return np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3))


SELU = (1.0507009873554805, 1.6732632423543772)

# name: f(z), and dz for (z, da)
ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "identity": (lambda z: z, lambda z, da: da),
    "relu": (lambda z: np.where(z > 0, z, 0).astype(z.dtype), lambda z, da: da * (z > 0)),
    "leaky_relu": (lambda z: np.where(z > 0, z, 0.01 * z), lambda z, da: da * np.where(z > 0, 1, 0.01)),
    "prelu": (lambda z: np.where(z > 0, z, 0.25 * z), lambda z, da: da * np.where(z > 0, 1, 0.25)),
    "elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, da: da * np.exp(np.minimum(z, 0))),
    "selu": (
        lambda z: SELU[0] * np.where(z > 0, z, SELU[1] * np.expm1(np.minimum(z, 0))),
        lambda z, da: da * SELU[0] * np.where(z > 0, 1, SELU[1] * np.exp(np.minimum(z, 0))),
    ),
    "celu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), lambda z, da: da * np.exp(np.minimum(z, 0))),
    "gelu": (
        lambda z: z * normal_distribution(z),
        lambda z, da: da * (normal_distribution(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)),
    ),
    "gelu_tanh": (
        lambda z: 0.5 * z * (1 + gelu_tanh_inner(z)),
        lambda z, da: (
            da
            * (
                0.5 * (1 + gelu_tanh_inner(z))
                + 0.5 * z * (1 - gelu_tanh_inner(z) ** 2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * z * z)
            )
        ),
    ),
    "silu": (lambda z: z * sigmoid(z), lambda z, da: da * (sigmoid(z) + z * sigmoid(z) * sigmoid(-z))),
    "mish": (
        lambda z: z * np.tanh(softplus(z)),
        lambda z, da: da * (np.tanh(softplus(z)) + z * sigmoid(z) / np.cosh(softplus(z)) ** 2),
    ),
    "sigmoid": (sigmoid, lambda z, da: da * sigmoid(z) * sigmoid(-z)),
    "hard_sigmoid": (lambda z: np.clip(z / 6 + 0.5, 0, 1), lambda z, da: da * (np.abs(z) < 3) / 6),
    "hard_swish": (
        lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
        lambda z, da: da * np.where(z <= -3, 0, np.where(z >= 3, 1, z / 3 + 0.5)),
    ),
    "tanh": (np.tanh, lambda z, da: da / np.cosh(z) ** 2),
    "hard_tanh": (lambda z: np.clip(z, -1, 1), lambda z, da: da * (np.abs(z) < 1)),
    "softplus": (softplus, lambda z, da: da * sigmoid(z)),
    "softsign": (lambda z: z / (1 + np.abs(z)), lambda z, da: da / (1 + np.abs(z)) ** 2),
    "log_sigmoid": (lambda z: -softplus(-z), lambda z, da: da * sigmoid(-z)),
    "softmax": (softmax, softmax_pull_back),
    "log_softmax": (log_softmax, log_softmax_pull_back),
    "squared_relu": (lambda z: np.where(z > 0, z, 0) ** 2, lambda z, da: da * 2 * np.where(z > 0, z, 0)),
}


def _one_hot(y: Array, like: Array) -> Array:
    if y.shape == like.shape:
        return y.astype(like.dtype)
    if like.shape[1] == 1:
        return y.reshape(-1, 1).astype(like.dtype)
    return (y.reshape(-1, 1) == np.arange(like.shape[1])).astype(like.dtype)


def binary_cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    y = _one_hot(y, z)
    value = np.mean(y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z))
    return float(value), ((1 - y) * sigmoid(z) - y * sigmoid(-z)) / z.size


def cross_entropy(z: Array, y: Array) -> tuple[float, Array]:
    y = _one_hot(y, z)
    value = -np.mean(np.sum(y * log_softmax(z), axis=1))
    return float(value), (softmax(z) * y.sum(axis=1, keepdims=True) - y) / len(z)


def mean_squared_error(a: Array, y: Array) -> tuple[float, Array]:
    difference = a - (y.reshape(a.shape) if y.size == a.size else y).astype(a.dtype)
    return float(np.mean(difference**2)), 2 * difference / difference.size


# name: value and gradient, and the activation whose logits it reads
def focal(z: Array, y: Array, gamma: float = 2.0) -> tuple[float, Array]:
    """Lin et al., 2017, equation 4, without the weight alpha, for each of the two answers."""
    p = 1 / (1 + np.exp(-z))
    yes, no = -((1 - p) ** gamma) * np.log(p), -(p**gamma) * np.log(1 - p)
    dyes = gamma * (1 - p) ** (gamma - 1) * np.log(p) - (1 - p) ** gamma / p  # with respect to p
    dno = -gamma * p ** (gamma - 1) * np.log(1 - p) + p**gamma / (1 - p)
    return float(np.mean(y * yes + (1 - y) * no)), (y * dyes + (1 - y) * dno) * p * (1 - p) / z.size


def _elementwise(
    value: Callable[[Array, Array], Array], slope: Callable[[Array, Array], Array]
) -> Callable[[Array, Array], tuple[float, Array]]:
    """A mean over all elements, from a formula for one and its derivative."""
    return lambda a, y: (float(np.mean(value(a, y))), slope(a, y) / a.size)


def _sign(y: Array) -> Array:
    return np.where(y > 0, 1.0, -1.0)


def gaussian_nll(outputs: Array, y: Array) -> tuple[float, Array]:
    """Nix and Weigend, 1994: means, then logarithms of variances."""
    mean, log_variance = np.split(outputs, 2, axis=1)
    scaled = (y - mean) / np.exp(log_variance)
    value = float(np.mean(log_variance + (y - mean) * scaled) / 2)
    return value, np.concatenate([-scaled, (1 - (y - mean) * scaled) / 2], axis=1) / y.size


def kl_divergence(z: Array, y: Array) -> tuple[float, Array]:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    value = float(np.sum(y * np.log(y / p)) / len(z))
    return value, (p * y.sum(axis=1, keepdims=True) - y) / len(z)


def categorical_focal(z: Array, y: Array) -> tuple[float, Array]:
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    slope = y * (2 * p * (1 - p) * np.log(p) - (1 - p) ** 2)
    value = float(-np.sum(y * (1 - p) ** 2 * np.log(p)) / len(z))
    return value, (slope - p * slope.sum(axis=1, keepdims=True)) / len(z)


LOSSES: dict[str, tuple[Callable[[Array, Array], tuple[float, Array]], str | None]] = {
    "binary_cross_entropy": (binary_cross_entropy, "sigmoid"),
    "cross_entropy": (cross_entropy, "softmax"),
    "mean_squared_error": (mean_squared_error, None),
    "focal": (focal, "sigmoid"),
    "hinge": (
        _elementwise(
            lambda a, y: np.maximum(0, 1 - _sign(y) * a), lambda a, y: np.where(_sign(y) * a < 1, -_sign(y), 0)
        ),
        None,
    ),
    "squared_hinge": (
        _elementwise(
            lambda a, y: np.maximum(0, 1 - _sign(y) * a) ** 2,
            lambda a, y: -2 * _sign(y) * np.maximum(0, 1 - _sign(y) * a),
        ),
        None,
    ),
    "mean_absolute_error": (_elementwise(lambda a, y: abs(a - y), lambda a, y: np.sign(a - y)), None),
    "huber": (
        _elementwise(
            lambda a, y: np.where(abs(a - y) <= 1, (a - y) ** 2 / 2, abs(a - y) - 0.5),
            lambda a, y: np.clip(a - y, -1, 1),
        ),
        None,
    ),
    "log_cosh": (_elementwise(lambda a, y: np.log(np.cosh(a - y)), lambda a, y: np.tanh(a - y)), None),
    "poisson": (_elementwise(lambda z, y: np.exp(z) - y * z, lambda z, y: np.exp(z) - y), None),
    "poisson_deviance": (
        _elementwise(
            lambda z, y: y * np.log(np.where(y > 0, y, 1.0)) - y - y * z + np.exp(z), lambda z, y: np.exp(z) - y
        ),
        None,
    ),
    "gaussian_nll": (gaussian_nll, None),
    "kl_divergence": (kl_divergence, "softmax"),
    "categorical_focal": (categorical_focal, "softmax"),
    "quantile": (_elementwise(lambda a, y: abs(y - a) / 2, lambda a, y: np.sign(a - y) / 2), None),
}


@dataclass
class SGD:
    """`v = momentum v - rate g`, then `w + v`; Nesterov steps to where the next `v` would lead with the same `g`."""

    rate: float
    momentum: float = 0.0
    nesterov: bool = False
    velocity: list[Array] = field(default_factory=list)

    def update(self, weights: list[Array], gradients: list[Array]) -> list[Array]:
        self.velocity = self.velocity or [np.zeros_like(w) for w in weights]
        steps = [w.dtype.type(self.rate) * g for w, g in zip(weights, gradients, strict=True)]
        share = [w.dtype.type(self.momentum) for w in weights]
        self.velocity = [m * v - s for m, v, s in zip(share, self.velocity, steps, strict=True)]
        if not self.nesterov:
            return [w + v for w, v in zip(weights, self.velocity, strict=True)]
        return [w + m * v - s for w, m, v, s in zip(weights, share, self.velocity, steps, strict=True)]


@dataclass
class Adam:
    """Kingma and Ba, algorithm 1, term by term; `epsilon_hat` as in the remark at the end of their section 2."""

    rate: float = 1e-3
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    epsilon_hat: bool = False
    t: int = 0
    m: list[Array] = field(default_factory=list)
    v: list[Array] = field(default_factory=list)

    def update(self, weights: list[Array], gradients: list[Array]) -> list[Array]:
        self.t += 1
        self.m = self.m or [np.zeros_like(w) for w in weights]
        self.v = self.v or [np.zeros_like(w) for w in weights]
        self.m = [self.beta_1 * m + (1 - self.beta_1) * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [self.beta_2 * v + (1 - self.beta_2) * g**2 for v, g in zip(self.v, gradients, strict=True)]
        c_1, c_2 = 1 - self.beta_1**self.t, 1 - self.beta_2**self.t
        if self.epsilon_hat:
            step = self.rate * c_2**0.5 / c_1
            return [w - step * m / (v**0.5 + self.epsilon) for w, m, v in zip(weights, self.m, self.v, strict=True)]
        return [
            w - self.rate * (m / c_1) / ((v / c_2) ** 0.5 + self.epsilon)
            for w, m, v in zip(weights, self.m, self.v, strict=True)
        ]


class Twin:
    """Weights `[kernel, bias, kernel, bias, ...]`, an activation a layer, and a loss."""

    def __init__(self, weights: list[Array], activations: list[str], loss: str) -> None:
        self.weights = [w.copy() for w in weights]
        self.activations = activations
        self.loss, undone = LOSSES[loss]
        self.on_logits = undone is not None
        assert not self.on_logits or activations[-1] in ("identity", undone)

    def _forward(self, x: Array) -> tuple[list[Array], list[Array]]:
        a, zs = [x], []
        for kernel, bias, name in zip(self.weights[::2], self.weights[1::2], self.activations, strict=True):
            zs.append(a[-1] @ kernel + bias)
            a.append(ACTIVATIONS[name][0](zs[-1]))
        return zs, a

    def predict(self, x: Array) -> Array:
        return self._forward(x)[1][-1]

    def loss_and_gradient(self, x: Array, y: Array) -> tuple[float, list[Array]]:
        zs, a = self._forward(x)
        value, d = self.loss(zs[-1] if self.on_logits else a[-1], y)
        gradients: list[Array] = []
        for layer in reversed(range(len(zs))):
            if not (self.on_logits and layer == len(zs) - 1):
                d = ACTIVATIONS[self.activations[layer]][1](zs[layer], d)
            gradients[:0] = [a[layer].T @ d, d.sum(axis=0)]
            d = d @ self.weights[2 * layer].T
        return value, gradients

    def train(self, batches: list[tuple[Array, Array]], optimizer: SGD | Adam) -> list[float]:
        """One step for each batch; the losses before the steps."""
        losses = []
        for x, y in batches:
            value, gradients = self.loss_and_gradient(x, y)
            losses.append(value)
            self.weights = optimizer.update(self.weights, gradients)
        return losses


def distance(ours: list[Array], others: list[Array]) -> float:
    """The largest distance of two arrays at the same place, relative to the norm of the second."""
    pairs = zip(ours, others, strict=True)
    return max(float(np.linalg.norm(a.astype(float) - b) / np.linalg.norm(b.astype(float))) for a, b in pairs)
