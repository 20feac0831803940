"""Layers, as descriptions: what a network is built from.

A layer here holds settings, no weights; the core builds the network from them. The same fields stand in the JSON of a
model file.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

from ._spec import Spec, check_name, check_whole, optional

__all__ = ["Dense", "Layer", "Rescale"]


class Layer(Spec):
    """What all layers are; use one of the others."""

    kind: ClassVar[str] = "layer"

    def brief(self) -> str:
        """As `repr`, without the settings that are as usual: `Dense(units=20, activation='relu')`."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = ((field, getattr(self, field.name)) for field in fields)
        settings = (f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({', '.join(settings)})"


@dataclass(frozen=True)
class Dense(Layer):
    """Every unit looks at every input: `activation(x · kernel + bias)`.

    Args:
        units: Number of outputs.
        activation: What follows the affine map: "identity" (the default), "relu", "sigmoid", "tanh" or "softmax".
        kernel_initializer: First values of the kernel: "scaled_uniform" (±1/√inputs), "glorot_uniform"
            (±√(6/(inputs+units))), "he_uniform" (±√(6/inputs)) or "zeros".
        bias_initializer: First values of the bias, "zeros" by default.
        l1: Weight of `Σ|w|` of the kernel in the loss.
        l2: Weight of `Σ w²` of the kernel in the loss (Keras's convention: without a factor of 1/2).
        max_norm: Greatest length of the weights that enter a unit, kept after every step; None is without bound.

    Raises:
        ValueError: A name is unknown (the message lists the known), or a number is out of its range.

    Example:
        >>> from purrceptron import Dense
        >>> Dense(20, "relu")
        Dense(units=20, activation='relu', kernel_initializer='scaled_uniform', bias_initializer='zeros')
    """

    units: int
    activation: str = "identity"
    kernel_initializer: str = "scaled_uniform"
    bias_initializer: str = "zeros"
    l1: float = optional(0.0, absent=0.0, kw_only=True, repr=False)
    l2: float = optional(0.0, absent=0.0, kw_only=True, repr=False)
    max_norm: float | None = optional(kw_only=True, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", check_whole("Dense: units", self.units, 1))
        check_name("activation", self.activation)
        check_name("initializer", self.kernel_initializer)
        check_name("initializer", self.bias_initializer)
        for name, least in (("l1", "at least 0"), ("l2", "at least 0"), ("max_norm", "above 0")):
            value = getattr(self, name)
            if value is not None and not (value > 0 or (value == 0 and name != "max_norm")):
                raise ValueError(f"Dense: {name} must be {least}, got {value}")


@dataclass(frozen=True)
class Rescale(Layer):
    """Multiplies every input by `scale`: `Rescale(1/255)` takes the bytes of pictures to 0..1.

    As the first layer it costs nothing: pictures stay bytes in memory and are scaled where they are read.

    Args:
        scale: The factor, finite and not 0.
    """

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", float(self.scale))


def layer_from_dict(fields: dict[str, Any]) -> Layer:
    """The layer that `Spec.to_dict` described."""
    kinds = {kind.type_name(): kind for kind in Layer.__subclasses__()}
    fields = dict(fields)
    layer: Layer = kinds[fields.pop("type")](**fields)
    return layer
