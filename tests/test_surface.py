"""What the package shows: names, documentation, imports, and one truth in Python and in Rust."""

import ast
import dataclasses
import importlib
import inspect
import json
import pkgutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import purrceptron as purr
from purrceptron import _core
from purrceptron._spec import NamedSpec, Spec
from purrceptron.activations import ActivationFunction
from purrceptron.initializers import Initializer

SAMPLES: dict[str, Any] = {  # for fields without a default, by their type
    "int": 3,
    "float": 0.5,
    "str": "zeros",
    "bool": False,
    "tuple[int, ...]": (2, 5),
    "Schedule | float": 0.5,
    "str | ActivationFunction": purr.LeakyReLU(0.2),
    "Sequence[Layer]": (purr.Dropout(0.1), purr.GaussianNoise(0.5)),
}


MODULES = [
    "purrceptron",
    *(m.name for m in pkgutil.walk_packages(purr.__path__, "purrceptron.") if not m.name.endswith("__main__")),
]


def specs(base: type[Spec]) -> list[Any]:
    """An instance of every subclass, with a value of the right type where there is no default."""
    found = []
    for kind in base.__subclasses__():
        fields = dataclasses.fields(kind)  # type: ignore[arg-type]
        required = [field for field in fields if field.default is field.default_factory is dataclasses.MISSING]
        found.append(kind(**{field.name: SAMPLES[str(field.type)] for field in required}))
    return found


LAYERS, OPTIMIZERS, SCHEDULES = specs(purr.Layer), specs(purr.Optimizer), specs(purr.Schedule)
LOSSES = specs(purr.losses.Loss)
OPTIONAL: dict[str, Any] = {  # values unlike the usual of fields that JSON may leave out
    "l1": 0.5,
    "l2": 0.5,
    "max_norm": 2.0,
    "weight_decay": 0.25,
    "clip_norm": 1.0,
    "clip_value": 1.0,
    "layer_rates": {0: 0.5},
    "average": purr.EMA(0.9),
    "alpha": 0.5,
    "trainable": False,
}


def build(layer: dict[str, Any], **changes: Any) -> _core.Network:
    spec = {"input_shape": [4], "layers": [layer], "dtype": "float32", "seed": 0, **changes}
    return _core.Network(json.dumps({name: value for name, value in spec.items() if value is not None}))


def train(optimizer: dict[str, Any]) -> _core.Trainer:
    network = build(purr.Dense(2).to_dict())
    return _core.Trainer(network, json.dumps(optimizer), json.dumps({"type": "mean_squared_error"}), 1)


def train_on(loss: dict[str, Any]) -> _core.Trainer:
    return _core.Trainer(build(purr.Dense(2).to_dict()), json.dumps(purr.SGD().to_dict()), json.dumps(loss), 1)


def train_by(schedule: dict[str, Any]) -> _core.Trainer:
    return train({**purr.SGD().to_dict(), "learning_rate": schedule})


# Imports


def test_import_loads_numpy_and_itself_only(run_python: Callable[..., str]) -> None:
    script = """
import sys
before = set(sys.modules)
import purrceptron
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - {"purrceptron", "numpy"} - set(sys.stdlib_module_names)))
lazy = {"purrceptron.datasets", "purrceptron.images", "purrceptron.metrics", "purrceptron.photos", "purrceptron.cli"}
print(*sorted(lazy & set(sys.modules)))
"""
    assert run_python(script) == ""


def test_lazy_names_load_when_asked_for(run_python: Callable[..., str]) -> None:
    script = "import purrceptron as purr; print(purr.datasets.__name__, purr.CatClassifier.__name__)"
    assert run_python(script) == "purrceptron.datasets CatClassifier"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"purrceptron.*no_such_name"):
        purr.no_such_name  # noqa: B018


@pytest.mark.parametrize("modules", [MODULES[start::8] for start in range(8)], ids=range(8))
def test_every_module_imports_alone(run_python: Callable[..., str], modules: list[str]) -> None:
    script = """
import importlib, sys
for name in sys.argv[1:]:
    for loaded in [m for m in sys.modules if m.startswith("purrceptron.") and m != "purrceptron._core"]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    run_python(script, *modules)


# Names and documentation


@pytest.mark.parametrize("module_name", MODULES)
def test_every_public_name_is_there_and_documented(module_name: str) -> None:
    module = importlib.import_module(module_name)
    assert module.__doc__
    for name in getattr(module, "__all__", []):
        thing = getattr(module, name)
        if inspect.isclass(thing) or inspect.isroutine(thing):
            assert inspect.getdoc(thing), name
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (inspect.isroutine(value) or isinstance(value, property)):
                    assert inspect.getdoc(value), f"{name}.{member}"


def test_the_core_documents_everything() -> None:
    for name, thing in vars(_core).items():
        if not name.startswith("_"):
            assert thing.__doc__, name
            for member, value in vars(thing).items() if inspect.isclass(thing) else ():
                assert member.startswith("_") or value.__doc__, f"{name}.{member}"


def test_dir_and_all_name_what_there_is() -> None:
    assert len(set(purr.__all__)) == len(purr.__all__)
    assert set(dir(purr)) == set(purr.__all__)
    assert all(hasattr(purr, name) for name in purr.__all__)


def test_every_public_name_is_shown_to_type_checkers_where_it_is_loaded_from() -> None:
    source = ast.parse(Path(str(purr.__file__)).read_text())
    shown: dict[str, set[str]] = {}
    for block in source.body:
        if isinstance(block, ast.If):
            for line in block.body:
                assert isinstance(line, ast.ImportFrom)
                shown.setdefault(line.module or "", set()).update(alias.name for alias in line.names)
    modules = shown.pop("")
    assert shown == {module: set(names.split()) for module, names in purr._MODULES.items()}
    assert set(purr.__all__) == {"__version__"} | modules | set(purr._PLACES)
    assert all(inspect.ismodule(getattr(purr, name)) for name in modules)


def test_version_is_that_of_the_crate() -> None:
    cargo = Path(__file__).parents[1] / "Cargo.toml"
    assert purr.__version__ == _core.version() == tomllib.loads(cargo.read_text())["package"]["version"]


@pytest.mark.parametrize(
    "kind",
    [
        "activation",
        "initializer",
        "loss",
        "optimizer",
        "schedule",
        "metric",
        "solver",
        "dtype",
        "layer",
        "augmentation",
    ],
)
def test_closed_sets_have_names(kind: str) -> None:
    names = _core.names(kind)
    assert names
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name == name.lower() for name in names)


def test_every_loss_and_every_closed_set_of_the_design_is_reachable() -> None:
    assert {loss.type_name() for loss in LOSSES} == set(_core.names("loss"))
    assert {type(loss).__name__ for loss in LOSSES} <= set(purr.losses.__all__)
    assert {"binary_cross_entropy", "cross_entropy", "mean_squared_error"} <= set(purr.kernels.__all__)
    assert {"identity", "relu", "sigmoid", "softmax"} <= set(_core.names("activation"))
    assert {"zeros", "scaled_uniform", "glorot_uniform", "he_uniform"} <= set(_core.names("initializer"))
    assert {"direct", "auto"} <= set(_core.names("solver"))
    assert _core.names("dtype") == ["float32", "float64"]


# One truth in Python and in Rust


def test_python_and_rust_have_the_same_layers_and_optimizers() -> None:
    assert sorted(layer.type_name() for layer in LAYERS) == sorted(_core.names("layer"))
    assert sorted(optimizer.type_name() for optimizer in OPTIMIZERS) == sorted(_core.names("optimizer"))
    assert sorted(schedule.type_name() for schedule in SCHEDULES) == sorted(_core.names("schedule"))
    for spec in [*LAYERS, *OPTIMIZERS, *SCHEDULES]:
        assert getattr(purr, type(spec).__name__) is type(spec)


@pytest.mark.parametrize(
    ("spec", "use"),
    [
        *((s, build) for s in LAYERS),
        *((s, train) for s in OPTIMIZERS),
        *((s, train_by) for s in SCHEDULES),
        *((s, train_on) for s in LOSSES),
    ],
    ids=lambda s: type(s).__name__,
)
def test_python_and_rust_have_the_same_fields(spec: Spec, use: Callable[[dict[str, Any]], Any]) -> None:
    description = spec.to_dict()
    fields = dataclasses.fields(spec)  # type: ignore[arg-type]
    optional = {field.name for field in fields if "absent" in field.metadata}
    required = {"type", *(field.name for field in fields)} - optional
    assert required <= set(description)
    use(description)
    for name in optional:
        use(dataclasses.replace(spec, **{name: OPTIONAL[name]}).to_dict())  # type: ignore[type-var]
        use({field: value for field, value in description.items() if field != name})
    for name in required:
        with pytest.raises(ValueError, match=f"missing field `{name}`"):
            use({field: value for field, value in description.items() if field != name})
    with pytest.raises(ValueError, match="unknown field `colour`"):
        use({**description, "colour": 1})
    with pytest.raises(ValueError, match="unknown variant `cat`"):
        use({**description, "type": "cat"})


@pytest.mark.parametrize("base", [ActivationFunction, Initializer])
def test_python_and_rust_have_the_same_activations_and_initializers(base: type[NamedSpec]) -> None:
    module = importlib.import_module(base.__module__)
    assert list(base.known()) == _core.names(base.kind)
    for name, kind in base.known().items():
        assert getattr(module, kind.__name__) is kind
        assert kind.__name__ in module.__all__
        if kind.is_data:
            continue
        usual = kind()
        assert base.short(name) == base.short(usual) == base.short(usual.to_json())
        where = "activation" if base is ActivationFunction else "kernel_initializer"
        layer = purr.Dense(3, **{where: name})
        assert layer == purr.Dense(3, **{where: usual})
        description = layer.to_dict()
        assert json.loads(build(description).spec())["layers"] == [description]
        for setting in usual.settings():
            other = dataclasses.replace(usual, **{setting: 0.625})  # type: ignore[type-var]
            assert purr.Dense(3, **{where: other}).to_dict()[where] == {name: {setting: 0.625}}
            assert json.loads(build({**description, where: other.to_json()}).spec())["layers"][0][where] == {
                name: {setting: 0.625}
            }
            with pytest.raises(ValueError, match=f"missing field `{setting}`"):
                build({**description, where: {name: {}}})
            with pytest.raises(ValueError, match="unknown field `colour`"):
                build({**description, where: {name: {setting: 1.0, "colour": 1}}})


@pytest.mark.parametrize("name", ["input_shape", "layers", "dtype", "seed"])
def test_the_description_of_a_network_is_whole_or_refused(name: str) -> None:
    layer = purr.Dense(2).to_dict()
    assert set(json.loads(build(layer).spec())) == {"input_shape", "layers", "dtype", "seed"}
    with pytest.raises(ValueError, match=f"missing field `{name}`"):
        build(layer, **{name: None})
    with pytest.raises(ValueError, match="unknown field `colour`"):
        build(layer, colour=1)


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_description_comes_back_from_the_core_as_it_went_in(layer: purr.Layer) -> None:
    net = purr.Sequential([layer], input_shape=(2, 2), seed=3, dtype="float64")
    assert net._core is not None
    assert json.loads(net._core.spec())["layers"] == [layer.to_dict()]


@pytest.mark.parametrize(
    "value", [1 / 255, 0.1, 1e-300, 6.410848372305022e299, 2.2250738585072014e-308, 1.7976931348623157e308]
)
def test_numbers_reach_the_core_with_all_their_bits(value: float) -> None:
    spec = json.loads(build({"type": "rescale", "scale": value}, dtype="float64").spec())
    assert spec["layers"][0]["scale"] == value


def test_a_learning_rate_reaches_the_core_with_all_its_bits() -> None:
    x, y = np.ones((1, 1)), np.zeros((1, 1))
    for rate in np.random.default_rng(0).random(300) * 10.0 ** np.random.default_rng(1).integers(-20, 20, 300):
        net = purr.Sequential([purr.Dense(1)], input_shape=1, dtype="float64")
        net.set_weights([[[0.5]], [0.0]])
        purr.Trainer(net, optimizer=purr.SGD(float(rate)), loss="mean_squared_error").step(x, y)
        assert net.get_weights()[0][0, 0] == 0.5 - rate


def test_the_core_can_use_its_processor() -> None:
    assert _core.instruction_set() in ("portable", "avx2", "avx512")
    assert _core.thread_count() >= 1
    assert _core.thread_count(3) == 3


def test_a_description_does_not_change() -> None:
    dense = purr.Dense(2)
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'units'"):
        dense.units = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'unit'"):
        dense.unit = 3  # type: ignore[attr-defined]
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'units'"):
        del dense.units
    assert dense == purr.Dense(2) != purr.Dense(3)
    assert hash(dense) == hash(purr.Dense(2))
    assert purr.SGD(0.5, layer_rates={0: 0.1}) != purr.SGD(0.5)
    assert repr(dense).startswith("Dense(units=2, activation='identity', ")
