"""Layers, as descriptions: what a network is built from.

A layer here holds settings, no weights; the core builds the network from them. The same fields stand in the JSON of a
model file. Where a sample has several axes, layers act on the last, but for `Dense`, which reads all of its numbers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from ._arrays import Array
from ._spec import Spec, check_whole, core_name, optional
from .activations import ActivationFunction, as_activation
from .initializers import FromArray, Initializer, as_initializer

__all__ = [
    "Activation",
    "AlphaDropout",
    "BatchNorm",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "GaussianNoise",
    "Layer",
    "LayerNorm",
    "Normalize",
    "RMSNorm",
    "Rescale",
    "Residual",
]


class Layer(Spec):
    """What all layers are; use one of the others."""

    kind: ClassVar[str] = "layer"

    @classmethod
    def type_name(cls) -> str:
        """The name in the JSON: `RMSNorm` is "rms_norm"."""
        return core_name(cls.kind, cls.__name__)

    def brief(self) -> str:
        """As `repr`, without the settings that are as usual: `Dense(units=20, activation='relu')`."""
        fields = dataclasses.fields(self)
        values = ((field, getattr(self, field.name)) for field in fields)
        settings = (f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({', '.join(settings)})"

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)


class Dense(Layer):
    """Every unit looks at every input: `activation(x · kernel + bias)`.

    Parameters `kernel (inputs, units)` and `bias (units,)`, and of the activation "prelu" `slope (units,)`.

    Args:
        units: Number of outputs.
        activation: What follows the affine map: a name ("identity", the default, "relu", "gelu", "sigmoid", "softmax",
            ..) or an object such as `purr.LeakyReLU(0.2)`; see `purrceptron.activations`.
        kernel_initializer: First values of the kernel: a name ("scaled_uniform", the default, "he_normal",
            "glorot_uniform", "orthogonal", ..) or an object; see `purrceptron.initializers`.
        bias_initializer: First values of the bias, "zeros" by default.
        trainable: Whether training moves the parameters; False freezes them.
        l1: Weight of `Σ|w|` of the kernel in the loss.
        l2: Weight of `Σ w²` of the kernel in the loss (Keras's convention: without a factor of 1/2).
        max_norm: Greatest length of the weights that enter a unit, kept after every step; None is without bound.

    Raises:
        ValueError: A name is unknown (the message lists the known), or a number is out of its range.

    Example:
        >>> from purrceptron import Dense
        >>> Dense(20, "relu").brief()
        "Dense(units=20, activation='relu')"
    """

    units: int
    activation: str | ActivationFunction = "identity"
    kernel_initializer: str | Initializer = "scaled_uniform"
    bias_initializer: str | Initializer = "zeros"
    trainable: bool = optional(True, absent=True, kw_only=True)
    l1: float = optional(0.0, absent=0.0, kw_only=True)
    l2: float = optional(0.0, absent=0.0, kw_only=True)
    max_norm: float | None = optional(kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            units=check_whole("Dense: units", self.units, 1),
            activation=as_activation(self.activation),
            kernel_initializer=as_initializer(self.kernel_initializer),
            bias_initializer=as_initializer(self.bias_initializer),
            trainable=bool(self.trainable),
        )
        for name, least in (("l1", "at least 0"), ("l2", "at least 0"), ("max_norm", "above 0")):
            value = getattr(self, name)
            if value is not None and not (value > 0 or (value == 0 and name != "max_norm")):
                raise ValueError(f"Dense: {name} must be {least}, got {value}")


class Activation(Layer):
    """An activation alone: `Activation("gelu")`, after a normalisation, say.

    Args:
        activation: A name or an object, as of `Dense`.
        trainable: Whether training moves what the activation learns ("prelu": `slope`, one for each unit).
    """

    activation: str | ActivationFunction
    trainable: bool = optional(True, absent=True, kw_only=True)

    def __post_init__(self) -> None:
        self._set(activation=as_activation(self.activation), trainable=bool(self.trainable))


class Dropout(Layer):
    """In training every number is dropped with probability `rate`, and the others are divided by `1 - rate`.

    Validation, evaluation and prediction drop nothing (Srivastava et al., 2014). Which are dropped depends on the seed,
    the layer's place and the step alone.

    Args:
        rate: Share of the numbers that are dropped, 0 to below 1.
    """

    rate: float

    def __post_init__(self) -> None:
        self._set(rate=float(self.rate))


class AlphaDropout(Layer):
    """Dropout for "selu": what is dropped takes its limit on the left, and mean and variance stay as they were.

    With α' = -1.7581 and q = 1 - rate, `y = a x + b` where a number stays and `a α' + b` where it does not,
    `a = (q + α'² q (1 - q))^(-1/2)`, `b = -a (1 - q) α'` (Klambauer et al., 2017).

    Args:
        rate: Share of the numbers that are dropped, 0 to below 1.
    """

    rate: float

    def __post_init__(self) -> None:
        self._set(rate=float(self.rate))


class GaussianNoise(Layer):
    """In training adds normal noise: `x + deviation n` (Bishop, 1995); as a first layer, noise on the inputs.

    Args:
        deviation: Standard deviation of the noise, at least 0.
    """

    deviation: float

    def __post_init__(self) -> None:
        self._set(deviation=float(self.deviation))


class BatchNorm(Layer):
    """Every feature gets mean 0 and variance 1 over the batch: `gamma (x - μ) / √(σ² + epsilon) + beta`.

    Parameters `gamma` and `beta (features,)`, which begin at 1 and 0; buffers `mean` and `variance`, the running
    statistics, `momentum running + (1 - momentum) batch`, by which validation and prediction go. (Ioffe and Szegedy,
    2015.)

    Args:
        momentum: Share of the running statistics that a step keeps, 0 to below 1.
        epsilon: Added to the variance, above 0.
        trainable: False freezes the parameters and the running statistics, by which training then goes, too.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    trainable: bool = optional(True, absent=True, kw_only=True)

    def __post_init__(self) -> None:
        self._set(momentum=float(self.momentum), epsilon=float(self.epsilon), trainable=bool(self.trainable))


class LayerNorm(Layer):
    """Every sample gets mean 0 and variance 1 over its features: `gamma (x - μ) / √(σ² + epsilon) + beta`.

    Parameters `gamma` and `beta (features,)`, which begin at 1 and 0 (Ba et al., 2016).

    Args:
        epsilon: Added to the variance, above 0.
        trainable: Whether training moves the parameters.
    """

    epsilon: float = 1e-5
    trainable: bool = optional(True, absent=True, kw_only=True)

    def __post_init__(self) -> None:
        self._set(epsilon=float(self.epsilon), trainable=bool(self.trainable))


class RMSNorm(Layer):
    """Every sample gets mean square 1 over its features: `gamma x / √(mean x² + epsilon)` (Zhang and Sennrich, 2019).

    Parameter `gamma (features,)`, which begins at 1.

    Args:
        epsilon: Added to the mean square, above 0.
        trainable: Whether training moves the parameter.
    """

    epsilon: float = 1e-6
    trainable: bool = optional(True, absent=True, kw_only=True)

    def __post_init__(self) -> None:
        self._set(epsilon=float(self.epsilon), trainable=bool(self.trainable))


class Flatten(Layer):
    """One axis: a sample of shape (64, 64, 3) becomes one of 12288 numbers."""


class Rescale(Layer):
    """Multiplies every input by `scale`: `Rescale(1/255)` takes the bytes of pictures to 0..1.

    As the first layer it costs nothing: pictures stay bytes in memory and are scaled where they are read.

    Args:
        scale: The factor, finite and not 0.
    """

    scale: float

    def __post_init__(self) -> None:
        self._set(scale=float(self.scale))


class Normalize(Layer):
    """Standardises by the training data: `(x - mean) / deviation`, feature by feature.

    The first `fit` gathers `mean`, `deviation (features,)` and `count` (buffers) before its first step;
    `Sequential.adapt` does it at any time. A feature that never changes has deviation 1.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> net = purr.Sequential([purr.Normalize()], input_shape=1, dtype="float64")
        >>> net.adapt([[10.0], [30.0]])
        >>> net.predict([[10.0], [20.0], [50.0]]).ravel()
        array([-1.,  0.,  3.])
    """


class Embedding(Layer):
    """A vector for each of `entries` things: `(places,)` whole numbers become `(places, units)`.

    It is the first layer. Parameter `embeddings (entries, units)`, of which the inputs choose rows; `Flatten` or
    `Dense` read what it gives.

    Args:
        entries: Number of things; the inputs are whole numbers 0 to `entries - 1`.
        units: Numbers of one vector.
        embeddings_initializer: First values of the table, by default uniform on ±0.05.
        trainable: Whether training moves the table.

    Example:
        >>> import purrceptron as purr
        >>> net = purr.Sequential([purr.Embedding(1000, 16), purr.Dense(1)], input_shape=3)
        >>> net.predict([[1, 2, 999]]).shape
        (1, 1)
    """

    entries: int
    units: int
    embeddings_initializer: str | Initializer = "uniform"
    trainable: bool = optional(True, absent=True, kw_only=True)

    def __post_init__(self) -> None:
        self._set(
            entries=check_whole("Embedding: entries", self.entries, 1),
            units=check_whole("Embedding: units", self.units, 1),
            embeddings_initializer=as_initializer(self.embeddings_initializer),
            trainable=bool(self.trainable),
        )


class Residual(Layer):
    """Adds its input to what its layers make of it: `x + f(x)` (He et al., 2016).

    Args:
        layers: Descriptions, from the input to the output, which have the same shape.

    Example:
        >>> import purrceptron as purr
        >>> block = purr.Residual([purr.LayerNorm(), purr.Dense(64, "gelu"), purr.Dense(16)])
        >>> purr.Sequential([purr.Dense(16), block, purr.Dense(1)], input_shape=8).outputs
        1
    """

    layers: Sequence[Layer]

    def __post_init__(self) -> None:
        self._set(layers=tuple(check_layers(self.layers, "Residual")))

    def brief(self) -> str:
        """As for other layers, and those within likewise."""
        return f"Residual([{', '.join(layer.brief() for layer in self.layers)}])"


def check_layers(layers: Iterable[Layer], what: str) -> list[Layer]:
    """Refuse what are no layers; JSON objects of layers become such."""
    found = [layer_from_dict(layer) if isinstance(layer, dict) else layer for layer in layers]
    for layer in found:
        if not isinstance(layer, Layer):
            raise TypeError(f"{what}: expected layers such as purr.Dense(20), got {layer!r}")
    return found


def layer_from_dict(fields: dict[str, Any]) -> Layer:
    """The layer that `Layer.to_dict` described; what is left out is as usual.

    Raises:
        ValueError: There is no such layer, or no such setting.
    """
    kinds = {kind.type_name(): kind for kind in Layer.__subclasses__()}
    settings = dict(fields)
    name = settings.pop("type", None)
    if name not in kinds:
        raise ValueError(f"unknown layer {name!r}; known: {', '.join(kinds)}")
    try:
        layer: Layer = kinds[name](**settings)
    except TypeError as error:
        known = ", ".join(field.name for field in dataclasses.fields(kinds[name]))
        raise ValueError(f"layer {name}: {error}; its settings: {known or 'none'}") from None
    return layer


def given_arrays(layers: Iterable[Layer], prefix: str = "layers") -> dict[str, Array]:
    """The arrays of initializers that hold one, by the names of the parameters that begin with them.

    Raises:
        ValueError: An initializer is to hold an array, and holds none.
    """
    given: dict[str, Array] = {}
    for index, layer in enumerate(layers):
        place = f"{prefix}.{index}"
        if isinstance(layer, Residual):
            given |= given_arrays(layer.layers, f"{place}.layers")
        for field, value in _initializers(layer).items():
            if isinstance(value, FromArray):
                given[f"{place}.{field.removesuffix('_initializer')}"] = value.values
            elif value == FromArray.type_name():
                raise ValueError(f"{place}: {field} has no array here; give purr.initializers.FromArray(array)")
    return given


def without_arrays(layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """The same layers, whose initializers say only that they held an array."""

    def bare(layer: Layer) -> Layer:
        if isinstance(layer, Residual):
            return Residual(without_arrays(layer.layers))
        held = (field for field, value in _initializers(layer).items() if isinstance(value, FromArray))
        changes: dict[str, Any] = dict.fromkeys(held, FromArray.type_name())
        return dataclasses.replace(layer, **changes) if changes else layer

    return tuple(bare(layer) for layer in layers)


def _initializers(layer: Layer) -> dict[str, Any]:
    names = (field.name for field in dataclasses.fields(layer))
    return {name: getattr(layer, name) for name in names if name.endswith("_initializer")}
