"""`purr predict`: answers by a threshold, and lines that stand under each other."""

import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image
from rich.cells import cell_len

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.explanation import explain


def run(*arguments: object, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result


def asked(*arguments: object) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(run("predict", *arguments, "--json").stdout)
    return fields


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 15 drawn cats and 15 others."""
    folder = tmp_path_factory.mktemp("data") / "pictures"
    run("data", "make", folder, "--count", 30, "--seed", 5)
    return folder


@pytest.fixture(scope="module")
def photos(pictures: Path) -> list[Path]:
    return sorted(pictures.glob("*/*.png"))


@pytest.fixture(scope="module")
def model(pictures: Path) -> Path:
    """A model that was trained on others."""
    file = pictures.parent / "a model"
    images, labels = purr.datasets.make_cats(100, seed=1)
    purr.CatClassifier((8,), epochs=60).fit(images, labels).save(file)
    return file


def test_a_threshold_is_the_probability_from_which_the_positive_class_is_answered(
    model: Path, photos: list[Path]
) -> None:
    usual = asked(model, *photos)
    assert (usual["threshold"], usual["abstain"]) == (None, None)
    chances = [answer["probabilities"]["cat"] for answer in usual["answers"]]
    threshold = sorted(chances)[20]
    found = asked(model, *photos, "--threshold", repr(threshold))
    assert found["threshold"] == threshold
    assert [answer["answer"] == "cat" for answer in found["answers"]] == [chance >= threshold for chance in chances]
    assert sum(answer["answer"] == "cat" for answer in found["answers"]) == 10
    for answer in found["answers"]:
        assert answer["probability"] == answer["probabilities"][answer["answer"]]
    lines = run("predict", model, *photos, "--threshold", 1).stdout.splitlines()
    assert all(re.search(r"png +not cat  +[\d.]+ %", line) for line in lines)
    assert lines[0].endswith(f"{100 - 100 * chances[0]:.1f} %")


@pytest.mark.parametrize("adviser", ["evaluate", "report"])
@pytest.mark.parametrize("costs", [("--share", 0.01), ("--cost-false-negative", 1e8)])
def test_predict_takes_over_the_threshold_that_is_advised(
    adviser: str, costs: tuple[object, ...], model: Path, pictures: Path, photos: list[Path]
) -> None:
    pytest.importorskip("sklearn")
    advice = (adviser, model, pictures, *costs, "--quiet")
    line = json.loads(run(*advice, "--json").stdout)["threshold"]["value"]
    assert 0 < line < 1
    (told,) = (row for row in run(*advice).stdout.splitlines() if "purr predict" in row)
    typed = shlex.split(told.partition("purr ")[2].removesuffix(" answers by it"))
    answers = json.loads(run(*typed, *photos, "--json").stdout)["answers"]
    chances = [answer["probabilities"]["cat"] for answer in answers]
    assert [answer["answer"] == "cat" for answer in answers] == [chance >= line for chance in chances]
    if adviser == "report":
        assert f"--threshold {typed[-1]}</code>" in Path("report.html").read_text(encoding="utf-8")


def test_a_threshold_takes_two_classes_and_stands_alone(model: Path, photos: list[Path]) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3))
    purr.PhotoClassifier((2,), image_size=8, epochs=1).fit(colours, np.arange(9) % 3).save("three")
    told = run("predict", "three", photos[0], "--threshold", 0.2, status=1).stderr
    assert told == "purr: three: a threshold lies between two classes, but the model has 3\n"
    told = run("predict", model, photos[0], "--threshold", 0.2, "--abstain", 0.1, status=2).stderr
    assert "--abstain" in told
    assert "--threshold" in told
    for number in (-0.1, 1.1, "nan"):
        assert "'--threshold'" in run("predict", model, photos[0], "--threshold", number, status=2).stderr


@pytest.mark.parametrize(("threshold", "answer"), [(0, "cat"), (1, "not cat")])
def test_an_explanation_is_about_the_class_that_is_answered(
    threshold: float, answer: str, model: Path, photos: list[Path]
) -> None:
    run("predict", model, photos[0], "--threshold", threshold, "--explain")
    classifier: Any = purr.load(model)
    shown = np.array(Image.open(f"{photos[0].stem}.explained.png"))
    np.testing.assert_array_equal(shown, explain(classifier, photos[0], answer).picture())


@pytest.mark.parametrize(
    "name",
    ["猫が好き.png", "cafe\N{COMBINING ACUTE ACCENT}.png", "two\nlines.png", "\N{CAT FACE}.png", "\udce9.png"],
    ids=["wide", "combining", "line break", "emoji", "no UTF-8"],
)
def test_lines_stand_under_each_other_as_a_terminal_shows_them(name: str, model: Path, photos: list[Path]) -> None:
    try:
        shutil.copy(photos[0], name)
    except (OSError, UnicodeError):
        pytest.skip("this system has no such names")
    shutil.copy(photos[0], "the same.png")
    lines = run("predict", model, name, "the same.png").stdout.splitlines()
    assert len({line.split(".png", 1)[1].lstrip() for line in lines}) == 1
    assert len(set(map(cell_len, lines))) == 1
