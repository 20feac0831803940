"""Initializers, as descriptions: first values of the parameters.

A name does where there is nothing to set: `Dense(20, kernel_initializer="he_normal")`. Of those with a setting a name
means the usual one: "normal" is `purr.initializers.Normal(0.05)`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import Array
from ._spec import NamedSpec

__all__ = [
    "Constant",
    "FromArray",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Normal",
    "Ones",
    "Orthogonal",
    "ScaledUniform",
    "TruncatedNormal",
    "Uniform",
    "Zeros",
]


class Initializer(NamedSpec):
    """What all initializers are; use one of the others."""

    kind: ClassVar[str] = "initializer"


class Zeros(Initializer):
    """All zero."""


class Ones(Initializer):
    """All one."""


class Constant(Initializer):
    """All the same.

    Args:
        value: What all are.
    """

    value: float = 0.0


class Uniform(Initializer):
    """Uniform on ±limit.

    Args:
        limit: The largest value, above 0.
    """

    limit: float = 0.05


class Normal(Initializer):
    """Normal with mean 0.

    Args:
        deviation: The standard deviation, above 0.
    """

    deviation: float = 0.05


class TruncatedNormal(Initializer):
    """Normal with mean 0, drawn again beyond two deviations.

    Args:
        deviation: The standard deviation before the cut, above 0.
    """

    deviation: float = 0.05


class ScaledUniform(Initializer):
    """Uniform on ±1/√inputs (LeCun et al., Efficient BackProp, 1998): the default, as in PyTorch."""


class GlorotUniform(Initializer):
    """Uniform on ±√(6/(inputs+units)) (Glorot and Bengio, 2010): for sigmoid, tanh and softmax."""


class GlorotNormal(Initializer):
    """Normal with variance 2/(inputs+units) (Glorot and Bengio, 2010): for sigmoid, tanh and softmax."""


class HeUniform(Initializer):
    """Uniform on ±√(6/inputs) (He et al., 2015): for ReLU."""


class HeNormal(Initializer):
    """Normal with variance 2/inputs (He et al., 2015): for ReLU."""


class LecunUniform(Initializer):
    """Uniform on ±√(3/inputs) (LeCun et al., 1998; Klambauer et al., 2017): for SELU."""


class LecunNormal(Initializer):
    """Normal with variance 1/inputs (LeCun et al., 1998; Klambauer et al., 2017): for SELU."""


class Orthogonal(Initializer):
    """`gain` times a random matrix whose shorter side's vectors are orthonormal (Saxe et al., 2014).

    Args:
        gain: The length of those vectors, above 0.
    """

    gain: float = 1.0


class FromArray(Initializer):
    """An array of yours: `Dense(2, kernel_initializer=FromArray(kernel))`.

    Its shape is checked when the network is built; from then on the network's weights hold the numbers, and its
    description says only that they came from outside.

    Args:
        values: The array.

    Example:
        >>> import purrceptron as purr
        >>> layer = purr.Dense(2, kernel_initializer=purr.initializers.FromArray([[1.0, 2.0]]))
        >>> purr.Sequential([layer], input_shape=1).predict([[10.0]])
        array([[10., 20.]], dtype=float32)
    """

    is_data: ClassVar[bool] = True

    values: Array

    def __init__(self, values: ArrayLike) -> None:
        object.__setattr__(self, "values", np.array(values))
        if self.values.dtype.kind not in "fiub":
            raise TypeError(f"FromArray: expected real numbers, got an array of {self.values.dtype}")

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, which says nothing of the array."""
        return {"type": self.type_name()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FromArray) and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash(FromArray)

    def __repr__(self) -> str:
        return f"FromArray(array of shape {self.values.shape})"


def as_initializer(initializer: Any) -> str | Initializer:
    """The form that a layer keeps: a name, or an object where there is something to set.

    Raises:
        ValueError: No initializer has that name (the message lists the known).
    """
    return Initializer.short(initializer)
