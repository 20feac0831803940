"""The same bits: for any number of threads, instruction set, layout, process, and from day to day."""

import itertools
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron import _core

Array = NDArray[Any]


def pictures(samples: int = 90) -> tuple[Array, Array]:
    """Bytes and classes from arithmetic alone: NumPy's generators may change."""
    numbers = np.arange(samples * 8 * 8 * 3, dtype=np.uint64)
    images = (numbers * np.uint64(2654435761) >> np.uint64(7)).astype(np.uint8).reshape(samples, 8, 8, 3)
    labels = np.arange(samples) % 3
    images[labels == 1, :4] //= 2
    images[labels == 2, :, 4:] //= 2
    return images, labels


def softmax_by_adam(n_threads: int | None = None, seed: int = 0) -> purr.Sequential:
    images, labels = pictures()
    layers = [
        purr.Rescale(1 / 255),
        purr.Dense(33, "relu", "he_uniform"),
        purr.Dense(9, "tanh"),
        purr.Dense(3, "softmax"),
    ]
    net = purr.Sequential(layers, seed=seed)
    net.fit(images, labels, epochs=3, batch_size=32, optimizer="adam", n_threads=n_threads)
    return net


def sigmoid_on_bytes(n_threads: int | None = None, seed: int = 0) -> purr.Sequential:
    images, labels = pictures()
    layers = [purr.Rescale(1 / 255), purr.Dense(20, "relu"), purr.Dense(7, "relu"), purr.Dense(1, "sigmoid")]
    net = purr.Sequential(layers, seed=seed)
    options: dict[str, Any] = {"epochs": 30, "batch_size": None, "optimizer": purr.SGD(0.05), "n_threads": n_threads}
    net.fit(images, labels > 0, solver="direct", **options)
    return net


def reduced_on_bytes(n_threads: int | None = None, seed: int = 0) -> purr.Sequential:
    images, labels = pictures()
    net = purr.Sequential([purr.Rescale(1 / 255), purr.Dense(20, "relu"), purr.Dense(1, "sigmoid")], seed=seed)
    optimizer = purr.SGD(0.02, momentum=0.5)
    net.fit(images, labels > 0, epochs=9, batch_size=40, optimizer=optimizer, n_threads=n_threads, solver="reduced")
    return net


def regression_in_float64(n_threads: int | None = None, seed: int = 0) -> purr.Sequential:
    images, labels = pictures()
    net = purr.Sequential([purr.Dense(13, "sigmoid", "glorot_uniform"), purr.Dense(2)], seed=seed, dtype="float64")
    y = np.stack([labels, labels**2], axis=1) / 4
    optimizer = purr.SGD(0.02, momentum=0.9, nesterov=True)
    net.fit(
        images / 256,
        y,
        epochs=3,
        batch_size=25,
        optimizer=optimizer,
        loss="mean_squared_error",
        solver="direct",
        n_threads=n_threads,
    )
    return net


# The weights of these trainings on x86-64 with AVX-512, AVX2 and without (also on an emulated processor of 2008, see
# test_emulated.py), first pinned with version 0.1.0. A new value belongs here only with a change that is meant to give
# other numbers (another order of a sum, another stream of random numbers, another formula). Such a change is a new
# minor version at least and has a line in the CHANGELOG: users' networks get other bits, too.
GOLDEN: list[tuple[Callable[..., purr.Sequential], str]] = [
    (softmax_by_adam, "014c61bf8a08551065ee2ea3baa4fbbeaab5272ee9895329b975451b61b6bb9c"),
    (sigmoid_on_bytes, "af998e07b080a98bafd5c9985ea77b8570bb9e9fe1207c220368269284869020"),
    (reduced_on_bytes, "2d417dfa594151863e663a75adcef42124d3aaa9ff1212b0599c05febe8cb667"),
    (regression_in_float64, "8bb28494e01dd74e4dc523c87df1b3d115e9eb6a81b3a2ab3be887c292b4041d"),
]
TRAININGS = [training for training, _ in GOLDEN]


@pytest.mark.parametrize(("training", "fingerprint"), GOLDEN, ids=[training.__name__ for training in TRAININGS])
def test_trained_weights_are_those_of_the_first_release(
    training: Callable[..., purr.Sequential], fingerprint: str
) -> None:
    assert training().fingerprint() == fingerprint


@pytest.mark.parametrize("training", TRAININGS)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(training: Callable[..., purr.Sequential]) -> None:
    assert training(seed=5).fingerprint() == training(seed=5).fingerprint() != training(seed=6).fingerprint()


@pytest.mark.parametrize("training", TRAININGS)
def test_threads_cannot_change_a_bit_of_a_training(training: Callable[..., purr.Sequential]) -> None:
    assert {training(n_threads=n_threads).fingerprint() for n_threads in (1, 2, 3, 8, None)} == {
        training().fingerprint()
    }


@pytest.mark.parametrize(
    "environment",
    [
        {"PURRCEPTRON_ISA": "portable"},
        {"PURRCEPTRON_ISA": "avx2"},
        {"PURRCEPTRON_ISA": "avx512"},
        {"PYTHONHASHSEED": "1"},
        {"PYTHONHASHSEED": "2", "PURRCEPTRON_NUM_THREADS": "3"},
    ],
    ids=str,
)
def test_another_process_and_instruction_set_give_the_same_bits(
    environment: dict[str, str], run_python: Callable[..., str]
) -> None:
    script = """
import sys; sys.path.insert(0, sys.argv[1])
import test_reproducibility as t
print(t._core.instruction_set(), *(training().fingerprint() for training in t.TRAININGS))
"""
    level, *prints = run_python(script, os.path.dirname(__file__), **environment).split()
    assert prints == [training().fingerprint() for training in TRAININGS]
    levels = ["portable", "avx2", "avx512"]
    asked = environment.get("PURRCEPTRON_ISA", "avx512")
    assert levels.index(level) == min(levels.index(asked), levels.index(_core.instruction_set()))


@pytest.mark.parametrize("name", ["avx3", "AVX2", "", "sse2"])
def test_an_instruction_set_that_is_none_is_refused_at_import(name: str, run_python: Callable[..., str]) -> None:
    script = """
try:
    import purrceptron
except ValueError as error:
    print(error)
"""
    message = run_python(script, PURRCEPTRON_ISA=name)
    assert message == f'PURRCEPTRON_ISA must be one of portable, avx2, avx512, got "{name}"'


@pytest.mark.parametrize("batch_size", [None, 32])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["direct", "reduced"])
def test_equal_numbers_give_equal_bits_whatever_their_type_and_layout(
    dtype: str, batch_size: int | None, solver: str
) -> None:
    images, labels = pictures()
    backwards = images[::-1].copy()
    kinds = {
        "bytes": images,
        "float32": images.astype("float32"),
        "float64": images.astype("float64"),
        "int64": images.astype("int64"),
        "Fortran": np.asfortranarray(images),
        "Fortran rows": np.asfortranarray(images.reshape(len(images), -1)),
        "Fortran rows of floats": np.asfortranarray(images.reshape(len(images), -1).astype(dtype)),
        "negative strides": backwards[::-1],
        "every second": np.repeat(images, 2, axis=0)[::2],
        "other byte order": images.astype(">f8"),
        "list": images.tolist(),
    }
    prints = {}
    for kind, x in kinds.items():
        layers = [purr.Rescale(1 / 255), purr.Dense(12, "relu"), purr.Dense(3, "softmax")]
        net = purr.Sequential(layers, input_shape=(8, 8, 3), seed=0, dtype=dtype)
        net.fit(x, labels, epochs=2, batch_size=batch_size, optimizer="sgd", solver=solver)
        prints[kind] = (net.fingerprint(), net.predict(x).tobytes())
    assert len(set(prints.values())) == 1, prints.keys()


@given(st.lists(st.integers(0, 1100), max_size=5), st.sampled_from(["float32", "float64"]))
def test_predictions_in_one_go_equal_those_in_pieces(cuts: list[int], dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=(1100, 37))
    net = purr.Sequential.from_string("37-19-3", seed=0, dtype=dtype)
    whole = net.predict(x)
    bounds = sorted({0, *cuts, len(x)})
    pieces = [net.predict(x[start:end]) for start, end in itertools.pairwise(bounds)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    np.testing.assert_array_equal(net.predict(x[700:701])[0], whole[700])
    np.testing.assert_array_equal(net.predict(x[::-1]), whole[::-1])
    np.testing.assert_array_equal(net.predict(x, n_threads=1), net.predict(x, n_threads=3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_few_pictures_are_predicted_as_among_many(size: int, dtype: str) -> None:
    images, _ = pictures(20)
    layers = [purr.Rescale(1 / 255), purr.Dense(33, "relu"), purr.Dense(9, "tanh"), purr.Dense(3, "softmax")]
    net = purr.Sequential(layers, input_shape=(8, 8, 3), seed=0, dtype=dtype)
    whole = net.predict(images)
    for x in (images, images.astype(dtype), np.asfortranarray(images), images[::-1].copy()[::-1]):
        for start in range(0, len(images), size):
            np.testing.assert_array_equal(net.predict(x[start : start + size]), whole[start : start + size])


def test_many_threads_may_predict_at_once() -> None:
    x = np.random.default_rng(0).normal(size=(600, 200)).astype("float32")
    net = purr.Sequential.from_string("200-150-10", seed=0)
    expected = net.predict(x)
    with ThreadPoolExecutor(4) as pool:
        for n_threads in (1, 2, 3):
            for result in pool.map(lambda _, n=n_threads: net.predict(x, n_threads=n), range(12)):
                np.testing.assert_array_equal(result, expected)


def test_networks_trained_at_once_in_threads_do_not_disturb_each_other() -> None:
    alone = [softmax_by_adam(seed=seed).fingerprint() for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = pool.map(lambda seed: softmax_by_adam(n_threads=seed % 3 + 1, seed=seed).fingerprint(), range(6))
        assert list(together) == alone


def test_a_network_may_predict_while_it_trains() -> None:
    images, labels = pictures()
    net = purr.Sequential.from_string("192-50-3", seed=0)
    before = net.predict(images)
    with ThreadPoolExecutor(1) as pool:
        training = pool.submit(net.fit, images, labels, epochs=300, batch_size=None, optimizer=purr.SGD(1e-6))
        while not training.done():
            assert np.isfinite(net.predict(images)).all()
        training.result()
    assert not np.array_equal(net.predict(images), before)
    other = purr.Sequential.from_string("192-50-3", seed=0)
    other.fit(images, labels, epochs=300, batch_size=None, optimizer=purr.SGD(1e-6))
    assert other.fingerprint() == net.fingerprint()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")
def test_a_forked_child_trains_after_its_parent_has(run_python: Callable[..., str]) -> None:
    script = """
import os, sys, signal, warnings; sys.path.insert(0, sys.argv[1])
import numpy as np, purrceptron as purr
x, y = np.random.default_rng(0).normal(size=(400, 300)), np.arange(400) % 2
def train():
    net = purr.Sequential.from_string("300-60-1", seed=0)
    net.fit(x, y, epochs=3, batch_size=None, n_threads=2)
    return net.fingerprint()
parents = train()
warnings.simplefilter("ignore")  # Python warns of forks in processes with threads: that is what is tested
child = os.fork()
if child == 0:
    signal.alarm(20)
    os._exit(0 if train() == train() == parents else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
print("ok" if status == 0 and train() == parents else f"the child ended with {status}")
"""
    assert run_python(script, os.path.dirname(__file__)) == "ok"
