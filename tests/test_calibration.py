"""Photo classifiers that are calibrated: folds, open answers, files, and what commands make of them."""

import copy
import json
import pickle
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.photos import NOT_SURE
from purrceptron.photos.calibration import cross_fit, stratified_folds
from purrceptron.photos.notes import to_notes
from purrceptron.photos.pictures import among_hashes, photo_hashes
from purrceptron.photos.recipes import recipe

Data = tuple[NDArray[Any], NDArray[Any]]


def patches(count: int, seed: int = 0, noise: float = 60.0) -> Data:
    """Grey patches of 4 x 4, class 1 a little lighter, so that none can tell them all apart."""
    generator = np.random.default_rng(seed)
    labels = (np.arange(count) % 3 == 0).astype(int)
    means = 110 + 30 * labels + generator.normal(0, 30, count)
    pixels = means[:, None, None, None] + generator.normal(0, noise, (count, 4, 4, 1))
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def grey(**settings: Any) -> Any:
    usual = {"network": (4,), "image_size": 4, "color": "grey", "epochs": 150, "learning_rate": 0.1}
    return purr.PhotoClassifier(**{**usual, **settings})


@pytest.fixture(scope="module")
def calibrated() -> Any:
    return grey().fit(*patches(120)).calibrate(*patches(120))


def test_calibration_is_of_photos_that_each_network_has_not_seen(calibrated: Any) -> None:
    images, labels = patches(120)
    folds = stratified_folds(np.arange(120), labels, 5, 0)
    probabilities = cross_fit(calibrated, images, labels, 5)
    for fold in range(5):
        alone = grey().fit(images[folds != fold], labels[folds != fold])
        np.testing.assert_array_equal(probabilities[folds == fold], alone.predict_proba(images[folds == fold]))
    assert calibrated.calibration_.temperature == purr.assessment.fit_temperature(labels, probabilities)
    assert [len(scores) for scores in calibrated.calibration_.scores] == [80, 40]
    assert calibrated.calibration_.scores[1] == tuple(np.sort(probabilities[labels == 1, 1].astype("f4")).tolist())


def test_near_duplicates_are_in_one_fold() -> None:
    drawn, labels = purr.datasets.make_cats(24, seed=5)
    images, labels = np.concatenate([drawn, drawn - drawn // 16]), np.tile(labels, 2)  # and all of them a little darker
    folds = stratified_folds(purr.datasets.near_duplicates(images), labels, 4, 1)
    np.testing.assert_array_equal(folds[:24], folds[24:])
    classifier = purr.CatClassifier((2,), epochs=2, seed=1).fit(images, labels)
    probabilities = cross_fit(classifier, images, labels, 4)
    for fold in range(4):
        alone = purr.CatClassifier((2,), epochs=2, seed=1).fit(images[folds != fold], labels[folds != fold])
        np.testing.assert_array_equal(probabilities[folds == fold], alone.predict_proba(images[folds == fold]))
    cat = int(np.argmax(labels))
    one_cat = np.array([cat, cat + 24, *np.flatnonzero(labels == 0)])
    with pytest.raises(purr.DataError, match="two different photos of each class at least"):
        classifier.fit(images[one_cat], labels[one_cat]).calibrate(images[one_cat], labels[one_cat])


@pytest.mark.parametrize("seed", range(5))
def test_folds_have_the_shares_of_the_classes_and_groups_stay_together(seed: int) -> None:
    generator = np.random.default_rng(seed)
    alone = stratified_folds(np.arange(61), np.arange(61) % 3 // 2, 5, seed)
    for label in (0, 1):
        assert np.ptp(np.bincount(alone[np.arange(61) % 3 // 2 == label], minlength=5)) <= 1
    assert np.ptp(np.bincount(alone)) <= 1
    groups = generator.integers(0, 40, 120)
    targets = groups % 2
    folds = stratified_folds(groups, targets, 5, seed)
    assert all(len(set(folds[groups == group])) == 1 for group in np.unique(groups))
    largest = np.bincount(groups).max()
    for label in (0, 1):
        assert np.ptp(np.bincount(folds[targets == label], minlength=5)) <= largest
    assert (folds != stratified_folds(groups, targets, 5, seed + 1)).any()


def test_calibration_changes_probabilities_but_no_answer(calibrated: Any) -> None:
    images, _ = patches(60, seed=1)
    plain = grey().fit(*patches(120))
    expected = purr.assessment.scale_probabilities(plain.predict_proba(images), calibrated.calibration_.temperature)
    np.testing.assert_array_equal(calibrated.predict_proba(images), expected)
    np.testing.assert_array_equal(calibrated.predict(images), plain.predict(images))
    assert calibrated != plain
    assert pickle.loads(pickle.dumps(calibrated)) == calibrated


def test_answers_are_left_open_where_the_set_is_not_one_class(calibrated: Any) -> None:
    images, _ = patches(60, seed=1)
    sets = calibrated.prediction_sets(images, coverage=0.9)
    answers = calibrated.predict(images, abstain=0.1)
    single = (sets.sum(axis=1) == 1) & (calibrated.novelty(images) <= 1)
    assert 0 < single.sum() < 60
    np.testing.assert_array_equal(answers[~single], -1)
    np.testing.assert_array_equal(answers[single], sets[single].argmax(axis=1))
    named = grey().fit(*patches(120), class_names=("dark", "light")).calibrate(*patches(120))
    expected = [NOT_SURE if answer < 0 else ("dark", "light")[answer] for answer in answers]
    assert named.predict(images, abstain=0.1).tolist() == expected
    assert calibrated.predict(images[:0], abstain=0.1).shape == (0,)


GREY = np.array([np.full((64, 64, 3), grey, np.uint8) for grey in range(0, 256, 15)])


@pytest.fixture(scope="module")
def named() -> Any:
    """Of drawn cats, with names, calibrated; about plain grey pictures it is sure."""
    images, labels = purr.datasets.make_cats(60, seed=0)
    cats = purr.CatClassifier(**recipe("best")).fit(images, labels, class_names=("other", "cat"))
    return cats.calibrate(images, labels)


def test_what_is_unlike_the_training_photos_is_left_open(named: Any) -> None:
    assert (named.novelty(GREY) > 1).all()
    assert (named.predict(GREY, abstain=0.2) == NOT_SURE).all()
    single = named.prediction_sets(GREY, coverage=0.8).sum(axis=1) == 1
    old = copy.copy(named)
    old._novelty = None  # as of a file from before it was known
    assert single.any()
    assert ((old.predict(GREY, abstain=0.2) != NOT_SURE) == single).all()
    usual = purr.datasets.make_cats(60, seed=1)[0]
    expected = (named.prediction_sets(usual, coverage=0.8).sum(axis=1) == 1) & (named.novelty(usual) <= 1)
    assert ((named.predict(usual, abstain=0.2) != NOT_SURE) == expected).all()


def test_commands_leave_open_what_predict_leaves_open(named: Any, tmp_path: Path) -> None:
    named.save(tmp_path / "cats")
    photos = np.concatenate([purr.datasets.make_cats(20, seed=1)[0], GREY])
    answers = named.predict(photos, abstain=0.2)
    np.savez(tmp_path / "new.npz", x=photos, y=np.arange(len(photos)) % 2)
    asked = (tmp_path / "cats", tmp_path / "new.npz", "--abstain", 0.2, "--json")
    for options in (("evaluate", *asked), ("report", *asked, "--output", tmp_path / "page.html")):
        found = json.loads(run(*options).stdout)["open_answers"]
        assert found["answered"]["value"] == (answers != NOT_SURE).mean()
        for place, name in enumerate(("other", "cat")):
            assert found["open"][name]["value"] == (answers[place::2] == NOT_SURE).mean()
    files = [tmp_path / f"{place}.png" for place in range(len(photos))]
    for file, photo in zip(files, photos, strict=True):
        Image.fromarray(photo).save(file)
    said = json.loads(run("predict", tmp_path / "cats", *files, "--abstain", 0.2, "--json").stdout)["answers"]
    assert [answer["answer"] for answer in said] == answers.tolist()
    line = run("predict", tmp_path / "cats", files[-1], "--abstain", 0.2).stdout
    assert NOT_SURE in line
    assert "unlike the training photos" in line


def test_a_command_that_cannot_leave_answers_open_says_what_to_do(files: Path, tmp_path: Path) -> None:
    run("data", "make", tmp_path / "pictures", "--count", 2, "--quiet")
    photo = str(next((tmp_path / "pictures").rglob("*.png")))
    images, labels = purr.datasets.make_cats(20, seed=0)
    cats: Any = purr.PhotoClassifier((2,), epochs=1).fit(images, labels, class_names=(NOT_SURE, "cat"))
    cats.save(tmp_path / "plain")
    cats.calibrate(images, labels, folds=2).save(tmp_path / "named")
    for name, message in (
        (
            "plain",
            "the model is not calibrated, so it can leave no answer open: train it again with purr train --folds 5",
        ),
        ("named", "a class is called 'not sure', which is what abstain answers"),
    ):
        refused = CliRunner().invoke(command, ["predict", str(tmp_path / name), photo, "--abstain", "0.2"])
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert f"{tmp_path / name}: {message}" in refused.stderr


@pytest.mark.parametrize("name", ["evaluate", "report"])
def test_photos_of_the_calibration_are_left_out_or_said_to_be_such(name: str, tmp_path: Path) -> None:
    parts = [patches(30, seed=seed) for seed in (0, 1, 2)]
    training, apart, new = ((np.repeat(images, 3, axis=3), labels) for images, labels in parts)
    grey(color="rgb", epochs=5).fit(*training).calibrate(*apart, folds=None).save(tmp_path / "model")

    def asked(*parts: Data) -> tuple[dict[str, Any], str]:
        images, labels = map(np.concatenate, zip(*parts, strict=True))
        np.savez(tmp_path / "data.npz", x=images, y=labels)
        options = (name, tmp_path / "model", tmp_path / "data.npz")
        if name == "evaluate":
            return json.loads(run(*options, "--json").stdout), run(*options).stdout
        fields = json.loads(run(*options, "--json", "--output", tmp_path / "page").stdout)
        return fields, (tmp_path / "page").read_text(encoding="utf-8")

    fields, text = asked(apart)
    assert (fields["trained_on"], fields["calibrated_on"], fields["left_out"]) == (False, True, 0)
    assert "calibrated on these" in text
    fields, text = asked(apart, new)
    assert (fields["trained_on"], fields["calibrated_on"], fields["left_out"]) == (False, False, 30)
    assert sum(sum(row.values()) for row in fields["confusion"].values()) == 30
    assert "trained or calibrated on" in text
    fields, text = asked(training, apart)
    assert (fields["trained_on"], fields["calibrated_on"], fields["left_out"]) == (False, True, 30)
    assert "trained or calibrated" not in text
    fields, text = asked(training)
    assert (fields["trained_on"], fields["calibrated_on"], fields["left_out"]) == (True, False, 0)
    fields, text = asked(new)
    assert (fields["trained_on"], fields["calibrated_on"], fields["left_out"]) == (False, False, 0)
    assert "calibrated on" not in text


def test_photos_apart_give_the_coverage_that_is_promised() -> None:
    classifier = grey().fit(*patches(60))
    inside = []
    for seed in range(60):
        images, labels = patches(240, seed=100 + seed)
        classifier.calibrate(images[:90], labels[:90], folds=None)
        sets = classifier.prediction_sets(images[90:], coverage=0.8)
        inside.append([sets[labels[90:] == k, k].mean() for k in (0, 1)])
    # 60 photos of class 0 and 30 of class 1: the exact coverages are 1 - 12/61 and 1 - 6/31.
    error = np.std(inside, axis=0) / np.sqrt(len(inside))
    assert (abs(np.mean(inside, axis=0) - [1 - 12 / 61, 1 - 6 / 31]) < 4 * error).all()


def test_a_cross_fit_covers_about_as_much() -> None:
    inside = []
    for seed in range(12):
        images, labels = patches(150, seed=500 + seed)
        fresh, truth = patches(300, seed=900 + seed)
        classifier = grey(seed=seed, epochs=60).fit(images, labels).calibrate(images, labels)
        sets = classifier.prediction_sets(fresh, coverage=0.8)
        inside.append([sets[truth == k, k].mean() for k in (0, 1)])
    error = np.std(inside, axis=0) / np.sqrt(len(inside))
    assert (np.mean(inside, axis=0) > 0.8 - 4 * error).all()


def test_a_new_fit_forgets_the_calibration() -> None:
    classifier = grey().fit(*patches(60)).calibrate(*patches(60))
    assert classifier.calibration_ is not None
    assert classifier.fit(*patches(60)).calibration_ is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: grey().calibrate(*patches(6)), ValueError, "learnt nothing"),
        (lambda c: c.calibrate(*patches(30, seed=1)), purr.DataError, "folds take the photos of the training"),
        (lambda c: c.calibrate(*patches(120), folds=None), purr.DataError, "120 of the 120 photos .* trained on"),
        (lambda c: c.calibrate(patches(3, 9)[0], [1, 1, 1], folds=None), purr.DataError, "no photo of '0'"),
        (lambda c: c.calibrate(*patches(120), folds=1), ValueError, "folds"),
        (lambda c: c.predict(patches(3)[0], abstain=1.0), ValueError, "abstain must be above 0 and below 1, got 1.0"),
        (
            lambda c: c.predict(patches(3)[0], abstain="0.1"),
            ValueError,
            "abstain must be above 0 and below 1, got '0.1'",
        ),
        (lambda c: c.predict(patches(3)[0], abstain=0.01), ValueError, "99 photos of each class .* '0' has 80"),
        (lambda c: grey().fit(*patches(9)).predict(patches(3)[0], abstain=0.1), ValueError, "call calibrate first"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    calibrated: Any, call: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    before = calibrated.calibration_
    with pytest.raises(error, match=message):
        call(calibrated)
    assert calibrated.calibration_ is before


def test_one_photo_of_a_class_is_too_few_for_folds() -> None:
    images, _ = patches(10)
    labels = [1] + [0] * 9
    with pytest.raises(purr.DataError, match="two different photos of each class at least; there is one of '1'"):
        grey(epochs=2).fit(images, labels).calibrate(images, labels)


# Files


def test_a_calibration_comes_back_from_a_file_whole(calibrated: Any, tmp_path: Path) -> None:
    calibrated.save(tmp_path / "a.safetensors")
    loaded: Any = purr.load(tmp_path / "a.safetensors")
    assert loaded == calibrated
    assert loaded.calibration_ == calibrated.calibration_
    images, _ = patches(30, seed=2)
    np.testing.assert_array_equal(loaded.predict_proba(images), calibrated.predict_proba(images))
    np.testing.assert_array_equal(loaded.predict(images, abstain=0.1), calibrated.predict(images, abstain=0.1))
    loaded.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_photos_apart_are_remembered_and_older_files_without_them_load(tmp_path: Path) -> None:
    classifier: Any = grey(epochs=5).fit(*patches(30)).calibrate(*patches(40, seed=1), folds=None)
    kept = classifier.calibration_.photo_hashes
    assert among_hashes(photo_hashes(patches(40, seed=1)[0]), kept).all()
    assert not among_hashes(photo_hashes(patches(40, seed=2)[0]), kept).any()
    classifier.save(tmp_path / "a")
    assert purr.load(tmp_path / "a") == classifier
    fields = json.loads(to_notes(classifier)["photo_classifier"])
    del fields["calibration"]["photo_hashes"]
    classifier.model_.save(tmp_path / "old", notes={"photo_classifier": json.dumps(fields)})
    assert purr.load(tmp_path / "old").calibration_.photo_hashes == ""  # type: ignore[union-attr]


HOSTILE: list[dict[str, Any]] = [
    {"temperature": 0.0},
    {"temperature": float("nan")},
    {"temperature": "inf"},
    {"temperature": None},
    {"folds": 1},
    {"folds": True},
    {"folds": 10**30},
    {"photo_hashes": "no base64!"},
    {"photo_hashes": "YWJj"},
    {"scores": ""},
    {"scores": "AAAA"},
    {"scores": "not base64!"},
    {"scores": 7},
    {"counts": ""},
    {"counts": "AQABAAEA"},
    {"scores": "AACAPwAAAAA=", "counts": "AgAAAA=="},  # 1, 0: not sorted
    {"scores": "AAAAQAAAAEA=", "counts": "AQABAA=="},  # 2, 2
    {"scores": "AADAfwAAwH8=", "counts": "AQABAA=="},  # NaN
]


@pytest.mark.parametrize("change", HOSTILE, ids=str)
def test_a_calibration_that_makes_no_sense_is_refused(calibrated: Any, change: dict[str, Any], tmp_path: Path) -> None:
    fields = json.loads(to_notes(calibrated)["photo_classifier"])
    fields["calibration"].update(change)
    path = tmp_path / "bad.safetensors"
    calibrated.model_.save(path, notes={"photo_classifier": json.dumps(fields)})
    with pytest.raises(purr.ModelFileError, match=r"bad\.safetensors: .*notes"):
        purr.load(path)


@pytest.mark.parametrize("value", [None, [], "x", {"temperature": 1.0}])
def test_what_is_no_calibration_is_refused(calibrated: Any, value: object, tmp_path: Path) -> None:
    fields = {**json.loads(to_notes(calibrated)["photo_classifier"]), "calibration": value}
    calibrated.model_.save(tmp_path / "bad.safetensors", notes={"photo_classifier": json.dumps(fields)})
    with pytest.raises(purr.ModelFileError, match="notes"):
        purr.load(tmp_path / "bad.safetensors")


# Commands


def run(*arguments: object) -> Any:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of patches for training and one for scoring, and two models."""
    folder = tmp_path_factory.mktemp("commands")
    for name, seed, count in (("train.npz", 0, 120), ("new.npz", 1, 60)):
        images, labels = patches(count, seed)
        np.savez(folder / name, x=np.repeat(images, 3, axis=3), y=labels)
    images, labels = patches(120)
    np.savez(folder / "large.npz", x=images.repeat(3, axis=3).repeat(4, axis=1).repeat(4, axis=2), y=labels)
    for name, epochs in (("a", 150), ("b", 3)):
        common = ("--holdout", 0, "--network", "4-1", "--learning-rate", 0.1, "--epochs", epochs, "--quiet", "--json")
        common = (*common, "--folds", 5)
        trained = json.loads(run("train", folder / "train.npz", *common, "--output", folder / name).stdout)
        assert trained["calibration"]["folds"] == 5
    return folder


def test_evaluate_shows_how_far_to_trust(files: Path) -> None:
    fields = json.loads(run("evaluate", files / "a", files / "new.npz", "--json").stdout)
    model: Any = purr.load(files / "a")
    with np.load(files / "new.npz") as data:
        images, labels = data["x"], data["y"]
    found = purr.assessment.assess(labels, model.predict_proba(images), model.class_names_)
    assert fields["auc"] == found.auc.to_dict()
    assert fields["calibration"]["error"] == found.calibration.error
    assert fields["temperature"] == {"value": model.calibration_.temperature, "folds": 5}
    assert set(fields["open_answers"]["coverage"]) == set(model.class_names_)
    text = run("evaluate", files / "a", files / "new.npz").stdout
    assert all(len(line.strip()) != 1 for line in text.splitlines())  # a sentence is no list of letters
    assert text.count("accuracy, precision, baselines, calibration and threshold move") == 1
    for words in ("balanced", "AUC", "temperature", "abstain 0.1", "recall", "precision", "it was", "docs/trust.md"):
        assert words in text


def test_evaluate_compares_two_models(files: Path) -> None:
    fields = json.loads(run("evaluate", files / "a", files / "new.npz", "--against", files / "b", "--json").stdout)
    models: list[Any] = [purr.load(files / name) for name in "ab"]
    with np.load(files / "new.npz") as data:
        answers = [model.predict_proba(data["x"]).argmax(axis=1) for model in models]
        assert fields["against"] == {
            "model": str(files / "b"),
            "photos": 60,
            **purr.assessment.compare(data["y"], *answers).to_dict(),
        }
    assert "McNemar" in run("evaluate", files / "a", files / "new.npz", "--against", files / "b").stdout


def test_evaluate_draws_the_line_for_costs_and_shares(files: Path) -> None:
    options = ("--share", 0.05, "--cost-false-negative", 4)
    line = json.loads(run("evaluate", files / "a", files / "new.npz", *options, "--json").stdout)["threshold"]
    expected = purr.assessment.threshold_for(1 / 3, cost_false_negative=4.0, share=0.05)
    assert {name: line[name] for name in expected.to_dict()} == expected.to_dict()
    assert "threshold" in run("evaluate", files / "a", files / "new.npz", *options).stdout
    alone = json.loads(run("evaluate", files / "a", files / "new.npz", *options[2:], "--json").stdout)["threshold"]
    with np.load(files / "new.npz") as data:
        assert alone["share"] == data["y"].mean()


def test_evaluate_says_what_open_answers_do_at_the_share_asked_for(files: Path) -> None:
    found = json.loads(run("evaluate", files / "a", files / "new.npz", "--abstain", 0.2, "--json").stdout)[
        "open_answers"
    ]
    model: Any = purr.load(files / "a")
    with np.load(files / "new.npz") as data:
        answers = model.predict(data["x"], abstain=0.2)
        names = np.array(model.class_names_)[data["y"]]
    assert found["abstain"] == 0.2
    assert found["answered"]["value"] == (answers != NOT_SURE).mean()
    for name in model.class_names_:
        of_class = answers[names == name]
        assert found["open"][name]["value"] == (of_class == NOT_SURE).mean()
        assert found["wrong"][name]["value"] == ((of_class != NOT_SURE) & (of_class != name)).mean()
    few = json.loads(run("evaluate", files / "a", files / "new.npz", "--abstain", 0.001, "--json").stdout)
    assert "open_answers" not in few


def test_probabilities_have_the_weights_of_the_classes_in_them(tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(30, seed=0)
    images, labels = images[5:], labels[5:]
    share, weights = float(labels.mean()), {1: 3.0}
    for weight, expected in ((None, share), ("balanced", 0.5), (weights, 3 * share / (1 + 2 * share))):
        cats: Any = purr.CatClassifier((4,), epochs=1, class_weight=weight).fit(images, labels)
        cats.save(tmp_path / "cats.safetensors")
        for classifier in (cats, purr.load(tmp_path / "cats.safetensors")):
            np.testing.assert_allclose(classifier.class_shares_, (1 - expected, expected), rtol=1e-12)


@pytest.mark.parametrize("weight", ["balanced", {0: 1.0, 1: 5.0}])
def test_the_temperature_is_of_photos_with_the_weights_of_their_classes(weight: Any) -> None:
    images, labels = patches(90)
    classifier = grey(class_weight=weight, epochs=60).fit(images, labels).calibrate(images, labels)
    probabilities, shares = cross_fit(classifier, images, labels, 5), classifier.class_shares_
    expected = purr.assessment.fit_temperature(labels, probabilities, shares=shares)
    assert classifier.calibration_.temperature == expected != purr.assessment.fit_temperature(labels, probabilities)
    apart, truth = patches(90, seed=3)
    raw = classifier._probabilities(apart)
    expected = purr.assessment.fit_temperature(truth, raw, shares=shares)
    assert classifier.calibrate(apart, truth, folds=None).calibration_.temperature == expected


def test_photos_apart_count_by_the_class_shares_of_the_training() -> None:
    images, labels = patches(90)
    classifier = grey(epochs=60).fit(images, labels)
    apart, truth = patches(900, seed=3)
    mixed = np.concatenate([np.flatnonzero(truth == 0)[:30], np.flatnonzero(truth == 1)])
    raw = classifier._probabilities(apart[mixed])
    temperature = classifier.calibrate(apart[mixed], truth[mixed], folds=None).calibration_.temperature
    assert temperature == purr.assessment.fit_temperature(truth[mixed], raw, shares=(2 / 3, 1 / 3))
    same_shares = classifier.calibrate(apart, truth, folds=None).calibration_.temperature
    unweighted = purr.assessment.fit_temperature(truth[mixed], raw)
    assert abs(np.log(temperature / same_shares)) < abs(np.log(unweighted / same_shares)) / 4


def test_evaluate_and_report_say_what_shares_probabilities_stand_for(tmp_path: Path) -> None:
    images, labels = patches(120)
    for weight in ("balanced", None):
        grey(class_weight=weight, color="rgb").fit(np.repeat(images, 3, axis=3), labels).save(tmp_path / "model")
        new, truth = patches(60, 1)
        np.savez(tmp_path / "new.npz", x=np.repeat(new, 3, axis=3), y=truth)
        asked = (tmp_path / "model", tmp_path / "new.npz")
        fields, text = json.loads(run("evaluate", *asked, "--json").stdout), run("evaluate", *asked).stdout
        page = tmp_path / "page.html"
        run("report", *asked, "--output", page, "--quiet")
        stands = "stand for photos of which 50\N{NO-BREAK SPACE}% are “1”" in page.read_text(encoding="utf-8")
        assert ("probabilities stand for 50 % '1', here are 33 %: error" in text) == (weight == "balanced") == stands
        assert (fields["calibration_shifted"] is None) == (weight is None)


def test_evaluate_does_without_scikit_learn(files: Path, run_python: Callable[..., str]) -> None:
    script = """
import sys
sys.modules["sklearn.metrics"] = sys.modules["sklearn"] = None
from purrceptron.cli import purr
purr(["evaluate", *sys.argv[1:], "--json"], standalone_mode=False)
"""
    fields = json.loads(run_python(script, files / "a", files / "new.npz"))
    assert {"accuracy", "baselines", "confusion", "open_answers"} <= set(fields)
    assert "auc" not in fields


def test_predict_leaves_answers_open(files: Path, tmp_path: Path) -> None:
    run("data", "make", tmp_path / "pictures", "--count", 4, "--quiet")
    photos = sorted((tmp_path / "pictures").rglob("*.png"))
    answers = json.loads(run("predict", files / "a", *photos, "--abstain", 0.1, "--json").stdout)["answers"]
    for answer in answers:
        assert (answer["answer"] == NOT_SURE) == (len(answer["set"]) != 1 or answer["unlike_training"])
    refused = CliRunner().invoke(command, ["predict", str(files / "a"), str(photos[0]), "--abstain", "0.001"])
    assert refused.exit_code == 1
    assert "takes 999 photos of each class" in refused.output


def test_folds_of_a_training_are_asked_for_or_left_out(files: Path) -> None:
    common = ("train", files / "train.npz", "--epochs", 2, "--quiet", "--output", files / "c")
    assert json.loads(run(*common, "--folds", 0, "--json").stdout)["calibration"] is None
    assert json.loads(run(*common, "--folds", 3, "--json").stdout)["calibration"]["folds"] == 3
    assert CliRunner().invoke(command, [*map(str, common), "--folds", "1"]).exit_code == 2


def test_the_series_procedure_is_not_calibrated_unless_asked_and_best_is(files: Path) -> None:
    common = ("train", files / "large.npz", "--quiet", "--json", "--output", files / "d")
    for series in (("--epochs", 2), ("--network", "4-1", "--epochs", 2), ("--recipe", "series", "--epochs", 2)):
        assert json.loads(run(*common, *series).stdout)["calibration"] is None
    report = json.loads(run(*common).stdout)
    assert report["calibration"]["folds"] == 5
    assert 0 < report["calibration_seconds"] < report["seconds"]


def test_features_and_folds_are_counted_while_they_are_worked_on(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("_SECONDS_BEFORE", "_SECONDS_BETWEEN_LINES"):
        monkeypatch.setattr(f"purrceptron.cli.file_progress.{pause}", 0)
    result = run("train", files / "large.npz", "--output", files / "d")
    assert "computing features  96/192 pictures" in result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("calibrating  ")] == [
        f"calibrating  {fold}/5 folds" for fold in (1, 2, 3, 4)
    ]
    assert "s of it the calibration" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("train", "large.npz", "--holdout", "nan"), "nan is no finite number."),
        (("train", "large.npz", "--learning-rate", "inf"), "inf is no finite number."),
        (("train", "large.npz", "--folds", 1000), "large.npz: --folds 1,000, but there are 96 photos to train on"),
        (("train", "new.npz"), "need an image_size of 8 or more, got 4; --recipe series takes small pictures, too"),
        (("evaluate", "a", "new.npz", "--cost-false-negative", 1e308, "--cost-false-positive", 1e-308), "in the range"),
        (("evaluate", "a", "new.npz", "--share", "nan"), "nan is no finite number."),
        (("evaluate", "a", "new.npz", "--share", 1e-320), "is not in the range"),
    ],
)
def test_numbers_out_of_reach_are_refused_with_one_clear_message(
    arguments: tuple[object, ...], told: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code in (1, 2)
    assert "calibrating" not in result.stderr
    assert told in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("purrceptron.photos.classifier.Novelty.learn", "was saved, without a calibration"),
        ("purrceptron.photos.calibration.near_duplicates", "was saved, without a calibration"),
        ("purrceptron.PhotoClassifier.predict_proba", "was saved, but not scored"),
    ],
)
def test_a_stop_after_the_training_leaves_the_model(
    where: str, told: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = pkgutil.resolve_name(where)
    stops = [KeyboardInterrupt()]

    def stopped_once(*arguments: Any, **options: Any) -> Any:
        if stops:
            raise stops.pop()
        return work(*arguments, **options)

    monkeypatch.setattr(where, stopped_once)
    model = tmp_path / "cats.safetensors"
    result = CliRunner().invoke(command, ["train", str(files / "large.npz"), "--quiet", "--output", str(model)])
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == f"purr: interrupted; {model} {told}"
    monkeypatch.undo()
    with np.load(files / "large.npz") as data:
        loaded: Any = purr.load(model)
        assert loaded.predict(data["x"]).shape == (120,)
