"""Metrics of a training: the core's, by name, and functions that are called at the end of an epoch."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._arrays import Array
from ._spec import check_name

__all__ = ["Metric", "Score", "check_metric", "check_metrics", "larger_is_better"]


@dataclass(frozen=True)
class Score:
    """A function of yours as a metric: `function(y, prediction) -> float`, called at the end of every epoch.

    Functions can be given to `fit(metrics=[...])` as they are; this says what they get where that cannot be seen, or
    gives them another name.

    Args:
        function: Gets y `(samples,)` or `(samples, outputs)`, and the predictions; gives a number.
        on: What the predictions are. "probabilities" are those of `predict_proba`, `(samples,)` for one output.
            "classes" are the likeliest, whole numbers. Left out, the function's second parameter says it, as
            scikit-learn names it: `y_pred` are classes where the network predicts such (except for log losses), all
            else probabilities. A network that predicts no classes gives its outputs, whatever this says.
        name: In the history and in callbacks; left out, the function's own.

    Raises:
        TypeError: It cannot be called.
        ValueError: `on` is something else, or there is no name.

    Example:
        >>> Score(max, on="classes", name="largest").name
        'largest'
    """

    function: Callable[[Any, Any], float]
    on: str | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"metrics: expected names and functions, got {self.function!r}")
        inner = getattr(self.function, "func", self.function)  # what functools.partial was made of
        own = getattr(inner, "__name__", type(inner).__name__)
        object.__setattr__(self, "name", self.name or own)
        if self.on is None:
            object.__setattr__(self, "on", "classes" if _wants_classes(self.function, own) else "probabilities")
        if self.on not in ("classes", "probabilities"):
            raise ValueError(f"Score: on must be 'classes' or 'probabilities', got {self.on!r}")
        if self.name == "<lambda>":
            raise ValueError("metrics: a lambda has no name for the history; write Score(lambda ..., name='...')")

    def __call__(self, y: Array, probabilities: Array, classifies: bool) -> float:
        """The score, given targets and probabilities as a network has them, rows of outputs."""
        width = probabilities.shape[1]
        if classifies and y.ndim == 2 and y.shape[1] == width > 1 and np.all(y.sum(axis=1) == 1):
            y = y.argmax(axis=1)
        y = y.reshape(len(y)) if y.ndim == 2 and y.shape[1] == 1 else y
        if classifies and np.array_equal(y, y.astype(np.int64)):
            y = y.astype(np.int64)
        predictions = probabilities.reshape(len(y)) if width == 1 else probabilities
        if self.on == "classes" and classifies:
            several = width > 1 and y.ndim == 1
            predictions = probabilities.argmax(axis=1) if several else (predictions > 0.5).astype(np.int64)
        return float(self.function(y, predictions))


def _wants_classes(function: Callable[..., Any], name: str) -> bool:
    """Whether the second parameter is called `y_pred`, which for scikit-learn's log losses are probabilities."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return parameters[1:2] == ["y_pred"] and "log_loss" not in name


Metric = str | Score | Callable[[Any, Any], float]


def check_metrics(metrics: str | Metric | Sequence[Metric]) -> tuple[list[str], list[Score]]:
    """The names that the core counts, and the functions that are called at an epoch's end.

    Raises:
        ValueError: A name is unknown (the message lists the known), or comes twice.
    """
    several = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    names = [check_metric(metric) for metric in several if isinstance(metric, str)]
    functions = [metric for metric in several if not isinstance(metric, str)]
    scores = [metric if isinstance(metric, Score) else Score(metric) for metric in functions]
    all_names = [*names, *(score.name for score in scores)]
    for name in all_names:
        if all_names.count(name) > 1 or name in ("loss", "val_loss"):
            raise ValueError(f"metrics: {name!r} comes twice; Score(function, name='...') gives another name")
    return names, scores


def check_metric(name: str) -> str:
    """Refuse the name of no metric; in "top_5_accuracy" any number may stand."""
    known = re.sub(r"^top_[1-9]\d*_accuracy$", "top_k_accuracy", name)
    check_name("metric", known)
    if name == "top_k_accuracy":
        raise ValueError("metric 'top_k_accuracy': write a number for k, as in 'top_5_accuracy'")
    return name


def larger_is_better(name: str) -> bool:
    """Whether the larger of two scores is the better one, by its name.

    Of its own metrics the core knows it. Other names tell by their end, as scikit-learn's do: `_score` and `_accuracy`
    are better when larger, `_loss`, `_error` and `_deviance` when smaller.

    Raises:
        ValueError: The name does not tell.
    """
    score = name.removeprefix("val_")
    if re.sub(r"^top_[1-9]\d*_accuracy$", "top_k_accuracy", score) in _core.names("metric"):
        return _core.larger_is_better(score)
    ending = re.search(r"(?:^|_)(score|accuracy|loss|error|deviance)$", score)
    if ending is None:
        raise ValueError(f"cannot tell from the name {name!r} whether larger is better: say mode='min' or mode='max'")
    return ending[1] in ("score", "accuracy")
