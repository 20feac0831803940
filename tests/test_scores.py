"""Metrics and validation: equal to scikit-learn's, whatever the batches, as functions and in training."""

import functools
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron import _core, metrics

Array = NDArray[Any]


# Equal to scikit-learn

CLASSES, NUMBERS = (
    ("accuracy", "top_k_accuracy", "log_loss", "brier_score"),
    ("r2", "mean_absolute_error", "root_mean_squared_error"),
)


def sklearn_score(name: str, y: Array, predictions: Array) -> float:
    """The score of that name by scikit-learn."""
    library = pytest.importorskip("sklearn.metrics")
    width = 1 if predictions.ndim == 1 else predictions.shape[1]
    labels = list(range(max(width, 2)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of degenerate cases, which are the point here
        if name == "accuracy":
            predicted = predictions.argmax(axis=1) if width > 1 else predictions > 0.5
            return float(library.accuracy_score(y, predicted))
        if name == "top_k_accuracy":
            return float(library.top_k_accuracy_score(y, predictions, k=2, labels=labels))
        if name in ("log_loss", "brier_score"):
            function = library.log_loss if name == "log_loss" else library.brier_score_loss
            return float(function(y, predictions, labels=labels))
        function = library.r2_score if name == "r2" else getattr(library, name)
        return float(function(y, predictions))


def our_score(name: str, y: Array, predictions: Array) -> float:
    """The score of that name as a function."""
    if name == "accuracy":
        return metrics.accuracy(y, predictions.argmax(axis=1) if predictions.ndim > 1 else predictions > 0.5)
    if name == "top_k_accuracy":
        return metrics.top_k_accuracy(y, predictions, k=2)
    return float(getattr(metrics, name)(y, predictions))


def class_cases() -> dict[str, tuple[Array, Array]]:
    """Classes and probabilities: random ones, and those on which formulas break."""
    generator = np.random.default_rng(1)
    p = generator.dirichlet(np.ones(4), 300)
    y = generator.integers(0, 4, 300)
    two = generator.random(200)
    return {
        "random": (y, p),
        "random float32": (y, p.astype(np.float32)),
        "two classes": ((two > generator.random(200)).astype(int), two),
        "two columns": ((two > 0.3).astype(int), np.stack([1 - two, two], axis=1)),
        "one class": (np.full(300, 2), p),
        "one class of two": (np.zeros(200, int), two),
        "perfect": (y, np.eye(4)[y]),
        "perfect float32": (y, np.eye(4, dtype=np.float32)[y]),
        "all wrong": (y, np.eye(4)[(y + 1) % 4]),
        "ties": (y, np.full((300, 4), 0.25)),
        "some ties": (y, np.round(p * 3) / np.maximum(np.round(p * 3).sum(axis=1, keepdims=True), 1)),
        "one sample": (y[:1], p[:1]),
    }


def number_cases() -> dict[str, tuple[Array, Array]]:
    """Numbers and predictions: random ones, and those on which formulas break."""
    generator = np.random.default_rng(2)
    y, error = generator.normal(size=(250, 3)), generator.normal(size=(250, 3))
    return {
        "random": (y[:, 0], (y + error)[:, 0]),
        "several outputs": (y * [1, 10, 100], y * [1, 10, 100] + error),
        "float32": (y[:, 0].astype(np.float32), (y + error)[:, 0].astype(np.float32)),
        "far from zero": (1e6 + y[:, 0], 1e6 + (y + error / 10)[:, 0]),
        "constant": (np.full(250, 2.0), y[:, 0]),
        "constant and right": (np.full(250, 0.1), np.full(250, 0.1)),
        "one constant output": (y * [1, 0, 1], y + error),
        "perfect": (y[:, 0], y[:, 0]),
        "the mean": (y[:, 0], np.full(250, y[:, 0].mean())),
    }


@pytest.mark.parametrize("case", class_cases())
@pytest.mark.parametrize("name", CLASSES)
def test_scores_of_classes_are_those_of_scikit_learn(name: str, case: str) -> None:
    y, p = class_cases()[case]
    if name == "top_k_accuracy" and case in ("two classes", "two columns", "one class of two"):
        assert our_score(name, y, p) == 1  # the first two of two, which scikit-learn does not count
    elif case == "some ties" and name in ("log_loss", "brier_score"):
        pytest.skip("no probabilities")
    else:
        relative = 1e-12 if p.dtype == np.float64 else 1e-6  # scikit-learn then sums in float32
        assert our_score(name, y, p) == pytest.approx(sklearn_score(name, y, p), rel=relative, abs=1e-15)


@pytest.mark.parametrize("case", number_cases())
@pytest.mark.parametrize("name", NUMBERS)
def test_scores_of_numbers_are_those_of_scikit_learn(name: str, case: str) -> None:
    y, p = number_cases()[case]
    relative = 1e-6 if y.dtype == np.float32 else 1e-12 if case != "far from zero" else 1e-9
    assert our_score(name, y, p) == pytest.approx(sklearn_score(name, y, p), rel=relative, abs=1e-15)


def test_every_metric_of_the_core_is_compared_and_is_a_function() -> None:
    names = _core.names("metric")
    assert sorted(names) == sorted([*CLASSES, *NUMBERS])
    assert set(names) <= set(metrics.__all__)


def test_a_constant_target_has_r2_of_one_or_zero_whatever_its_value() -> None:
    for value in (0.1, 1 / 3, 1e300, -7.0):
        y = np.full(1001, value)
        assert metrics.r2(y, y) == 1
        assert metrics.r2(y, y * 1.5) == 0
    assert np.isnan(metrics.r2([1.0], [2.0]))  # as scikit-learn, with its warning


@pytest.mark.parametrize("name", [*CLASSES, *NUMBERS])
def test_scores_refuse_no_samples_other_shapes_and_what_is_no_number(name: str) -> None:
    function = getattr(metrics, name)
    with pytest.raises(ValueError, match="no samples"):
        function([], [])
    with pytest.raises(ValueError, match=r"samples|shape"):
        function([1, 0], [[0.5, 0.5]])
    if name != "accuracy":
        with pytest.raises(ValueError, match="finite"):
            function([1, 0], [0.5, np.nan])
        with pytest.raises(ValueError, match="numbers"):
            function(["a", "b"], [0.5, 0.5])


@pytest.mark.parametrize("name", ["log_loss", "brier_score"])
def test_scores_of_probabilities_refuse_others(name: str) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        getattr(metrics, name)([1, 0], [0.5, 1.5])
    with pytest.raises(ValueError, match="whole number 0 to 2"):
        getattr(metrics, name)([1, 3], np.full((2, 3), 1 / 3))


# In training


def classifier(outputs: int, last: str) -> tuple[purr.Sequential, Array, Array]:
    generator = np.random.default_rng(3)
    x = generator.normal(size=(1300, 5))  # more than one piece of an evaluation
    y = generator.integers(0, max(outputs, 2), 1300)
    net = purr.Sequential([purr.Dense(7, "tanh"), purr.Dense(outputs, last)], input_shape=5, seed=2, dtype="float64")
    return net, x, y


@pytest.mark.parametrize(("outputs", "last"), [(1, "sigmoid"), (1, "identity"), (2, "softmax"), (4, "identity")])
@pytest.mark.parametrize("name", CLASSES)
def test_an_evaluation_gives_the_scores_of_classes_that_the_functions_give(name: str, outputs: int, last: str) -> None:
    net, x, y = classifier(outputs, last)
    p = net.predict_proba(x)
    loss = "binary_cross_entropy" if outputs == 1 else "cross_entropy"
    asked = "top_2_accuracy" if name == "top_k_accuracy" else name
    score = net.evaluate(x, y, loss=loss, metrics=[asked])[asked]
    assert score == pytest.approx(our_score(name, y, p.ravel() if outputs == 1 else p), rel=1e-12)
    if outputs > 1:  # classes as rows
        assert net.evaluate(x, np.eye(outputs)[y], loss=loss, metrics=[asked])[asked] == pytest.approx(score, rel=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("name", NUMBERS)
def test_an_evaluation_gives_the_scores_of_numbers_that_the_functions_give(name: str, outputs: int) -> None:
    generator = np.random.default_rng(4)
    x, y = generator.normal(size=(1300, 5)), generator.normal(5, 2, size=(1300, outputs))
    net = purr.Sequential([purr.Dense(outputs)], input_shape=5, seed=2, dtype="float64")
    score = net.evaluate(x, y, loss="mean_squared_error", metrics=name)[name]
    assert score == pytest.approx(our_score(name, y, net.predict(x)), rel=1e-12)


@pytest.mark.parametrize("batch_size", [1, 7, 64, None])
def test_the_scores_of_an_epoch_do_not_depend_on_its_batches(batch_size: int | None) -> None:
    net, x, y = classifier(3, "softmax")
    before = net.predict_proba(x)
    still = purr.SGD(1e-300)  # so that every batch sees the first weights
    history = net.fit(
        x, y, epochs=1, batch_size=batch_size, optimizer=still, metrics=["log_loss", "accuracy", "brier_score"]
    )
    assert history.metrics["log_loss"][0] == pytest.approx(metrics.log_loss(y, before), rel=1e-12)
    assert history.metrics["log_loss"][0] == pytest.approx(history.loss[0], rel=1e-12)
    assert history.metrics["accuracy"][0] == metrics.accuracy(y, before.argmax(axis=1))
    target = x @ np.arange(5.0) + 100
    net = purr.Sequential([purr.Dense(1)], input_shape=5, dtype="float64")
    before = net.predict(x)
    options = {"epochs": 1, "batch_size": batch_size, "optimizer": still, "loss": "mean_squared_error"}
    history = net.fit(x, target, metrics=NUMBERS, **options)
    for name in NUMBERS:
        assert history.metrics[name][0] == pytest.approx(our_score(name, target, before.ravel()), rel=1e-12)


@pytest.mark.parametrize("mixed", [False, True])
def test_the_scores_of_batches_from_a_generator_are_those_of_an_array(mixed: bool) -> None:
    generator = np.random.default_rng(5)
    x = generator.normal(size=(50, 4))
    y = x @ generator.normal(size=(4, 2)) + generator.normal(size=(50, 2))
    layers = [purr.Dense(6, "tanh"), purr.Dropout(0.3), purr.Dense(2)]
    array, stream = (purr.Sequential(layers, input_shape=4, seed=3, dtype="float64") for _ in range(2))
    weights = generator.random(50) if mixed else np.ones(50)
    options: dict[str, Any] = {"epochs": 3, "loss": "mean_squared_error", "metrics": NUMBERS}
    expected = array.fit(x, y, batch_size=16, shuffle=False, sample_weight=weights if mixed else None, **options)
    parts = [slice(start, start + 16) for start in range(0, 50, 16)]  # of 16, 16, 16 and 2
    batches = [(x[part], y[part], weights[part])[: 3 if mixed else 2] for part in parts]
    history = stream.fit(lambda: iter(batches), **options)
    assert stream.fingerprint() == array.fingerprint()
    assert history.metrics == expected.metrics
    assert history.loss == pytest.approx(expected.loss, rel=1e-12)
    with pytest.raises(ValueError, match="probabilities"):
        stream.fit(lambda: iter(batches), epochs=1, loss="mean_squared_error", metrics=["log_loss"])
    assert stream.fingerprint() == array.fingerprint()


@pytest.mark.parametrize("last", ["sigmoid", "identity"])
def test_a_probability_of_one_half_is_the_first_class(last: str) -> None:
    net = purr.Sequential([purr.Dense(1, last)], input_shape=2)
    net.set_weights([np.zeros((2, 1)), np.zeros(1)])
    for function in ("accuracy", metrics.Score(metrics.accuracy, on="classes")):
        score = net.evaluate(np.ones((4, 2)), [0, 0, 0, 1], loss="binary_cross_entropy", metrics=function)
        assert score["accuracy"] == 0.75


def test_under_a_gaussian_likelihood_scores_are_of_the_means() -> None:
    generator = np.random.default_rng(6)
    x, y = generator.normal(size=(1100, 3)), generator.normal(size=(1100, 2))
    net = purr.Sequential([purr.Dense(4)], input_shape=3, seed=1, dtype="float64")
    means = net.predict(x)[:, :2]

    def largest_error(y: Array, prediction: Array) -> float:
        assert prediction.shape == y.shape
        return float(np.abs(y - prediction).max())

    scores = net.evaluate(x, y, loss="gaussian_nll", metrics=[*NUMBERS, largest_error])
    for name in NUMBERS:
        assert scores[name] == pytest.approx(our_score(name, y, means), rel=1e-12)
    assert scores["largest_error"] == np.abs(y - means).max()
    still: dict[str, Any] = {"optimizer": purr.SGD(1e-300), "loss": "gaussian_nll", "metrics": NUMBERS}
    history = net.fit(x, y, epochs=1, batch_size=64, validation_data=(x, y), **still)
    assert history.metrics["r2"][0] == pytest.approx(scores["r2"], rel=1e-12)
    assert history.metrics["val_r2"][0] == pytest.approx(scores["r2"], rel=1e-12)
    with pytest.raises(ValueError, match="loss under metric accuracy must be another"):
        net.evaluate(x, y, loss="gaussian_nll", metrics="accuracy")


def test_weights_of_samples_are_of_no_account_in_scores() -> None:
    net, x, y = classifier(3, "softmax")
    weights = np.random.default_rng(0).random(len(y))
    plain, weighted = (net.evaluate(x, y, metrics=["log_loss"], sample_weight=w) for w in (None, weights))
    assert weighted["log_loss"] == plain["log_loss"] == pytest.approx(plain["loss"], rel=1e-12)
    assert weighted["loss"] != plain["loss"]


def test_a_log_loss_from_logits_stays_finite_where_the_probability_is_zero() -> None:
    net = purr.Sequential([purr.Dense(2)], input_shape=1)
    net.set_weights([[[1e4, -1e4]], [0, 0]])
    score = net.evaluate([[1.0], [-1.0]], [1, 1], loss="cross_entropy", metrics=["log_loss"])["log_loss"]
    assert score == pytest.approx(1e4)


@pytest.mark.parametrize(
    "function", ["accuracy_score", "f1_score", "balanced_accuracy_score", "roc_auc_score", "log_loss"]
)
@pytest.mark.parametrize("outputs", [1, 3])
def test_functions_of_scikit_learn_are_metrics_as_they_are(function: str, outputs: int) -> None:
    library = pytest.importorskip("sklearn.metrics")
    net, x, y = classifier(outputs, "sigmoid" if outputs == 1 else "softmax")
    score = getattr(library, function)
    several: dict[str, Any] = {"f1_score": {"average": "macro"}, "roc_auc_score": {"multi_class": "ovr"}}
    if outputs > 1:
        score = functools.partial(score, **several.get(function, {}))
    held_out = x[:300], y[:300]
    history = net.fit(x[300:], y[300:], epochs=2, metrics=[score, "accuracy"], validation_data=held_out)
    p = net.predict_proba(x[:300])
    p = p.ravel() if outputs == 1 else p
    classes = (p > 0.5).astype(int) if outputs == 1 else p.argmax(axis=1)
    expected = score(y[:300], p if function in ("roc_auc_score", "log_loss") else classes)
    assert history.metrics[f"val_{function}"][-1] == expected == net.evaluate(*held_out, metrics=score)[function]
    assert len(history.metrics[function]) == 2


def test_the_name_of_the_second_parameter_says_what_a_function_gets() -> None:
    net, x, y = classifier(3, "softmax")
    got: dict[str, Array] = {}

    def of_classes(y_true: Array, y_pred: Array) -> float:
        got["classes"] = y_pred
        return 0.0

    def of_scores(y_true: Array, y_score: Array) -> float:
        got["probabilities"] = y_score
        return 0.0

    def some_log_loss(y_true: Array, y_pred: Array) -> float:
        got["probabilities of a log loss"] = y_pred
        return 0.0

    asked = metrics.Score(of_classes, on="probabilities", name="asked")
    scores = net.evaluate(x, y, metrics=[of_classes, of_scores, some_log_loss])
    assert list(scores) == ["loss", "of_classes", "of_scores", "some_log_loss"]
    p = net.predict_proba(x)
    np.testing.assert_array_equal(got["classes"], p.argmax(axis=1))
    np.testing.assert_array_equal(got["probabilities"], p)
    np.testing.assert_array_equal(got["probabilities of a log loss"], p)
    assert "asked" in net.evaluate(x, y, metrics=asked)
    np.testing.assert_array_equal(got["classes"], p)
    with pytest.raises(ValueError, match="on must be 'classes' or 'probabilities', got 'all'"):
        metrics.Score(of_classes, on="all")


def test_a_regression_hands_its_numbers_to_functions() -> None:
    x = np.random.default_rng(0).normal(size=(50, 2))
    net = purr.Sequential([purr.Dense(1)], input_shape=2, dtype="float64")
    seen = []

    def largest_error(y: Array, prediction: Array) -> float:
        seen.append((y, prediction))
        return float(np.abs(y - prediction).max())

    history = net.fit(x, x[:, 0], epochs=3, loss="mean_squared_error", metrics=[largest_error])
    np.testing.assert_array_equal(seen[-1][0], x[:, 0])
    np.testing.assert_array_equal(seen[-1][1], net.predict(x).ravel())
    assert len(history.metrics["largest_error"]) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["acuracy"], "unknown metric 'acuracy'; known: accuracy, top_k_accuracy"),
        (["top_k_accuracy"], "write a number for k"),
        (["top_0_accuracy"], "unknown metric"),
        (["accuracy", "accuracy"], "comes twice"),
        ([lambda y, p: 0.0], "a lambda has no name"),
        (["r2"], "targets of metric r2 must be numbers"),
    ],
)
def test_what_is_no_metric_is_refused_before_anything_changes(given: list[Any], message: str) -> None:
    net, x, y = classifier(3, "softmax")
    before = net.fingerprint()
    with pytest.raises(ValueError, match=message):
        net.fit(x, y, metrics=given)
    assert net.fingerprint() == before


def test_probabilities_are_asked_only_of_networks_that_give_them() -> None:
    net = purr.Sequential([purr.Dense(1, "tanh")], input_shape=5)
    x = np.zeros((4, 5))
    for name in ("log_loss", "brier_score"):
        with pytest.raises(
            ValueError, match=f"network under metric {name} must be one that gives probabilities, got t"
        ):
            net.evaluate(x, [0, 1, 1, 0], loss="mean_squared_error", metrics=[name])
    with pytest.raises(TypeError, match="expected names and functions, got 7"):
        net.evaluate(x, [0, 1, 1, 0], loss="mean_squared_error", metrics=[7])  # type: ignore[list-item]


def test_a_metric_that_fails_leaves_the_weights_of_the_epoch_before_it() -> None:
    net, x, y = classifier(3, "softmax")
    twin, _, _ = classifier(3, "softmax")
    twin.fit(x, y, epochs=1)

    def broken(y: Array, p: Array) -> float:
        raise ZeroDivisionError("no score")

    with pytest.raises(ZeroDivisionError, match="no score"):
        net.fit(x, y, epochs=5, metrics=[broken])
    assert net.fingerprint() == twin.fingerprint()


# Validation


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_validation_split_takes_its_share_of_every_class(share: float) -> None:
    y = np.repeat([0, 1, 2], [700, 90, 10]).astype(np.uint32)
    np.random.default_rng(0).shuffle(y)
    places = _core.held_out(800, share, 5, y)
    assert len(places) == pytest.approx(800 * share, abs=1)
    assert np.all(np.diff(places.astype(int)) > 0)
    for label, count in enumerate([700, 90, 10]):
        assert np.sum(y[places] == label) == pytest.approx(share * count, abs=1)
    np.testing.assert_array_equal(places, _core.held_out(800, share, 5, y))
    assert set(places) != set(_core.held_out(800, share, 6, y))


def test_a_validation_split_is_a_validation_on_samples_that_are_not_trained_on() -> None:
    net, x, y = classifier(3, "softmax")
    twin, _, _ = classifier(3, "softmax")
    history = net.fit(x, y, epochs=2, validation_split=0.2, metrics=["accuracy"])
    held_out = np.zeros(1300, bool)
    held_out[_core.held_out(1300, 0.2, net.seed, y.astype(np.uint32))] = True
    other = twin.fit(
        x[~held_out], y[~held_out], epochs=2, validation_data=(x[held_out], y[held_out]), metrics=["accuracy"]
    )
    assert net.fingerprint() == twin.fingerprint()
    assert (history.loss, history.val_loss, history.metrics) == (other.loss, other.val_loss, other.metrics)


def test_every_class_keeps_a_sample_to_train_on() -> None:
    y = np.array([0] * 9 + [1], np.uint32)
    assert all(9 not in _core.held_out(10, 0.5, seed, y) for seed in range(20))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, np.nan, 1e-9])
def test_a_validation_split_that_leaves_nothing_is_refused(share: float) -> None:
    net, x, y = classifier(3, "softmax")
    before = net.fingerprint()
    with pytest.raises(ValueError, match="validation_split must be"):
        net.fit(x, y, validation_split=share)
    with pytest.raises(ValueError, match="both given"):
        net.fit(x, y, validation_split=0.2, validation_data=(x, y))
    with pytest.raises(TypeError, match="validation_split must be a number"):
        net.fit(x, y, validation_split="some")  # type: ignore[arg-type]
    assert net.fingerprint() == before
