"""The seven steps of a network as plain functions on arrays.

Input, forward, prediction, cost, backward, gradient descent, repeat: `examples/seven_steps.py` writes the loop by hand
with these, and arrives at the weights of `Sequential.fit` bit for bit. The first array's type, float32 or float64, is
that of the arithmetic; anything else becomes float64.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._arrays import Array
from ._spec import MOST_SEED, check_name, check_threads, check_whole
from .activations import ActivationFunction, as_activation
from .initializers import FromArray, Initializer, as_initializer
from .losses import Loss, as_loss

__all__ = [
    "activation_backward",
    "activation_forward",
    "binary_cross_entropy",
    "cross_entropy",
    "dense_backward",
    "dense_forward",
    "initialize",
    "loss",
    "matmul",
    "mean_squared_error",
    "relu",
    "relu_backward",
    "sgd",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
]


def initialize(
    inputs: int,
    units: int,
    *,
    initializer: str | Initializer = "scaled_uniform",
    seed: int = 0,
    layer: int = 0,
    dtype: str = "float32",
) -> Array:
    """First values of a kernel `(inputs, units)`: those that `Sequential` gives the layer at place `layer`."""
    short = as_initializer(initializer)
    if short == FromArray.type_name() or isinstance(short, FromArray):
        raise ValueError("initializer: an array is a first value by itself")
    shape = (check_whole("inputs", inputs, 0), check_whole("units", units, 0))
    check_whole("seed", seed, 0, MOST_SEED)
    described = json.dumps(short if isinstance(short, str) else short.to_json())
    return _core.initialize(described, shape, seed, f"layers.{layer}.kernel", check_name("dtype", np.dtype(dtype).name))


def matmul(a: ArrayLike, b: ArrayLike, *, n_threads: int | None = None) -> Array:
    """Product of `a (m, k)` and `b (k, n)`, `(m, n)`: every sum in one fixed order, whatever the threads.

    Example:
        >>> from purrceptron.kernels import matmul
        >>> matmul([[1.0, 2.0]], [[3.0], [4.0]])
        array([[11.]])
    """
    n_threads = check_threads(n_threads)
    try:  # nearly always: looking at two arrays takes as long as a small product
        return _core.matmul(a, b, n_threads)  # type: ignore[arg-type]
    except TypeError:
        pass  # no arrays, or of several types
    a, b = _arrays({"a": a, "b": b}, ndim=2)
    return _core.matmul(a, b, n_threads)


def dense_forward(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike, *, n_threads: int | None = None) -> Array:
    """Affine map `z = x · kernel + bias`: `(samples, inputs)`, `(inputs, units)`, `(units,)` to `(samples, units)`."""
    x, kernel = _arrays({"x": x, "kernel": kernel}, ndim=2)
    (bias,) = _arrays({"bias": bias}, ndim=1, dtype=x.dtype)
    return _core.dense_forward(x, kernel, bias, check_threads(n_threads))


def dense_backward(
    dz: ArrayLike, x: ArrayLike, kernel: ArrayLike, *, n_threads: int | None = None
) -> tuple[Array, Array, Array]:
    """Gradients `dx, dkernel, dbias` of `dense_forward`, given `dz (samples, units)`.

    `dkernel = xᵀ · dz`, `dbias` the sums of dz's columns, `dx = dz · kernelᵀ`.
    """
    dz, x, kernel = _arrays({"dz": dz, "x": x, "kernel": kernel}, ndim=2)
    return _core.dense_backward(dz, x, kernel, check_threads(n_threads))


def activation_forward(activation: str | ActivationFunction, z: ArrayLike) -> Array:
    """Outputs `a = f(z)` of any activation, a name or an object, `(samples, units)`.

    Where a layer would learn slopes ("prelu") they are as at the beginning.
    """
    (z,) = _arrays({"z": z}, ndim=2)
    return _core.activation_forward(_activation(activation), z)


def activation_backward(
    activation: str | ActivationFunction, a: ArrayLike, da: ArrayLike, *, z: ArrayLike | None = None
) -> Array:
    """`dz = da f'(z)`, given the outputs `a = f(z)`, all `(samples, units)`.

    Some derivatives (of "gelu", "silu", ..) cannot be had from `a`: they need `z` as well.

    Raises:
        ValueError: `z` is needed and was not given, or shapes differ.
    """
    given = {"a": a, "da": da} if z is None else {"a": a, "da": da, "z": z}
    arrays = _arrays(given, ndim=2)
    return _core.activation_backward(_activation(activation), *arrays)


def _activation(activation: str | ActivationFunction) -> str:
    short = as_activation(activation)
    return json.dumps(short if isinstance(short, str) else short.to_json())


def relu(z: ArrayLike) -> Array:
    """`max(z, 0)`, `(samples, units)`."""
    return activation_forward("relu", z)


def relu_backward(a: ArrayLike, da: ArrayLike) -> Array:
    """`da` where the output `a` is above 0, else 0."""
    return activation_backward("relu", a, da)


def sigmoid(z: ArrayLike) -> Array:
    """`1 / (1 + exp(-z))`, `(samples, units)`."""
    return activation_forward("sigmoid", z)


def sigmoid_backward(a: ArrayLike, da: ArrayLike) -> Array:
    """`da a (1 - a)`, given the output `a`."""
    return activation_backward("sigmoid", a, da)


def softmax(z: ArrayLike) -> Array:
    """`exp(z) / sum(exp(z))` over the units of each sample, `(samples, units)`."""
    return activation_forward("softmax", z)


def softmax_backward(a: ArrayLike, da: ArrayLike) -> Array:
    """`a (da - sum(a da))` over the units of each sample, given the output `a`."""
    return activation_backward("softmax", a, da)


def binary_cross_entropy(logits: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
    """Mean loss and its gradient with respect to the logits, `(sigmoid(logits) - y) / size`.

    Args:
        logits: `(samples, outputs)`, before the sigmoid.
        y: 0 and 1, or numbers between; `(samples,)` for one output.
    """
    return loss("binary_cross_entropy", logits, y)


def cross_entropy(logits: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
    """Mean loss and its gradient with respect to the logits, `(softmax(logits) - y) / samples`.

    Args:
        logits: `(samples, classes)`, before the softmax.
        y: Classes `(samples,)`, or probabilities `(samples, classes)`.
    """
    return loss("cross_entropy", logits, y)


def mean_squared_error(outputs: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
    """Mean loss and its gradient with respect to the outputs, `2 (outputs - y) / size`."""
    return loss("mean_squared_error", outputs, y)


def loss(loss: str | Loss, outputs: ArrayLike, y: ArrayLike) -> tuple[float, Array]:
    """Mean loss of any kind, by name or object, and its gradient with respect to the outputs.

    Args:
        loss: A name such as "huber", or an object such as `purrceptron.losses.Huber(0.5)`.
        outputs: `(samples, outputs)`; logits, where the loss is computed from them.
        y: What that loss holds the outputs against.

    Example:
        >>> from purrceptron import kernels
        >>> value, gradient = kernels.loss("mean_absolute_error", [[1.0], [4.0]], [0.0, 0.0])
        >>> value, gradient.ravel().tolist()
        (2.5, [0.5, 0.5])
    """
    (outputs,) = _arrays({"outputs": outputs}, ndim=2)
    return as_loss(loss)(outputs, y)


def sgd(parameter: ArrayLike, gradient: ArrayLike, learning_rate: float) -> Array:
    """One step of gradient descent: `parameter - learning_rate * gradient`."""
    parameter, gradient = _arrays({"parameter": parameter, "gradient": gradient}, ndim=None)
    moved: Array = parameter - parameter.dtype.type(learning_rate) * gradient
    return moved


_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def _arrays(named: dict[str, ArrayLike], ndim: int | None, dtype: np.dtype[Any] | None = None) -> list[Array]:
    """Arrays with `ndim` axes (any, if None), all of one type: `dtype`, else the first's if a float, else float64."""
    arrays = []
    for name, value in named.items():
        array = np.asarray(value)
        found = array.dtype
        usual = found is _SINGLE or found is _DOUBLE
        if not usual and found.kind not in "fiub":
            raise TypeError(f"{name}: expected real numbers, got an array of {found}")
        if ndim is not None and array.ndim != ndim:
            raise ValueError(f"{name}: expected {ndim} axes, got shape {array.shape}")
        if dtype is None:
            dtype = found if usual else found.newbyteorder("=") if found.char in "fd" else _DOUBLE
        if found is not dtype or not array.flags.aligned:
            array = np.require(array.astype(dtype, copy=False), requirements="A")
        arrays.append(array)
    return arrays
