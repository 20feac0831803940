"""Near-duplicates: copies are found, different photos are not, and no group is torn apart by a split."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies
from PIL import Image

import purrceptron as purr
import purrceptron.datasets.duplicates as duplicates
import purrceptron.datasets.signatures as signatures
from purrceptron.cli.labelled import LabelledPhotos
from purrceptron.cli.sources import hold_out, split
from purrceptron.datasets import Data, make_cats, near_duplicates
from purrceptron.datasets.duplicates import equal_pictures, near_copies, shared_photos
from purrceptron.datasets.signatures import close_pairs
from purrceptron.datasets.thumbnails import Thumbnails, _correlations, same_picture
from purrceptron.photos.pictures import near_signatures, pack_signatures, photo_hashes


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return make_cats(150, seed=0)[0]


def recompressed(picture: np.ndarray, quality: int = 50) -> np.ndarray:
    content = io.BytesIO()
    Image.fromarray(picture).save(content, "JPEG", quality=quality)
    return np.asarray(Image.open(content))


def scaled(picture: np.ndarray, side: int = 48) -> np.ndarray:
    image = Image.fromarray(picture)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC).resize((64, 64), Image.Resampling.BICUBIC))


def trimmed(picture: np.ndarray, left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Without so many hundredths at each edge."""
    box = (0.64 * left, 0.64 * top, 64 - 0.64 * right, 64 - 0.64 * bottom)
    return np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BICUBIC, box=box))


CHANGES: list[tuple[Callable[[np.ndarray], np.ndarray], float]] = [
    (recompressed, 0.98),
    (lambda picture: recompressed(picture, 30), 0.98),
    (scaled, 0.98),
    (lambda picture: scaled(picture, 32), 0.98),
    (lambda picture: scaled(picture, 128), 0.98),
    (lambda picture: np.clip(picture * 1.1, 0, 255).astype(np.uint8), 0.98),
    (lambda picture: (picture * 0.9).astype(np.uint8), 0.98),
    (lambda picture: np.clip(picture * 1.2 + 5, 0, 255).astype(np.uint8), 0.96),  # highlights are cut off
    (lambda picture: (picture * 0.7).astype(np.uint8), 0.98),
    (lambda picture: trimmed(picture, 1, 1, 1, 1), 0.98),
    (lambda picture: trimmed(picture, 3, 3, 0, 0), 0.97),
    (lambda picture: trimmed(picture, 3, 3, 3, 3), 0.95),
    (lambda picture: picture[:, ::-1], 1),
    (lambda picture: recompressed(picture[:, ::-1]), 0.98),
]


@pytest.mark.parametrize(("change", "least"), CHANGES)
def test_changed_copies_are_found(
    pictures: np.ndarray, change: Callable[[np.ndarray], np.ndarray], least: float
) -> None:
    groups = near_duplicates(np.concatenate([pictures, [change(picture) for picture in pictures]]))
    assert np.mean(groups[150:] == np.arange(150)) >= least


@pytest.mark.parametrize(("change", "least"), CHANGES)
def test_changed_copies_of_real_photos_are_found(
    photos: Any, change: Callable[[np.ndarray], np.ndarray], least: float
) -> None:
    images = photos[0]
    groups = near_duplicates(np.concatenate([images, [change(picture) for picture in images]]))
    assert np.mean(groups[len(images) :] == np.arange(len(images))) >= least


def test_of_a_thousand_drawn_pictures_two_are_taken_for_one_at_most() -> None:
    images, _ = make_cats(1000, seed=0)
    assert len(np.unique(near_duplicates(images))) >= 999


def test_the_real_photos_are_all_different(photos: Any) -> None:
    np.testing.assert_array_equal(near_duplicates(photos[0]), np.arange(len(photos[0])))


def test_flat_pictures_are_duplicates_only_if_they_are_equal() -> None:
    levels = np.array([10, 11, 10, 200, 11], np.uint8)
    images = np.broadcast_to(levels[:, None, None, None], (5, 32, 32, 3))
    assert near_duplicates(images).tolist() == [0, 1, 0, 3, 1]
    assert near_duplicates(images[..., :1] / 1.0).tolist() == [0, 1, 0, 3, 1]


def test_pictures_with_one_bright_half_are_no_duplicates_if_all_else_differs() -> None:
    random = np.random.default_rng(0)
    half = np.zeros((64, 64))
    half[:, 32:] = 150
    pair = [half + 40 + random.integers(-4, 5, (16, 16)).repeat(4, 0).repeat(4, 1) for _ in range(2)]
    images = np.stack(pair)[..., None].astype(np.uint8)
    thumbnails = Thumbnails.of(images)
    assert np.corrcoef(thumbnails.pixels.reshape(2, -1))[0, 1] > 0.99
    assert np.abs(np.subtract(*thumbnails.signatures)).max() <= duplicates._CLOSE
    assert near_duplicates(images).tolist() == [0, 1]


def test_fractions_are_rounded_to_grey_levels(pictures: np.ndarray) -> None:
    fractions = pictures[:9] + np.random.default_rng(0).uniform(-0.49, 0.49, pictures[:9].shape)
    whole, rounded = Thumbnails.of(pictures[:9]), Thumbnails.of(fractions)
    np.testing.assert_array_equal(rounded.pixels, whole.pixels)
    np.testing.assert_array_equal(rounded.signatures, whole.signatures)


def test_signatures_are_the_cosine_transform_of_brightness_and_colours(pictures: np.ndarray) -> None:
    thumbnails = Thumbnails.of(pictures[:20])
    place = (np.arange(16) + 0.5) * np.pi / 16
    colors = thumbnails.pixels / 1.0 @ np.array([[4, 4, 4], [5, 0, -5], [3, -6, 3]]).T
    places = zip(signatures._COLOR, signatures._DOWN, signatures._ACROSS, strict=True)
    expected = np.empty((20, 32))
    for number, (color, down, across) in enumerate(places):
        wave = np.cos(down * place)[:, None] * np.cos(across * place)
        expected[:, number] = (colors[..., color] * wave / np.linalg.norm(wave)).sum(axis=(1, 2))
    patterns = signatures._DOWN + signatures._ACROSS > 0
    expected *= 127 / np.linalg.norm(expected[:, patterns], axis=1, keepdims=True)
    np.testing.assert_allclose(thumbnails.signatures, np.clip(expected, -127, 127), atol=1)


def test_the_signature_of_a_mirror_image_is_the_mirrored_one(pictures: np.ndarray) -> None:
    thumbnails = Thumbnails.of(pictures)
    mirrored = thumbnails.mirrored()
    np.testing.assert_array_equal(mirrored.signatures, signatures.signatures_of(mirrored.pixels))
    assert not np.array_equal(mirrored.signatures, thumbnails.signatures)


def test_brightness_and_contrast_leave_a_signature_alone(pictures: np.ndarray) -> None:
    thumbnails = Thumbnails.of(pictures).pixels
    halved, paler = thumbnails // 2, thumbnails // 2 + 90
    np.testing.assert_allclose(signatures.signatures_of(halved), signatures.signatures_of(thumbnails), atol=4)
    np.testing.assert_array_equal(signatures.signatures_of(paler), signatures.signatures_of(halved))


@given(
    seed=strategies.integers(0, 2**32 - 1),
    sizes=strategies.tuples(strategies.integers(0, 150), strategies.integers(0, 150)),
    spread=strategies.sampled_from([1, 30, 127]),
    most=strategies.integers(0, 20),
    at_once=strategies.sampled_from([100, 1000, 1 << 18]),
)
def test_the_search_finds_the_pairs_of_the_all_pairs_comparison(
    seed: int, sizes: tuple[int, int], spread: int, most: int, at_once: int
) -> None:
    random = np.random.default_rng(seed)
    first, second = (random.integers(-spread, spread + 1, (size, 32)).astype(np.int16) for size in sizes)
    # Copies that differ by about the limit, some just above it, and some many times over.
    for _ in range(min(len(first), len(second))):
        copy = first[random.integers(len(first))] + random.integers(-most, most + 1, 32)
        copy[random.integers(32)] += random.integers(-1, 2)
        second[random.integers(len(second))] = np.clip(copy, -127, 127)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signatures, "_AT_ONCE", at_once)
        found = [pair for part in close_pairs(first, second, most) for pair in np.stack(part, axis=1).tolist()]
    distance = np.abs(first[:, None] - second).max(axis=2, initial=0)
    assert sorted(found) == np.argwhere(distance <= most).tolist()


@pytest.mark.parametrize("mirrored", [False, True])
def test_groups_are_those_of_the_all_pairs_comparison(pictures: np.ndarray, mirrored: bool) -> None:
    copies = [trimmed(picture[:, ::-1] if mirrored else picture, 2, 0, 1, 3) for picture in pictures]
    thumbnails = Thumbnails.of(np.concatenate([pictures, copies]))
    sides = (thumbnails, thumbnails.mirrored())[: 1 + mirrored]
    everywhere = lambda rows, _: np.ones(len(rows), np.bool_)  # noqa: E731
    found = sorted(duplicates._near_pairs(thumbnails, None, mirrored, everywhere))
    rows, columns = np.triu_indices(300, 1)
    expected = []
    for side in sides:
        close = np.abs(thumbnails.signatures[rows] - side.signatures[columns]).max(axis=1) <= duplicates._CLOSE
        same = close & same_picture(thumbnails.pixels[rows], side.pixels[columns])
        expected += np.stack([rows[same], columns[same]], axis=1).tolist()
    assert found == sorted(map(tuple, expected))
    assert len(found) >= 148


def test_many_copies_of_one_picture_cost_few_comparisons(pictures: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def counted(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        compared.append(len(first))
        return same_picture(first, second)

    monkeypatch.setattr(duplicates, "same_picture", counted)
    images = np.clip(pictures[3] + np.random.default_rng(0).integers(-3, 4, (1500, 64, 64, 1)), 0, 255)
    images = images.astype(np.uint8)
    assert (near_duplicates(images) == 0).all()
    assert sum(compared) < 10_000  # of 2,248,500 pairs, mirrored ones counted
    labels = np.arange(1500) % 3
    compared.clear()
    assert shared_photos(images, labels, near=True) == dict.fromkeys(
        [(one, other) for one in range(3) for other in range(3) if one != other], 500
    )
    assert sum(compared) < 10_000


def test_a_shift_and_a_stretch_leave_the_correlation_high(pictures: np.ndarray) -> None:
    cut = np.stack([trimmed(picture, 3, 3, 0, 0) for picture in pictures])
    first, second = (Thumbnails.of(images).pixels / 1.0 for images in (pictures, cut))
    plain = [np.corrcoef(one.ravel(), other.ravel())[0, 1] for one, other in zip(first, second, strict=True)]
    assert np.quantile(plain, 0.5) < 0.98
    assert np.quantile(_correlations(first, second), 0.05) > 0.98


def test_correlations_are_those_of_what_a_regression_leaves(pictures: np.ndarray) -> None:
    pixels = Thumbnails.of(pictures[:40]).pixels / 1.0
    pixels[20:] = pixels[:20] + pixels[20:] / 4
    place = np.arange(1, 15) - 7.5
    for one, other, found in zip(pixels[:20], pixels[20:], _correlations(pixels[:20], pixels[20:]), strict=True):
        down, across, _ = np.gradient(one + other)
        parts = [across, across * place_of(place, 1), down, down * place_of(place, 0)]
        known = np.stack([np.ones(14 * 14 * 3), *(part[1:-1, 1:-1].ravel() for part in parts)], axis=1)
        inner = np.stack([one[1:-1, 1:-1].ravel(), other[1:-1, 1:-1].ravel()], axis=1)
        rest = inner - known @ np.linalg.lstsq(known, inner, rcond=None)[0]
        expected = max(np.corrcoef(inner.T)[0, 1], np.corrcoef(rest.T)[0, 1])
        assert found == pytest.approx(expected, abs=1e-9)


def place_of(place: np.ndarray, axis: int) -> np.ndarray:
    """Places along an axis, beside an edge that does not count."""
    whole = np.pad(place, 1)
    return whole[:, None, None] if axis == 0 else whole[:, None]


def test_chains_make_one_group_and_rows_of_numbers_are_compared_whole() -> None:
    table = np.array([[1.0, 2], [3, 4], [1, 2], [5, 6]])
    assert equal_pictures(table).tolist() == near_duplicates(table).tolist() == [0, 1, 0, 3]
    parents = np.arange(6)
    for first, second in ((4, 5), (2, 4), (5, 1)):
        duplicates._join(parents, first, second)
    assert duplicates._roots(parents, np.arange(6)).tolist() == [0, 1, 1, 3, 1, 1]


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


def test_copies_of_other_pictures_are_found_whatever_their_size(pictures: np.ndarray) -> None:
    small = [np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BICUBIC)) for picture in pictures]
    asked = np.stack(small)
    asked[::2] = asked[::2, :, ::-1]
    found = near_copies(asked, pictures[:100])
    assert found[:100].mean() >= 0.98
    assert not found[100:].any()
    assert not near_copies(pictures[:2], pictures[:0]).any()
    assert near_copies(np.array([[1.0, 2], [3, 4]]), np.array([[3.0, 4]])).tolist() == [False, True]


def test_a_saved_model_knows_copies_of_its_training_photos(pictures: np.ndarray, tmp_path: Path) -> None:
    labels = np.arange(150) % 2
    purr.CatClassifier((2,), epochs=1).fit(pictures[:60], labels[:60]).save(tmp_path / "cats.safetensors")
    copies = [recompressed(picture[:, ::-1]) for picture in pictures[:10]]
    asked = np.concatenate([pictures[10:15], copies, pictures[60:90]])
    classifier = purr.load(tmp_path / "cats.safetensors")
    assert isinstance(classifier, purr.CatClassifier)
    labelled = LabelledPhotos.of(classifier, Data.from_arrays(asked, labels[:45], source="test"))
    assert (labelled.left_out, labelled.near_copies, labelled.trained_on) == (15, 10, False)
    assert "10 of these are near-copies of training photos, not equal ones" in labelled.cautions
    classifier.training_["photo_signatures"] = ""  # as of older files
    assert LabelledPhotos.of(classifier, Data.from_arrays(asked, labels[:45], source="test")).left_out == 5


def test_no_real_photo_is_taken_for_a_copy_of_another_by_its_signature(photos: Any) -> None:
    images, fold = photos[0], np.arange(len(photos[0])) % 5
    for part in range(5):
        packed = pack_signatures(images[fold != part], photo_hashes(images[fold != part]))
        assert not near_signatures(images[fold == part], packed).any()
        assert near_signatures(images[fold != part][:, :, ::-1], packed).all()
        copies = np.stack([recompressed(image, 30) for image in images[fold != part]])
        assert near_signatures(copies, packed).mean() >= 0.98


def test_signatures_that_are_none_are_refused(pictures: np.ndarray, tmp_path: Path) -> None:
    classifier = purr.CatClassifier((2,), epochs=1).fit(pictures[:20], np.arange(20) % 2)
    classifier.training_["photo_signatures"] = "YWJj"
    classifier.save(tmp_path / "cats.safetensors")
    with pytest.raises(purr.ModelFileError, match="do not make sense"):
        purr.load(tmp_path / "cats.safetensors")
