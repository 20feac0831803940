"""Activations, as descriptions: what a layer applies to its affine map.

A name does where there is nothing to set: `Dense(20, "gelu")`. Of those with a setting a name means the usual one:
`Dense(20, "leaky_relu")` is `Dense(20, purr.LeakyReLU(0.01))`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ._spec import NamedSpec

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "SELU",
    "ActivationFunction",
    "GELUTanh",
    "HardSigmoid",
    "HardSwish",
    "HardTanh",
    "Identity",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "SquaredReLU",
    "Tanh",
]


class ActivationFunction(NamedSpec):
    """What all activations are; use one of the others."""

    kind: ClassVar[str] = "activation"


class Identity(ActivationFunction):
    """`a = z`."""


class ReLU(ActivationFunction):
    """`a = max(z, 0)`; the derivative at 0 is 0 (Nair and Hinton, 2010)."""


class LeakyReLU(ActivationFunction):
    """`a = z` above 0, `negative_slope * z` below (Maas et al., 2013).

    Args:
        negative_slope: The slope below 0, at least 0.

    Example:
        >>> import purrceptron as purr
        >>> purr.Dense(20, purr.LeakyReLU(0.2)).activation
        LeakyReLU(negative_slope=0.2)
    """

    negative_slope: float = 0.01


class PReLU(ActivationFunction):
    """`a = z` above 0, `slope * z` below, with a slope for each unit that is learned (He et al., 2015).

    The slopes are the parameter `slope (units,)` of the layer.

    Args:
        initial_slope: First value of every slope.
    """

    initial_slope: float = 0.25


class ELU(ActivationFunction):
    """`a = z` above 0, `alpha (e^z - 1)` below (Clevert et al., 2016).

    Args:
        alpha: Minus the limit on the left, above 0.
    """

    alpha: float = 1.0


class SELU(ActivationFunction):
    """`a = λ z` above 0, `λ α (e^z - 1)` below, λ = 1.0507, α = 1.6733 (Klambauer et al., 2017).

    With kernels by "lecun_normal" it keeps mean 0 and variance 1 from layer to layer.
    """


class CELU(ActivationFunction):
    """`a = z` above 0, `alpha (e^(z/alpha) - 1)` below: smooth for every alpha (Barron, 2017).

    Args:
        alpha: Minus the limit on the left, above 0.
    """

    alpha: float = 1.0


class GELU(ActivationFunction):
    """`a = z/2 (1 + erf(z/√2))` (Hendrycks and Gimpel, 2016)."""


class GELUTanh(ActivationFunction):
    """`a = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³)))`, close to GELU (same paper)."""


class SiLU(ActivationFunction):
    """`a = z sigmoid(z)`, also called swish (Elfwing et al., 2018; Ramachandran et al., 2017)."""


class Mish(ActivationFunction):
    """`a = z tanh(ln(1 + e^z))` (Misra, 2019)."""


class Sigmoid(ActivationFunction):
    """`a = 1 / (1 + e^-z)`."""


class HardSigmoid(ActivationFunction):
    """`a = z/6 + 1/2`, cut off at 0 and 1 (Howard et al., 2019)."""


class HardSwish(ActivationFunction):
    """`a = z hard_sigmoid(z)` (Howard et al., 2019)."""


class Tanh(ActivationFunction):
    """`a = tanh z`."""


class HardTanh(ActivationFunction):
    """`a = z`, cut off at -1 and 1 (Collobert, 2004)."""


class Softplus(ActivationFunction):
    """`a = ln(1 + e^z)` (Dugas et al., 2001)."""


class Softsign(ActivationFunction):
    """`a = z / (1 + |z|)` (Glorot and Bengio, 2010)."""


class LogSigmoid(ActivationFunction):
    """`a = ln sigmoid(z)`."""


class Softmax(ActivationFunction):
    """`a_i = e^z_i / Σ_j e^z_j` over the units of one sample."""


class LogSoftmax(ActivationFunction):
    """`a_i = ln softmax(z)_i` over the units of one sample."""


class SquaredReLU(ActivationFunction):
    """`a = max(z, 0)²` (So et al., Primer, 2021)."""


def as_activation(activation: Any) -> str | ActivationFunction:
    """The form that a layer keeps: a name, or an object where there is something to set.

    Raises:
        ValueError: No activation has that name (the message lists the known).
    """
    return ActivationFunction.short(activation)
