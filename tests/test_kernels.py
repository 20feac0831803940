"""The kernels: against NumPy, against central differences, and on arrays of every kind of layout."""

import itertools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from numpy.typing import NDArray
from numpy_twin import ACTIVATIONS, LOSSES

import purrceptron as purr
from purrceptron import _core, kernels

Array = NDArray[Any]
SIZES = [0, 1, 2, 3, 7, 13, 17]
RELATIVE = 1e-6  # of the tensor's norm


def layouts(array: Array) -> dict[str, Array]:
    """The same numbers in memory of every kind."""
    wide = np.full([2 * size for size in array.shape], 99, array.dtype)
    wide[tuple(slice(None, None, 2) for _ in array.shape)] = array
    misaligned = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    misaligned[...] = array
    read_only = array.copy()
    read_only.flags.writeable = False
    backwards = np.flip(array).copy()
    return {
        "C": np.ascontiguousarray(array),
        "Fortran": np.asfortranarray(array),
        "transposed": np.ascontiguousarray(array.T).T,
        "every second": wide[tuple(slice(None, None, 2) for _ in array.shape)],
        "negative strides": np.flip(backwards),
        "read-only": read_only,
        "misaligned": misaligned,
        "other byte order": array.astype(array.dtype.newbyteorder()),
    }


LAYOUTS = list(layouts(np.zeros((1, 1))))


def numbers(*shape: int, seed: int = 0, dtype: str = "float64") -> Array:
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype(dtype)


def away_from_kinks(*shape: int, seed: int = 0) -> Array:
    values = numbers(*shape, seed=seed)
    return values + np.copysign(0.1, values)


def central_differences(f: Callable[[Array], float], at: Array, step: float = 1e-5) -> Array:
    gradient = np.zeros(at.shape)
    for index in np.ndindex(at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (f(up) - f(down)) / (2 * step)
    return gradient


def assert_is_gradient(gradient: Array, f: Callable[[Array], float], at: Array) -> None:
    numeric = central_differences(f, at)
    assert gradient.shape == at.shape
    assert np.linalg.norm(gradient - numeric) <= RELATIVE * np.linalg.norm(numeric)


# Matrix multiplication


def unit_roundoff(dtype: str) -> float:
    return float(np.finfo(dtype).eps) / 2


@pytest.mark.parametrize("shape", [*itertools.product([1, 3, 17], [1, 31, 257, 700], [1, 13]), (20, 12288, 37)])
def test_float32_product_is_within_the_stated_bound(shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    a, b = numbers(m, k, dtype="float32"), numbers(k, n, seed=1, dtype="float32")
    exact = a.astype("float64") @ b.astype("float64")
    bound = (256 + k / 256 + 1) * unit_roundoff("float32") * (abs(a).astype("float64") @ abs(b))
    product = kernels.matmul(a, b)
    assert product.dtype == np.float32
    assert np.all(abs(product - exact) <= bound)


@pytest.mark.parametrize("k", [1, 2, 255, 256, 257, 530])
def test_float64_sums_are_blocks_of_256_fused_steps(k: int) -> None:
    a, b = numbers(2, k), numbers(k, 2, seed=1)

    def fused_sum(x: Array, y: Array) -> float:  # a fraction's conversion to float is correctly rounded
        blocks = []
        for start in range(0, k, 256):
            total = 0.0
            for p, q in zip(x[start : start + 256], y[start : start + 256], strict=True):
                total = float(Fraction(p) * Fraction(q) + Fraction(total))
            blocks.append(total)
        return sum(blocks[1:], start=blocks[0])

    expected = [[fused_sum(row, column) for column in b.T] for row in a]
    np.testing.assert_array_equal(kernels.matmul(a, b), expected)


@pytest.mark.parametrize(("m", "k", "n"), list(itertools.product([0, 1, 5], [0, 1, 5], [0, 1, 5])))
def test_empty_products_are_zeros_of_the_right_shape(m: int, k: int, n: int) -> None:
    product = kernels.matmul(np.ones((m, k)), np.ones((k, n)))
    np.testing.assert_array_equal(product, np.full((m, n), float(k)), strict=True)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(67, 301, 131), (5, 2000, 61), (300, 3, 299)])
def test_threads_cannot_change_a_bit_of_a_product(shape: tuple[int, int, int], dtype: str) -> None:
    m, k, n = shape
    a, b = numbers(m, k, dtype=dtype), numbers(k, n, seed=1, dtype=dtype)
    one = kernels.matmul(a, b, n_threads=1)
    for n_threads in (2, 3, 5):
        np.testing.assert_array_equal(kernels.matmul(a, b, n_threads=n_threads), one)


@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_memory_layout_cannot_change_a_bit_of_a_product(left: str, right: str) -> None:
    a, b = numbers(19, 300), numbers(300, 23, seed=1)
    product = kernels.matmul(layouts(a)[left], layouts(b)[right])
    np.testing.assert_array_equal(product, kernels.matmul(a, b))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.data())
def test_rows_and_columns_of_a_product_do_not_depend_on_the_others(m: int, k: int, n: int, data: Any) -> None:
    a, b = numbers(m, k, dtype="float32"), numbers(k, n, seed=1, dtype="float32")
    rows = slice(*sorted((data.draw(st.integers(0, m)), data.draw(st.integers(0, m)))))
    columns = slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n)))))
    np.testing.assert_array_equal(kernels.matmul(a[rows], b[:, columns]), kernels.matmul(a, b)[rows, columns])


@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda s: st.tuples(
            st_numpy.arrays(np.int64, s[:2], elements=st.integers(-1000, 1000)),
            st_numpy.arrays(np.int64, s[1:], elements=st.integers(-1000, 1000)),
        )
    )
)
def test_products_of_whole_numbers_are_exact_in_float64(operands: tuple[Array, Array]) -> None:
    a, b = operands
    product = kernels.matmul(a, b)
    assert product.dtype == np.float64
    np.testing.assert_array_equal(product, a @ b)


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint16", "bool", "longdouble", "float64"])
def test_numbers_that_are_not_float32_become_float64(dtype: str) -> None:
    z = np.array([[0, 1, 1], [1, 0, 1]], dtype)
    for result in (kernels.matmul(z, z.T), kernels.relu(z), kernels.dense_backward(z, z, np.eye(3))[1]):
        assert result.dtype == np.float64
    np.testing.assert_array_equal(kernels.matmul(z, z.T), [[2, 1], [1, 2]])


def test_float32_stays_float32_in_every_kernel() -> None:
    x, kernel, bias = numbers(3, 4, dtype="float32"), numbers(4, 2), numbers(2)
    z = kernels.dense_forward(x, kernel, bias)
    results = [z, *kernels.dense_backward(z, x, kernel), kernels.sgd(z, z, 0.1)]
    for name in _core.names("activation"):
        results += [kernels.activation_forward(name, z), kernels.activation_backward(name, z, z, z=z)]
    for name in _core.names("loss"):
        results.append(kernels.loss(name, z, np.eye(3)[:, : 1 if name == "gaussian_nll" else 2])[1])
    assert [result.dtype.name for result in results] == ["float32"] * len(results)


# The dense layer


@pytest.mark.parametrize(
    ("samples", "inputs", "units"), list(itertools.product([0, 1, 3, 17], [0, 1, 5, 13], [0, 1, 7]))
)
def test_dense_layer_equals_numpy_at_awkward_sizes(samples: int, inputs: int, units: int) -> None:
    x, kernel, bias = numbers(samples, inputs), numbers(inputs, units), numbers(units)
    z = kernels.dense_forward(x, kernel, bias)
    np.testing.assert_allclose(z, x @ kernel + bias, rtol=1e-12, atol=1e-13, strict=True)
    dz = numbers(samples, units, seed=5)
    for ours, numpys in zip(kernels.dense_backward(dz, x, kernel), (dz @ kernel.T, x.T @ dz, dz.sum(0)), strict=True):
        np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-13, strict=True)


@pytest.mark.parametrize(
    ("samples", "inputs", "units"), [*itertools.product([0, 1, 7], [1, 3, 13], [1, 2, 5]), (3, 0, 2), (3, 2, 0)]
)
def test_dense_gradients_equal_central_differences(samples: int, inputs: int, units: int) -> None:
    x, kernel, bias = numbers(samples, inputs), numbers(inputs, units), numbers(units)
    dz = numbers(samples, units, seed=5)
    dx, dkernel, dbias = kernels.dense_backward(dz, x, kernel)

    def total(x: Array, kernel: Array, bias: Array) -> float:
        return float(np.sum(dz * kernels.dense_forward(x, kernel, bias)))

    assert_is_gradient(dx, lambda x: total(x, kernel, bias), x)
    assert_is_gradient(dkernel, lambda kernel: total(x, kernel, bias), kernel)
    assert_is_gradient(dbias, lambda bias: total(x, kernel, bias), bias)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_cannot_change_a_bit_of_a_dense_layer(layout: str) -> None:
    x, kernel, bias, dz = numbers(19, 31), numbers(31, 5), numbers(5), numbers(19, 5)
    laid = [layouts(array)[layout] for array in (x, kernel, bias, dz)]
    np.testing.assert_array_equal(kernels.dense_forward(*laid[:3]), kernels.dense_forward(x, kernel, bias))
    ours = kernels.dense_backward(laid[3], laid[0], laid[1])
    for result, expected in zip(ours, kernels.dense_backward(dz, x, kernel), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_threads_cannot_change_a_bit_of_a_dense_layer() -> None:
    x, kernel, bias, dz = numbers(300, 61), numbers(61, 47), numbers(47), numbers(300, 47)
    one = [kernels.dense_forward(x, kernel, bias, n_threads=1), *kernels.dense_backward(dz, x, kernel, n_threads=1)]
    for n_threads in (2, 3):
        more = [
            kernels.dense_forward(x, kernel, bias, n_threads=n_threads),
            *kernels.dense_backward(dz, x, kernel, n_threads=n_threads),
        ]
        for result, expected in zip(more, one, strict=True):
            np.testing.assert_array_equal(result, expected)


# Activations, all that the core names


def test_the_twin_has_every_activation_and_every_loss() -> None:
    assert set(_core.names("activation")) == set(ACTIVATIONS)
    assert set(_core.names("loss")) == set(LOSSES)


@pytest.mark.parametrize("name", _core.names("activation"))
@pytest.mark.parametrize("shape", list(itertools.product(SIZES, SIZES[1:])))
def test_activation_equals_numpy(name: str, shape: tuple[int, int]) -> None:
    forward, pull_back = ACTIVATIONS[name]
    z, da = 3 * away_from_kinks(*shape), numbers(*shape, seed=1)
    a = kernels.activation_forward(name, z)
    np.testing.assert_allclose(a, forward(z), rtol=1e-13, atol=1e-15, strict=True)
    dz = kernels.activation_backward(name, a, da, z=z)
    np.testing.assert_allclose(dz, pull_back(z, da), rtol=1e-9, atol=1e-13, strict=True)


@pytest.mark.parametrize("name", _core.names("activation"))
def test_activation_of_samples_without_units_keeps_their_number(name: str) -> None:
    z = np.zeros((3, 0))
    assert kernels.activation_forward(name, z).shape == (3, 0)
    assert kernels.activation_backward(name, z, z, z=z).shape == (3, 0)


@pytest.mark.parametrize("name", _core.names("activation"))
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (3, 5), (13, 2)])
def test_activation_gradient_equals_central_differences(name: str, shape: tuple[int, int]) -> None:
    z, da = away_from_kinks(*shape), numbers(*shape, seed=1)
    dz = kernels.activation_backward(name, kernels.activation_forward(name, z), da, z=z)

    def total(z: Array) -> float:
        return float(np.sum(da * kernels.activation_forward(name, z)))

    if name in ("softmax", "log_softmax") and shape[1] == 1:  # constant
        np.testing.assert_array_equal(dz, np.zeros(shape))
    else:
        assert_is_gradient(dz, total, z)


@pytest.mark.parametrize("name", _core.names("activation"))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_cannot_change_a_bit_of_an_activation(name: str, layout: str) -> None:
    z, da = numbers(11, 7), numbers(11, 7, seed=1)
    a = kernels.activation_forward(name, z)
    np.testing.assert_array_equal(kernels.activation_forward(name, layouts(z)[layout]), a)
    result = kernels.activation_backward(name, layouts(a)[layout], layouts(da)[layout], z=layouts(z)[layout])
    np.testing.assert_array_equal(result, kernels.activation_backward(name, a, da, z=z))


@pytest.mark.parametrize("name", _core.names("activation"))
def test_an_activation_takes_z_for_its_derivative_only_where_it_needs_it(name: str) -> None:
    z, da = numbers(5, 3), numbers(5, 3, seed=1)
    a = kernels.activation_forward(name, z)
    dz = kernels.activation_backward(name, a, da, z=z)
    if name in ("prelu", "gelu", "gelu_tanh", "silu", "mish", "hard_swish"):
        with pytest.raises(ValueError, match=f"z must be given for {name}"):
            kernels.activation_backward(name, a, da)
    else:
        np.testing.assert_array_equal(kernels.activation_backward(name, a, da), dz)


@pytest.mark.parametrize("name", ["relu", "sigmoid", "softmax"])
def test_named_functions_are_the_activations_of_that_name(name: str) -> None:
    z, da = numbers(5, 3), numbers(5, 3, seed=1)
    a = kernels.activation_forward(name, z)
    np.testing.assert_array_equal(getattr(kernels, name)(z), a)
    backward = getattr(kernels, f"{name}_backward")
    np.testing.assert_array_equal(backward(a, da), kernels.activation_backward(name, a, da))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_turns_minus_zero_into_zero_and_keeps_nan(dtype: str) -> None:
    a = kernels.relu(np.array([[-0.0, np.nan, -np.inf, np.inf, 0.0, -1e-45]] * 9, dtype))
    np.testing.assert_array_equal(a, np.array([[0, np.nan, 0, np.inf, 0, 0]] * 9, dtype))
    assert not np.signbit(a[:, [0, 2, 4, 5]]).any()


def test_relu_has_derivative_zero_at_zero() -> None:
    z = np.array([[0.0, -0.0, 1.0, -1.0]])
    np.testing.assert_array_equal(kernels.relu_backward(kernels.relu(z), np.ones_like(z)), [[0, 0, 1, 0]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_activations_are_right_and_finite_at_extreme_logits(dtype: str) -> None:
    z = np.array([[-1e4, 1e4], [1e4, 1e4], [-1e4, -1e4], [0, -1e4]], dtype)
    np.testing.assert_array_equal(kernels.sigmoid(z), [[0, 1], [1, 1], [0, 0], [0.5, 0]])
    np.testing.assert_array_equal(kernels.softmax(z), [[0, 1], [0.5, 0.5], [0.5, 0.5], [1, 0]])
    np.testing.assert_array_equal(kernels.activation_forward("tanh", z), np.sign(z))


@pytest.mark.parametrize("name", _core.names("activation"))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_stays_nan_through_every_activation(name: str, dtype: str) -> None:
    z = np.array([[1, np.nan, 2], [1, 2, 3]], dtype)
    a = kernels.activation_forward(name, z)
    assert np.isnan(a[0, 1])
    assert np.isfinite(a[1]).all()


@given(
    st_numpy.arrays(
        st.sampled_from([np.float32, np.float64]), st.tuples(st.integers(1, 5), st.integers(1, 40)),
        elements=st.floats(-100, 100, width=32),
    )
)  # fmt: skip
def test_activations_are_as_near_to_numpy_as_documented(z: Array) -> None:
    wide = z.astype(np.longdouble)
    for name, exact, ulps in [("sigmoid", 1 / (1 + np.exp(-wide)), 2.5), ("tanh", np.tanh(wide), 2.5)]:
        a = kernels.activation_forward(name, z)
        assert np.all(abs(a - exact) <= (ulps + 0.01) * np.spacing(abs(exact).astype(z.dtype))), name
    probabilities = kernels.softmax(z)
    few_roundings = (z.shape[1] + 4) * np.finfo(z.dtype).eps
    np.testing.assert_allclose(probabilities.sum(axis=1, dtype="float64"), 1, rtol=few_roundings)


# Losses, all that the core names


def loss_case(name: str, samples: int, outputs: int) -> tuple[Array, Array]:
    """Outputs, and targets that the loss takes."""
    values = np.random.default_rng([samples, outputs]).random((samples, outputs))
    if name in ("cross_entropy", "kl_divergence"):
        values /= values.sum(axis=1, keepdims=True)
    if name in ("hinge", "squared_hinge"):
        values = values.round()
    return numbers(samples, (2 if name == "gaussian_nll" else 1) * outputs), values


@pytest.mark.parametrize("name", _core.names("loss"))
@pytest.mark.parametrize("shape", list(itertools.product([1, 2, 13, 17], [1, 2, 3, 7])))
def test_loss_equals_numpy(name: str, shape: tuple[int, int]) -> None:
    z, y = loss_case(name, *shape)
    z = 3 * z
    value, gradient = kernels.loss(name, z, y)
    expected_value, expected_gradient = LOSSES[name][0](z, y)
    assert isinstance(value, float)
    assert value == pytest.approx(expected_value, rel=1e-12, abs=1e-14)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-10, atol=1e-15, strict=True)


@pytest.mark.parametrize("name", _core.names("loss"))
@pytest.mark.parametrize("shape", [(1, 2), (1, 7), (7, 3), (13, 5)])
def test_loss_gradient_equals_central_differences(name: str, shape: tuple[int, int]) -> None:
    z, y = loss_case(name, *shape)
    assert_is_gradient(kernels.loss(name, z, y)[1], lambda z: kernels.loss(name, z, y)[0], z)


@pytest.mark.parametrize("name", _core.names("loss"))
@pytest.mark.parametrize("layout", LAYOUTS)
def test_memory_layout_cannot_change_a_bit_of_a_loss(name: str, layout: str) -> None:
    z, y = loss_case(name, 11, 7)
    value, gradient = kernels.loss(name, layouts(z)[layout], layouts(y)[layout])
    expected_value, expected_gradient = kernels.loss(name, z, y)
    assert value == expected_value
    np.testing.assert_array_equal(gradient, expected_gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_losses_are_right_and_finite_at_extreme_logits(dtype: str) -> None:
    z, y = np.array([[1e4], [-1e4], [1e4], [-1e4]], dtype), np.array([1, 0, 0, 1])
    value, gradient = kernels.binary_cross_entropy(z, y)
    assert value == pytest.approx(5e3)
    np.testing.assert_array_equal(gradient, np.array([[0], [0], [0.25], [-0.25]], dtype))
    z, y = np.array([[1e4, -1e4, 0], [1e4, -1e4, 0]], dtype), np.array([0, 1])
    value, gradient = kernels.cross_entropy(z, y)
    assert value == pytest.approx(1e4)
    np.testing.assert_array_equal(gradient, np.array([[0, 0, 0], [0.5, -0.5, 0]], dtype))
    assert kernels.cross_entropy(z, np.eye(3)[y])[0] == pytest.approx(1e4)


@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 2**32))
def test_classes_and_one_hot_rows_give_the_same_cross_entropy(samples: int, outputs: int, seed: int) -> None:
    z = numbers(samples, outputs, seed=seed)
    classes = np.random.default_rng(seed).integers(0, outputs, samples)
    value, gradient = kernels.cross_entropy(z, classes)
    one_hot_value, one_hot_gradient = kernels.cross_entropy(z, np.eye(outputs)[classes])
    assert value == pytest.approx(one_hot_value, rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(gradient, one_hot_gradient, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float32"])
def test_targets_of_one_output_come_in_any_type_and_shape(shape: tuple[int, ...], dtype: str) -> None:
    z, y = numbers(4, 1), np.array([0, 1, 1, 0])
    assert kernels.binary_cross_entropy(z, y.astype(dtype).reshape(shape))[0] == kernels.binary_cross_entropy(z, y)[0]


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "uint32", "int64", "uint64", "float16", "float32", "float64"]
)
def test_classes_come_in_any_type_and_shape(shape: tuple[int, ...], dtype: str) -> None:
    z, y = numbers(4, 3), np.array([0, 1, 1, 0])
    assert kernels.cross_entropy(z, y.astype(dtype).reshape(shape))[0] == kernels.cross_entropy(z, y)[0]


def test_sgd_is_the_unfused_update_in_the_type_of_the_parameter() -> None:
    w, g = numbers(5, 3, dtype="float32"), numbers(5, 3, seed=1, dtype="float32")
    np.testing.assert_array_equal(kernels.sgd(w, g, 0.1), w - np.float32(0.1) * g, strict=True)


# First values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in _core.names("initializer") if name.endswith("uniform")])
def test_initializer_draws_evenly_within_its_limits(name: str, dtype: str) -> None:
    inputs, units = 300, 200
    limit = {
        "uniform": 0.05,
        "scaled_uniform": 1 / inputs**0.5,
        "glorot_uniform": (6 / (inputs + units)) ** 0.5,
        "he_uniform": (6 / inputs) ** 0.5,
        "lecun_uniform": (3 / inputs) ** 0.5,
    }[name]
    kernel = kernels.initialize(inputs, units, initializer=name, seed=3, dtype=dtype)
    assert kernel.shape == (inputs, units)
    assert kernel.dtype == dtype
    assert abs(kernel).max() <= limit * (1 + 1e-6)
    standard_error = limit / (3 * kernel.size) ** 0.5
    assert abs(kernel.mean()) < 5 * standard_error
    assert kernel.var() == pytest.approx(limit**2 / 3, rel=0.02)
    assert np.histogram(kernel, 10, (-limit, limit))[0] == pytest.approx(kernel.size / 10, rel=0.07)
    assert abs(np.corrcoef(kernel[:-1].ravel(), kernel[1:].ravel())[0, 1]) < 0.02


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [name for name in _core.names("initializer") if name.endswith("normal")])
def test_normal_initializers_have_their_deviation(name: str, dtype: str) -> None:
    inputs, units = 300, 200
    deviation = {
        "normal": 0.05,
        "truncated_normal": 0.05 * 0.773741**0.5,
        "glorot_normal": (2 / (inputs + units)) ** 0.5,
        "he_normal": (2 / inputs) ** 0.5,
        "lecun_normal": (1 / inputs) ** 0.5,
    }[name]
    kernel = kernels.initialize(inputs, units, initializer=name, seed=3, dtype=dtype)
    assert abs(kernel.mean()) < 5 * deviation / kernel.size**0.5
    assert kernel.std() == pytest.approx(deviation, rel=0.02)
    within = np.mean(abs(kernel) < deviation)
    assert within == pytest.approx(0.6827 if name != "truncated_normal" else 0.6521, abs=0.01)
    assert abs(np.corrcoef(kernel[:-1].ravel(), kernel[1:].ravel())[0, 1]) < 0.02


def test_the_other_initializers_are_what_they_say() -> None:
    def draw(initializer: Any) -> Array:
        return kernels.initialize(30, 20, initializer=initializer, seed=3, dtype="float64")

    assert not draw("zeros").any()
    assert (draw("ones") == 1).all()
    assert (draw(purr.initializers.Constant(-0.25)) == -0.25).all()
    orthogonal = draw(purr.initializers.Orthogonal(2.0))
    np.testing.assert_allclose(orthogonal.T @ orthogonal, 4 * np.eye(20), atol=1e-13)
    with pytest.raises(ValueError, match="array"):
        draw(purr.initializers.FromArray(np.ones((30, 20))))


def test_initial_values_differ_by_seed_and_layer_and_agree_across_types() -> None:
    draws = [kernels.initialize(5, 4, seed=s, layer=n, dtype="float64") for s in (0, 1, 2**64 - 1) for n in (0, 1)]
    assert len({draw.tobytes() for draw in draws}) == len(draws)
    single = kernels.initialize(5, 4, seed=1, layer=1, dtype="float32")
    np.testing.assert_array_equal(single, kernels.initialize(5, 4, seed=1, layer=1, dtype="float64").astype("float32"))
