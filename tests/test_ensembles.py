"""Ensembles of photo classifiers in model files: every network, its bits, and what is refused."""

import copy
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import purrceptron as purr
from purrceptron import _core
from purrceptron.cli import purr as command
from purrceptron.photos.notes import to_notes

GOLDEN = Path(__file__).parent / "golden" / "format_2.safetensors"
SETTINGS: list[dict[str, Any]] = [
    {"optimizer": purr.Adam(0.01)},
    {"network": "4-1", "image_size": 16, "color": "grey", "seed": 2**64 - 3},
    {"network": (), "features": "histograms", "mirror": True, "l2": 1e-4, "class_weight": "balanced"},
]


@pytest.fixture(scope="module", params=SETTINGS, ids=["pixels", "grey", "histograms"])
def trained(request: pytest.FixtureRequest) -> Any:
    """Three networks with everything that a file can hold: what is usual, and a calibration."""
    size = request.param.get("image_size", 64)
    images, labels = purr.datasets.make_cats(60, size=size, seed=0)
    pictures = images.mean(axis=-1, keepdims=True) if "color" in request.param else images
    classifier = purr.CatClassifier(**{"network": (4,), "epochs": 20, "ensemble": 3, **request.param})
    return classifier.fit(pictures, labels).calibrate(pictures, labels, folds=2), pictures


def test_an_ensemble_comes_back_from_its_file_with_the_same_answers_bit_for_bit(trained: Any, tmp_path: Path) -> None:
    ensemble, images = trained
    path = tmp_path / "cats.safetensors"
    ensemble.save(path)
    loaded: Any = purr.load(path)
    assert loaded == ensemble
    assert len(loaded.models_) == 3
    assert [model.seed for model in loaded.models_] == [model.seed for model in ensemble.models_]
    for ask in (
        lambda cats: cats.predict_proba(images),
        lambda cats: cats.novelty(images),
        lambda cats: cats.predict(images, abstain=0.2),
        lambda cats: cats.prediction_sets(images, coverage=0.8),
    ):
        assert ask(loaded).tobytes() == ask(ensemble).tobytes()
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda cats: pickle.loads(pickle.dumps(cats))], ids=["copy", "deep", "pickle"]
)
def test_an_ensemble_is_copied_and_pickled_as_it_is(copied: Callable[[Any], Any], trained: Any) -> None:
    ensemble, images = trained
    again = copied(ensemble)
    assert again == ensemble
    assert again.fingerprint() == ensemble.fingerprint()
    assert again.predict_proba(images).tobytes() == ensemble.predict_proba(images).tobytes()


def test_the_fingerprint_is_of_every_network_in_order(trained: Any) -> None:
    ensemble = copy.copy(trained[0])
    before = ensemble.fingerprint()
    assert before not in [model.fingerprint() for model in ensemble.models_]
    ensemble.models_ = ensemble.models_[::-1]
    assert ensemble.fingerprint() != before
    ensemble.models_ = ensemble.models_[:1]
    assert ensemble.fingerprint() == ensemble.model_.fingerprint()
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        purr.CatClassifier().fingerprint()


def small(count: int = 3, **settings: Any) -> Any:
    x, y = np.random.default_rng(0).integers(0, 256, (30, 3, 3, 3), np.uint8), np.arange(30) % 3
    return purr.PhotoClassifier((2,), image_size=3, epochs=2, seed=5, ensemble=count, **settings).fit(x, y)


def test_the_safetensors_package_opens_it(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    ensemble = small()
    ensemble.save(tmp_path / "small.safetensors")
    tensors = safetensors.load_file(tmp_path / "small.safetensors")
    for i, model in enumerate(ensemble.models_):
        for name, values in model.parameters.items():
            np.testing.assert_array_equal(tensors.pop(f"members.{i}.{name}" if i else name), values, strict=True)
    assert not tensors


def test_a_damaged_member_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    small().save(path)
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    for member in (1, 2):
        start, _ = header[f"members.{member}.layers.2.bias"]["data_offsets"]
        damaged = bytearray(data)
        damaged[8 + length + start] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(purr.ModelFileError, match=rf"small\.safetensors: members\.{member}: damaged"):
            purr.load(path)


def test_networks_that_are_no_classifier_are_no_model_of_python(tmp_path: Path) -> None:
    path = tmp_path / "networks.safetensors"
    _core.save([model._built() for model in small().models_], path, {})
    with pytest.raises(purr.ModelFileError, match=r"networks\.safetensors: an ensemble of 3 networks that is no photo"):
        purr.load(path)


def test_more_networks_than_a_file_describes_are_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "cats.safetensors"
    ensemble = small(2)
    ensemble.save(path)
    before = path.read_bytes()
    ensemble.models_ = ensemble.models_ * 1000
    with pytest.raises(ValueError, match="an ensemble of 2000 networks with more than 16384 values"):
        ensemble.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_notes_that_do_not_fit_the_networks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "cats.safetensors"
    ensemble = small()
    networks = [model._built() for model in ensemble.models_]
    ensemble.image_size = 4
    _core.save(networks, path, to_notes(ensemble))
    with pytest.raises(purr.ModelFileError, match=r"inputs of \(4, 4, 3\), but a network for \(3, 3, 3\)"):
        purr.load(path)


def test_a_file_of_format_2_loads_as_what_it_was_and_is_written_with_the_same_bytes(tmp_path: Path) -> None:
    """Written by 0.1.0 when ensembles came into files; fingerprint and answer are from there."""
    cats: Any = purr.load(GOLDEN)
    assert isinstance(cats, purr.CatClassifier)
    assert [model.seed for model in cats.models_] == [7, 8, 9]
    assert cats.fingerprint() == "38f670a5e29f20701ea6fffe65050e62007330363ca5697f0df4b1b80fa587aa"
    photo = (np.arange(48) * 37 % 256).astype(np.uint8).reshape(1, 4, 4, 3)
    expected = np.array([[0.48129063844680786, 0.5187093615531921]], "float32")
    np.testing.assert_array_equal(cats.predict_proba(photo), expected)
    networks, notes = _core.load(GOLDEN)
    _core.save(networks, tmp_path / "again.safetensors", notes)
    assert (tmp_path / "again.safetensors").read_bytes() == GOLDEN.read_bytes()


# The command


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawn pictures, and the folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    run("data", "make", "pictures", "--count", "30", "--seed", "5")
    return tmp_path / "pictures"


@pytest.mark.parametrize(
    "recipe", [("--network", "4-1", "--epochs", "3"), ("--recipe", "best")], ids=["series", "best"]
)
def test_purr_trains_shows_asks_and_scores_an_ensemble(recipe: tuple[str, ...], folder: Path) -> None:
    trained = json.loads(run("train", folder, *recipe, "--ensemble", "3", "--seed", "4", "--json").stdout)
    cats: Any = purr.load("cats.safetensors")
    assert trained["ensemble"] == len(cats.models_) == 3
    assert [model.seed for model in cats.models_] == [4, 5, 6]

    shown = json.loads(run("show", "cats.safetensors", "--json").stdout)
    assert shown["fingerprint"] == trained["fingerprint"] == cats.fingerprint()
    assert (shown["format"], shown["networks"]) == (2, 3)
    text = run("show", "cats.safetensors").stdout
    assert cats.fingerprint() in text
    assert "3 networks" in text

    photo = folder / "cat" / "00000.png"
    (asked,) = json.loads(run("predict", "cats.safetensors", photo, "--json").stdout)["answers"]
    expected = cats.predict_proba([photo])[0]
    assert list(asked["probabilities"].values()) == expected.tolist()
    assert json.loads(run("evaluate", "cats.safetensors", folder, "--json").stdout)["accuracy"]["value"] >= 0


def test_purr_says_how_many_networks_it_trains(folder: Path) -> None:
    done = run("train", folder, "--network", "4-1", "--epochs", "3", "--ensemble", "2", "--seed", "4")
    assert "2 times 12288-4-1, 49,161 weights each, seeds 4 to 5" in done.stdout
    assert "training 2 networks side by side" in done.stderr


def test_purr_reports_on_an_ensemble(folder: Path) -> None:
    pytest.importorskip("jinja2")
    run("train", folder, "--recipe", "best", "--folds", "0", "--ensemble", "2")
    run("report", "cats.safetensors", folder, "--output", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    cats: Any = purr.load("cats.safetensors")
    assert cats.fingerprint()[:16] in page


def test_checkpoints_are_of_one_network(folder: Path) -> None:
    refused = run("train", folder, "--ensemble", "2", "--checkpoint", "run", status=2)
    assert "--checkpoint is for one network: leave --ensemble out, or --checkpoint." in refused.stderr
    assert sorted(path.name for path in Path().iterdir()) == ["pictures"]
    run("train", folder, "--ensemble", "0", status=2)
    run("train", folder, "--ensemble", "101", status=2)
