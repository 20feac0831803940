"""Epochs of batches as scikit-learn makes them: their order, the learning rate's policies, and when to stop."""

from __future__ import annotations

import json
import warnings
from contextlib import ExitStack
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._arrays import Array
from ..callbacks.watch import Watch
from ..errors import DivergedError
from ..trainer import Trainer, fit_options
from .held_out import HeldOut

__all__ = ["Stochastic", "run"]


class Stochastic:
    """The optimizer of an estimator: kept from one `partial_fit` to the next, and by pickles.

    Attributes:
        trainer: The library's; made again from what it remembered where it was pickled.
        learning_rate: Of the next step.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer: Trainer | None = trainer
        self.learning_rate = trainer.learning_rate
        self._remembered: tuple[int, list[Array]] | None = None

    def set_learning_rate(self, rate: float) -> None:
        """From the next epoch on."""
        self.learning_rate = rate
        if self.trainer is not None:
            self.trainer.learning_rate = rate

    def adopt(self, trainer: Trainer) -> None:
        """Go on with another trainer of the same kind, in the place of one that was left behind in a pickle."""
        if self._remembered is not None:
            trainer._core.set_state(*self._remembered)
        self.trainer, self._remembered = trainer, None
        if trainer.learning_rate != self.learning_rate:
            trainer.learning_rate = self.learning_rate

    def __getstate__(self) -> dict[str, Any]:
        remembered = self._remembered if self.trainer is None else self.trainer._core.state()
        return {"learning_rate": self.learning_rate, "_remembered": remembered, "trainer": None}


def run(
    estimator: Any,
    optimizer: Stochastic,
    x: Array,
    labels: Any,
    held_out: HeldOut | None,
    random_state: np.random.RandomState,
    incremental: bool,
) -> None:
    """Train the estimator's network, and write its attributes: one epoch if `incremental`, else up to `max_iter`."""
    trainer = optimizer.trainer
    assert trainer is not None
    training = _Training(estimator, optimizer, len(x), held_out, incremental)
    epochs = 1 if incremental else int(estimator.max_iter)
    options = fit_options(epochs, _batch_size(estimator.batch_size, len(x)), False, (), "direct")
    index = np.arange(len(x), dtype=np.uint32)

    def order(epoch: int) -> Array:
        # scikit-learn puts the order of the epoch before into a new one, so that each depends on all before it.
        nonlocal index
        permutation = np.arange(len(x))
        random_state.shuffle(permutation)
        index = index[permutation]
        return index

    estimator.n_iter_ = 0
    with ExitStack() as ends:
        watch = training.watch(options, ends) if estimator.callbacks else None
        try:
            trainer._core.fit(
                x,
                labels,
                json.dumps(options),
                None,
                training.epoch,
                True,
                watch.batch if watch is not None and watch.asked_for_batches else None,
                order if estimator.shuffle else None,
            )
        except KeyboardInterrupt:
            warnings.warn("Training interrupted by user.", stacklevel=5)
        except DivergedError as error:
            training.diverged(error)
        finally:
            estimator._weights.trained()
    training.end()


def _batch_size(asked: Any, samples: int) -> int:
    if isinstance(asked, str):
        return min(200, samples)
    if asked > samples:
        warnings.warn(
            f"batch_size is {asked}, but there are {samples} samples: every step takes all of them", stacklevel=6
        )
    return min(int(asked), samples)


class _Training:
    """What a training tells the estimator, epoch by epoch."""

    def __init__(
        self, estimator: Any, optimizer: Stochastic, samples: int, held_out: HeldOut | None, incremental: bool
    ) -> None:
        self._estimator, self._optimizer, self._samples = estimator, optimizer, samples
        self._held_out, self._incremental = held_out, incremental
        self._watch: Watch | None = None

    def watch(self, options: dict[str, Any], ends: ExitStack) -> Watch:
        """The caller's callbacks."""
        callbacks, trainer = list(self._estimator.callbacks), self._optimizer.trainer
        for callback in callbacks:
            callback.trainer = trainer
            ends.callback(setattr, callback, "trainer", None)
        self._watch = Watch(callbacks, options, self._scores)
        assert trainer is not None
        self._watch.begin(trainer.model, ends)
        return self._watch

    def _scores(self) -> dict[str, float]:
        return {} if self._held_out is None else {"val_score": self._estimator.validation_scores_[-1]}

    def epoch(self, epoch: int, loss: float, metrics: Any, val_loss: None, val_metrics: None) -> bool:
        """After an epoch; whether it was the last."""
        self._count(loss)
        estimator = self._estimator
        score = None
        if self._held_out is not None:
            estimator._weights.trained()
            score = estimator._score_held_out(self._held_out)
        self._judge(score)
        if self._optimizer_is_sgd and estimator.learning_rate == "invscaling":
            rate = float(estimator.learning_rate_init) / (estimator.t_ + 1) ** estimator.power_t
            self._optimizer.set_learning_rate(rate)
        asked = self._watch is not None and self._watch.epoch(epoch, loss, [], None, None)
        if estimator._no_improvement_count > estimator.n_iter_no_change and self._stops():
            return True
        if asked or self._incremental:
            return True
        self._warn_at_the_end()
        return False

    @property
    def _optimizer_is_sgd(self) -> bool:
        return isinstance(self._estimator.solver, str) and self._estimator.solver == "sgd"

    def _count(self, loss: float) -> None:
        estimator = self._estimator
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += self._samples
        estimator.loss_curve_.append(loss)
        if estimator.verbose:
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")

    def _judge(self, score: float | None) -> None:
        """Counts epochs without a better score, or without a lower loss where no score decides."""
        estimator = self._estimator
        if score is not None:
            estimator.validation_scores_.append(score)
            if estimator.verbose:
                print(f"Validation score: {score:f}")
        if estimator.early_stopping and score is not None:
            worse = score < estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                estimator._best_weights = estimator._snapshot()
        else:
            worse = estimator.loss_ > estimator.best_loss_ - estimator.tol
            if estimator.loss_ < estimator.best_loss_:
                estimator.best_loss_ = estimator.loss_
        estimator._no_improvement_count = estimator._no_improvement_count + 1 if worse else 0

    def _stops(self) -> bool:
        """Whether a standstill ends the training; with "adaptive" it makes the steps shorter first."""
        estimator = self._estimator
        score = "Validation score" if estimator.early_stopping else "Training loss"
        said = (
            f"{score} did not improve more than tol={estimator.tol:f} "
            f"for {estimator.n_iter_no_change} consecutive epochs."
        )
        adaptive = self._optimizer_is_sgd and estimator.learning_rate == "adaptive"
        if not adaptive or self._optimizer.learning_rate <= 1e-6:
            if estimator.verbose:
                print(f"{said}{' Learning rate too small.' if adaptive else ''} Stopping.")
            return True
        self._optimizer.set_learning_rate(self._optimizer.learning_rate / 5)
        if estimator.verbose:
            print(f"{said} Setting learning rate to {self._optimizer.learning_rate:f}")
        estimator._no_improvement_count = 0
        return False

    def _warn_at_the_end(self) -> None:
        estimator = self._estimator
        if estimator.n_iter_ == estimator.max_iter:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the optimization hasn't "
                "converged yet.",
                ConvergenceWarning,
                stacklevel=7,
            )

    def diverged(self, error: DivergedError) -> None:
        """The loss left the finite numbers.

        Where the best weights are kept, they remain, and all later epochs count as they do in scikit-learn, which goes
        on with weights that are not numbers.
        """
        estimator = self._estimator
        if not estimator.early_stopping or estimator._best_weights is None:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
                "preprocessed."
            ) from error
        while estimator.n_iter_ < estimator.max_iter:
            self._count(np.nan)
            self._judge(float("nan"))
        self._warn_at_the_end()

    def end(self) -> None:
        """Puts the best weights back where they are kept."""
        estimator = self._estimator
        if estimator.early_stopping and estimator._best_weights is not None:
            estimator._restore(estimator._best_weights)
