"""Layers from Python: training and prediction, buffers, freezing, passes by hand, arrays as first values, TOML."""

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron import _core

Array = NDArray[Any]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6))
Y = (X[:, 0] * X[:, 1] > 0).astype(int)


def everything(seed: int = 0, dtype: str = "float32") -> purr.Sequential:
    """All layers at once, but for the embedding."""
    block = purr.Residual([purr.LayerNorm(), purr.Dense(8, purr.PReLU(0.1)), purr.Dropout(0.2), purr.BatchNorm(0.5)])
    layers = [
        purr.Rescale(2.0),
        purr.Normalize(),
        purr.GaussianNoise(0.1),
        purr.Dense(8, "selu", "lecun_normal"),
        purr.AlphaDropout(0.1),
        block,
        purr.RMSNorm(),
        purr.Flatten(),
        purr.Activation("gelu"),
        purr.Dense(2, "softmax", purr.initializers.Orthogonal(0.5)),
    ]
    return purr.Sequential(layers, input_shape=(2, 3), seed=seed, dtype=dtype)


def trained(n_threads: int | None = None) -> purr.Sequential:
    net = everything()
    net.fit(X.reshape(-1, 2, 3), Y, epochs=3, batch_size=16, n_threads=n_threads)
    return net


# Training


def test_training_gives_the_same_bits_for_any_threads_and_run_after_run() -> None:
    prints = {trained(n_threads).fingerprint() for n_threads in (1, 2, 3, 1)}
    assert len(prints) == 1


def test_evaluation_and_prediction_are_without_chance_and_leave_the_network_alone() -> None:
    net = trained()
    before = net.fingerprint()
    x = X.reshape(-1, 2, 3)
    np.testing.assert_array_equal(net.predict(x), net.predict(x))
    np.testing.assert_array_equal(net.predict(x[3:4]), net.predict(x)[3:4])
    assert net.evaluate(x, Y) == net.evaluate(x, Y)
    log_loss = -np.mean(np.log(net.predict(x)[np.arange(60), Y]))
    assert net.evaluate(x, Y)["loss"] == pytest.approx(log_loss, rel=1e-5)
    assert net.fingerprint() == before


def test_validation_goes_by_running_statistics() -> None:
    net = everything()
    x = X.reshape(-1, 2, 3)
    history = net.fit(x, Y, epochs=2, batch_size=16, validation_data=(x[:20], Y[:20]))
    assert history.val_loss[-1] == net.evaluate(x[:20], Y[:20])["loss"]


def test_every_step_drops_others_and_a_second_run_the_same() -> None:
    net = purr.Sequential([purr.Dropout(0.5)], input_shape=40)
    ones = np.ones((5, 40))
    one, other = (net.forward(ones, training=True, step=step)[0] for step in (0, 1))
    assert (one != other).any()
    np.testing.assert_array_equal(net.forward(ones, training=True, step=1)[0], other)
    np.testing.assert_array_equal(net.forward(ones)[0], ones)
    seeded = purr.Sequential([purr.Dropout(0.5)], input_shape=40, seed=1)
    assert (seeded.forward(ones, training=True)[0] != one).any()


def test_fit_normalizes_by_the_training_data_and_a_single_step_asks_for_it() -> None:
    layers = [purr.Normalize(), purr.Dense(1)]
    net = purr.Sequential(layers, input_shape=2, dtype="float64")
    x = X[:, :2] * [1e4, 1e-3] + [5.0, 7.0]
    with pytest.raises(purr.DataError, match=r"layers\[0\] \(normalize\) has seen no data: call adapt"):
        purr.Trainer(net, loss="mean_squared_error").step(x, Y)
    net.fit(x, Y, epochs=1, loss="mean_squared_error")
    np.testing.assert_allclose(net.buffers["layers.0.mean"], x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(net.buffers["layers.0.deviation"], x.std(axis=0), rtol=1e-12)
    assert net.buffers["layers.0.count"] == 60
    net.fit(X[:, :2], Y, epochs=1, loss="mean_squared_error")
    assert net.buffers["layers.0.count"] == 60
    np.testing.assert_allclose(net.buffers["layers.0.mean"], x.mean(axis=0), rtol=1e-12)
    net.adapt(X[:7, :2])
    np.testing.assert_allclose(net.buffers["layers.0.mean"], X[:7, :2].mean(axis=0), rtol=1e-12)
    with pytest.raises(purr.DataError, match="no samples"):
        net.adapt(X[:0, :2])


def test_adapt_builds_a_network_whose_input_was_not_known() -> None:
    net = purr.Sequential([purr.Normalize(), purr.Dense(1)])
    net.adapt(X)
    assert net.input_shape == (6,)


def test_an_embedding_learns_and_refuses_what_is_no_entry() -> None:
    x = RNG.integers(0, 10, (200, 3))
    y = (x[:, 0] > x[:, 1]).astype(int)
    net = purr.Sequential([purr.Embedding(10, 8), purr.Dense(16, "relu"), purr.Dense(1, "sigmoid")], input_shape=3)
    net.fit(x, y, epochs=60, optimizer=purr.Adam(0.01), metrics=["accuracy"])
    assert net.evaluate(x, y, metrics=["accuracy"])["accuracy"] > 0.97
    before = net.fingerprint()
    for wrong in (10, -1, 0.5):
        bad = x.astype(float)
        bad[7, 2] = wrong
        for call in (lambda bad=bad: net.fit(bad, y), lambda bad=bad: net.predict(bad)):
            with pytest.raises(purr.DataError, match=r"sample 7, feature 2 is .* whole numbers 0..=9"):
                call()
    assert net.fingerprint() == before
    assert net.predict(x.astype("uint8")).tobytes() == net.predict(x).tobytes()


def test_early_stopping_gives_running_statistics_back_with_the_weights() -> None:
    class Keep(purr.Callback):
        def on_train_begin(self, model: purr.Sequential, epochs: int) -> None:
            self.model, self.prints = model, list[str]()

        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
            self.prints.append(self.model.fingerprint())
            return False

    net = purr.Sequential([purr.BatchNorm(), purr.Dense(1, "sigmoid")], input_shape=6)
    keep, stop = Keep(), purr.EarlyStopping(2)
    held_out = (X[:20] + 5, Y[:20])
    net.fit(X[20:], Y[20:], epochs=30, optimizer=purr.Adam(0.3), validation_data=held_out, callbacks=[keep, stop])
    assert net.fingerprint() == keep.prints[stop.best_epoch]


# Freezing


@pytest.mark.parametrize("optimizer", [purr.SGD(0.1), purr.SGD(0.1, momentum=0.9), purr.Adam(0.1)])
def test_a_frozen_layer_stays_as_it_is(optimizer: purr.Optimizer) -> None:
    frozen = [purr.Dense(5, "prelu", trainable=False), purr.BatchNorm(trainable=False)]
    net = purr.Sequential([*frozen, purr.Dense(1, "sigmoid")], input_shape=6)
    before, buffers = net.parameters, net.buffers
    net.fit(X, Y, epochs=2, optimizer=optimizer)
    for name, weight in net.parameters.items():
        assert np.array_equal(weight, before[name]) == (not name.startswith("layers.2")), name
    for name, buffer in net.buffers.items():
        np.testing.assert_array_equal(buffer, buffers[name])


# Passes by hand


@pytest.mark.parametrize("training", [False, True])
def test_backward_is_the_gradient_of_a_loss_of_ones_own(training: bool) -> None:
    net = everything(dtype="float64")
    x = X.reshape(-1, 2, 3)
    net.adapt(x)
    direction = RNG.normal(size=(60, 2))

    def loss(x: Array) -> float:
        return float(np.sum(direction * net.forward(x, training=training, step=3)[-1]))

    gradient, dx = net.backward(x, direction, training=training, step=3)
    step, ways = 1e-5, RNG.normal(size=x.shape)
    numeric = (loss(x + step * ways) - loss(x - step * ways)) / (2 * step)
    assert np.sum(dx * ways) == pytest.approx(numeric, rel=1e-6)
    weights = net.get_weights()
    ways_of = [RNG.normal(size=weight.shape) for weight in weights]
    values = []
    for sign in (1, -1):
        net.set_weights([weight + sign * step * way for weight, way in zip(weights, ways_of, strict=True)])
        values.append(loss(x))
    numeric = (values[0] - values[1]) / (2 * step)
    assert gradient @ np.concatenate([way.ravel() for way in ways_of]) == pytest.approx(numeric, rel=1e-6)


def test_forward_gives_every_layer_in_its_shape_and_backward_agrees_with_loss_and_gradient() -> None:
    net = purr.Sequential([purr.Embedding(4, 3), purr.LayerNorm(), purr.Dense(2)], input_shape=5, dtype="float64")
    x, y = RNG.integers(0, 4, (7, 5)), RNG.normal(size=(7, 2))
    outs = net.forward(x)
    assert [out.shape for out in outs] == [(7, 5, 3), (7, 5, 3), (7, 2)]
    np.testing.assert_array_equal(outs[-1], net.predict(x))
    np.testing.assert_array_equal(outs[0], net.parameters["layers.0.embeddings"][x])
    _, expected = net.loss_and_gradient(x, y, loss="mean_squared_error")
    gradient, dx = net.backward(x, 2 * (outs[-1] - y) / y.size)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15)
    assert dx.shape == (7, 5)
    assert not dx.any()
    named = net.by_name(gradient)
    assert list(named) == list(net.parameters)
    np.testing.assert_array_equal(np.concatenate([array.ravel() for array in named.values()]), gradient)
    with pytest.raises(ValueError, match=r"dout: .*\(7, 2\), got \(7, 3\)"):
        net.backward(x, np.zeros((7, 3)))
    with pytest.raises(ValueError, match="flat array"):
        net.by_name(gradient[1:])


def test_a_first_rescale_counts_as_a_layer_of_its_own_in_every_pass() -> None:
    net = purr.Sequential([purr.Rescale(0.5), purr.Dense(1)], input_shape=3, dtype="float64")
    x = np.array([[2, 4, 6]], "uint8")
    scaled, out = net.forward(x)
    np.testing.assert_array_equal(scaled, [[1, 2, 3]])
    _, dx = net.backward(x, np.ones_like(out))
    np.testing.assert_allclose(dx, 0.5 * net.get_weights()[0].T)


# Copies


def test_buffers_go_with_the_network(tmp_path: Path) -> None:
    net = trained()
    assert set(net.buffers) == {
        *(f"layers.1.{name}" for name in ("mean", "deviation", "count")),
        *(f"layers.5.layers.3.{name}" for name in ("mean", "variance")),
    }
    net.save(tmp_path / "net.safetensors")
    for other in (purr.load(tmp_path / "net.safetensors"), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert isinstance(other, purr.Sequential)
        assert other == net
        assert other.layers == net.layers
        assert other.fingerprint() == net.fingerprint()
        np.testing.assert_array_equal(other.predict(X.reshape(-1, 2, 3)), net.predict(X.reshape(-1, 2, 3)))
    changed = copy.deepcopy(net)
    changed.set_buffers({**net.buffers, "layers.1.mean": np.zeros(3)})
    assert changed != net
    assert changed.fingerprint() != net.fingerprint()
    for wrong, message in [
        ({}, "layers.1.mean is missing"),
        ({**net.buffers, "purr": [1]}, "no purr"),
        ({**net.buffers, "layers.1.mean": [1.0]}, r"layers.1.mean has shape \(3,\), got \(1,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            changed.set_buffers(wrong)


def test_the_summary_counts_what_stands_within_a_residual_layer() -> None:
    lines = everything().summary().splitlines()
    inner = 8 + 8 + 8 * 8 + 8 + 8 + 8 + 8  # gamma, beta; kernel, bias, slope; gamma, beta
    assert next(line for line in lines if line.startswith("layers.5")).split()[-1] == str(inner)


# Arrays as first values


def test_arrays_are_first_values_and_leave_a_description_that_says_so(tmp_path: Path) -> None:
    kernel, table = RNG.normal(size=(6, 2)), RNG.normal(size=(4, 3))
    given = purr.initializers.FromArray
    inner = purr.Residual([purr.Dense(2, "tanh", given(np.eye(2)), given([1.0, 2.0]))])
    net = purr.Sequential([purr.Dense(2, kernel_initializer=given(kernel)), inner], input_shape=6, dtype="float64")
    np.testing.assert_array_equal(net.parameters["layers.0.kernel"], kernel)
    np.testing.assert_array_equal(net.parameters["layers.1.layers.0.kernel"], np.eye(2))
    np.testing.assert_array_equal(net.parameters["layers.1.layers.0.bias"], [1, 2])
    embedding = purr.Embedding(4, 3, given(table))
    np.testing.assert_array_equal(
        purr.Sequential([embedding], input_shape=1, dtype="float64").predict([[2]]), table[2:3]
    )
    assert net.layers[0] == purr.Dense(2, kernel_initializer="from_array")
    net.save(tmp_path / "net.safetensors")
    again = purr.load(tmp_path / "net.safetensors")
    assert again == net
    with pytest.raises(ValueError, match=r"layers\.0: kernel_initializer has no array here"):
        purr.Sequential(again.layers, input_shape=6)
    with pytest.raises(ValueError, match=r"layers\.0\.kernel has shape \(5, 2\), got \(6, 2\)"):
        purr.Sequential([purr.Dense(2, kernel_initializer=given(kernel))], input_shape=5)
    with pytest.raises(TypeError, match="real numbers"):
        given(["purr"])
    later = purr.Sequential([purr.Dense(1, "sigmoid", given(kernel[:, :1]))], dtype="float64")
    with pytest.raises(purr.DataError):
        later.fit(X, np.full(60, 7))
    later.fit(X, Y, epochs=0)
    np.testing.assert_array_equal(later.get_weights()[0], kernel[:, :1])


# TOML


def test_toml_says_the_same_as_the_layers(tmp_path: Path) -> None:
    net = everything(seed=2**63 + 1, dtype="float64")
    text = net.to_toml()
    again = purr.Sequential.from_toml(text)
    assert again == net
    path = tmp_path / "net.toml"
    path.write_text(text, encoding="utf-8")
    assert purr.Sequential.from_toml(path) == net
    assert purr.Sequential.from_toml(str(path)) == net
    unbuilt = purr.Sequential([purr.Dense(3, purr.LeakyReLU(1e-5))])
    assert purr.Sequential.from_toml(unbuilt.to_toml()) == unbuilt


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("layers = 3", "expected layers"),
        ("= 3", "network in TOML"),
        ("seed = 3", "expected layers"),
        ("layers = []", "at least one layer"),
        ("colour = 1\n[[layers]]\ntype = 'dense'\nunits = 1", "unknown key 'colour'"),
        ("a = " + 5000 * "[" + 5000 * "]", "too many values within each other"),
        ("dtype = '" + 5000 * "9" + "f,f'\n[[layers]]\ntype = 'dense'\nunits = 1", "unknown dtype '999"),
        ("[[layers]]\ntype = 'purr'", "unknown layer 'purr'; known: dense"),
        ("[[layers]]\nunits = 1", "unknown layer None"),
        ("[[layers]]\ntype = 'dense'\nunit = 1", "layer dense: .*unit.*settings: units"),
        ("[[layers]]\ntype = 'dense'", "layer dense: .*units"),
        ("[[layers]]\ntype = 'dense'\nunits = 1\nactivation = 'rely'", "unknown activation 'rely'"),
        ("[[layers]]\ntype = 'dense'\nunits = 1\nactivation = { elu = { beta = 1.0 } }", "elu: .*beta"),
        ("[[layers]]\ntype = 'dense'\nunits = 1\nactivation = { elu = 1.0 }", "elu: settings"),
    ],
)
def test_toml_that_describes_no_network_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        purr.Sequential.from_toml(text)


def test_a_missing_toml_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        purr.Sequential.from_toml(tmp_path / "no.toml")


# Bad input


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (lambda: [purr.Dropout(1.5)], r"layers\[0\]\.rate must be at least 0 and below 1, got 1.5"),
        (lambda: [purr.Dense(1, "softmax")], r"layers\[0\]\.activation .* softmax of one unit"),
        (lambda: [purr.Dense(3), purr.Embedding(4, 2)], r"layers\[1\] .*first"),
        (lambda: [purr.Residual([purr.Dense(3)])], r"layers\[0\] \(residual\) .*\[4\], got \[3\]"),
        (lambda: [purr.Residual([])], r"layers\[0\]\.layers must be at least one layer"),
        (lambda: [purr.Dense(3, purr.ELU(-1.0))], r"layers\[0\]\.activation: alpha must be finite and above 0, got -1"),
        (lambda: [purr.BatchNorm(epsilon=0.0)], r"layers\[0\]\.epsilon must be above 0"),
        (lambda: [purr.Dropout(float("nan"))], "rate must be finite"),
        (lambda: [purr.Dense(3, purr.LeakyReLU(float("inf")))], "negative_slope must be finite"),
        (lambda: [purr.Dense(3, kernel_initializer="twos")], "unknown initializer 'twos'; known: zeros"),
    ],
)
def test_layers_that_cannot_be_are_refused_when_the_network_is_built(layers: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        purr.Sequential(layers(), input_shape=4)


def test_what_is_no_layer_within_a_residual_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="Residual: expected layers such as"):
        purr.Residual(["relu"])  # type: ignore[list-item]


def test_a_residual_is_described_as_briefly_as_what_it_wraps() -> None:
    assert purr.Residual([purr.LayerNorm(), purr.Dense(4, "relu")]).brief() == (
        "Residual([LayerNorm(), Dense(units=4, activation='relu')])"
    )


def test_every_layer_has_a_class_of_its_name() -> None:
    assert {kind.type_name() for kind in purr.Layer.__subclasses__()} == set(_core.names("layer"))
