"""Augmentation: each against a slow twin, the same bits for any threads, in trainings, and on the command line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

import purrceptron as purr
from purrceptron import _core
from purrceptron.augmentation import (
    Augmentation,
    Brightness,
    Contrast,
    Crop,
    Cutout,
    Flip,
    Hue,
    Noise,
    Rotate,
    Saturation,
    Scale,
    Shift,
    augment,
    from_string,
)
from purrceptron.cli import purr as command

KINDS = Augmentation.__subclasses__()
COLOURED = (Saturation, Hue)
EVERYTHING = [
    Flip(),
    Shift(0.2),
    Crop(0.7),
    Rotate(40),
    Scale(0.8, 1.3),
    Brightness(0.3),
    Contrast(0.5),
    Saturation(0.7),
]
EVERYTHING += [Hue(0.2), Noise(12), Cutout(0.3)]
LUMA = np.array([0.299, 0.587, 0.114])


def pictures(count: int, *shape: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


class Stream:
    """ChaCha8 from its definition (Bernstein, 2008), with the address that a picture has."""

    def __init__(self, seed: int, epoch: int, index: int) -> None:
        key = hashlib.sha256(b"purrceptron" + struct.pack("<Q", seed) + b"augment").digest()
        self.key, self.nonce = struct.unpack("<8I", key), (index, epoch)
        self.words: list[int] = []
        self.block = 0

    def word(self) -> int:
        if not self.words:
            first = (*struct.unpack("<4I", b"expand 32-byte k"), *self.key, self.block, 0, *self.nonce)
            state = list(first)
            for _ in range(4):
                for a, b, c, d in [(i, i + 4, i + 8, i + 12) for i in range(4)] + [
                    (i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4) for i in range(4)
                ]:
                    for by, x, y, z in ((16, a, b, d), (12, c, d, b), (8, a, b, d), (7, c, d, b)):
                        state[x] = (state[x] + state[y]) % 2**32
                        mixed = state[z] ^ state[x]
                        state[z] = (mixed << by | mixed >> (32 - by)) % 2**32
            self.words = [(x + y) % 2**32 for x, y in zip(state, first, strict=True)]
            self.block += 1
        return self.words.pop(0)

    def uniform(self) -> float:
        low, high = self.word(), self.word()
        return float((high << 32 | low) >> 11) / 2.0**53

    def between(self, least: float, most: float) -> float:
        return least + (most - least) * self.uniform()

    def bytes(self, count: int) -> np.ndarray[Any, Any]:
        return np.frombuffer(struct.pack(f"<{count // 4}I", *(self.word() for _ in range(count // 4))), np.uint8)


def place_of(one: Augmentation, stream: Stream, height: int, width: int) -> np.ndarray[Any, Any] | None:
    """The homogeneous matrix from a place in the result to that in the source, from the centre."""
    match one:
        case Flip():
            return np.diag([-1.0 if stream.uniform() < one.probability else 1.0, 1.0, 1.0])
        case Shift():
            x, y = (stream.between(-one.share, one.share) * side for side in (width, height))
            return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
        case Crop():
            side = stream.between(one.smallest, 1)
            x, y = (stream.between(-1, 1) * (1 - side) / 2 * length for length in (width, height))
            return np.array([[side, 0, x], [0, side, y], [0, 0, 1]])
        case Rotate():
            angle = np.deg2rad(stream.between(-one.degrees, one.degrees))
            return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        case Scale():
            factor = stream.between(one.smallest, one.largest)
            return np.diag([1 / factor, 1 / factor, 1])
    return None


def twin(picture: np.ndarray[Any, Any], augmentation: list[Augmentation], seed: int, epoch: int, index: int) -> Any:
    """What is expected of a picture as real numbers after its colours, and a function for what comes after them."""
    height, width, channels = picture.shape
    stream, matrix = Stream(seed, epoch, index), np.eye(3)
    factors: list[tuple[Augmentation, float]] = []
    cuts, variance = [], 0.0
    for one in augmentation:
        place = place_of(one, stream, height, width)
        if place is not None:
            matrix = matrix @ place
        match one:
            case Brightness() | Contrast() | Saturation():
                factors.append((one, 1 + stream.between(-one.amount, one.amount)))
            case Hue():
                factors.append((one, 2 * np.pi * stream.between(-one.turn, one.turn)))
            case Noise():
                variance += one.deviation**2
            case Cutout():
                cuts.append((one.share, stream.uniform(), stream.uniform()))
    y, x = np.mgrid[:height, :width].reshape(2, -1).astype(float)
    middle = np.array([(width - 1) / 2, (height - 1) / 2, 0])
    places = (matrix @ np.stack([x - middle[0], y - middle[1], np.ones_like(x)]))[:2] + middle[:2, None]
    places = np.floor(places * 256 + 0.5) / 256
    planes = [
        map_coordinates(picture[..., channel].astype(float), places[::-1], order=1, mode="reflect")
        for channel in range(channels)
    ]
    real = np.floor(np.stack(planes, axis=-1) + 0.5).reshape(picture.shape)
    for one, factor in factors:
        weights = LUMA if channels == 3 else np.full(channels, 1 / channels)
        match one:
            case Brightness():
                real = real * factor
            case Contrast():
                mean = (real @ weights).mean()
                real = mean + (real - mean) * factor
            case Saturation():
                grey = (real @ weights)[..., None]
                real = grey + (real - grey) * factor
            case Hue():
                real = real @ Rotation.from_rotvec(factor * np.ones(3) / np.sqrt(3)).as_matrix().T

    def finish(colored: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        done = colored.astype(np.int64)
        if variance:
            sums = stream.bytes(4 * done.size).reshape(-1, 4).sum(axis=1, dtype=np.int64) - 510
            factor = round(np.sqrt(variance) / np.sqrt(4 * (256**2 - 1) / 12) * 65536)
            done = np.clip(done + (sums * factor + 32768 >> 16).reshape(done.shape), 0, 255)
        for share, across, down in cuts:
            left, top = int(across * width), int(down * height)
            sides = int(np.floor(share * width + 0.5)), int(np.floor(share * height + 0.5))
            left, top = left - sides[0] // 2, top - sides[1] // 2
            done[max(top, 0) : max(top + sides[1], 0), max(left, 0) : max(left + sides[0], 0)] = 128
        return done

    return real, finish


LISTS = [[kind()] for kind in KINDS] + [
    [Flip(1)],
    [Shift(1)],
    [Rotate(180)],
    [Crop(0.05)],
    [Scale(0.05, 20)],
    [Cutout(1)],
    [Cutout(0)],
    [Noise(200), Noise(100)],
    [Rotate(30), Flip(), Shift(0.5), Scale(0.5, 2), Crop(0.5), Rotate(90)],
    [Contrast(1), Brightness(1), Hue(0.5), Saturation(1), Contrast(1)],
]


@pytest.mark.parametrize("shape", [(9, 7, 3), (8, 8, 1), (1, 5, 3), (6, 5, 2), (2, 70, 3), (3, 67, 1)])
@pytest.mark.parametrize("augmentation", LISTS, ids=repr)
def test_every_augmentation_is_its_slow_twin(augmentation: list[Augmentation], shape: tuple[int, ...]) -> None:
    if shape[2] != 3 and any(isinstance(one, COLOURED) for one in augmentation):
        pytest.skip("has no colours")
    images = pictures(6, *shape)
    changed = augment(images, augmentation, seed=5, epoch=3)
    colours = [one for one in augmentation if isinstance(one, Brightness | Contrast | Saturation | Hue)]
    for index, (image, ours) in enumerate(zip(images, changed, strict=True)):
        real, finish = twin(image, augmentation, 5, 3, index)
        if colours:  # half a level, and what factors in 2^-14ths may miss
            assert np.abs(np.clip(real, 0, 255) - ours).max() <= 0.5 + (3 * 255 + 1) * 2.0**-15 + 1e-6
        else:
            np.testing.assert_array_equal(finish(real), ours)


def test_all_together_are_the_twin_with_noise_and_cutout_last() -> None:
    images = pictures(4, 16, 12, 3)
    changed = augment(images, EVERYTHING, seed=1, epoch=2)
    for index, (image, ours) in enumerate(zip(images, changed, strict=True)):
        real, finish = twin(image, EVERYTHING, 1, 2, index)
        assert np.abs(finish(np.floor(np.clip(real, 0, 255) + 0.5)) - ours).max() <= 1


def test_settings_are_those_of_the_core() -> None:
    assert [kind.type_name() for kind in KINDS] == _core.names("augmentation")
    for kind in KINDS:
        described = kind().to_dict()
        for name in described:
            less = {key: value for key, value in described.items() if key != name}
            for wrong in (less, described | {"more": 1}):
                with pytest.raises(ValueError, match=r"augmentation: (missing|unknown) field"):
                    _core.augment(np.zeros((1, 12), np.uint8), [2, 2, 3], json.dumps([wrong]), 0, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_settings_out_of_range_are_refused_by_name(kind: type[Augmentation]) -> None:
    for field in dataclasses.fields(kind):
        for value in (-1.0, 1e9):
            with pytest.raises(
                ValueError, match=rf"{kind.type_name()}: (smallest|{field.name}|largest) must be a number"
            ):
                augment(pictures(1, 4, 4, 3), [kind(**{field.name: value})])


def test_what_is_no_picture_or_no_augmentation_is_refused() -> None:
    image = pictures(1, 4, 4, 3)
    with pytest.raises(TypeError, match="images: expected uint8, got float64"):
        augment(image.astype(float), [Flip()])
    with pytest.raises(ValueError, match="expected \\(pictures, height, width, channels\\), got shape \\(4, 4, 3\\)"):
        augment(image[0], [Flip()])
    with pytest.raises(TypeError, match="expected a list such as"):
        augment(image, "flip")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="expected objects such as"):
        augment(image, ["flip"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="saturation must be for pictures of 3 channels"):
        augment(image[..., :1], [Saturation()])
    with pytest.raises(ValueError, match="sides of 1 to"):
        augment(image[:, :0], [Flip()])
    assert augment(image[:0], EVERYTHING).shape == (0, 4, 4, 3)


def test_a_picture_depends_on_seed_epoch_and_index_alone() -> None:
    images = pictures(5, 12, 10, 3)
    changed = augment(images, EVERYTHING, seed=3, epoch=1)
    np.testing.assert_array_equal(augment(images[:2], EVERYTHING, seed=3, epoch=1), changed[:2])
    for other in (augment(images, EVERYTHING, seed=4, epoch=1), augment(images, EVERYTHING, seed=3, epoch=2)):
        assert (other != changed).any(axis=(1, 2, 3)).all()
    same = np.repeat(images[:1], 5, axis=0)
    assert len(np.unique(augment(same, EVERYTHING), axis=0)) == 5
    np.testing.assert_array_equal(augment(images, []), images)


GOLDEN = "50261ca76d15b34eee47bcbc61ba5a43163b5e7a1f6ee8866a77b24f30c8a1fe"


def test_threads_change_no_bit_and_the_numbers_are_pinned() -> None:
    images = pictures(7, 32, 24, 3)
    made = [hashlib.sha256(augment(images, EVERYTHING, seed=9, n_threads=n).tobytes()).hexdigest() for n in (1, 2, 3)]
    assert made == [GOLDEN] * 3  # a change here is another training for every seed


@pytest.mark.parametrize("level", ["portable", "avx2", "avx512"])
def test_instruction_sets_change_no_bit(level: str) -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests'); from test_augmentation import *; "
        "print(hashlib.sha256(augment(pictures(7, 32, 24, 3), EVERYTHING, seed=9).tobytes()).hexdigest())"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PURRCEPTRON_ISA": level},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == GOLDEN


def network(seed: int = 0, dtype: str = "float32") -> purr.Sequential:
    layers = [purr.Rescale(1 / 255), purr.Dense(6, "relu"), purr.Dense(1, "sigmoid")]
    return purr.Sequential(layers, input_shape=(8, 6, 3), seed=seed, dtype=dtype)


X, Y = pictures(23, 8, 6, 3), np.arange(23) % 2
SOME: list[Augmentation] = [Flip(), Rotate(20), Brightness(0.3), Noise(5), Cutout(0.3)]


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_a_training_sees_what_augment_gives_for_seed_and_epoch(n_threads: int, batch_size: int | None) -> None:
    net, by_hand = network(seed=4), network(seed=4)
    history = net.fit(
        X, Y, epochs=4, batch_size=batch_size, shuffle=False, augmentation=SOME, n_threads=n_threads, optimizer="adam"
    )
    trainer = purr.Trainer(by_hand, optimizer="adam", n_threads=1)
    for epoch in range(4):
        changed = augment(X, SOME, seed=4, epoch=epoch)
        for start in range(0, len(X), batch_size or len(X)):
            end = start + (batch_size or len(X))
            trainer.step(changed[start:end], Y[start:end])
    assert net.fingerprint() == by_hand.fingerprint()
    assert history.solver == "direct"


@pytest.mark.parametrize("mixup", [None, 0.3])
def test_shuffled_blended_trainings_have_the_same_bits_for_any_threads(mixup: float | None) -> None:
    prints = set()
    for n_threads in (1, 2, 3):
        net = network()
        net.fit(X, Y, epochs=5, batch_size=4, augmentation=SOME, mixup=mixup, n_threads=n_threads)
        prints.add(net.fingerprint())
    plain = network()
    plain.fit(X, Y, epochs=5, batch_size=4, mixup=mixup)
    assert len(prints) == 1
    assert plain.fingerprint() not in prints


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("batch_size", [None, 5])
def test_a_resumed_training_has_the_same_bits(tmp_path: Path, batch_size: int | None, n_threads: int) -> None:
    settings: dict[str, Any] = {"batch_size": batch_size, "augmentation": SOME, "n_threads": n_threads}
    whole, part = network(), network()
    whole.fit(X, Y, epochs=6, **settings)
    part.fit(X, Y, epochs=3, checkpoint=tmp_path, **settings)
    rest = network()
    rest.fit(X, Y, epochs=6, checkpoint=tmp_path, resume=True, **settings)
    assert rest.fingerprint() == whole.fingerprint() != part.fingerprint()
    with pytest.raises(purr.CheckpointError, match="augmentation"):
        network().fit(X, Y, epochs=6, checkpoint=tmp_path, resume=True, **settings | {"augmentation": SOME[:2]})


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_large_pictures_that_several_threads_make_are_those_of_augment(n_threads: int) -> None:
    x, y = pictures(11, 64, 64, 3), np.arange(11) % 2
    layers = [purr.Rescale(1 / 255), purr.Dense(2, "relu"), purr.Dense(1, "sigmoid")]
    net, by_hand = (purr.Sequential(layers, input_shape=(64, 64, 3), seed=4) for _ in range(2))
    net.fit(x, y, epochs=3, batch_size=4, shuffle=False, augmentation=EVERYTHING, n_threads=n_threads)
    trainer = purr.Trainer(by_hand, n_threads=1)
    for epoch in range(3):
        changed = augment(x, EVERYTHING, seed=4, epoch=epoch)
        for start in range(0, len(x), 4):
            trainer.step(changed[start : start + 4], y[start : start + 4])
    assert net.fingerprint() == by_hand.fingerprint()


def test_augmentation_starts_no_threads_beside_those_of_a_training() -> None:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        pytest.skip("needs /proc")
    counts: list[int] = []
    count = purr.callbacks.LambdaCallback(on_epoch_end=lambda *_: counts.append(len(list(tasks.iterdir()))))
    for augmentation in ([], SOME):
        network().fit(X, Y, epochs=2, batch_size=4, augmentation=augmentation, n_threads=2, callbacks=[count])
    assert len(set(counts)) == 1


def test_networks_side_by_side_get_the_bits_of_each_alone() -> None:
    nets, alone = [network(seed) for seed in (1, 2)], network(2)
    purr.fit_many(nets, X, Y, epochs=3, batch_size=None, augmentation=SOME, n_threads=2)
    alone.fit(X, Y, epochs=3, batch_size=None, augmentation=SOME)
    assert nets[1].fingerprint() == alone.fingerprint() != nets[0].fingerprint()


def test_augmented_pictures_are_not_reduced_and_floats_not_augmented() -> None:
    settings: dict[str, Any] = {"optimizer": "sgd", "batch_size": None, "epochs": 500}
    assert network().fit(X, Y, **settings).solver == "reduced"
    history = network().fit(X, Y, augmentation=[Flip()], **settings | {"epochs": 2})
    assert (history.solver, "augmented pictures" in history.solver_reason) == ("direct", True)
    with pytest.raises(ValueError, match="reduced, but augmented pictures leave the span"):
        network().fit(X, Y, augmentation=[Flip()], solver="reduced", **settings)
    with pytest.raises(ValueError, match="augmentation must be of pictures as bytes, uint8, got floats"):
        network().fit(X.astype(np.float32), Y, augmentation=[Flip()])
    with pytest.raises(ValueError, match=r"expected pictures \(height, width, channels\), got \[12\]"):
        purr.Sequential.from_string("12-1", seed=0).fit(X.reshape(-1, 12), np.zeros(276), augmentation=[Flip()])
    with pytest.raises(TypeError, match="no augmentation"):
        network().fit(X, Y, augmentation=[Flip()], optimizer=purr.LBFGS(), batch_size=None)


def test_a_classifier_augments_its_training_alone_and_its_file_says_how(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"image_size": 8, "epochs": 5, "seed": 1}
    images, augmentation = pictures(12, 8, 8, 3), [Flip(), Rotate(10)]
    classifier = purr.CatClassifier("4-1", augmentation=augmentation, mixup=0.2, **settings).fit(images, Y[:12])
    plain = purr.CatClassifier("4-1", **settings).fit(images, Y[:12])
    assert classifier.model_.fingerprint() != plain.model_.fingerprint()
    np.testing.assert_array_equal(classifier.predict_proba(images)[:, 1:], classifier.model_.predict(images))
    classifier.save(tmp_path / "model.safetensors")
    loaded = purr.load(tmp_path / "model.safetensors")
    assert isinstance(loaded, purr.CatClassifier)
    assert loaded == classifier
    assert (loaded.augmentation, loaded.mixup) == (tuple(augmentation), 0.2)


def test_text_names_an_augmentation_and_its_settings_in_order() -> None:
    assert from_string("flip") == Flip()
    assert from_string("rotate=15") == Rotate(15)
    assert from_string("scale=0.5,2") == Scale(0.5, 2)
    with pytest.raises(ValueError, match="unknown augmentation 'turn'; known: flip, shift"):
        from_string("turn=3")
    for wrong in ("flip=often", "flip=1,2", "scale="):
        with pytest.raises(ValueError, match=r"expected (flip or flip=PROBABILITY|scale or scale=SMALLEST,LARGEST)"):
            from_string(wrong)


def test_purr_train_augments(tmp_path: Path) -> None:
    file = tmp_path / "cats.safetensors"
    ways = ["--augment", "flip", "--augment", "rotate=12", "--mixup", "0.3"]
    np.savez(tmp_path / "data.npz", x=pictures(8, 8, 8, 3), y=np.arange(8) % 2)
    data = ["train", str(tmp_path / "data.npz"), "--holdout", "0", "--epochs", "2", "--network", "4-1"]
    run = CliRunner().invoke(command, [*data, "--output", str(file), "--quiet", *ways])
    assert run.exit_code == 0, run.output
    loaded = purr.load(file)
    assert isinstance(loaded, purr.CatClassifier)
    assert (loaded.augmentation, loaded.mixup) == ((Flip(), Rotate(12)), 0.3)
    wrong = CliRunner().invoke(command, ["train", "--augment", "spin"])
    assert wrong.exit_code == 2
    assert "unknown augmentation 'spin'" in wrong.output


def cell_of(sheet: Any, row: int, column: int) -> Any:
    """A photo of 8 x 8 pixels in a contact sheet."""
    return sheet[16 + 132 * row :, 132 * column :][:128:16, :128:16]


def test_preview_shows_the_blends_that_a_training_sees(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=pictures(4, 8, 8, 3), y=np.arange(4) % 2)
    out, ways = str(tmp_path / "sheet.png"), ["--augment", "rotate=90", "--mixup", "0.5"]
    arguments = ["data", "preview", str(tmp_path / "data.npz"), "--photos", "4", "--variants", "2", "--seed", "7"]
    run = CliRunner().invoke(command, [*arguments, *ways, "--output", out, "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["mixup"] == 0.5
    sheet = np.asarray(Image.open(out))
    originals = np.stack([cell_of(sheet, row, 0) for row in range(4)])
    network, seen = purr.Sequential([purr.Dense(192)], input_shape=(8, 8, 3), seed=7), []
    network.set_weights([np.eye(192), np.zeros(192)])

    def loss(outputs: Any, targets: Any) -> tuple[float, Any]:
        seen.append((outputs.copy(), targets.copy()))
        return 0.0, np.zeros_like(outputs)

    shares = np.eye(4, 192)  # which photos a sample is blended of
    options: dict[str, Any] = {"epochs": 2, "batch_size": None, "shuffle": False, "mixup": 0.5, "loss": loss}
    network.fit(originals, shares, augmentation=[Rotate(90)], optimizer=purr.SGD(0.1), **options)
    for epoch, (blended, of) in enumerate(seen):
        turned = augment(originals, [Rotate(90)], seed=7, epoch=epoch).reshape(4, 192)
        assert (of > 0).sum() > 4  # not each with itself
        np.testing.assert_allclose(blended, of[:, :4] @ turned, atol=1e-3)
        for row in range(4):
            np.testing.assert_array_equal(cell_of(sheet, row, epoch + 1).ravel(), np.rint(blended[row]))
    alone = CliRunner().invoke(command, [*arguments, "--mixup", "0.5", "--output", out, "--json"])
    assert json.loads(alone.stdout)["columns"] == 2
    assert not np.array_equal(np.asarray(Image.open(out)), sheet)


def test_preview_shows_photos_and_what_each_epoch_makes_of_them(tmp_path: Path) -> None:
    images = pictures(6, 8, 8, 3)
    np.savez(tmp_path / "data.npz", x=images, y=np.arange(6) % 2)
    arguments = ["data", "preview", str(tmp_path / "data.npz"), "--output", str(tmp_path / "sheet.png"), "--json"]
    run = CliRunner().invoke(command, [*arguments, "--augment", "rotate=90", "--photos", "2", "--variants", "3"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["columns"] == 3
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * 132 - 4 + 16, 4 * 132 - 4, 3)

    def cell(row: int, column: int) -> Any:
        return cell_of(sheet, row, column)

    originals = [cell(row, 0) for row in range(2)]
    assert all(any((image == original).all() for image in images) for original in originals)
    for column in range(3):
        changed = augment(np.stack(originals), [Rotate(90)], epoch=column)
        for row in range(2):
            np.testing.assert_array_equal(cell(row, column + 1), changed[row])
    every = CliRunner().invoke(command, ["data", "preview", "--output", str(tmp_path / "every.png"), "--json"])
    assert json.loads(every.stdout)["columns"] == len(KINDS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data.npz", "every.png", "sheet.png"]
