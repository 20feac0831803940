"""`Sequential`: building, weights, predictions, gradients, comparing, printing, copying."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from numpy_twin import ACTIVATIONS, Twin
from numpy_twin import sigmoid as twin_sigmoid
from numpy_twin import softmax as twin_softmax

import purrceptron as purr
from purrceptron import Dense, Rescale, Sequential, _core

Array = NDArray[Any]
X = np.random.default_rng(0).normal(size=(11, 4))


def network(text: str = "4-3-2", **options: Any) -> Sequential:
    """With biases other than zero, so that a forgotten one shows."""
    net = Sequential.from_string(text, **{"seed": 1, "dtype": "float64", **options})
    random = np.random.default_rng(5)
    net.set_weights([random.normal(size=weight.shape) for weight in net.get_weights()])
    return net


def twin_of(net: Sequential, loss: str) -> Twin:
    activations = [layer.activation for layer in net.layers if isinstance(layer, Dense)]
    names = [activation if isinstance(activation, str) else activation.type_name() for activation in activations]
    weights = [weight for name, weight in net.parameters.items() if not name.endswith("slope")]
    return Twin([weight.astype("float64") for weight in weights], names, loss)


# Building


def test_text_means_relu_within_and_sigmoid_or_softmax_at_the_end() -> None:
    assert Sequential.from_string("5-4-3-1").layers == (Dense(4, "relu"), Dense(3, "relu"), Dense(1, "sigmoid"))
    assert Sequential.from_string("5-10").layers == (Dense(10, "softmax"),)
    net = Sequential.from_string(" 8 - 32:tanh - 1:identity ", seed=3, dtype="float64")
    assert net.layers == (Dense(32, "tanh"), Dense(1, "identity"))
    assert (net.input_shape, net.seed, net.dtype, net.outputs) == ((8,), 3, "float64", 1)


@given(st.lists(st.tuples(st.integers(2, 9), st.sampled_from(_core.names("activation"))), min_size=1, max_size=4))
def test_text_names_any_activation_of_any_layer(layers: list[tuple[int, str]]) -> None:
    text = "-".join(["2", *(f"{units}:{activation}" for units, activation in layers)])
    assert Sequential.from_string(text).layers == tuple(Dense(units, activation) for units, activation in layers)


@pytest.mark.parametrize("dtype", ["float32", "float64", np.float32, np.dtype("float64"), float])
def test_type_of_the_weights_is_the_networks(dtype: Any) -> None:
    net = Sequential([Dense(3)], input_shape=2, dtype=dtype)
    assert net.dtype == np.dtype(dtype).name
    assert {weight.dtype for weight in net.get_weights()} == {np.dtype(dtype)}
    assert net.predict([[1, 2]]).dtype == np.dtype(dtype)


def test_default_type_is_float32() -> None:
    assert Sequential([Dense(3)]).dtype == "float32"


@pytest.mark.parametrize("shape", [12, (12,), [2, 6], (2, 3, 2), np.int64(12), (np.int32(12),)])
def test_input_shape_is_an_int_or_sizes(shape: Any) -> None:
    net = Sequential([Dense(3)], input_shape=shape)
    assert net.input_shape == tuple(np.atleast_1d(shape))
    assert [weight.shape for weight in net.get_weights()] == [(12, 3), (3,)]


def test_the_first_fit_brings_the_input_shape() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    net = Sequential([Rescale(1 / 255), Dense(1, "sigmoid")], seed=2)
    assert net.input_shape is None
    net.fit(images, [0, 1] * 3, epochs=0)
    assert net.input_shape == (4, 5, 3)
    assert net == Sequential(net.layers, input_shape=(4, 5, 3), seed=2)
    assert net.predict(images).shape == net.predict(images.reshape(6, -1)).shape == (6, 1)


def test_first_weights_come_from_the_seed_the_layer_and_the_initializer() -> None:
    layers = [Rescale(0.5), Dense(4, "relu", "he_uniform"), Dense(3, bias_initializer="scaled_uniform")]
    net = Sequential(layers, input_shape=5, seed=7)
    k = purr.kernels.initialize
    np.testing.assert_array_equal(net.parameters["layers.1.kernel"], k(5, 4, initializer="he_uniform", seed=7, layer=1))
    np.testing.assert_array_equal(net.parameters["layers.2.kernel"], k(4, 3, seed=7, layer=2))
    assert not net.parameters["layers.1.bias"].any()
    bias = net.parameters["layers.2.bias"]
    assert 0 < abs(bias).max() <= 4**-0.5


# Weights


def test_weights_go_in_and_come_out_as_they_are() -> None:
    net = network("4-3-2", dtype="float32")
    weights = [np.full(weight.shape, 0.1 * i) for i, weight in enumerate(net.get_weights())]
    net.set_weights([weights[0].tolist(), np.asfortranarray(weights[1]), weights[2][::-1], weights[3]])
    for weight, expected in zip(net.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, expected.astype("float32"), strict=True)


def test_weights_are_copies() -> None:
    net = network()
    before = net.fingerprint()
    for weight in [*net.get_weights(), *net.parameters.values()]:
        weight[...] = 0
    weights = net.get_weights()
    net.set_weights(weights)
    weights[0][...] = 0
    assert net.fingerprint() == before


def test_parameters_have_the_name_of_their_layers_place() -> None:
    net = Sequential([Rescale(2.0), Dense(3), Rescale(0.5), Dense(2)], input_shape=(2, 2))
    shapes = {name: parameter.shape for name, parameter in net.parameters.items()}
    expected = {"layers.1.kernel": (4, 3), "layers.1.bias": (3,), "layers.3.kernel": (3, 2), "layers.3.bias": (2,)}
    assert list(shapes.items()) == list(expected.items())
    for named, listed in zip(net.parameters.values(), net.get_weights(), strict=True):
        np.testing.assert_array_equal(named, listed)


def test_a_network_without_parameters_works() -> None:
    net = Sequential([Rescale(2.0)], input_shape=4, dtype="float64")
    assert net.get_weights() == []
    assert net.parameters == {}
    net.set_weights([])
    np.testing.assert_array_equal(net.predict(X), 2 * X)
    assert net.loss_and_gradient(X, X, loss="mean_squared_error")[0] == pytest.approx(np.mean(X**2))


# Predictions


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", _core.names("activation"))
@pytest.mark.parametrize("units", [1, 3])
def test_predict_gives_the_last_layers_output(activation: str, units: int, dtype: str) -> None:
    if units == 1 and "softmax" in activation:
        with pytest.raises(ValueError, match=rf"layers\[1\]\.activation.*{activation} of one unit"):
            network(f"4-5:tanh-1:{activation}")
        return
    net = network(f"4-5:tanh-{units}:{activation}", dtype=dtype)
    slopes = {name: np.full_like(weight, 0.25) for name, weight in net.parameters.items() if name.endswith("slope")}
    net.set_weights(list({**net.parameters, **slopes}.values()))  # as the twin's
    expected = twin_of(net, "mean_squared_error").predict(X)
    np.testing.assert_allclose(net.predict(X), expected, rtol=2e-5 if dtype == "float32" else 1e-12, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "implied"),
    [
        ("4-5-1", None),
        ("4-5-3", None),
        ("4-3:sigmoid", None),
        ("4-5-1:identity", twin_sigmoid),
        ("4-5-3:identity", twin_softmax),
    ],
)
def test_predict_proba_gives_probabilities_whichever_way_the_network_ends(text: str, implied: Any) -> None:
    net = network(text)
    outputs = net.predict(X)
    expected = outputs if implied is None else implied(outputs)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-12)
    assert ((expected >= 0) & (expected <= 1)).all()


def test_a_last_rescale_counts_as_logits() -> None:
    net = Sequential([Dense(3), Rescale(2.0)], input_shape=4, dtype="float64")
    np.testing.assert_allclose(net.predict_proba(X), twin_softmax(net.predict(X)), rtol=1e-12)


def test_images_are_flattened_in_c_order_whatever_their_layout() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    net = Sequential([Rescale(1 / 255), Dense(2)], input_shape=(64, 64, 3))
    flat = net.predict(images.reshape(5, -1))
    planes = np.moveaxis(np.moveaxis(images, -1, 1).copy(), 1, -1)
    for same in (images, np.asfortranarray(images), planes, images[::-1][::-1], images.astype("float32")):
        np.testing.assert_array_equal(net.predict(same), flat)
    np.testing.assert_array_equal(net.predict(images[::2, :, ::-1]), net.predict(images[::2, :, ::-1].copy()))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32", "float64", ">f4", ">i8"])
def test_bytes_without_rescale_are_the_numbers_0_to_255(dtype: str) -> None:
    numbers = np.random.default_rng(0).integers(0, 256, (7, 4))
    net = network("4-3-2")
    np.testing.assert_array_equal(net.predict(numbers.astype(dtype)), net.predict(numbers.astype("float64")))
    expected = twin_of(net, "cross_entropy").predict(numbers.astype("float64"))
    np.testing.assert_allclose(net.predict(numbers.astype(dtype)), expected, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rescale_multiplies_bytes_in_the_networks_type(dtype: str) -> None:
    pictures = np.arange(256, dtype=np.uint8).reshape(1, 256)
    identity = Sequential([Rescale(1 / 255), Dense(256)], input_shape=256, dtype=dtype)
    identity.set_weights([np.eye(256), np.zeros(256)])
    np.testing.assert_array_equal(
        identity.predict(pictures)[0], np.arange(256).astype(dtype) * np.dtype(dtype).type(1 / 255)
    )


def test_no_samples_give_no_predictions() -> None:
    assert network("4-3-2").predict(X[:0]).shape == (0, 2)
    assert network("4-3-2").predict_proba(X[:0]).shape == (0, 2)


def test_one_answer_of_a_large_network_has_the_same_bits_on_any_threads() -> None:
    net = Sequential.from_string("784-1000-515-10", seed=1)  # 5 MB: threads share its columns
    x = np.random.default_rng(0).normal(size=(4, 784)).astype(np.float32)
    expected = np.concatenate([net.predict(one[None], n_threads=1) for one in x])
    for n_threads in (1, 2, 3, None):
        np.testing.assert_array_equal(net.predict(x[:1], n_threads=n_threads), expected[:1])
        np.testing.assert_array_equal(net.predict(x, n_threads=n_threads), expected)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda i: net.predict(x[i % 4 : i % 4 + 1], n_threads=2), range(40)))
    for i, answer in enumerate(answers):
        np.testing.assert_array_equal(answer[0], expected[i % 4])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("samples", [0, 1, 5, 512, 1100])
@pytest.mark.parametrize("ask", [Sequential.predict, Sequential.predict_proba])
def test_outputs_are_written_into_an_array_of_the_callers(ask: Any, samples: int, dtype: str) -> None:
    net = Sequential([Dense(3, "relu"), Dense(2)], input_shape=4, seed=3, dtype=dtype)
    x = np.random.default_rng(0).normal(size=(samples, 4))
    expected = ask(net, x)
    whole = np.full((samples + 2, 6), 7, dtype)
    for out in (
        np.full((samples, 2), 7, dtype),
        np.full((samples, 2), 7, dtype, order="F"),
        whole[1:-1, 1:-1:3],  # only its own numbers are written
        np.full((samples, 2), 7, dtype)[::-1],
    ):
        assert ask(net, x, out=out) is out
        np.testing.assert_array_equal(out, expected)
    mask = np.zeros(whole.shape, bool)
    mask[1:-1, 1:-1:3] = True
    assert (whole[~mask] == 7).all()


def test_an_array_that_cannot_take_the_outputs_is_refused_and_left_alone() -> None:
    net = network("4-3-2", dtype="float32")
    numbers = np.zeros((5, 4), np.float32)
    read_only = np.full((5, 2), 7, np.float32)
    read_only.flags.writeable = False
    shifted = np.zeros(5 * 2 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(5, 2)
    for out, error, words in (
        (np.full((5, 3), 7, np.float32), ValueError, r"out \(samples, outputs\): expected \(5, 2\), got \(5, 3\)"),
        (np.full((4, 2), 7, np.float32), ValueError, r"expected \(5, 2\), got \(4, 2\)"),
        (np.full((5, 2), 7, np.float64), TypeError, r"out: expected .* of float32, got one of float64, shape \(5, 2\)"),
        (np.full(10, 7, np.float32), TypeError, r"out: expected .*, got one of float32, shape \(10,\)"),
        (np.full((5, 2), 7, ">f4"), TypeError, r"out: expected .*, got one of >f4"),
        ([[7.0, 7.0]] * 5, TypeError, "out: expected .*, got list"),
        (read_only, ValueError, "out: the array is read-only"),
        (shifted, ValueError, "out: the array is not aligned"),
        (numbers[:, :2], ValueError, "out: the array shares memory with x"),
    ):
        before = np.array(out)
        with pytest.raises(error, match=words):
            net.predict(numbers, out=out)
        np.testing.assert_array_equal(out, before)
    out = np.full((5, 2), 7, np.float32)
    with pytest.raises(ValueError, match="feature 1 is NaN"):
        net.predict(np.where(np.arange(4) == 1, np.nan, numbers), out=out)
    assert (out == 7).all()


def test_booleans_and_lists_are_data_too() -> None:
    net = network()
    np.testing.assert_array_equal(net.predict([[True, False, True, True]]), net.predict([[1.0, 0.0, 1.0, 1.0]]))


# Gradients


@pytest.mark.parametrize("hidden", _core.names("activation"))
@pytest.mark.parametrize(
    ("ending", "loss"),
    [
        ("1:sigmoid", "binary_cross_entropy"),
        ("3:identity", "binary_cross_entropy"),
        ("3:softmax", "cross_entropy"),
        ("3:identity", "cross_entropy"),
        *((f"2:{activation}", "mean_squared_error") for activation in _core.names("activation")),
    ],
)
def test_gradient_equals_central_differences_of_the_loss(hidden: str, ending: str, loss: str) -> None:
    net = network(f"4-5:{hidden}-{ending}")
    random = np.random.default_rng(1)
    y = random.random((len(X), net.outputs))
    if loss == "cross_entropy":
        y = random.integers(0, net.outputs, len(X))
    value, gradient = net.loss_and_gradient(X, y, loss=loss)
    assert value == pytest.approx(net.evaluate(X, y, loss=loss)["loss"], rel=1e-12)
    weights, step = net.get_weights(), 1e-6
    numeric = []
    for weight in weights:
        for index in np.ndindex(weight.shape):
            kept, values = weight[index], []
            for at in (kept + step, kept - step):
                weight[index] = at
                net.set_weights(weights)
                values.append(net.loss_and_gradient(X, y, loss=loss)[0])
            weight[index] = kept
            numeric.append((values[0] - values[1]) / (2 * step))
    assert gradient.shape == (len(numeric),)
    noise = 2e-10  # of the differences, where a gradient is next to nothing
    assert np.linalg.norm(gradient - numeric) <= 1e-6 * np.linalg.norm(numeric) + noise


def test_gradient_changes_nothing_and_is_a_copy() -> None:
    net = network()
    before = net.fingerprint()
    trainer = purr.Trainer(net)
    _, gradient = trainer.loss_and_gradient(X, np.zeros(11))
    gradient[...] = 0
    value, again = trainer.loss_and_gradient(X, np.zeros(11))
    assert again.any()
    assert (value, trainer.steps, net.fingerprint()) == (net.evaluate(X, np.zeros(11))["loss"], 0, before)


# Evaluation


@pytest.mark.parametrize(("text", "loss"), [("4-3-1", None), ("4-3-1:identity", "binary_cross_entropy"), ("4-3", None)])
def test_evaluate_gives_the_mean_loss_and_the_share_of_right_answers(text: str, loss: str | None) -> None:
    x = np.random.default_rng(3).normal(size=(1100, 4))  # more than one piece of 512
    net = network(text)
    y = np.random.default_rng(2).integers(0, max(2, net.outputs), 1100)
    scores = net.evaluate(x, y, loss=loss, metrics=["accuracy"])
    probabilities = net.predict_proba(x)
    answers = probabilities.argmax(axis=1) if net.outputs > 1 else (probabilities[:, 0] > 0.5).astype(int)
    expected = twin_of(net, "cross_entropy" if net.outputs > 1 else "binary_cross_entropy").loss_and_gradient(x, y)[0]
    assert list(scores) == ["loss", "accuracy"]
    assert scores["accuracy"] == pytest.approx(np.mean(answers == y), abs=1e-12)
    assert scores["loss"] == pytest.approx(expected, rel=1e-12)
    assert net.evaluate(x, y, loss=loss) == {"loss": scores["loss"]}


@pytest.mark.parametrize("activation", [name for name in ACTIVATIONS if "softmax" not in name])
def test_accuracy_under_squared_error_has_its_threshold_at_one_half(activation: str) -> None:
    net = network(f"4-5-1:{activation}")
    y = np.arange(11) % 2
    scores = net.evaluate(X, y, loss="mean_squared_error", metrics="accuracy")
    assert scores["accuracy"] == pytest.approx(np.mean((net.predict(X)[:, 0] > 0.5) == y))


# Comparing, printing, copying


NETWORKS = [
    Sequential([Dense(3)]),
    Sequential([Dense(3, "tanh", "glorot_uniform", "zeros"), Dense(1, "sigmoid")], input_shape=4, seed=2**64 - 1),
    Sequential([Rescale(1 / 255), Dense(2, "softmax")], input_shape=(4, 4, 3), seed=5, dtype="float64"),
    Sequential.from_string("4-3-1", seed=9),
]


@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_representation_is_python_that_builds_the_network(net: Sequential) -> None:
    again = eval(repr(net), vars(purr).copy())
    assert again == net
    assert repr(again) == repr(net)
    assert (again.layers, again.input_shape, again.seed, again.dtype) == (
        net.layers,
        net.input_shape,
        net.seed,
        net.dtype,
    )


@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))],
    ids=["copy", "deepcopy", "pickle"],
)
@pytest.mark.parametrize("net", NETWORKS, ids=repr)
def test_a_copy_is_equal_and_independent(net: Sequential, copied: Any) -> None:
    other = copied(net)
    assert other == net
    assert repr(other) == repr(net)
    if net.input_shape is not None:
        before = net.fingerprint()
        other.set_weights([weight + np.arange(weight.size).reshape(weight.shape) for weight in other.get_weights()])
        assert other != net
        assert net.fingerprint() == before
        x = np.zeros((1, *net.input_shape))
        assert not np.array_equal(other.predict(x), net.predict(x))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_trained_network_pickles_bit_for_bit(protocol: int) -> None:
    net = Sequential([Dense(5, "relu"), Dense(2, "softmax")])
    net.fit(X, np.arange(11) % 2, epochs=2)
    again = pickle.loads(pickle.dumps(net, protocol))
    assert again.fingerprint() == net.fingerprint()
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    again.fit(X, np.arange(11) % 2, epochs=1)


def test_networks_are_equal_when_description_and_weights_are() -> None:
    net = Sequential.from_string("4-3-1", seed=0)
    assert net == Sequential.from_string("4-3-1", seed=0)
    differing = [
        Sequential.from_string("4-3-1", seed=1),
        Sequential.from_string("4-3:tanh-1", seed=0),
        Sequential.from_string("4-3-1", seed=0, dtype="float64"),
        Sequential(net.layers),
        Sequential(net.layers, input_shape=(2, 2), seed=0),
    ]
    for other in [*differing, None, "4-3-1"]:
        assert net != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(net)


def test_history_trainer_and_settings_print_what_they_are() -> None:
    net = Sequential.from_string("4-3-1", seed=0)
    trainer = purr.Trainer(net, optimizer=purr.SGD(0.5))
    assert "SGD(learning_rate=0.5" in repr(trainer)
    assert "binary_cross_entropy" in repr(trainer)
    history = net.fit(X, np.zeros(11), epochs=1)
    assert f"loss={history.loss}" in repr(history)
    for setting in (purr.SGD(0.5, nesterov=True), purr.Adam(beta_1=0.5), Dense(3, "tanh"), Rescale(0.1)):
        assert eval(repr(setting), vars(purr).copy()) == setting
        assert hash(setting) == hash(eval(repr(setting), vars(purr).copy()))
        with pytest.raises(AttributeError):
            setting.units = 5  # type: ignore[union-attr]


def test_summary_lists_layers_with_sizes_and_parameters() -> None:
    net = Sequential([Rescale(1 / 255), *Sequential.from_string("12288-20-7-5-1").layers], input_shape=(64, 64, 3))
    lines = net.summary().splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "input", *(f"layers.{i}" for i in range(5)), "total"]
    assert [line.split()[-1] for line in lines[3:]] == ["245,780", "147", "40", "6", "245,973"]
    assert [line.split()[-2] for line in lines[2:-1]] == ["12288", "20", "7", "5", "1"]
    assert "(64, 64, 3)" in lines[1]
    assert "float32" in lines[-1]
    assert not any(line != line.rstrip() for line in lines)


def test_fingerprint_tells_every_bit_apart() -> None:
    net = Sequential.from_string("4-3-1", seed=0)
    prints = {net.fingerprint()}
    weights = net.get_weights()
    weights[0][1, 1] = np.nextafter(weights[0][1, 1], np.float32(9))
    net.set_weights(weights)
    prints.add(net.fingerprint())
    weights[1][0] = -0.0
    net.set_weights(weights)
    prints.add(net.fingerprint())
    prints.add(Sequential.from_string("4-3-1", seed=0, dtype="float64").fingerprint())
    assert len(prints) == 4
    assert all(len(p) == 64 and int(p, 16) >= 0 for p in prints)


def test_weights_that_are_not_finite_have_no_fingerprint() -> None:
    net = Sequential.from_string("4-3-1", seed=0)
    weights = net.get_weights()
    weights[2][1, 0] = np.nan
    net.set_weights(weights)
    with pytest.raises(purr.DataError, match=r"layers\.1\.kernel: element 1 is NaN"):
        net.fingerprint()


def test_an_unknown_activation_in_a_string_shows_where() -> None:
    with pytest.raises(ValueError, match=r"network '8-5:tanh-3:geluu-1': '3:geluu': unknown activation 'geluu'; known"):
        Sequential.from_string("8-5:tanh-3:geluu-1")
