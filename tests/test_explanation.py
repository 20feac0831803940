"""What an answer hangs on: maps of relevance, colours over the photo, and the files of `purr predict --explain`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.explanation import explain, gradient_times_input, occlusion, overlay, side_by_side

SIZE = 6
COLOURS = ("blue", "green", "red")


def colours(count: int, classes: int, size: int = SIZE) -> tuple[NDArray[np.uint8], list[str]]:
    names = [COLOURS[i % classes] for i in range(count)]
    images = np.random.default_rng(0).integers(1, 120, (count, size, size, 3))
    for image, name in zip(images, names, strict=True):
        image[..., 2 - COLOURS.index(name)] += 100
    return images.astype(np.uint8), names


def classifier_of(hidden: list[purr.Layer], classes: int = 2, ending: str | None = None, **settings: Any) -> Any:
    """A classifier whose network has these hidden layers, with random weights."""
    images, names = colours(24, classes)
    classifier = purr.PhotoClassifier((3,), image_size=SIZE, epochs=1, **settings).fit(images, names)
    usual = (1, "sigmoid") if classes == 2 else (classes, "softmax")
    last = purr.Dense(usual[0], ending or usual[1], bias_initializer="uniform")
    net = purr.Sequential([*hidden, last], input_shape=(SIZE, SIZE, 3), seed=4)
    net.adapt(images)
    classifier.models_ = (net,)
    return classifier


def odds(net: purr.Sequential, pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms of the ratio of the last class's probability to that of each other, by the answers alone."""
    answers = net.predict_proba(pixels)
    rest = 1 - answers if answers.shape[1] == 1 else answers[:, :-1]
    return np.asarray(np.log(answers[:, -1:] / rest))


scaled = purr.Rescale(1 / 255)
NETWORKS: dict[str, list[purr.Layer]] = {
    "relu": [scaled, purr.Dense(7, "relu", bias_initializer="uniform"), purr.Dense(5, "relu")],
    "tanh": [scaled, purr.Dense(7, "tanh"), purr.Dense(5, "gelu")],
    "leaky": [scaled, purr.Dense(7, purr.LeakyReLU(0.2)), purr.Dropout(0.5)],
    "batch norm": [scaled, purr.Dense(7), purr.BatchNorm(), purr.Activation("relu")],
    "normalized": [purr.Normalize(), purr.LayerNorm(), purr.Dense(6, "tanh"), purr.RMSNorm()],
    "residual": [scaled, purr.Flatten(), purr.Dense(5), purr.Residual([purr.Dense(4, "silu"), purr.Dense(5)])],
}


@pytest.mark.parametrize("ending", ["usual", "identity"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", NETWORKS)
def test_the_map_is_the_finite_difference_of_the_logit_times_the_pixel(kind: str, classes: int, ending: str) -> None:
    classifier = classifier_of(NETWORKS[kind], classes, None if ending == "usual" else ending)
    net = classifier.model_._copied("float64")
    image = colours(1, classes)[0][0]
    maps = np.array([gradient_times_input(classifier, image, name) for name in COLOURS[:classes]])
    step, pixels = 1e-4, np.repeat(image[None].astype(np.float64), image.size, axis=0)
    offset = step * np.eye(image.size).reshape(pixels.shape)
    slopes = (odds(net, pixels + offset) - odds(net, pixels - offset)) / (2 * step)
    expected = (slopes.T.reshape(-1, *image.shape) * image).sum(axis=-1)
    ours = maps[-1] - maps[:-1] if classes > 2 else maps[1:]  # the logit of one output is the logarithm of the odds
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


def test_the_map_of_one_of_more_classes_is_of_its_logit_alone() -> None:
    classifier = classifier_of([scaled], 3)
    image, (kernel, _) = colours(1, 3)[0][0], classifier.model_.get_weights()
    for place, name in enumerate(COLOURS):
        expected = (image / 255 * kernel[:, place].astype(float).reshape(image.shape)).sum(axis=-1)
        np.testing.assert_allclose(gradient_times_input(classifier, image, name), expected, rtol=1e-12)


@pytest.mark.parametrize("hidden", [0, 2])
def test_the_map_of_a_linear_network_sums_to_the_logit_less_its_bias(hidden: int) -> None:
    """And so does that of ReLU without biases, which is linear around every photo and 0 at black."""
    classifier = classifier_of([scaled, *[purr.Dense(6, "relu") for _ in range(hidden)]])
    image, net = colours(1, 2)[0][0], classifier.model_._copied("float64")
    logit, bias = odds(net, image[None])[0, 0], net.get_weights()[-1][0]
    assert bias != 0
    assert gradient_times_input(classifier, image, 1).sum() == pytest.approx(logit - bias, rel=1e-9)


def test_of_two_classes_what_speaks_for_one_speaks_against_the_other() -> None:
    classifier, image = classifier_of(NETWORKS["relu"]), colours(1, 2)[0][0]
    first, second = (gradient_times_input(classifier, image, name) for name in classifier.class_names_)
    np.testing.assert_array_equal(first, -second)
    assert np.abs(first).max() > 0
    first, second = (occlusion(classifier, image, name, 2, 2) for name in classifier.class_names_)
    np.testing.assert_allclose(first, -second, atol=1e-6)


def test_a_class_is_named_or_counted_and_is_the_answer_if_left_out() -> None:
    classifier, images = classifier_of(NETWORKS["relu"], 3), colours(3, 3)[0]
    for image, answer in zip(images, classifier.predict(images), strict=True):
        for method in (gradient_times_input, occlusion):
            of_answer = method(classifier, image)  # type: ignore[operator]
            place = classifier.class_names_.index(answer)
            np.testing.assert_array_equal(of_answer, method(classifier, image, answer))  # type: ignore[operator]
            np.testing.assert_array_equal(of_answer, method(classifier, image, np.int64(place)))  # type: ignore[operator]


@pytest.mark.parametrize(("patch", "stride"), [(1, 1), (2, 2), (4, 3), (5, 2), (SIZE, 1)])
def test_occlusion_is_the_slow_loop(patch: int, stride: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("purrceptron.explanation.saliency._AT_A_TIME", 1000)  # several batches
    classifier, image = classifier_of(NETWORKS["tanh"], 3), colours(1, 3)[0][0]
    whole = classifier.predict_proba(image[None])[0, 1]
    falls: dict[tuple[int, int], list[float]] = {}
    for top in [y for y in range(SIZE - patch + 1) if y % stride == 0 or y == SIZE - patch]:
        for left in [x for x in range(SIZE - patch + 1) if x % stride == 0 or x == SIZE - patch]:
            covered = image.copy()
            places = [(top + i, left + j) for i in range(patch) for j in range(patch)]
            for place in places:
                covered[place] = [round(float(image[..., channel].mean())) for channel in range(3)]
            fall = float(whole) - float(classifier.predict_proba(covered[None])[0, 1])
            for place in places:
                falls.setdefault(place, []).append(fall)
    expected = [[np.mean(falls[y, x]) for x in range(SIZE)] for y in range(SIZE)]
    np.testing.assert_allclose(occlusion(classifier, image, 1, patch, stride), expected, rtol=1e-12, atol=1e-15)


def test_squares_are_an_eighth_of_the_photo_and_overlap_by_half() -> None:
    images, names = colours(24, 2, 20)
    classifier = purr.PhotoClassifier((3,), image_size=20, epochs=5).fit(images, names)
    np.testing.assert_array_equal(occlusion(classifier, images[0]), occlusion(classifier, images[0], None, 2, 1))
    np.testing.assert_array_equal(
        occlusion(classifier, images[0], patch=6), occlusion(classifier, images[0], None, 6, 3)
    )


def test_covering_what_decides_lowers_the_probability() -> None:
    """A bright corner is the class: there, and nowhere else, both methods find it."""
    images = np.random.default_rng(1).integers(0, 60, (40, 8, 8, 3))
    images[::2, :4, :4] += 180
    classifier = purr.PhotoClassifier((4,), image_size=8, epochs=200, learning_rate=0.5)
    classifier.fit(images, ["corner", "none"] * 20)
    found = explain(classifier, images[0])
    assert (found.target, found.image.shape) == ("corner", (8, 8, 3))
    assert found.probability == classifier.predict_proba(images[:1])[0, 0] > 0.9
    for map_ in found.maps.values():
        assert map_[:4, :4].sum() > 10 * np.abs(map_[4:, 4:]).sum()


def test_an_ensemble_has_the_mean_of_its_members_maps() -> None:
    images, names = colours(24, 2)
    classifier = purr.PhotoClassifier((3,), image_size=SIZE, epochs=5, ensemble=3).fit(images, names)
    maps = []
    for model in classifier.models_:
        alone = purr.PhotoClassifier((3,), image_size=SIZE, epochs=1).fit(images, names)
        alone.models_ = (model,)
        maps.append(gradient_times_input(alone, images[0], 1))
    assert not np.array_equal(maps[0], maps[1])
    np.testing.assert_allclose(gradient_times_input(classifier, images[0], 1), np.mean(maps, axis=0), rtol=1e-12)
    assert occlusion(classifier, images[0], 1, 3, 3).shape == (SIZE, SIZE)


def test_maps_have_the_same_bits_for_any_number_of_threads_and_any_form_of_the_photo(tmp_path: Path) -> None:
    classifier, image = classifier_of(NETWORKS["relu"]), colours(1, 2)[0][0]
    Image.fromarray(image).save(tmp_path / "photo.png")
    for method in (gradient_times_input, occlusion):
        classifier.n_threads = 1
        expected = method(classifier, image, 1).tobytes()  # type: ignore[operator]
        assert method(classifier, tmp_path / "photo.png", 1).tobytes() == expected  # type: ignore[operator]
        assert method(classifier, image.ravel().tolist(), 1).tobytes() == expected  # type: ignore[operator]
        classifier.n_threads = 3
        assert method(classifier, image, 1).tobytes() == expected  # type: ignore[operator]


def test_grey_photos_are_explained() -> None:
    images, names = colours(24, 2)
    classifier = purr.PhotoClassifier((3,), image_size=SIZE, epochs=2, color="grey").fit(images[..., 0], names)
    found = explain(classifier, images[0, ..., 0])
    assert [map_.shape for map_ in found.maps.values()] == [(SIZE, SIZE)] * 2
    assert found.picture(side=12).shape == (12 + 12 + 2 * 26 + 12, 4 * 12 + 3 * 12, 3)


def test_a_network_that_reads_features_is_explained_by_occlusion_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, image = classifier_of(NETWORKS["relu"]), colours(1, 2)[0][0]
    features = purr.Sequential.from_string("6-1", seed=0)
    monkeypatch.setattr(
        type(classifier),
        "predict_proba",
        lambda _, images: np.hstack(
            [1 - features.predict(row := images.mean(axis=(2, 3)) / 255), features.predict(row)]
        ),
    )
    classifier.models_ = (features,)
    with pytest.raises(ValueError, match=r"reads features of the photo, .* use occlusion"):
        gradient_times_input(classifier, image)
    found = explain(classifier, image)
    assert list(found.maps) == ["occlusion"]
    assert found.picture(side=12).shape[1] == 3 * 12 + 2 * 12


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": "cat"}, ValueError, "target must be one of the classes 'blue', 'green', got 'cat'"),
        ({"target": 2}, ValueError, "target must be at least 0 and at most 1, got 2"),
        ({"target": True}, TypeError, "target must be a whole number"),
        ({"target": 0.5}, TypeError, "target must be a whole number"),
        ({"image": np.zeros((5, 6, 3))}, ValueError, "image: expected 108 features a photo"),
        ({"image": np.full((6, 6, 3), 300.0)}, purr.DataError, "pixels are numbers 0 to 255"),
        ({"image": "missing.jpg"}, FileNotFoundError, "missing.jpg"),
        ({"classifier": purr.PhotoClassifier()}, ValueError, "has learnt nothing yet"),
        ({"classifier": "m"}, TypeError, "expected a PhotoClassifier or CatClassifier, got 'm'"),
    ],
)
@pytest.mark.parametrize("method", [gradient_times_input, occlusion, explain])
def test_what_cannot_be_explained_is_refused(
    method: Callable[..., Any], arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    usual = {"classifier": classifier_of([scaled]), "image": colours(1, 2)[0][0], "target": None}
    with pytest.raises(error, match=message):
        method(**{**usual, **arguments})


@pytest.mark.parametrize(("patch", "stride"), [(0, 1), (7, 1), (2, 0), (2, 3), (2.5, 1)])
def test_squares_that_leave_pixels_out_are_refused(patch: Any, stride: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"patch|stride"):
        occlusion(classifier_of([scaled]), colours(1, 2)[0][0], patch=patch, stride=stride)


# Colours


def test_an_overlay_is_warm_for_cool_against_and_grey_where_nothing_speaks() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 0] = 200, 100, 50
    drawn = overlay(image, [[0, 1, -1], [0.5, -0.5, 0]])
    assert drawn.dtype == np.uint8
    grey = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert drawn[0, 0].tolist() == [grey] * 3
    assert drawn[0, 1].tolist() == [round(0.85 * part) for part in (213, 94, 0)]
    assert drawn[0, 2].tolist() == [round(0.85 * part) for part in (0, 114, 178)]
    assert drawn[1, 0].tolist() == [round(0.425 * part) for part in (213, 94, 0)]
    assert drawn[1, 1].tolist() == [round(0.425 * part) for part in (0, 114, 178)]


def test_one_extreme_does_not_make_the_rest_pale() -> None:
    relevance = np.ones((20, 20))
    relevance[0, 0] = 1e9
    assert (overlay(np.zeros((20, 20)), relevance) == overlay(np.zeros((20, 20)), np.ones((20, 20)))).all()


def test_an_overlay_of_no_relevance_is_the_photo_in_grey() -> None:
    image = np.random.default_rng(0).integers(0, 256, (4, 5, 1))
    np.testing.assert_array_equal(overlay(image, np.zeros((4, 5))), np.repeat(image, 3, axis=2))
    assert overlay(np.zeros((0, 0, 3)), np.zeros((0, 0))).shape == (0, 0, 3)


@pytest.mark.parametrize(
    ("image", "relevance", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), r"expected the photo's shape \(2, 2\), got \(2, 3\)"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2)), "1 or 3 channels"),
        (np.zeros((2, 2)), np.full((2, 2), np.nan), "finite"),
        (np.full((2, 2), np.nan), np.zeros((2, 2)), "0 to 255"),
        (np.full((2, 2), 256.0), np.zeros((2, 2)), "0 to 255"),
    ],
)
def test_an_overlay_of_what_does_not_fit_is_refused(image: Any, relevance: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        overlay(image, relevance)


def test_pictures_side_by_side_keep_every_pixel() -> None:
    first, second = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3))
    sheet = side_by_side({"one": first, "two \n 猫": second}, "a title that is too long for so few pixels", side=10)
    assert sheet.shape == (12 + 26 + 26 + 12 + 12, 12 + 15 + 12 + 15 + 12, 3)
    np.testing.assert_array_equal(sheet[64:76:3, 12:27:3], first)
    np.testing.assert_array_equal(sheet[65:76:3, 41:54:3], second)
    with pytest.raises(ValueError, match="same height"):
        side_by_side({"one": first, "two": second[:3]})
    with pytest.raises(ValueError, match="same height"):
        side_by_side({})


# Files


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    images, names = colours(24, 2, 16)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    purr.PhotoClassifier((3,), image_size=16, epochs=20).fit(images, names).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two photos of one name, in folders of their own."""
    monkeypatch.chdir(tmp_path)
    paths = [Path("a/photo.png"), Path("b/photo.png")]
    for path, image in zip(paths, colours(2, 2, 16)[0], strict=True):
        path.parent.mkdir()
        Image.fromarray(image).save(path)
    return paths


def test_predict_explains_into_the_present_folder(model: Path, photos: list[Path]) -> None:
    done = run("predict", model, photos[0], "--explain")
    assert done.stdout.splitlines()[-1] == "explained in photo.explained.png"
    classifier: Any = purr.load(model)
    np.testing.assert_array_equal(np.array(Image.open("photo.explained.png")), explain(classifier, photos[0]).picture())
    assert sorted(path.name for path in Path().iterdir()) == ["a", "b", "photo.explained.png"]


def test_predict_names_every_explanation_and_mixes_none_up(model: Path, photos: list[Path]) -> None:
    for _ in range(2):  # earlier explanations are replaced
        told = json.loads(run("predict", model, *photos, "--explain", "--output", "new/folder", "--json").stdout)
        files = [answer["explanation"] for answer in told["answers"]]
        assert files == [str(Path("new/folder") / name) for name in ("photo.explained.png", "photo-2.explained.png")]
        assert sorted(map(str, Path("new/folder").iterdir())) == sorted(files)
    classifier: Any = purr.load(model)
    for file, photo in zip(files, photos, strict=True):
        np.testing.assert_array_equal(np.array(Image.open(file)), explain(classifier, photo).picture())
    assert "explanation" not in json.loads(run("predict", model, photos[0], "--json").stdout)["answers"][0]


def test_an_explanation_never_takes_the_place_of_a_photo(model: Path, photos: list[Path]) -> None:
    photo = Path("photo.explained.png")
    photo.write_bytes(photos[1].read_bytes())
    told = json.loads(run("predict", model, photos[0], photo, "--explain", "--json").stdout)
    assert photo.read_bytes() == photos[1].read_bytes()
    files = [answer["explanation"] for answer in told["answers"]]
    assert files == ["photo-2.explained.png", "photo.explained.explained.png"]


def test_an_explanation_that_cannot_be_written_is_one_line_and_leaves_nothing(model: Path, photos: list[Path]) -> None:
    Path("full/photo.explained.png").mkdir(parents=True)
    failed = run("predict", model, photos[0], "--explain", "--output", "full", "--quiet", status=1)
    where = Path("full/photo.explained.png")
    assert failed.stderr == f"purr: {where}: there is something else than a file; choose another folder\n"
    assert failed.stdout == ""
    assert [path.name for path in Path("full").iterdir()] == ["photo.explained.png"]
    failed = run("predict", model, photos[0], "--explain", "--output", photos[1], "--quiet", status=1)
    assert failed.stderr.startswith(f"purr: {photos[1]}: ")


def test_a_folder_without_explanations_is_wrong_usage(model: Path, photos: list[Path]) -> None:
    assert "add --explain" in run("predict", model, photos[0], "--output", "folder", status=2).stderr
    assert not Path("folder").exists()
