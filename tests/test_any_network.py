"""Networks of any layers, with any settings: shapes, gradients, bits, files, and trainings by any optimizer."""

import copy
import dataclasses
import json
import math
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import Array, Net, examples, nets, solvers, trainings

import purrceptron as purr
from purrceptron import _core


def drawn(net: Net, seed: int) -> purr.Sequential:
    """The network with other weights than its first, biases too, and with running statistics as of a training."""
    model, random = net.build(), np.random.default_rng(seed)
    model.adapt(net.x(5, seed))
    model.set_weights([weight + 0.1 * random.normal(size=weight.shape) for weight in model.get_weights()])
    running = {name: array for name, array in model.buffers.items() if not name.endswith("count")}
    model.set_buffers({**model.buffers, **{name: x + 0.1 * random.random(x.shape) for name, x in running.items()}})
    return model


# What it is


@given(nets(), st.integers(1, 5), st.integers(0, 1000))
@examples(150)
def test_shapes_are_those_that_the_documentation_says(net: Net, samples: int, seed: int) -> None:
    model, x = drawn(net, seed), net.x(samples, seed)
    outputs = model.forward(x)
    assert [out.shape for out in outputs] == [(samples, *shape) for shape in net.shapes[1:]]
    assert {out.dtype for out in outputs} == {np.dtype(net.dtype)}
    np.testing.assert_array_equal(model.predict(x), outputs[-1].reshape(samples, -1))
    assert model.outputs == math.prod(net.shapes[-1])
    assert len(model.summary().splitlines()) == len(net.layers) + 3
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@given(nets(), st.integers(0, 1000))
@examples(150)
def test_a_network_survives_every_form_in_which_it_can_be_kept(net: Net, seed: int) -> None:
    model = drawn(net, seed)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first.safetensors"), Path(folder, "second.safetensors")
        model.save(first)
        loaded = purr.load(first)
        assert isinstance(loaded, purr.Sequential)
        loaded.save(second)
        assert second.read_bytes() == first.read_bytes()
    kept = [loaded, copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for again in kept:
        assert again == model
        assert repr(again) == repr(model)
        assert again.fingerprint() == model.fingerprint()
        assert again.predict(net.x(3, seed)).tobytes() == model.predict(net.x(3, seed)).tobytes()
    described = purr.Sequential.from_toml(net.build().to_toml())
    assert described == net.build()
    core = json.loads(_core.Network(json.dumps(net.build()._description())).spec())
    assert core == net.build()._description()


@given(nets(), st.integers(0, 1000))
@examples(100)
def test_weights_and_buffers_that_are_set_are_there_and_nothing_else(net: Net, seed: int) -> None:
    model, other = drawn(net, seed), drawn(net, seed + 1)
    model.set_weights(other.get_weights())
    model.set_buffers(other.buffers)
    assert model == other
    for name, array in model.parameters.items():
        assert array.tobytes() == other.parameters[name].tobytes()
    for place, weight in enumerate(other.get_weights()):
        changed = copy.deepcopy(other)
        changed.set_weights([*other.get_weights()[:place], weight + 1, *other.get_weights()[place + 1 :]])
        assert changed.fingerprint() != other.fingerprint()


# What it does


@given(nets(dtype=st.just("float64")), st.integers(1, 6), st.integers(0, 1000), st.booleans())
@examples(200)
def test_gradients_are_central_differences(net: Net, samples: int, seed: int, training: bool) -> None:
    """Along one direction through all weights and inputs at once, where there is no kink between the two ends."""
    model, x, random = drawn(net, seed), net.x(samples, seed), np.random.default_rng(seed)
    out = model.forward(x, training=training)[-1]
    dout = random.normal(size=out.shape)
    gradient, dx = model.backward(x, dout, training=training)
    weights, directions = model.get_weights(), [random.normal(size=weight.shape) for weight in model.get_weights()]
    along_x = np.zeros(x.shape) if net.reads_entries else random.normal(size=x.shape)

    def value(step: float) -> float:
        model.set_weights([weight + step * way for weight, way in zip(weights, directions, strict=True)])
        at = x if net.reads_entries else x + step * along_x
        return float(np.sum(dout * model.forward(at, training=training)[-1]))

    ways = [way.ravel() for way in directions]
    expected = float(gradient @ np.concatenate([*ways, np.zeros(0)])) + float(np.sum(dx * along_x))
    steps = 2.0 ** np.arange(-12, -21, -1)
    slopes = [(value(step) - value(-step)) / (2 * step) for step in steps]
    scale = float(np.linalg.norm(gradient) * np.linalg.norm(np.concatenate([*ways, np.zeros(1)])))
    scale = max(scale + float(np.linalg.norm(dx) * np.linalg.norm(along_x)), 1e-3 * abs(value(0.0)), 1e-6)
    left, right = (value(-steps[-1]) - value(0.0)) / -steps[-1], (value(steps[-1]) - value(0.0)) / steps[-1]
    assume(abs(left - right) < 1e-3 * scale)  # a kink at the very place
    assert min(abs(slope - expected) for slope in slopes) < 1e-6 * scale


@given(trainings(), st.integers(1, 40), st.integers(0, 1000), st.data())
@examples(150)
def test_a_training_has_the_same_bits_on_any_threads_or_is_refused_alike(
    training: tuple[Net, Any], samples: int, seed: int, data: Any
) -> None:
    net, optimizer = training
    x, y = net.x(samples, seed), net.y(samples, seed)
    options: dict[str, Any] = {
        "epochs": data.draw(st.integers(0, 3), "epochs"),
        "batch_size": data.draw(st.none() | st.integers(1, 50), "batch_size"),
        "shuffle": data.draw(st.booleans(), "shuffle"),
        "accumulate": data.draw(st.integers(1, 3), "accumulate"),
        "mixup": data.draw(st.sampled_from([None, 0.2]), "mixup"),
        "sample_weight": data.draw(st.sampled_from([None, np.arange(1.0, samples + 1)]), "sample_weight"),
        "validation_split": data.draw(st.sampled_from([None, 0.25]), "validation_split"),
        "solver": data.draw(solvers(net, optimizer), "solver"),
    }

    def train(n_threads: int) -> tuple[str, Any]:
        model = net.build()
        before = model.fingerprint()
        try:
            history = model.fit(x, y, optimizer=optimizer, loss=net.loss, n_threads=n_threads, **options)
        except (ValueError, purr.DivergedError) as error:
            assert model.fingerprint() == before, "what was refused changed something"
            return before, str(error)
        assert all(math.isfinite(loss) for loss in (*history.loss, *history.val_loss))
        assert len(history.loss) == options["epochs"]
        return model.fingerprint(), (history.loss, history.val_loss, history.learning_rate, history.solver)

    assert train(1) == train(2) == train(3)


def thawed(layer: Any) -> Any:
    """The same layer, all of which learns."""
    if isinstance(layer, purr.Residual):
        return purr.Residual([thawed(inner) for inner in layer.layers])
    return dataclasses.replace(layer, trainable=True) if hasattr(layer, "trainable") else layer


def frozen_parameters(layers: Any, name: str = "layers") -> Iterator[str]:
    """Where the parameters of layers that do not learn begin."""
    for place, layer in enumerate(layers):
        if isinstance(layer, purr.Residual):
            yield from frozen_parameters(layer.layers, f"{name}.{place}.layers")
        elif not getattr(layer, "trainable", True):
            yield f"{name}.{place}."


@given(trainings(), st.integers(2, 20), st.integers(0, 1000))
@examples(100)
def test_what_is_frozen_stays_and_the_rest_moves_as_if_nothing_were(
    training: tuple[Net, Any], samples: int, seed: int
) -> None:
    net, optimizer = training
    x, y = net.x(samples, seed), net.y(samples, seed)
    fixed = tuple(frozen_parameters(net.layers))
    # A norm over all gradients has a part of the frozen ones in it; a frozen BatchNorm computes something else.
    optimizer = dataclasses.replace(optimizer, clip_norm=None)
    alike = not any(name.startswith(fixed) for name in net.build().buffers)

    def trained(layers: Any) -> tuple[dict[str, Array], dict[str, Array]]:
        model = dataclasses.replace(net, layers=tuple(layers)).build()
        model.adapt(x)
        before = model.parameters
        try:
            model.fit(x, y, epochs=1, batch_size=None, optimizer=optimizer, loss=net.loss, solver="direct")
        except purr.DivergedError:
            assume(False)
        return before, model.parameters

    (before, after), (_, free) = trained(net.layers), trained(map(thawed, net.layers))
    for name, parameter in after.items():
        if name.startswith(fixed):
            assert parameter.tobytes() == before[name].tobytes(), name
        elif alike:
            assert parameter.tobytes() == free[name].tobytes(), name


@given(nets(), st.integers(1, 30), st.integers(0, 1000))
@examples(100)
def test_reading_changes_nothing_and_one_sample_is_answered_as_among_many(net: Net, samples: int, seed: int) -> None:
    model, x, y = drawn(net, seed), net.x(samples, seed), net.y(samples, seed)
    before = copy.deepcopy(model)
    answers: Array = model.predict(x)
    for place in {0, samples // 2, samples - 1}:
        assert model.predict(x[place : place + 1]).tobytes() == answers[place].tobytes()
    assert model.predict(x, n_threads=3).tobytes() == answers.tobytes()
    model.predict_proba(x)
    model.forward(x, training=True)
    model.backward(x, np.ones_like(model.forward(x)[-1]))
    first, second = (model.evaluate(x, y, loss=net.loss) for _ in range(2))
    assert first == second
    assert math.isfinite(first["loss"])
    value, gradient = model.loss_and_gradient(x, y, loss=net.loss)
    assert math.isfinite(value)
    assert sum(array.size for array in model.by_name(gradient).values()) == gradient.size
    assert repr(model)
    assert model == before
