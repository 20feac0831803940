"""What a training can be told: weights of samples and classes, penalties, decay, schedules, clipping, batches."""

from typing import Any

import numpy as np
import numpy_twin
import pytest
from numpy.typing import NDArray
from numpy_twin import Twin, distance

import purrceptron as purr
from purrceptron import _core

Array = NDArray[Any]


def blobs(samples: int = 60, features: int = 6, classes: int = 3, seed: int = 0) -> tuple[Array, Array]:
    random = np.random.default_rng(seed)
    labels = random.choice(classes, samples, p=[0.6, 0.3, 0.1][:classes] if classes == 3 else None)
    centres = random.normal(size=(classes, features)) * 2
    return centres[labels] + random.normal(size=(samples, features)), labels


def network(**settings: Any) -> purr.Sequential:
    layers = [purr.Dense(5, "tanh", **settings), purr.Dense(3, "softmax")]
    return purr.Sequential(layers, input_shape=6, seed=1, dtype="float64")


# Weights of samples and classes


@pytest.mark.parametrize("class_weight", [{0: 0.5, 2: 3.0}, "balanced", {1: 0.0}])
def test_class_weights_are_weights_of_their_samples(class_weight: Any) -> None:
    x, y = blobs()
    own = np.random.default_rng(1).random(len(y))
    balanced = {label: len(y) / (3 * np.sum(y == label)) for label in range(3)}  # King and Zeng, 2001; scikit-learn's
    by_label = balanced if class_weight == "balanced" else class_weight
    weights = np.array([by_label.get(label, 1.0) for label in y])
    by_class, by_sample = network(), network()
    histories = [
        by_class.fit(x, y, epochs=3, batch_size=16, class_weight=class_weight, sample_weight=own),
        by_sample.fit(x, np.eye(3)[y], epochs=3, batch_size=16, sample_weight=own * weights),
    ]
    assert distance(by_class.get_weights(), by_sample.get_weights()) <= 1e-12
    assert histories[0].loss == pytest.approx(histories[1].loss, rel=1e-12)
    one_hot = by_class.evaluate(x, np.eye(3)[y], class_weight=class_weight)
    assert one_hot["loss"] == pytest.approx(by_sample.evaluate(x, y, sample_weight=weights)["loss"], rel=1e-12)


def test_balanced_weights_are_of_the_classes_that_there_are() -> None:
    x, y = blobs()
    there = y != 1
    net, counts = network(), np.bincount(y[there])
    weights = np.sum(there) / (2 * counts[y[there]])
    balanced = net.evaluate(x[there], y[there], class_weight="balanced", loss="cross_entropy")["loss"]
    expected = net.evaluate(x[there], y[there], sample_weight=weights, loss="cross_entropy")["loss"]
    assert balanced == pytest.approx(expected, rel=1e-14)
    seen = []

    def own(predictions: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        seen.append(weights.copy())
        return 0.0, np.zeros_like(predictions)

    net.evaluate(x[there], y[there], class_weight="balanced", loss=own)
    np.testing.assert_allclose(seen[0], weights, rtol=1e-14)  # also their scale, of which a mean says nothing
    unnamed = net.loss_and_gradient(x, y, class_weight={0: 2.0})[0]
    assert unnamed == pytest.approx(net.loss_and_gradient(x, y, sample_weight=1.0 + (y == 0))[0], rel=1e-14)
    trainer, other = purr.Trainer(network(), optimizer="sgd"), purr.Trainer(network(), optimizer="sgd")
    trainer.fit(lambda: iter([(x, y)]), epochs=1, class_weight={0: 2.0})
    other.fit(x, y, batch_size=None, epochs=1, class_weight={0: 2.0}, solver="direct")
    assert distance(trainer.model.get_weights(), other.model.get_weights()) <= 1e-14


def test_a_validation_split_takes_the_weights_of_its_samples() -> None:
    x, y = blobs()
    weights = np.random.default_rng(4).random(len(y))
    net, twin = network(), network()
    held_out = np.zeros(len(y), bool)
    held_out[_core.held_out(len(y), 0.25, net.seed, y.astype(np.uint32))] = True
    history = net.fit(x, y, epochs=2, validation_split=0.25, sample_weight=weights)
    validation = (x[held_out], y[held_out], weights[held_out])
    expected = twin.fit(
        x[~held_out], y[~held_out], epochs=2, sample_weight=weights[~held_out], validation_data=validation
    )
    assert net.fingerprint() == twin.fingerprint()
    assert history.val_loss == expected.val_loss


def test_class_weights_of_one_output_are_by_0_and_1() -> None:
    x, y = blobs(classes=2)
    net = purr.Sequential.from_string("6-4-1", seed=0, dtype="float64")
    weighted = net.loss_and_gradient(x, y, class_weight={0: 0.25, 1: 4.0})
    expected = net.loss_and_gradient(x, y, sample_weight=np.where(y == 1, 4.0, 0.25))
    assert weighted[0] == expected[0]
    np.testing.assert_array_equal(weighted[1], expected[1])


def test_the_weighted_loss_and_gradient_are_weighted_means() -> None:
    x, y = blobs(10)
    net, weights = network(), np.random.default_rng(2).random(10)
    single = [net.loss_and_gradient(x[i : i + 1], y[i : i + 1]) for i in range(10)]
    value, gradient = net.loss_and_gradient(x, y, sample_weight=weights)
    assert value == pytest.approx(np.average([loss for loss, _ in single], weights=weights), rel=1e-13)
    np.testing.assert_allclose(gradient, np.average([g for _, g in single], axis=0, weights=weights), atol=1e-15)
    trainer, rate = purr.Trainer(net, optimizer=purr.SGD(0.5)), 0.5
    before = np.concatenate([w.ravel() for w in net.get_weights()])
    assert trainer.step(x, y, sample_weight=weights) == value
    np.testing.assert_array_equal(np.concatenate([w.ravel() for w in net.get_weights()]), before - rate * gradient)


def test_validation_data_has_weights_of_its_own() -> None:
    (x, y), (held_out, truth) = blobs(), blobs(20, seed=3)
    weights = np.random.default_rng(2).random(20)
    net = network()
    history = net.fit(x, y, epochs=2, validation_data=(held_out, truth, weights), class_weight={0: 9.0})
    assert history.val_loss[-1] == pytest.approx(
        net.evaluate(held_out, truth, sample_weight=weights)["loss"], rel=1e-12
    )
    alone, many = network(), network()
    options: dict[str, Any] = {"epochs": 2, "class_weight": "balanced", "validation_data": (held_out, truth, weights)}
    assert alone.fit(x, y, **options).val_loss == purr.fit_many([many], x, y, **options)[0].val_loss
    assert alone.fingerprint() == many.fingerprint()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"sample_weight": np.ones(59)}, ValueError, r"sample_weight: expected shape \(60,\), got \(59,\)"),
        ({"sample_weight": ["a"] * 60}, TypeError, "sample_weight: expected real numbers"),
        ({"sample_weight": np.zeros(60)}, purr.DataError, "all are 0"),
        ({"sample_weight": -np.ones(60)}, purr.DataError, "sample 0 has -1"),
        ({"class_weight": "fair"}, ValueError, 'class_weight must be "balanced" or weights by class'),
        ({"class_weight": {"cat": 1.0}}, ValueError, "class_weight: a class is a whole number .*, got 'cat'"),
        ({"class_weight": {-1: 1.0}}, ValueError, "class_weight: a class is a whole number .*, got -1"),
        ({"class_weight": {0: float("nan")}}, purr.DataError, "NaN"),
        ({"accumulate": 0}, ValueError, "accumulate must be at least 1"),
        ({"validation_data": (np.ones((2, 6)),)}, ValueError, "validation_data: expected"),
    ],
    ids=str,
)
def test_weights_that_make_no_sense_are_refused(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    x, y = blobs()
    net = network()
    before = net.fingerprint()
    with pytest.raises(error, match=message):
        net.fit(x, y, epochs=2, **settings)
    assert net.fingerprint() == before


def test_a_weight_of_a_class_that_no_sample_has_costs_nothing() -> None:
    x, y = blobs()
    weighted, plain = network(), network()
    weighted.fit(x, y, epochs=1, class_weight={2**62: 5.0})
    plain.fit(x, y, epochs=1)
    assert weighted.fingerprint() == plain.fingerprint()


def test_class_weights_need_classes() -> None:
    x, _ = blobs()
    net = purr.Sequential.from_string("6-1:identity", seed=0)
    with pytest.raises(purr.DataError, match="class_weight: expected classes"):
        net.fit(x, np.linspace(0, 1, 60), loss="mean_squared_error", class_weight="balanced")


# Penalties and bounds


def test_penalties_are_in_the_losses_of_the_history() -> None:
    (x, y), validation = blobs(), blobs(20, seed=3)
    net = network(l1=0.01, l2=0.02)
    kernel = net.get_weights()[0]
    penalty = 0.01 * np.abs(kernel).sum() + 0.02 * (kernel**2).sum()
    plain = network()
    options: dict[str, Any] = {"epochs": 1, "batch_size": None, "optimizer": purr.SGD(1e-300)}
    history = net.fit(x, y, validation_data=validation, **options)
    without = plain.fit(x, y, validation_data=validation, **options)
    assert history.loss[0] == pytest.approx(without.loss[0] + penalty, rel=1e-12)
    assert history.val_loss[0] == pytest.approx(without.val_loss[0] + penalty, rel=1e-12)


def test_a_layer_without_penalties_is_described_as_ever() -> None:
    assert set(purr.Dense(3).to_dict()) == {"type", "units", "activation", "kernel_initializer", "bias_initializer"}
    described = purr.Dense(3, l2=0.5, max_norm=2.0).to_dict()
    assert (described["l2"], described["max_norm"]) == (0.5, 2.0)
    assert "l1" not in described


@pytest.mark.parametrize("settings", [{"l1": -1.0}, {"l2": float("nan")}, {"max_norm": 0.0}, {"l2": float("inf")}])
def test_penalties_out_of_range_are_refused_by_name(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        network(**settings)


# Schedules, decay and clipping


def test_a_schedule_in_the_place_of_a_learning_rate_follows_the_numpy_twin() -> None:
    x, y = blobs()
    net = purr.Sequential.from_string("6-5:tanh-3", seed=2, dtype="float64")
    twin = Twin(net.get_weights(), ["tanh", "softmax"], "cross_entropy")
    trainer = purr.Trainer(net, optimizer=purr.SGD(purr.WarmUp(3, purr.CosineDecay(0.5, 10, end=0.1))))
    for t in range(20):
        after = 0.1 + 0.4 * (1 + np.cos(np.pi * min(t - 3, 10) / 10)) / 2
        rate = 0.5 * (t + 1) / 3 if t < 3 else after
        assert trainer.learning_rate == pytest.approx(rate, rel=1e-14)
        trainer.step(x, y)
        twin.train([(x, y)], numpy_twin.SGD(rate))
    assert distance(net.get_weights(), twin.weights) <= 1e-12


def test_the_history_has_the_learning_rates_and_a_plateau_lowers_them() -> None:
    x, y = blobs()
    net = network()
    rate = purr.ReduceOnPlateau(1e-300, factor=0.5, patience=2)  # nothing becomes better at such a rate
    history = net.fit(x, y, epochs=6, optimizer=purr.SGD(rate), batch_size=None)
    assert history.learning_rate == [1e-300, 1e-300, 5e-301, 5e-301, 2.5e-301, 2.5e-301]


def test_decay_and_clipping_follow_numpy() -> None:
    x, y = blobs()
    net = network()
    settings: dict[str, Any] = {"weight_decay": 0.1, "clip_norm": 0.2, "clip_value": 0.05}
    trainer = purr.Trainer(net, optimizer=purr.SGD(0.3, **settings))
    for _ in range(5):
        weights = net.get_weights()
        _, gradient = net.loss_and_gradient(x, y)
        gradient = gradient.clip(-0.05, 0.05)
        gradient *= min(1.0, 0.2 / np.linalg.norm(gradient))
        ends = np.cumsum([w.size for w in weights])[:-1]
        trainer.step(x, y)
        for before, g, after in zip(weights, np.split(gradient, ends), net.get_weights(), strict=True):
            decay = 0.3 * 0.1 * before if before.ndim == 2 else 0.0
            np.testing.assert_allclose(after, before - decay - 0.3 * g.reshape(before.shape), rtol=1e-13, atol=1e-16)


def test_settings_that_are_as_usual_are_not_described() -> None:
    assert purr.SGD(0.1).to_dict() == {"type": "sgd", "learning_rate": 0.1, "momentum": 0.0, "nesterov": False}
    assert repr(purr.SGD(0.1)) == "SGD(learning_rate=0.1, momentum=0.0, nesterov=False)"
    assert "weight_decay=0.5" in repr(purr.SGD(0.1, weight_decay=0.5))
    assert len({purr.SGD(0.1, layer_rates={0: 0.5}), purr.SGD(0.1, layer_rates={0: 0.5})}) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"clip_value": -2.0}, "clip_value"),
        ({"layer_rates": {0: -1.0}}, r"layer_rates\[0\]"),
        ({"layer_rates": {7: 1.0}}, "layer_rates"),
        ({"learning_rate": purr.CosineDecay(0.1, 0)}, "steps"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        purr.Trainer(network(), optimizer=purr.SGD(**{"learning_rate": 0.1, **settings}))


# The reduced solver


@pytest.mark.parametrize("batch_size", [None, 5])
def test_the_reduced_solver_takes_all_that_does_not_care_about_rotation(batch_size: int | None) -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(15, 80)), np.arange(15) % 3
    validation = (random.normal(size=(9, 80)), np.arange(9) % 3)
    optimizer = purr.SGD(
        purr.CosineDecay(0.05, 600), momentum=0.8, nesterov=True, weight_decay=0.02, clip_norm=0.5, layer_rates={0: 0.5}
    )
    results = []
    for solver in ("direct", "reduced"):
        layers = [purr.Dense(6, "tanh", l2=1e-3), purr.Dense(3, "softmax", l1=1e-3)]
        net = purr.Sequential(layers, input_shape=80, seed=4, dtype="float64")
        trainer = purr.Trainer(net, optimizer=optimizer)
        options: dict[str, Any] = {"solver": solver, "validation_data": validation, "class_weight": "balanced"}
        histories = [trainer.fit(x, y, epochs=150, batch_size=batch_size, **options) for _ in range(2)]
        assert {history.solver for history in histories} == {solver}
        results.append((net.get_weights(), [loss for history in histories for loss in history.val_loss]))
    assert distance(results[1][0], results[0][0]) <= 1e-9
    assert results[1][1] == pytest.approx(results[0][1], rel=1e-9)


def test_a_warm_up_says_which_of_its_settings_is_no_number_of_steps() -> None:
    with pytest.raises(TypeError, match="WarmUp: steps must be a whole number"):
        purr.WarmUp(purr.CosineDecay(0.1, 10), 5)  # type: ignore[arg-type]
