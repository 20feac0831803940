"""Training: against the NumPy twin, on real and on drawn pictures, and the loop's own promises."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy_twin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from numpy_twin import Twin, distance

import purrceptron as purr

Array = NDArray[Any]
Data = tuple[Array, Array]
Build = Callable[..., purr.Sequential]


def blobs(samples: int = 60, features: int = 6, classes: int = 3, seed: int = 0) -> Data:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, samples)
    centres = random.normal(size=(classes, features)) * 2
    return centres[labels] + random.normal(size=(samples, features)), labels


def in_batches(x: Array, y: Array, size: int, epochs: int = 1) -> list[Data]:
    starts = range(0, len(x), size)
    return [(x[start : start + size], y[start : start + size]) for _ in range(epochs) for start in starts]


# The standard network on pictures


@pytest.mark.parametrize(("dtype", "iterations", "tolerance"), [("float64", 100, 1e-9), ("float32", 10, 1e-4)])
@pytest.mark.parametrize("pictures", ["drawn", "photos"])
def test_standard_network_agrees_with_the_numpy_twin(
    pictures: str,
    dtype: str,
    iterations: int,
    tolerance: float,
    standard_network: Build,
    request: pytest.FixtureRequest,
) -> None:
    images, labels = request.getfixturevalue(pictures)
    net = standard_network(seed=1, dtype=dtype)
    twin = Twin(net.get_weights(), ["relu", "relu", "relu", "sigmoid"], "binary_cross_entropy")
    x = images.reshape(len(images), -1).astype(dtype) * np.dtype(dtype).type(1 / 255)
    losses = twin.train([(x, labels)] * iterations, numpy_twin.SGD(0.0075))
    history = net.fit(images, labels, epochs=iterations, batch_size=None, optimizer=purr.SGD(0.0075), solver="direct")
    assert distance(net.get_weights(), twin.weights) <= tolerance
    assert history.loss == pytest.approx(losses, rel=tolerance)
    assert net.predict(images) == pytest.approx(twin.predict(x), rel=tolerance)


def test_standard_network_learns_the_real_photos(photos: Data, standard_network: Build) -> None:
    images, labels = photos
    costs, accuracies = [], []
    for seed in range(5):
        net = standard_network(seed=seed)
        history = net.fit(images, labels, epochs=2500, batch_size=None, optimizer=purr.SGD(0.0075))
        costs.append(history.loss[0])
        accuracies.append(net.evaluate(images, labels, metrics=["accuracy"])["accuracy"])
    assert all(0.60 <= cost <= 0.80 for cost in costs), costs
    assert sum(accuracy >= 0.97 for accuracy in accuracies) >= 4, accuracies


def test_drawn_pictures_are_neither_trivial_nor_hopeless(standard_network: Build) -> None:
    unseen = purr.datasets.make_cats(1000, seed=1000)
    scores = []
    for seed in range(5):
        net = standard_network(seed=seed)
        images, labels = purr.datasets.make_cats(400, seed=seed)
        net.fit(images, labels, epochs=2500, batch_size=None, optimizer=purr.SGD(0.0075))
        scores.append(net.evaluate(*unseen, metrics=["accuracy"])["accuracy"])
    assert 0.70 <= statistics.mean(scores) <= 0.92, scores


# Optimizers

OPTIMIZERS: list[tuple[purr.Optimizer, Callable[[], Any]]] = [
    (purr.SGD(0.05), lambda: numpy_twin.SGD(0.05)),
    (purr.SGD(0.05, momentum=0.9), lambda: numpy_twin.SGD(0.05, 0.9)),
    (purr.SGD(0.05, momentum=0.9, nesterov=True), lambda: numpy_twin.SGD(0.05, 0.9, nesterov=True)),
    (purr.Adam(0.01), lambda: numpy_twin.Adam(0.01)),
    (purr.Adam(0.02, 0.8, 0.95, 1e-3), lambda: numpy_twin.Adam(0.02, 0.8, 0.95, 1e-3)),
    (
        purr.Adam(0.02, 0.8, 0.95, 1e-3, epsilon_hat=True),
        lambda: numpy_twin.Adam(0.02, 0.8, 0.95, 1e-3, epsilon_hat=True),
    ),
]


@pytest.mark.parametrize(("optimizer", "of_twin"), OPTIMIZERS, ids=[repr(o) for o, _ in OPTIMIZERS])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_optimizer_agrees_with_the_numpy_twin_on_mini_batches(
    optimizer: purr.Optimizer, of_twin: Callable[[], Any], dtype: str, tolerance: float
) -> None:
    x, y = blobs()
    x = x.astype(dtype)
    net = purr.Sequential.from_string("6-9:tanh-3", seed=2, dtype=dtype)
    twin = Twin([w.astype("float64") for w in net.get_weights()], ["tanh", "softmax"], "cross_entropy")
    history = net.fit(x, y, epochs=4, batch_size=7, shuffle=False, optimizer=optimizer)
    losses = np.reshape(twin.train(in_batches(x.astype("float64"), y, 7, epochs=4), of_twin()), (4, -1))
    assert distance(net.get_weights(), twin.weights) <= tolerance
    assert history.loss == pytest.approx(np.average(losses, axis=1, weights=[7] * 8 + [4]).tolist(), rel=tolerance)


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        ("6-5-4-1", "binary_cross_entropy"),
        ("6-5:tanh-1:identity", "binary_cross_entropy"),
        ("6-5:sigmoid-3", "cross_entropy"),
        ("6-5:softmax-3:identity", "cross_entropy"),
        ("6-5-1:tanh", "mean_squared_error"),
        ("6-5:identity-3", "mean_squared_error"),
        ("6-3:sigmoid", "mean_squared_error"),
    ],
)
@pytest.mark.parametrize("batch_size", [None, 16])
def test_every_pair_of_ending_and_loss_agrees_with_the_numpy_twin(text: str, loss: str, batch_size: int | None) -> None:
    net = purr.Sequential.from_string(text, seed=4, dtype="float64")
    x, y = blobs()
    if net.outputs == 1:
        y = (y > 0).astype(int)
    elif loss == "mean_squared_error":
        y = np.eye(3)[y]
    activations = [layer.activation for layer in net.layers if isinstance(layer, purr.Dense)]
    twin = Twin(net.get_weights(), activations, loss)
    net.fit(x, y, epochs=5, batch_size=batch_size, shuffle=False, optimizer=purr.SGD(0.1), loss=loss)
    twin.train(in_batches(x, y, batch_size or len(x), epochs=5), numpy_twin.SGD(0.1))
    assert distance(net.get_weights(), twin.weights) <= 1e-12


@given(st.integers(1, 40), st.integers(1, 45), st.integers(0, 3), st.sampled_from([None, 1 / 255]), st.booleans())
def test_any_batch_size_agrees_with_the_numpy_twin(
    samples: int, batch_size: int, epochs: int, scale: float | None, as_bytes: bool
) -> None:
    pictures = np.random.default_rng(samples).integers(0, 256 if scale else 4, (samples, 2, 3), dtype=np.uint8)
    y = np.arange(samples) % 2
    layers: list[purr.Layer] = [purr.Rescale(scale)] if scale else []
    layers += [purr.Dense(4, "tanh"), purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, input_shape=(2, 3), seed=1, dtype="float64")
    twin = Twin(net.get_weights(), ["tanh", "sigmoid"], "binary_cross_entropy")
    x = pictures.reshape(samples, 6) * (scale or 1.0)
    net.fit(
        pictures if as_bytes else pictures.astype("float64"),
        y,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=False,
        optimizer=purr.SGD(0.3, momentum=0.5),
    )
    twin.train(in_batches(x, y, batch_size, epochs), numpy_twin.SGD(0.3, 0.5))
    assert distance(net.get_weights()[::2], twin.weights[::2]) <= 1e-11


@pytest.mark.parametrize("batch_size", [None, 8])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_rescale_anywhere_agrees_with_the_numpy_twin(batch_size: int | None, as_bytes: bool) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (30, 5), dtype=np.uint8)
    y = np.arange(30) % 3
    layers = [purr.Rescale(0.5), purr.Rescale(1 / 50), purr.Dense(4, "tanh"), purr.Rescale(3.0), purr.Dense(3)]
    net = purr.Sequential([*layers, purr.Rescale(0.25)], input_shape=5, seed=1, dtype="float64")
    k1, b1, k2, b2 = net.get_weights()
    twin = Twin([k1, b1, k2 * 0.75, b2 * 0.25], ["tanh", "identity"], "cross_entropy")  # the scales folded in
    x = pictures * 0.01
    data = pictures if as_bytes else pictures.astype("float64")
    assert net.predict(data) == pytest.approx(twin.predict(x), rel=1e-12)
    value, gradient = net.loss_and_gradient(data, y, loss="cross_entropy")
    twins_value, (dk1, db1, dk2, db2) = twin.loss_and_gradient(x, y)
    assert value == pytest.approx(twins_value, rel=1e-12)
    expected = np.concatenate([part.ravel() for part in (dk1, db1, dk2 * 0.75, db2 * 0.25)])
    np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-15)
    net.fit(data, y, epochs=1, batch_size=batch_size, shuffle=False, optimizer=purr.SGD(1e-3), loss="cross_entropy")
    if batch_size is None:
        moved = np.concatenate([part.ravel() for part in (k1, b1, k2, b2)]) - 1e-3 * expected
        np.testing.assert_allclose(np.concatenate([w.ravel() for w in net.get_weights()]), moved, rtol=1e-12)


def test_the_seven_steps_by_hand_give_the_bits_of_fit(drawn: Data, standard_network: Build) -> None:
    images, labels = drawn
    net = standard_network(seed=3)
    k = purr.kernels
    x = images.reshape(len(images), -1).astype("float32") * np.float32(1 / 255)
    kernels, biases = net.get_weights()[::2], net.get_weights()[1::2]
    for _ in range(5):
        a = [x]
        for kernel, bias in zip(kernels, biases, strict=True):
            z = k.dense_forward(a[-1], kernel, bias)
            a.append(k.relu(z))
        _, dz = k.binary_cross_entropy(z, labels)
        for i in reversed(range(4)):
            da, dkernel, dbias = k.dense_backward(dz, a[i], kernels[i])
            kernels[i], biases[i] = k.sgd(kernels[i], dkernel, 0.0075), k.sgd(biases[i], dbias, 0.0075)
            dz = k.relu_backward(a[i], da)
    net.fit(images, labels, epochs=5, batch_size=None, optimizer=purr.SGD(0.0075), solver="direct")
    for ours, by_hand in zip(net.get_weights()[::2], kernels, strict=True):
        np.testing.assert_array_equal(ours, by_hand)
    for ours, by_hand in zip(net.get_weights()[1::2], biases, strict=True):
        np.testing.assert_array_equal(ours, by_hand)


def test_classes_and_one_hot_rows_train_alike() -> None:
    x, y = blobs()
    results = []
    for targets in (y, y.reshape(-1, 1), y.astype("float32"), np.eye(3)[y], np.eye(3)[y].tolist()):
        net = purr.Sequential.from_string("6-8-3", seed=0, dtype="float64")
        history = net.fit(x, targets, epochs=5, metrics=["accuracy"])
        results.append((net.get_weights(), history))
    for weights, history in results[1:]:
        assert distance(weights, results[0][0]) <= 1e-12
        assert history.loss == pytest.approx(results[0][1].loss, rel=1e-12)
        assert history.metrics == results[0][1].metrics


# The loop


def test_trainer_steps_with_own_batches_are_what_fit_does() -> None:
    x, y = blobs()
    fitted, stepped = (purr.Sequential.from_string("6-8-3", seed=0) for _ in range(2))
    history = fitted.fit(x, y, epochs=2, batch_size=25, shuffle=False, optimizer="adam")
    trainer = purr.Trainer(stepped, optimizer="adam")
    losses = [trainer.step(*batch) for batch in in_batches(x, y, 25, epochs=2)]
    assert stepped.fingerprint() == fitted.fingerprint()
    assert trainer.steps == 6
    assert history.loss == pytest.approx(
        [np.average(losses[:3], weights=[25, 25, 10]), np.average(losses[3:], weights=[25, 25, 10])], rel=1e-12
    )


def test_trainer_keeps_its_optimizer_and_a_second_fit_starts_a_new_one() -> None:
    x, y = blobs()
    options: dict[str, Any] = {"batch_size": 20, "shuffle": False}
    optimizer = purr.SGD(0.05, momentum=0.9)
    once, kept, renewed = (purr.Sequential.from_string("6-8-3", seed=0, dtype="float64") for _ in range(3))
    once.fit(x, y, epochs=4, optimizer=optimizer, **options)
    trainer = purr.Trainer(kept, optimizer=optimizer)
    for _ in range(2):
        trainer.fit(x, y, epochs=2, **options)
        renewed.fit(x, y, epochs=2, optimizer=optimizer, **options)
    assert kept.fingerprint() == once.fingerprint()
    assert trainer.steps == 12
    twin = Twin(
        purr.Sequential.from_string("6-8-3", seed=0, dtype="float64").get_weights(),
        ["relu", "softmax"],
        "cross_entropy",
    )
    for _ in range(2):
        twin.train(in_batches(x, y, 20, epochs=2), numpy_twin.SGD(0.05, 0.9))
    assert distance(renewed.get_weights(), twin.weights) <= 1e-12
    assert distance(kept.get_weights(), twin.weights) > 1e-3


def test_shuffling_shows_every_sample_once_an_epoch_and_orders_differ() -> None:
    x, y = blobs(50)
    net = purr.Sequential.from_string("6-8-3", seed=0, dtype="float64")
    whole = net.evaluate(x, y)["loss"]
    still = net.fit(x, y, epochs=5, batch_size=7, optimizer=purr.SGD(1e-300))  # too small a step to move anything
    assert still.loss == pytest.approx([whole] * 5, rel=1e-12)
    prints = set()
    for shuffle, seed in [(False, 0), (True, 0), (True, 1)]:
        other = purr.Sequential.from_string("6-8-3", seed=seed, dtype="float64")
        other.set_weights(net.get_weights())
        other.fit(x, y, epochs=1, batch_size=7, shuffle=shuffle)
        prints.add(other.fingerprint())
    assert len(prints) == 3
    # Were both epochs in one order, two trainings of one epoch would be one of two.
    once, twice = (purr.Sequential.from_string("6-8-3", seed=0, dtype="float64") for _ in range(2))
    once.fit(x, y, epochs=2, batch_size=7, optimizer=purr.SGD(0.1))
    for _ in range(2):
        twice.fit(x, y, epochs=1, batch_size=7, optimizer=purr.SGD(0.1))
    assert once.fingerprint() != twice.fingerprint()


def test_a_batch_of_all_samples_or_more_is_the_full_batch() -> None:
    x, y = blobs()
    prints = set()
    for batch_size in (None, len(x), len(x) + 1, 10**9):
        net = purr.Sequential.from_string("6-8-3", seed=0)
        net.fit(x, y, epochs=3, batch_size=batch_size)
        prints.add(net.fingerprint())
    assert len(prints) == 1


@pytest.mark.parametrize("batch_size", [None, 16])
@pytest.mark.parametrize(
    ("text", "loss"),
    [("6-8-3", None), ("6-8-1", None), ("6-1:identity", "binary_cross_entropy"), ("6-1:sigmoid", "mean_squared_error")],
)
def test_history_holds_means_over_samples_before_each_update(
    text: str, loss: str | None, batch_size: int | None
) -> None:
    x, y = blobs()
    net, other = (purr.Sequential.from_string(text, seed=0) for _ in range(2))
    y = y if net.outputs > 1 else (y > 0).astype(int)
    validation = (x[:23] + 0.5, y[:23])
    history = net.fit(
        x,
        y,
        epochs=3,
        batch_size=batch_size,
        shuffle=False,
        loss=loss,
        metrics=["accuracy"],
        validation_data=validation,
    )
    expected: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    trainer = purr.Trainer(other, loss=loss)
    for _ in range(3):
        batches = in_batches(x, y, batch_size or len(x))
        scores = []
        for batch in batches:
            scores.append(trainer.evaluate(*batch, metrics=["accuracy"]))
            trainer.step(*batch)
        for name in ("loss", "accuracy"):
            expected[name].append(float(np.average([s[name] for s in scores], weights=[len(b[0]) for b in batches])))
        after = trainer.evaluate(*validation, metrics=["accuracy"])
        expected["val_loss"].append(after["loss"])
        expected["val_accuracy"].append(after["accuracy"])
    assert other.fingerprint() == net.fingerprint()
    assert history.loss == pytest.approx(expected["loss"], rel=1e-6)
    assert history.val_loss == pytest.approx(expected["val_loss"], rel=1e-6)
    assert history.metrics == {name: pytest.approx(expected[name]) for name in ("accuracy", "val_accuracy")}
    assert history.solver == "direct"
    assert history.seconds > 0


def test_validation_does_not_change_the_training() -> None:
    x, y = blobs()
    prints = set()
    for validation in (None, (x[:20], y[:20]), (x[::-1], y[::-1])):
        net = purr.Sequential.from_string("6-8-3", seed=0)
        history = net.fit(x, y, epochs=3, validation_data=validation, metrics=["accuracy"])
        prints.add(net.fingerprint())
    assert len(prints) == 1
    assert len(history.val_loss) == 3


@pytest.mark.parametrize("epochs", [0, 1])
def test_history_has_one_entry_an_epoch(epochs: int) -> None:
    x, y = blobs()
    net = purr.Sequential.from_string("6-8-3", seed=0)
    before = net.fingerprint()
    history = net.fit(x, y, epochs=epochs, validation_data=(x, y))
    assert len(history.loss) == len(history.val_loss) == epochs
    assert (net.fingerprint() == before) == (epochs == 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_step_returns_the_loss_from_before_and_moves_down(dtype: str) -> None:
    x, y = blobs()
    net = purr.Sequential.from_string("6-8-3", seed=0, dtype=dtype)
    trainer = purr.Trainer(net, optimizer=purr.SGD(0.1))
    for _ in range(5):
        before = net.evaluate(x, y)["loss"]
        assert trainer.step(x, y) == pytest.approx(before, rel=1e-6)
        assert net.evaluate(x, y)["loss"] < before
    assert net.get_weights()[0].dtype == dtype
    assert trainer.model is net
    assert trainer.loss == "cross_entropy"
    assert trainer.optimizer == purr.SGD(0.1)


# The solver for wide data

WIDE_OPTIMIZERS = [purr.SGD(0.05), purr.SGD(0.02, momentum=0.9), purr.SGD(0.02, momentum=0.9, nesterov=True)]


def wide(samples: int = 20, kind: str = "any") -> Data:
    x, y = blobs(samples, features=50)
    if kind == "duplicates":
        x[samples // 2 :] = x[: samples - samples // 2]
    elif kind == "zero rows":
        x[::3] = 0
    elif kind == "nearly equal":
        x[1:] = x[0] + 1e-9 * x[1:]
    elif kind == "nothing but zeros":
        x[:] = 0
    return x, y


@pytest.mark.parametrize("optimizer", WIDE_OPTIMIZERS, ids=["plain", "momentum", "Nesterov"])
@pytest.mark.parametrize("batch_size", [None, 7])
@pytest.mark.parametrize("kind", ["any", "duplicates", "zero rows", "nearly equal", "nothing but zeros"])
def test_reduced_training_arrives_where_direct_training_does(
    kind: str, batch_size: int | None, optimizer: purr.Optimizer
) -> None:
    x, y = wide(kind=kind)
    results = []
    for solver in ("direct", "reduced"):
        net = purr.Sequential.from_string("50-8:tanh-3", seed=0, dtype="float64")
        history = net.fit(
            x, y, epochs=100, batch_size=batch_size, optimizer=optimizer, solver=solver, metrics=["accuracy"]
        )
        results.append((net.get_weights(), history))
    (direct, of_direct), (reduced, of_reduced) = results
    assert (of_direct.solver, of_reduced.solver) == ("direct", "direct" if kind == "nothing but zeros" else "reduced")
    assert of_reduced.solver_reason
    # Samples nearer than about 3e-7 of their length count as equal, which is as if the data had been moved by as much.
    tolerance = 1e-5 if kind == "nearly equal" else 1e-9
    assert distance(reduced, direct) <= tolerance
    assert of_reduced.loss == pytest.approx(of_direct.loss, rel=tolerance)
    assert of_reduced.metrics == of_direct.metrics


@pytest.mark.parametrize("samples_unseen", [1, 30, 600])
def test_reduced_training_validates_as_direct_training_does(samples_unseen: int) -> None:
    x, y = wide()
    unseen = blobs(samples_unseen, features=50, seed=9)
    histories = []
    for solver in ("direct", "reduced"):
        net = purr.Sequential.from_string("50-8:tanh-3", seed=0, dtype="float64")
        options: dict[str, Any] = {"optimizer": "sgd", "validation_data": unseen, "metrics": ["accuracy"]}
        histories.append(net.fit(x, y, epochs=20, batch_size=None, solver=solver, **options))
    direct, reduced = histories
    assert reduced.solver == "reduced"
    assert reduced.val_loss == pytest.approx(direct.val_loss, rel=1e-9)
    assert reduced.metrics == direct.metrics


@pytest.mark.parametrize("samples", [1, 2, 49])
@pytest.mark.parametrize("as_bytes", [True, False])
def test_reduced_training_takes_pictures_of_any_number(samples: int, as_bytes: bool) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (samples, 50), dtype=np.uint8)
    y = np.arange(samples) % 2
    weights = []
    for solver in ("direct", "reduced"):
        layers = [purr.Rescale(1 / 255), purr.Dense(6, "relu"), purr.Dense(1, "sigmoid")]
        net = purr.Sequential(layers, input_shape=50, seed=0, dtype="float64")
        x = pictures if as_bytes else pictures.astype("float64")
        net.fit(x, y, epochs=50, batch_size=None, optimizer=purr.SGD(0.05), solver=solver)
        weights.append(net.get_weights())
    assert distance(weights[1], weights[0]) <= 1e-9


def test_standard_network_agrees_between_solvers(photos: Data, standard_network: Build) -> None:
    images, labels = photos
    weights = []
    for solver in ("direct", "auto"):
        net = standard_network(seed=1, dtype="float64")
        history = net.fit(images, labels, epochs=500, batch_size=None, optimizer=purr.SGD(0.0075), solver=solver)
        weights.append(net.get_weights())
    assert history.solver == "reduced"
    assert distance(weights[1], weights[0]) <= 1e-9


@pytest.mark.parametrize("optimizer", WIDE_OPTIMIZERS, ids=["plain", "momentum", "Nesterov"])
def test_a_trainer_goes_on_after_a_reduced_training(optimizer: purr.Optimizer) -> None:
    x, y = wide()
    weights = []
    for solver in ("direct", "reduced"):
        net = purr.Sequential.from_string("50-8:tanh-3", seed=0, dtype="float64")
        trainer = purr.Trainer(net, optimizer=optimizer)
        trainer.fit(x, y, epochs=10, batch_size=7, solver=solver)
        trainer.step(*blobs(40, features=50, seed=5))
        history = trainer.fit(x, y, epochs=10, batch_size=7)
        assert history.solver == "direct"  # the optimizer remembers a step that other data asked for
        assert trainer.steps == 61
        weights.append(net.get_weights())
    assert distance(weights[1], weights[0]) <= 1e-9


def test_callbacks_see_a_reduced_training_as_a_direct_one() -> None:
    x, y = wide()
    seen: dict[str, list[list[Array]]] = {"direct": [], "reduced": []}
    for solver, weights in seen.items():
        recorder = Recorder(stop_after=4)
        net = purr.Sequential.from_string("50-8:tanh-3", seed=0, dtype="float64")
        recorder.keep = weights
        history = net.fit(
            x, y, epochs=10, batch_size=None, optimizer=purr.SGD(0.1), solver=solver, callbacks=[recorder]
        )
        assert len(history.loss) == 5
        assert recorder.weights[-1] == net.fingerprint()
    for direct, reduced in zip(seen["direct"], seen["reduced"], strict=True):
        assert distance(reduced, direct) <= 1e-9


def test_auto_takes_the_reduced_solver_where_it_saves_work_only() -> None:
    x, y = wide()

    def solver(samples: int = 20, epochs: int = 100, **options: Any) -> str:
        net = purr.Sequential.from_string("50-8-3", seed=0)
        return net.fit(np.resize(x, (samples, 50)), np.resize(y, samples), epochs=epochs, **options).solver

    assert solver(optimizer="sgd") == "reduced"
    assert solver(optimizer="sgd", solver="direct") == "direct"
    assert solver(optimizer="adam") == "direct"
    assert solver(optimizer="sgd", samples=50) == "direct"
    assert solver(optimizer="sgd", epochs=1) == "direct"


def test_divergence_in_a_reduced_training_leaves_the_weights_as_before_the_call() -> None:
    x, y = wide()
    net = purr.Sequential.from_string("50-8-3:identity", seed=0)
    before = net.fingerprint()
    with pytest.raises(purr.DivergedError):
        net.fit(
            x,
            np.eye(3)[y],
            epochs=500,
            batch_size=None,
            optimizer=purr.SGD(1e3),
            loss="mean_squared_error",
            solver="reduced",
        )
    assert net.fingerprint() == before


# Callbacks


class Recorder(purr.Callback):
    def __init__(self, stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.calls: list[Any] = []
        self.weights: list[str] = []
        self.keep: list[list[Array]] = []
        self.stop_after, self.error = stop_after, error

    def on_train_begin(self, model: purr.Sequential, epochs: int) -> None:
        self.model = model
        self.calls.append(("begin", epochs))

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool | None:
        self.calls.append((epoch, logs))
        self.weights.append(self.model.fingerprint())
        self.keep.append(self.model.get_weights())
        if epoch == self.stop_after and self.error is not None:
            raise self.error
        return epoch == self.stop_after

    def on_train_end(self) -> None:
        self.calls.append("end")


def test_a_callback_sees_every_epoch_with_its_scores_and_weights() -> None:
    x, y = blobs()
    recorder, net = Recorder(), purr.Sequential.from_string("6-8-3", seed=0)
    history = net.fit(x, y, epochs=3, callbacks=[recorder], metrics=["accuracy"], validation_data=(x, y))
    assert recorder.calls[0] == ("begin", 3)
    assert recorder.calls[-1] == "end"
    scores = zip(
        history.loss, history.metrics["accuracy"], history.val_loss, history.metrics["val_accuracy"], strict=True
    )
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    assert recorder.calls[1:-1] == [(epoch, dict(zip(names, s, strict=True))) for epoch, s in enumerate(scores)]
    alone = purr.Sequential.from_string("6-8-3", seed=0)
    trainer = purr.Trainer(alone)
    trainer.fit(x, y, epochs=1)
    assert recorder.weights[0] == alone.fingerprint()
    assert recorder.weights[-1] == net.fingerprint()
    assert len(set(recorder.weights)) == 3


def test_watching_does_not_change_the_training() -> None:
    x, y = blobs()
    prints = set()
    for callbacks in ([], [Recorder()], [purr.Progress(print)], [Recorder(), purr.Progress(lambda *_: None)]):
        net = purr.Sequential.from_string("6-8-3", seed=0)
        net.fit(x, y, epochs=3, callbacks=callbacks)
        prints.add(net.fingerprint())
    assert len(prints) == 1


def test_a_callback_that_returns_true_stops_the_training_and_keeps_the_weights() -> None:
    x, y = blobs()
    recorder, net = Recorder(stop_after=1), purr.Sequential.from_string("6-8-3", seed=0)
    history = net.fit(x, y, epochs=10, callbacks=[recorder, Recorder()])
    assert len(history.loss) == 2
    assert recorder.calls[-1] == "end"
    assert net.fingerprint() == recorder.weights[-1]


@pytest.mark.parametrize("solver", ["direct", "reduced"])
@pytest.mark.parametrize("error", [RuntimeError("mine"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_an_error_in_a_callback_comes_out_and_leaves_the_weights_of_the_last_step(
    error: BaseException, solver: str
) -> None:
    x, y = wide()
    net = purr.Sequential.from_string("50-8-3", seed=0)
    initial, recorder, other = net.fingerprint(), Recorder(2, error), Recorder()
    with pytest.raises(type(error)) as caught:
        net.fit(x, y, epochs=10, optimizer="sgd", callbacks=[other, recorder], solver=solver)
    assert caught.value is error
    assert net.fingerprint() == recorder.weights[2] != initial
    assert recorder.calls[-1] == other.calls[-1] == "end"
    net.fit(x, y, epochs=1)  # and goes on


@pytest.mark.parametrize("solver", ["direct", "reduced"])
def test_an_interrupt_in_progress_leaves_the_weights_of_the_last_step(solver: str) -> None:
    x, y = wide()
    options: dict[str, Any] = {"batch_size": None, "optimizer": "sgd", "solver": solver}
    net = purr.Sequential.from_string("50-8-3", seed=0)
    initial = net.fingerprint()
    epochs_done = []

    def interrupt(epoch: int, *_: Any) -> None:
        epochs_done.append(epoch)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        net.fit(x, y, epochs=10**7, callbacks=[purr.Progress(interrupt)], **options)
    assert net.fingerprint() != initial
    other = purr.Sequential.from_string("50-8-3", seed=0)
    other.fit(x, y, epochs=epochs_done[0], **options)
    assert net.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("n_threads", ["1", "2"])
def test_a_signal_interrupts_a_training_nobody_watches(run_python: Callable[..., str], n_threads: str) -> None:
    script = """
import signal, numpy as np, purrceptron as purr
x, y = np.random.default_rng(0).normal(size=(500, 20)), np.arange(500) % 2
net = purr.Sequential.from_string("20-30-1", seed=0)
before = net.fingerprint()
signal.setitimer(signal.ITIMER_REAL, 0.3)
def interrupt(*_): raise KeyboardInterrupt
signal.signal(signal.SIGALRM, interrupt)
try:
    net.fit(x, y, epochs=10**9)
except KeyboardInterrupt:
    print("changed" if net.fingerprint() != before else "lost")
"""
    assert run_python(script, PURRCEPTRON_NUM_THREADS=n_threads, timeout=5) == "changed"


def test_early_stopping_gives_back_the_best_weights() -> None:
    x, y = blobs(20, seed=1)
    unseen = blobs(200, seed=2)  # of other centres: learning x makes it worse soon
    net, recorder, stopping = purr.Sequential.from_string("6-30-3", seed=0), Recorder(), purr.EarlyStopping(patience=4)
    history = net.fit(
        x, y, epochs=500, optimizer=purr.Adam(0.01), validation_data=unseen, callbacks=[recorder, stopping]
    )
    best = int(np.argmin(history.val_loss))
    assert len(history.val_loss) == best + 5 < 500
    assert (stopping.best_epoch, stopping.best) == (best, history.val_loss[best])
    assert net.fingerprint() == recorder.weights[best]
    assert net.evaluate(*unseen)["loss"] == pytest.approx(history.val_loss[best], rel=1e-6)


def test_early_stopping_takes_the_larger_accuracy_and_counts_only_what_exceeds_min_delta() -> None:
    stopping = purr.EarlyStopping(patience=2, monitor="accuracy", min_delta=0.1)
    net = purr.Sequential.from_string("6-3", seed=0)
    stopping.on_train_begin(net, 10)
    asked = [stopping.on_epoch_end(epoch, {"accuracy": a}) for epoch, a in enumerate([0.5, 0.7, 0.75, 0.6])]
    assert asked == [False, False, False, True]
    assert stopping.best_epoch == 1


def test_early_stopping_can_be_used_again() -> None:
    x, y = blobs()
    stopping = purr.EarlyStopping(patience=1, monitor="loss")
    for seed in (0, 1):
        net = purr.Sequential.from_string("6-8-3", seed=seed)
        history = net.fit(x, y, epochs=3, callbacks=[stopping])
        assert stopping.best == min(history.loss)


@pytest.mark.parametrize("others", [[], [Recorder()]], ids=["alone", "beside another callback"])
def test_progress_is_called_at_most_twenty_times_a_second_and_at_the_end(others: list[purr.Callback]) -> None:
    x, y = blobs()
    calls: list[tuple[int, int, dict[str, float]]] = []
    net = purr.Sequential.from_string("6-4-3", seed=0)
    start = time.perf_counter()
    net.fit(x, y, epochs=4000, batch_size=None, callbacks=[purr.Progress(lambda *now: calls.append(now)), *others])
    seconds = time.perf_counter() - start
    assert len(calls) <= 20 * seconds + 2
    assert calls[-1][:2] == (4000, 4000)
    assert list(calls[-1][2]) == ["loss"]
    assert [epoch for epoch, _, _ in calls] == sorted({epoch for epoch, _, _ in calls})


def test_progress_cannot_stop_a_training() -> None:
    x, y = blobs()
    net = purr.Sequential.from_string("6-4-3", seed=0)
    assert len(net.fit(x, y, epochs=30, callbacks=[purr.Progress(lambda *_: True)]).loss) == 30


def test_a_network_can_be_used_in_its_own_callback() -> None:
    x, y = blobs()
    seen = []

    class Predicts(purr.Callback):
        def on_train_begin(self, model: purr.Sequential, epochs: int) -> None:
            self.model = model

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            seen.append(self.model.evaluate(x, y)["loss"])
            self.model.predict(x)

    net = purr.Sequential.from_string("6-8-3", seed=0)
    history = net.fit(x, y, epochs=4, batch_size=None, callbacks=[Predicts()])
    assert seen[:-1] == pytest.approx(history.loss[1:], rel=1e-6)  # a full batch's loss is that of the epoch before


def test_verbose_shows_the_cost_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = blobs()
    purr.Sequential.from_string("6-4-3", seed=0).fit(x, y, epochs=3, verbose=1)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "cost" in printed.err
    assert "3/3" in printed.err


# Going on


class Refuses(purr.Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 3:
            raise ValueError("enough")


def test_a_callback_that_raises_keeps_the_weights_of_a_first_training() -> None:
    x, y = wide()
    net = purr.Sequential([purr.Dense(8, "relu"), purr.Dense(3, "softmax")])
    with pytest.raises(ValueError, match="enough"):
        net.fit(x, y, epochs=9, callbacks=[Refuses()])
    assert net.input_shape == (50,)
    assert net.predict(x).shape == (len(x), 3)


@pytest.mark.parametrize("optimizer", [purr.SGD(1e30, momentum=0.9), purr.Adam(1e38)])
def test_a_divergence_leaves_the_optimizer_as_it_was(optimizer: purr.Optimizer) -> None:
    x, y = np.ones((4, 2), "float32"), np.ones((4, 1), "float32")
    net = purr.Sequential([purr.Dense(1)], input_shape=2, seed=0)
    trainer = purr.Trainer(net, optimizer=optimizer, loss="mean_squared_error")
    before = net.fingerprint()
    for _ in range(2):
        with pytest.raises(purr.DivergedError):
            trainer.step(1e10 * x, y)
        with pytest.raises(purr.DivergedError):
            trainer.fit(1e10 * x, y, epochs=3, batch_size=None)
    assert (trainer.steps, net.fingerprint()) == (0, before)


def test_epochs_one_by_one_are_the_epochs_of_one_training() -> None:
    x, y = wide()
    at_once, one_by_one = (purr.Sequential.from_string("50-8-3", seed=0) for _ in range(2))
    purr.Trainer(at_once, optimizer="adam").fit(x, y, epochs=4, batch_size=6)
    trainer = purr.Trainer(one_by_one, optimizer="adam")
    for _ in range(4):
        trainer.fit(x, y, epochs=1, batch_size=6)
    assert at_once.fingerprint() == one_by_one.fingerprint()
