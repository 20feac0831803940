"""Recipes: features of pictures, the settings that use them, and which recipe `purr train` follows."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.images.features import color_histogram, gradient_histogram, picture_features
from purrceptron.photos.recipes import recipe

BEST: Any = recipe("best")


def noise(count: int, size: int = 16, channels: int = 3, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), np.uint8)


def tinted(count: int, classes: int = 2, size: int = 16, channels: int = 3) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Noise, brighter with the class."""
    labels = np.arange(count) % classes
    return (noise(count, size, channels) // 4 + labels[:, None, None, None] * 180 // (classes - 1)).astype(
        "uint8"
    ), labels


# Features against slow twins


def slow_colors(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    counts = np.zeros((5, 5, 5))
    for pixel in picture.reshape(-1, picture.shape[-1]):
        r, g, b = (float(value) * 4 / 255 for value in np.broadcast_to(pixel, 3))
        for at in np.ndindex(5, 5, 5):
            near = [max(0.0, 1 - abs(place - value)) for place, value in zip(at, (r, g, b), strict=True)]
            counts[at] += near[0] * near[1] * near[2]
    return np.sqrt(counts / counts.sum()).ravel()


def slow_gradients(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    size, p = len(picture), picture.astype(float)
    cells = np.zeros((8, 8, 9))
    for row in range(size):
        for column in range(size):
            across = p[row, column + 1] - p[row, column - 1] if 0 < column < size - 1 else 0 * p[0, 0]
            down = p[row + 1, column] - p[row - 1, column] if 0 < row < size - 1 else 0 * p[0, 0]
            strongest = int(np.argmax(across**2 + down**2))
            dx, dy = across[strongest], down[strongest]
            turn = np.degrees(np.arctan2(dy, dx)) % 180
            nearest = min(range(9), key=lambda k: min(abs(turn - 20 * k), 180 - abs(turn - 20 * k)))
            cells[row * 8 // size, column * 8 // size, nearest] += np.hypot(dx, dy)
    blocks = []
    for i in range(7):
        for j in range(7):
            block = np.concatenate([cells[i, j], cells[i, j + 1], cells[i + 1, j], cells[i + 1, j + 1]])
            block = np.minimum(block / np.sqrt((block**2).sum() + (size * size / 64) ** 2), 0.2)
            blocks.append(block / np.sqrt((block**2).sum() + 1e-4))
    return np.concatenate(blocks)


@pytest.mark.parametrize("channels", [1, 3])
def test_colors_are_those_of_a_slow_twin(channels: int) -> None:
    pictures = noise(2, 9, channels)
    pictures[0, 0, :2] = [[0], [255]]  # the ends of the scale
    assert_allclose(color_histogram(pictures), [slow_colors(picture) for picture in pictures], atol=1e-6)


@pytest.mark.parametrize(("size", "channels"), [(16, 3), (19, 1)])
def test_gradients_are_those_of_a_slow_twin(size: int, channels: int) -> None:
    ramp = (np.add.outer(np.arange(size) * 5, np.arange(size) * 3)[..., None] % 256 * np.ones(channels)).astype("uint8")
    pictures = np.stack([ramp, *noise(2, size, channels)])
    assert_allclose(gradient_histogram(pictures), [slow_gradients(p) for p in pictures], atol=2e-3)


def test_features_do_not_depend_on_the_other_pictures() -> None:
    pictures = noise(300, 8)
    whole = picture_features(pictures, "histograms")
    assert whole.shape == (300, 125 + 1764)
    assert whole.dtype == np.float32
    assert_array_equal(whole[[7, 299]], picture_features(pictures[[7, 299]], "histograms"))
    mirrored = picture_features(pictures[:3], "histograms", mirrored=True)
    assert_array_equal(mirrored, picture_features(pictures[:3, :, ::-1], "histograms"))


def test_features_have_the_bits_that_they_had_before_tables_made_them_fast() -> None:
    pictures = np.concatenate([noise(3, 33), noise(3, 33, seed=1) // 32])
    rows = np.concatenate([picture_features(pictures, "histograms", mirrored=mirrored) for mirrored in (False, True)])
    assert hashlib.sha256(rows.astype("<f4").tobytes()).hexdigest()[:16] == "554077e8f66a8c5e"


def test_a_plain_picture_has_finite_features() -> None:
    assert np.isfinite(picture_features(np.zeros((1, 8, 8, 3), np.uint8), "histograms")).all()


# Classifiers


@pytest.mark.parametrize(("classes", "channels"), [(2, 3), (3, 3), (3, 1)])
def test_best_learns_any_number_of_classes_in_colour_and_grey_and_is_saved(
    classes: int, channels: int, tmp_path: Path
) -> None:
    pictures, labels = tinted(30, classes, channels=channels)
    classifier = purr.PhotoClassifier(**BEST, image_size=16, color="rgb" if channels == 3 else "grey")
    classifier.fit(pictures, labels)
    assert classifier.score(pictures, labels) == 1
    classifier.save(tmp_path / "best.safetensors")
    loaded: Any = purr.load(tmp_path / "best.safetensors")
    assert loaded == classifier
    assert_array_equal(loaded.predict_proba(pictures), classifier.predict_proba(pictures))


def test_the_same_photos_give_the_same_bits_for_any_thread_count() -> None:
    pictures, labels = tinted(40)
    models = [purr.CatClassifier(**BEST, image_size=16, n_threads=n).fit(pictures, labels).model_ for n in (1, 2, 3)]
    assert len({model.fingerprint() for model in models}) == 1


def test_features_are_computed_once_in_a_training_and_once_for_all_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"fit": 0, "calibrate": 0}

    def counted(pictures: Any, *arguments: Any, **options: Any) -> Any:
        counts[at_work] += len(pictures)
        return picture_features(pictures, *arguments, **options)

    monkeypatch.setattr("purrceptron.photos.views.picture_features", counted)
    images, labels = tinted(30)
    classifier = purr.CatClassifier(**BEST | {"epochs": 2}, image_size=16)
    at_work = "fit"
    classifier.fit(images, labels)
    at_work = "calibrate"
    classifier.calibrate(images, labels, folds=3)
    assert counts == {"fit": 60, "calibrate": 60}


@pytest.mark.parametrize("features", ["pixels", "histograms"])
def test_mirror_gives_a_photo_and_its_mirror_image_the_same_answer(features: Any) -> None:
    pictures, labels = tinted(20)
    cats = purr.CatClassifier((3,), image_size=16, features=features, mirror=True, epochs=30).fit(pictures, labels)
    assert_array_equal(cats.predict_proba(pictures), cats.predict_proba(pictures[:, :, ::-1]))


def test_balanced_classes_lift_the_rare_one() -> None:
    pictures, labels = noise(40), np.arange(40) % 8 == 0
    settings = BEST | {"image_size": 16, "epochs": 20, "features": "colors"}
    lifted, alike = (
        purr.CatClassifier(**settings | {"class_weight": weight}).fit(pictures, labels).predict_proba(pictures)[:, 1]
        for weight in ("balanced", None)
    )
    assert lifted.mean() > alike.mean() + 0.1


def test_l2_shrinks_the_weights() -> None:
    pictures, labels = tinted(20)
    sizes = [
        np.linalg.norm(
            purr.CatClassifier(**BEST | {"l2": l2}, image_size=16).fit(pictures, labels).model_.get_weights()[0]
        )
        for l2 in (0.0, 0.01)
    ]
    assert sizes[1] < 0.8 * sizes[0]


def test_unknown_features_and_too_small_pictures_are_refused() -> None:
    pictures, labels = tinted(4, size=4)
    with pytest.raises(ValueError, match="unknown features 'color'; known: pixels, colors, histograms"):
        purr.CatClassifier(image_size=4, features="color").fit(pictures, labels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="need an image_size of 8 or more, got 4"):
        purr.CatClassifier(image_size=4, features="histograms").fit(pictures, labels)
    with pytest.raises(ValueError, match="unknown recipe 'good'; known: series, best"):
        recipe("good")  # type: ignore[arg-type]


def test_a_recipe_is_a_copy() -> None:
    recipe("best").clear()
    assert recipe("best") == BEST
    assert recipe("series") == {}


# Command line


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i, (picture, label) in enumerate(zip(*tinted(20, size=64), strict=True)):
        (folder / str(label)).mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / str(label) / f"{i}.png")
    return folder


def train(tmp_path: Path, *arguments: object) -> Any:
    model = ["--output", str(tmp_path / "m.safetensors"), "--json", "--quiet"]
    result = CliRunner().invoke(command, ["train", *map(str, arguments), *model])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("options", "name", "features", "reason"),
    [
        ([], "best", "histograms", "the usual one for photos"),
        (["--recipe", "best"], "best", "histograms", "as --recipe says"),
        (["--recipe", "series", "--epochs", "3"], "series", "pixels", "as --recipe says"),
        (["--network", "4-1", "--epochs", "3"], "series", "pixels", "implied by --network"),
        (["--epochs", "3"], "series", "pixels", "implied by --epochs"),
    ],
)
def test_train_says_by_which_recipe(
    photos: Path, tmp_path: Path, options: list[str], name: str, features: str, reason: str
) -> None:
    report = train(tmp_path, photos, *options)
    assert (report["recipe"], report["features"]) == (name, features)
    assert report["recipe_reason"].startswith(reason)


def test_drawn_pictures_are_learnt_by_the_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_DRAWN", "_DRAWN_HELD_OUT"):
        monkeypatch.setattr(f"purrceptron.cli.training_data.{name}", 20)
    report = train(tmp_path)
    assert (report["recipe"], report["recipe_reason"]) == ("series", "the pictures are drawn")
    assert train(tmp_path, "--recipe", "best")["recipe"] == "best"


def test_an_option_that_best_would_overrule_is_refused(photos: Path) -> None:
    result = CliRunner().invoke(command, ["train", str(photos), "--recipe", "best", "--epochs", "9"])
    assert result.exit_code == 2
    assert "--recipe best says how to train, and so does --epochs: leave one of the two out." in result.output


# Real photos


@pytest.mark.skipif("PURRCEPTRON_PHOTOS" not in os.environ, reason="PURRCEPTRON_PHOTOS is not set")
def test_best_is_ahead_of_the_series_on_photos_not_learnt_from() -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(os.environ["PURRCEPTRON_PHOTOS"]) as file:
        images, labels = file["train_set_x"][:], file["train_set_y"][:].astype(int)
    right = {"best": 0.0, "series": 0.0}
    order = np.random.default_rng(0).permutation(len(labels))
    for fold in range(3):
        held_out = np.isin(np.arange(len(labels)), order[fold::3])
        for name in right:
            settings: Any = recipe(name)  # type: ignore[arg-type]
            cats = purr.CatClassifier(**settings).fit(images[~held_out], labels[~held_out])
            right[name] += cats.score(images[held_out], labels[held_out]) * held_out.sum() / len(labels)
    assert right["best"] >= right["series"] + 0.1
    assert right["best"] >= 0.8
