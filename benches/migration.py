"""The table of docs/migration.md: both libraries' estimators as they come, on six data sets.

Run `python benches/migration.py`; it writes markdown to standard output.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import sklearn.neural_network
from comparison.clock import Effort, race
from comparison.report import number
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_friedman1,
)
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler, scale

import purrceptron.sklearn

# Name: data, estimator, whether the targets are scaled, settings besides the defaults.
DATA: dict[str, tuple[Callable[[], Any], str, bool]] = {
    "iris, 150 x 4": (lambda: load_iris(return_X_y=True), "MLPClassifier", False),
    "wine, 178 x 13": (lambda: load_wine(return_X_y=True), "MLPClassifier", False),
    "breast cancer, 569 x 30": (lambda: load_breast_cancer(return_X_y=True), "MLPClassifier", False),
    "digits, 1,797 x 64": (lambda: load_digits(return_X_y=True), "MLPClassifier", False),
    "diabetes, 442 x 10": (lambda: load_diabetes(return_X_y=True), "MLPRegressor", True),
    "Friedman's first, 2,000 x 10": (lambda: make_friedman1(2000, random_state=0), "MLPRegressor", True),
}


def main() -> None:
    """Measures all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds: to look, not to report")
    effort = Effort(repeats=2 if parser.parse_args().quick else 7, budget=20, size=1)
    print(
        "| data | solver | epochs | score, both | weights apart | scikit-learn, ms | purrceptron, ms | times as fast |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 200 epochs are not enough is known
        for name in DATA:
            for solver in ("adam", "sgd", "lbfgs"):
                print(_line(name, solver, effort), flush=True)


def _line(name: str, solver: str, effort: Effort) -> str:
    data, kind, scaled = DATA[name]
    x, y = data()
    y = scale(y) if scaled else y
    x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=0)
    scaler = StandardScaler().fit(x_train)
    x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)

    def fit(library: Any) -> Any:
        return getattr(library, kind)(solver=solver, random_state=0).fit(x_train, y_train)

    libraries = {"scikit-learn": sklearn.neural_network, "purrceptron": purrceptron.sklearn}
    fitted = {which: fit(library) for which, library in libraries.items()}
    theirs, ours = fitted["scikit-learn"], fitted["purrceptron"]
    apart = max(abs(a - b).max() / abs(b).max() for a, b in zip(ours.coefs_, theirs.coefs_, strict=True))
    timings = race(
        {which: (lambda: None, lambda library=library: fit(library)) for which, library in libraries.items()}, effort
    )
    scores = sorted({f"{model.score(x_test, y_test):.4f}" for model in fitted.values()})
    epochs = sorted({str(model.n_iter_) for model in fitted.values()})
    times = [timings[which].median for which in libraries]
    figures = (f"{apart:.0e}", number(1e3 * times[0]), number(1e3 * times[1]), f"{times[0] / times[1]:.1f}")
    return f"| {name} | {solver} | {' and '.join(epochs)} | {' and '.join(scores)} | {' | '.join(figures)} |"


if __name__ == "__main__":
    main()
