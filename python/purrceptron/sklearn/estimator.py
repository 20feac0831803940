"""What both estimators are: their parameters' ranges, and `fit` from checked arrays to trained weights."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache, partial
from inspect import signature
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import _core
from .._arrays import Array
from ..activations import ActivationFunction
from ..errors import DataError
from ..layers import Dense, Layer
from ..model import Sequential
from ..optimizers import Optimizer
from ..schedules import Schedule
from ..trainer import Trainer
from . import lbfgs, stochastic
from .architecture import NORMALIZATIONS, described_objective, hidden_units, layers, objective, optimizer
from .held_out import HeldOut, given, split
from .stochastic import Stochastic
from .weights import HasWeights, Weights

__all__ = ["MultilayerPerceptron"]


class MultilayerPerceptron(HasWeights, BaseEstimator):  # type: ignore[misc]
    """The base of `MLPClassifier` and `MLPRegressor`: use one of those."""

    loss_curve_: list[float]
    validation_scores_: list[float] | None

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
        "activation": [StrOptions({"logistic", *_core.names("activation")}), ActivationFunction, list, tuple],
        "solver": [StrOptions({"lbfgs", *_core.names("optimizer")}), Optimizer],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), Schedule],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
        "normalization": [StrOptions(set(NORMALIZATIONS)), None],
        "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
        "clip_value": [Interval(Real, 0, None, closed="neither"), None],
        "callbacks": [list, tuple],
        "n_jobs": [Integral, None],
    }

    def _fit(
        self,
        x: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        incremental: bool = False,
        held_out: tuple[Any, Any, Any] | None = None,
        classes: Any = None,
    ) -> Self:
        before = dict(vars(self))
        try:
            train = self._prepare(x, y, sample_weight, incremental, held_out, classes)
        except (TypeError, ValueError):  # what is refused changes nothing
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        train()
        return self

    @classmethod
    @cache
    def _get_param_names(cls) -> list[str]:
        # scikit-learn reads the signature anew for every fit and clone: a tenth of what a small fit costs.
        return list(super()._get_param_names())

    @classmethod
    @cache
    def _defaults(cls) -> dict[str, Any]:
        # Of the library's own class: what another one derived from it takes for usual may be anything.
        own: Any = next(kind for kind in cls.__mro__ if kind.__module__.startswith(__package__))
        return {name: parameter.default for name, parameter in signature(own.__init__).parameters.items()}

    def _validate_params(self) -> None:
        """Checks the parameters that are not as they come: all of them take as long as a small fit's steps."""
        defaults = self._defaults()
        settings = self.get_params(deep=False).items()
        given = {name: value for name, value in settings if value is not defaults.get(name, self)}
        validate_parameter_constraints(self._parameter_constraints, given, caller_name=type(self).__name__)

    def _validate_arrays(self, x: Any, y: Any, reset: bool, **how: Any) -> tuple[Any, Any]:
        """scikit-learn's checks of samples and targets. Plain arrays that would pass unchanged pass at once."""
        if (
            reset
            and _is_plain(x, 2, "f")
            and x.dtype.itemsize in (4, 8)
            and _is_plain(y, 1, "fiub")
            and len(x) == len(y)
        ):
            if "feature_names_in_" in vars(self):
                del self.feature_names_in_
            self.n_features_in_ = x.shape[1]
            return x, y
        forms, dtypes = ["csr", "csc"], (np.float64, np.float32)
        checked: tuple[Any, Any] = validate_data(
            self, x, y, accept_sparse=forms, multi_output=True, dtype=dtypes, reset=reset, **how
        )
        return checked

    def _prepare(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        incremental: bool,
        held_out: tuple[Any, Any, Any] | None,
        classes: Any,
    ) -> Callable[[], None]:
        """Checks everything, and draws what scikit-learn draws before the first epoch; gives the training itself."""
        hidden = hidden_units(self.hidden_layer_sizes)
        if self._is_lbfgs:
            self._check_for_lbfgs(held_out)
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        first = "_weights" not in vars(self) or (not self.warm_start and not incremental)
        x, y = self._validate_input(x, y, incremental, first, classes)
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, x)
        weights = self._weigh_classes(y, weights, incremental)
        x = _dense(x)
        self.n_outputs_ = self._count_outputs(y)
        random_state = check_random_state(self.random_state)
        if first:
            self._initialize([x.shape[1], *hidden, self.n_outputs_], x.dtype, random_state)
        else:
            self._keep_weights(x.dtype)
        if self._is_lbfgs:
            return partial(lbfgs.run, self, self._make_trainer(), self._cast(x), self._labels(y, weights))
        if first or "loss_curve_" not in vars(self):
            self._begin_curves()
        if not incremental or "_optimizer" not in vars(self):
            self._optimizer = Stochastic(self._make_trainer())
        elif self._optimizer.trainer is None or self._optimizer.trainer.model is not self._weights.model:
            self._optimizer.adopt(self._make_trainer())
        if held_out is not None:
            kept: HeldOut | None = given(self, *held_out)
            self.validation_scores_ = self.validation_scores_ or []
        elif self.early_stopping:
            x, y, weights, kept = split(self, x, y, weights, random_state)
        else:
            kept = None
        x, labels = self._cast(x), self._labels(y, weights)
        return partial(stochastic.run, self, self._optimizer, x, labels, kept, random_state, incremental)

    def _check_for_lbfgs(self, held_out: Any) -> None:
        """Refuses what only epochs of batches have."""
        beyond = {"dropout": np.any(self.dropout), "normalization": self.normalization == "batch"}
        beyond |= {"callbacks": bool(self.callbacks), "X_val": held_out is not None}
        if given := [name for name, is_given in beyond.items() if is_given]:
            raise ValueError(f"{given[0]}: not with solver 'lbfgs', which takes all samples in every step")

    def _initialize(self, units: Sequence[int], dtype: Any, random_state: np.random.RandomState) -> None:
        """Everything that a first fit begins with; the weights as scikit-learn draws them (Glorot and Bengio, 2010)."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(units)
        self.out_activation_ = self._last_activation()
        logistic = isinstance(self.activation, str) and self.activation == "logistic"
        arrays: list[Array] = []
        for inputs, outputs in pairwise(units):
            bound = np.sqrt((2.0 if logistic else 6.0) / (inputs + outputs))
            arrays.append(random_state.uniform(-bound, bound, (inputs, outputs)))
            arrays.append(random_state.uniform(-bound, bound, outputs))
        # A seed of the library's own comes after them, and only where something needs it.
        seed = random_state.randint(2**31 - 1) if np.any(self.dropout) else 0
        model = Sequential(self._layers(units), input_shape=int(units[0]), seed=seed, dtype=np.dtype(dtype).name)
        self._weights = Weights(model, (arrays[::2], arrays[1::2]))
        self._core_network()
        self._weights.trained()

    def _begin_curves(self) -> None:
        self.loss_curve_ = []
        self._no_improvement_count = 0
        early = self.early_stopping
        self.validation_scores_ = [] if early else None
        self.best_validation_score_ = -np.inf if early else None
        self.best_loss_ = None if early else np.inf
        self._best_weights = self._snapshot() if early else None

    def _layers(self, units: Sequence[int]) -> list[Layer]:
        last = {"softmax": "softmax", "logistic": "sigmoid"}.get(self.out_activation_, "identity")
        return layers(units[1:], self.activation, last, dropout=self.dropout, normalization=self.normalization)

    def _keep_weights(self, dtype: Any) -> None:
        """Goes on with the weights at hand, in a network that is as the parameters say by now."""
        model = self._weights.model
        if model is None:
            coefs, _ = self._weights.lists
            units = [np.shape(coefs[0])[0], *(np.shape(coef)[1] for coef in coefs)]
            built = Sequential(self._layers(units), input_shape=units[0], dtype=np.dtype(dtype).name)
            self._weights = Weights(built, self._weights.lists)
            self._core_network()
            return
        units = [*(model.input_shape or ()), *(layer.units for layer in model.layers if isinstance(layer, Dense))]
        described = self._layers(units)
        if tuple(described) == model.layers:
            return
        built = Sequential(described, input_shape=units[0], seed=model.seed, dtype=model.dtype)
        old, new = model._built(), built._built()
        if _kinds(old) == _kinds(new):
            new.set_parameters(old.parameters())
            new.set_buffers(old.buffers())
            self._weights = Weights(built)
        else:
            self._weights = Weights(built, self._weights.lists)
            self._core_network()

    def _make_trainer(self) -> Trainer:
        model = self.network_
        loss, value, gradient = objective(self.loss, self.out_activation_, self.n_outputs_)
        how = "adam" if self._is_lbfgs else optimizer(self)
        counting = described_objective(value, gradient, self.alpha)
        return Trainer(model, optimizer=how, loss=loss, n_threads=self._threads(), _objective=counting)

    def _threads(self) -> int | None:
        """Threads of a training: none besides its own within one of joblib's threads, which share the cores already."""
        if self.n_jobs is not None:
            return max(1, int(effective_n_jobs(self.n_jobs)))
        if threading.current_thread() is not threading.main_thread() and get_active_backend()[0].nesting_level:
            return 1
        return None

    def _cast(self, x: Array) -> Array:
        model = self._weights.model
        return x if model is None else np.require(x.astype(model.dtype, copy=False), requirements="A")

    def _outputs(self, x: Any) -> Array:
        """What the last layer makes of samples, which are checked as scikit-learn checks them."""
        if "_weights" not in vars(self):
            check_is_fitted(self)
        model = self._weights.model or self._rebuilt()
        rows = None
        if (
            type(x) is np.ndarray
            and x.ndim == 2
            and x.dtype == model.dtype
            and x.shape == (len(x) or -1, self.n_features_in_)
            and x.flags.aligned
            and "feature_names_in_" not in vars(self)
        ):
            try:  # nearly always: the checks below would take longer than the network
                return model._built().predict(x, False, self._threads())
            except DataError:
                pass  # what is not finite is refused below, in scikit-learn's words
        rows = self._rows(x)
        outputs = model._built().predict(rows, False, self._threads())
        given = getattr(x, "dtype", None)
        return outputs.astype(np.float64) if given == np.float64 and outputs.dtype != np.float64 else outputs

    def _rebuilt(self) -> Sequential:
        """A network for weights that came as lists."""
        self._keep_weights(np.float64)
        return self.network_

    def _rows(self, x: Any) -> Array:
        return self._cast(_dense(validate_data(self, x, accept_sparse=["csr", "csc"], reset=False)))

    def _score_held_out(self, held_out: HeldOut) -> float:
        outputs = self._core_network().predict(held_out.x, False, self._threads())
        if not np.isfinite(outputs).all():
            return float("nan")
        return self._judge(held_out.y, self._decide(outputs), held_out.weights)

    @property
    def _is_lbfgs(self) -> bool:
        return isinstance(self.solver, str) and self.solver == "lbfgs"

    def _is_stochastic(self) -> bool:
        if self._is_lbfgs:
            raise AttributeError(f"partial_fit is only available for stochastic optimizers. {self.solver} is not.")
        return True

    # What a classifier and a regressor do each in their own way.

    def _validate_input(self, x: Any, y: Any, incremental: bool, reset: bool, classes: Any) -> tuple[Any, Array]:
        raise NotImplementedError

    def _weigh_classes(self, y: Array, weights: Array | None, incremental: bool) -> Array | None:
        return weights

    def _count_outputs(self, y: Array) -> int:
        return 1 if y.ndim == 1 else y.shape[1]

    def _last_activation(self) -> str:
        raise NotImplementedError

    def _labels(self, y: Array, weights: Array | None) -> Any:
        raise NotImplementedError

    def _stratify(self, y: Array) -> Array | None:
        return None

    def _named(self, y: Array) -> Any:
        return y

    def _decide(self, outputs: Array) -> Any:
        raise NotImplementedError

    def _judge(self, y: Any, predicted: Any, weights: Array | None) -> float:
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect of it."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _kinds(core: _core.Network) -> list[tuple[str, tuple[int, ...]]]:
    """What the parameters and buffers are, wherever they stand."""
    named = [*core.named_parameters(), *core.named_buffers()]
    return [(name.rsplit(".", 1)[-1], tuple(shape)) for name, shape in named]


def _is_plain(array: Any, ndim: int, kinds: str) -> bool:
    """Whether it is an array of such numbers, all of them finite, and at least one."""
    if type(array) is not np.ndarray or array.ndim != ndim or array.dtype.kind not in kinds or not array.dtype.isnative:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return array.size > 0 and bool(np.isfinite(array.sum()))  # a sum too large is looked at by scikit-learn


def _dense(x: Any) -> Array:
    """Rows, also of a sparse matrix."""
    rows: Array = x.toarray() if hasattr(x, "toarray") else x
    return rows
