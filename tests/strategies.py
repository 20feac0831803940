"""What property tests draw: networks of every layer, trainings, data, and arrays in every form.

All of it is found by reflection: a new layer, loss, optimizer or schedule is drawn unasked, and a new setting asks for
a line in `SETTINGS`.
"""

import dataclasses
import math
import os
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron.activations import ActivationFunction
from purrceptron.initializers import Initializer
from purrceptron.optimizers import Average

Array = NDArray[Any]
Shape = tuple[int, ...]

TIMES = int(os.environ.get("PURRCEPTRON_EXAMPLES", "1"))


def examples(count: int, **options: Any) -> settings:
    """The same `count` examples in every run, or with `PURRCEPTRON_EXAMPLES` that many times as many, always others."""
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=count * TIMES, derandomize=TIMES == 1, deadline=None, suppress_health_check=health, **options
    )


# Descriptions

share = st.floats(0, 0.875, width=32)
part = st.floats(0.125, 0.875, width=32)
positive = st.floats(2**-10, 2.0, width=32)
rate = positive.map(lambda number: number / 8)


def named(base: Any) -> st.SearchStrategy[Any]:
    """Any member of a set of names, with settings where it has some."""
    return st.sampled_from([kind for kind in base.known().values() if not kind.is_data]).flatmap(described)


def activations(units: int) -> st.SearchStrategy[Any]:
    """Any activation; softmax of one unit is none."""
    known = ActivationFunction.known().items()
    return st.sampled_from([kind for name, kind in known if units > 1 or "softmax" not in name]).flatmap(described)


def schedules() -> st.SearchStrategy[Any]:
    return st.sampled_from(purr.Schedule.__subclasses__()).flatmap(described)


SETTINGS: dict[str, Any] = {
    # activations and initializers
    "negative_slope": share,
    "initial_slope": share,
    "value": st.floats(-1, 1, width=32),
    "limit": positive,
    "gain": positive,
    # layers
    "units": st.integers(1, 5),
    "entries": st.integers(4, 9),
    "rate": st.floats(0, 0.75, width=32),
    "deviation": positive,
    "scale": st.sampled_from([-1.5, 1 / 255, 0.5]),
    "momentum": share,
    "epsilon": positive,
    "kernel_initializer": st.deferred(lambda: named(Initializer)),
    "bias_initializer": st.deferred(lambda: named(Initializer)),
    "embeddings_initializer": st.deferred(lambda: named(Initializer)),
    "trainable": st.sampled_from([True, True, False]),
    "l1": st.sampled_from([0.0, 0.01]),
    "l2": st.sampled_from([0.0, 0.01]),
    "max_norm": st.none() | positive,
    # losses
    "label_smoothing": st.floats(0, 0.5, width=32),
    "gamma": st.sampled_from([0.0, 0.5, 2.0]),
    "alpha": part,
    "delta": positive,
    "quantile": part,
    # optimizers
    "learning_rate": rate,
    "nesterov": st.booleans(),
    "beta_1": share,
    "beta_2": share,
    "epsilon_hat": st.booleans(),
    "rho": share,
    "centered": st.booleans(),
    "shrinkage": part,
    "growth": st.floats(1.125, 2, width=32),
    "shortest": st.just(1e-6),
    "longest": st.just(0.5),
    "weight_decay": st.sampled_from([0.0, 0.1]),
    "clip_norm": st.none() | positive,
    "clip_value": st.none() | positive,
    "layer_rates": st.just({}),
    "average": st.none() | st.sampled_from(Average.__subclasses__()).flatmap(lambda kind: described(kind)),
    "decay": part,
    "start": st.integers(0, 5),
    # schedules
    "steps": st.integers(2, 9),
    "factor": part,
    "boundaries": st.just((2, 5)),
    "end": st.just(0.0),
    "power": positive,
    "period_factor": st.integers(1, 2),
    "peak_factor": st.floats(0.5, 1, width=32),
    "warm_up": part,
    "start_divisor": st.just(4.0),
    "end_divisor": st.just(100.0),
    "then": rate,
    "patience": st.integers(1, 2),
    "min_delta": st.just(0.0),
}


def described(kind: Any, **given: Any) -> st.SearchStrategy[Any]:
    """A description of this kind; settings that are not given are drawn."""
    names = [field.name for field in dataclasses.fields(kind)]
    missing = [name for name in names if name not in {**SETTINGS, **given}]
    assert not missing, f"tests/strategies.py: SETTINGS needs a line for {missing[0]} of {kind.__name__}"
    return st.builds(kind, **{name: given[name] if name in given else SETTINGS[name] for name in names})


# Networks


@dataclasses.dataclass(frozen=True)
class Net:
    """A network that makes sense, in words: what builds it, and the shapes that its layers must have."""

    layers: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    """Of a sample: the input's first, then that of every layer's output, reckoned here."""
    dtype: str
    seed: int
    loss: Any

    @property
    def input_shape(self) -> Shape:
        return self.shapes[0]

    @property
    def reads_entries(self) -> int:
        """Whether the inputs choose rows of a table, and of how many."""
        return self.layers[0].entries if isinstance(self.layers[0], purr.Embedding) else 0

    def build(self) -> purr.Sequential:
        return purr.Sequential(self.layers, input_shape=self.input_shape, seed=self.seed, dtype=self.dtype)

    def x(self, samples: int, seed: int) -> Array:
        """Samples that it reads."""
        random = np.random.default_rng(seed)
        if self.reads_entries:
            return random.integers(0, self.reads_entries, (samples, *self.input_shape))
        return random.normal(size=(samples, *self.input_shape)).astype(self.dtype)

    def y(self, samples: int, seed: int) -> Array:
        """Targets that its loss takes."""
        random, width = np.random.default_rng(seed + 1), self.loss.target_width(math.prod(self.shapes[-1]))
        if self.loss.takes_classes:
            return random.integers(0, width, samples)
        if self.loss.type_name() == "kl_divergence":
            return random.dirichlet(np.ones(width), samples)
        return random.integers(0, 2, (samples, width)).astype(self.dtype)  # classes, counts and numbers at once


def outputs_of(layer: Any, shape: Shape) -> Shape:
    """The shape that a layer makes of a sample's, as the documentation has it."""
    if isinstance(layer, purr.Dense):
        return (layer.units,)
    if isinstance(layer, purr.Flatten):
        return (math.prod(shape),)
    if isinstance(layer, purr.Embedding):
        return (*shape, layer.units)
    return shape


@st.composite
def layers(draw: Any, shape: Shape, first: bool, within: int = 0) -> Any:
    """Any layer that reads samples of this shape, `within` so many residual ones."""
    barred = set() if first and len(shape) == 1 else {purr.Embedding}  # which is the first layer, of places in a line
    barred |= {purr.Normalize} if within else set()
    barred |= {purr.Residual} if within > 1 else set()
    kind = draw(st.sampled_from([kind for kind in purr.Layer.__subclasses__() if kind not in barred]))
    if kind is purr.Residual:
        inner, now = [], shape
        for _ in range(draw(st.integers(1, 2))):
            layer = draw(layers(now, False, within + 1))
            if len(shape) == 1 or outputs_of(layer, now) == now:
                inner.append(layer)
                now = outputs_of(layer, now)
        if now != shape or not inner:
            inner.append(purr.Dense(math.prod(shape)) if len(shape) == 1 else purr.GaussianNoise(0.5))
        return purr.Residual(inner)
    if kind is purr.Dense:
        units = draw(SETTINGS["units"])
        return draw(described(kind, units=st.just(units), activation=activations(units)))
    if kind is purr.Activation:
        return draw(described(kind, activation=activations(shape[-1])))
    return draw(described(kind))


@st.composite
def nets(draw: Any, most: int = 4, **fixed: Any) -> Net:
    """Any network: up to `most` layers of any kind, then a dense one that the loss can be of."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    chain: list[Any] = []
    shapes = [shape]
    for _ in range(draw(st.integers(0, most))):
        chain.append(draw(layers(shapes[-1], not chain)))
        shapes.append(outputs_of(chain[-1], shapes[-1]))
    loss = draw(
        fixed["loss"] if "loss" in fixed else st.sampled_from(purr.losses.Loss.__subclasses__()).flatmap(described)
    )
    units = draw(st.sampled_from([2, 4]))  # means and variances come in pairs
    chain.append(purr.Dense(units))
    shapes.append((units,))
    dtype = draw(fixed["dtype"] if "dtype" in fixed else st.sampled_from(["float32", "float64"]))
    return Net(tuple(chain), tuple(shapes), dtype, draw(st.integers(0, 2**64 - 1)), loss)


@st.composite
def optimizers(draw: Any, net: Net) -> Any:
    """Any optimizer, at a rate or by a schedule, with rates of its own for the last layer at times."""
    kind = draw(st.sampled_from([purr.SGD, purr.SGD, *purr.Optimizer.__subclasses__()]))  # it alone can be reduced
    given: dict[str, Any] = {"layer_rates": st.sampled_from([{}, {len(net.layers) - 1: 0.5}])}
    if kind is purr.SGD:  # Nesterov's look-ahead is one of momentum
        momentum = draw(share)
        given |= {"momentum": st.just(momentum), "nesterov": st.booleans() if momentum else st.just(False)}
    if draw(st.booleans()) and kind is not purr.RPROP:
        given["learning_rate"] = schedules()
    return draw(described(kind, **given))


def solvers(net: Net, optimizer: Any) -> st.SearchStrategy[str]:
    """The solvers that may be asked for; of "reduced" there are further conditions."""
    reducible = isinstance(net.layers[0], purr.Dense) and isinstance(optimizer, purr.SGD)
    return st.sampled_from(["reduced", "direct", "auto"] if reducible else ["direct", "auto"])


def trainings(most: int = 4) -> st.SearchStrategy[tuple[Net, Any]]:
    """A network and an optimizer for it."""
    return nets(most).flatmap(lambda net: st.tuples(st.just(net), optimizers(net)))


# Arrays


def forms(x: Array) -> dict[str, Array]:
    """The same numbers as arrays of every layout, byte order and kind that holds them exactly; one is read-only."""
    random = np.random.default_rng(0)
    wide = random.normal(size=tuple(2 * n + 1 for n in x.shape)).astype(x.dtype)
    wide[tuple(slice(1, None, 2) for _ in x.shape)] = x
    backwards = tuple(slice(None, None, -1) for _ in x.shape)
    raw = np.zeros(x.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(x.dtype).reshape(x.shape)
    unaligned[...] = x
    frozen = x.copy()
    frozen.flags.writeable = False
    made = {
        "C order": x.copy(),
        "Fortran order": np.asfortranarray(x),
        "every second number": wide[tuple(slice(1, None, 2) for _ in x.shape)],
        "backwards": x[backwards].copy()[backwards],
        "transposed": np.ascontiguousarray(x.T).T,
        "unaligned": unaligned,
        "read-only": frozen,
        "other byte order": x.astype(x.dtype.newbyteorder()),
        "a list": x.tolist(),
        "a memoryview": memoryview(x.copy()),
    }
    if x.ndim > 1:
        made["rows apart"] = np.repeat(x, 2, axis=0)[::2]
        made["a part of wider rows"] = np.concatenate([x, x], axis=-1)[..., : x.shape[-1]]
    for dtype in ("uint8", "int8", "int32", "uint64", "float16", "float32", "float64", "longdouble", "bool"):
        with np.errstate(all="ignore"):
            other = x.astype(dtype)
        if np.array_equal(other.astype(x.dtype), x) and not (x.dtype.kind == "f" and np.signbit(x[x == 0]).any()):
            made[dtype] = other
    return made
