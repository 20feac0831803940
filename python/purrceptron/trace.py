"""One training step of a small network with everything in it: the seven steps, their formulas, shapes and numbers.

The numbers come from `purrceptron.kernels`, one call a formula, and are those of `Trainer.step`, bit for bit.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from . import kernels
from ._arrays import Array
from .model import Sequential
from .optimizers import SGD
from .trainer import Trainer

__all__ = ["Formula", "Step", "Trace", "trace_step"]

_AFTER = (1, 10, 100, 1000)  # steps after which the cost is shown
_LOSSES = {"sigmoid": "binary_cross_entropy", "softmax": "cross_entropy"}
_COSTS = {
    "binary_cross_entropy": "cost = mean(-y ln p - (1 - y) ln(1 - p))",
    "cross_entropy": "cost = mean over samples(-Σ y ln p)",
    "mean_squared_error": "cost = mean((p - y)²)",
}
_SLOPES = {
    "binary_cross_entropy": "dz{layer} = (p - y) / {numbers}",
    "cross_entropy": "dz{layer} = (p - y) / {samples}",
    "mean_squared_error": "dp = 2 (p - y) / {numbers}",
}
_ACTIVATIONS = {
    "identity": "{z}",
    "relu": "max({z}, 0)",
    "sigmoid": "1 / (1 + e^-{z})",
    "softmax": "e^{z} / Σ e^{z}",
}


@dataclass(frozen=True)
class Formula:
    """One formula and what it gives.

    Attributes:
        text: The formula, "z1 = x · W1 + b1".
        shapes: How the shapes go together, "(4, 2) · (2, 3) + (3,) → (4, 3)".
        arrays: The numbers by their names in the formula, in the order in which to show them.
    """

    text: str
    shapes: str
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Step:
    """One of the seven steps.

    Attributes:
        name: "input", "forward", "prediction", "cost", "backward", "gradient descent" or "repeat".
        says: What happens in it, in a sentence.
        formulas: In the order of the work.
    """

    name: str
    says: str
    formulas: tuple[Formula, ...]


@dataclass(frozen=True)
class Trace:
    """A whole training step.

    Attributes:
        network: The network, as text.
        seed: Seed of its first weights.
        learning_rate: Length of the step.
        loss: Name of the loss.
        x: Samples `(samples, inputs)`.
        y: Targets as the network takes them.
        before: Weights before the step, `[kernel, bias, ...]`.
        after: Weights after it.
        cost: The mean loss before it.
        costs: The mean loss after so many steps, by their number.
        steps: The seven steps.
    """

    network: str
    seed: int
    learning_rate: float
    loss: str
    x: Array
    y: Array
    before: list[Array]
    after: list[Array]
    cost: float
    costs: dict[int, float]
    steps: tuple[Step, ...]


def trace_step(network: str = "2-3-1", *, seed: int = 0, learning_rate: float = 0.5) -> Trace:
    """Compute one step of gradient descent by hand, and keep every number.

    Up to three inputs get all patterns of 0 and 1, and one output learns whether an even number of them is 1; more get
    numbers drawn from the seed.

    Args:
        network: Sizes as for `Sequential.from_string`.
        seed: Seed of the first weights, and of the samples where they are drawn.
        learning_rate: Length of the step.

    Raises:
        ValueError: The text describes no network.

    Example:
        >>> trace = trace_step("2-3-1")
        >>> [step.name for step in trace.steps][:3], trace.costs[1] < trace.cost
        (['input', 'forward', 'prediction'], True)
    """
    model = Sequential.from_string(network, seed=seed)
    activations = [layer.to_dict()["activation"] for layer in model.layers]
    loss = _LOSSES.get(activations[-1], "mean_squared_error")
    x, y = _samples(int(np.prod(model.input_shape or ())), model.outputs, loss, seed)
    before = model.get_weights()
    if len(before) != 2 * len(activations):
        raise ValueError(f"network {network!r}: it learns more than kernels and biases (prelu), which is not traced")
    work = _Work(activations, before, loss, x, y)
    after = work.moved(learning_rate)
    trainer = Trainer(model, optimizer=SGD(learning_rate), loss=loss, n_threads=1)
    costs = {}
    for done in range(1, _AFTER[-1] + 1):
        trainer.step(x, y)
        if done in _AFTER:
            costs[done] = trainer.loss_and_gradient(x, y)[0]
    steps = (*work.steps(after, learning_rate), _repeat(work.cost, costs, model.predict(x), y))
    return Trace(network, seed, learning_rate, loss, x, y, before, after, work.cost, costs, steps)


def _samples(inputs: int, outputs: int, loss: str, seed: int) -> tuple[Array, Array]:
    """Few samples with something to learn."""
    if inputs <= 3:
        x = np.array(list(itertools.product([0, 1], repeat=inputs)), dtype=np.float32)
    else:
        x = (np.random.default_rng(seed).integers(0, 11, (max(4, outputs), inputs)) / 10).astype(np.float32)
    if loss == "cross_entropy":
        return x, np.eye(outputs, dtype=np.float32)[np.arange(len(x)) % outputs]
    even = (np.round(x).sum(axis=1) % 2 == 0).astype(np.float32)
    return x, np.repeat(even[:, None], outputs, axis=1)


class _Work:
    """The seven steps on arrays: forward and backward once, and what each formula gave."""

    def __init__(self, activations: list[str], weights: list[Array], loss: str, x: Array, y: Array) -> None:
        self._activations, self._loss, self._x, self._y = activations, loss, x, y
        self._kernels, self._biases = weights[::2], weights[1::2]
        self._z: list[Array] = []
        self._a: list[Array] = []
        for activation, kernel, bias in zip(activations, self._kernels, self._biases, strict=True):
            self._z.append(kernels.dense_forward(self._input(len(self._z)), kernel, bias))
            self._a.append(kernels.activation_forward(activation, self._z[-1]))
        on_logits = loss != "mean_squared_error"
        self.cost, self._dout = getattr(kernels, loss)((self._z if on_logits else self._a)[-1], y)
        self._gradients: list[tuple[Array, Array, Array, Array]] = []  # da (or dout), dz, dkernel, dbias
        da = self._dout
        for i in reversed(range(len(activations))):
            through = on_logits and i == len(activations) - 1
            dz = da if through else kernels.activation_backward(activations[i], self._a[i], da, z=self._z[i])
            dx, dkernel, dbias = kernels.dense_backward(dz, self._input(i), self._kernels[i])
            self._gradients.insert(0, (da, dz, dkernel, dbias))
            da = dx

    def _input(self, layer: int) -> Array:
        return self._x if layer == 0 else self._a[layer - 1]

    def moved(self, learning_rate: float) -> list[Array]:
        """The weights after the step."""
        pairs = zip(self._kernels, self._biases, self._gradients, strict=True)
        return [
            kernels.sgd(weights, gradient, learning_rate)
            for kernel, bias, (_, _, dkernel, dbias) in pairs
            for weights, gradient in ((kernel, dkernel), (bias, dbias))
        ]

    def steps(self, after: list[Array], learning_rate: float) -> tuple[Step, ...]:
        """All but the last of the seven."""
        last = len(self._activations)
        p, y = self._a[-1], self._y
        forward = [formula for i in range(last) for formula in self._forward(i)]
        head = _SLOPES[self._loss].format(layer=last, numbers=p.size, samples=len(p))
        slope = Formula(head, f"{_shape(p)} → {_shape(self._dout)}", {head.split(" ", maxsplit=1)[0]: self._dout})
        backward = [formula for i in reversed(range(last)) for formula in self._backward(i)]
        descent = [
            Formula(
                f"{name} ← {name} - {learning_rate:g} d{name}",
                f"{_shape(new)}",
                {name: old, f"d{name}": gradient, f"new {name}": new},
            )
            for i in range(last)
            for name, old, gradient, new in (
                (f"W{i + 1}", self._kernels[i], self._gradients[i][2], after[2 * i]),
                (f"b{i + 1}", self._biases[i], self._gradients[i][3], after[2 * i + 1]),
            )
        ]
        prediction = _activation_formula("p", self._activations[-1], f"z{last}")
        return (
            Step(
                "input",
                "A row of x is a sample, a row of y what the network should answer to it.",
                (Formula("", f"x {_shape(self._x)}   y {_shape(y)}", {"x": self._x, "y": y}),),
            ),
            Step("forward", "Layer by layer: times the kernel W, plus the bias b, then the activation.", (*forward,)),
            Step(
                "prediction",
                "The last activation turns numbers into what is asked for.",
                (Formula(prediction, f"{_shape(self._z[-1])} → {_shape(p)}", {"p": p, "y": y}),),
            ),
            Step(
                "cost",
                "One number for how wrong all predictions are; training makes it small.",
                (Formula(_COSTS[self._loss], f"{_shape(p)} → ()", {"cost": np.asarray(self.cost)}),),
            ),
            Step(
                "backward",
                "From the cost back to the input: dw says how the cost changes with w.",
                (slope, *backward),
            ),
            Step("gradient descent", "Every weight goes a little way downhill, against its gradient.", (*descent,)),
        )

    def _forward(self, i: int) -> list[Formula]:
        x, kernel, bias, z, n = self._input(i), self._kernels[i], self._biases[i], self._z[i], i + 1
        source = f"a{i}" if i else "x"
        shapes = f"{_shape(x)} · {_shape(kernel)} + {_shape(bias)} → {_shape(z)}"
        affine = Formula(f"z{n} = {source} · W{n} + b{n}", shapes, {f"W{n}": kernel, f"b{n}": bias, f"z{n}": z})
        if n == len(self._activations):
            return [affine]
        text = _activation_formula(f"a{n}", self._activations[i], f"z{n}")
        return [affine, Formula(text, f"{_shape(z)} → {_shape(self._a[i])}", {f"a{n}": self._a[i]})]

    def _backward(self, i: int) -> list[Formula]:
        da, dz, dkernel, dbias = self._gradients[i]
        x, n = self._input(i), i + 1
        formulas = []
        if dz is not da:
            name = "p" if n == len(self._activations) else f"a{n}"
            if name != "p":
                above = self._gradients[i + 1][1]
                shapes = f"{_shape(above)} · {_shape(self._kernels[i + 1].T)} → {_shape(da)}"
                formulas.append(Formula(f"d{name} = dz{n + 1} · W{n + 1}ᵀ", shapes, {f"d{name}": da}))
            slope = f"dz{n} = d{name} × slope of {self._activations[i]} at z{n}"
            formulas.append(Formula(slope, f"{_shape(da)} → {_shape(dz)}", {f"dz{n}": dz}))
        source = f"a{i}" if i else "x"
        shapes = f"{_shape(x.T)} · {_shape(dz)} → {_shape(dkernel)}"
        formulas.append(Formula(f"dW{n} = {source}ᵀ · dz{n}", shapes, {f"dW{n}": dkernel}))
        formulas.append(Formula(f"db{n} = Σ over samples dz{n}", f"{_shape(dz)} → {_shape(dbias)}", {f"db{n}": dbias}))
        return formulas


def _activation_formula(left: str, activation: str, z: str) -> str:
    rule = _ACTIVATIONS.get(activation, f"{activation}({{z}})").format(z=z)
    return f"{left} = {rule}" + ("" if activation in rule or activation == "identity" else f"   ({activation})")


def _repeat(cost: float, costs: dict[int, float], p: Array, y: Array) -> Step:
    named = {"before": cost, **{f"after {n:,} step{'' if n == 1 else 's'}": value for n, value in costs.items()}}
    fall = Formula("", "", {name: np.asarray(value) for name, value in named.items()})
    last = Formula("", "", {f"p after {max(costs):,} steps": p, "y": y})
    says = "Steps 2 to 6 again and again, each time with the new weights: the cost falls."
    if costs[max(costs)] > cost / 3:
        says = "Steps 2 to 6 again and again. From these first weights the cost falls little: try --seed."
    return Step("repeat", says, (fall, last))


def _shape(array: Array) -> str:
    return str(array.shape)
