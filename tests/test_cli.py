"""The command `purr`: what it prints where, its exit status, and what it says about bad input."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.cli.failure import failure_line
from purrceptron.cli.sources import HELD_OUT_SEED, draw, indices_of, split
from purrceptron.datasets import Data
from purrceptron.metrics import wilson_interval

FAST = ("--network", "4-1", "--epochs", "3")
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals and modes of POSIX")


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    if result.exit_code != status:
        raise AssertionError(f"status {result.exit_code}, expected {status}: {result.output}") from result.exception
    return result


def refused(*arguments: str | Path) -> str:
    """The one line of a failure; nothing else may be printed."""
    for extra in ((), ("--json",), ("--quiet",), ("--json", "--quiet")):
        result = run(*arguments, *extra, status=1)
        assert result.stdout == ""
        lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("reading", "drawing"))]
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("purr: ")
    return lines[0].removeprefix("purr: ")


def is_score(value: dict[str, float]) -> bool:
    return 0 <= value["low"] <= value["value"] <= value["high"] <= 1


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FORCE_COLOR", raising=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawn pictures: 15 cats and 15 others."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    run("data", "make", folder, "--count", "30", "--seed", "5")
    return folder


@pytest.fixture(scope="module")
def model(pictures: Path) -> Path:
    """A model trained on 12 cats and 12 others of that folder."""
    file = pictures.parent / "model.safetensors"
    run("train", pictures, "--network", "8-1", "--epochs", "20", "--output", file)
    return file


def save_npz(path: Path, **changes: Any) -> Path:
    generator = np.random.default_rng(0)
    arrays = {"x": generator.integers(0, 256, (12, 64, 64, 3), np.uint8), "y": np.arange(12) % 2}
    np.savez(path, **{**arrays, **changes})
    return path


# The way through


def test_train_without_data_draws_learns_scores_and_saves() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "purrceptron", "train", "--epochs", "40", "--seed", "3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "training  40/40  cost 0.6" in done.stderr
    assert "12288-20-7-5-1, 245,973 weights, seed 3" in done.stdout
    assert "drawn pictures: 200 not cat, 200 cat" in done.stdout
    assert "of the 400 photos trained on" in done.stdout
    assert "of 1,000 photos held out, 95 % interval" in done.stdout
    assert "50.0 % always 'not cat', the most frequent class in training" in done.stdout
    assert "the best constant answer" in done.stdout
    assert "purr predict cats.safetensors photo.jpg" in done.stderr
    assert all(len(line) <= 80 for line in (done.stdout + done.stderr).splitlines())
    assert "\x1b" not in done.stdout + done.stderr  # no colours in a pipe
    classifier: Any = purr.load("cats.safetensors")
    assert classifier.model_.fingerprint() in done.stdout
    images, labels = purr.datasets.make_cats(400, seed=3)
    again = purr.CatClassifier(epochs=40, seed=3).fit(images, labels, class_names=("not cat", "cat"))
    assert again.model_ == classifier.model_
    for line in done.stderr.splitlines()[-3:]:  # what it says to type next, but for a photo of one's own
        if line.startswith("  purr"):
            run(*line.split()[1:])


def test_train_predict_evaluate_show_agree(pictures: Path, model: Path) -> None:
    trained = json.loads(run("train", pictures, "--network", "8-1", "--epochs", "20", "--json").stdout)
    assert trained["data"]["photos"] == {"cat": 12, "not cat": 12}
    assert trained["held_out"]["photos"] == {"cat": 3, "not cat": 3}
    assert trained["network"] == "12288-8-1"
    assert trained["cost"]["first"] > trained["cost"]["last"]
    assert trained["bytes"] == Path("cats.safetensors").stat().st_size
    assert Path("cats.safetensors").read_bytes() == model.read_bytes()

    shown = json.loads(run("show", model, "--json").stdout)
    assert shown["fingerprint"] == trained["fingerprint"]
    assert shown["format"] == 1
    assert shown["library_version"] == purr.__version__
    assert shown["classifier"]["classes"] == ["not cat", "cat"]
    assert shown["classifier"]["training"]["photos"] == [12, 12]
    assert shown["classifier"]["training"]["data_sha256"] == trained["data"]["sha256"]

    photos = sorted(pictures.glob("*/*.png"))
    answers = json.loads(run("predict", model, *photos, "--json").stdout)["answers"]
    assert [answer["photo"] for answer in answers] == list(map(str, photos))
    right = sum(Path(answer["photo"]).parent.name == answer["answer"] for answer in answers)

    scored = json.loads(run("evaluate", model, pictures, "--json").stdout)
    assert (scored["trained_on"], scored["left_out"]) == (False, 24)  # what it learnt from says nothing
    assert scored["accuracy"] == trained["held_out_score"]["accuracy"]
    assert sum(sum(row.values()) for row in scored["confusion"].values()) == 6
    assert "24 photos of them it was trained on" in run("evaluate", model, pictures).stdout

    run("data", "make", "others", "--count", "30", "--seed", "7")
    others = sorted(Path("others").glob("*/*.png"))
    answers = json.loads(run("predict", model, *others, "--json").stdout)["answers"]
    right = sum(Path(answer["photo"]).parent.name == answer["answer"] for answer in answers)
    scored = json.loads(run("evaluate", model, "others", "--json").stdout)
    low, high = wilson_interval(right, 30)
    assert scored["accuracy"] == {"value": right / 30, "low": low, "high": high}
    assert sum(sum(row.values()) for row in scored["confusion"].values()) == 30
    assert sum(scored["confusion"][name][name] for name in ("cat", "not cat")) == right
    assert scored["baselines"]["training_majority"]["value"] == 0.5
    assert (scored["trained_on"], scored["left_out"]) == (False, 0)


def test_reports_are_for_people(pictures: Path, model: Path) -> None:
    photo = next((pictures / "cat").glob("*.png"))
    line = run("predict", model, photo).stdout
    assert line.startswith(f"{photo}  ")
    assert line.rstrip().endswith("%")
    assert line.count("\n") == 1
    report = run("evaluate", model, pictures).stdout
    assert "of 6 photos, 95 % interval" in report
    assert "is not cat" in report
    shown = run("show", model).stdout
    for text in (
        "0 'not cat', 1 'cat'",
        "64 x 64",
        "12 not cat, 12 cat",
        "Dense(units=8, activation='relu')",
        "format 1",
    ):
        assert text in shown


def test_predict_answers_in_order_with_the_probability_of_the_answer(pictures: Path, model: Path) -> None:
    photos = sorted(pictures.glob("*/*.png"))[::7]
    classifier: Any = purr.load(model)
    expected = classifier.predict_proba(photos)
    answers = json.loads(run("predict", model, *photos, "--json").stdout)["answers"]
    for answer, row in zip(answers, expected, strict=True):
        assert answer["probability"] == float(row.max())
        assert answer["probabilities"] == {"not cat": float(row[0]), "cat": float(row[1])}
        assert answer["answer"] == ("cat" if row[1] > 0.5 else "not cat")
    lines = run("predict", model, *photos).stdout.splitlines()
    assert [line[: line.index(".png") + 4] for line in lines] == list(map(str, photos))


def test_data_make_writes_the_drawn_pictures(pictures: Path) -> None:
    images, labels = purr.datasets.make_cats(30, seed=5)
    data = purr.datasets.load_image_folder(pictures)
    assert data.class_names == ("cat", "not cat")
    np.testing.assert_array_equal(data.images[data.labels == 0], images[labels == 1])
    np.testing.assert_array_equal(data.images[data.labels == 1], images[labels == 0])
    made = json.loads(run("data", "make", "small", "--count", "3", "--size", "16", "--json").stdout)
    assert made == {"folder": "small", "count": 3, "seed": 0, "size": 16, "photos": {"not cat": 1, "cat": 2}}
    with Image.open("small/cat/00000.png") as picture:
        assert picture.size == (16, 16)


# Data


def test_held_out_photos_are_a_share_of_each_class_and_never_trained_on() -> None:
    images = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    labels = np.arange(40) % 4 == 0
    data = Data.from_arrays(images, labels, source="test")
    training, held_out = split(data, 0.2, seed=1)
    assert held_out is not None
    assert np.bincount(held_out.labels).tolist() == [6, 2]
    assert sorted([*training.images.ravel(), *held_out.images.ravel()]) == list(range(40))
    other = split(data, 0.2, seed=2)[1]
    assert other is not None
    assert held_out.images.ravel().tolist() != other.images.ravel().tolist()
    assert split(data, 0.2, seed=1)[1].images.tolist() == held_out.images.tolist()  # type: ignore[union-attr]
    assert split(data, 0, seed=1) == (data, None)
    assert len(split(data, 0.999, seed=1)[0]) == 2  # one of each class stays


def test_drawn_held_out_pictures_are_of_a_seed_that_no_training_has() -> None:
    assert draw(2, 0, held_out=True).images.tolist() == purr.datasets.make_cats(2, seed=2**64)[0].tolist()
    assert HELD_OUT_SEED == 2**64
    assert "2^64" in run("train", "--seed", str(2**64), status=2).stderr


@pytest.mark.parametrize(
    ("names", "known", "expected"),
    [
        (("cat", "dog"), ("dog", "cat"), [1, 0]),
        (("not cat", "cat"), ("non-cat", "cat"), [0, 1]),
        (("cat", "dog"), ("not cat", "cat"), [1, 0]),
        (("not cat", "cat"), ("apple", "pear"), [0, 1]),
        (("0", "1", "2"), ("a", "b", "c"), [0, 1, 2]),
        (("b", "c"), ("a", "b", "c"), [1, 2]),
        (("not cat", "cat"), ("dog", "cat"), [0, 1]),
    ],
)
def test_classes_are_matched_by_name(names: tuple[str, ...], known: tuple[str, ...], expected: list[int]) -> None:
    data = Data.from_arrays(np.zeros((len(names), 8, 8, 3)), np.arange(len(names)), names, source="test")
    assert indices_of(data, known).tolist() == expected


def test_classes_that_a_model_does_not_know_are_refused(model: Path) -> None:
    for folder in ("apple", "pear"):
        Path("fruit", folder).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(Path("fruit", folder, "0.png"))
    assert refused("evaluate", model, "fruit") == (
        "fruit: its classes are 'apple', 'pear', but the model knows 'not cat', 'cat'"
    )


def test_train_takes_every_kind_of_data(pictures: Path) -> None:
    data = purr.datasets.load_image_folder(pictures)
    labels = 1 - data.labels  # numbers without names: 1 is the cat
    save_npz(Path("photos.npz"), x=data.images, y=labels)
    rows = np.column_stack([data.images.reshape(30, -1), labels])
    head = ",".join([*map(str, range(12288)), "y"])
    np.savetxt("photos.csv", rows, fmt="%d", delimiter=",", header=head, comments="")
    prints = {
        json.loads(run("train", source, *FAST, "--holdout", "0", "--json").stdout)["fingerprint"]
        for source in (pictures, "photos.npz", "photos.csv")
    }
    assert len(prints) == 1


def test_train_takes_the_h5_of_the_course(pictures: Path, model: Path) -> None:
    h5py = pytest.importorskip("h5py")
    data = purr.datasets.load_image_folder(pictures)
    with h5py.File("both.h5", "w") as file:
        for part, count in (("train", 20), ("test", 10)):
            chosen = np.arange(count) * 30 // count
            file[f"{part}_set_x"] = data.images[chosen]
            file[f"{part}_set_y"] = 1 - data.labels[chosen]
        file["list_classes"] = np.array([b"non-cat", b"cat"])
    done = json.loads(run("train", "both.h5", "--test", "both.h5", *FAST, "--json").stdout)
    assert done["data"]["photos"] == {"non-cat": 10, "cat": 10}
    assert done["held_out"]["photos"] == {"non-cat": 5, "cat": 5}
    assert json.loads(run("evaluate", model, "both.h5", "--json").stdout)["data"]["photos"]["cat"] == 5


def test_train_on_real_photos() -> None:
    path = os.environ.get("PURRCEPTRON_PHOTOS")
    if not path:
        pytest.skip("PURRCEPTRON_PHOTOS is not set to an .h5 file with train_set_x and train_set_y")
    done = json.loads(run("train", path, "--epochs", "100", "--json").stdout)
    assert sum(done["data"]["photos"].values()) + sum(done["held_out"]["photos"].values()) == 209
    assert 0.60 <= done["cost"]["first"] <= 0.80
    assert done["cost"]["last"] < done["cost"]["first"]
    assert is_score(done["held_out_score"]["accuracy"])
    assert 0.6 < done["held_out_score"]["baselines"]["best_constant"]["value"] < 0.7


def test_more_classes_train_and_answer() -> None:
    for channel, name in ((2, "blue"), (1, "green"), (0, "red")):
        Path("colours", name).mkdir(parents=True)
        for i in range(5):
            pixels = np.zeros((64, 64, 3), np.uint8)
            pixels[..., channel] = 180 + 15 * i
            Image.fromarray(pixels).save(Path("colours", name, f"{i}.png"))
    sizes = ("--network", "16-3", "--optimizer", "adam", "--epochs", "100", "--batch-size", "5", "--holdout", "0.4")
    done = json.loads(run("train", "colours", *sizes, "--json").stdout)
    assert done["classes"] == ["blue", "green", "red"]
    assert done["learning_rate"] == purr.Adam().learning_rate
    assert done["held_out_score"]["accuracy"]["value"] == 1
    assert run("predict", "cats.safetensors", "colours/green/0.png").stdout.split()[1] == "green"
    assert "--positive-class" in refused("train", "colours", "--positive-class", "red")


def test_the_positive_class_is_the_cat_or_the_second_or_the_one_named(pictures: Path) -> None:
    def classes(*arguments: str | Path) -> tuple[list[str], str]:
        report = run("train", *arguments, *FAST)
        loaded: Any = purr.load("cats.safetensors")
        return list(loaded.class_names_), report.stdout

    assert classes(pictures)[0] == ["not cat", "cat"]
    assert classes(pictures, "--positive-class", "not cat")[0] == ["cat", "not cat"]
    Path("fruit").mkdir()
    for folder, name in (("cat", "apple"), ("not cat", "pear")):
        Path("fruit", name).symlink_to(pictures / folder)
    names, report = classes("fruit")
    assert names == ["apple", "pear"]
    assert "'pear' (--positive-class says otherwise)" in report
    assert "'kiwi' is none of the classes" in refused("train", "fruit", *FAST, "--positive-class", "kiwi")


def test_a_network_follows_the_size_of_stored_pictures() -> None:
    save_npz(Path("small.npz"), x=np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), np.uint8))
    assert json.loads(run("train", "small.npz", "--epochs", "2", "--json").stdout)["network"] == "256-20-7-5-1"


@pytest.mark.parametrize("columns", [100, 300])
def test_rows_that_are_taken_for_pictures_are_said_to_be(columns: int) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (12, columns), np.uint8)
    save_npz(Path("rows.npz"), x=rows)
    header = ",".join(map(str, [*range(columns), "y"]))
    np.savetxt("rows.csv", np.column_stack([rows, np.arange(12) % 2]), "%d", ",", header=header, comments="")
    kind = "grey" if columns == 100 else "colour"
    for file in ("rows.npz", "rows.csv"):
        said = f"{file}: each row of {columns} numbers is taken for a {kind} picture of 10 x 10 pixels"
        done = run("train", file, *FAST, "--json")
        assert said in done.stderr
        assert json.loads(done.stdout)["data"]["picture"] == [10, 10, 1 if kind == "grey" else 3]
        assert said in run("doctor", file).stderr


def test_files_that_are_no_photo_can_be_left_out(model: Path, pictures: Path) -> None:
    Path("mixed/cat").mkdir(parents=True)
    Path("mixed/dog").mkdir()
    for i in range(4):
        for name, green in (("cat", 0), ("dog", 200)):
            Image.new("RGB", (8, 8), (i * 60, green, 0)).save(f"mixed/{name}/{i}.png")
    Path("mixed/dog/notes.txt").write_text("no photo")
    assert "notes.txt: no image" in refused("train", "mixed", *FAST)
    assert "notes.txt: no image" in refused("evaluate", model, "mixed")
    done = run("train", "mixed", *FAST, "--skip-bad")
    assert "left out 1 file" in done.stderr
    skipped = json.loads(run("train", "mixed", *FAST, "--skip-bad", "--json").stdout)["data"]["skipped"]
    assert skipped == [str(Path("mixed/dog/notes.txt"))]
    assert json.loads(run("evaluate", model, "mixed", "--skip-bad", "--json").stdout)["accuracy"]


def test_without_held_out_photos_there_is_no_score_on_unseen_ones(pictures: Path) -> None:
    done = run("train", pictures, *FAST, "--holdout", "0")
    assert "nothing can be said about unseen" in done.stdout
    assert "baselines" not in done.stdout
    done = json.loads(run("train", pictures, *FAST, "--holdout", "0", "--json").stdout)
    assert done["held_out"] is done["held_out_score"] is None
    assert json.loads(run("evaluate", "cats.safetensors", pictures, "--json").stdout)["trained_on"] is True
    assert "says nothing about others" in run("evaluate", "cats.safetensors", pictures).stdout


def test_the_same_seed_gives_the_same_file_for_any_number_of_threads(pictures: Path) -> None:
    for name, options in (("a", ("--threads", "1")), ("b", ("--threads", "2")), ("c", ("--seed", "1"))):
        run("train", pictures, *FAST, "--output", name, *options)
    a, b, c = (Path(name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


# Standard output and standard error


def test_json_is_one_object_and_nothing_else(pictures: Path, model: Path) -> None:
    photo = next(pictures.glob("cat/*.png"))
    for arguments in (
        ("train", pictures, *FAST),
        ("predict", model, photo),
        ("evaluate", model, pictures),
        ("show", model),
        ("data", "make", "made", "--count", "2"),
    ):
        result = run(*arguments, "--json")
        assert isinstance(json.loads(result.stdout), dict)
        assert result.stdout.count("\n") == 1
    scores = json.loads(run("train", pictures, *FAST, "--json", "--quiet").stdout)
    held_out = scores["held_out_score"]
    assert is_score(scores["training_accuracy"])
    assert is_score(held_out["accuracy"])
    assert is_score(held_out["baselines"]["training_majority"])
    assert is_score(held_out["baselines"]["best_constant"])


def test_quiet_leaves_the_result_alone(pictures: Path, model: Path) -> None:
    photo = next(pictures.glob("cat/*.png"))
    for arguments in (
        ("train", pictures, *FAST),
        ("predict", model, photo),
        ("evaluate", model, pictures),
        ("show", model),
        ("data", "make", "made", "--count", "2"),
    ):
        result = run(*arguments, "--quiet")
        assert result.stderr == ""
        assert result.stdout
    assert run("train", pictures, *FAST).stderr.startswith("reading ")


@POSIX
def test_a_terminal_gets_a_live_line(pictures: Path) -> None:
    import pty

    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("NO_COLOR", None)
    child = subprocess.Popen(
        [sys.executable, "-m", "purrceptron", "train", str(pictures), *FAST],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env=environment,
    )
    os.close(follower)
    shown = b""
    try:
        while part := os.read(leader, 65536):
            shown += part
    except OSError:  # how Linux tells that nobody writes any more
        pass
    os.close(leader)
    assert child.wait(60) == 0
    assert "━" in shown.decode()
    assert "3/3" in shown.decode()


# Failing


def test_a_missing_file_is_named() -> None:
    assert refused("predict", "nothing.safetensors", "photo.jpg") == "nothing.safetensors: no such file"
    assert refused("show", "nothing.safetensors") == "nothing.safetensors: no such file"
    assert refused("train", "nothing") == "nothing: no such file"
    assert refused("train", "nothing.npz", *FAST) == "nothing.npz: no such file"
    assert refused("evaluate", "nothing.safetensors", "nothing") == "nothing.safetensors: no such file"


def test_a_missing_photo_is_named(model: Path, pictures: Path) -> None:
    assert refused("predict", model, "photo.jpg") == "photo.jpg: no such file"
    photos = pictures / "*.jpg"
    assert refused("predict", model, pictures) == f"{pictures}: is a folder; name the photos in it, such as {photos}"
    assert refused("evaluate", model, "nothing") == "nothing: no such file"
    assert refused("train", pictures, "--test", "nothing", *FAST) == "nothing: no such file"


def test_photos_that_cannot_be_read_are_named_and_the_others_answered(model: Path, pictures: Path) -> None:
    first, last = sorted(pictures.glob("cat/*.png"))[:2]
    Path("text.jpg").write_text("not a photo")
    answers = json.loads(run("predict", model, first, last, "--json").stdout)["answers"]
    asked = ("predict", model, first, "missing.jpg", "text.jpg", last)
    done = run(*asked, "--json", status=1)
    told = json.loads(done.stdout)
    assert told["answers"] == answers
    assert [failure["photo"] for failure in told["failed"]] == ["missing.jpg", "text.jpg"]
    assert done.stderr.splitlines() == [f"purr: {failure['error']}" for failure in told["failed"]]
    assert done.stderr.startswith("purr: missing.jpg: no such file\npurr: text.jpg: no image that can be read")
    lines = run(*asked, "--quiet", status=1).stdout.splitlines()
    assert [line.split()[0] for line in lines] == [str(first), str(last)]
    assert run("predict", model, "missing.jpg", "text.jpg", status=1).stdout == ""


def test_a_model_that_takes_the_place_of_another_says_so(pictures: Path) -> None:
    first, second = (run("train", pictures, *FAST).stdout for _ in range(2))
    assert "in the place of an older file" in second
    assert "older" not in first
    assert json.loads(run("train", pictures, *FAST, "--json").stdout)["replaced"] is True
    assert json.loads(run("train", pictures, *FAST, "--json", "--output", "other").stdout)["replaced"] is False


def test_a_file_that_is_no_image_is_named(model: Path) -> None:
    Path("photo.jpg").write_text("not a photo")
    assert "photo.jpg: no image that can be read" in refused("predict", model, "photo.jpg")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": np.zeros((12, 100))}, "expected 12,288 features a photo, 64 x 64 x 3, got 100"),
        ({"x": np.full((12, 12288), np.nan)}, "data.npz: nan in row 0, column 0"),
        ({"x": np.full((12, 64, 64, 3), np.inf)}, "data.npz: inf in row 0"),
        ({"x": np.zeros((0, 12288)), "y": np.zeros(0)}, "data.npz: there are no samples"),
        ({"y": np.ones(12)}, "data.npz: all 12 photos are of one class, 'cat'"),
        ({"y": np.zeros(12)}, "data.npz: all 12 photos are of one class, 'not cat'"),
        ({"y": np.arange(12) % 2 * 5}, "class '1' has no photo"),
        ({"y": np.arange(12) % 2 - 1}, "data.npz: label -1 in row 0"),
        ({"y": np.arange(12) / 2}, "data.npz: label 0.5 in row 1"),
        ({"y": np.arange(11)}, "12 samples but 11 labels"),
        ({"x": np.full((12, 12288), 0.5)}, "multiply them by 255"),
    ],
)
def test_data_that_cannot_be_learnt_is_refused(changes: dict[str, Any], message: str) -> None:
    save_npz(Path("data.npz"), **changes)
    assert message in refused("train", "data.npz", "--epochs", "2")
    assert not Path("cats.safetensors").exists()


def test_labels_that_are_not_0_and_1_are_refused_for_one_output() -> None:
    save_npz(Path("three.npz"), y=np.arange(12) % 3)
    line = refused("train", "three.npz", "--network", "12288-20-7-5-1")
    assert "must end in 3 for 3 classes" in line


def test_held_out_photos_are_checked_before_training(pictures: Path) -> None:
    save_npz(Path("small.npz"), x=np.zeros((12, 32, 32, 3), np.uint8))
    line = refused("train", pictures, "--test", "small.npz", "--epochs", "1000000000")
    assert line == "small.npz: expected 12,288 features a photo, 64 x 64 x 3, got 3,072, shape (32, 32, 3)"


def test_evaluate_names_the_features_expected(model: Path) -> None:
    save_npz(Path("small.npz"), x=np.zeros((12, 32, 32, 3), np.uint8))
    assert "expected 12,288 features a photo, 64 x 64 x 3, got 3,072" in refused("evaluate", model, "small.npz")


def test_a_network_for_another_input_is_refused(pictures: Path) -> None:
    line = refused("train", pictures, "--network", "3072-20-7-5-1")
    assert "its input is 3,072, but photos of 64 x 64 x 3 have 12,288 features" in line


def test_an_h5_without_the_expected_names_is_refused() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File("other.h5", "w") as file:
        file["pictures"] = np.zeros((2, 64, 64, 3), np.uint8)
    line = refused("train", "other.h5")
    assert (
        line
        == "other.h5: expected the arrays train_set_x and train_set_y or test_set_x and test_set_y, found 'pictures'"
    )


def test_data_of_no_known_kind_is_refused() -> None:
    Path("data.txt").write_text("hello")
    Path("data.csv").write_text("a,b\n1,2\n")
    Path("empty").mkdir()
    assert "data.txt: no data of a known kind" in refused("train", "data.txt")
    assert "data.csv: no column 'y'" in refused("train", "data.csv")
    assert "empty: there is no class" in refused("train", "empty")


@pytest.mark.parametrize("subcommand", ["predict", "evaluate", "show"])
def test_a_damaged_or_foreign_model_file_is_refused(subcommand: str, model: Path) -> None:
    whole = model.read_bytes()
    other = () if subcommand == "show" else ("photo.jpg",)
    for name, content in (
        ("truncated", whole[:-100]),
        ("header only", whole[:200]),
        ("empty", b""),
        ("foreign", b"\x89HDF\r\n\x1a\n" + bytes(1000)),
        ("flipped", whole[:-1] + bytes([whole[-1] ^ 1])),
    ):
        Path(name).write_bytes(content)
        assert refused(subcommand, name, *other).startswith(f"{name}: ")


def test_a_network_that_is_no_photo_classifier_is_shown_but_not_asked() -> None:
    purr.Sequential.from_string("4-3-2").save("plain.safetensors")
    assert "12,288" not in run("show", "plain.safetensors").stdout
    assert json.loads(run("show", "plain.safetensors", "--json").stdout)["classifier"] is None
    assert "no photo classifier" in refused("predict", "plain.safetensors", "photo.jpg")


def test_what_a_file_says_steers_no_terminal() -> None:
    cats = purr.CatClassifier((2,), epochs=1, positive_class="cat\x1b[2J\x1b]0;owned\x07\u202e")
    cats.fit(np.stack([np.zeros((64, 64, 3), "uint8"), np.ones((64, 64, 3), "uint8")]), [0, 1]).save(
        "steers.safetensors"
    )
    shown = run("show", "steers.safetensors").stdout
    assert "cat\\x1b[2J" in shown
    assert not set(shown) & set("\x1b\x07\u202e")
    assert r"\x1b[2J" in refused("show", "\x1b[2J.safetensors")


def test_no_name_begins_another_line(model: Path, pictures: Path) -> None:
    photo = Path("a\nblack.png  cat  100.0 %.png")
    folder = Path("two\nlines")
    try:
        shutil.copy(next(pictures.glob("cat/*.png")), photo)
        for number, name in enumerate(("cat", "not\ncat")):
            (folder / name).mkdir(parents=True)
            for one in sorted(pictures.glob("*/*.png"))[number::2]:
                shutil.copy(one, folder / name)
    except OSError:
        pytest.skip("this system has no such names")
    (answer,) = run("predict", model, photo).stdout.splitlines()
    assert answer.startswith("a\\nblack.png  cat  100.0 %.png  ")
    assert json.loads(run("predict", model, photo, "--json").stdout)["answers"][0]["photo"] == str(photo)
    train, evaluate = ("train", folder, *FAST), ("evaluate", "cats.safetensors", folder)
    for arguments in (train, evaluate, ("show", "cats.safetensors"), ("doctor", folder)):
        done = run(*arguments)
        lines = done.stdout.splitlines() + done.stderr.splitlines()
        assert not [line for line in lines if line.startswith(("cat", "lines"))], lines
    table = run(*evaluate).stdout.splitlines()
    head = next(place for place, line in enumerate(table) if "taken for" in line)
    assert len({len(line) for line in table[head : head + 3]}) == 1


def test_an_output_that_cannot_be_written_is_found_before_training(pictures: Path) -> None:
    long = (pictures, "--network", "20-7-5-1", "--epochs", "1000000000")
    assert "there is no folder 'nowhere'" in refused("train", *long, "--output", "nowhere/cats.safetensors")
    assert refused("train", *long, "--output", ".") == ".: is a folder, expected a file"


@POSIX
def test_a_folder_without_write_permission_is_found_before_training(pictures: Path) -> None:
    Path("locked").mkdir(mode=0o555)
    if os.access("locked", os.W_OK):
        pytest.skip("this user may write everywhere")
    long = (pictures, "--epochs", "1000000000")
    assert refused("train", *long, "--output", "locked/cats") == "locked/cats: permission denied"
    assert refused("data", "make", "locked/pictures") == "locked/pictures: permission denied"


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("report", "base.safetensors", "photos"), "base.safetensors"),
        (("report", "base.safetensors", "photos"), "photos/cat/00000.png"),
        (("report", "base.safetensors", "more.npz", "--training", "photos"), "photos/report.html"),
        (("train", "photos", *FAST), "photos/cat/00000.png"),
        (("train", "photos", *FAST, "--test", "more.npz"), "more.npz"),
        (("train", "more.npz", *FAST), "linked.npz"),
        (("data", "preview", "photos"), "photos/cat/00001.png"),
        (("data", "preview", "photos"), "here/cat/sheet.png"),
    ],
)
def test_what_is_read_is_never_replaced(arguments: tuple[str, ...], output: str, model: Path, pictures: Path) -> None:
    shutil.copytree(pictures, "photos")
    shutil.copy(model, "base.safetensors")
    save_npz(Path("more.npz"))
    try:
        Path("here").symlink_to("photos")
        Path("linked.npz").symlink_to("more.npz")
    except OSError:
        pytest.skip("no right to make symbolic links on this system")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    said = refused(*arguments, "--output", output)
    assert said.startswith(f"{output}: ")
    assert "to write" in said
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (("train", *FAST), "cats.safetensors"),
        (("report", "../model"), "report.html"),
        (("data", "preview"), "sheet.png"),
    ],
)
def test_photos_of_the_present_folder_are_worked_on_at_the_place_that_the_refusal_names(
    arguments: tuple[str, ...], output: str, model: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(pictures, "photos of cats")
    shutil.copy(model, "model")
    monkeypatch.chdir("photos of cats")
    for folder, beside in ((".", f"../{output}"), (os.getcwd(), os.path.abspath(f"../{output}"))):
        said = refused(*arguments, folder)
        assert said.startswith(f"{output}: ")
        assert f" within {folder}, " in said
        named = said.split(" such as ")[1]
        assert named == f"--output {beside}"
        run(*arguments, folder, *named.split())
        assert Path(beside).is_file()


def test_a_folder_for_a_sheet_that_is_not_there_is_found_before_the_work() -> None:
    message = "no/sheet.png: there is no folder 'no' to write in"
    assert refused("data", "preview", "nothing.npz", "--output", "no/sheet.png") == message


def test_data_make_leaves_a_folder_that_is_not_empty_alone(pictures: Path) -> None:
    before = sorted(pictures.rglob("*"))
    assert "not empty" in refused("data", "make", pictures)
    assert sorted(pictures.rglob("*")) == before
    Path("file").write_text("")
    assert "file" in refused("data", "make", "file")


def test_divergence_says_what_to_try(pictures: Path) -> None:
    result = run("train", pictures, "--learning-rate", "1e30", "--epochs", "50", "--quiet", status=1)
    assert result.stderr.startswith("purr: training diverged in epoch")
    assert "try a learning rate below 1e30" in result.stderr
    assert not Path("cats.safetensors").exists()


def test_debug_shows_the_traceback() -> None:
    arguments = [sys.executable, "-m", "purrceptron", "show", "nothing", "--debug"]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "FileNotFoundError" in done.stderr


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.png"), "a.png: no such file"),
        (PermissionError(13, "Permission denied", "a.png"), "a.png: permission denied"),
        (IsADirectoryError(21, "Is a directory", "a"), "a: is a folder, expected a file"),
        (NotADirectoryError(20, "Not a directory", "a"), "a: is no folder"),
        (OSError(28, "No space left on device", "a"), "a: no space left on device"),
        (OSError("went away"), "went away"),
        (MemoryError(), "not enough memory"),
        (ValueError("one\n  two"), "one two"),
        (TypeError(), "TypeError"),
        (KeyError("x"), "internal error, please report it: KeyError: 'x' (--debug shows where)"),
    ],
)
def test_a_failure_is_one_line(error: Exception, line: str) -> None:
    assert failure_line(error) == line


# Wrong usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trian",), "No such command"),
        (("train", "--epoch"), "No such option"),
        (("train", "--epochs", "0"), "--epochs"),
        (("train", "--epochs", "many"), "--epochs"),
        (("train", "--batch-size", "0"), "--batch-size"),
        (("train", "--learning-rate", "-0.1"), "-0.1 is not in the range x>0"),
        (("train", "--learning-rate", "0"), "--learning-rate"),
        (("train", "--optimizer", "sdg"), "'sdg' is not one of 'sgd', 'adam'"),
        (("train", "--solver", "fast"), "--solver"),
        (("train", "--network", "20-x-1"), "'x' is no layer"),
        (("train", "--network", "20:gelo-1"), "unknown activation 'gelo'; known"),
        (("train", "--holdout", "1"), "--holdout"),
        (("train", "--holdout", "0.1"), "--holdout sets a part of DATA aside"),
        (("train", "data", "--test", "more", "--holdout", "0.1"), "--holdout sets a part of DATA aside"),
        (("train", "--seed", "-1"), "--seed"),
        (("train", "--threads", "0"), "--threads"),
        (("predict", "model"), "PHOTO"),
        (("evaluate", "model"), "DATA"),
        (("show",), "MODEL"),
        (("data", "make"), "DIR"),
        (("data", "make", "folder", "--count", "0"), "--count"),
        (("data", "make", "folder", "--size", "1"), "--size"),
        (("data", "preview", "--variants", "3"), "--variants is how often --augment or --mixup is shown"),
        (("data", "preview", "--output", "sheet.jpg"), "name a file that ends in .png"),
    ],
)
def test_wrong_usage_is_status_2(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments, status=2)
    assert message in result.stderr
    assert result.stdout == ""


def test_a_command_that_is_none_is_held_against_all_that_are() -> None:
    assert "No such command 'trian'" in run("trian", status=2).stderr
    assert set(command.commands) == set(command.list_commands(click.Context(command)))  # what click suggests from


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "--learning-rate", "fast"), "'--learning-rate': 'fast' is not a valid number."),
        (("train", "--epochs", "1e3"), "'--epochs': '1e3' is not a valid whole number."),
        (("data", "make", "x", "--count", "ten"), "'--count': 'ten' is not a valid whole number."),
        (("doctor", "x", "--batch-size", "0.5"), "'--batch-size': '0.5' is not a valid whole number."),
    ],
)
def test_what_is_no_number_is_said_to_be_none(arguments: tuple[str, ...], message: str) -> None:
    assert message in run(*arguments, status=2).stderr


def test_progress_leaves_no_empty_lines_where_there_is_no_terminal(pictures: Path) -> None:
    said = run("train", pictures, "--recipe", "best").stderr
    assert "training  " in said.split("\n\n")[0]


@pytest.mark.parametrize("command", ["train", "doctor", "evaluate", "report", "preview"])
def test_files_are_counted_while_they_are_read(
    command: str, pictures: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for pause in ("_SECONDS_BEFORE", "_SECONDS_BETWEEN_LINES"):
        monkeypatch.setattr(f"purrceptron.cli.file_progress.{pause}", 0)
    arguments = {
        "train": ("train", pictures, *FAST),
        "doctor": ("doctor", pictures),
        "evaluate": ("evaluate", model, pictures),
        "report": ("report", model, pictures),
        "preview": ("data", "preview", pictures),
    }[command]
    assert "reading  29/30 files" in run(*arguments).stderr


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_learning_rate_that_is_no_number_is_refused(value: str, pictures: Path) -> None:
    for given in (("train", pictures, *FAST), ("doctor", pictures)):
        result = run(*given, "--learning-rate", value, status=2)
        assert f"'--learning-rate': {value} is no finite number" in result.stderr


def test_every_command_has_help_with_an_example() -> None:
    commands = ["train", "predict", "evaluate", "report", "show", "data make", "doctor", "trace"]
    for arguments in map(str.split, commands):
        shown = run(*arguments, "--help").stdout
        assert f"  purr {' '.join(arguments)}" in shown.split("Example")[1]
        for option in ("--json", "--quiet", "--debug"):
            assert option in shown
    groups = ((), [command.split()[0] for command in commands]), (("data",), ["make", "preview", "cache"])
    for arguments, expected in groups:
        listed = run(*arguments, "--help").stdout.split("Commands:\n")[1].splitlines()
        assert [line.split()[0] for line in listed if line][: len(expected)] == expected


def test_version() -> None:
    assert run("--version").stdout == f"purr {purr.__version__}\n"


# Signals


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    # Started in the background, a shell would have it ignore SIGINT; so say what it is to do.
    script = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from purrceptron.cli import main; main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@POSIX
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_is_one_line_and_status_130(pictures: Path, threads: int) -> None:
    with start("train", pictures, "--epochs", "1000000000", "--threads", str(threads)) as child:
        try:
            assert child.stderr is not None
            assert child.stderr.readline().startswith("reading")
            time.sleep(1)
            child.send_signal(signal.SIGINT)
            stdout, stderr = child.communicate(timeout=5)
        finally:
            child.kill()
    assert child.returncode == 130
    assert stdout == ""
    assert stderr.splitlines()[-1] == "purr: interrupted; nothing was saved"
    assert "Traceback" not in stderr
    assert not list(Path().iterdir())


@POSIX
@pytest.mark.parametrize("photos", [1, 3000])
def test_a_reader_that_goes_away_is_no_error(model: Path, pictures: Path, photos: int) -> None:
    child = start("predict", model, *[next(pictures.glob("cat/*.png"))] * photos)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    assert child.stderr.read() == ""
    assert child.wait(30) == 141
    child.stderr.close()


# Imports


def test_importing_the_library_does_not_import_what_only_the_command_needs(run_python: Callable[..., str]) -> None:
    script = "import sys, purrceptron; print(sorted({'click', 'rich', 'PIL', 'h5py'} & set(sys.modules)))"
    assert run_python(script) == "[]"
    script = "import sys, purrceptron.cli; print(sorted({'rich', 'PIL', 'h5py'} & set(sys.modules)))"
    assert run_python(script) == "[]"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_or_a_device_is_never_replaced_by_a_model(pictures: Path) -> None:
    os.mkfifo("pipe")
    assert "cannot become a model file" in refused("train", pictures, *FAST, "--output", "pipe")
    with pytest.raises(OSError, match="no regular file"):
        purr.Sequential.from_string("2-1").save("pipe")
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)


def test_a_folder_of_photos_alone_says_which_folder_to_give(pictures: Path) -> None:
    assert refused("train", pictures / "cat").endswith("photos of one class, give the folder around theirs)")


def test_a_positive_class_that_is_none_is_refused_before_the_work(pictures: Path) -> None:
    expected = f"{pictures}: --positive-class 'dog' is none of the classes 'cat', 'not cat'"
    assert refused("train", pictures, "--recipe", "best", "--positive-class", "dog") == expected


def test_what_photos_of_one_class_cannot_tell_is_said_to_be_unknown() -> None:
    pytest.importorskip("sklearn")
    images, labels = purr.datasets.make_cats(60, size=16, seed=0)
    purr.CatClassifier((4,), image_size=16, epochs=20).fit(images, labels).calibrate(images, labels).save("model")
    others, classes = purr.datasets.make_cats(30, size=16, seed=1)
    save_npz(Path("cats.npz"), x=others[classes == 1], y=np.ones(15, int))
    told = run("evaluate", "model", "cats.npz").stdout
    assert "unknown: all photos are of one class" in told
    assert "of 'cat' for another" in told
    assert "of 'not cat' for another" not in told


def test_a_folder_of_one_class_says_that_it_takes_two(pictures: Path) -> None:
    shutil.copytree(pictures / "cat", "one/cat")
    assert "one: all 15 photos are of one class, 'cat'" in refused("train", "one", *FAST)


def test_photos_learnt_from_are_known_again_in_any_order_and_after_a_copy(pictures: Path) -> None:
    run("train", pictures, *FAST, "--holdout", "0")
    for number, photo in enumerate(sorted(pictures.glob("*/*.png"), reverse=True)):
        Path("copy", photo.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, Path("copy", photo.parent.name, f"{number}.png"))
    assert json.loads(run("evaluate", "cats.safetensors", "copy", "--json").stdout)["trained_on"] is True


def test_a_file_without_hashes_of_photos_still_knows_the_set_it_was_trained_on(pictures: Path) -> None:
    run("train", pictures, *FAST, "--holdout", "0")
    classifier: Any = purr.load("cats.safetensors")
    classifier.training_["photo_hashes"] = ""
    classifier.save("older.safetensors")
    scored = json.loads(run("evaluate", "older.safetensors", pictures, "--json").stdout)
    assert (scored["trained_on"], scored["left_out"]) == (True, 0)


@pytest.mark.parametrize("hashes", ["no base64!", "YWJj"])
def test_hashes_of_photos_that_make_no_sense_are_refused_when_the_file_is_read(pictures: Path, hashes: str) -> None:
    run("train", pictures, *FAST)
    classifier: Any = purr.load("cats.safetensors")
    classifier.training_["photo_hashes"] = hashes
    classifier.save("damaged.safetensors")
    with pytest.raises(purr.ModelFileError, match="do not make sense"):
        purr.load("damaged.safetensors")


def test_photos_to_score_on_that_are_trained_on_are_left_out_and_said_to_be(pictures: Path) -> None:
    photos = sorted(pictures.glob("*/*.png"))
    for photo in photos[::3]:
        Path("some", photo.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, Path("some", photo.parent.name, photo.name))
    run("data", "make", "others", "--count", "8", "--seed", "77")
    for photo in Path("others").glob("*/*.png"):
        shutil.copy(photo, Path("some", photo.parent.name, f"new{photo.name}"))
    Image.open(photos[0]).save(Path("some", photos[0].parent.name, "again.jpg"), quality=95)
    done = run("train", pictures, *FAST, "--test", "some")
    assert "10 more photos it was trained on: left out of the score" in done.stdout
    assert "1 of them is nearly a photo that it was trained on: the score may be too high" in done.stdout
    assert "of 9 photos held out" in done.stdout
    fields = json.loads(run("train", pictures, *FAST, "--test", "some", "--json").stdout)["held_out"]
    assert (fields["left_out"], fields["trained_on"], fields["near_duplicates"]) == (10, False, 1)
    assert sum(fields["photos"].values()) == 9


def test_a_score_on_the_training_photos_is_said_to_say_nothing(pictures: Path) -> None:
    done = run("train", pictures, *FAST, "--test", pictures)
    assert "the photos that it was trained on: the score says nothing about others" in done.stdout
    assert "held out" not in done.stdout
    assert json.loads(run("train", pictures, *FAST, "--test", pictures, "--json").stdout)["held_out"]["trained_on"]
