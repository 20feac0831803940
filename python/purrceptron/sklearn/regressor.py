"""`MLPRegressor`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if

from .. import losses
from .._arrays import Array
from ..activations import ActivationFunction
from ..callbacks import Callback
from ..losses import Loss
from ..optimizers import Optimizer
from ..schedules import Schedule
from .estimator import MultilayerPerceptron
from .held_out import whole

__all__ = ["MLPRegressor"]

_LOSSES = {"mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "quantile"}


class MLPRegressor(RegressorMixin, MultilayerPerceptron):  # type: ignore[misc]
    """A regression by dense layers: scikit-learn's `MLPRegressor`, trained by this library.

    All parameters of scikit-learn's mean what they mean there. Those after `max_fun`, and further values of `loss`,
    `activation`, `solver` and `learning_rate`, are this library's; their defaults change nothing.

    Args:
        loss: "squared_error" or "poisson", halved as in scikit-learn, or another loss of numbers: "huber",
            "mean_absolute_error", `purr.losses.Quantile(0.9)`, ... (means over samples and outputs).
        hidden_layer_sizes: As of `MLPClassifier`, here and below.
        activation: Of the hidden layers.
        solver: "lbfgs", "sgd", "adam", another optimizer's name or an object.
        alpha: L2 penalty.
        batch_size: Samples of a step.
        learning_rate: The policy of "sgd", or a schedule.
        learning_rate_init: Length of the first step.
        power_t: Exponent of "invscaling".
        max_iter: Most epochs or iterations.
        shuffle: Whether every epoch has an order of its own.
        random_state: Seed or generator.
        tol: How much better an epoch must be.
        verbose: Whether every epoch prints its loss.
        warm_start: Whether `fit` goes on from the weights at hand.
        momentum: Of "sgd", 0 to below 1.
        nesterovs_momentum: Whether "sgd" looks ahead.
        early_stopping: Whether a share of the samples is held out, whose R² ends the training and chooses the weights.
        validation_fraction: That share.
        beta_1: Of "adam".
        beta_2: Of "adam".
        epsilon: Of "adam".
        n_iter_no_change: Epochs without progress that are waited for.
        max_fun: Most evaluations of the loss for "lbfgs".
        dropout: Share of each hidden layer's outputs that a step drops.
        normalization: "batch", "layer" or "rms".
        clip_norm: Longest gradient that is let through.
        clip_value: Largest magnitude of a gradient's element.
        callbacks: Called as by `Sequential.fit`.
        n_jobs: Threads.

    Attributes:
        coefs_: As of `MLPClassifier`, here and below.
        intercepts_: Biases.
        network_: The `Sequential` itself. Of loss "poisson" it gives the logarithm of what `predict` gives.
        loss_: Mean loss of the last epoch.
        loss_curve_: That of every epoch.
        best_loss_: The lowest of them; None with `early_stopping`.
        validation_scores_: R² on the held-out samples after every epoch, None without such.
        best_validation_score_: The highest of them, None without `early_stopping`.
        n_iter_: Epochs or iterations made.
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs among them.
        n_outputs_: Numbers of a target.
        out_activation_: "identity", or "exp" for loss "poisson".
        n_features_in_: Features.
        feature_names_in_: Their names, where the data frame had some.

    Example:
        >>> from sklearn.datasets import make_regression
        >>> from purrceptron.sklearn import MLPRegressor
        >>> X, y = make_regression(n_samples=200, n_features=5, random_state=1)
        >>> model = MLPRegressor(hidden_layer_sizes=32, solver="lbfgs", max_iter=500, random_state=1).fit(X, y / 100)
        >>> model.score(X, y / 100) > 0.99
        True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [
            StrOptions({"squared_error", "poisson", *_LOSSES}),
            losses.Huber,
            losses.LogCosh,
            losses.MeanAbsoluteError,
            losses.MeanSquaredError,
            losses.Quantile,
        ],
    }

    def __init__(
        self,
        loss: str | Loss = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: str | ActivationFunction | Sequence[str | ActivationFunction] = "relu",
        *,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Schedule = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int | float = 10,
        max_fun: int = 15000,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Sequence[Callback] = (),
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.normalization = normalization
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.callbacks = callbacks
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,  # noqa: N803
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Train on samples and their targets.

        Args:
            X: Samples `(samples, features)`: an array, a data frame, or a sparse matrix.
            y: Targets `(samples,)` or `(samples, outputs)`.
            sample_weight: How much each sample counts, at least 0.
            X_val: Samples to score after every epoch instead of a share of X that `early_stopping` holds out.
            y_val: Their targets.
            sample_weight_val: How much each of them counts.
        """
        return self._fit(X, y, sample_weight, held_out=whole(X_val, y_val, sample_weight_val))

    @available_if(lambda self: self._is_stochastic())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Train for one epoch, going on with weights and optimizer; as `fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> Array:  # noqa: N803
        """Targets of samples: `(samples,)`, or `(samples, outputs)` where there are several."""
        return self._decide(self._outputs(X))

    def _validate_input(self, x: Any, y: Any, incremental: bool, reset: bool, classes: Any) -> tuple[Any, Array]:
        x, y = self._validate_arrays(x, y, reset, y_numeric=True)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return x, y

    def _last_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _labels(self, y: Array, weights: Array | None) -> Any:
        dtype = self.network_.dtype
        targets = np.require(y.reshape(len(y), -1).astype(dtype, copy=False), requirements="A")
        return targets if weights is None else (targets, weights.astype(dtype))

    def _decide(self, outputs: Array) -> Array:
        if self.out_activation_ == "exp":
            outputs = np.exp(outputs)
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _judge(self, y: Any, predicted: Any, weights: Array | None) -> float:
        return float(r2_score(y, predicted, sample_weight=weights))
