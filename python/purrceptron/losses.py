"""Losses, as descriptions: what a training makes small.

`fit(..., loss="huber")` takes one by its name, with the usual settings, `fit(..., loss=purr.losses.Huber(2.0))` by an
object. An object is a function, too: `purr.losses.Huber(2.0)(outputs, targets)` gives the mean loss and its gradient.
Losses that undo a last sigmoid or softmax are computed from its logits.

Example:
    >>> import numpy as np, purrceptron as purr
    >>> value, gradient = purr.losses.Huber(1.0)(np.array([[0.5], [4.0]]), [0.0, 1.0])
    >>> value, gradient.ravel()
    (1.3125, array([0.25, 0.5 ]))
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from . import _core
from ._arrays import Array, as_targets
from ._spec import Spec, optional

__all__ = [
    "BinaryCrossEntropy",
    "CategoricalFocal",
    "CrossEntropy",
    "Focal",
    "GaussianNLL",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "PoissonDeviance",
    "Quantile",
    "SquaredHinge",
]

OwnLoss = Callable[..., tuple[float, ArrayLike]]


class Loss(Spec):
    """What all losses are; use one of the others."""

    takes_classes: ClassVar[bool] = False
    """Whether a target may be a class 0, 1, 2, ..., instead of a row of numbers."""
    classifies: ClassVar[bool] = False
    """Whether a network for it predicts classes."""

    def __call__(self, outputs: ArrayLike, targets: ArrayLike) -> tuple[float, Array]:
        """The mean loss, and its gradient with respect to the outputs (logits where the loss is computed from them).

        Args:
            outputs: `(samples, outputs)`.
            targets: As for `Sequential.fit`.
        """
        outputs = np.asarray(outputs)
        if outputs.dtype not in (np.float32, np.float64):
            outputs = outputs.astype(np.float64)
        if outputs.ndim != 2:
            raise ValueError(f"outputs: expected (samples, outputs), got shape {outputs.shape}")
        y = as_targets(targets, outputs.dtype.name, self.target_width(outputs.shape[1]), self.takes_classes)
        return _core.loss_forward_backward(json.dumps(self.to_dict()), np.require(outputs, requirements="A"), y)

    def target_width(self, outputs: int) -> int:
        """Numbers of one target for a network of so many outputs."""
        return outputs


class BinaryCrossEntropy(Loss):
    """`-y ln p - (1-y) ln(1-p)`, with `p = sigmoid(logit)`, for targets 0 and 1 or numbers between.

    Args:
        label_smoothing: Share of every target that becomes 1/2 (Szegedy et al., 2016).
    """

    classifies: ClassVar[bool] = True
    label_smoothing: float = 0.0


class CrossEntropy(Loss):
    """`-sum(y ln p)`, with `p = softmax(logits)`, for classes 0, 1, 2, ... or rows of probabilities.

    Args:
        label_smoothing: Share of every target that is spread over all classes (Szegedy et al., 2016).
    """

    takes_classes: ClassVar[bool] = True
    classifies: ClassVar[bool] = True
    label_smoothing: float = 0.0


class Focal(Loss):
    """Binary cross-entropy in which what is right already counts less (Lin et al., 2017); see `CategoricalFocal`.

    `-alpha (1-p)**gamma y ln p - (1-alpha) p**gamma (1-y) ln(1-p)`, with `p = sigmoid(logit)`.

    Args:
        gamma: How much less; 0 is binary cross-entropy.
        alpha: What a target of 1 counts, and 1 - alpha one of 0; None, the default, counts both as 1.
    """

    classifies: ClassVar[bool] = True
    gamma: float = 2.0
    alpha: float | None = optional()


class CategoricalFocal(Loss):
    """Cross-entropy in which what is right already counts less (Lin et al., 2017), for several classes.

    `-sum((1-p)**gamma y ln p)`, with `p = softmax(logits)`, for classes 0, 1, 2, ... or rows of probabilities. A weight
    for each class, the paper's alpha, is `class_weight` of `fit`.

    Args:
        gamma: How much less; 0 is cross-entropy.
    """

    takes_classes: ClassVar[bool] = True
    classifies: ClassVar[bool] = True
    gamma: float = 2.0


class Hinge(Loss):
    """`max(0, 1 - y a)`, for targets -1 (or 0) and 1."""


class SquaredHinge(Loss):
    """`max(0, 1 - y a)**2`, for targets -1 (or 0) and 1."""


class MeanSquaredError(Loss):
    """`(a - y)**2`."""


class MeanAbsoluteError(Loss):
    """`|a - y|`."""


class Huber(Loss):
    """`(a - y)**2 / 2` up to `|a - y| = delta`, then `delta (|a - y| - delta / 2)` (Huber, 1964).

    Args:
        delta: Where the parabola goes on as a line.
    """

    delta: float = 1.0


class LogCosh(Loss):
    """`ln cosh(a - y)`."""


class Poisson(Loss):
    """`exp(z) - y z`: counts y whose rate is `exp(z)`, the negative log-likelihood without its constant.

    The network's output is the logarithm of the rate.
    """


class PoissonDeviance(Loss):
    """`y ln(y / exp(z)) - y + exp(z)`: half the deviance of counts y from the rate `exp(z)`, 0 where they are equal.

    The same gradient as that of `Poisson`; scikit-learn's "poisson".
    """


class GaussianNLL(Loss):
    """`(s + (y - m)**2 exp(-s)) / 2`, the negative log-likelihood without its constant (Nix and Weigend, 1994).

    A network for it has two outputs a target: first all means m, then all logarithms of variances s.
    """

    _name: ClassVar[str] = "gaussian_nll"

    def target_width(self, outputs: int) -> int:
        """Half of the outputs."""
        return outputs // 2


class KLDivergence(Loss):
    """`sum(y ln(y / p))`, with `p = softmax(logits)`, for rows of probabilities."""

    _name: ClassVar[str] = "kl_divergence"


class Quantile(Loss):
    """`max(q (y - a), (q - 1) (y - a))` (Koenker and Bassett, 1978).

    Args:
        quantile: The quantile q that is estimated; 0.5 is the median.
    """

    quantile: float = 0.5


def as_loss(loss: str | Loss) -> Loss:
    """The loss itself, or the one of that name with its usual settings."""
    if isinstance(loss, Loss):
        return loss
    known = {kind.type_name(): kind for kind in Loss.__subclasses__()}
    if not isinstance(loss, str) or loss not in known:
        raise ValueError(f"unknown loss {loss!r}; known: {', '.join(_core.names('loss'))}")
    return known[loss]()


def implied_loss(last_activation: str) -> Loss:
    """The loss that undoes the last activation."""
    implied = {"sigmoid": BinaryCrossEntropy, "softmax": CrossEntropy}
    if last_activation not in implied:
        known = ", ".join(_core.names("loss"))
        raise ValueError(f"a network that ends in {last_activation} needs a loss; known: {known}")
    return implied[last_activation]()


def own_loss(function: OwnLoss, dtype: str) -> Callable[..., tuple[float, Array]]:
    """A function of the caller's, with its answer as the core takes it."""

    def called(*arguments: Any) -> tuple[float, Array]:
        answer = function(*arguments)
        try:
            value, gradient = answer
            value, gradient = float(value), np.array(gradient, dtype)
        except (TypeError, ValueError) as error:
            raise TypeError(f"loss: expected (value, gradient) from {function!r}, got {answer!r}") from error
        if gradient.shape != arguments[0].shape:
            raise ValueError(
                f"loss: expected a gradient of the predictions' shape {arguments[0].shape} from {function!r}, "
                f"got {gradient.shape}"
            )
        return value, gradient

    return called
