"""Charts: what they draw, where, and what they refuse."""

import io
import re
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import purrceptron as purr
from purrceptron.plots import (
    CalibrationDisplay,
    ConfusionDisplay,
    CostDisplay,
    GalleryDisplay,
    RelevanceDisplay,
    RocDisplay,
    ScoresDisplay,
    WeightsDisplay,
)

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    pyplot.close("all")


@pytest.fixture(scope="module")
def cats() -> tuple[Any, Any, Any]:
    images, labels = purr.datasets.make_cats(60, seed=0)
    return purr.PhotoClassifier((4,), epochs=30, seed=0).fit(images[:40], labels[:40]), images[40:], labels[40:]


MAKERS: dict[str, Any] = {
    "cost": lambda cats, ax: CostDisplay.from_estimator(cats[0], ax=ax),
    "calibration": lambda cats, ax: CalibrationDisplay.from_estimator(*cats, ax=ax),
    "confusion": lambda cats, ax: ConfusionDisplay.from_estimator(*cats, ax=ax),
    "gallery": lambda cats, ax: GalleryDisplay.from_estimator(*cats, which="border", ax=ax),
    "roc": lambda cats, ax: RocDisplay.from_estimator(*cats, ax=ax),
    "scores": lambda cats, ax: ScoresDisplay.from_estimator(*cats, ax=ax),
    "weights": lambda cats, ax: WeightsDisplay.from_estimator(cats[0], ax=ax),
    "relevance": lambda cats, ax: RelevanceDisplay.from_estimator(cats[0], cats[1][0], ax=ax),
}


@pytest.mark.parametrize("name", MAKERS)
def test_every_display_draws_on_the_axes_given_or_on_its_own(name: str, cats: tuple[Any, Any, Any]) -> None:
    figure, (left, right) = pyplot.subplots(ncols=2)
    display = MAKERS[name](cats, left)
    assert (display.ax_, display.figure_) == (left, figure)
    assert left.has_data()
    assert not right.has_data()
    assert display.plot(right) is display
    assert display.ax_ is right
    assert MAKERS[name](cats, None).figure_ is not figure


# What a function draws of arrays, and what it is drawn of here.
FUNCTIONS: dict[str, Any] = {
    "calibration": lambda cats, p: (cats[2], p),
    "confusion": lambda cats, p: (cats[2], p.argmax(axis=1), ("0", "1")),
    "cost": lambda cats, p: (cats[0].training_["curves"],),
    "gallery": lambda cats, p: (cats[1], cats[2], p, ("0", "1")),
    "relevance": lambda cats, p: (cats[1][0], purr.explanation.occlusion(cats[0], cats[1][0])),
    "roc": lambda cats, p: (cats[2], p, ("0", "1")),
    "scores": lambda cats, p: (cats[2], p, ("0", "1")),
    "weights": lambda cats, p: (cats[0].model_.get_weights()[0], (64, 64, 3)),
}


def test_every_display_has_a_function_and_asks_a_classifier() -> None:
    displays = {name for name in purr.plots.__all__ if name.endswith("Display")}
    functions = [name for name in purr.plots.__all__ if name.startswith("plot_")]
    assert {getattr(purr.plots, name).__self__.__name__ for name in functions} == displays
    assert {name.removeprefix("plot_") for name in functions} == set(FUNCTIONS) == set(MAKERS)
    assert len(displays) + len(functions) == len(purr.plots.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_draws_of_arrays_what_the_display_draws_of_a_classifier(name: str, cats: Any) -> None:
    pictures = []
    given = FUNCTIONS[name](cats, cats[0].predict_proba(cats[1]))
    options = {"gallery": {"which": "border"}, "calibration": {"of": "1"}}.get(name, {})
    for draw in (
        lambda ax: MAKERS[name](cats, ax),
        lambda ax: getattr(purr.plots, f"plot_{name}")(*given, ax=ax, **options),
    ):
        figure, ax = pyplot.subplots()
        display = draw(ax)
        assert (display.ax_, display.figure_) == (ax, figure)
        pictures.append(io.BytesIO())
        figure.savefig(pictures[-1], format="rgba")
    assert pictures[0].getvalue() == pictures[1].getvalue()


def texts(display: Any) -> list[str]:
    return [text.get_text() for text in display.ax_.texts]


def test_a_gallery_shows_the_photos_that_are_asked_for() -> None:
    images = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.55, 0.45], [0.3, 0.7], [1.0, 0.0]])
    labels, names = [0, 1, 0, 1, 1, 1], ("other", "cat")
    expected = {"right": [0, 1, 4], "wrong": [5, 2, 3], "border": [3, 2, 4, 1, 0, 5], "unlike": [2, 1]}
    novelty = np.array([0.5, 1.5, 3.0, 1.0, 0.0, 0.0])
    for which, places in expected.items():
        display = GalleryDisplay.from_predictions(images, labels, p, names, which=which, novelty=novelty)  # type: ignore[arg-type]
        assert [photo.number for photo in display.photos] == places
        assert [int(image.get_array().max()) for image in display.ax_.images] == places
    display = GalleryDisplay.from_predictions(images, labels, p, names, count=1, names=[f"{k}.png" for k in range(6)])
    assert texts(display) == ["✗ other 100 %", "is cat", "5.png"]
    assert texts(GalleryDisplay([]).plot()) == ["no such photo"]


@pytest.mark.parametrize(("width", "height", "columns"), [(9, 2, 6), (4, 4, 3), (2, 9, 1)])
def test_names_in_a_gallery_touch_no_other_whatever_the_axes(width: float, height: float, columns: int) -> None:
    images, labels = purr.datasets.make_cats(6, seed=0)
    figure, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
    long = ["a class of a very long name", "and another that is no shorter"]
    display = GalleryDisplay.from_predictions(images, labels, np.eye(2)[1 - labels], long, names=["x" * 60] * 6, ax=ax)
    figure.draw_without_rendering()
    assert len({image.get_extent()[0] for image in ax.images}) == columns
    boxes = [text.get_window_extent() for text in display.ax_.texts]
    boxes += [image.get_window_extent() for image in ax.images]
    assert len(boxes) == 24
    assert [box.count_overlaps(boxes) for box in boxes] == [1] * 24  # itself


def test_costs_are_those_of_the_history(cats: tuple[Any, Any, Any]) -> None:
    history = cats[0].history_
    (line,) = CostDisplay.from_history(history).lines_
    np.testing.assert_array_equal(line.get_xydata(), np.stack([np.arange(1, 31), history.loss], axis=1))


@pytest.mark.parametrize("classes", [2, 8])
def test_the_name_of_the_baseline_touches_no_other(classes: int) -> None:
    p = np.eye(classes).repeat(2, axis=0)
    labels = np.arange(2 * classes) // 2
    display = ScoresDisplay(purr.assessment.assess(labels, p, [f"class {k}" for k in range(classes)])).plot()
    display.figure_.draw_without_rendering()
    (name,) = (text.get_window_extent() for text in display.ax_.texts)
    assert not name.count_overlaps([label.get_window_extent() for label in display.ax_.get_yticklabels()])


@pytest.mark.parametrize("apart", [0.0, 0.001, 0.02, 0.5])
def test_names_at_the_ends_of_the_curves_do_not_touch(apart: float) -> None:
    display = CostDisplay([1, 2], [1.0, 0.3 + apart], [1.0, 0.3]).plot()
    display.figure_.draw_without_rendering()
    lower, upper = (text.get_window_extent() for text in display.ax_.texts)
    assert upper.y0 > lower.y1
    if apart == 0.5:  # no need to move
        assert [text.xyann for text in display.ax_.texts] == [(5, 2), (5, 2)]


def test_the_curve_is_that_of_the_positive_class(cats: tuple[Any, Any, Any]) -> None:
    from sklearn.metrics import roc_auc_score, roc_curve

    classifier, images, labels = cats
    p = classifier.predict_proba(images)[:, 1]
    display = RocDisplay.from_estimator(classifier, images, labels)
    (curve,), (line,) = display.curves, display.lines_
    assert (curve.name, curve.area) == ("1", pytest.approx(roc_auc_score(labels, p)))
    np.testing.assert_array_equal(line.get_xydata(), np.stack(roc_curve(labels, p)[:2], axis=1))
    assert [text.get_text() for text in display.ax_.texts] == [f"AUC {curve.area:.3f}, chance 0.5"]


def test_of_more_classes_each_has_a_curve_against_the_rest() -> None:
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    labels = np.arange(48) % 12
    p = generator.dirichlet(np.ones(13), 48)
    names = [f"${k}" for k in range(13)]  # no formulas, and no photo of the last class
    display = RocDisplay.from_predictions(labels, p, names)
    areas = {f"${k}": roc_auc_score(labels == k, p[:, k]) for k in range(12)}
    assert {curve.name: curve.area for curve in display.curves} == pytest.approx(areas)
    worst = sorted(areas, key=lambda name: -areas[name])[2:]
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [f"{areas[name]:.3f} {name}" for name in worst]
    assert legend.get_title().get_text() == "AUC (chance 0.5), the 10 smallest of 12"
    looks = {(line.get_color(), line.get_linestyle()) for line in display.lines_}
    assert len(looks) == len(display.lines_) == 10
    display.figure_.draw_without_rendering()


def test_a_legend_of_long_names_stays_within_the_figure() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(12), 48)
    display = RocDisplay.from_predictions(
        np.arange(48) % 12, p, [f"{k} is a class of a very long name" * 3 for k in range(12)]
    )
    display.figure_.draw_without_rendering()
    legend, figure = display.ax_.get_legend().get_window_extent(), display.figure_.bbox
    assert (figure.x0 <= legend.x0, figure.y0 <= legend.y0, legend.x1 <= figure.x1) == (True, True, True)


def test_long_names_that_differ_at_their_ends_are_told_apart() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(4), 16)
    names = [f"a breed with quite a long name, number {k}" for k in range(4)]
    legend = RocDisplay.from_predictions(np.arange(16) % 4, p, names).ax_.get_legend()
    ticks = ScoresDisplay.from_predictions(np.arange(16) % 4, p, names).ax_.get_yticklabels()
    for texts_of in (legend.get_texts(), ticks[3:]):
        assert {re.search(r"\d'?$", text.get_text())[0].strip("'") for text in texts_of} == set("0123")  # type: ignore[index]


def test_the_confusion_is_scikit_learns(cats: tuple[Any, Any, Any]) -> None:
    from sklearn.metrics import confusion_matrix

    classifier, images, labels = cats
    display = ConfusionDisplay.from_estimator(classifier, images, labels)
    np.testing.assert_array_equal(display.confusion, confusion_matrix(labels, classifier.predict(images)))
    drawn = sorted(text.get_text() for text in display.ax_.texts)
    assert drawn == sorted(map(str, display.confusion.ravel()))


def test_labels_may_be_names_as_for_the_score(cats: tuple[Any, Any, Any]) -> None:
    images, labels = cats[1:]
    names = np.array(["cat", "other"])[labels]
    named = purr.PhotoClassifier((4,), epochs=30, seed=0).fit(images, names)
    for display, wrong in ((ConfusionDisplay, "confusion"), (CalibrationDisplay, "curve"), (RocDisplay, "curves")):
        assert getattr(display.from_estimator(named, images, names), wrong) is not None  # type: ignore[attr-defined]
    confusion = ConfusionDisplay.from_estimator(named, images, names).confusion
    assert confusion.trace() / len(names) == named.score(images, names)
    first = purr.CatClassifier((4,), epochs=30, positive_class="cat").fit(images, labels, class_names=("cat", "other"))
    confusion = ConfusionDisplay.from_estimator(first, images, labels).confusion
    assert confusion.trace() / len(labels) == first.score(images, labels)


def test_the_baseline_is_the_best_answer_without_a_look() -> None:
    labels, p = np.repeat([0, 1], [2, 8]), np.repeat([[0.6, 0.4], [0.3, 0.7]], [3, 7], axis=0)
    found = purr.assessment.assess(labels, p, ("a", "b"), training_counts=[9, 1])
    assert found.baselines == {"training_majority": 0.2, "best_constant": 0.8}
    display = ScoresDisplay(found).plot()
    (text,) = (text for text in display.ax_.texts if text.get_text() == "without looking")
    assert text.get_position()[0] == 0.8


@pytest.mark.parametrize("name", MAKERS)
def test_a_display_of_what_has_learnt_nothing_is_refused(name: str) -> None:
    images, labels = purr.datasets.make_cats(4, seed=0)
    with pytest.raises(ValueError, match="this PhotoClassifier has learnt nothing yet: call fit first"):
        MAKERS[name]((purr.PhotoClassifier(), images, labels), None)
    with pytest.raises(TypeError, match="expected a PhotoClassifier or CatClassifier, got 'm'"):
        MAKERS[name](("m", images, labels), None)


def test_weights_are_pictures_of_the_first_kernel(cats: tuple[Any, Any, Any]) -> None:
    kernel = cats[0].model_.get_weights()[0]
    images = WeightsDisplay.from_estimator(cats[0]).images
    for unit in range(4):
        expected = 127.5 + 127.5 * kernel[:, unit].astype(float) / np.abs(kernel[:, unit]).max()
        np.testing.assert_allclose(images[unit].reshape(-1), expected, atol=0.51)


def test_grey_weights_have_three_equal_channels() -> None:
    images, labels = purr.datasets.make_cats(30, seed=0)
    classifier = purr.PhotoClassifier((4,), color="grey", epochs=2, seed=0).fit(images[..., :1], labels)
    pictures = WeightsDisplay.from_estimator(classifier).images
    assert pictures.shape == (4, 64, 64, 3)
    assert (pictures == pictures[..., :1]).all()


def gallery(**options: Any) -> Any:
    return GalleryDisplay.from_predictions(np.zeros((2, 2, 2, 3)), [0, 1], np.eye(2), "ab", **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CostDisplay([], []), "a cost for each of the epochs, got 0 epochs"),
        (lambda: CostDisplay([1, 2], [1.0]), "got 2 epochs, 1 costs"),
        (lambda: ConfusionDisplay([[1, 2]], ("a", "b")), r"expected \(2, 2\) for 2 classes, got \(1, 2\)"),
        (
            lambda: RocDisplay.from_predictions([1, 1], [[0.5, 0.5]] * 2, "ab"),
            "a ROC curve takes photos of a class and",
        ),
        (lambda: RocDisplay.from_predictions([0, 1], [[0.5, 0.5]] * 2, "abc"), "expected 2 names, got 3"),
        (lambda: WeightsDisplay(np.zeros((0, 2, 2, 3))), r"expected \(units, height, width, 3\)"),
        (lambda: WeightsDisplay.from_kernel(np.zeros((5, 2)), (2, 2, 3)), r"weights of pictures .*, got \(5, 2\) of"),
        (lambda: gallery(which="best"), "which must be one of 'right', 'wrong', 'border', 'unlike', got 'best'"),
        (lambda: gallery(which="unlike"), "nobody knows which photos are unlike those of the training"),
        (lambda: gallery(names=["a"]), "names: expected one for each of 2 photos, got 1"),
        (lambda: gallery(count=0), "count must be"),
        (lambda: GalleryDisplay.from_predictions(np.zeros((3, 2, 2, 3)), [0, 1], np.eye(2), "ab"), "of 3 photos and 2"),
        (lambda: RelevanceDisplay.from_estimator(purr.PhotoClassifier(), "x", method="no"), "method must be one of"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_drawn_is_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_without_matplotlib_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'purrceptron\[report\]'"):
        CostDisplay([1], [1.0]).plot()
