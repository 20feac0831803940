"""Bad input gets one clear error that names what, where, and what was expected; nothing panics and nothing is lost."""

import contextlib
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

import purrceptron as purr
from purrceptron import _core, kernels
from purrceptron.strings import parse_network

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.array([0, 1, 0, 1, 1, 0])
NAN, INF = float("nan"), float("inf")
DATA, MODEL_FILE, DIVERGED = purr.DataError, purr.ModelFileError, purr.DivergedError


def net(text: str = "4-3-1") -> purr.Sequential:
    return purr.Sequential.from_string(text, seed=0)


def fit(*, text: str = "4-3-1", x: Any = X, y: Any = Y, **options: Any) -> Any:
    return net(text).fit(x, y, **options)


def dense(*sizes: int, **options: Any) -> Any:
    return purr.Sequential([purr.Dense(units, "relu") for units in sizes], **options)


def with_one(value: float) -> Any:
    """X, but sample 3 has `value` at feature 1."""
    x = X.copy()
    x[3, 1] = value
    return x


def known(kind: str) -> tuple[str, ...]:
    return tuple(_core.names(kind))


REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], tuple[str, ...]]] = {
    # data that does not fit
    "features": (lambda: net().predict(X[:, :3]), ValueError, ("(4)", "(3)")),
    "features in fit": (lambda: fit(x=X[:, :3]), ValueError, ("x", "(4)", "(3)")),
    "features of photos": (
        lambda: purr.Sequential([purr.Dense(1)], input_shape=(8, 8, 3)).predict(np.zeros((2, 4, 8, 3), np.uint8)),
        ValueError,
        ("(8, 8, 3)", "(4, 8, 3)"),
    ),
    "one axis": (lambda: net().predict(X[0]), ValueError, ("(4,)", "reshape(1, -1)")),
    "no axis": (lambda: net().predict(3.0), ValueError, ("(samples, features)", "()")),
    "ragged": (lambda: net().predict([[1, 2, 3, 4], [1]]), ValueError, ("inhomogeneous",)),
    "no features": (lambda: purr.Sequential([purr.Dense(1)]).fit(X[:, :0], Y), ValueError, ("above 0", "(0,)")),
    "NaN in fit": (lambda: fit(x=with_one(NAN)), DATA, ("sample 3", "feature 1", "NaN")),
    "infinity in fit": (lambda: fit(x=with_one(-INF), batch_size=None), DATA, ("sample 3", "feature 1", "inf")),
    "NaN in predict": (lambda: net().predict(with_one(NAN)), DATA, ("sample 3", "feature 1", "NaN")),
    "NaN in evaluate": (lambda: net().evaluate(with_one(NAN), Y), DATA, ("sample 3", "feature 1", "NaN")),
    "NaN in step": (lambda: purr.Trainer(net()).step(with_one(NAN), Y), DATA, ("sample 3", "feature 1", "NaN")),
    "beyond float32": (lambda: fit(x=with_one(1e300)), DATA, ("sample 3", "feature 1", "inf")),
    "no samples in fit": (lambda: fit(x=X[:0], y=Y[:0]), DATA, ("no samples",)),
    "no samples in step": (lambda: purr.Trainer(net()).step(X[:0], Y[:0]), DATA, ("no samples",)),
    "no samples in evaluate": (lambda: net().evaluate(X[:0], Y[:0]), DATA, ("no samples",)),
    "fewer labels": (lambda: fit(y=Y[:3]), ValueError, ("6", "3")),
    "strings": (lambda: fit(x=X.astype(str)), TypeError, ("x", "<U")),
    "objects": (lambda: fit(x=X.astype(object)), TypeError, ("x", "object")),
    "complex numbers": (lambda: fit(x=X + 1j), TypeError, ("x", "complex")),
    "nothing": (lambda: fit(x=None), TypeError, ("x",)),
    "nothing at first": (lambda: purr.Sequential([purr.Dense(1, "sigmoid")]).fit(None, Y), TypeError, ("x",)),
    # targets
    "labels 1 and 2": (lambda: fit(y=Y + 1), DATA, ("sample 1", "2", "0 and 1")),
    "labels -1 and 1": (lambda: fit(y=2 * Y - 1), DATA, ("sample 0", "-1", "0 and 1")),
    "NaN label": (lambda: fit(y=np.where(Y == 1, NAN, 0)), DATA, ("sample 1", "NaN")),
    "NaN target": (lambda: fit(y=with_one(NAN)[:, 1], loss="mean_squared_error"), DATA, ("sample 3", "NaN")),
    "names as labels": (lambda: fit(y=["cat"] * 6), TypeError, ("y", "number the classes")),
    "class beyond outputs": (lambda: fit(text="4-2", y=[0, 1, 2, 0, 1, 0]), DATA, ("sample 2", "class 2", "2 outputs")),
    "negative class": (lambda: fit(text="4-2", y=[0, 1, 0, 0, 1, -1]), DATA, ("sample 5", "-1", "whole number")),
    "half a class": (lambda: fit(text="4-2", y=[0, 1, 0, 0.5, 1, 0]), DATA, ("sample 3", "0.5", "whole number")),
    "NaN class": (lambda: fit(text="4-2", y=[0, 1, 0, NAN, 1, 0]), DATA, ("sample 3", "nan")),
    "one-hot rows too long": (lambda: fit(text="4-2", y=np.eye(3)[Y]), ValueError, ("2 outputs", "(6, 3)")),
    "negative probability": (lambda: fit(text="4-2", y=np.eye(2)[Y] - 0.1), DATA, ("sample 0", "-0.1")),
    # validation data
    "validation features": (lambda: fit(validation_data=(X[:, :2], Y)), ValueError, ("validation x", "(4)", "(2)")),
    "validation labels": (lambda: fit(validation_data=(X, Y[:2])), ValueError, ("validation", "6", "2")),
    "NaN in validation": (lambda: fit(validation_data=(with_one(NAN), Y)), DATA, ("validation", "sample 3", "NaN")),
    "no validation samples": (lambda: fit(validation_data=(X[:0], Y[:0])), DATA, ("validation", "no samples")),
    "validation class": (
        lambda: fit(text="4-2", validation_data=(X, [0, 1, 2, 0, 1, 0])),
        DATA,
        ("validation", "sample 2", "class 2"),
    ),
    # names
    "activation": (lambda: purr.Dense(1, "rely"), ValueError, ("rely", *known("activation"))),
    "activation in text": (lambda: net("4-3:rely-1"), ValueError, ("rely", *known("activation"))),
    "kernel initializer": (
        lambda: purr.Dense(1, kernel_initializer="xavier"),
        ValueError,
        ("xavier", *known("initializer")),
    ),
    "bias initializer": (lambda: purr.Dense(1, bias_initializer="one"), ValueError, ("one", *known("initializer"))),
    "loss": (lambda: fit(loss="mse"), ValueError, ("mse", *known("loss"))),
    "no loss": (lambda: fit(text="4-1:identity"), ValueError, ("identity", *known("loss"))),
    "optimizer": (lambda: fit(optimizer="sdg"), ValueError, ("sdg", *known("optimizer"))),
    "optimizer class": (lambda: fit(optimizer=purr.SGD), ValueError, ("SGD", *known("optimizer"))),
    "metric": (lambda: fit(metrics=["f1"]), ValueError, ("f1", *known("metric"))),
    "metric in evaluate": (lambda: net().evaluate(X, Y, metrics="f1"), ValueError, ("f1", *known("metric"))),
    "solver": (lambda: fit(solver="newton"), ValueError, ("newton", *known("solver"))),
    "reduced under Adam": (lambda: fit(x=X[:3], y=Y[:3], solver="reduced"), ValueError, ("solver", "reduced", "adam")),
    "reduced on many samples": (
        lambda: fit(solver="reduced", optimizer="sgd"),
        ValueError,
        ("solver", "6 samples", "4 features"),
    ),
    "dtype": (lambda: dense(1, dtype="float16"), ValueError, ("float16", *known("dtype"))),
    # settings out of range
    "learning rate below 0": (lambda: fit(optimizer=purr.SGD(-0.5)), ValueError, ("learning_rate", "above 0", "-0.5")),
    "learning rate 0": (lambda: fit(optimizer=purr.Adam(0)), ValueError, ("learning_rate", "above 0", "0")),
    "learning rate NaN": (lambda: fit(optimizer=purr.SGD(NAN)), ValueError, ("learning_rate", "nan")),
    "learning rate infinite": (lambda: fit(optimizer=purr.Adam(INF)), ValueError, ("learning_rate", "inf")),
    "momentum 1": (lambda: fit(optimizer=purr.SGD(0.1, momentum=1)), ValueError, ("momentum", "below 1", "1")),
    "momentum below 0": (lambda: fit(optimizer=purr.SGD(0.1, momentum=-0.1)), ValueError, ("momentum", "-0.1")),
    "Nesterov alone": (lambda: fit(optimizer=purr.SGD(0.1, nesterov=True)), ValueError, ("momentum", "nesterov")),
    "beta_1": (lambda: fit(optimizer=purr.Adam(beta_1=1.5)), ValueError, ("beta_1", "below 1", "1.5")),
    "beta_2": (lambda: fit(optimizer=purr.Adam(beta_2=-1)), ValueError, ("beta_2", "at least 0", "-1")),
    "epsilon": (lambda: fit(optimizer=purr.Adam(epsilon=0)), ValueError, ("epsilon", "above 0", "0")),
    "epochs below 0": (lambda: fit(epochs=-1), ValueError, ("epochs", "at least 0", "-1")),
    "half an epoch": (lambda: fit(epochs=1.5), TypeError, ("epochs", "whole number", "1.5")),
    "batch size 0": (lambda: fit(batch_size=0), ValueError, ("batch_size", "at least 1", "0")),
    "batch size text": (lambda: fit(batch_size="all"), TypeError, ("batch_size", "whole number", "all")),
    "no threads": (lambda: fit(n_threads=0), ValueError, ("n_threads", "at least 1", "0")),
    "threads below 0": (lambda: fit(n_threads=-1), ValueError, ("n_threads", "at least 1", "-1")),
    "threads below 0 in predict": (lambda: net().predict(X, n_threads=-1), ValueError, ("n_threads", "-1")),
    "threads below 0 in a kernel": (lambda: kernels.matmul(X, X.T, n_threads=-1), ValueError, ("n_threads", "-1")),
    "patience 0": (lambda: purr.EarlyStopping(patience=0), ValueError, ("patience", "at least 1", "0")),
    "min_delta NaN": (lambda: purr.EarlyStopping(min_delta=NAN), ValueError, ("min_delta", "nan")),
    "monitor": (lambda: fit(callbacks=[purr.EarlyStopping()]), ValueError, ("val_loss", "loss")),
    "seed below 0": (lambda: dense(1, seed=-1), ValueError, ("seed", "-1")),
    "seed beyond 64 bits": (lambda: dense(1, seed=2**64), ValueError, ("seed", str(2**64))),
    "seed of a kernel": (lambda: kernels.initialize(2, 3, seed=-1), ValueError, ("seed", "-1")),
    "inputs of a kernel": (lambda: kernels.initialize(-2, 3), ValueError, ("inputs", "-2")),
    # networks
    "no layers": (lambda: purr.Sequential([]), ValueError, ("at least one layer",)),
    "text as layers": (lambda: purr.Sequential("4-1"), TypeError, ("layers", "purr.Dense")),  # type: ignore[arg-type]
    "units 0": (lambda: purr.Dense(0), ValueError, ("units", "at least 1", "0")),
    "units 2.5": (lambda: purr.Dense(2.5), TypeError, ("units", "2.5")),  # type: ignore[arg-type]
    "units True": (lambda: purr.Dense(True), TypeError, ("units", "True")),
    "input shape 0": (lambda: dense(1, input_shape=(3, 0)), ValueError, ("input_shape", "above 0", "(3, 0)")),
    "input shape below 0": (lambda: dense(1, input_shape=-3), ValueError, ("input_shape", "above 0", "-3")),
    "too large": (lambda: dense(2**21, input_shape=2**21), ValueError, ("layers[0]", "2^40")),
    "too large in sum": (lambda: dense(2**20, 2**20, 2**20, input_shape=2**19), ValueError, ("2^40",)),
    "scale 0": (lambda: purr.Sequential([purr.Rescale(0)], input_shape=1), ValueError, ("scale", "not 0")),
    "scale NaN": (lambda: purr.Sequential([purr.Rescale(NAN)], input_shape=1), ValueError, ("scale", "finite")),
    "binary loss under softmax": (
        lambda: fit(text="4-2", y=np.eye(2)[Y], loss="binary_cross_entropy"),
        ValueError,
        ("binary_cross_entropy", "identity or sigmoid", "softmax"),
    ),
    "categorical loss under ReLU": (
        lambda: fit(text="4-2:relu", loss="cross_entropy"),
        ValueError,
        ("cross_entropy", "identity or softmax", "relu"),
    ),
    "text without layers": (lambda: net("12288"), ValueError, ("12288", "64-100-10")),
    "text is no text": (lambda: purr.Sequential.from_string(5), TypeError, ("5",)),  # type: ignore[arg-type]
    "weights before the input": (lambda: dense(1).get_weights(), ValueError, ("input_shape", "fit")),
    "prediction before the input": (lambda: dense(1).predict(X), ValueError, ("input_shape", "fit")),
    "trainer before the input": (lambda: purr.Trainer(dense(1), loss="cross_entropy"), ValueError, ("input_shape",)),
    "too few weights": (lambda: net().set_weights(net().get_weights()[:3]), ValueError, ("4", "layers.1.bias", "3")),
    "weights transposed": (
        lambda: net().set_weights([w.T for w in net().get_weights()]),
        ValueError,
        ("layers.0.kernel", "(4, 3)", "(3, 4)"),
    ),
    "complex weights": (lambda: net().set_weights([w + 1j for w in net().get_weights()]), TypeError, ("complex",)),
    # kernels
    "matmul": (lambda: kernels.matmul(X, X), ValueError, ("matmul", "4", "6")),
    "matmul of a vector": (lambda: kernels.matmul(X, X[0]), ValueError, ("b", "2 axes", "(4,)")),
    "matmul of text": (lambda: kernels.matmul([["a"]], X), TypeError, ("a", "<U1")),
    "dense_forward columns": (lambda: kernels.dense_forward(X, X, X[0]), ValueError, ("columns of x", "6", "4")),
    "dense_forward bias": (lambda: kernels.dense_forward(X, X.T, X[0]), ValueError, ("bias", "6", "4")),
    "dense_backward": (lambda: kernels.dense_backward(X, X, X), ValueError, ("rows of kernel", "4", "6")),
    "activation_backward": (lambda: kernels.relu_backward(X, X[:2]), ValueError, ("(6, 4)", "(2, 4)")),
    "activation of a kernel": (
        lambda: kernels.activation_forward("swish", X),
        ValueError,
        ("swish", *known("activation")),
    ),
    "initializer of a kernel": (
        lambda: kernels.initialize(2, 3, initializer="twos"),
        ValueError,
        ("twos", *known("initializer")),
    ),
    "dtype of a kernel": (lambda: kernels.initialize(2, 3, dtype="int8"), ValueError, ("int8", *known("dtype"))),
    "targets of a loss": (lambda: kernels.mean_squared_error(X, X[:2]), ValueError, ("6", "2")),
    "class of a loss": (lambda: kernels.cross_entropy(X, [0, 1, 2, 3, 4, 0]), DATA, ("sample 4", "class 4")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_with_a_message_that_says_what_and_where(case: str) -> None:
    call, error, fragments = REFUSED[case]
    with pytest.raises(error) as caught:
        call()
    missing = [fragment for fragment in fragments if fragment not in str(caught.value)]
    assert not missing, f"{caught.value} does not say {missing}"


@pytest.mark.parametrize(
    "text", ["", "-", "4-", "-4", "4--1", "4-0", "4-1.5", "a-b", "4:relu-1", "4-1:", "4 1", "4-1-"]
)
def test_a_network_text_that_is_none_is_shown_back(text: str) -> None:
    with pytest.raises(ValueError, match="network") as caught:
        purr.Sequential.from_string(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"x": with_one(NAN)}, id="NaN"),
        pytest.param({"y": Y + 1}, id="labels"),
        pytest.param({"loss": "mse"}, id="loss"),
        pytest.param({"optimizer": purr.SGD(-1)}, id="optimizer"),
        pytest.param({"batch_size": 0}, id="batch size"),
        pytest.param({"validation_data": (with_one(NAN), Y)}, id="NaN in validation"),
        pytest.param({"validation_data": (X[:0], Y[:0])}, id="no validation samples"),
        pytest.param({"validation_data": (X, Y + 1)}, id="validation labels"),
        pytest.param({"validation_data": (X[:, :2], Y)}, id="validation features"),
    ],
)
def test_a_refused_fit_leaves_the_weights_as_they_were(bad: dict[str, Any]) -> None:
    model = net()
    before = model.fingerprint()
    with pytest.raises(ValueError, match=r"."):
        model.fit(**{"x": X, "y": Y, "epochs": 3, **bad})
    assert model.fingerprint() == before


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"x": with_one(NAN)[:, :3]}, id="NaN"),
        pytest.param({"y": Y[:2]}, id="fewer labels"),
        pytest.param({"optimizer": "sdg"}, id="optimizer"),
    ],
)
def test_a_refused_first_fit_does_not_settle_the_input_shape(bad: dict[str, Any]) -> None:
    model = purr.Sequential([purr.Dense(1, "sigmoid")])
    with pytest.raises(ValueError, match=r"."):
        model.fit(**{"x": X[:, :3], "y": Y, **bad})
    model.fit(X, Y, epochs=1)
    assert model.input_shape == (4,)


@pytest.mark.parametrize("value", ["many", "0", "-1", "1.5", ""])
def test_a_bad_thread_count_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PURRCEPTRON_NUM_THREADS", value)
    with pytest.raises(ValueError, match="PURRCEPTRON_NUM_THREADS"):
        fit()


def test_settings_may_be_numbers_of_numpy() -> None:
    plain = net()
    plain.fit(X, Y, epochs=3, batch_size=2, optimizer=purr.SGD(0.5, momentum=0.25, nesterov=True))
    model = net()
    model.fit(
        X,
        Y,
        epochs=np.int64(3),
        batch_size=np.uint8(2),
        optimizer=purr.SGD(np.float32(0.5), momentum=np.float64(0.25), nesterov=np.bool_(True)),
    )
    assert model.fingerprint() == plain.fingerprint()
    assert purr.Dense(np.int32(3)) == purr.Dense(3)


# Divergence


@pytest.mark.parametrize("batch_size", [None, 2])
def test_divergence_says_when_and_leaves_the_weights_as_before_the_call(batch_size: int | None) -> None:
    model = net("4-3-1:identity")
    model.fit(X, Y, epochs=2, loss="mean_squared_error")
    before = model.fingerprint()
    with pytest.raises(purr.DivergedError, match="epoch") as caught:
        model.fit(X, Y, epochs=500, batch_size=batch_size, optimizer=purr.SGD(1e6), loss="mean_squared_error")
    assert model.fingerprint() == before
    error = caught.value
    assert f"epoch {error.epoch}" in str(error)
    assert "learning rate" in str(error)
    assert error.loss is not None
    assert np.isfinite(error.loss)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.epoch, copy.loss) == (str(error), error.epoch, error.loss)


def test_divergence_in_the_last_step_is_found_too() -> None:
    model = net("4-1:identity")
    before = model.get_weights()
    with pytest.raises(purr.DivergedError):
        model.fit(1e10 * X, Y, epochs=1, batch_size=None, optimizer=purr.SGD(1e30), loss="mean_squared_error")
    for weight, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


def test_a_step_that_diverges_leaves_finite_weights() -> None:
    model = net("4-1:identity")
    trainer = purr.Trainer(model, optimizer=purr.SGD(1e30), loss="mean_squared_error")

    def step_on() -> None:
        for _ in range(10):
            trainer.step(1e10 * X, Y)

    with pytest.raises(purr.DivergedError):
        step_on()
    for weight in model.get_weights():
        assert np.isfinite(weight).all()


# Nothing panics: a panic is a BaseException that no `except Exception` catches

ARRAYS = st_numpy.arrays(
    st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.uint8, np.bool_, np.complex64, np.dtype("U1")]),
    st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
REFUSALS = (ValueError, TypeError, purr.DivergedError)


def result_or_refusal(call: Callable[[], Any]) -> None:
    with contextlib.suppress(*REFUSALS):
        call()


@given(st.lists(ARRAYS, min_size=3, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_kernels_give_a_result_or_refuse_any_arrays(arrays: list[Any]) -> None:
    a, b, c = arrays
    result_or_refusal(lambda: kernels.matmul(a, b))
    result_or_refusal(lambda: kernels.dense_forward(a, b, c))
    result_or_refusal(lambda: kernels.dense_backward(a, b, c))
    for name in _core.names("activation"):
        result_or_refusal(lambda name=name: kernels.activation_forward(name, a))  # type: ignore[misc]
        result_or_refusal(lambda name=name: kernels.activation_backward(name, a, b))  # type: ignore[misc]
    for name in _core.names("loss"):
        result_or_refusal(lambda name=name: kernels.loss(name, a, b))  # type: ignore[misc]


@given(ARRAYS, ARRAYS, st.sampled_from([*_core.names("activation")]), st.sampled_from([None, *_core.names("loss")]))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100)
def test_fit_gives_a_result_or_refuses_any_arrays(x: Any, y: Any, activation: str, loss: str | None) -> None:
    model = purr.Sequential(
        [purr.Dense(2, "relu"), purr.Dense(y.shape[-1] if y.ndim > 1 and y.shape[-1] else 1, activation)]
    )
    result_or_refusal(lambda: model.fit(x, y, loss=loss, epochs=1, batch_size=2))
    result_or_refusal(lambda: model.predict(x))
    result_or_refusal(lambda: model.predict_proba(x))


@pytest.mark.parametrize("name", _core.names("loss"))
@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 3)])
def test_a_loss_of_nothing_is_refused_or_computed_but_never_panics(name: str, shape: tuple[int, int]) -> None:
    result_or_refusal(lambda: kernels.loss(name, np.zeros(shape), np.zeros(shape)))
    result_or_refusal(lambda: kernels.loss(name, np.zeros(shape), np.zeros(shape[0])))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_too_large_for_any_memory_is_refused(dtype: str) -> None:
    with pytest.raises((ValueError, MemoryError)):
        kernels.initialize(2**40, 2**40, dtype=dtype)


@given(st.text(max_size=12) | st.from_regex(r"[0-9:\-]{0,8}", fullmatch=True))
def test_any_network_text_gives_a_network_or_is_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_network(text)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), st.lists, max_leaves=5))
def test_the_core_refuses_any_json_that_describes_no_network(value: Any) -> None:
    for text in (json.dumps(value), str(value)):
        with pytest.raises(ValueError, match="network"):
            _core.Network(text)
