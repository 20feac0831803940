"""Sets larger than memory: mapped from disk, the same bits as in memory, and a bounded part of them resident."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.cli.sources import split
from purrceptron.datasets import Data, load_image_folder, make_cats, write_image_folder
from purrceptron.images import mapping
from purrceptron.photos.views import photo_views


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streaming") / "photos"
    images, labels = make_cats(60, size=16, seed=2)
    write_image_folder(path, images, labels, ("not cat", "cat"))
    return path


@pytest.mark.parametrize(
    "seen", [{}, {"mirror": True}, {"mirror": True, "features": "histograms"}], ids=["pixels", "mirror", "histograms"]
)
def test_streaming_equals_in_memory_bit_for_bit(folder: Path, seen: dict[str, Any]) -> None:
    trained = []
    for mapped in (False, True):
        data = load_image_folder(folder, image_size=16, memory_map=mapped)
        assert (mapping.mapping_of(data.images) is not None) is mapped
        training, held_out = split(data, 0.2, seed=3)
        assert held_out is not None
        assert (mapping.mapping_of(training.images) is not None) is mapped
        views = photo_views(training.images, seen.get("features", "pixels"), "mirror" in seen)
        assert (mapping.mapping_of(views) is not None) is mapped
        settings = {"image_size": 16, "epochs": 5, "batch_size": 8, "optimizer": "adam", **seen}
        classifier = purr.PhotoClassifier((8,), **settings)
        classifier.fit(training.images, training.labels, validation_data=(held_out.images, held_out.labels))
        trained.append(
            (
                classifier.model_.fingerprint(),
                classifier.history_.loss,
                classifier.history_.val_loss,
                classifier.training_,
                training.paths,
                classifier.novelty(held_out.images).tolist(),
                classifier.calibrate(training.images, training.labels, folds=2).calibration_,
            )
        )
    assert trained[0] == trained[1]


@pytest.mark.parametrize("recipe", ["series", "best"])
def test_train_takes_batches_of_a_set_that_stays_on_disk_and_says_so(
    folder: Path, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("purrceptron.cli.training_data.BATCH_OF_MANY", 16)
    found = {}
    for most in (2**30, 0):
        monkeypatch.setattr("purrceptron.images.decoding.MAP_ABOVE", most)
        options = ("--recipe", recipe, "--folds", "0", "--output", str(tmp_path / "cats"), "--json")
        found[most] = CliRunner().invoke(command, ["train", str(folder), *options], catch_exceptions=False)
    in_memory, on_disk = (json.loads(found[most].stdout) for most in (2**30, 0))
    assert (in_memory["batch_size"], on_disk["batch_size"]) == (None, 16)
    assert in_memory["fingerprint"] != on_disk["fingerprint"]
    assert "the photos stay on disk, 0.0 GiB of pixels: trained on in batches of 16" in found[0].stderr
    assert "stay on disk" not in found[2**30].stderr


def test_the_threshold_decides_where_pictures_go(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mapping.mapping_of(load_image_folder(folder, image_size=16).images) is None
    monkeypatch.setattr("purrceptron.images.decoding.MAP_ABOVE", 60 * 16 * 16 * 3 - 1)
    assert mapping.mapping_of(load_image_folder(folder, image_size=16).images) is not None


def test_views_of_a_mapping_are_known_and_copies_are_not(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(24, dtype=np.uint8).reshape(4, 6))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    for view in (
        mapped,
        mapped[1:],
        np.asarray(mapped).reshape(-1),
        Data.from_arrays(mapped, [0, 1, 0, 1], source="x").images,
    ):
        assert mapping.mapping_of(view) is not None
    assert mapping.mapping_of(np.array(mapped)) is None
    rows = mapping.take(mapped, np.array([3, 0]))
    assert mapping.mapping_of(rows) is not None
    assert not rows.flags.writeable
    np.testing.assert_array_equal(rows, np.array(mapped)[[3, 0]])
    np.testing.assert_array_equal(mapping.take(mapped, np.array([True, False, False, True])), np.array(mapped)[[0, 3]])
    assert mapping.take(mapped, np.array([], dtype=np.int64)).shape == (0, 6)
    in_no_folder = mapping.take(mapped, np.array([2]), tmp_path / "missing")
    np.testing.assert_array_equal(in_no_folder, np.array(mapped)[[2]])


def test_rows_are_taken_in_pieces_of_any_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", np.arange(28, dtype=np.float32).reshape(7, 4))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    for rows in range(1, 9):
        monkeypatch.setattr(mapping, "_ROWS", rows)
        np.testing.assert_array_equal(mapping.take(mapped, np.arange(7)[::-1]), np.array(mapped)[::-1])


def test_pages_of_mappings_are_handed_back_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("elsewhere the system trims by itself")
    monkeypatch.setattr(mapping, "_MOST_RESIDENT", 0)
    content = np.random.default_rng(0).integers(0, 256, 2**24, dtype=np.uint8)
    content.tofile(tmp_path / "pixels")
    monkeypatch.setattr(mapping, "_watch", mapping._watched.add)  # no thread: the test looks when it wants to
    with open(tmp_path / "pixels", "rb") as file:
        mapped = mapping.map_bytes(file, content.shape)
    np.testing.assert_array_equal(mapped, content)
    before = mapping._resident_file_bytes()
    assert mapping._look()
    assert before - mapping._resident_file_bytes() > 0.9 * 2**24
    np.testing.assert_array_equal(mapped, content)


SCRIPT = """
import resource, sys
from pathlib import Path
import numpy as np, purrceptron as purr
from purrceptron.cli.sources import split
from purrceptron.datasets import Data, near_duplicates
from purrceptron.images import mapping

path, photos = sys.argv[1], 16_000
rng = np.random.default_rng(0)
with open(path, "wb") as file:
    for start in range(0, photos, 100):
        file.write(rng.integers(0, 256, (100, 64, 64, 3), dtype=np.uint8).data)
classifier = purr.PhotoClassifier((5,), epochs=1, batch_size=64, mirror=True)
classifier.fit(rng.integers(0, 256, (128, 64, 64, 3), dtype=np.uint8), np.arange(128) % 2)  # threads and code are there
near_duplicates(np.zeros((2, 64, 64, 3), np.uint8))

line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
room = int(line.split()[1]) * 1024 + photos * 64 * 64 * 3 // 2  # half of the pixels
resource.setrlimit(resource.RLIMIT_DATA, (room, room))
with open(path, "rb") as file:
    images = mapping.map_bytes(file, (photos, 64, 64, 3))
data = Data.from_arrays(images, np.arange(photos) % 2, source="mapped")
training, held_out = split(data, 0.2, 0)
classifier.fit(training.images, training.labels, validation_data=(held_out.images, held_out.labels))
assert len(classifier.predict_proba(training.images)) == len(training)
try:
    np.array(training.images)
except MemoryError:
    print("no room for a copy")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit counts other things")
def test_a_training_from_disk_never_holds_the_set_in_memory(tmp_path: Path, run_python: Callable[..., str]) -> None:
    assert run_python(SCRIPT, tmp_path / "pixels") == "no room for a copy"
