"""Arrays of any layout, type and byte order: equal numbers give equal bits, and what comes in stays as it is."""

import copy
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import Array, Net, examples, forms, nets, trainings

import purrceptron as purr
from purrceptron import _core, kernels


def told(array: Any) -> bytes:
    """What an array holds, to see later that it holds it still."""
    return np.ascontiguousarray(array).tobytes()


def parts(result: Any) -> tuple[Array, ...]:
    return result if isinstance(result, tuple) else (result,)


@st.composite
def matrices(draw: Any, shape: Any) -> Array:
    """Small whole numbers (which every type holds), or any between -100 and 100."""
    dtype = draw(st.sampled_from(["float32", "float64"]))
    whole = st.integers(0, 1) | st.integers(0, 255) | st.integers(-100, 100)
    elements = draw(st.sampled_from([whole.map(float), st.floats(-100, 100, width=32)]))
    return draw(hnp.arrays(dtype, shape, elements=elements))


@given(nets(), st.integers(1, 7), st.integers(0, 1000), st.sampled_from(["signed", "bytes", "bits"]))
@examples(150)
def test_a_network_answers_equal_numbers_with_equal_bits_whatever_form_they_come_in(
    net: Net, samples: int, seed: int, kind: str
) -> None:
    x = net.x(samples, seed)
    if not net.reads_entries and kind != "signed":
        x = np.random.default_rng(seed).integers(0, 2 if kind == "bits" else 256, x.shape).astype(net.dtype)
    model = net.build()
    model.adapt(x)
    before, expected, outputs = model.fingerprint(), model.predict(x), model.forward(x)
    for name, form in forms(x).items():
        held = told(form)
        np.testing.assert_array_equal(model.predict(form), expected, err_msg=name, strict=True)
        for out, other in zip(model.forward(form), outputs, strict=True):
            np.testing.assert_array_equal(out, other, err_msg=name)
        again = net.build()
        again.adapt(form)
        assert again.fingerprint() == before, name
        assert told(form) == held, name
    np.testing.assert_array_equal(model.predict(x[::-1]), expected[::-1])
    np.testing.assert_array_equal(model.predict(np.broadcast_to(x[:1], x.shape)), np.repeat(expected[:1], samples, 0))
    assert model.fingerprint() == before


@given(trainings(most=2), st.integers(2, 9), st.integers(0, 1000), st.data())
@examples(100)
def test_a_training_on_equal_numbers_gives_equal_bits_whatever_form_they_come_in(
    training: tuple[Net, Any], samples: int, seed: int, data: Any
) -> None:
    net, optimizer = training
    x, y, weights = net.x(samples, seed), net.y(samples, seed), np.arange(1.0, samples + 1)

    def train(x: Any, y: Any, weights: Any) -> str:
        model = net.build()
        try:
            model.fit(x, y, epochs=2, batch_size=4, optimizer=optimizer, loss=net.loss, sample_weight=weights)
        except purr.DivergedError as error:
            return str(error)
        return model.fingerprint()

    expected = train(x, y, weights)
    for name, form in data.draw(st.permutations(list(forms(x).items())), "x")[:4]:
        assert train(form, y, weights) == expected, name
    for name, form in data.draw(st.permutations(list(forms(y).items())), "y")[:4]:
        assert train(x, form, weights) == expected, name
    for name, form in data.draw(st.permutations(list(forms(weights).items())), "weights")[:4]:
        assert train(x, y, form) == expected, name
    assert told(net.x(samples, seed)) == told(x)
    assert told(net.y(samples, seed)) == told(y)


@given(nets(most=2), st.integers(0, 1000))
@examples(60)
def test_weights_are_set_from_arrays_of_any_form_and_come_out_as_they_went_in(net: Net, seed: int) -> None:
    model, random = net.build(), np.random.default_rng(seed)
    weights = [random.normal(size=weight.shape).astype(net.dtype) for weight in model.get_weights()]
    for place, weight in enumerate(weights):
        for name, form in forms(weight).items():
            other = copy.deepcopy(model)
            other.set_weights([*weights[:place], form, *weights[place + 1 :]])
            for got, expected in zip(other.get_weights(), weights, strict=True):
                np.testing.assert_array_equal(got, expected, err_msg=name, strict=True)


SIZES = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6))


@given(SIZES.flatmap(lambda s: st.tuples(matrices(s[:2]), matrices(s[1:]), matrices(s[2:]), matrices((s[0], s[2])))))
@examples(60)
def test_kernels_give_equal_bits_whatever_form_arrays_come_in(arrays: tuple[Array, ...]) -> None:
    dtype = np.result_type(*arrays)
    x, kernel, bias, dz = (array.astype(dtype) for array in arrays)
    a, y, shares = kernels.sigmoid(dz), (dz > 0).astype(dtype), kernels.softmax(dz)
    several = [name for name in _core.names("activation") if dz.shape[1] > 1 or "softmax" not in name]
    calls: dict[str, tuple[list[Any], list[Array]]] = {
        "matmul": ([kernels.matmul], [x, kernel]),
        "dense_forward": ([kernels.dense_forward], [x, kernel, bias]),
        "dense_backward": ([kernels.dense_backward], [dz, x, kernel]),
        "activation_forward": ([partial(kernels.activation_forward, name) for name in several], [dz]),
        "activation_backward": (
            [lambda a, da, z, name=name: kernels.activation_backward(name, a, da, z=z) for name in several],
            [a, dz, x @ kernel],
        ),
        "relu": ([kernels.relu], [dz]),
        "relu_backward": ([kernels.relu_backward], [a, dz]),
        "sigmoid": ([kernels.sigmoid], [dz]),
        "sigmoid_backward": ([kernels.sigmoid_backward], [a, dz]),
        "softmax": ([kernels.softmax], [dz]),
        "softmax_backward": ([kernels.softmax_backward], [shares, dz]),
        "binary_cross_entropy": ([kernels.binary_cross_entropy], [dz, y]),
        "cross_entropy": ([kernels.cross_entropy], [dz, shares]),
        "mean_squared_error": ([kernels.mean_squared_error], [dz, x @ kernel]),
        "loss": ([partial(kernels.loss, name) for name in ("huber", "log_cosh")], [dz, x @ kernel]),
        "sgd": ([partial(kernels.sgd, learning_rate=0.1)], [dz, x @ kernel]),
    }
    assert {*calls, "initialize"} == {*kernels.__all__}  # which takes none
    for kind, (functions, operands) in calls.items():
        for function in functions:
            expected = parts(function(*operands))
            for place, array in enumerate(operands):
                for name, form in forms(array).items():
                    if not isinstance(form, np.ndarray) or form.dtype.newbyteorder("=") != dtype:
                        continue  # kernels compute in the type that NumPy would
                    held = told(form)
                    got = parts(function(*operands[:place], form, *operands[place + 1 :]))
                    for one, other in zip(got, expected, strict=True):
                        np.testing.assert_array_equal(one, other, err_msg=f"{kind} {name}", strict=True)
                    assert told(form) == held


@given(nets(most=3), st.sampled_from(["complex64", "datetime64[s]", "U3", "object"]))
@examples(40)
def test_arrays_of_what_is_no_number_are_refused_and_change_nothing(net: Net, dtype: str) -> None:
    model, x, y = net.build(), net.x(3, 0), net.y(3, 0)
    before = model.fingerprint()
    wrong = np.full(x.shape, "purr") if dtype == "U3" else x.astype("int64").astype(dtype)
    for call in (
        lambda: model.predict(wrong),
        lambda: model.fit(wrong, y, loss=net.loss),
        lambda: model.adapt(wrong),
        lambda: model.loss_and_gradient(wrong, y, loss=net.loss),
    ):
        with pytest.raises(TypeError, match="real numbers"):
            call()
    assert model.fingerprint() == before
