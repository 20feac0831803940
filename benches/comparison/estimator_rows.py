"""The estimators of `purrceptron.sklearn` beside scikit-learn's: whole fits, searches and answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from .clock import Effort, race
from .results import Row
from .training_rows import DisagreementError
from .workloads import Array, table

__all__ = ["rows"]

# Relative distance of weights that another order of sums makes, while a training has not yet become chaotic.
_TOLERANCE = 1e-8


def _kinds(name: str) -> dict[str, Any]:
    """The estimator of that name, of both libraries."""
    import sklearn.neural_network

    import purrceptron.sklearn

    return {"purrceptron": getattr(purrceptron.sklearn, name), "scikit-learn": getattr(sklearn.neural_network, name)}


def _digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x / 16, y


def _cancer() -> tuple[Array, Array]:
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import scale

    x, y = load_breast_cancer(return_X_y=True)
    return scale(x), y


def _made() -> tuple[Array, Array]:
    from sklearn.datasets import make_classification

    made: tuple[Array, Array] = make_classification(1000, 20, random_state=0)
    return made


def _wide() -> tuple[Array, Array]:
    data = table(2000, 784, 10)
    return data.x.astype(np.float64), data.y


def _quietly(work: Callable[[], Any]) -> Callable[[], Any]:
    """Without the warning that the last epoch was reached: it is meant to be."""

    def run() -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return work()

    return run


def _distance(fitted: dict[str, Any]) -> float:
    ours, theirs = fitted["purrceptron"], fitted["scikit-learn"]
    pairs = zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True)
    return max(float(np.abs(a - b).max() / np.abs(b).max()) for a, b in pairs)


def _fits(
    key: str, data: Callable[[], tuple[Array, Array]], title: str, hidden: Any, epochs: int, faster: float
) -> Callable[[Effort], Row]:
    def row(effort: Effort) -> Row:
        x, y = data()
        settings = {"hidden_layer_sizes": hidden, "random_state": 0, "n_iter_no_change": 10**6}

        def fit(kind: Any, epochs: int) -> Any:
            return _quietly(lambda: kind(**settings, max_iter=epochs).fit(x, y))

        few, many = effort.whole(5, 1), effort.whole(epochs, 1)
        distance = _distance({name: fit(kind, few)() for name, kind in _kinds("MLPClassifier").items()})
        if not distance < _TOLERANCE:
            raise DisagreementError(f"{key}: weights lie {distance:.0e} apart after {few} epochs")
        steps = many * -(-len(x) // min(200, len(x)))
        runs = {name: (lambda: None, fit(kind, many)) for name, kind in _kinds("MLPClassifier").items()}
        timings = race(runs, effort, steps)
        reach = {"purrceptron": 1e6 * timings["scikit-learn"].median / faster}
        agreement = f"weights {distance:.0e} apart after {few} epochs"
        return Row(key, f"{title}, MLPClassifier as it comes, float64", "us a step", 1e6, timings, reach, agreement)

    return row


def _search(key: str, jobs: int, faster: float) -> Callable[[Effort], Row]:
    def row(effort: Effort) -> Row:
        from sklearn.model_selection import GridSearchCV

        x, y = _digits()
        size = effort.whole(len(x), 100)
        grid = {"hidden_layer_sizes": [25, 50, 100], "alpha": [1e-4, 1e-2, 1.0]}
        epochs = effort.whole(50, 1)

        def search(kind: Any) -> Any:
            tried = GridSearchCV(kind(max_iter=epochs, random_state=0), grid, cv=5, n_jobs=jobs)
            return _quietly(lambda: tried.fit(x[:size], y[:size]))

        kinds = _kinds("MLPClassifier")
        scores = [search(kind)().cv_results_["mean_test_score"] for kind in kinds.values()]
        distance = float(np.abs(scores[0] - scores[1]).max())
        if distance > 0.01:
            raise DisagreementError(f"{key}: mean scores lie {distance} apart")
        timings = race({name: (lambda: None, search(kind)) for name, kind in kinds.items()}, effort)
        reach = {"purrceptron": timings["scikit-learn"].median / faster}
        title = f"GridSearchCV on digits, 3 x 3 x 5 fits of {epochs} epochs, n_jobs={jobs}"
        return Row(key, title, "s", 1, timings, reach, f"mean scores {distance:.0e} apart")

    return row


def _answer(effort: Effort) -> Row:
    x, y = _digits()
    made = {name: kind(max_iter=5, random_state=0) for name, kind in _kinds("MLPClassifier").items()}
    fitted = _quietly(lambda: {name: model.fit(x, y) for name, model in made.items()})()
    one = x[:1]
    distance = float(np.abs(np.subtract(*(model.predict_proba(x) for model in fitted.values()))).max())
    if distance > _TOLERANCE:
        raise DisagreementError(f"probabilities lie {distance:.0e} apart")
    calls = effort.whole(2000, 3)

    def ask(model: Any) -> Callable[[], None]:
        def run() -> None:
            for _ in range(calls):
                model.predict(one)

        return run

    timings = race({name: (lambda: None, ask(model)) for name, model in fitted.items()}, effort, calls)
    title = "predict of one row, 64-100-10, with its checks"
    return Row(
        "estimator-answer", title, "us", 1e6, timings, {"purrceptron": 60}, f"probabilities {distance:.0e} apart"
    )


def _start(effort: Effort) -> Row:
    """What comes before the first step: a fit of one epoch of one step, less what the core needs for it, is little."""
    x, y = _made()

    def fit(kind: Any) -> Any:
        settings = {"hidden_layer_sizes": 32, "max_iter": 1, "random_state": 0, "batch_size": len(x)}
        return _quietly(lambda: kind(**settings).fit(x, y))

    kinds = _kinds("MLPClassifier")
    distance = _distance({name: fit(kind)() for name, kind in kinds.items()})
    count = effort.whole(100, 2)

    def several(kind: Any) -> Callable[[], None]:
        once = fit(kind)

        def run() -> None:
            for _ in range(count):
                once()

        return run

    timings = race({name: (lambda: None, several(kind)) for name, kind in kinds.items()}, effort, count)
    title = "fit of 1,000 x 20, hidden 32, a single step: what a fit costs besides its steps"
    agreement = f"weights {distance:.0e} apart"
    return Row("estimator-start", title, "ms", 1e3, timings, {"purrceptron": 1}, agreement)


rows: dict[str, Callable[[Effort], Row]] = (
    {
        "estimator-digits": _fits("estimator-digits", _digits, "digits, hidden 100", 100, 50, 5),
        "estimator-cancer": _fits("estimator-cancer", _cancer, "breast cancer, hidden 100", 100, 100, 10),
        "estimator-table": _fits("estimator-table", _made, "1,000 x 20, hidden 32", 32, 100, 20),
        "estimator-wide": _fits("estimator-wide", _wide, "784-512-512-10, 2,000 samples", (512, 512), 4, 2.5),
        "estimator-grid": _search("estimator-grid", 1, 5),
        "estimator-grid-2": _search("estimator-grid-2", 2, 5),
        "estimator-answer": _answer,
        "estimator-start": _start,
    }
    if find_spec("sklearn")
    else {}
)
