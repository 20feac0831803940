"""`fit_many`: each network gets the bits, the history and the errors that it would get alone."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr

Array = NDArray[Any]
Data = tuple[Array, Array]

SLOW = purr.SGD(1e-4, momentum=0.9)


def pictures(count: int = 30, seed: int = 0) -> Data:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 5, 5, 3), dtype=np.uint8), random.integers(0, 2, count)


def networks(dtype: str = "float32") -> list[purr.Sequential]:
    """Of several shapes, endings and scales; the last one has yet to see the shape of its input."""
    layers: list[list[purr.Layer]] = [
        [purr.Rescale(1 / 255), purr.Dense(6, "relu"), purr.Dense(1, "sigmoid")],
        [purr.Rescale(1 / 255), purr.Dense(4, "tanh"), purr.Dense(3, "relu"), purr.Dense(2, "softmax")],
        [purr.Rescale(1 / 100), purr.Rescale(0.5), purr.Dense(1, "sigmoid")],
        [purr.Rescale(0.01), purr.Dense(2, "relu"), purr.Dense(1, "sigmoid")],
        [purr.Rescale(1 / 255), purr.Dense(6, "relu"), purr.Dense(1, "sigmoid")],
    ]
    shapes = [(5, 5, 3), (5, 5, 3), (5, 5, 3), (5, 5, 3), None]
    return [
        purr.Sequential(network, input_shape=shape, seed=seed, dtype=dtype)
        for seed, (network, shape) in enumerate(zip(layers, shapes, strict=True))
    ]


def prints(models: list[purr.Sequential]) -> list[str]:
    return [model.fingerprint() for model in models]


def without_time(history: purr.History) -> purr.History:
    return dataclasses.replace(history, seconds=0.0)


@pytest.mark.parametrize("n_threads", [1, 2, 3, None])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_many_get_the_bits_and_the_history_of_one_by_one(n_threads: int | None, dtype: str, kind: str) -> None:
    (x, y), held_out = pictures(), pictures(7, seed=1)
    for options in (
        {"epochs": 60, "batch_size": None, "optimizer": SLOW, "metrics": ["accuracy"], "validation_data": held_out},
        {"epochs": 40, "batch_size": 8, "optimizer": SLOW},
        {"epochs": 3, "batch_size": 8, "optimizer": "adam", "shuffle": False, "validation_data": held_out},
        {"epochs": 3, "batch_size": 30, "optimizer": "adam", "metrics": "accuracy"},
        {"epochs": 0},
    ):
        many, alone = networks(dtype), networks(dtype)
        settings: dict[str, Any] = {"solver": "auto", **options}
        histories = purr.fit_many(many, x.astype(kind), y, n_threads=n_threads, **settings)
        expected = [model.fit(x.astype(kind), y, n_threads=2, **settings) for model in alone]
        assert prints(many) == prints(alone)
        assert list(map(without_time, histories)) == list(map(without_time, expected))
        solvers = {history.solver for history in histories}
        assert solvers == ({"direct", "reduced"} if settings.get("optimizer") is SLOW else {"direct"})


def test_one_loss_can_be_given_for_all() -> None:
    x, _ = pictures()
    y = np.linspace(0, 1, len(x))
    many, alone = ([purr.Sequential([purr.Dense(1)], seed=s) for s in range(3)] for _ in range(2))
    purr.fit_many(many, x / 255, y, loss="mean_squared_error")
    for model in alone:
        model.fit(x / 255, y, loss="mean_squared_error")
    assert prints(many) == prints(alone)


def test_a_second_fit_goes_on_from_the_weights() -> None:
    x, y = pictures()
    many, alone = networks(), networks()
    for _ in range(2):
        purr.fit_many(many, x, y, epochs=5, optimizer=SLOW)
    for model in alone:
        model.fit(x, y, epochs=5, optimizer=SLOW)
        model.fit(x, y, epochs=5, optimizer=SLOW)
    assert prints(many) == prints(alone)


def test_no_network_is_no_work() -> None:
    assert purr.fit_many([], *pictures()) == []


# Refusals


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"y": np.arange(29) % 2}, ValueError, r"models\[0\]: x has 30 samples, but y has 29"),
        ({"y": np.arange(30) % 3}, purr.DataError, r"models\[0\]: "),
        ({"loss": "cross_entropy"}, ValueError, r"models\[0\]: "),
        ({"loss": "no_loss"}, ValueError, "unknown loss 'no_loss'"),
        ({"optimizer": "none"}, ValueError, "unknown optimizer 'none'"),
        ({"optimizer": purr.SGD(-1.0)}, ValueError, "learning_rate"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ({"metrics": ["beauty"]}, ValueError, "unknown metric 'beauty'"),
        ({"solver": "guess"}, ValueError, "unknown solver 'guess'"),
        ({"solver": "reduced", "optimizer": SLOW}, ValueError, r"models\[2\]: solver must be auto or direct here"),
        ({"validation_data": pictures(0)}, purr.DataError, r"models\[0\]: validation data: no samples"),
        ({"x": np.full((30, 5, 5, 3), np.nan)}, purr.DataError, r"models\[0\]: inputs: sample 0, feature 0 is NaN"),
        ({"x": np.zeros((30, 5, 5, 3), str)}, TypeError, "x: expected real numbers"),
        ({"x": np.zeros((30, 5, 15), "uint8")}, ValueError, r"models\[0\]: x: the network expects samples of shape"),
    ],
    ids=lambda value: str(list(value)) if isinstance(value, dict) else None,
)
def test_what_does_not_fit_is_refused_before_anything_is_trained(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    x, y = pictures()
    models = networks()
    before = prints(models[:4])
    with pytest.raises(error, match=message):
        purr.fit_many(models, **{"x": x, "y": y, "epochs": 2, **change})
    assert prints(models[:4]) == before
    assert models[4].input_shape is None


def test_the_network_that_does_not_fit_is_named() -> None:
    x, y = pictures()
    models = networks()
    for other, error, message in [
        (purr.Sequential.from_string("74-1"), ValueError, r"models\[1\]: x: the network expects samples of shape"),
        (purr.Sequential.from_string("75-3:relu", seed=0), ValueError, r"models\[1\]: a network that ends in relu"),
        (purr.Sequential.from_string("75-1", dtype="float64"), ValueError, r"models\[1\] has dtype float64"),
        (models[0], ValueError, r"models\[1\] is models\[0\]: every network must be there once"),
        ("75-1", TypeError, r"models\[1\]: expected a Sequential, got '75-1'"),
    ]:
        before = models[0].fingerprint()
        with pytest.raises(error, match=message):
            purr.fit_many([models[0], other], x, y)  # type: ignore[list-item]
        assert models[0].fingerprint() == before
    with pytest.raises(TypeError, match=r"write \[model\]"):
        purr.fit_many(models[0], x, y)  # type: ignore[arg-type]


# Divergence and interrupts


@pytest.mark.parametrize("solver", ["auto", "direct"])
def test_one_that_diverges_is_named_and_the_others_are_trained(solver: str) -> None:
    x, y = pictures()
    models, alone = ([purr.Sequential.from_string("75-4-1", seed=s) for s in range(4)] for _ in range(2))
    for model in (models[1], models[3]):
        model.set_weights([w + np.float32(1e38) for w in model.get_weights()])
    before = prints(models)
    options: dict[str, Any] = {"epochs": 60, "batch_size": None, "optimizer": purr.SGD(1e-5), "solver": solver}
    with pytest.raises(purr.DivergedError, match=r"^models\[1\]: training diverged.*; so did models\[3\]$") as caught:
        purr.fit_many(models, x, y, **options)
    assert (caught.value.epoch, caught.value.loss) == (0, None)
    for i, model in enumerate(alone):
        model.fit(x, y, **options)
        assert models[i].fingerprint() == (before[i] if i in (1, 3) else model.fingerprint())


@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_a_signal_interrupts_all_of_them(run_python: Callable[..., str], n_threads: str) -> None:
    script = """
import signal, numpy as np, purrceptron as purr
x, y = np.random.default_rng(0).random((64, 16), dtype="float32"), np.arange(64) % 2
models = [purr.Sequential.from_string("16-8-1", seed=s) for s in range(5)]
before = [model.fingerprint() for model in models]
signal.setitimer(signal.ITIMER_REAL, 0.3)
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
try:
    purr.fit_many(models, x, y, epochs=10**9)
except KeyboardInterrupt:
    print(*(model.fingerprint() != old for model, old in zip(models, before)))
"""
    changed = run_python(script, PURRCEPTRON_NUM_THREADS=n_threads).split()
    assert changed == ["True"] * int(n_threads) + ["False"] * (5 - int(n_threads))


def test_other_threads_of_python_go_on_meanwhile(run_python: Callable[..., str]) -> None:
    script = """
import threading, numpy as np, purrceptron as purr
x, y = np.random.default_rng(0).random((64, 16), dtype="float32"), np.arange(64) % 2
def train(seeds, into):
    models = [purr.Sequential.from_string("16-8-1", seed=s) for s in seeds]
    purr.fit_many(models, x, y, epochs=50, n_threads=2)
    into += [model.fingerprint() for model in models]
one, two = [], []
thread = threading.Thread(target=train, args=(range(4), two))
thread.start()
train(range(4), one)
thread.join()
print(one == two, len(one))
"""
    assert run_python(script) == "True 4"


# Ensembles


def cats(**settings: Any) -> Any:
    return purr.CatClassifier("4-1", image_size=5, epochs=60, optimizer=SLOW, **settings)


def test_an_ensemble_averages_the_probabilities_of_consecutive_seeds() -> None:
    x, y = pictures()
    ensemble, alone = cats(seed=7, ensemble=3).fit(x, y), [cats(seed=seed).fit(x, y) for seed in (7, 8, 9)]
    assert list(ensemble.models_) == [classifier.model_ for classifier in alone]
    assert ensemble.model_ == alone[0].model_
    mean = np.mean([classifier.predict_proba(x) for classifier in alone], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(x), mean, rtol=1e-6)
    assert ensemble.score(x, y) == ensemble.training_["accuracy"] == np.mean(mean.argmax(axis=1) == y)
    costs = [classifier.training_["last_cost"] for classifier in alone]
    assert ensemble.training_["last_cost"] == pytest.approx(np.mean(costs), rel=1e-12)
    assert ensemble.history_.loss == alone[0].history_.loss


def test_an_ensemble_of_more_classes_averages_too() -> None:
    x, y = pictures()[0], np.arange(30) % 3
    ensemble, *alone = (
        purr.PhotoClassifier((4,), image_size=5, epochs=3, seed=seed, ensemble=count).fit(x, y)
        for seed, count in [(0, 2), (0, 1), (1, 1)]
    )
    mean = np.mean([classifier.predict_proba(x) for classifier in alone], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(x), mean, rtol=1e-6)


def test_an_ensemble_that_diverges_leaves_what_was_learnt_before() -> None:
    classifier = cats().fit(*pictures())
    before = classifier.model_.fingerprint()
    classifier.set_params(ensemble=2, optimizer=purr.SGD(1e30))
    with pytest.raises(purr.DivergedError, match=r"models\[0\]: training diverged"):
        classifier.fit(*pictures())
    assert [model.fingerprint() for model in classifier.models_] == [before]


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"ensemble": 0}, ValueError, "ensemble must be at least 1, got 0"),
        ({"ensemble": 1.5}, TypeError, "ensemble must be a whole number"),
        ({"ensemble": 2, "seed": 2**64 - 1}, ValueError, "seed must be at least 0 and at most"),
    ],
    ids=str,
)
def test_an_ensemble_out_of_range_is_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cats(**settings).fit(*pictures())


def test_callbacks_watch_one_network() -> None:
    with pytest.raises(ValueError, match="callbacks watch one network, but ensemble is 2"):
        cats(ensemble=2).fit(*pictures(), callbacks=[purr.EarlyStopping()])
