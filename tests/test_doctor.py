"""`purr.doctor` and `purr doctor`: each fault is found with its number, and sound data is left in peace."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.diagnosis import CHECKS, Diagnosis, Finding

Array = NDArray[Any]


def sound(seed: int = 0, samples: int = 400, columns: int = 6) -> tuple[Array, Array]:
    """Scaled columns, and three classes that follow from them."""
    x = np.random.default_rng(seed).normal(size=(samples, columns))
    return x, (x[:, 0] > 0).astype(int) + (x[:, 1] > 0.5)


def found(name: str, diagnosis: Diagnosis) -> Finding:
    finding = next((finding for finding in diagnosis if finding.name == name), None)
    assert finding is not None, f"{name} is not in: {diagnosis}"
    assert finding.says
    assert finding.mend
    json.dumps(finding.to_dict())
    return finding


# A row for each check: data that has the fault, and what the finding then says.

Fault = Callable[[], tuple[dict[str, Any], dict[str, Any]]]


def not_finite_input() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    x[7, 2] = x[7, 3] = np.nan
    x[30, 0] = np.inf
    return {"x": x, "y": y}, {"numbers": 3, "samples": 2, "sample": 7, "column": 2}


def unscaled_input() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    x[:, 4] *= 500
    return {"x": x, "y": y}, {"widest_column": 4}


def constant_columns() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    x[:, 3] = 0.5
    return {"x": x, "y": y}, {"constant": 1, "columns": 6, "places": [3]}


def duplicate_columns() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    x[:, 5] = x[:, 2]
    return {"x": x, "y": y}, {"duplicates": 1, "pairs": [[2, 5]]}


def same_in_train_and_test() -> tuple[dict[str, Any], dict[str, Any]]:
    (x, y), (test_x, test_y) = sound(), sound(1, 100)
    test_x[[3, 50]] = x[[10, 20]]
    return {"x": x, "y": y, "test": (test_x, test_y)}, {"same": 2, "test_samples": 100, "pairs": [[10, 3], [20, 50]]}


def near_duplicates() -> tuple[dict[str, Any], dict[str, Any]]:
    images, labels = purr.datasets.make_cats(100, seed=0)
    images[40:44] = images[10:14] ^ (np.indices(images[10:14].shape).sum(axis=0) % 2).astype(np.uint8)
    labels[40:44] = labels[10:14]
    return {"x": images, "y": labels}, {"near_in_training": 8, "looked_at": 100}


def one_class() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    return {"x": x, "y": np.full_like(y, 2)}, {"class": 2}


def class_share() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    test_x, test_y = sound(1)
    kept = (test_y != 2) | (np.arange(400) % 4 == 0)
    shares = {
        "class": 2,
        "share_in_training": float(np.mean(y == 2)),
        "share_in_test": float(np.mean(test_y[kept] == 2)),
    }
    return {"x": x, "y": y, "test": (test_x[kept], test_y[kept])}, shares


def shuffled_labels() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    return {"x": x, "y": np.random.default_rng(5).permutation(y)}, {"looked_at": 400}


def saturating_initialization() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    net = purr.Sequential([purr.Dense(8, "tanh"), purr.Dense(3, "softmax")], input_shape=6, seed=0)
    net.set_weights([20 * weights for weights in net.get_weights()])
    return {"x": x, "y": y, "network": net}, {"layer": 0}


def dead_units() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    net = purr.Sequential.from_string("6-8-3", seed=0)
    kernel, bias, *others = net.get_weights()
    net.set_weights([kernel, np.where(np.arange(8) < 7, -100.0, bias), *others])
    return {"x": x, "y": y, "network": net}, {"layer": 0, "units": 8, "dead_at_first": 7}


def diverging_learning_rate() -> tuple[dict[str, Any], dict[str, Any]]:
    x, y = sound()
    settings = {"network": "6-16-3", "optimizer": purr.SGD(1000.0)}
    return {"x": x, "y": y, **settings}, {"learning_rate": 1000.0}


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        not_finite_input,
        unscaled_input,
        constant_columns,
        duplicate_columns,
        same_in_train_and_test,
        near_duplicates,
        one_class,
        class_share,
        shuffled_labels,
        saturating_initialization,
        dead_units,
        diverging_learning_rate,
    )
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_finds_its_fault_and_says_the_number(check: Any) -> None:
    assert check.__doc__
    faulty, numbers = FAULTS[check.__name__]()
    diagnosis = purr.doctor(**faulty)
    finding = found(check.__name__, diagnosis)
    assert finding.severity == "warning"
    assert numbers.items() <= finding.numbers.items()
    assert finding in diagnosis.warnings
    assert finding.says in str(diagnosis)


@pytest.mark.parametrize("seed", range(5))
def test_no_check_finds_anything_in_sound_data(seed: int) -> None:
    x, y = sound(seed)
    diagnosis = purr.doctor(x, y, test=sound(seed + 100), network=f"6-64:tanh-{y.max() + 1}", seed=seed)
    assert list(diagnosis) == []
    assert sorted(diagnosis.checked) == sorted(check.__name__ for check in CHECKS)
    assert "nothing found by 12 checks" in str(diagnosis)


@pytest.mark.parametrize("seed", range(3))
def test_no_false_alarm_on_drawn_cats(seed: int) -> None:
    images, labels = purr.datasets.make_cats(300, seed=seed)
    net = purr.Sequential(
        [purr.Rescale(1 / 255), *purr.Sequential.from_string("12288-20-7-5-1").layers],
        input_shape=(64, 64, 3),
        seed=seed,
    )
    diagnosis = purr.doctor(
        images,
        labels,
        test=purr.datasets.make_cats(200, seed=seed + 100),
        network=net,
        optimizer=purr.SGD(0.0075),
        batch_size=None,
    )
    assert diagnosis.warnings == ()
    assert diagnosis.skipped == {}
    assert all(finding.name == "dead_units" for finding in diagnosis)  # a unit or two, which is true
    assert purr.doctor(images, labels).warnings == ()  # bytes without a network count as pictures


@pytest.mark.parametrize("scale", [16, 1])
@pytest.mark.parametrize("seed", range(3))
def test_no_false_alarm_on_digits(seed: int, scale: int) -> None:
    datasets, selection = pytest.importorskip("sklearn.datasets"), pytest.importorskip("sklearn.model_selection")
    x, y = datasets.load_digits(return_X_y=True)
    a, b, c, d = selection.train_test_split(x / scale, y, test_size=0.25, random_state=seed)
    diagnosis = purr.doctor(a, c, test=(b, d), network="64-128-10", seed=seed)
    assert diagnosis.warnings == ()
    assert diagnosis.skipped == {}
    constant = found("constant_columns", diagnosis)  # three corners are always empty
    assert constant.severity == "note"
    assert constant.numbers["constant"] == int(np.sum(np.ptp(a, axis=0) == 0))


# What the findings rest on


def test_bytes_need_a_rescale_and_other_layers_may_scale() -> None:
    images, labels = purr.datasets.make_cats(40, seed=0)
    layers = purr.Sequential.from_string("12288-8-1").layers
    raw = purr.Sequential(layers, input_shape=(64, 64, 3))
    assert "purr.Rescale(1/255)" in found("unscaled_input", purr.doctor(images, labels, network=raw)).mend
    scaled = purr.Sequential([purr.Rescale(1 / 255), *layers], input_shape=(64, 64, 3))
    assert all(finding.name != "unscaled_input" for finding in purr.doctor(images, labels, network=scaled))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: x * 1e4, "around 1e\\+04"),
        (lambda x: x * 1e-5, "around 1e-05"),
        (lambda x: x / 200 + [2, 0, 0, 0, 0, 0], "column 0 lies .* times its own deviation away from 0"),
        (lambda x: x * [1, 1, 1, 1, 1, 300] / 20, "column 5 varies .* times as much as the median"),
    ],
)
def test_every_kind_of_unscaled_input_is_found(change: Callable[[Array], Array], says: str) -> None:
    x, y = sound()
    finding = found("unscaled_input", purr.doctor(change(x), y))
    assert re.search(says, finding.says)


def test_a_constant_column_is_no_unscaled_one_whatever_its_mean_rounds_to() -> None:
    x, y = sound(samples=1001)
    x[:, 2] = 0.1
    assert x[:, 2].std() > 0  # rounding, not spread
    assert [finding.name for finding in purr.doctor(x, y)] == ["constant_columns"]


def test_grey_pictures_in_colour_are_known_for_what_they_are() -> None:
    images, labels = purr.datasets.make_cats(40, seed=0)
    grey = np.repeat(images[..., :1], 3, axis=3)
    finding = found("duplicate_columns", purr.doctor(grey, labels))
    assert finding.numbers["duplicates"] == 2 * 64 * 64
    assert "color='grey'" in finding.mend


def test_a_near_duplicate_across_the_split_is_a_warning() -> None:
    (x, y), (test_x, test_y) = sound(), sound(1, 100)
    test_x[42] = x[17] + 1e-6
    finding = found("near_duplicates", purr.doctor(x, y, test=(test_x, test_y)))
    assert finding.severity == "warning"
    assert finding.numbers["near_in_test"] == 1
    assert "test sample 42 and training sample 17" in finding.says


def test_a_mirrored_copy_is_a_near_duplicate() -> None:
    images, labels = purr.datasets.make_cats(60, seed=0)
    images[50] = images[7, :, ::-1]
    test_images, test_labels = purr.datasets.make_cats(30, seed=1)
    test_images[4] = images[9, :, ::-1]
    finding = found("near_duplicates", purr.doctor(images, labels, test=(test_images, test_labels)))
    assert (finding.numbers["near_in_training"], finding.numbers["near_in_test"]) == (2, 1)
    assert "training samples 7 and 50" in finding.says
    assert "test sample 4 and training sample 9" in finding.says


def test_a_table_of_few_patterns_repeats_itself_without_alarm() -> None:
    x = np.random.default_rng(0).integers(0, 2, (400, 6)).astype(float)
    y = (x[:, 0] + x[:, 1] > 1).astype(int)
    diagnosis = purr.doctor(x[:300], y[:300], test=(x[300:], y[300:]))
    assert diagnosis.warnings == ()
    assert diagnosis.skipped["near_duplicates"] == "most samples come more than once"


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_labels_are_told_from_weak_ones(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(500, 8))
    weak = (x[:, 0] + x[:, 1] * x[:, 2] + generator.normal(0, 2, 500) > 0).astype(int)  # right two times of three
    assert all(finding.name != "shuffled_labels" for finding in purr.doctor(x, weak))
    found("shuffled_labels", purr.doctor(x, generator.permutation(weak)))
    numbers = x[:, 0] + generator.normal(0, 1, 500)
    assert all(finding.name != "shuffled_labels" for finding in purr.doctor(x, numbers))
    found("shuffled_labels", purr.doctor(x, generator.permutation(numbers)))


def test_the_learning_rate_that_is_advised_does_fall() -> None:
    faulty, _ = diverging_learning_rate()
    finding = found("diverging_learning_rate", purr.doctor(**faulty))
    advised = finding.numbers["learning_rate_that_falls"]
    assert f"with {advised:.2g} the loss falls" in finding.mend
    faulty["optimizer"] = purr.SGD(advised)
    assert all(finding.name != "diverging_learning_rate" for finding in purr.doctor(**faulty))


def test_units_that_a_long_step_kills_are_told_from_those_dead_at_first() -> None:
    x, y = sound()
    diagnosis = purr.doctor(x, y, network="6-64-3", optimizer=purr.SGD(30.0))
    finding = found("dead_units", diagnosis)
    assert finding.numbers["dead_after_ten_steps"] > finding.numbers["dead_at_first"]
    assert "smaller learning rate" in finding.mend
    faulty, _ = dead_units()
    finding = found("dead_units", purr.doctor(**faulty))
    assert finding.numbers["dead_after_ten_steps"] <= 1  # more: the seven were dead before
    assert "another seed" in finding.mend


def test_nothing_is_changed() -> None:
    x, y = sound()
    net = purr.Sequential.from_string("6-8-3", seed=4)
    before, first = (x.copy(), y.copy()), net.fingerprint()
    purr.doctor(x, y, network=net)
    assert net.fingerprint() == first
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(y, before[1])
    unbuilt = purr.Sequential([purr.Dense(3, "softmax")])
    purr.doctor(x, y, network=unbuilt)
    assert unbuilt.input_shape is None


def test_the_same_question_gets_the_same_answer() -> None:
    x, y = sound(samples=3000)
    assert purr.doctor(x, y, network="6-8-3") == purr.doctor(x, y, network="6-8-3")


@pytest.mark.parametrize("labels", [["cat", "dog", "cow"], np.eye(3), [0.0, 1.0, 2.0], [0, 1, 2]])
def test_classes_may_be_names_rows_or_whole_numbers(labels: Any) -> None:
    x, y = sound()
    diagnosis = purr.doctor(x, np.asarray(labels)[y], test=(x[:0:-4] + 1, np.asarray(labels)[y[:0:-4]]))
    assert "class_share" in diagnosis.checked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": np.zeros((0, 3)), "y": []}, "x: there are no samples"),
        ({"x": np.zeros(3), "y": [0, 1, 1]}, r"x: expected \(samples, features\), got shape \(3,\)"),
        ({"x": np.zeros((3, 2)), "y": [0, 1]}, r"y: expected targets of 3 samples, got shape \(2,\)"),
        ({"x": np.zeros((3, 2)), "y": [0, 1, 1], "test": (np.zeros((3, 1)), [0, 1, 1])}, r"samples of \(1,\), but x"),
        ({"x": np.zeros((3, 2)), "y": [0, 1, 1], "network": "3-1"}, "takes 3 inputs, but a sample has 2 features"),
        ({"x": np.zeros((3, 2)), "y": [0, 1, 1], "network": "2-"}, "is no layer"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        purr.doctor(**arguments)


# The command


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, ["doctor", *map(str, arguments)], prog_name="purr")
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def table(tmp_path: Path) -> Path:
    x, y = sound()
    x[:, 3] = 0.5
    np.savez(tmp_path / "table.npz", x=x, y=y)
    return tmp_path / "table.npz"


def test_the_command_reports_in_a_terminal(table: Path) -> None:
    result = run(table, "--network", "64-3", "--learning-rate", "500")
    assert "6-64-3, adam at 500" in result.stdout
    assert "warning  constant columns" in result.stdout
    assert "1 of 6 columns have the same value in every sample: 3" in result.stdout
    assert "warning  diverging learning rate" in result.stdout
    assert "10 of 12" not in run(table).stdout
    assert max(len(line) for line in result.stdout.splitlines() if str(table) not in line) <= 80
    assert "looking at 400 samples" in result.stderr
    assert run(table, "--quiet").stderr == ""


def test_the_command_gives_one_json_object(table: Path) -> None:
    shown = json.loads(run(table, "--test", table, "--json").stdout)
    assert [finding["name"] for finding in shown["findings"]] == ["constant_columns", "same_in_train_and_test"]
    assert shown["findings"][1]["numbers"]["same"] == 400
    assert shown["network"] is None
    assert set(shown["skipped"]) == {"saturating_initialization", "dead_units", "diverging_learning_rate"}
    assert len(shown["checked"]) == 9


def test_the_command_tries_the_usual_network_on_photos(tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(40, seed=0)
    np.savez(tmp_path / "photos.npz", x=images, y=labels)
    shown = json.loads(run(tmp_path / "photos.npz", "--json").stdout)
    assert shown["network"] == "12288-20-7-5-1"
    assert all(finding["severity"] == "note" for finding in shown["findings"])


def test_the_command_fails_as_the_others_do(tmp_path: Path, table: Path) -> None:
    result = run(tmp_path / "none.npz", status=1)
    assert result.stdout == ""
    assert "no such file" in result.stderr
    assert "is no layer" in run(table, "--network", "6-x", status=2).stderr
    assert run(table, "--network", "5-4:tanh-2", status=1).stdout == ""


# Networks of other layers


@pytest.mark.parametrize("first", [purr.Normalize(), purr.BatchNorm()], ids=lambda layer: type(layer).__name__)
def test_a_network_that_scales_its_input_needs_no_scaled_input(first: purr.Layer) -> None:
    x, y = sound()
    net = purr.Sequential(
        [first, purr.Dense(16, purr.LeakyReLU(0.1)), purr.Dropout(0.1), purr.Dense(3, "softmax")], seed=1
    )
    diagnosis = purr.doctor(x * [1, 1, 1, 1, 1, 5000] + 300, y, network=net)
    assert list(diagnosis) == []
    assert diagnosis.skipped["unscaled_input"] == "the network brings its input to scale"
    assert net.input_shape is None
