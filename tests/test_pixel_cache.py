"""The cache of decoded pixels: known by content, whole or not there, never a reason to fail."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from purrceptron.cli import purr as command
from purrceptron.datasets import load_image_folder, make_cats, write_image_folder
from purrceptron.images import cache, decoding
from purrceptron.images.decoding import Reading, read_files


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the cache."""
    monkeypatch.setenv("PURRCEPTRON_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    images, labels = make_cats(6, size=24, seed=1)
    write_image_folder(tmp_path / "photos", images, labels, ("not cat", "cat"))
    return sorted((tmp_path / "photos").rglob("*.png"))


def read(files: list[Path], **options: Any) -> Reading:
    settings: dict[str, Any] = {"image_size": 16, "color": "rgb", "fit": "cover", "use_cache": True}
    return read_files(files, **settings | options)


@pytest.mark.parametrize("memory_map", [False, True])
def test_photos_are_decoded_once(kept: Path, photos: list[Path], memory_map: bool) -> None:
    fresh = read(photos, use_cache=False)
    first = read(photos, memory_map=memory_map)
    again = read(photos, memory_map=memory_map)
    assert (fresh.decoded, first.decoded, again.decoded) == (6, 6, 0)
    for reading in (first, again):
        np.testing.assert_array_equal(reading.images, fresh.images)
        assert reading.images.flags.writeable is not memory_map
    assert len(list(kept.iterdir())) == 1
    assert kept.stat().st_mode & 0o077 == 0 or os.name == "nt"


def test_photos_that_were_renamed_or_moved_to_another_folder_are_found(kept: Path, photos: list[Path]) -> None:
    before = read(photos)
    moved = photos[0].parent.parent / "elsewhere"
    moved.mkdir()
    files = [Path(shutil.move(photo, moved / f"{number}.png")) for number, photo in enumerate(photos)]
    after = read(files[::-1])
    assert after.decoded == 0
    np.testing.assert_array_equal(after.images[::-1], before.images)


def test_only_what_is_new_is_decoded_and_a_changed_photo_is_new(kept: Path, photos: list[Path]) -> None:
    read(photos[:4])
    assert read(photos).decoded == 2
    status = photos[0].stat()
    pixels = np.full((24, 24, 3), 7, np.uint8)
    Image.fromarray(pixels).save(photos[0])
    os.utime(photos[0], ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had happened
    changed = read(photos)
    assert changed.decoded == 1
    assert (changed.images[0] == 7).all()


@pytest.mark.parametrize("option", [{"image_size": 8}, {"color": "grey"}, {"fit": "stretch"}])
def test_other_options_are_another_set(kept: Path, photos: list[Path], option: dict[str, Any]) -> None:
    read(photos)
    assert read(photos, **option).decoded == 6
    assert [read(photos).decoded, read(photos, **option).decoded] == [0, 0]  # neither drives the other out


def test_another_version_of_the_decoder_is_another_set(
    kept: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    read(photos)
    monkeypatch.setattr("PIL.__version__", "0.0")
    assert read(photos).decoded == 6


@pytest.mark.parametrize("damage", ["pixel", "digest", "check", "shorter", "longer", "empty", "count", "magic"])
def test_a_damaged_file_is_found_and_written_again(kept: Path, photos: list[Path], damage: str) -> None:
    right = read(photos).images
    (path,) = kept.iterdir()
    content = bytearray(path.read_bytes())
    place = {
        "pixel": 5,
        "digest": 6 * 16 * 16 * 3 + 9,
        "check": 6 * 16 * 16 * 3 + 201,
        "count": len(content) - 48,
        "magic": len(content) - 1,
    }
    if damage in place:
        content[place[damage]] ^= 1
    else:
        content = {"shorter": content[:-1], "longer": content + b"x", "empty": bytearray()}[damage]
    path.write_bytes(content)
    reading = read(photos)
    assert reading.decoded == (1 if damage == "pixel" else 6)
    np.testing.assert_array_equal(reading.images, right)
    assert read(photos).decoded == 0


def test_only_what_is_read_is_checked(kept: Path, photos: list[Path]) -> None:
    read(photos)
    (path,) = kept.iterdir()
    content = bytearray(path.read_bytes())
    content[5] ^= 1  # of the first photo
    path.write_bytes(content)
    assert read(photos[1:]).decoded == 0
    assert path.exists()
    assert read(photos).decoded == 1
    assert [bytes(content) == file.read_bytes() for file in kept.iterdir()] == [False]


def test_a_reading_that_fails_leaves_nothing(kept: Path, photos: list[Path]) -> None:
    photos[-1].write_bytes(b"no photo")
    for memory_map in (False, True):
        with pytest.raises(ValueError, match="no image"):
            read(photos, memory_map=memory_map)
    assert not kept.exists() or not list(kept.iterdir())


@pytest.mark.parametrize("place", ["", "off", "OFF"])
def test_the_cache_can_be_switched_off(
    kept: Path, photos: list[Path], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PURRCEPTRON_CACHE", place)
    assert cache.cache_folder() is None
    for memory_map in (False, True):
        assert [read(photos, memory_map=memory_map).decoded for _ in range(2)] == [6, 6]
    assert not kept.exists()


def test_the_cache_stands_where_such_files_belong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PURRCEPTRON_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.cache_folder() == tmp_path / "purrceptron"


def test_a_cache_that_cannot_be_written_costs_time_only(
    tmp_path: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PURRCEPTRON_CACHE", str(tmp_path / "file"))
    assert [read(photos, memory_map=mapped).decoded for mapped in (False, True)] == [6, 6]
    monkeypatch.setenv("PURRCEPTRON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for memory_map in (False, True):
        assert read(photos, memory_map=memory_map).images.shape == (6, 16, 16, 3)
    assert not list((tmp_path / "cache").iterdir())


def test_what_was_not_used_for_longest_goes_first(kept: Path, photos: list[Path]) -> None:
    paths = []
    for number in range(3):
        read(photos[number : number + 2])
        (new,) = set(kept.iterdir()).difference(paths)
        os.utime(new, (number, number))
        paths.append(new)
    size = paths[0].stat().st_size
    cache.drop_oldest(kept, paths[0], most=2 * size)
    assert set(kept.iterdir()) == {paths[0], paths[2]}
    cache.drop_oldest(kept, paths[0], most=1)
    assert set(kept.iterdir()) == {paths[0]}
    os.utime(paths[0], (0, 0))
    assert read(photos[:2]).decoded == 0
    assert paths[0].stat().st_mtime > 0  # it was used just now


def test_two_processes_at_once_get_the_same_and_leave_one_whole_file(kept: Path, photos: list[Path]) -> None:
    script = (
        "import sys, hashlib; from purrceptron.datasets import load_image_folder\n"
        "for _ in range(5): data = load_image_folder(sys.argv[1], image_size=16, memory_map=True)\n"
        "print(hashlib.sha256(data.images.data).hexdigest())"
    )
    command_line = [sys.executable, "-c", script, str(photos[0].parent.parent)]
    both = [subprocess.Popen(command_line, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    right = hashlib.sha256(np.ascontiguousarray(read(photos, use_cache=False).images).data).hexdigest()
    assert [process.communicate()[0].strip() for process in both] == [right, right]
    assert [path.suffix for path in kept.iterdir()] == [".pixels"]


def test_the_command_shows_and_clears_the_cache_and_nothing_else(kept: Path, photos: list[Path]) -> None:
    read(photos)
    (kept / "mine.txt").write_text("not the cache's")
    (kept / "purrceptron-killed.part").write_bytes(b"left by a process that was killed")
    shown = CliRunner().invoke(command, ["data", "cache"]).output
    assert f"{kept}: 2 sets of photos" in shown
    assert "10 GB" in shown
    assert "removed 2 sets" in CliRunner().invoke(command, ["data", "cache", "--clear"]).output
    assert [path.name for path in kept.iterdir()] == ["mine.txt"]
    assert "0 sets" in CliRunner().invoke(command, ["data", "cache"]).output


def test_folders_are_cached_unless_asked_not_to(kept: Path, photos: list[Path]) -> None:
    folder = photos[0].parent.parent
    load_image_folder(folder, image_size=16, cache=False)
    assert not kept.exists()
    data = load_image_folder(folder, image_size=16)
    assert len(list(kept.iterdir())) == 1
    assert list(data.paths) == photos


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_order_and_bits_do_not_depend_on_threads(
    photos: list[Path], threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_AHEAD", 1)
    many = photos * 9
    one = read(many, use_cache=False, n_threads=1)
    seen: list[tuple[int, int]] = []
    reading = read(many, use_cache=False, n_threads=threads, progress=lambda *now: seen.append(now))
    np.testing.assert_array_equal(reading.images, one.images)
    assert seen == [(number + 1, 54) for number in range(54)]
