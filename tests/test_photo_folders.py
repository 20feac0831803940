"""Folders of photos as people have them: any mix of formats, and everything that is no photo or no good one."""

import errno
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.datasets import load_image_folder, make_cats, write_image_folder
from purrceptron.images import load_image, load_images

FORMATS = ("png", "jpg", "gif", "webp", "bmp", "tiff")
FAST = ("--network", "4-1", "--epochs", "3")


def run(*arguments: str | Path, status: int = 0) -> Result:
    result = CliRunner().invoke(command, list(map(str, arguments)))
    assert result.exit_code == status, result.output
    return result


def refused(*arguments: str | Path) -> str:
    return run(*arguments, status=1).stderr.splitlines()[-1].removeprefix("purr: ")


def encoded(pixels: np.ndarray, suffix: str, **options: Any) -> bytes:
    content = io.BytesIO()
    kind = {"jpg": "JPEG", "tiff": "TIFF"}.get(suffix, suffix.upper())
    Image.fromarray(pixels).save(content, format=kind, **options)
    return content.getvalue()


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four cats and four others."""
    images, labels = make_cats(8, size=20, seed=1)
    write_image_folder(tmp_path / "photos", images, labels, ("not cat", "cat"))
    return Path("photos")


# Formats


def test_a_mix_of_formats_trains_and_answers() -> None:
    images, labels = make_cats(24, size=40, seed=2)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        suffix = FORMATS[number % len(FORMATS)]
        path = Path("photos", ("other", "cat")[label], f"{number}.{suffix}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(image, suffix, **({"quality": 95} if suffix == "jpg" else {})))
    run("train", "photos", *FAST)
    answers = run("predict", "cats.safetensors", *sorted(Path("photos/cat").iterdir())).stdout.splitlines()
    assert len(answers) == sum(labels)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_picture_that_was_drawn(suffix: str) -> None:
    image = make_cats(1, size=64, seed=4)[0][0]
    lossless = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}.get(suffix, {})
    Path("a").write_bytes(encoded(image, suffix, **lossless))
    # GIF has 256 colours, JPEG rounds; the others keep every pixel.
    most = {"gif": 20, "jpg": 2}.get(suffix, 0)
    assert np.abs(load_image("a").astype(int) - image).mean() <= most


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_of_an_animated_picture_the_first_frame_is_taken(suffix: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ((200, 0, 0), (0, 200, 0), (0, 0, 200))]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(load_image(f"a.{suffix}", image_size=4), np.full((4, 4, 3), (200, 0, 0)))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fit", ["cover", "contain", "stretch"])
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_a_photo_turned_by_exif_equals_the_upright_one_bit_for_bit(orientation: int, fit: Any, suffix: str) -> None:
    upright = np.random.default_rng(0).integers(0, 256, (37, 52, 3), dtype=np.uint8)
    stored: Callable[[np.ndarray], np.ndarray] = {
        1: lambda x: x,
        2: lambda x: x[:, ::-1],
        3: lambda x: x[::-1, ::-1],
        4: lambda x: x[::-1],
        5: lambda x: x.swapaxes(0, 1),
        6: lambda x: x.swapaxes(0, 1)[::-1],
        7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
        8: lambda x: x.swapaxes(0, 1)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    Path("turned").write_bytes(encoded(np.ascontiguousarray(stored(upright)), suffix, exif=exif, **options))
    Path("upright").write_bytes(encoded(upright, "png"))
    turned = load_image("turned", image_size=19, fit=fit)
    np.testing.assert_array_equal(turned, load_image("upright", image_size=19, fit=fit))


@pytest.mark.parametrize(("height", "width"), [(30, 60), (60, 30), (1, 500), (33, 97)])
def test_contain_shows_the_whole_photo_between_black_bars(height: int, width: int) -> None:
    Image.new("RGB", (width, height), (250, 250, 250)).save("a.png")
    loaded = load_image("a.png", image_size=20, fit="contain")
    rows, columns = (max(1, round(20 * side / max(height, width))) for side in (height, width))
    expected = np.zeros((20, 20, 3), np.uint8)
    top, left = (20 - rows) // 2, (20 - columns) // 2
    expected[top : top + rows, left : left + columns] = 250
    np.testing.assert_array_equal(loaded, expected)
    assert load_image("a.png", image_size=20, fit="contain", color="grey").max() == 250


def test_a_square_photo_is_the_same_in_all_fits() -> None:
    Path("a.png").write_bytes(encoded(make_cats(1, size=50, seed=0)[0][0], "png"))
    cover = load_image("a.png")
    for fit in ("contain", "stretch"):
        np.testing.assert_array_equal(load_image("a.png", fit=fit), cover)  # type: ignore[arg-type]


def test_a_model_reads_photos_as_it_was_trained_to() -> None:
    for name, colour in (("bright", (250, 240, 230)), ("dark", (30, 20, 10))):
        Path("photos", name).mkdir(parents=True)
        for number in range(3):
            picture = Image.new("RGB", (60, 20 + number), colour)
            picture.paste((120, 0, 0), (20, 0, 40, 30))
            picture.save(f"photos/{name}/{number}.png")
    run("train", "photos", *FAST, "--fit", "contain", "--holdout", "0")
    model = purr.load("cats.safetensors")
    assert isinstance(model, purr.PhotoClassifier)
    assert model.image_fit == "contain"
    path = "photos/bright/0.png"
    expected = model.predict_proba(load_image(path, fit="contain")[None])
    assert not np.array_equal(expected, model.predict_proba(load_image(path)[None]))
    np.testing.assert_array_equal(model.predict_proba([path]), expected)
    shown = run("predict", "cats.safetensors", path, "--json").stdout
    assert repr(float(expected.max())) in shown
    assert '"trained_on": true' in run("evaluate", "cats.safetensors", "photos", "--json").stdout


# Bad files


@pytest.mark.parametrize("suffix", FORMATS)
def test_truncated_drawn_pictures_are_named_or_whole(suffix: str) -> None:
    image = make_cats(1, size=48, seed=5)[0][0]
    whole = encoded(image, suffix)
    Path(f"a.{suffix}").write_bytes(whole)
    right = load_image(f"a.{suffix}", image_size=24)
    refusals = []
    for kept in np.linspace(0, len(whole) - 1, 40).astype(int):
        Path(f"a.{suffix}").write_bytes(whole[:kept])
        try:
            loaded = load_image(f"a.{suffix}", image_size=24)
        except purr.DataError as error:
            refusals.append(str(error))
        else:  # what is missing was behind the pixels
            np.testing.assert_array_equal(loaded, right)
            assert kept > 0.9 * len(whole)
    assert len(refusals) > 35
    assert all(refusal.startswith(f"a.{suffix}: ") for refusal in refusals)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("suffix", FORMATS)
def test_corrupt_drawn_pictures_give_a_picture_or_are_named(suffix: str) -> None:
    random = np.random.default_rng(FORMATS.index(suffix))
    whole = encoded(make_cats(1, size=32, seed=6)[0][0], suffix)
    seen, refusals = set(), []
    for _ in range(150):
        content = bytearray(whole)
        start = int(random.integers(0, len(whole) if random.random() < 0.5 else 64))  # half of it in the header
        for place in range(start, min(start + int(random.integers(1, 9)), len(whole))):
            content[place] = int(random.integers(0, 256))
        Path(f"a.{suffix}").write_bytes(content)
        try:
            seen.add(load_image(f"a.{suffix}", image_size=8).shape)
        except purr.DataError as error:
            refusals.append(str(error))
    assert seen == {(8, 8, 3)}
    assert refusals
    assert all(refusal.startswith(f"a.{suffix}: ") for refusal in refusals)


def test_an_empty_file_is_said_to_be_empty() -> None:
    Path("empty.png").touch()
    with pytest.raises(purr.DataError, match=r"empty\.png: the file is empty"):
        load_image("empty.png")


def bomb() -> bytes:
    return encoded(np.zeros((8, 8), np.uint8), "png").replace(b"\0\0\0\x08\0\0\0\x08", b"\0\1\0\0\0\1\0\0", 1)


def with_its_checksum(png: bytes) -> bytes:
    """A PNG whose header was changed, with the header's checksum as it should be."""
    import zlib

    return png[:29] + zlib.crc32(png[12:29]).to_bytes(4, "big") + png[33:]


BAD: dict[str, bytes] = {
    "empty": b"",
    "text": b"a letter\n" * 100,
    "decompression bomb": with_its_checksum(bomb()),
    "truncated": encoded(np.zeros((50, 50, 3), np.uint8), "jpg")[:400],
    "no sides": with_its_checksum(
        encoded(np.zeros((8, 8), np.uint8), "png").replace(b"\0\0\0\x08\0\0\0\x08", b"\0\0\0\0\0\0\0\0", 1)
    ),
}


@pytest.mark.parametrize("name", [*BAD, "two\nlines", "\x1b[31mred\x07"])
def test_one_bad_file_stops_the_run_and_is_left_out_on_request(folder: Path, name: str) -> None:
    bad = folder / "cat" / f"{name}.png"
    try:
        bad.write_bytes(BAD.get(name, b"no photo"))
    except OSError:
        pytest.skip("this system has no such names")
    message = refused("train", folder, *FAST)
    shown = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(bad))
    assert message.startswith(f"{shown}: ")
    assert "--skip-bad" in message
    if name == "decompression bomb":
        assert "refused, so many pixels may be a decompression bomb" in message
    done = run("train", folder, *FAST, "--skip-bad")
    assert f"left out 1 file that cannot be read: {shown}" in done.stderr.splitlines()
    assert load_image_folder(folder, skip_bad=True).skipped == (bad,)
    assert run("evaluate", "cats.safetensors", folder, "--skip-bad").stderr.count("left out 1 file") == 1


def test_what_is_left_out_shifts_no_label_and_no_path(folder: Path) -> None:
    (folder / "cat" / "00000.png").write_bytes(b"no photo")
    data = load_image_folder(folder, skip_bad=True)
    assert data.labels.tolist() == [0] * 3 + [1] * 4
    assert [data.class_names[label] for label in data.labels] == [path.parent.name for path in data.paths]
    np.testing.assert_array_equal(data.images, load_images(data.paths))


def test_the_first_bad_file_is_named_whatever_the_threads(folder: Path) -> None:
    for number in range(40):
        (folder / "cat" / f"x{number:02}.png").write_bytes(b"no photo")
    for threads in (1, 2, 8):
        with pytest.raises(purr.DataError, match=r"x00\.png: no image"):
            load_image_folder(folder, n_threads=threads)


def test_a_file_that_may_not_be_read_is_named_and_left_out_on_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    secret = folder / "cat" / "00001.png"

    def forbidden(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(path) == str(secret):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *arguments, **options)

    opened = builtins.open
    monkeypatch.setattr(builtins, "open", forbidden)
    with pytest.raises(purr.DataError, match=r"00001\.png: cannot be read \(Permission denied\).*skip_bad"):
        load_image_folder(folder)
    data = load_image_folder(folder, skip_bad=True)
    assert (len(data), data.skipped) == (7, (secret,))


def test_a_failing_machine_is_not_taken_for_a_bad_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_descriptors(*_: Any, **__: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "00000.png")

    monkeypatch.setattr("builtins.open", out_of_descriptors)
    with pytest.raises(OSError, match="Too many open files"):
        load_image_folder(folder, skip_bad=True)


def test_ten_thousand_junk_files_are_counted_and_not_listed(folder: Path) -> None:
    for number in range(10_000):
        (folder / "cat" / f"junk{number}.tmp").write_bytes(b"junk")
    assert len(refused("train", folder, *FAST)) < 300
    done = run("train", folder, *FAST, "--skip-bad")
    assert "left out 10,000 files" in done.stderr
    assert len(done.stderr) < 3000


def test_files_left_out_are_counted_by_preview_doctor_and_report(folder: Path) -> None:
    run("train", folder, *FAST)
    for number in range(7):
        (folder / "cat" / f"junk{number}.tmp").write_bytes(b"junk")
    junk = [str(folder / "cat" / f"junk{number}.tmp") for number in range(7)]
    said = f"left out 7 files that cannot be read: {', '.join(junk[:5])}"
    report = ("report", "cats.safetensors", folder)
    for arguments in (("data", "preview", folder), ("doctor", folder), report):
        assert said in run(*arguments, "--skip-bad").stderr.splitlines()
    assert json.loads(run("data", "preview", folder, "--skip-bad", "--json").stdout)["skipped"] == junk
    assert json.loads(run("doctor", folder, "--skip-bad", "--json").stdout)["skipped_files"] == junk
    assert "left out 14 files" in run("doctor", folder, "--test", folder, "--skip-bad").stderr


def test_links_that_loop_are_named_and_left_out(folder: Path) -> None:
    loops = [folder / "cat" / "itself.png", folder / "cat" / "parent", folder / "cat" / "there.png"]
    try:
        loops[0].symlink_to("itself.png")
        loops[1].symlink_to("..")
        loops[2].symlink_to("back.png")
        (folder / "cat" / "back.png").symlink_to("there.png")
    except OSError:
        pytest.skip("no right to make symbolic links on this system")
    assert "photos/cat/" in refused("train", folder, *FAST)
    assert "left out 4 files" in run("train", folder, *FAST, "--skip-bad").stderr
    (folder / "all").symlink_to(".")  # a class that is the folder itself
    assert "all: the class has no photo that can be read" in refused("train", folder, *FAST, "--skip-bad")


# Classes that cannot be told apart


def test_an_empty_class_is_named(folder: Path) -> None:
    (folder / "dog").mkdir()
    assert refused("train", folder, *FAST) == (
        f"{folder / 'dog'}: the class has no photo that can be read; add photos or remove the folder"
    )


def test_one_class_is_not_enough() -> None:
    write_image_folder(Path("photos"), make_cats(3, size=16, seed=0)[0], [0, 0, 0], ("cat",))
    message = "photos: all 3 photos are of one class, 'cat'; training needs photos of two"
    assert refused("train", "photos", "--epochs", "2") == message


def test_a_class_of_one_photo_trains_and_what_cannot_be_said_is_said(folder: Path) -> None:
    for photo in sorted((folder / "cat").iterdir())[1:]:
        photo.unlink()
    done = run("train", folder, *FAST, "--holdout", "0.3")
    assert "'cat' has one photo, which is trained on: the score says nothing about it" in done.stderr


def test_classes_of_the_same_photos_are_refused(folder: Path) -> None:
    other = folder / "dog"
    other.mkdir()
    for number, photo in enumerate(sorted((folder / "cat").iterdir())):
        (other / f"copy{number}.bmp").write_bytes(encoded(np.asarray(Image.open(photo)), "bmp"))
    assert refused("train", folder, *FAST) == (
        "photos: 4 of the 4 photos of 'cat' are in 'dog', too: nothing tells these classes apart"
    )
    Image.fromarray(make_cats(1, seed=9)[0][0]).save(other / "more.png")
    assert "4 of the 4 photos of 'cat' are in 'dog', too" in refused("train", folder, *FAST)


def test_classes_of_photos_that_are_nearly_the_same_are_doubted(folder: Path) -> None:
    other = folder / "dog"
    other.mkdir()
    for number, photo in enumerate(sorted((folder / "cat").iterdir())):
        Image.open(photo).save(other / f"copy{number}.jpg", quality=90)
    doubt = "4 of the 4 photos of 'cat' are in 'dog', too, or nearly so: are these two classes?"
    done = run("train", folder, "--network", "4-3", "--epochs", "3")
    assert doubt in done.stdout
    assert doubt in done.stderr
    fields = json.loads(run("train", folder, "--network", "4-3", "--epochs", "3", "--json", "--quiet").stdout)
    assert fields["data"]["doubts"] == [doubt]


def test_classes_of_mirror_images_are_two_classes() -> None:
    images, labels = make_cats(8, seed=0)[0], [0] * 8 + [1] * 8
    write_image_folder(Path("sides"), np.concatenate([images, images[:, :, ::-1]]), labels, ("left", "right"))
    done = run("train", "sides", *FAST, "--holdout", "0", "--folds", "0")
    assert "are these two classes" not in done.stdout


def test_the_same_photo_in_two_classes_is_named(folder: Path) -> None:
    first, second = folder / "cat" / "00000.png", folder / "not cat" / "copy.png"
    second.write_bytes(first.read_bytes())
    said = run("train", folder, *FAST).stderr
    assert "the same photo is in more than one class, 1 times" in said
    assert f"  {first}, {second}" in said.splitlines()


def test_several_photos_are_decoded_in_order_by_any_number_of_threads(folder: Path) -> None:
    photos = sorted(folder.rglob("*.png"))
    one = load_images(photos, n_threads=1)
    np.testing.assert_array_equal(load_images(photos, n_threads=5), one)
    np.testing.assert_array_equal(one, [load_image(photo) for photo in photos])
