"""Near-duplicates: copies are found, different photos are not, and no group is torn apart by a split."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

import purrceptron.datasets.duplicates as duplicates
from purrceptron.cli.sources import hold_out, split
from purrceptron.datasets import Data, make_cats, near_duplicates
from purrceptron.datasets.duplicates import difference_hashes, equal_pictures, near_copies


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return make_cats(150, seed=0)[0]


def recompressed(picture: np.ndarray) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=50)
    return np.asarray(Image.open(content))


def scaled(picture: np.ndarray) -> np.ndarray:
    image = Image.fromarray(picture)
    return np.asarray(image.resize((48, 48), Image.Resampling.BICUBIC).resize((64, 64), Image.Resampling.BICUBIC))


def trimmed(picture: np.ndarray) -> np.ndarray:
    """Without a hundredth at each edge."""
    image = Image.fromarray(picture)
    return np.asarray(image.resize((64, 64), Image.Resampling.BICUBIC, box=(0.64, 0.64, 63.36, 63.36)))


@pytest.mark.parametrize("all_pairs", [True, False])
@pytest.mark.parametrize(
    ("change", "least"),
    [
        (recompressed, 0.98),
        (scaled, 0.98),
        (lambda picture: np.clip(picture * 1.2 + 5, 0, 255).astype(np.uint8), 0.98),
        (lambda picture: (picture * 0.7).astype(np.uint8), 0.98),
        (trimmed, 0.75),
        (lambda picture: picture[:, ::-1], 1),
        (lambda picture: recompressed(picture[:, ::-1]), 0.98),
    ],
)
def test_changed_copies_are_found(
    pictures: np.ndarray,
    change: Callable[[np.ndarray], np.ndarray],
    least: float,
    all_pairs: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not all_pairs:
        monkeypatch.setattr(duplicates, "_ALL_PAIRS", 0)
    groups = near_duplicates(np.concatenate([pictures, [change(picture) for picture in pictures]]))
    assert np.mean(groups[150:] == np.arange(150)) >= least


@pytest.mark.parametrize("all_pairs", [True, False])
def test_different_pictures_are_no_duplicates(
    pictures: np.ndarray, all_pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all_pairs:
        monkeypatch.setattr(duplicates, "_ALL_PAIRS", 0)
    np.testing.assert_array_equal(near_duplicates(pictures), np.arange(150))


def test_the_real_photos_are_all_different(photos: Any) -> None:
    np.testing.assert_array_equal(near_duplicates(photos[0]), np.arange(len(photos[0])))


def test_flat_pictures_are_duplicates_only_if_they_are_equal() -> None:
    levels = np.array([10, 11, 10, 200, 11], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (5, 32, 32, 3))
    assert near_duplicates(images).tolist() == [0, 1, 0, 3, 1]
    assert near_duplicates(images[..., :1] / 1.0).tolist() == [0, 1, 0, 3, 1]


def test_hash_bits_say_where_brightness_grows() -> None:
    ramp = np.broadcast_to((np.arange(72) * 3).astype(np.uint8)[None, :, None], (72, 72, 1))
    hashes = difference_hashes(np.stack([ramp, ramp.swapaxes(0, 1), ramp[:, ::-1]]))
    bits = np.unpackbits(hashes, axis=1).reshape(3, 2, 64)
    assert bits.mean(axis=2).tolist() == [[1, 0], [0, 1], [0, 0]]


def test_pictures_with_one_bright_half_are_no_duplicates_if_all_else_differs() -> None:
    random = np.random.default_rng(0)
    half = np.zeros((64, 64))
    half[:, 32:] = 150
    pair = [half + 40 + random.integers(-4, 5, (16, 16)).repeat(4, 0).repeat(4, 1) for _ in range(2)]
    images = np.stack(pair)[..., None].astype(np.uint8)
    thumbnails, hashes = duplicates._thumbnails(images, np.arange(2))
    assert np.corrcoef(thumbnails)[0, 1] > 0.99
    assert duplicates._different_bits(hashes[:1], hashes[1:])[0] > 20
    assert near_duplicates(images).tolist() == [0, 1]


def test_fractions_are_rounded_to_grey_levels(pictures: np.ndarray) -> None:
    fractions = pictures[:9] + np.random.default_rng(0).uniform(-0.49, 0.49, pictures[:9].shape)
    for whole, rounded in zip(*(duplicates._thumbnails(x, np.arange(9)) for x in (pictures, fractions)), strict=True):
        np.testing.assert_array_equal(rounded, whole)


@pytest.mark.parametrize("rows", [1024, 40])
def test_correlation_is_that_of_numpy(pictures: np.ndarray, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "_ROWS", rows)
    thumbnails, _ = duplicates._thumbnails(pictures, np.arange(len(pictures)))
    correlations = np.corrcoef(thumbnails.astype(float))
    threshold = float(np.sort(correlations[np.triu_indices(150, 1)])[-40:-38].mean())  # between the pairs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_LEAST_CORRELATION", threshold)
        found = [
            pair
            for first, second in duplicates._all_pairs(thumbnails, *duplicates._moments(thumbnails), 150)
            for pair in zip(first.tolist(), second.tolist(), strict=True)
        ]
    expected = np.argwhere(np.triu(correlations >= threshold, 1)).tolist()
    assert sorted(map(list, found)) == expected
    assert len(expected) == 39


def test_chains_make_one_group_and_rows_of_numbers_are_compared_whole() -> None:
    table = np.array([[1.0, 2], [3, 4], [1, 2], [5, 6]])
    assert equal_pictures(table).tolist() == near_duplicates(table).tolist() == [0, 1, 0, 3]
    parents = np.arange(6)
    for first, second in ((4, 5), (2, 4), (5, 1)):
        duplicates._join(parents, first, second)
    assert [duplicates._root(parents, index) for index in range(6)] == [0, 1, 1, 3, 1, 1]


def drawn_with_groups(photos: int, seed: int) -> tuple[Data, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(photos) % 3)
    groups = random.integers(0, photos // 2, photos)
    images = np.arange(photos, dtype=np.uint8).reshape(photos, 1, 1, 1)
    return Data.from_arrays(images, labels, source="test"), groups


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_no_group_is_on_both_sides_and_the_share_of_each_class_is_kept(seed: int, share: float) -> None:
    data, groups = drawn_with_groups(120, seed)
    training, held_out = split(data, share, seed, groups)
    assert held_out is not None
    sides = [set(groups[part.images.ravel()].tolist()) for part in (training, held_out)]
    assert not sides[0] & sides[1]
    assert sorted([*training.images.ravel(), *held_out.images.ravel()]) == list(range(120))
    wanted = np.round(share * np.bincount(data.labels))
    kept = np.bincount(held_out.labels, minlength=3)
    assert (kept <= wanted).all()
    assert (kept >= wanted - 3).all()


def test_a_group_larger_than_the_share_is_trained_on() -> None:
    data, _ = drawn_with_groups(30, 0)
    groups = np.where(data.labels == 1, 1, np.arange(30) + 100)
    training, held_out, lines = hold_out(data, 0.2, 0)
    assert lines == []
    training, held_out = split(data, 0.2, 0, groups)
    assert held_out is not None
    assert np.bincount(held_out.labels, minlength=3).tolist() == [2, 0, 2]
    assert np.bincount(training.labels).tolist() == [8, 10, 8]


def test_what_is_held_out_of_a_set_with_copies_is_said(pictures: np.ndarray) -> None:
    images = np.concatenate([pictures[:20], [scaled(picture) for picture in pictures[:6]]])
    labels = np.concatenate([np.arange(20) % 2, np.arange(6) % 2])
    training, held_out, lines = hold_out(Data.from_arrays(images, labels, source="test"), 0.3, 1)
    assert held_out is not None
    assert lines == ["12 photos are near-duplicates, in 6 groups: each is on one side"]
    both = near_duplicates(np.concatenate([training.images, held_out.images]))
    assert not set(both[: len(training)].tolist()) & set(both[len(training) :].tolist())


def test_mirror_images_are_on_one_side_of_a_split(pictures: np.ndarray) -> None:
    images = np.concatenate([pictures[:40], pictures[:40, :, ::-1]])
    labels = np.tile(np.random.default_rng(0).integers(0, 2, 40), 2)
    data = Data.from_arrays(images, labels, source="test")
    groups = np.tile(np.arange(40), 2)
    for seed in range(3):
        training, held_out = split(data, 0.3, seed)
        assert held_out is not None
        assert not near_copies(held_out.images, training.images).any()
    np.testing.assert_array_equal(near_duplicates(images), groups)
    assert len(np.unique(near_duplicates(images, mirrored=False))) > 75  # but a few are like their mirror images


@pytest.mark.parametrize("all_pairs", [True, False])
def test_copies_of_other_pictures_are_found_whatever_their_size(
    pictures: np.ndarray, all_pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not all_pairs:
        monkeypatch.setattr(duplicates, "_ALL_PAIRS", 0)
    small = [np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BICUBIC)) for picture in pictures]
    asked = np.stack(small)
    asked[::2] = asked[::2, :, ::-1]
    found = near_copies(asked, pictures[:100])
    assert found[:100].mean() >= 0.98
    assert not found[100:].any()
    assert not near_copies(pictures[:2], pictures[:0]).any()
    assert near_copies(np.array([[1.0, 2], [3, 4]]), np.array([[3.0, 4]])).tolist() == [False, True]
