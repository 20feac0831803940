"""`MLPClassifier`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels

from .._arrays import Array
from ..activations import ActivationFunction
from ..callbacks import Callback
from ..losses import BinaryCrossEntropy, CrossEntropy, Focal, Loss
from ..optimizers import Optimizer
from ..schedules import Schedule
from .estimator import MultilayerPerceptron
from .held_out import whole

__all__ = ["MLPClassifier"]


class MLPClassifier(ClassifierMixin, MultilayerPerceptron):  # type: ignore[misc]
    """A classifier of dense layers: scikit-learn's `MLPClassifier`, trained by this library.

    All parameters of scikit-learn's mean what they mean there. Those after `max_fun`, and further values of
    `activation`, `solver` and `learning_rate`, are this library's; their defaults change nothing.

    Args:
        hidden_layer_sizes: Units of the hidden layers.
        activation: Of the hidden layers: "identity", "logistic", "tanh", "relu", any other of `purr.activations` by its
            name or as an object, or a list, one for each layer.
        solver: "lbfgs", "sgd", "adam", another optimizer's name, or an object such as `purr.AdamW(1e-3)`, which has its
            own learning rate.
        alpha: L2 penalty, `alpha / 2 * sum(coefs_**2) / n` with n what the samples of a batch count together.
        batch_size: Samples of a step; "auto" is `min(200, n_samples)`. Not for "lbfgs".
        learning_rate: For "sgd": "constant"; "invscaling", `learning_rate_init / (t_ + 1)**power_t` after each epoch;
            "adaptive", divided by 5 where training makes no progress. For every solver: a schedule such as
            `purr.CosineDecay(0.1, 1000)`.
        learning_rate_init: Length of the first step.
        power_t: Exponent of "invscaling".
        max_iter: Most epochs; for "lbfgs" most iterations.
        shuffle: Whether every epoch has an order of its own.
        random_state: Seed of the first weights, the held-out samples and the orders, or the generator of all three.
        tol: How much better an epoch must be; for "lbfgs" where the largest element of the gradient ends the training.
        verbose: Whether every epoch prints its loss.
        warm_start: Whether `fit` goes on from the weights at hand.
        momentum: Of "sgd", 0 to below 1.
        nesterovs_momentum: Whether "sgd" looks ahead.
        early_stopping: Whether a share of the samples is held out, whose score ends the training and chooses the
            weights.
        validation_fraction: That share.
        beta_1: Of "adam".
        beta_2: Of "adam".
        epsilon: Of "adam".
        n_iter_no_change: Epochs without progress that are waited for.
        max_fun: Most evaluations of the loss for "lbfgs".
        loss: "log_loss", or a loss of this library that belongs to classes, such as `purr.losses.Focal()` (two classes)
            or `purr.losses.CrossEntropy(label_smoothing=0.1)`.
        class_weight: How much each class counts, a dict by label, or "balanced"; times the weight of the sample.
        dropout: Share of each hidden layer's outputs that a step drops, or a list, one for each layer.
        normalization: "batch", "layer" or "rms", before the activation of every hidden layer.
        clip_norm: Longest gradient that is let through; a longer one is scaled to this length.
        clip_value: Largest magnitude of a gradient's element.
        callbacks: Called as by `Sequential.fit`, with "loss" and, with held-out samples, "val_score".
        n_jobs: Threads, -1 for all cores. None leaves it to the library, which takes one alone within joblib's threads
            and keeps to joblib's limit within its processes.

    Attributes:
        classes_: The classes, sorted.
        coefs_: Kernels, one of each layer.
        intercepts_: Biases, one of each layer.
        network_: The `Sequential` itself.
        loss_: Mean loss of the last epoch, each batch before its step, with the penalty.
        loss_curve_: That of every epoch.
        best_loss_: The lowest of them; None with `early_stopping`.
        validation_scores_: Accuracy on the held-out samples after every epoch, None without such.
        best_validation_score_: The highest of them, None without `early_stopping`.
        n_iter_: Epochs made, or iterations of "lbfgs".
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs among them.
        n_outputs_: Numbers of an output.
        out_activation_: "softmax", or "logistic" for two classes and for several labels.
        n_features_in_: Features.
        feature_names_in_: Their names, where the data frame had some.

    Example:
        >>> from sklearn.datasets import make_classification
        >>> from purrceptron.sklearn import MLPClassifier
        >>> X, y = make_classification(n_samples=100, random_state=1)
        >>> model = MLPClassifier(hidden_layer_sizes=16, solver="lbfgs", random_state=1).fit(X, y)
        >>> model.predict(X[:5]).tolist() == y[:5].tolist()
        True
    """

    classes_: Array
    _kind: str
    _sparse_labels: bool

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **MultilayerPerceptron._parameter_constraints,
        "loss": [
            StrOptions({"log_loss", "binary_cross_entropy", "cross_entropy", "focal"}),
            CrossEntropy,
            BinaryCrossEntropy,
            Focal,
        ],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
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
        loss: str | Loss = "log_loss",
        class_weight: dict[Any, float] | str | None = None,
        dropout: float | Sequence[float] = 0.0,
        normalization: str | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Sequence[Callback] = (),
        n_jobs: int | None = None,
    ) -> None:
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
        self.loss = loss
        self.class_weight = class_weight
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
        """Train on samples and their classes.

        Args:
            X: Samples `(samples, features)`: an array, a data frame, or a sparse matrix.
            y: Classes `(samples,)`, or labels `(samples, labels)` of 0 and 1.
            sample_weight: How much each sample counts, at least 0.
            X_val: Samples to score after every epoch instead of a share of X that `early_stopping` holds out.
            y_val: Their classes.
            sample_weight_val: How much each of them counts.
        """
        return self._fit(X, y, sample_weight, held_out=whole(X_val, y_val, sample_weight_val))

    @available_if(lambda self: self._is_stochastic())  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:  # noqa: N803
        """Train for one epoch, going on with weights and optimizer.

        Args:
            X: As of `fit`.
            y: As of `fit`; it need not have all classes.
            sample_weight: As of `fit`.
            classes: All classes there are; needed in the first call.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def predict(self, X: Any) -> Any:  # noqa: N803
        """The classes of samples, or with several labels 0 and 1 for each."""
        return self._decide(self._outputs(X))

    def predict_proba(self, X: Any) -> Array:  # noqa: N803
        """Probabilities `(samples, classes)`, in the order of `classes_`."""
        outputs = self._outputs(X)
        return np.column_stack([1 - outputs[:, 0], outputs[:, 0]]) if outputs.shape[1] == 1 else outputs

    def predict_log_proba(self, X: Any) -> Array:  # noqa: N803
        """Logarithms of the probabilities."""
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(probabilities, out=probabilities)

    def _begin_with(self, y: Any, classes: Any) -> None:
        """All classes, as the first call of `partial_fit` gives them."""
        if classes is None and "classes_" not in vars(self):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None:
            classes = unique_labels(classes)
            if "classes_" in vars(self) and not np.array_equal(self.classes_, classes):
                raise ValueError(f"classes: got {classes}, but the calls before had {self.classes_}")
            if "classes_" not in vars(self):
                multilabel = type_of_target(y).startswith("multilabel")
                self._kind = type_of_target(y) if multilabel else _kind_of(classes)
                self._sparse_labels = hasattr(y, "toarray")
                self.classes_ = classes

    def _validate_input(self, x: Any, y: Any, incremental: bool, reset: bool, classes: Any) -> tuple[Any, Array]:
        if incremental:
            self._begin_with(y, classes)
        x, y = self._validate_arrays(x, y, reset)
        if y.ndim == 2 and y.shape[1] == 1 and not hasattr(y, "toarray"):
            y = column_or_1d(y, warn=True)
        kind, classes = _classes_in(y)
        if "classes_" not in vars(self) or (not self.warm_start and not incremental):
            self._kind, self.classes_ = kind, classes
            self._sparse_labels = hasattr(y, "toarray")
        else:
            if self.warm_start and set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                    f"Previously got {self.classes_}, `y` has {classes}"
                )
            if unknown := set(classes) - set(self.classes_):
                raise ValueError(f"`y` has classes {sorted(unknown)}, which are not in classes_, {self.classes_}")
        return x, self._numbered(y)

    def _numbered(self, y: Any) -> Array:
        """Labels as the network's targets: the place of each class, or 0 and 1 for each label."""
        if self._kind.startswith("multilabel"):
            rows: Array = np.asarray(y.toarray() if hasattr(y, "toarray") else y) != 0
            return rows
        numbered: Array = np.searchsorted(self.classes_, y).astype(np.uint32)
        return numbered

    def _weigh_classes(self, y: Array, weights: Array | None, incremental: bool) -> Array | None:
        if self.class_weight is None:
            return weights
        if incremental and self.class_weight == "balanced":
            raise ValueError('class_weight "balanced" needs all samples: give partial_fit weights by class')
        if self.class_weight == "balanced" and y.ndim == 1:
            counts = np.bincount(y, weights)  # with the weights: one sample that counts twice is two samples
            by_class = np.divide(counts.sum() / np.count_nonzero(counts), counts, where=counts > 0, out=counts * 0.0)[y]
        else:
            by_class = compute_sample_weight(self.class_weight, y.astype(int) if y.ndim > 1 else self.classes_[y])
        return np.asarray(by_class if weights is None else by_class * weights)

    def _count_outputs(self, y: Array) -> int:
        if y.ndim > 1:
            return int(y.shape[1])
        return len(self.classes_) if self._kind == "multiclass" else 1

    def _last_activation(self) -> str:
        return "softmax" if self._kind == "multiclass" else "logistic"

    def _labels(self, y: Array, weights: Array | None) -> Any:
        model = self.network_
        if self.out_activation_ == "softmax":
            targets = y
        else:
            targets = (y if y.ndim > 1 else y.reshape(-1, 1)).astype(model.dtype)
        return targets if weights is None else (targets, weights.astype(model.dtype))

    def _stratify(self, y: Array) -> Array | None:
        """What is split alike: two classes. scikit-learn splits more by class, too, and labels not."""
        if y.ndim > 1:
            return None
        return y.reshape(-1, 1).astype(bool) if self.n_outputs_ == 1 else None

    def _named(self, y: Array) -> Any:
        return y if y.ndim > 1 else self.classes_[y]

    def _decide(self, outputs: Array) -> Any:
        if self._kind == "multiclass":
            return self.classes_[outputs.argmax(axis=1)]
        if self._kind.startswith("multilabel"):
            labels = (outputs > 0.5).astype(int)
            if not self._sparse_labels:
                return labels
            from scipy.sparse import csr_matrix

            return csr_matrix(labels)
        if len(self.classes_) == 1:
            return np.repeat(self.classes_, len(outputs))
        return self.classes_[(outputs[:, 0] > 0.5).astype(np.intp)]

    def _judge(self, y: Any, predicted: Any, weights: Array | None) -> float:
        """Accuracy; with several labels all of a sample must be right."""
        if hasattr(predicted, "toarray"):
            predicted = predicted.toarray()
        right = predicted == y
        if right.ndim > 1:
            right = right.all(axis=1)
        return float(np.average(right, weights=weights))

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect of it."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _classes_in(y: Any) -> tuple[str, Array]:
    """The kind of target in scikit-learn's words, and its classes, sorted."""
    if y.ndim == 1 and y.dtype.kind in "iub":
        classes = np.unique(y)
        if 2 * len(classes) <= len(y):  # of more, scikit-learn has something to say
            return _kind_of(classes), classes
    kind = type_of_target(y, input_name="y")
    if "multioutput" in kind:
        raise ValueError("several outputs of classes are not supported, only labels of 0 and 1")
    return kind, unique_labels(y)


def _kind_of(classes: Array) -> str:
    return "multiclass" if len(classes) > 2 else "binary"
