"""The drawn cats: shapes, counts, determinism, variety, soft edges, no shortcut through the mean colour."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import purrceptron
from purrceptron.datasets import make_cats


@pytest.fixture(scope="module")
def drawn() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return make_cats(500, seed=3)


@given(
    n=st.integers(0, 9),
    size=st.integers(8, 40),
    cat_fraction=st.floats(0, 1),
    seed=st.integers(0, 2**70),
)
@settings(max_examples=25, deadline=None)
def test_shapes_types_and_exact_class_counts(n: int, size: int, cat_fraction: float, seed: int) -> None:
    images, labels = make_cats(n, size=size, cat_fraction=cat_fraction, seed=seed)
    assert images.shape == (n, size, size, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (n,)
    assert labels.dtype == np.int64
    assert np.count_nonzero(labels == 1) == round(n * cat_fraction)
    assert np.count_nonzero(labels == 0) == n - round(n * cat_fraction)


def test_classes_come_in_mixed_order(drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
    changes = np.count_nonzero(np.diff(drawn[1]))
    assert 200 < changes < 300  # 250 expected, standard deviation 11


def test_same_seed_same_pixels_in_another_process() -> None:
    program = (
        "import hashlib; from purrceptron.datasets import make_cats; images, labels = make_cats(40, seed=5); "
        "print(hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest())"
    )
    images, labels = make_cats(40, seed=5)
    here = hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()
    package = str(Path(purrceptron.__file__).parents[1])
    search = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    for hash_seed in ("1", "271828"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": search}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        assert result.stdout.strip() == here


def test_a_picture_does_not_depend_on_how_many_are_drawn() -> None:
    few, _ = make_cats(5, cat_fraction=1, seed=8)
    many, _ = make_cats(12, cat_fraction=1, seed=8)
    np.testing.assert_array_equal(few, many[:5])


@pytest.mark.parametrize("other", [1, 2**32, 2**64])
def test_different_seeds_differ(other: int) -> None:
    images, labels = make_cats(24, seed=0)
    other_images, other_labels = make_cats(24, seed=other)
    assert not np.array_equal(labels, other_labels)
    assert not any(np.array_equal(a, b) for a in images for b in other_images)


def test_no_two_pictures_alike(drawn: tuple[NDArray[np.uint8], NDArray[np.int64]]) -> None:
    images, _ = drawn
    flat = images.reshape(len(images), -1).astype(np.float32)
    squares = (flat**2).sum(axis=1)
    distance = squares[:, None] + squares[None, :] - 2 * flat @ flat.T
    np.fill_diagonal(distance, np.inf)
    # Root mean square difference in grey levels; grain alone would make at most about 4.
    assert np.sqrt(max(distance.min(), 0) / flat.shape[1]) > 10


@pytest.mark.parametrize("size", [8, 32, 96])
def test_other_sizes_show_the_same_picture(size: int) -> None:
    images, labels = make_cats(6, size=size, seed=2)
    reference, reference_labels = make_cats(6, size=64, seed=2)
    assert images.shape == (6, size, size, 3)
    np.testing.assert_array_equal(labels, reference_labels)
    for a, b in zip(images, reference, strict=True):
        small = [x.reshape(8, len(x) // 8, 8, -1, 3).mean(axis=(1, 3)).ravel() for x in (a, b)]
        assert np.corrcoef(*small)[0, 1] > 0.8  # rims and grain weigh more in a tiny picture


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "n is the number of pictures and must be 0 or more, got -1"),
        ({"n": 3, "size": 7}, "size .* must be 8 or more, got 7"),
        ({"n": 3, "size": -64}, "size .* must be 8 or more, got -64"),
        ({"n": 3, "cat_fraction": -0.1}, "cat_fraction .* within 0..1, got -0.1"),
        ({"n": 3, "cat_fraction": 1.5}, "cat_fraction .* within 0..1, got 1.5"),
        ({"n": 3, "cat_fraction": float("nan")}, "cat_fraction .* within 0..1, got nan"),
        ({"n": 0, "seed": -2}, "seed must be 0 or more, got -2"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_cats(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [{"n": 2.5}, {"n": 2, "size": 64.0}, {"n": 2, "seed": 0.5}])
def test_fractions_of_a_picture_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(TypeError):
        make_cats(**arguments)  # type: ignore[arg-type]


def test_edges_are_soft() -> None:
    from purrceptron.datasets.drawing.canvas import Canvas

    canvas = Canvas(64)
    canvas.ellipse(0.5, 0.5, 0.3, 0.3, (255, 255, 255))
    levels = np.unique(canvas.reduced())
    assert levels[0] == 0
    assert levels[-1] == 255
    assert len(levels) > 8


def test_drawing_inside_a_shape_leaves_the_rest_alone() -> None:
    from purrceptron.datasets.drawing.canvas import Canvas, oval

    canvas = Canvas(64)
    canvas.box(0, 0, 1, 1, (10, 20, 30))
    with canvas.inside(oval(0.5, 0.5, 0.2, 0.2)):
        canvas.box(0, 0, 1, 1, (200, 0, 0))
    picture = canvas.reduced()
    assert picture[32, 32].tolist() == [200, 0, 0]
    assert picture[32, 10].tolist() == [10, 20, 30]
    assert 0.1 < np.mean(picture[:, :, 0] == 200) < 0.14  # pi * 0.2**2 = 0.126


def test_mirrored_coordinates_mirror_the_picture() -> None:
    from purrceptron.datasets.drawing.canvas import Canvas

    pictures = []
    for mirror in (False, True):
        canvas = Canvas(32)
        placed = canvas.at(0.5, 0.5, 0.8, mirror=mirror)
        placed.blob([(-0.4, -0.3), (0.3, -0.2), (0.1, 0.4)], (255, 255, 255))
        pictures.append(canvas.reduced().astype(float))
    assert np.abs(pictures[0] - pictures[1][:, ::-1]).mean() < 4  # the rasteriser itself is not symmetric
    assert np.abs(pictures[0] - pictures[1]).mean() > 20


def _accuracy_of_a_linear_rule(statistic: str) -> float:
    """Accuracy on unseen pictures of a least-squares rule on the mean colour, or also on its spread."""
    features, classes = [], []
    for seed in (21, 22):
        images, labels = make_cats(700, size=16, seed=seed)
        pixels = images.reshape(len(images), -1, 3) / 255
        columns = [pixels.mean(axis=1), np.ones((len(images), 1))]
        if statistic == "mean and spread":
            columns.append(pixels.std(axis=1))
        features.append(np.hstack(columns))
        classes.append(labels)
    weights = np.linalg.lstsq(features[0], 2.0 * classes[0] - 1, rcond=None)[0]
    return float(np.mean((features[1] @ weights > 0) == classes[1]))


@pytest.mark.parametrize("statistic", ["mean", "mean and spread"])
def test_mean_colour_does_not_tell_cats(statistic: str) -> None:
    assert _accuracy_of_a_linear_rule(statistic) < 0.62


def test_importing_the_package_does_not_load_pillow() -> None:
    program = "import sys, purrceptron.datasets; sys.exit('PIL' in sys.modules)"
    package = str(Path(purrceptron.__file__).parents[1])
    search = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": search}, check=True)
