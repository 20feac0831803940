"""The page of `purr report`: what it says, what it escapes, and how a browser shows it."""

import base64
import copy
import dataclasses
import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.plots.names import shown_ends
from purrceptron.report import Findings, render

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCRIPT = "<script>alert(1)</script>"


def learnt(classes: int = 2, names: tuple[str, ...] | None = None) -> tuple[Any, Any, Any]:
    """A classifier of drawn pictures, and pictures that it has not seen; of more classes by their brightness."""
    images, labels = purr.datasets.make_cats(80, seed=0)
    if classes > 2:
        labels = np.arange(80) % classes
        images = (images // 2 + labels[:, None, None, None] * (127 // classes)).astype(np.uint8)
    classifier = purr.PhotoClassifier((8,), epochs=60, seed=0)
    classifier.fit(images[:50], labels[:50], class_names=names, validation_data=(images[50:], labels[50:]))
    return classifier, images[50:], labels[50:]


@pytest.fixture(scope="module")
def cats() -> tuple[Any, Any, Any]:
    return learnt(names=("other", "cat"))


@pytest.fixture(scope="module")
def page(cats: tuple[Any, Any, Any]) -> str:
    return made(*cats)


def made(classifier: Any, images: Any, labels: Any, *, seen: bool = False, **asked: Any) -> str:
    return render(Findings.gather(classifier, images, labels, **asked), model="cats", photos="drawn", seen=seen)


def calibrated(classifier: Any, photos: int) -> Any:
    """A copy that is calibrated on other drawn pictures, half of them of each class."""
    images, labels = purr.datasets.make_cats(photos, seed=1)
    return copy.copy(classifier).calibrate(images, labels, folds=None)


def section(page: str, heading: str) -> str:
    """Text of the part of the page under a heading."""
    return text_of("<body>" + page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0])


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page.partition("<body>")[2]).split())


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result


def test_the_headline_is_the_accuracy_that_scikit_learn_gives(cats: tuple[Any, Any, Any], page: str) -> None:
    from sklearn.metrics import accuracy_score

    classifier, images, labels = cats
    answers = classifier.predict_proba(images).argmax(axis=1)
    share, right = accuracy_score(labels, answers), int((answers == labels).sum())
    assert f"Of 30 photos it had never seen, {right} were answered rightly: {100 * share:.0f} %" in text_of(page)


def test_the_roc_curve_is_that_of_scikit_learn(cats: tuple[Any, Any, Any], page: str) -> None:
    from sklearn.metrics import roc_auc_score

    classifier, images, labels = cats
    area = roc_auc_score(labels, classifier.predict_proba(images)[:, 1])
    assert f"AUC {area:.3f}, chance 0.5" in page
    assert "recall of 'cat'" in page.partition('aria-label="ROC curve')[2].partition("</svg>")[0]


def test_the_page_shows_everything(page: str) -> None:
    said = text_of(page)
    for heading in ("How good it is", "What it takes for what", "What its answers hang on", "doctor", "first layer"):
        assert heading in said
    assert page.count("<svg") == 4  # scores, ROC, calibration, cost
    assert page.count("<h1>") == 1
    assert 'lang="en"' in page
    assert all(' alt="' in image for image in re.findall("<img[^>]*>", page))


def test_the_same_model_and_photos_give_the_same_page(cats: tuple[Any, Any, Any], page: str) -> None:
    assert made(*cats) == page


def test_photos_are_those_it_was_surest_and_least_sure_of(cats: tuple[Any, Any, Any]) -> None:
    classifier, images, labels = cats
    found = Findings.gather(classifier, images, labels)
    probabilities = classifier.predict_proba(images)
    right, sure = probabilities.argmax(axis=1) == labels, probabilities.max(axis=1)
    assert [photo.number for photo in found.border] == np.argsort(sure, kind="stable")[:6].tolist()
    assert all(photo.right for photo in found.right)
    assert not any(photo.right for photo in found.wrong)
    assert found.right[0].probability == sure[right].max()
    assert len(found.wrong) == min(6, int((~right).sum()))


def test_scores_on_training_photos_are_said_to_say_nothing(cats: tuple[Any, Any, Any]) -> None:
    said = text_of(made(*cats, seen=True))
    assert "that it was trained on" in said
    assert "These scores cannot be trusted." in said
    assert "never seen," not in said


@pytest.mark.parametrize("names", [(SCRIPT, '"><img src=x onerror=alert(1)>'), ("a\n\x00\u202e", "$猫$" * 30)])
def test_class_names_may_hold_anything(names: tuple[str, ...]) -> None:
    page = render(Findings.gather(*learnt(names=names)), model=SCRIPT, photos=SCRIPT)
    assert "<script" not in page
    assert "onerror=alert(1)>" not in page
    assert "\x00" not in page
    assert "\u202e" not in page


def test_more_classes_work_the_same() -> None:
    page = made(*learnt(3, ("dark", "grey", "bright")))
    assert page.count('<tr><th scope="row">is ') == 3
    assert "recall of 'grey'" in page
    assert "Where to draw the line" not in page
    assert "Each point of a curve is a threshold" in text_of(page)


def test_what_points_below_the_line_mean_is_said_of_the_class_or_of_the_answer(page: str) -> None:
    heading = "Whether its probabilities mean what they say"
    assert "Below it the photos are “cat” less often than said, above it more often." in section(page, heading)
    of_three = section(made(*learnt(3, ("dark", "grey", "bright"))), heading)
    assert "Below it the answers are right less often than said" in of_three


def test_of_very_many_classes_the_most_frequent_mistakes_are_shown() -> None:
    page = made(*learnt(12, tuple(f"class {i}" for i in range(12))))
    assert "The most frequent mistakes, of 12 classes" in page


def test_one_photo_is_enough_for_a_page(cats: tuple[Any, Any, Any]) -> None:
    classifier, images, labels = cats
    said = text_of(made(classifier, images[:1], labels[:1]))
    assert "The one photo it had never seen was answered" in said
    assert "n/a" in said  # the AUC of one class
    assert "A threshold takes photos of both classes; these are all of one." in said
    assert "Each point of" not in said  # no ROC curve


# What to do with it


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({}, "of the photos are “cat”, as many as of these, and both mistakes cost alike."),
        (
            {"share": 0.05, "cost_false_negative": 10.0},
            "5 % of the photos are “cat”, and missing one costs 10, a false alarm 1.",
        ),
        ({"cost_false_positive": 2.5}, "as many as of these, and missing one costs 1, a false alarm 2.5."),
    ],
)
def test_the_line_is_drawn_for_the_costs_and_the_share(cats: Any, asked: dict[str, float], says: str) -> None:
    classifier, images, labels = cats
    found = purr.assessment.judge_threshold(
        labels, classifier.predict_proba(images), classifier.class_shares_[1], **asked
    )
    said = section(made(*cats, **asked), "Where to draw the line")
    assert f"Say “cat” from a probability of {found.line.value:.4f} on" in said
    assert says in said
    for value, expected in ((f"{found.line.value:.4f}", found.here), ("0.5", found.usual)):
        assert f"{value} {100 * expected.accuracy:.1f} %" in said
        assert f"{expected.cost:.3g}" in said
    assert ("the line at 0.5 costs less" in said) == (found.here.cost > found.usual.cost)


def test_a_line_that_does_worse_than_a_half_says_so(cats: Any) -> None:
    findings = Findings.gather(*cats)
    assert findings.threshold is not None
    worse = dataclasses.replace(findings.threshold, here=purr.assessment.AtShare(0.4, 0.4, cost=2.0))
    page = render(dataclasses.replace(findings, threshold=worse), model="cats", photos="drawn")
    assert "On these photos the line at 0.5 costs less: do not count on this one." in section(
        page, "Where to draw the line"
    )


def test_a_line_that_cannot_be_is_refused(cats: Any) -> None:
    classifier, images, labels = cats
    with pytest.raises(ValueError, match="photos of both classes"):
        Findings.gather(classifier, images[:1], labels[:1], share=0.1)
    with pytest.raises(ValueError, match="between two classes"):
        Findings.gather(*learnt(3), share=0.1)
    with pytest.raises(ValueError, match="abstain must be above 0 and below 1"):
        Findings.gather(*cats, abstain=1.0)


def test_open_answers_are_those_of_predict(cats: Any) -> None:
    classifier, images, labels = cats
    sure = calibrated(classifier, 60)
    said = section(made(sure, images, labels, abstain=0.25), "Where it may say “not sure”")
    answers = sure.predict(images, abstain=0.25)
    truth = np.array(sure.class_names_)[labels]
    left_open = answers == "not sure"
    sets = sure.prediction_sets(images, coverage=0.75)[np.arange(len(labels)), labels]
    assert f"it answers {100 * (~left_open).mean():.0f} %" in said
    assert f"leaves {100 * left_open.mean():.0f} % open" in said
    assert "at most 25 % are promised to be taken for another" in said
    assert "purr predict --abstain 0.25" in said
    for name in sure.class_names_:
        wrong = (answers != name) & ~left_open
        shares = (100 * which[truth == name].mean() for which in (wrong, left_open, sets))
        assert re.search(rf"{name} " + r" [\d]+ to [\d]+ % ".join(f"{share:.1f} %" for share in shares), said)
    assert f"Where classes are more or less frequent, {purr.assessment.SHARE_EFFECTS['abstain']}." in said


def test_a_page_says_how_answers_can_be_left_open(cats: Any) -> None:
    heading = "Where it may say “not sure”"
    assert "not calibrated" in section(made(*cats), heading)
    few = section(made(calibrated(cats[0], 10), *cats[1:]), heading)
    assert "takes 9 calibration photos of each class to leave answers open at 0.1; of “other” there are 5." in few
    assert "yes, on photos apart" in text_of(made(calibrated(cats[0], 10), *cats[1:]))


def test_a_class_called_like_an_open_answer_has_no_table_of_open_answers(tmp_path: Path) -> None:
    """It had one, though `predict(..., abstain=...)` refuses."""
    classifier, images, labels = learnt(names=("other", "not sure"))
    sure = calibrated(classifier, 60)
    with pytest.raises(ValueError, match="a class is called 'not sure'"):
        sure.predict(images, abstain=0.1)
    said = section(made(sure, images, labels), "Where it may say “not sure”")
    assert "One of its classes is called “not sure”" in said
    assert "Left open" not in said
    sure.save(tmp_path / "sure.safetensors")
    np.savez(tmp_path / "test.npz", x=images, y=labels)
    fields = json.loads(run("evaluate", tmp_path / "sure.safetensors", tmp_path / "test.npz", "--json").stdout)
    assert "open_answers" not in fields


def test_of_many_classes_the_page_says_whose_curves_are_drawn() -> None:
    few, many = (text_of(made(*learnt(classes))) for classes in (3, 12))
    assert "The worst class is named last." in few
    assert "Drawn are" not in few
    assert "Drawn are the 10 of 12 classes that it tells worst, the worst last." in many


# What photos are called


def test_photos_are_called_by_their_files(cats: Any, page: str) -> None:
    assert {f"photo {photo.number}" for photo in Findings.gather(*cats).border} <= set(re.findall(r"photo \d+", page))
    names = [f"{place}<script>\n\u202e'\".png" for place in range(29)] + ["long " * 30 + "29.png"]
    page = made(*cats, names=names)
    assert "<script" not in page
    assert "\u202e" not in page
    found = Findings.gather(*cats, names=names)
    assert [photo.name for photo in found.border] == [names[photo.number] for photo in found.border]
    escaped = "&lt;script&gt;\\n\\u202e&#39;&#34;.png"
    for photo in found.border:
        if photo.number < 29:
            assert f'<span class="muted file">{photo.number}{escaped}</span>' in page
            assert f'alt="{photo.number}{escaped}: ' in page
    with pytest.raises(ValueError, match="expected one for each of 30 photos, got 29"):
        Findings.gather(*cats, names=names[:29])


def test_of_a_long_name_both_ends_are_shown() -> None:
    assert shown_ends("long " * 30 + "29.png") == "long long long long long lo… long 29.png"
    assert len(shown_ends("x" * 41)) == 40
    assert shown_ends("x" * 40) == "x" * 40


def test_only_the_methods_that_are_shown_are_explained(cats: Any, page: str) -> None:
    assert "“Gradient × input” asks" in page
    images, labels = purr.datasets.make_cats(30, seed=0)
    classifier = purr.CatClassifier((), features="colors", epochs=5).fit(images[:20], labels[:20])
    said = section(made(classifier, images[20:], labels[20:]), "What its answers hang on")
    assert "“Occlusion” covers" in said
    assert "radient" not in said


def test_a_map_without_a_colour_says_so(cats: Any, page: str) -> None:
    classifier, images, labels = cats
    dead = copy.deepcopy(classifier)
    dead.model_.set_weights([np.zeros_like(weights) for weights in dead.model_.get_weights()])
    assert "Nothing in the photo moves it" in section(made(dead, images, labels), "What its answers hang on")
    assert "Nothing in the photo moves it" not in page


def test_a_model_of_before_has_no_curve_and_the_page_says_so(cats: tuple[Any, Any, Any]) -> None:
    classifier, images, labels = cats
    curves = classifier.training_["curves"]
    classifier.training_["curves"] = {}
    try:
        page = made(classifier, images, labels)
    finally:
        classifier.training_["curves"] = curves
    assert "does not hold the curve of the cost" in page
    assert page.count("<svg") == 3


@pytest.mark.parametrize(("module", "name"), [("jinja2", "Jinja2"), ("matplotlib", "matplotlib")])
def test_a_missing_extra_says_how_to_install_it(
    cats: tuple[Any, Any, Any], module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = Findings.gather(*cats)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{name}: pip install 'purrceptron\[report\]'"):
        render(findings, model="cats", photos="drawn")


@pytest.mark.parametrize(("module", "name"), [("jinja2", "Jinja2"), ("sklearn", "scikit-learn")])
def test_the_command_misses_an_extra_before_its_work(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    done = run("report", "no model", "no photos", status=1)
    assert f"purr report needs {name}: pip install 'purrceptron[report]'" in done.output


# The curves in the model file


def test_curves_are_thinned_and_come_back_from_the_file(tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(30, seed=0)
    classifier = purr.PhotoClassifier((4,), epochs=501, seed=0).fit(images, labels)
    curves = classifier.training_["curves"]
    assert len(curves["epoch"]) == 200
    assert (curves["epoch"][0], curves["epoch"][-1]) == (1, 501)
    loss = [classifier.history_.loss[int(epoch) - 1] for epoch in curves["epoch"]]
    np.testing.assert_allclose(curves["loss"], loss, rtol=1e-5)
    classifier.save(tmp_path / "model.safetensors")
    assert purr.load(tmp_path / "model.safetensors").training_["curves"] == curves  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "curves",
    [
        [],
        {"loss": [1.0]},
        {"epoch": [1], "loss": [1.0, 2.0]},
        {"epoch": list(range(201))},
        {"epoch": [1], "loss": [float("nan")]},
        {str(i): [1.0] for i in range(9)},
        {"epoch": [float("inf")]},
        {"epoch": ["x"]},
    ],
)
def test_damaged_curves_are_refused(curves: Any, tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(30, seed=0)
    classifier = purr.PhotoClassifier((4,), epochs=2, seed=0).fit(images, labels)
    classifier.training_["curves"] = curves
    classifier.save(tmp_path / "model.safetensors")
    with pytest.raises(purr.ModelFileError, match="notes on the photo classifier do not make sense"):
        purr.load(tmp_path / "model.safetensors")


# The command


@pytest.fixture
def files(cats: tuple[Any, Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    classifier, images, labels = cats
    classifier.save("cats.safetensors")
    np.savez("test.npz", x=images, y=labels)


@pytest.mark.usefixtures("files")
def test_the_command_writes_the_page_and_one_json_object() -> None:
    fields = json.loads(run("report", "cats.safetensors", "test.npz", "--output", "page.html", "--json").stdout)
    page = Path("page.html").read_bytes()
    assert fields["bytes"] == len(page)
    assert page.startswith(b"<!doctype html>")
    assert fields["photos"] == 30
    assert fields["trained_on"] is False
    assert [path.name for path in Path().glob(".*")] == []
    quiet = run("report", "cats.safetensors", "test.npz", "--output", "page.html", "--quiet")
    assert quiet.stderr == ""


@pytest.mark.usefixtures("files")
def test_the_command_says_of_line_and_open_answers_what_evaluate_says(cats: Any) -> None:
    calibrated(cats[0], 60).save("sure.safetensors")
    options = ("sure.safetensors", "test.npz", "--share", 0.1, "--cost-false-positive", 3, "--abstain", 0.2, "--json")
    page, scored = (json.loads(run(name, *map(str, options)).stdout) for name in ("report", "evaluate"))
    assert page["threshold"] == scored["threshold"]
    assert page["open_answers"] == scored["open_answers"]
    assert page["open_answers"]["abstain"] == 0.2
    learnt(3)[0].save("three.safetensors")
    for name in ("report", "evaluate"):
        refused = run(name, "three.safetensors", "test.npz", "--share", "0.1", status=1)
        assert "three.safetensors: a threshold lies between two classes, but the model has 3" in refused.stderr


@pytest.mark.usefixtures("files")
def test_the_command_calls_photos_by_their_files(cats: Any) -> None:
    run("data", "make", "photos", "--count", "12", "--seed", "7", "--quiet")
    for folder in Path("photos").iterdir():
        folder.rename(folder.with_name("cat" if folder.name == "cat" else "other"))
    run("report", "cats.safetensors", "photos", "--quiet")
    shown = r'<li><img src="data:image/png;base64,(\S+)"[^>]*>.*?<span class="muted file">(.*?)</span>'
    photos = re.findall(shown, Path("report.html").read_text(encoding="utf-8"), re.S)
    assert len(photos) > 12
    for encoded, name in photos:
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))))
        assert any(np.array_equal(pixels, purr.images.load_image(file)) for file in Path("photos").rglob(name))


@pytest.mark.usefixtures("files")
def test_photos_without_files_have_the_numbers_that_the_data_gives_them(cats: Any) -> None:
    classifier, images, labels = cats
    learnt_too = purr.datasets.make_cats(80, seed=0)[0][:10]
    np.savez("more.npz", x=np.concatenate([learnt_too, images]), y=np.concatenate([np.arange(10) % 2, labels]))
    run("report", "cats.safetensors", "more.npz", "--quiet")
    page = Path("report.html").read_text(encoding="utf-8")
    names = [f"photo {photo.number + 10}" for photo in Findings.gather(classifier, images, labels).border]
    assert re.findall(r'<span class="muted file">(.*?)</span>', page.partition("Nearest the border")[2])[:6] == names


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("output", "message"), [("no/page.html", "there is no folder 'no'"), (".", "is a folder, expected a file")]
)
def test_what_cannot_be_written_is_refused_before_the_work(output: str, message: str) -> None:
    result = run("report", "no.safetensors", "test.npz", "--output", output, status=1)
    assert message in result.stderr


@pytest.mark.usefixtures("files")
def test_a_failure_leaves_an_older_page_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("report.html").write_text("older")

    def fails(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fails)
    assert "report.html: no space left" in run("report", "cats.safetensors", "test.npz", status=1).stderr
    assert Path("report.html").read_text() == "older"
    assert [path.name for path in Path().glob(".*")] == []


# In a browser


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_the_page_without_a_complaint_or_a_request(page: str, width: int, tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    file = tmp_path / "report.html"
    file.write_text(page, encoding="utf-8")
    complaints: list[str] = []
    requests: list[str] = []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=0)
        tab = browser.new_page(viewport={"width": width, "height": 800})
        tab.set_default_timeout(0)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri(), timeout=0)
        loaded = tab.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
        headings = tab.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => h.tagName + h.innerText)")
        wide = tab.evaluate("document.documentElement.scrollWidth")
        charts = tab.evaluate("[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().height)")
        browser.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith("data:")] == [file.as_uri()]
    assert len(loaded) > 20
    assert all(loaded)
    assert wide <= width
    assert len(charts) == 4
    assert min(charts) > 100
    assert [heading[:2] for heading in headings].count("H2") == 10
    assert headings[0] == "H1A report on cats"


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium: apt-get install chromium")
def test_long_names_of_many_classes_fit_a_telephone(tmp_path: Path) -> None:
    api = pytest.importorskip("playwright.sync_api")
    classifier, images, labels = learnt(8, tuple(letter * 60 for letter in "abcdefgh"))
    classifier = copy.copy(classifier).calibrate(purr.datasets.make_cats(16, seed=1)[0], np.arange(16) % 8, folds=None)
    page = made(classifier, images, labels, names=["x" * 300] * 30, abstain=0.4)
    assert "What becomes of the photos of each class" in page
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"], timeout=0)
        tab = browser.new_page(viewport={"width": 390, "height": 800})
        tab.goto((tmp_path / "report.html").as_uri(), timeout=0)
        wide = tab.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert wide <= 390
