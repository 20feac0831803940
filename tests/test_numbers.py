"""Numbers at the edge: every training ends in finite weights, or in one clear error and the weights from before."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr

Array = NDArray[Any]
X = np.random.default_rng(0).normal(size=(40, 6)).astype("float32")
Y = np.arange(40) % 2
ZEROS = np.zeros(40, dtype=int)

solvers = pytest.mark.parametrize("solver", ["direct", "reduced"])
optimizers = pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "lion"])


def network(sizes: str = "6-5-1", dtype: str = "float32") -> purr.Sequential:
    return purr.Sequential.from_string(sizes, seed=0, dtype=dtype)


def finite(net: purr.Sequential, x: Array = X) -> bool:
    return bool(all(np.isfinite(w).all() for w in [*net.get_weights(), *net.buffers.values(), net.predict(x)]))


# Subnormal numbers


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mean_squared_error"])
@optimizers
def test_subnormal_samples_train_to_finite_weights(optimizer: str, loss: str, dtype: str) -> None:
    net = network(dtype=dtype)
    x = X.astype(dtype) * (1e-40 if dtype == "float32" else 1e-310)
    assert ((x != 0) & (abs(x) < np.finfo(dtype).tiny)).any()
    history = net.fit(x, Y, epochs=20, optimizer=optimizer, loss=loss)
    assert np.isfinite(history.loss).all()
    assert finite(net, x)


def test_subnormal_samples_are_not_zero() -> None:
    x = np.array([[1e-40], [-1e-40]], dtype="float32")
    net = purr.Sequential([purr.Dense(1)], input_shape=1, seed=0)
    net.set_weights([np.array([[1e30]], dtype="float32"), np.zeros(1, dtype="float32")])
    np.testing.assert_allclose(net.predict(x), [[1e-10], [-1e-10]], rtol=1e-4)


@solvers
def test_subnormal_samples_have_a_span_or_are_trained_on_as_they_are(solver: str) -> None:
    net = network("60-5-1")
    x = np.random.default_rng(0).normal(size=(8, 60)).astype("float32") * np.float32(1e-40)
    history = net.fit(x, Y[:8], epochs=20, batch_size=None, optimizer="sgd", solver=solver)
    assert finite(net, x)
    assert history.loss[-1] == pytest.approx(np.log(2), abs=1e-4)


# Infinities in the midst of a training


def batches(bad: float, at: int) -> Iterator[tuple[Array, Array]]:
    for number in range(10):
        x = X[:8].copy()
        if number == at:
            x[3, 2] = bad
        yield x, Y[:8]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_batch_that_is_not_finite_is_refused_by_place_and_the_steps_before_it_stay(bad: float) -> None:
    net, twin = network(), network()
    with pytest.raises(purr.DataError, match=rf"(?i)sample 3, feature 2 is {bad}"):
        net.fit(batches(bad, 4), epochs=1)
    trainer = purr.Trainer(twin)
    for _ in range(4):
        trainer.step(X[:8], Y[:8])
    assert net.fingerprint() == twin.fingerprint()


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("where", ["value", "gradient"])
def test_a_loss_that_leaves_the_finite_numbers_ends_in_an_error_and_the_weights_from_before(
    bad: float, where: str
) -> None:
    calls = 0

    def loss(predictions: Array, targets: Array) -> tuple[float, Array]:
        nonlocal calls
        calls += 1
        difference = predictions - targets
        value, gradient = float((difference**2).mean()), 2 * difference / difference.size
        if calls == 6:
            value, gradient = (bad, gradient) if where == "value" else (value, gradient * bad)
        return value, gradient

    net = network()
    before = net.fingerprint()
    with pytest.raises(purr.DivergedError, match="no longer finite"):
        net.fit(X, Y[:, None].astype("float32"), loss=loss, epochs=5, batch_size=8)
    assert net.fingerprint() == before
    assert np.isfinite(net.fit(X, Y, epochs=1).loss).all()


def test_weights_that_are_not_finite_are_named() -> None:
    net = network()
    weights = net.get_weights()
    weights[0][1, 2] = np.inf
    net.set_weights(weights)
    with pytest.raises(purr.DivergedError, match=r"layers\.0"):
        net.fit(X, Y, epochs=1)
    with pytest.raises(purr.DataError, match=r"layers\.0\.kernel: element 7 is inf"):
        net.fingerprint()


# Exploding and vanishing


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("rate", [10.0, 1e10, 1e38])
def test_an_exploding_training_is_an_error_that_names_the_epoch_and_changes_nothing(
    rate: float, batch_size: int | None
) -> None:
    net = purr.Sequential([purr.Dense(5), purr.Dense(1)], input_shape=6, seed=0)
    before = net.fingerprint()
    with pytest.raises(purr.DivergedError, match=r"try a learning rate below|scale the inputs") as caught:
        net.fit(X, Y, epochs=200, batch_size=batch_size, optimizer=purr.SGD(rate), loss="mean_squared_error")
    assert caught.value.epoch >= 0
    assert net.fingerprint() == before


@pytest.mark.parametrize("rate", [1e3, 1e10])
@pytest.mark.parametrize("sizes", ["6-5-1", "6-5-3"])
@optimizers
def test_a_rate_far_too_large_ends_in_finite_weights_or_in_an_error(optimizer: str, sizes: str, rate: float) -> None:
    net, name = network(sizes), {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop", "lion": "Lion"}[optimizer]
    before = net.fingerprint()
    try:
        net.fit(X, Y, epochs=50, optimizer=getattr(purr, name)(rate))
    except purr.DivergedError:
        assert net.fingerprint() == before
    else:
        assert all(np.isfinite(weights).all() for weights in net.get_weights())
        assert net.fingerprint() != before


def test_gradients_that_vanish_leave_a_finite_network_that_trains_where_it_can() -> None:
    layers = [*[purr.Dense(5, "sigmoid") for _ in range(40)], purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, input_shape=6, seed=0)
    first = net.get_weights()
    history = net.fit(X, Y, epochs=20, optimizer=purr.SGD(0.1))
    last = net.get_weights()
    assert np.isfinite(history.loss).all()
    assert finite(net)
    assert (last[-2] != first[-2]).any()  # the last kernel moves; the first gets less than its numbers can hold
    np.testing.assert_allclose(last[0], first[0], atol=1e-6)


# One class only


@pytest.mark.parametrize("sizes", ["6-5-1", "6-5-3"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_one_class_only_is_learnt(sizes: str, class_weight: Any) -> None:
    net = network(sizes)
    history = net.fit(X, ZEROS, epochs=100, metrics="accuracy", class_weight=class_weight)
    assert finite(net)
    assert history.loss[-1] < history.loss[0]
    assert net.evaluate(X, ZEROS, metrics="accuracy")["accuracy"] == 1


def test_photos_of_one_class_are_refused() -> None:
    images, _ = purr.datasets.make_cats(6, seed=0)
    with pytest.raises(purr.DataError, match="all 6 photos are of one class"):
        purr.CatClassifier(network="4-1", epochs=2).fit(images, [1] * 6)


# A learning rate of 0


@optimizers
def test_an_optimizer_with_rate_0_is_refused(optimizer: str) -> None:
    name = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSprop", "lion": "Lion"}[optimizer]
    net = network()
    before = net.fingerprint()
    with pytest.raises(ValueError, match="learning_rate must be above 0 and finite in float32, got 0"):
        net.fit(X, Y, optimizer=getattr(purr, name)(0.0))
    assert net.fingerprint() == before


@optimizers
def test_a_rate_set_to_0_keeps_every_weight(optimizer: str) -> None:
    net = network()
    trainer = purr.Trainer(net, optimizer=optimizer)
    before = net.fingerprint()
    trainer.learning_rate = 0.0
    losses = trainer.fit(X, Y, epochs=3, shuffle=False).loss
    assert net.fingerprint() == before
    assert losses == [losses[0]] * 3


# All samples equal


@solvers
@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e-40, 1e15])
def test_equal_samples_of_both_classes_are_learnt_as_a_coin(value: float, solver: str) -> None:
    net = network("60-1")
    x = np.full((8, 60), value, dtype="float32")
    rate = 0.01 / max(1.0, 60 * value * value)
    net.fit(x, Y[:8], epochs=400, batch_size=None, optimizer=purr.SGD(rate), solver=solver)
    predicted = net.predict(x)
    assert np.isfinite(predicted).all()
    assert (predicted == predicted[0]).all()


@pytest.mark.parametrize("layer", [purr.Normalize(), purr.BatchNorm(), purr.LayerNorm(), purr.RMSNorm()], ids=repr)
@pytest.mark.parametrize("value", [0.0, 3.0])
def test_what_normalizes_takes_equal_samples(layer: purr.Layer, value: float) -> None:
    net = purr.Sequential([layer, purr.Dense(4, "relu"), purr.Dense(1, "sigmoid")], input_shape=6, seed=0)
    x = np.full((40, 6), value, dtype="float32")
    assert np.isfinite(net.fit(x, Y, epochs=10).loss).all()
    assert finite(net, x)


def test_equal_photos_are_told_apart_as_by_a_coin() -> None:
    images, labels = purr.datasets.make_cats(20, seed=0)
    cats = purr.CatClassifier(network="4-1", epochs=5)
    with pytest.warns(purr.DataWarning, match="the pixels of 10 photos"):
        cats.fit(np.full_like(images, 7), labels)
    assert cats.score(np.full_like(images, 7), labels) == 0.5
    assert np.isfinite(cats.predict_proba(images)).all()


# One sample


@pytest.mark.parametrize("batch_size", [None, 1, 32])
@pytest.mark.parametrize("layers", [[], [purr.Normalize()], [purr.BatchNorm()], [purr.LayerNorm()]], ids=repr)
@optimizers
def test_one_sample_is_learnt(optimizer: str, layers: list[purr.Layer], batch_size: int | None) -> None:
    net = purr.Sequential([*layers, purr.Dense(4, "tanh"), purr.Dense(1, "sigmoid")], input_shape=6, seed=0)
    history = net.fit(X[:1], Y[:1], epochs=20, batch_size=batch_size, optimizer=optimizer)
    assert history.loss[-1] < history.loss[0]
    assert finite(net)


def test_one_sample_in_its_span_is_learnt() -> None:
    net = network()
    history = net.fit(X[:1], Y[:1], epochs=20, batch_size=None, optimizer="sgd", solver="reduced")
    assert history.solver == "reduced"
    assert history.loss[-1] < history.loss[0]


def test_one_sample_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="at least one of 1 samples"):
        network().fit(X[:1], Y[:1], validation_split=0.5)


def test_no_sample_is_refused() -> None:
    with pytest.raises(purr.DataError, match="no samples"):
        network().fit(X[:0], Y[:0])
    assert network().predict(X[:0]).shape == (0, 1)


# scikit-learn's estimators: what it does, and what it says


def outcomes(name: str, arguments: dict[str, Any], x: Array, y: Array) -> list[Any]:
    """What scikit-learn's estimator gives, and ours: answers, or an error."""
    sklearn = pytest.importorskip("sklearn.neural_network")
    from purrceptron import sklearn as ours

    found: list[Any] = []
    for module in (sklearn, ours):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                model = getattr(module, name)(max_iter=20, random_state=0, **arguments).fit(x, y)
                found.append(model.predict(X.astype(x.dtype)))
            except ValueError as error:
                found.append((type(error), str(error)))
    return found


@pytest.mark.parametrize(
    ("name", "arguments", "x", "y"),
    [
        ("MLPClassifier", {}, X, ZEROS),
        ("MLPClassifier", {}, X[:1], Y[:1]),
        ("MLPClassifier", {}, np.ones_like(X), Y),
        ("MLPClassifier", {}, X * np.float32(1e-40), Y),
        ("MLPClassifier", {"learning_rate_init": 0.0}, X, Y),
        ("MLPClassifier", {}, np.where(X > 2, np.inf, X), Y),
        ("MLPRegressor", {}, X[:1], np.ones(1)),
        ("MLPRegressor", {}, np.ones_like(X), np.ones(40)),
        ("MLPRegressor", {"solver": "sgd", "learning_rate_init": 1e6}, X, Y * 1e6),
        ("MLPRegressor", {"learning_rate_init": 0.0}, X, Y * 1.0),
    ],
    ids=[
        "one class", "one sample", "equal samples", "subnormal", "rate 0", "infinite",
        "one sample to a number", "equal samples to a number", "exploding", "rate 0 to a number",
    ],
)  # fmt: skip
def test_estimators_do_at_the_edge_what_scikit_learn_does(
    name: str, arguments: dict[str, Any], x: Array, y: Array
) -> None:
    theirs, ours = outcomes(name, arguments, x, y)
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple)
        assert issubclass(ours[0], ValueError)
        assert ours[1].split(".")[0] == theirs[1].split(".")[0]
    else:
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
