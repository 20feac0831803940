"""Photos that are nothing like those of the training: which are told, and what a model file keeps of it."""

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from sklearn.covariance import ledoit_wolf

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.photos import views
from purrceptron.photos.asked import Asked
from purrceptron.photos.novelty import Border, FirstLayer, Novelty
from purrceptron.photos.texture import numbers_of_texture, texture

Pictures = NDArray[np.uint8]


def noise(count: int, size: int = 64) -> Pictures:
    return np.random.default_rng(9).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


def plain(*colours: tuple[int, int, int], size: int = 64) -> Pictures:
    return np.array([np.full((size, size, 3), colour, np.uint8) for colour in colours])


def boards(*sides: int) -> Pictures:
    squares = [(np.indices((64, 64)) // side).sum(axis=0) % 2 * 255 for side in sides]
    return np.repeat(np.array(squares, np.uint8)[..., None], 3, axis=3)


def pages() -> Pictures:
    page = Image.new("RGB", (64, 64), "white")
    for row in range(6):
        ImageDraw.Draw(page).text((2, 10 * row), "The quick brown", fill="black")
    return np.array([np.array(page), 255 - np.array(page)])


STRANGE = {
    "noise": noise(5),
    "blank": plain((0, 0, 0), (90, 90, 90), (255, 255, 255)),
    "colours": plain((255, 0, 0), (0, 160, 60), (40, 60, 200)),
    "boards": boards(1, 2, 4, 8, 16),
    "pages": pages(),
}


@pytest.fixture(scope="module")
def cats(drawn: tuple[Pictures, NDArray[Any]]) -> Any:
    return purr.CatClassifier(epochs=30, n_threads=1).fit(*drawn)


@pytest.mark.parametrize("mirror", [False, True])
def test_photos_are_described_once_whatever_is_asked_of_them(
    mirror: bool, drawn: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = drawn
    cats = purr.CatClassifier((), features="colors", mirror=mirror, epochs=20).fit(images, labels)
    cats.calibrate(images, labels, folds=2)
    described: list[int] = []
    real = views.picture_features
    monkeypatch.setattr(
        views, "picture_features", lambda some, *rest, **more: described.append(len(some)) or real(some, *rest, **more)
    )
    asked = Asked(cats, images[:7])
    said = asked.probabilities, asked.novelty, asked.sets(0.9), asked.left_open(labels[:7], 0.1)
    assert said[1] is not None
    assert said[3] is not None
    assert sum(described) == 7 * (1 + mirror)
    described.clear()
    answers = cats.predict(images[:7], abstain=0.1)
    assert sum(described) == 7 * (1 + mirror)
    np.testing.assert_array_equal(said[0], cats.predict_proba(images[:7]))
    np.testing.assert_array_equal(said[1], cats.novelty(images[:7]))
    np.testing.assert_array_equal(said[2], cats.prediction_sets(images[:7]))
    assert ((answers == -1) == ((said[2].sum(axis=1) != 1) | asked.unlike)).all()


# What is told


def test_what_is_nothing_like_the_training_photos_is_told_and_further_ones_are_not(cats: Any) -> None:
    further, _ = purr.datasets.make_cats(100, seed=7)
    assert np.mean(cats.novelty(further) > 1) <= 0.1
    for name, pictures in STRANGE.items():
        assert (cats.novelty(pictures) > 1).all(), name


def test_real_photos_that_were_held_out_are_usual_and_what_is_strange_is_told(
    photos: tuple[Pictures, NDArray[Any]],
) -> None:
    images, labels = photos
    held_out = np.arange(len(images)) % 4 == 3
    classifier = purr.CatClassifier(epochs=500, seed=1).fit(images[~held_out], labels[~held_out])
    assert np.mean(classifier.novelty(images[held_out]) > 1) <= 0.05
    for name, pictures in STRANGE.items():
        assert (classifier.novelty(pictures) > 1).all(), name


def test_the_first_layer_tells_what_texture_cannot() -> None:
    """Photos of one texture whose light comes from the left: one from the right differs in the layer alone."""
    generator = np.random.default_rng(3)
    ramp = np.linspace(40, 200, 16)[None, None, :, None] * np.ones((60, 16, 1, 3))
    images = (ramp + generator.normal(0, 12, ramp.shape)).clip(0, 255).astype(np.uint8)
    images[::2, :8] //= 2
    classifier = purr.PhotoClassifier((6,), image_size=16, epochs=50, learning_rate=0.1).fit(images, [0, 1] * 30)
    known: Any = classifier._novelty
    mirrored = images[:, :, ::-1]
    assert (known.texture.distance(texture(mirrored)) < 1.3).all()
    assert (known.layer.distance(FirstLayer(classifier.models_)(mirrored)) > 2).all()
    assert (classifier.novelty(mirrored) > 2).all()


def test_novelty_is_the_larger_of_both_distances_and_1_is_what_few_training_photos_exceed(
    cats: Any, drawn: tuple[Pictures, NDArray[Any]]
) -> None:
    images, known = drawn[0], cats._novelty
    parts = known.layer.distance(FirstLayer(cats.models_)(images)), known.texture.distance(texture(images))
    np.testing.assert_array_equal(cats.novelty(images), np.maximum(*parts))
    assert np.mean(cats.novelty(images) > 1) <= 0.05
    assert cats.novelty([]).shape == (0,)


def test_novelty_does_not_depend_on_the_other_photos_the_threads_or_the_form(cats: Any, tmp_path: Path) -> None:
    pictures = np.concatenate([purr.datasets.make_cats(258, seed=8)[0], noise(3)])  # more than are read at a time
    together = cats.novelty(pictures)
    assert [cats.novelty(picture[None])[0] for picture in pictures[255:]] == together[255:].tolist()
    Image.fromarray(pictures[-1]).save(tmp_path / "noise.png")
    assert cats.novelty([tmp_path / "noise.png"])[0] == together[-1]
    np.testing.assert_allclose(cats.novelty(pictures[-3:].astype(float)), together[-3:], rtol=1e-5)
    again = copy.deepcopy(cats)
    again.n_threads = 3
    assert again.novelty(pictures).tolist() == together.tolist()


def test_the_same_training_knows_the_same_for_any_number_of_threads(drawn: tuple[Pictures, NDArray[Any]]) -> None:
    known = [purr.CatClassifier(epochs=3, n_threads=n).fit(*drawn)._novelty for n in (1, 3)]
    assert json.dumps(known[0].to_json()) == json.dumps(known[1].to_json())  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "settings", [{"color": "grey"}, {"ensemble": 3}, {"network": (200, 4)}, {"network": "12288-1"}]
)
def test_every_kind_of_classifier_knows_what_is_usual(
    settings: dict[str, Any], drawn: tuple[Pictures, NDArray[Any]]
) -> None:
    images, labels = drawn
    classifier = purr.CatClassifier(**{"network": (20,), "epochs": 2, **settings})  # type: ignore[arg-type]
    if "color" in settings:
        images = images[..., :1]
        classifier.network = (20,)
    if settings.get("network") == "12288-1":
        classifier.network = "12288-1"
    classifier.fit(images, labels)
    assert np.mean(classifier.novelty(images) > 1) <= 0.06
    assert (classifier.novelty(noise(5)[..., : images.shape[3]]) > 1).all()
    known: Any = classifier._novelty
    assert known.layer.mean.size <= 32


def test_photos_that_are_all_alike_make_a_border_of_some_width() -> None:
    images = np.concatenate([plain(*[(50, 60, 70)] * 20, size=8), plain(*[(200, 190, 180)] * 20, size=8)])
    classifier = purr.PhotoClassifier((4,), image_size=8, epochs=5).fit(images, [0] * 20 + [1] * 20)
    assert (classifier.novelty(images) <= 1).all()
    assert (classifier.novelty(noise(3, 8)) > 1).all()


def test_what_is_usual_is_unknown_from_too_few_or_too_small_photos(tmp_path: Path) -> None:
    for count, size in ((19, 8), (40, 3)):
        classifier = purr.PhotoClassifier((2,), image_size=size, epochs=2).fit(
            noise(count, size), [0, *[1] * (count - 1)]
        )
        assert not classifier.knows_usual
        with pytest.raises(ValueError, match="does not know what is usual: it was trained on fewer than 20 photos"):
            classifier.novelty(noise(1, size))
        classifier.save(tmp_path / "model.safetensors")
        assert not purr.load(tmp_path / "model.safetensors").knows_usual  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        purr.PhotoClassifier().novelty(noise(1))


# How it is measured


def test_the_distance_is_that_of_mahalanobis_with_the_covariance_of_ledoit_and_wolf() -> None:
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(50, 6)) @ generator.normal(size=(6, 6)) * [1, 10, 100, 1, 1, 0.01] + 5
    border = Border.learn(samples, 1e-9)
    deviation = samples.std(axis=0)
    correlations, _ = ledoit_wolf((samples - samples.mean(axis=0)) / deviation)
    covariance = correlations * np.outer(deviation, deviation)
    np.testing.assert_allclose(border.factor @ border.factor.T, covariance, rtol=1e-4)
    others = generator.normal(size=(9, 6)) * [1, 10, 100, 1, 1, 0.01]
    apart = others - samples.mean(axis=0)
    expected = np.sqrt(np.einsum("ij,jk,ik->i", apart, np.linalg.inv(covariance), apart)) / border.limit
    np.testing.assert_allclose(border.distance(others), expected, rtol=1e-4)


def test_the_limit_is_of_distances_that_a_sample_has_no_part_in() -> None:
    """As many numbers as half the samples: in-sample distances are far too small, and would flag most of the others."""
    generator = np.random.default_rng(0)
    border = Border.learn(generator.normal(size=(60, 30)), 1e-9)
    assert np.mean(border.distance(generator.normal(size=(2000, 30))) > 1) <= 0.05


def test_the_bands_are_those_of_the_haar_wavelets() -> None:
    pictures = purr.datasets.make_cats(3, seed=1)[0]
    luma = ((pictures * np.array([77.0, 150, 29])).sum(axis=-1) // 256).astype(float)
    for place, picture in enumerate(luma):
        smooth = picture
        for scale in range(4):
            a, b, c, d = (smooth[i::2, j::2] for i in (0, 1) for j in (0, 1))
            details = np.array([a - b + c - d, a + b - c - d, a - b - c + d]) / 2
            root = np.sqrt((details**2).sum(axis=0).mean()) / 2**scale
            assert texture(pictures)[place, scale] == pytest.approx(np.log(root + 0.64), abs=2e-6)
            smooth = (a + b + c + d) / 2
        assert texture(pictures)[place, 4] == pytest.approx(np.log(smooth.std() / 16 + 0.64), abs=2e-6)
        share = np.histogram(picture, 16, (0, 256))[0] / picture.size
        entropy = -sum(part * np.log2(part) for part in share if part)
        assert texture(pictures)[place, 6] == pytest.approx(entropy, abs=2e-6)
        steps = np.concatenate([np.abs(np.diff(picture, axis=axis)).ravel() for axis in (0, 1)])
        expected = np.log((np.sort(steps)[steps.size // 2] + 0.64) / (steps.mean() + 0.64))
        assert texture(pictures)[place, 5] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("size", [4, 5, 7, 8, 15, 16, 17, 33, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_every_size_have_a_texture(size: int, channels: int) -> None:
    for pictures in (noise(2, size), plain((0, 0, 0), (255, 255, 255), size=size)):
        found = texture(pictures[..., :channels])
        assert found.shape == (2, numbers_of_texture(size))
        assert np.isfinite(found).all()


# Files


def test_a_model_file_keeps_what_is_usual_and_stays_small(
    cats: Any, tmp_path: Path, drawn: tuple[Pictures, NDArray[Any]]
) -> None:
    path = tmp_path / "cats.safetensors"
    cats.save(path)
    loaded: Any = purr.load(path)
    pictures = np.concatenate([drawn[0][:20], noise(2)])
    assert loaded.novelty(pictures).tobytes() == cats.novelty(pictures).tobytes()
    assert pickle.loads(pickle.dumps(cats)).novelty(pictures).tobytes() == cats.novelty(pictures).tobytes()
    assert loaded == cats
    wide = purr.CatClassifier(network=(300,), epochs=1).fit(*drawn)
    assert len(json.dumps(cats._novelty.to_json())) < 8000
    assert len(json.dumps(wide._novelty.to_json())) < 16000  # type: ignore[union-attr]


@pytest.fixture
def changed(cats: Any, tmp_path: Path) -> Callable[[Callable[[dict[str, Any]], Any]], Path]:
    """Writes a model file whose notes were changed."""
    from purrceptron.photos.notes import to_notes

    def write(change: Callable[[dict[str, Any]], Any]) -> Path:
        fields = json.loads(to_notes(cats)["photo_classifier"])
        change(fields)
        path = tmp_path / "changed.safetensors"
        cats.model_.save(path, notes={"photo_classifier": json.dumps(fields)})
        return path

    return write


def test_a_file_from_before_answers_and_says_that_it_does_not_know(changed: Any, tmp_path: Path) -> None:
    path = changed(lambda fields: fields.pop("novelty"))
    old: Any = purr.load(path)
    assert old.predict_proba(noise(1)).shape == (1, 2)
    with pytest.raises(ValueError, match="by a version that did not measure it; train it again"):
        old.novelty(noise(1))
    Image.fromarray(noise(1)[0]).save(tmp_path / "noise.png")
    asked = CliRunner().invoke(command, ["predict", str(path), str(tmp_path / "noise.png"), "--json"])
    (answer,) = json.loads(asked.stdout)["answers"]
    assert (answer["novelty"], answer["unlike_training"]) == (None, None)


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "none": lambda n: n.clear(),
    "no layer": lambda n: n.update(layer=None),
    "text": lambda n: n.update(texture="cat"),
    "short mean": lambda n: n["layer"]["mean"].pop(),
    "short factor": lambda n: n["texture"]["factor"].pop(),
    "nested": lambda n: n["layer"].update(mean=[[0.0] * 20]),
    "ragged": lambda n: n["layer"].update(mean=[[0.0], 1.0]),
    "words": lambda n: n["layer"]["mean"].__setitem__(0, "cat"),
    "nan": lambda n: n["layer"]["mean"].__setitem__(0, float("nan")),
    "infinite": lambda n: n["texture"]["factor"].__setitem__(1, float("inf")),
    "huge": lambda n: n["texture"]["factor"].__setitem__(1, 10**400),
    "no width": lambda n: n["layer"]["factor"].__setitem__(0, 0.0),
    "negative": lambda n: n["texture"].update(limit=-1.0),
    "no limit": lambda n: n["texture"].update(limit=None),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_notes_that_make_no_sense_are_refused_when_the_file_is_read(kind: str, changed: Any) -> None:
    path = changed(lambda fields: HOSTILE[kind](fields["novelty"]))
    with pytest.raises(purr.ModelFileError, match="its notes on the photo classifier do not make sense"):
        purr.load(path)


def test_numbers_at_the_edge_give_finite_distances(changed: Any) -> None:
    def edge(fields: dict[str, Any]) -> None:
        border = fields["novelty"]["layer"]
        border.update(mean=[1e308, -1e308] * 10, factor=[1e-308] * len(border["factor"]), limit=1e-308)

    answers = purr.load(changed(edge)).novelty(noise(3))  # type: ignore[union-attr]
    assert answers.tolist() == [1e6] * 3


# The command


def test_predict_marks_what_is_unlike_the_training_photos(cats: Any, tmp_path: Path) -> None:
    cats.save(tmp_path / "cats.safetensors")
    paths = [tmp_path / "cat.png", tmp_path / "noise.png"]
    for path, picture in zip(paths, [purr.datasets.make_cats(2, seed=2)[0][1], noise(1)[0]], strict=True):
        Image.fromarray(picture).save(path)
    expected = cats.novelty(paths)
    assert expected[0] <= 1 < expected[1]
    arguments = ["predict", str(tmp_path / "cats.safetensors"), *map(str, paths)]
    lines = CliRunner().invoke(command, arguments).stdout.splitlines()
    assert "unlike" not in lines[0]
    assert lines[1].endswith(f"%  (unlike the training photos: {expected[1]:.1f} times the usual distance)")
    answers = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)["answers"]
    assert [answer["novelty"] for answer in answers] == expected.tolist()
    assert [answer["unlike_training"] for answer in answers] == [False, True]


def test_a_very_large_training_set_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purrceptron.photos.novelty._MOST_PHOTOS", 20)
    pictures, asked = purr.datasets.make_cats(60, size=16, seed=1)[0], []

    def seen(some: Pictures) -> NDArray[np.float64]:
        asked.extend(some.sum(axis=(1, 2, 3)).tolist())
        return some.reshape(len(some), -1)[:, :5].astype(np.float64)

    assert Novelty.learn(pictures, pictures, seen) is not None
    assert asked == pictures[::3].sum(axis=(1, 2, 3)).tolist()
