"""Photo classifiers: labels in any form, pictures in any form, files, and what they refuse."""

import copy
import inspect
import json
import pickle
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import purrceptron as purr
from purrceptron.images.features import picture_features

SIZE = 8
COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}


def squares(count: int, names: tuple[str, ...] = ("green", "red")) -> tuple[NDArray[Any], NDArray[Any]]:
    """Plain pictures with noise, and the names of their colours."""
    generator = np.random.default_rng(0)
    labels = np.array([names[i % len(names)] for i in range(count)])
    images = np.array([np.full((SIZE, SIZE, 3), COLOURS[name]) for name in labels])
    return (images + generator.integers(0, 50, images.shape)).astype(np.uint8), labels


def small(cls: type[purr.PhotoClassifier] = purr.PhotoClassifier, **settings: Any) -> Any:
    usual = {"network": (4,), "image_size": SIZE, "epochs": 60, "learning_rate": 0.3}
    return cls(**{**usual, **settings})


def red(**settings: Any) -> Any:
    return small(purr.CatClassifier, positive_class="red", **settings)


@pytest.fixture(scope="module")
def trained() -> Any:
    return red().fit(*squares(20))


# Labels


def test_every_form_of_labels_trains_the_same_network() -> None:
    images, names = squares(20)
    numbers = (names == "red").astype(int)
    models = [
        red().fit(images, names),
        red().fit(images, list(names)),
        red().fit(images, names.astype(object)),
        red().fit(images, numbers),
        red().fit(images, numbers == 1),
        red().fit(images, numbers.astype(float)),
        red().fit(images, numbers.reshape(1, -1)),
        red().fit(images, numbers, class_names=("green", "red")),
        red().fit(images, 1 - numbers, class_names=("red", "green")),
    ]
    assert {classifier.model_.fingerprint() for classifier in models} == {models[0].model_.fingerprint()}
    assert all(classifier.training_ == models[0].training_ for classifier in models)


def test_predictions_are_of_the_kind_that_fit_was_given() -> None:
    images, names = squares(20)
    numbers = (names == "red").astype(int)
    with_names, with_numbers = red().fit(images, names), red().fit(images, numbers)
    np.testing.assert_array_equal(with_names.predict(images), names)
    np.testing.assert_array_equal(with_numbers.predict(images), numbers)
    assert with_names.classes_.tolist() == ["green", "red"]
    assert with_numbers.classes_.tolist() == [0, 1]
    assert with_numbers.class_names_ == ("not red", "red")


def test_the_positive_class_is_1_whatever_the_order_of_the_names() -> None:
    images, names = squares(20)
    folder_order = ("red", "green")  # as of a folder in which the positive class comes first
    labels = np.array([folder_order.index(name) for name in names])
    classifier = red().fit(images, labels, class_names=folder_order)
    assert classifier.class_names_ == ("green", "red")
    np.testing.assert_array_equal(classifier.predict(images), names)  # names, so that 0 and 1 cannot be mistaken
    np.testing.assert_array_equal(classifier.predict_proba(images)[:, 1] > 0.5, names == "red")
    assert classifier.score(images, labels) == classifier.score(images, names) == 1


def test_more_classes_have_a_probability_each() -> None:
    images, names = squares(30, ("blue", "green", "red"))
    classifier = small(epochs=200).fit(images, names)
    assert classifier.model_.outputs == 3
    probabilities = classifier.predict_proba(images)
    assert probabilities.shape == (30, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(classifier.predict(images), names)
    numbers = np.array([("blue", "green", "red").index(name) for name in names])
    other = small(epochs=200).fit(images, numbers)
    assert other.model_ == classifier.model_
    np.testing.assert_array_equal(other.predict(images), numbers)


def test_two_classes_share_one_output() -> None:
    images, names = squares(20)
    classifier = small().fit(images, names)
    assert classifier.model_.outputs == 1
    assert classifier.classes_.tolist() == ["green", "red"]
    np.testing.assert_array_equal(classifier.predict(images), names)


@pytest.mark.parametrize(
    ("make", "labels", "message"),
    [
        (red, [1] * 6, "all 6 photos are of one class, 'red'; training needs photos of two"),
        (red, ["red"] * 6, "all 6 photos are of one class, 'red'"),
        (small, [0] * 6, "one class"),
        (small, [5] * 6, "label 5 of photo 0"),
        (red, [0, 1, 2, 0, 1, 2], "label 2 of photo 2 .* 0 = 'not red', 1 = 'red'"),
        (red, [0, 1, -1, 0, 1, 0], "label -1 of photo 2"),
        (red, [0, 1, 0.5, 0, 1, 0], "label 0.5 of photo 2"),
        (red, [0, 1, np.nan, 0, 1, 0], "label nan of photo 2"),
        (red, ["red", "green", "blue"] * 2, "expected two classes, 'red' and one other, got 3"),
        (small, [0, 1, 3] * 2, "class 2 has no photo"),
        (small, [0, 1, 10**15] * 2, "class 2 has no photo"),
        (red, [0, 1], "6 photos, but 2 labels"),
        (red, [], "no photos to train on"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(make: Callable[[], Any], labels: list[Any], message: str) -> None:
    with pytest.raises(purr.DataError, match=message):
        make().fit(squares(6)[0], labels)


@pytest.mark.parametrize(
    ("labels", "class_names", "error", "message"),
    [
        ([0, 1] * 3, ("green", "blue"), ValueError, "positive_class 'red' is none of the classes 'green', 'blue'"),
        ([0, 1] * 3, ("red", "red"), ValueError, "different names"),
        ([0, 1] * 3, "red", TypeError, "list of names"),
        ([0, 1] * 3, ("red", "green", "blue"), ValueError, "expected two classes"),
        (["red", "green"] * 3, ("red", "blue"), purr.DataError, "label 'green' of photo 1 .* one of 'red', 'blue'"),
        ([None] * 6, None, TypeError, "whole numbers or names"),
        ([[0, 1]] * 6, None, ValueError, "one label a photo"),
    ],
)
def test_class_names_that_do_not_fit_are_refused(
    labels: list[Any], class_names: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        red().fit(squares(6)[0], labels, class_names=class_names)


def test_a_class_without_photos_is_refused() -> None:
    with pytest.raises(purr.DataError, match="class 'blue' has no photo"):
        small().fit(squares(6)[0], [0, 1] * 3, class_names=("green", "red", "blue"))


def test_score_refuses_a_label_that_is_no_class(trained: Any) -> None:
    images, _ = squares(2)
    with pytest.raises(purr.DataError, match="label 'rde' of photo 1"):
        trained.score(images, ["red", "rde"])


# Pictures


def test_every_form_of_pictures_gives_the_same_answer(trained: Any, tmp_path: Path) -> None:
    images, _ = squares(4)
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    expected = trained.predict_proba(images)
    assert expected.shape == (4, 2)
    for form in (
        paths,
        list(map(str, paths)),
        np.array(list(map(str, paths))),
        (path for path in paths),
        images.reshape(4, -1),
        images.tolist(),
        list(images),
        images.astype(np.int64),
        images[:, ::-1][:, ::-1],
    ):
        np.testing.assert_array_equal(trained.predict_proba(form), expected)
    for dtype in (np.float32, np.float64):  # floats are rounded in another place than bytes
        np.testing.assert_allclose(trained.predict_proba(images.astype(dtype)), expected, rtol=1e-5)
    assert trained.predict_proba([]).shape == (0, 2)


def test_grey_pictures_have_one_channel() -> None:
    images, names = squares(20)
    grey = images.max(axis=3) // np.where(names == "red", 1, 4)[:, None, None]
    classifier = red(color="grey").fit(grey, names)
    assert classifier.model_.input_shape == (SIZE, SIZE, 1)
    np.testing.assert_array_equal(classifier.predict(grey[..., None]), names)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((6, 5, 5, 3), np.uint8), ValueError, "expected 192 features a photo, 8 x 8 x 3, got 75"),
        (np.zeros((6, 191), np.uint8), ValueError, "expected 192 features a photo, 8 x 8 x 3, got 191"),
        (np.zeros((SIZE, SIZE, 3), np.uint8), ValueError, "one picture is"),
        (np.full((6, SIZE, SIZE, 3), np.nan), purr.DataError, "nan in photo 0, at index"),
        (np.full((6, SIZE, SIZE, 3), np.inf, "float32"), purr.DataError, "inf in photo 0"),
        (np.full((6, SIZE, SIZE, 3), -1), purr.DataError, "-1 in photo 0"),
        (np.full((6, SIZE, SIZE, 3), 256.0), purr.DataError, "256.0 in photo 0"),
        (np.full((6, SIZE, SIZE, 3), 0.5), purr.DataError, "multiply them by 255"),
        (np.full((6, SIZE, SIZE, 3), 1j), TypeError, "complex"),
        ("photo.png", TypeError, "several paths"),
        (["missing.png"] * 6, FileNotFoundError, "missing.png"),
        ([__file__] * 6, purr.DataError, "test_photos.py: no image"),
    ],
)
def test_pictures_that_do_not_fit_are_refused(trained: Any, images: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        red().fit(images, ["red", "green"] * 3)
    with pytest.raises(error, match=message):
        trained.predict(images)


def test_nan_is_named_where_it_is() -> None:
    images = squares(6)[0].astype(float)
    images[4, 3, 2, 1] = np.nan
    with pytest.raises(purr.DataError, match=r"nan in photo 4, at index \(4, 3, 2, 1\)"):
        red().fit(images, ["red", "green"] * 3)


# Networks and settings


@pytest.mark.parametrize("network", ["192-4-1", "4-1", "4-1:sigmoid", " 4 - 1 ", (4,), [4]])
def test_a_network_may_be_written_in_full_or_in_short(network: Any, trained: Any) -> None:
    assert red(network=network).fit(*squares(20)).model_ == trained.model_


def test_the_standard_network_may_be_written_with_its_input(drawn: tuple[NDArray[Any], NDArray[Any]]) -> None:
    in_full = purr.CatClassifier(network="12288-20-7-5-1", epochs=2, seed=0).fit(*drawn)
    in_short = purr.CatClassifier(network="20-7-5-1", epochs=2, seed=0).fit(*drawn)
    assert in_full.model_ == in_short.model_ == purr.CatClassifier(epochs=2).fit(*drawn).model_
    assert [layer.units for layer in in_full.model_.layers if isinstance(layer, purr.Dense)] == [20, 7, 5, 1]
    assert in_full.model_.layers[0] == purr.Rescale(1 / 255)


@pytest.mark.parametrize(
    ("make", "network", "message"),
    [
        (red, "12288-20-1", "its input is 12,288, but photos of 8 x 8 x 3 have 192 features"),
        (red, "4-2", "must end in 1 for 2 classes .* got 2"),
        (red, "4-x-1", "'4-x-1': 'x' is no layer"),
        (red, "", "'' is no layer"),
        (red, "4-1:relu", "sigmoid"),
        (red, "4:gelo-1", "unknown activation 'gelo'; known: .*relu"),
        (red, (4, -1), "is no layer"),
        (small, "4-1:tanh", "identity or sigmoid"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(make: Callable[..., Any], network: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make(network=network).fit(*squares(6))


def test_a_network_must_end_in_the_number_of_classes() -> None:
    with pytest.raises(ValueError, match="must end in 3 for 3 classes"):
        small(network="4-1").fit(*squares(6, ("blue", "green", "red")))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"optimizer": "sdg"}, ValueError, "unknown optimizer 'sdg'; known: sgd, adam"),
        ({"learning_rate": -0.1}, ValueError, "learning_rate must be above 0 .*got -0.1"),
        ({"kernel_initializer": "he"}, ValueError, "unknown initializer 'he'; known"),
        ({"epochs": 2.5}, TypeError, "epochs must be a whole number"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"seed": -1}, ValueError, "seed .*-1"),
        ({"solver": "fast"}, ValueError, "unknown solver 'fast'"),
        ({"color": "rgba"}, ValueError, "color must be one of"),
        ({"image_size": 0}, ValueError, "image_size must be at least 1"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(
    settings: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        red(**settings).fit(*squares(6))


def test_an_optimizer_of_ones_own_keeps_its_settings() -> None:
    by_name = red(optimizer="adam", learning_rate=0.01, batch_size=4).fit(*squares(20))
    by_object = red(optimizer=purr.Adam(0.01), learning_rate=123, batch_size=4).fit(*squares(20))
    assert by_name.model_ == by_object.model_
    assert by_name.model_ != red(optimizer=purr.Adam(0.02), batch_size=4).fit(*squares(20)).model_


def test_both_classifiers_have_the_same_settings_and_defaults() -> None:
    photo, cat = (inspect.signature(cls).parameters for cls in (purr.PhotoClassifier, purr.CatClassifier))
    assert list(photo) == [name for name in cat if name != "positive_class"]
    assert all(photo[name] == cat[name] for name in photo if name != "network")


def test_settings_are_kept_as_given_and_can_be_changed() -> None:
    classifier = purr.CatClassifier("8-1", epochs=3)
    assert classifier.get_params()["network"] == "8-1"
    assert "network='8-1', image_size=64, color='rgb', positive_class='cat', epochs=3" in repr(classifier)
    assert eval(repr(classifier), {"CatClassifier": purr.CatClassifier}) == classifier
    assert classifier.set_params(epochs=4) is classifier
    assert classifier.epochs == 4
    with pytest.raises(ValueError, match="no setting 'epoch'; it has network"):
        classifier.set_params(epoch=4)


# Training


def test_the_same_seed_gives_the_same_bits_for_any_number_of_threads() -> None:
    prints = {red(seed=seed, n_threads=n).fit(*squares(20)).model_.fingerprint() for seed in (3,) for n in (1, 2, 3)}
    assert len(prints) == 1
    assert red(seed=4).fit(*squares(20)).model_.fingerprint() not in prints


def test_fit_says_how_it_went() -> None:
    images, names = squares(20)
    epochs: list[int] = []
    watch = purr.Progress(lambda epoch, total, logs: epochs.append(epoch))
    classifier = red(epochs=7).fit(images, names, validation_data=(images[:4], names[:4]), callbacks=[watch])
    assert len(classifier.history_.loss) == len(classifier.history_.val_loss) == 7
    assert epochs[-1] == 7
    summary = classifier.training_
    assert (summary["photos"], summary["epochs"]) == ([10, 10], 7)
    assert (summary["first_cost"], summary["last_cost"]) == (classifier.history_.loss[0], classifier.history_.loss[-1])
    assert summary["accuracy"] == classifier.score(images, names)
    assert len(summary["data_sha256"]) == 64
    assert red(epochs=1).fit(images, names[::-1]).training_["data_sha256"] != summary["data_sha256"]


def test_validation_labels_are_matched_like_those_of_training() -> None:
    images, names = squares(20)
    by_name = red().fit(images, names, validation_data=(images, names))
    labels = (names == "green").astype(int)
    by_number = red().fit(images, labels, class_names=("red", "green"), validation_data=(images, labels))
    assert by_name.history_.val_loss == by_number.history_.val_loss
    assert by_name.history_.val_loss[-1] < 0.3
    with pytest.raises(purr.DataError, match="label 'blue'"):
        red().fit(images, names, validation_data=(images, ["blue"] * 20))
    with pytest.raises(ValueError, match="validation images: expected 192 features"):
        red().fit(images, names, validation_data=(images[:, :4], names))


def test_divergence_leaves_what_was_learnt_before(trained: Any) -> None:
    classifier = copy.deepcopy(trained).set_params(learning_rate=1e30)
    with pytest.raises(purr.DivergedError, match="learning rate"):
        classifier.fit(*squares(20))
    assert classifier.model_ == trained.model_


def test_an_interrupt_keeps_the_weights_of_the_last_epoch() -> None:
    class Interrupt(purr.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 9:
                raise KeyboardInterrupt

    images, names = squares(20)
    classifier = red()
    with pytest.raises(KeyboardInterrupt):
        classifier.fit(images, names, callbacks=[Interrupt()])
    assert classifier.model_ == red(epochs=10).fit(images, names).model_
    assert classifier.predict(images).shape == (20,)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_asking_before_learning_is_refused(method: str, tmp_path: Path) -> None:
    classifier = red()
    with pytest.raises(ValueError, match="CatClassifier has learnt nothing yet: call fit first"):
        getattr(classifier, method)(squares(2)[0])
    with pytest.raises(ValueError, match="call fit first"):
        classifier.save(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="call fit first"):
        classifier.score(*squares(2))


# Copies and files


def test_copies_are_equal_and_stand_alone(trained: Any) -> None:
    images, _ = squares(4)
    for twin in (copy.copy(trained), copy.deepcopy(trained), pickle.loads(pickle.dumps(trained))):
        assert twin == trained
        np.testing.assert_array_equal(twin.predict_proba(images), trained.predict_proba(images))
    assert trained != red()
    assert trained != red(epochs=61).fit(*squares(20))
    assert red() == red(n_threads=1)
    assert red() != small()


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (red, ("green", "red")),
        (small, ("blue", "green", "red")),
        (lambda: red(optimizer=purr.SGD(0.1, momentum=0.5), batch_size=np.int64(7), network="4-1"), ("green", "red")),
    ],
)
def test_a_saved_classifier_comes_back_whole(make: Callable[[], Any], names: tuple[str, ...], tmp_path: Path) -> None:
    images, labels = squares(20, names)
    classifier = make().fit(images, labels)
    path = tmp_path / "model.safetensors"
    classifier.save(path)
    loaded: Any = purr.load(path)
    assert type(loaded) is type(classifier)
    assert loaded == classifier
    np.testing.assert_array_equal(loaded.predict_proba(images), classifier.predict_proba(images))
    assert loaded.predict(images).tolist() == classifier.predict(images).tolist()
    assert loaded.training_ == classifier.training_
    assert loaded.model_.fingerprint() == classifier.model_.fingerprint()
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_saved_classifier_keeps_what_its_numbers_mean(tmp_path: Path) -> None:
    images, names = squares(20)
    labels = (names == "green").astype(int)
    for class_names in (None, ("red", "green")):
        classifier = red().fit(images, labels, class_names=class_names)
        classifier.save(tmp_path / "model.safetensors")
        loaded: Any = purr.load(tmp_path / "model.safetensors")
        assert loaded.predict(images).tolist() == classifier.predict(images).tolist()
        assert loaded.score(images, labels) == 1


def test_the_same_training_writes_the_same_file(tmp_path: Path) -> None:
    for name, threads in (("a", 1), ("b", 2)):
        red(n_threads=threads).fit(*squares(20)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


BAD_NOTES: list[Callable[[dict[str, Any]], object]] = [
    lambda fields: fields.clear(),
    lambda fields: fields.update(kind="Exploit"),
    lambda fields: fields.update(kind=["CatClassifier"]),
    lambda fields: fields["settings"].update(image_size=9),
    lambda fields: fields["settings"].update(image_size="8"),
    lambda fields: fields["settings"].update(image_size=1e400),
    lambda fields: fields["settings"].update(color="cmyk"),
    lambda fields: fields["settings"].update(surprise=1),
    lambda fields: fields["settings"].update(optimizer={"type": "exploit"}),
    lambda fields: fields["settings"].update(optimizer={"type": "sgd", "surprise": 1}),
    lambda fields: fields["settings"].pop("network"),
    lambda fields: fields.update(settings=None),
    lambda fields: fields["classes"].update(names=["red"], numbered=["red"]),
    lambda fields: fields["classes"].update(names=["red", "red"]),
    lambda fields: fields["classes"].update(names=[1, 2], numbered=[1, 2]),
    lambda fields: fields["classes"].update(names=["a", "b", "c"], numbered=["a", "b", "c"]),
    lambda fields: fields["classes"].pop("names"),
    lambda fields: fields.update(classes="green"),
    lambda fields: fields.pop("training"),
    lambda fields: fields["training"].update(photos=[1]),
    lambda fields: fields["training"].update(photos=None),
    lambda fields: fields["training"].update(accuracy="high"),
]


@pytest.mark.parametrize("spoil", BAD_NOTES)
def test_notes_that_make_no_sense_are_refused_by_file(
    trained: Any, spoil: Callable[[dict[str, Any]], object], tmp_path: Path
) -> None:
    from purrceptron.photos.notes import to_notes

    fields = json.loads(to_notes(trained)["photo_classifier"])
    spoil(fields)
    path = tmp_path / "bad.safetensors"
    trained.model_.save(path, notes={"photo_classifier": json.dumps(fields)})
    with pytest.raises(purr.ModelFileError, match=r"bad\.safetensors: .*notes"):
        purr.load(path)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, "[" + "[]," * 300_000 + "0]", '"cat"'])
def test_notes_that_are_no_object_are_refused(trained: Any, text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    trained.model_.save(path, notes={"photo_classifier": text})
    with pytest.raises(purr.ModelFileError, match=r"bad\.safetensors"):
        purr.load(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" + "[]," * 300_000 + "0]", "more than 32768 values"),
        ("[" + ",".join(['{"":' * 300 + "0" + "}" * 300] * 108) + "]", "make sense"),  # as many as are read
    ],
)
def test_notes_that_are_large_in_memory_are_refused_for_little(
    trained: Any, text: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.safetensors"
    trained.model_.save(path, notes={"photo_classifier": text})
    tracemalloc.start()
    try:
        with pytest.raises(purr.ModelFileError, match=reason):
            purr.load(path)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_what_notes_say_in_an_error_is_short_and_steers_no_terminal(trained: Any, tmp_path: Path) -> None:
    from purrceptron.photos.notes import to_notes

    fields = json.loads(to_notes(trained)["photo_classifier"])
    path = tmp_path / "bad.safetensors"
    for setting in ("\x1b[2J\x1b]0;owned\x07", "long" * 100_000):
        fields["settings"]["color"] = setting
        trained.model_.save(path, notes={"photo_classifier": json.dumps(fields)})
        with pytest.raises(purr.ModelFileError) as caught:
            purr.load(path)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 1000


# Cats


def test_drawn_cats_are_learnt(drawn: tuple[NDArray[Any], NDArray[Any]]) -> None:
    images, labels = drawn
    cats = purr.CatClassifier(epochs=300, optimizer="adam", learning_rate=1e-3, batch_size=20).fit(images, labels)
    assert cats.score(images, labels) > 0.9
    assert set(cats.predict(images)) == {0, 1}


def test_real_photos_are_learnt(photos: tuple[NDArray[Any], NDArray[Any]]) -> None:
    images, labels = photos
    cats = purr.CatClassifier(network="12288-20-7-5-1", epochs=2500, learning_rate=0.0075, seed=0).fit(images, labels)
    assert 0.60 <= cats.history_.loss[0] <= 0.80
    assert cats.score(images, labels) >= 0.97


def test_hidden_sizes_alone_are_never_taken_for_the_input() -> None:
    photos, labels = np.arange(72, dtype="uint8").reshape(6, 2, 2, 3), [0, 1, 2] * 2
    for hidden in (12, 2048):  # 2 x 2 x 3 = 12
        classifier = purr.PhotoClassifier((hidden,), image_size=2, epochs=1).fit(photos, labels)
        sizes = [layer.units for layer in classifier.model_.layers if isinstance(layer, purr.Dense)]
        assert sizes == [hidden, 3]


@pytest.mark.parametrize("settings", [{}, {"features": "histograms", "mirror": True, "class_weight": "balanced"}])
def test_the_best_checkpoint_has_the_best_score_on_the_photos_held_out(settings: Any, tmp_path: Path) -> None:
    images, labels = purr.datasets.make_cats(80, size=16, seed=3)
    held_out = images[50:], labels[50:]
    classifier = purr.CatClassifier(
        (8,), image_size=16, epochs=60, optimizer="adam", learning_rate=0.05, batch_size=8, **settings
    )
    best = purr.Checkpoint(tmp_path, every_epochs=1, best="val_loss")
    classifier.fit(images[:50], labels[:50], validation_data=held_out, checkpoint=best)
    losses = classifier.history_.val_loss
    assert losses is not None
    assert np.argmin(losses) not in (np.argmin(classifier.history_.loss), len(losses) - 1)
    network = purr.load(tmp_path / "best.safetensors")
    assert isinstance(network, purr.Sequential)
    inputs = picture_features(held_out[0], classifier.features)
    assert network.evaluate(inputs, held_out[1], loss="binary_cross_entropy")["loss"] == min(losses)


def test_equal_photos_with_different_labels_are_warned_of() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    both = np.concatenate([images, images])
    with pytest.warns(purr.DataWarning, match="the pixels of 6 photos labelled 'cat' are those of photos labelled"):
        purr.CatClassifier((2,), image_size=8, epochs=1).fit(both, ["cat"] * 6 + ["dog"] * 6)
