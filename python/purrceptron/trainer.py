"""`Trainer`: one step of training, and the loop over many."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import ArrayLike

from . import _core, lbfgs
from . import batches as streams
from ._arrays import Array, ClassWeight, as_samples, as_targets, as_weights
from ._scores import Metric, Score, check_metrics
from ._spec import check_above_zero, check_name, check_threads, check_whole
from .augmentation import Augmentation, described
from .callbacks import Callback, Progress, ProgressBar
from .callbacks.watch import Watch
from .checkpoints import Checkpoint
from .lbfgs import LBFGS
from .losses import Loss, OwnLoss, as_loss, implied_loss, own_loss
from .optimizers import SGD, Optimizer, as_optimizer

if TYPE_CHECKING:
    from .model import Sequential

__all__ = ["History", "Trainer"]

Batches = Iterator[Any] | Callable[[], Iterable[Any]]  # batches that come one by one
Labels = Array | tuple[Array, Array]  # targets, or targets and the weights of the samples


@dataclass
class History:
    """What a training gave, epoch by epoch.

    Attributes:
        loss: Mean over the epoch's samples, each batch before its step.
        val_loss: On the validation data after the epoch; empty without such data.
        metrics: Scores by name, "accuracy" and "val_accuracy", as lists like the losses: over the epoch's samples, each
            batch before its step, or for functions at the epoch's end.
        solver: The solver that ran, "direct" or "reduced".
        solver_reason: Why it was chosen.
        seconds: Wall time.
        learning_rate: After each epoch, that of the step to come.
    """

    loss: list[float]
    val_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    solver: str = "direct"
    solver_reason: str = ""
    seconds: float = 0.0
    learning_rate: list[float] = field(default_factory=list)

    @classmethod
    def _from_core(cls, result: dict[str, Any]) -> Self:
        loss, val_loss = result.pop("loss"), result.pop("val_loss")
        ran = {name: result.pop(name) for name in ("solver", "solver_reason", "seconds", "learning_rate")}
        scores = {name: values for name, values in result.items() if values}
        return cls(loss, val_loss, scores, **ran)


class Trainer:
    """Trains a network step by step: keeps the optimizer's state, the loss, and the memory that a step needs.

    Args:
        model: The network, with its input shape known. Every step changes its weights.
        optimizer: A name, or an object such as `purr.SGD(0.1, momentum=0.9)`.
        loss: As in `Sequential.fit`.
        n_threads: Threads; left out, `PURRCEPTRON_NUM_THREADS`, else the cores, or fewer by `OMP_NUM_THREADS`.

    Example:
        >>> import numpy as np, purrceptron as purr
        >>> net = purr.Sequential.from_string("2-4-1", seed=0)
        >>> trainer = purr.Trainer(net, optimizer=purr.SGD(0.1))
        >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])
        >>> losses = [trainer.step(x, y) for _ in range(100)]
        >>> losses[-1] < losses[0]
        True
    """

    def __init__(
        self,
        model: Sequential,
        *,
        optimizer: str | Optimizer | LBFGS = "adam",
        loss: str | Loss | OwnLoss | None = None,
        n_threads: int | None = None,
        _objective: str | None = None,
    ) -> None:
        self._model = model
        self._optimizer = optimizer if isinstance(optimizer, LBFGS) else as_optimizer(optimizer)
        self._own = loss if callable(loss) and not isinstance(loss, Loss) else None
        if self._own is None:
            self._loss = as_loss(loss) if isinstance(loss, str | Loss) else implied_loss(model._last_activation)
        self._threads = _core.thread_count(check_threads(n_threads))
        self._objective = _objective
        self._core = _core.Trainer(
            model._built(),
            json.dumps((SGD() if isinstance(self._optimizer, LBFGS) else self._optimizer).to_dict()),
            None if self._own else json.dumps(self._loss.to_dict()),
            self._threads,
            own_loss(self._own, model.dtype) if self._own else None,
            _objective,
        )

    @property
    def model(self) -> Sequential:
        """The network that it trains."""
        return self._model

    @property
    def optimizer(self) -> Optimizer | LBFGS:
        """The optimizer's description."""
        return self._optimizer

    @property
    def loss(self) -> str:
        """Name of the loss; that of the function, if it is one of yours."""
        return getattr(self._own, "__name__", "own") if self._own else self._loss.type_name()

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return self._core.steps()

    @property
    def learning_rate(self) -> float:
        """Length of the next step.

        Setting it sets that of all steps to come, whatever the schedule was: at least 0; within a callback, from the
        next epoch on.
        """
        return self._core.learning_rate()

    @learning_rate.setter
    def learning_rate(self, learning_rate: float) -> None:
        self._core.set_learning_rate(learning_rate)

    def step(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> float:
        """Move the weights along the gradient of the mean loss on a batch; returns that loss, from before the step.

        Args:
            x: Samples.
            y: Targets.
            sample_weight: As in `Sequential.fit`.
            class_weight: As in `Sequential.fit`; "balanced" looks at this batch alone.

        Raises:
            DivergedError: The loss is not finite; the weights stay as they are.
        """
        if isinstance(self._optimizer, LBFGS):
            raise TypeError("purr.LBFGS makes no single steps; fit it on all samples")
        return self._core.step(*self._arrays(x, y, sample_weight, class_weight))

    def loss_and_gradient(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> tuple[float, Array]:
        """The mean loss on a batch, penalties included, and its gradient, flat, in the order of `get_weights`.

        The weights stay.
        """
        return self._core.loss_and_gradient(*self._arrays(x, y, sample_weight, class_weight))

    def evaluate(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        metrics: Metric | Sequence[Metric] = (),
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> dict[str, float]:
        """Mean loss (with the weights of samples and classes, and the penalty of the network's) and metrics by name."""
        names, functions = check_metrics(metrics)
        samples, labels = self._arrays(x, y, sample_weight, class_weight)
        loss, values = self._core.evaluate(samples, labels, names)
        return {"loss": loss, **dict(zip(names, values, strict=True)), **self._call(functions, samples, labels)}

    def _call(self, functions: Sequence[Score], samples: Array, labels: Labels) -> dict[str, float]:
        """What functions of the caller's say of the network as it is."""
        if not functions:
            return {}
        targets = labels[0] if isinstance(labels, tuple) else labels
        predictions = self._model._built().predict(samples, self._classifies, self._threads)
        if self._own is None:  # of means and variances the means
            predictions = predictions[:, : self._loss.target_width(predictions.shape[1])]
        return {function.name: function(targets, predictions, self._classifies) for function in functions}

    @property
    def _classifies(self) -> bool:
        return self._own is None and self._loss.classifies

    def train_on_batch(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> float:
        """Another name of `step`."""
        return self.step(x, y, sample_weight=sample_weight, class_weight=class_weight)

    def partial_fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        *,
        batch_size: int | None = 32,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
    ) -> History:
        """One epoch on a part of the data, in batches, going on with this trainer's optimizer."""
        return self.fit(x, y, epochs=1, batch_size=batch_size, sample_weight=sample_weight, class_weight=class_weight)

    def fit(
        self,
        x: ArrayLike | Batches,
        y: ArrayLike | None = None,
        *,
        epochs: int = 10,
        batch_size: int | None = 32,
        shuffle: bool = True,
        metrics: Metric | Sequence[Metric] = (),
        validation_data: tuple[ArrayLike, ...] | None = None,
        validation_split: float | None = None,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        accumulate: int = 1,
        mixup: float | None = None,
        augmentation: Sequence[Augmentation] = (),
        steps_per_epoch: int | None = None,
        callbacks: Sequence[Callback] = (),
        solver: str = "auto",
        verbose: int = 0,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        resume: bool = False,
    ) -> History:
        """Many steps, as `Sequential.fit`, going on with this trainer's optimizer."""
        options = fit_options(epochs, batch_size, shuffle, metrics, solver, accumulate, mixup, augmentation)
        functions = check_metrics(metrics)[1]
        streamed = streams.is_stream(x)
        if streamed:
            given: dict[str, object] = {"y": y, "sample_weight": sample_weight, "mixup": mixup}
            given["accumulate"] = accumulate if accumulate != 1 else None
            given["augmentation"] = augmentation or None
            if unused := [name for name, value in given.items() if value is not None]:
                raise ValueError(
                    f"{unused[0]} is not for batches that come one by one: each is (x, y) or (x, y, weights)"
                )
            if isinstance(self._optimizer, LBFGS):
                raise TypeError("purr.LBFGS takes all samples in every step, no batches that come one by one")
            arrays = None
        elif y is None:
            raise TypeError("y: expected targets; only batches that come one by one have their own")
        elif steps_per_epoch is not None:
            raise ValueError("steps_per_epoch is for batches that come one by one")
        else:
            arrays = self._arrays(cast(ArrayLike, x), y, sample_weight, class_weight)
            if augmentation and isinstance(self._optimizer, LBFGS):
                raise TypeError("purr.LBFGS takes the same samples in every step, no augmentation")
        steps = None if steps_per_epoch is None else check_whole("steps_per_epoch", steps_per_epoch, 1)
        validation = None if validation_data is None else self._validation(validation_data)
        if validation_split is not None:
            if validation is not None:
                raise ValueError("validation_split and validation_data are both given; expected one of them")
            if arrays is None:
                raise ValueError("validation_split is not for batches that come one by one")
            arrays, validation = self._set_aside(validation_split, *arrays)
        callbacks = [*callbacks, *([ProgressBar()] if verbose else [])]
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks: expected objects of subclasses of purr.Callback, got {callback!r}")

        def scores() -> dict[str, float]:
            validated = {} if validation is None else self._call(functions, *validation)
            trained = {} if arrays is None else self._call(functions, *arrays)
            return {**trained, **{f"val_{name}": value for name, value in validated.items()}}

        watch = Watch(callbacks, options, scores if functions else None)
        if resume and checkpoint is None:
            raise ValueError("resume needs checkpoint, the directory of the checkpoints to go on from")
        if checkpoint is not None and (arrays is None or isinstance(self._optimizer, LBFGS)):
            what = "batches that come one by one" if arrays is None else "purr.LBFGS"
            raise ValueError(f"checkpoint: {what} cannot be taken up where they stopped")
        every_epoch = watch.remembers or any(not isinstance(callback, Progress) for callback in callbacks)
        with ExitStack() as ends:
            checkpoints, first_epoch = None, 0
            if checkpoint is not None:
                # With hashlib: others need not wait for it.
                from .callbacks.held import Held
                from .checkpoints.training import Checkpoints

                identity = self._identity(options, functions, arrays, validation)
                checkpoints = Checkpoints(Checkpoint.of(checkpoint), identity, watch, resume)
                first_epoch = ends.enter_context(checkpoints).first_epoch
            for callback in callbacks:
                callback.trainer = self
            for callback in reversed(callbacks):
                ends.callback(setattr, callback, "trainer", None)
            watch.begin(self._model, ends, first_epoch)
            told: Callable[..., bool] | None = watch.epoch if callbacks or functions else None
            of_batches = watch.batch if watch.asked_for_batches else None
            if arrays is None:
                result = streams.run(self, x, steps, class_weight, validation, options, told, of_batches)
            elif isinstance(self._optimizer, LBFGS):
                result = lbfgs.run(self._optimizer, self, arrays, validation, options, told)
            elif checkpoints is None:
                result = self._core.fit(*arrays, json.dumps(options), validation, told, every_epoch, of_batches)
            else:
                # In the midst of these a signal waits; the core lets it through between two steps.
                whole: list[Callable[..., Any]] = [Checkpoints.take, Watch.batch]
                signals = ends.enter_context(Held(*whole, *([Watch.epoch_with_checkpoints] if watch.remembers else [])))
                told = watch.epoch_with_checkpoints if told else None
                result = self._core.fit(
                    *arrays,
                    json.dumps(options),
                    validation,
                    told,
                    every_epoch,
                    of_batches,
                    checkpoints=(checkpoints.take, *checkpoints.times),
                    resume=checkpoints.resumed,
                    ask=signals.release,
                )
        history = History._from_core(result)
        history.metrics |= watch.scores
        return history

    def _identity(
        self,
        options: dict[str, Any],
        functions: Sequence[Score],
        arrays: Any,
        validation: tuple[Array, Labels] | None,
    ) -> dict[str, Any]:
        """What decides the bits of a training, and of its history, beside the number of epochs, and the solver.

        Which solver that is, "auto" says by the number of epochs; the core knows which one a checkpoint is of.
        """
        from .checkpoints.identity import digest

        identity = {
            "version": _core.version(),
            "network": json.loads(self._model._built().spec()),
            "optimizer": cast(Optimizer, self._optimizer).to_dict(),
            "loss": self.loss if self._own else self._loss.to_dict(),
            "objective": self._objective,
            **{name: value for name, value in options.items() if name not in ("epochs", "solver")},
            "functions": [function.name for function in functions],
            "data": {"training": digest(*arrays), "validation": None if validation is None else digest(*validation)},
        }
        return cast(dict[str, Any], json.loads(json.dumps(identity)))  # as it comes back from a file

    def _set_aside(self, share: float, x: Array, labels: Labels) -> tuple[tuple[Array, Labels], tuple[Array, Labels]]:
        """Splits arrays into what is trained on and what is validated on, each class by its share."""
        classes = None
        y, weights = labels if isinstance(labels, tuple) else (labels, None)
        if self._classifies:
            numbers = y if y.ndim == 1 else y.argmax(axis=1) if y.shape[1] > 1 else y[:, 0] > 0.5
            classes = np.ascontiguousarray(numbers, dtype=np.uint32)
        try:
            share = float(share)
        except (TypeError, ValueError):
            raise TypeError(f"validation_split must be a number above 0 and below 1, got {share!r}") from None
        held_out = np.zeros(len(x), dtype=bool)
        held_out[_core.held_out(len(x), share, self._model.seed, classes)] = True

        def part(chosen: Array) -> tuple[Array, Labels]:
            return x[chosen], y[chosen] if weights is None else (y[chosen], weights[chosen])

        return part(~held_out), part(held_out)

    def _validation(self, data: tuple[ArrayLike, ...]) -> tuple[Array, Labels]:
        if len(data) not in (2, 3):
            raise ValueError(f"validation_data: expected (x, y) or (x, y, sample_weight), got {len(data)} parts")
        return self._arrays(data[0], data[1], data[2] if len(data) == 3 else None, prefix="validation ")

    def _arrays(
        self,
        x: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        class_weight: ClassWeight | None = None,
        prefix: str = "",
    ) -> tuple[Array, Labels]:
        """Samples and labels as the core takes them."""
        model = self._model
        samples = as_samples(x, model.dtype, model.input_shape, what=f"{prefix}x")
        if self._own is None:
            width, takes_classes = self._loss.target_width(model.outputs), self._loss.takes_classes
        else:  # whole numbers for several outputs are classes
            width, takes_classes = model.outputs, model.outputs > 1 and np.ndim(y) == 1
        targets = as_targets(y, model.dtype, width, takes_classes, what=f"{prefix}y")
        if len(samples) != len(targets):
            raise ValueError(f"{prefix}x has {len(samples)} samples, but {prefix}y has {len(targets)}")
        weights = as_weights(targets, sample_weight, class_weight, model.dtype, prefix)
        return samples, targets if weights is None else (targets, weights)

    def __repr__(self) -> str:
        return f"Trainer({self._model!r}, optimizer={self._optimizer!r}, loss={self.loss!r})"


def fit_options(
    epochs: int,
    batch_size: int | None,
    shuffle: bool,
    metrics: Metric | Sequence[Metric],
    solver: str,
    accumulate: int = 1,
    mixup: float | None = None,
    augmentation: Sequence[Augmentation] = (),
) -> dict[str, Any]:
    """What the core reads of the settings of `fit`, each checked."""
    augmented = described(augmentation)
    return {
        "epochs": check_whole("epochs", epochs, 0),
        "batch_size": None if batch_size is None else check_whole("batch_size", batch_size, 1),
        "shuffle": bool(shuffle),
        "metrics": check_metrics(metrics)[0],
        "solver": check_name("solver", solver),
        "accumulate": check_whole("accumulate", accumulate, 1),
        "mixup": None if mixup is None else check_above_zero("mixup", mixup),
        **({"augmentation": augmented} if augmented else {}),
    }
