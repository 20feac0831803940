"""Losses and optimizers from Python: by name and by object, functions of one's own, averages, L-BFGS, streams."""

import dataclasses
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron import _core
from purrceptron.losses import Loss

Array = NDArray[Any]

LOSSES = [kind() for kind in Loss.__subclasses__()]
OPTIMIZERS = [kind() for kind in purr.Optimizer.__subclasses__()]


def data(loss: Loss, samples: int = 40) -> tuple[Array, Array]:
    """Samples of three features, and targets that the loss takes."""
    random = np.random.default_rng(0)
    x = random.normal(size=(samples, 3))
    kind = (x[:, 0] + 0.3 * random.normal(size=samples) > 0).astype(int)
    name = loss.type_name()
    if loss.takes_classes:
        return x, kind
    if name == "kl_divergence":
        share = 0.1 + 0.8 * kind
        return x, np.stack([share, 1 - share], axis=1)
    if name in ("binary_cross_entropy", "focal", "hinge", "squared_hinge"):
        return x, np.stack([kind, 1 - kind], axis=1)
    return x, (np.stack([kind, 2 * kind], axis=1) if name != "gaussian_nll" else kind.reshape(-1, 1))


def network(seed: int = 0) -> purr.Sequential:
    layers = [purr.Dense(6, "tanh", "glorot_uniform"), purr.Dense(2, "identity", "glorot_uniform")]
    return purr.Sequential(layers, input_shape=3, seed=seed, dtype="float64")


# Losses


def test_python_and_rust_have_the_same_losses_and_averages() -> None:
    assert sorted(loss.type_name() for loss in LOSSES) == sorted(_core.names("loss"))
    assert sorted(kind.type_name() for kind in purr.Average.__subclasses__()) == sorted(_core.names("average"))
    for kind in [*map(type, LOSSES), *purr.Average.__subclasses__()]:
        assert inspect.getdoc(kind)
        assert getattr(purr.losses if issubclass(kind, Loss) else purr, kind.__name__) is kind


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_every_loss_is_learnt_by_name_and_by_object_and_is_a_function(loss: Loss) -> None:
    x, y = data(loss)
    by_name, by_object = network(), network()
    before = by_name.evaluate(x, y, loss=loss)["loss"]
    options: dict[str, Any] = {"epochs": 30, "batch_size": 8, "optimizer": purr.Adam(0.02)}
    history = by_name.fit(x, y, loss=loss.type_name(), **options)
    by_object.fit(x, y, loss=loss, **options)
    assert by_name.fingerprint() == by_object.fingerprint()
    assert history.loss[-1] < before
    value, gradient = loss(by_name.predict(x), y)
    assert value == pytest.approx(by_name.evaluate(x, y, loss=loss)["loss"], rel=1e-12)
    assert gradient.shape == (len(x), 2)
    assert purr.Trainer(by_name, loss=loss).loss == loss.type_name()


@pytest.mark.parametrize("loss", [kind for kind in LOSSES if dataclasses.fields(kind)], ids=repr)  # type: ignore[arg-type]
def test_every_setting_of_a_loss_makes_a_difference(loss: Any) -> None:
    x, y = data(loss)
    net = network()
    for field in dataclasses.fields(loss):
        usual = net.evaluate(x, y, loss=loss)["loss"]
        changed = dataclasses.replace(loss, **{field.name: 0.25})
        assert net.evaluate(x, y, loss=changed)["loss"] != usual


def test_a_focal_loss_of_several_classes_takes_classes_and_predicts_them() -> None:
    x, y = data(purr.losses.CrossEntropy(), 60)
    by_class, by_row = network(), network()
    options: dict[str, Any] = {"loss": purr.losses.CategoricalFocal(1.5), "epochs": 40, "optimizer": purr.Adam(0.02)}
    history = by_class.fit(x, y, validation_split=0.25, metrics="accuracy", class_weight="balanced", **options)
    by_row.fit(x, np.eye(2)[y], validation_split=0.25, class_weight="balanced", **options)
    assert history.metrics["val_accuracy"][-1] >= 0.8
    for ours, theirs in zip(by_class.get_weights(), by_row.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    np.testing.assert_allclose(by_class.predict_proba(x).sum(axis=1), 1, rtol=1e-12)
    with pytest.raises(ValueError, match="last activation under loss categorical_focal must be identity or softmax"):
        purr.Trainer(purr.Sequential.from_string("3-2:sigmoid"), loss="categorical_focal")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_focal_loss_whose_gamma_is_zero_is_the_plain_one(dtype: str) -> None:
    """It was refused as out of a range that it is in."""
    x, y = data(purr.losses.CrossEntropy())
    for loss, plain, targets in (
        (purr.losses.CategoricalFocal(0.0), "cross_entropy", y),
        (purr.losses.Focal(0.0), "binary_cross_entropy", np.eye(2)[y]),
    ):
        histories = [
            purr.Sequential.from_string("3-2:identity", dtype=dtype).fit(x, targets, epochs=2, loss=one).loss
            for one in (loss, plain)
        ]
        assert histories[0] == pytest.approx(histories[1], rel=1e-6)


def test_a_gradient_by_layer_is_what_moves_that_layer() -> None:
    x, y = data(purr.losses.CrossEntropy())
    net = network()
    before = net.parameters
    loss, gradient = net.loss_and_gradient(x, y, loss="cross_entropy")
    assert loss == net.evaluate(x, y, loss="cross_entropy")["loss"]
    by_layer = net.by_name(gradient)
    purr.Trainer(net, optimizer=purr.SGD(0.5), loss="cross_entropy").step(x, y)
    assert list(by_layer) == ["layers.0.kernel", "layers.0.bias", "layers.1.kernel", "layers.1.bias"]
    for name, after in net.parameters.items():
        np.testing.assert_array_equal(after, before[name] - 0.5 * by_layer[name])


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (purr.losses.Huber(0.0), "delta must be above 0"),
        (purr.losses.Quantile(1.5), "quantile must be above 0 and below 1"),
        (purr.losses.CrossEntropy(2.0), "label_smoothing"),
        ("love", "unknown loss 'love'; known: binary_cross_entropy"),
    ],
)
def test_losses_out_of_range_are_refused(loss: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().fit(*data(purr.losses.MeanSquaredError()), loss=loss)


def squares(predictions: Array, targets: Array) -> tuple[float, Array]:
    difference = predictions - targets
    return float(np.mean(difference**2)), 2 * difference / difference.size


def test_a_function_of_ones_own_is_a_loss() -> None:
    x, y = data(purr.losses.MeanSquaredError())
    own, built_in = network(), network()
    options: dict[str, Any] = {"epochs": 5, "batch_size": 16, "optimizer": "adam", "validation_data": (x[:7], y[:7])}
    histories = [own.fit(x, y, loss=squares, **options), built_in.fit(x, y, loss="mean_squared_error", **options)]
    for ours, theirs in zip(own.get_weights(), built_in.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    assert histories[0].loss == pytest.approx(histories[1].loss, rel=1e-12)
    assert histories[0].val_loss == pytest.approx(histories[1].val_loss, rel=1e-12)
    trainer = purr.Trainer(own, optimizer=purr.SGD(0.1), loss=squares)
    assert trainer.loss == "squares"
    assert trainer.step(x, y) == pytest.approx(built_in.evaluate(x, y, loss="mean_squared_error")["loss"], rel=1e-12)


def test_a_function_of_ones_own_gets_classes_and_weights_and_may_ask_the_network() -> None:
    x, _ = data(purr.losses.MeanSquaredError())
    net, seen = network(), []

    def loss(predictions: Array, classes: Array, weights: Array) -> tuple[float, Array]:
        seen.append((classes.dtype.kind, weights.sum(), net.predict(x).shape))
        return float(predictions.sum()), np.ones_like(predictions)

    purr.Trainer(net, loss=loss).step(x, np.arange(40) % 2, sample_weight=np.full(40, 0.5))
    assert seen == [("u", 20.0, (40, 2))]


@pytest.mark.parametrize(
    ("loss", "error", "message"),
    [
        (lambda p, y: 3.0, TypeError, r"expected \(value, gradient\)"),
        (lambda p, y: (1.0, p[:, :1]), ValueError, "expected a gradient of the predictions' shape"),
        (lambda p, y: 1 / 0, ZeroDivisionError, "division by zero"),
        (lambda p, y: (float("nan"), p), purr.DivergedError, "no longer finite"),
    ],
)
def test_a_function_that_fails_ends_training_with_its_error(
    loss: Callable[..., Any], error: type[Exception], message: str
) -> None:
    x, y = data(purr.losses.MeanSquaredError())
    net = network()
    before = net.fingerprint()
    with pytest.raises(error, match=message):
        net.fit(x, y, loss=loss)
    assert net.fingerprint() == before


# Optimizers


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_every_optimizer_learns_by_name_and_by_object(optimizer: Any) -> None:
    x, y = data(purr.losses.CrossEntropy())
    fast = dataclasses.replace(optimizer, learning_rate=1.0 if isinstance(optimizer, purr.Adadelta) else 0.02)
    net = network()
    history = net.fit(x, y, loss="cross_entropy", epochs=60, batch_size=None, optimizer=fast)
    assert history.loss[-1] < 0.95 * history.loss[0]
    prints = set()
    for given in (optimizer, optimizer.type_name()):
        net = network()
        net.fit(x, y, loss="cross_entropy", epochs=2, optimizer=given)
        prints.add(net.fingerprint())
    assert len(prints) == 1


def test_averages_are_left_behind() -> None:
    x, y = data(purr.losses.CrossEntropy())
    options: dict[str, Any] = {"loss": "cross_entropy", "batch_size": None}
    weights = []
    for epochs in range(1, 7):
        net = network()
        net.fit(x, y, epochs=epochs, optimizer=purr.SGD(0.5), **options)
        weights.append(net.get_weights()[0])
    net = network()
    net.fit(x, y, epochs=6, optimizer=purr.SGD(0.5, average=purr.SWA(start=2)), **options)
    np.testing.assert_allclose(net.get_weights()[0], np.mean(weights[2:], axis=0), rtol=1e-12)
    described = purr.SGD(0.5, average=purr.EMA(0.9)).to_dict()
    assert described["average"] == {"type": "ema", "decay": 0.9}
    assert purr.SGD(**{k: v for k, v in described.items() if k != "type"}) == purr.SGD(0.5, average=purr.EMA(0.9))


def test_lbfgs_reaches_the_minimum_and_tells_of_its_iterations() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(50, 3))
    y = x @ [[1.0], [-2.0], [0.5]] + 3.0
    net = purr.Sequential([purr.Dense(1)], input_shape=3, dtype="float64")
    history = net.fit(x, y, epochs=50, optimizer=purr.LBFGS(), loss="mean_squared_error", validation_data=(x, y))
    np.testing.assert_allclose(net.get_weights()[0].ravel(), [1.0, -2.0, 0.5], atol=1e-5)
    assert history.loss == sorted(history.loss, reverse=True)
    assert history.val_loss == pytest.approx(history.loss)
    assert history.loss[-1] < 1e-9
    single = purr.Sequential([purr.Dense(1)], input_shape=3)
    stop = purr.EarlyStopping(patience=1, monitor="loss", min_delta=1e9)
    assert len(single.fit(x, y, epochs=50, optimizer=purr.LBFGS(), loss="huber", callbacks=[stop]).loss) == 2
    trainer = purr.Trainer(single, optimizer=purr.LBFGS(), loss="huber")
    with pytest.raises(TypeError, match="no single steps"):
        trainer.step(x, y)
    with pytest.raises(TypeError, match="takes all samples"):
        trainer.fit(iter([(x, y)]))
    before = single.fingerprint()
    assert single.fit(x, y, epochs=0, optimizer=purr.LBFGS(), loss="huber").loss == []
    assert single.fingerprint() == before


def test_every_setting_of_lbfgs_counts() -> None:
    x, y = data(purr.losses.CrossEntropy())

    def trained(epochs: int = 40, **settings: Any) -> tuple[list[float], str]:
        net = network()
        options: dict[str, Any] = {"loss": purr.losses.CrossEntropy(0.1), "optimizer": purr.LBFGS(**settings)}
        return net.fit(x, y, epochs=epochs, **options).loss, net.fingerprint()

    usual, fingerprint = trained()
    assert len(usual) > 10
    assert trained(4)[0] == usual[:4]
    assert trained(memory=1)[1] != fingerprint
    assert len(trained(tolerance=1e-2)[0]) < len(usual)
    assert len(trained(gradient_tolerance=1e-1)[0]) < len(usual)


# Batches that come one by one, and the small forms


def test_batches_from_a_generator_are_what_an_array_gives() -> None:
    x, y = data(purr.losses.CrossEntropy())
    whole, streamed, endless = (network() for _ in range(3))
    options: dict[str, Any] = {"loss": "cross_entropy", "epochs": 3, "validation_data": (x, y)}
    expected = whole.fit(x, y, batch_size=12, shuffle=False, metrics=["accuracy"], **options)

    def batches() -> Iterator[tuple[Array, Array]]:
        for start in range(0, len(x), 12):  # the last one has four samples
            yield x[start : start + 12], y[start : start + 12]

    def forever() -> Iterator[tuple[Array, Array]]:
        while True:
            yield from batches()

    history = streamed.fit(batches, metrics=["accuracy"], **options)
    assert streamed.fingerprint() == whole.fingerprint()
    assert history.loss == pytest.approx(expected.loss, rel=1e-12)
    assert history.val_loss == pytest.approx(expected.val_loss, rel=1e-12)
    assert history.metrics["accuracy"] == pytest.approx(expected.metrics["accuracy"], rel=1e-12)
    endless.fit(forever(), steps_per_epoch=4, **options)
    assert endless.fingerprint() == whole.fingerprint()


def test_an_iterator_that_ends_ends_the_training() -> None:
    x, y = data(purr.losses.CrossEntropy())
    net = network()
    weighted = ((x[i::3], y[i::3], np.ones(len(x[i::3]))) for i in range(3))
    assert len(net.fit(weighted, steps_per_epoch=2, epochs=9, loss="cross_entropy").loss) == 2
    with pytest.raises(ValueError, match="come to an end before the first one"):
        net.fit(iter(()), loss="cross_entropy")
    with pytest.raises(TypeError, match=r"expected \(x, y\)"):
        net.fit(iter([x]), loss="cross_entropy")
    with pytest.raises(ValueError, match="y is not for batches"):
        net.fit(iter([(x, y)]), y, loss="cross_entropy")
    with pytest.raises(ValueError, match="steps_per_epoch is for batches"):
        net.fit(x, y, steps_per_epoch=3, loss="cross_entropy")
    with pytest.raises(TypeError, match="y: expected targets"):
        net.fit(x, loss="cross_entropy")


def test_train_on_batch_and_partial_fit_go_on_with_the_trainers_optimizer() -> None:
    x, y = data(purr.losses.CrossEntropy())
    one, other = network(), network()
    first, second = (purr.Trainer(net, optimizer="adam", loss="cross_entropy") for net in (one, other))
    for _ in range(3):
        first.partial_fit(x[:20], y[:20], batch_size=None)
        first.partial_fit(x[20:], y[20:], batch_size=None)
        second.train_on_batch(x[:20], y[:20])
        second.train_on_batch(x[20:], y[20:])
    assert one.fingerprint() == other.fingerprint()
    assert first.steps == second.steps == 6


# Divergence and the learning-rate finder


def test_a_divergence_says_where_and_what_helps() -> None:
    x, y = data(purr.losses.MeanSquaredError())
    net = network()
    before = net.fingerprint()
    with pytest.raises(purr.DivergedError, match=r"first in layers\.\d.*try a learning rate below") as caught:
        net.fit(x, y * 1e100, loss="mean_squared_error", epochs=4, optimizer=purr.SGD(1e300), batch_size=None)
    assert caught.value.layer is not None
    assert caught.value.loss is not None
    assert net.fingerprint() == before
    far = purr.SGD(1e3)
    with pytest.raises(purr.DivergedError, match=r"in epoch [1-9]\d*: .*try a learning rate below 1000") as caught:
        net.fit(lambda: [(x * 1e3, y * 1e100)], loss="mean_squared_error", epochs=400, optimizer=far)
    assert caught.value.epoch > 0
    assert net.fingerprint() == before


@pytest.mark.parametrize("optimizer", ["adam", purr.SGD(momentum=0.9)], ids=str)
def test_the_learning_rate_finder_proposes_a_rate_that_learns_and_changes_nothing(optimizer: Any) -> None:
    x, y = data(purr.losses.CrossEntropy(), 200)
    net = network()
    before = net.fingerprint()
    found = purr.find_learning_rate(net, x, y, optimizer=optimizer, loss="cross_entropy")
    assert net.fingerprint() == before
    assert len(found.rates) == len(found.losses) == len(found.smooth) <= 100
    np.testing.assert_allclose(found.rates[1:] / found.rates[:-1], 1e8 ** (1 / 99), rtol=1e-10)
    assert found.losses[0] == pytest.approx(net.evaluate(x, y, loss="cross_entropy")["loss"], rel=0.5)
    chosen = dataclasses.replace(purr.optimizers.as_optimizer(optimizer), learning_rate=found.best)  # type: ignore[call-arg]
    history = net.fit(x, y, epochs=20, optimizer=chosen, loss="cross_entropy")
    assert history.loss[-1] < 0.6 * history.loss[0]
    weights = np.random.default_rng(0).random(200)
    weighted = purr.find_learning_rate(net, x, y, loss="cross_entropy", batch_size=None, sample_weight=weights)
    expected = net.evaluate(x, y, loss="cross_entropy", sample_weight=weights)["loss"]
    assert weighted.losses[0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match="lowest and highest"):
        purr.find_learning_rate(net, x, y, lowest=1.0, highest=0.5)
