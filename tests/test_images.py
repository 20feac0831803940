"""Reading photo files: what each kind of file becomes, and what each kind of damage says."""

import struct
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from purrceptron import images
from purrceptron.errors import DataError
from purrceptron.images import bounds

RED, WHITE = (255, 0, 0), (255, 255, 255)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def corners(picture: np.ndarray) -> list[int]:
    """Grey level at the four corners, clockwise from the top left."""
    return [int(picture[y, x, 0]) for y, x in ((4, 4), (4, -5), (-5, -5), (-5, 4))]


def test_png_of_the_wanted_size_keeps_its_exact_pixels(tmp_path: Path) -> None:
    pixels = noise(64, 64)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    loaded = images.load_image(tmp_path / "a.png")
    assert loaded.dtype == np.uint8
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, pixels)
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png", fit="stretch"), pixels)


def test_grey_has_one_channel_and_exact_pixels(tmp_path: Path) -> None:
    pixels = noise(64, 64, 1)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "a.png")
    np.testing.assert_array_equal(images.load_image(tmp_path / "a.png", color="grey"), pixels)
    colour = images.load_image(tmp_path / "a.png")
    np.testing.assert_array_equal(colour, np.repeat(pixels, 3, axis=2))


def test_cover_crops_the_centre_and_stretch_keeps_the_edges(tmp_path: Path) -> None:
    pixels = np.zeros((60, 180, 3), np.uint8)
    pixels[:, 60:120] = 200
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    Image.fromarray(pixels.swapaxes(0, 1)).save(tmp_path / "tall.png")
    for name in ("wide.png", "tall.png"):
        cover = images.load_image(tmp_path / name, image_size=20)
        stretch = images.load_image(tmp_path / name, image_size=20, fit="stretch")
        assert cover.shape == stretch.shape == (20, 20, 3)
        assert cover[2:-2, 2:-2].min() == 200
        assert sorted(corners(stretch)) == [0, 0, 0, 0]


def test_resize_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    assert np.abs(images.load_image(tmp_path / "a.png", image_size=32).astype(int) - 127).max() < 10


def test_small_picture_is_enlarged(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), RED).save(tmp_path / "a.png")
    loaded = images.load_image(tmp_path / "a.png", image_size=8)
    np.testing.assert_array_equal(loaded, np.full((8, 8, 3), RED))


# How a camera that was held in each of the eight ways stores a scene whose corners are 0, 80, 160, 240.
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, [0, 80, 160, 240]),
        (2, [80, 0, 240, 160]),
        (3, [160, 240, 0, 80]),
        (4, [240, 160, 80, 0]),
        (5, [0, 240, 160, 80]),
        (6, [80, 160, 240, 0]),
        (7, [160, 80, 0, 240]),
        (8, [240, 0, 80, 160]),
    ],
)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_exif_orientation_brings_the_photo_upright(
    tmp_path: Path, orientation: int, stored: list[int], suffix: str
) -> None:
    top_left, top_right, bottom_right, bottom_left = stored
    tiny = np.array([[top_left, top_right], [bottom_left, bottom_right]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(tiny.repeat(40, 0).repeat(40, 1)).convert("RGB").save(
        tmp_path / f"a.{suffix}", exif=exif, quality=95
    )
    upright = images.load_image(tmp_path / f"a.{suffix}", image_size=32)
    np.testing.assert_allclose(corners(upright), [0, 80, 160, 240], atol=4)


def test_damaged_exif_does_not_hide_a_whole_photo(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), RED).save(tmp_path / "a.png", exif=b"Exif\x00\x00no tags at all")
    assert images.load_image(tmp_path / "a.png")[0, 0].tolist() == list(RED)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
def test_transparent_parts_become_white(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.png"
    if mode == "P":
        picture = Image.new("P", (64, 64), 0)
        picture.putpalette([0, 0, 0, *RED])
        picture.save(path, transparency=0)
    elif mode == "RGB":
        Image.new("RGB", (64, 64), (1, 2, 3)).save(path, transparency=(1, 2, 3))
    else:
        Image.new(mode, (64, 64)).save(path)
    np.testing.assert_array_equal(images.load_image(path), np.full((64, 64, 3), 255))
    np.testing.assert_array_equal(images.load_image(path, color="grey"), np.full((64, 64, 1), 255))


def test_half_transparent_red_is_pink(tmp_path: Path) -> None:
    Image.new("RGBA", (64, 64), (*RED, 128)).save(tmp_path / "a.png")
    assert images.load_image(tmp_path / "a.png")[0, 0].tolist() == [255, 127, 127]


@pytest.mark.parametrize(
    ("mode", "suffix", "colour"),
    [("P", "gif", 1), ("P", "png", 1), ("1", "png", 1), ("L", "bmp", 255), ("CMYK", "tiff", (0, 0, 0, 0))],
)
def test_other_modes_become_rgb(tmp_path: Path, mode: str, suffix: str, colour: int | tuple[int, ...]) -> None:
    picture = Image.new(mode, (64, 64), colour)
    if mode == "P":
        picture.putpalette([0, 0, 0, *WHITE])
    picture.save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(images.load_image(tmp_path / f"a.{suffix}"), np.full((64, 64, 3), 255))


def test_cmyk_jpeg_keeps_its_colour(tmp_path: Path) -> None:
    Image.new("CMYK", (64, 64), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    np.testing.assert_allclose(images.load_image(tmp_path / "a.jpg")[0, 0], RED, atol=3)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey_is_scaled_not_cut(tmp_path: Path, suffix: str) -> None:
    levels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    loaded = images.load_image(tmp_path / f"a.{suffix}", color="grey")
    np.testing.assert_array_equal(loaded[..., 0], np.rint(levels / 257))


@pytest.mark.parametrize("color", ["grey", "rgb"])
def test_sixteen_bit_png_has_the_transparency_of_its_eight_bit_twin(tmp_path: Path, color: Any) -> None:
    levels = noise(64, 64)
    if color == "grey":
        levels = levels[..., 0]
    levels[:9] = see_through = levels[20, 20]
    for name, bits in (("8.png", 8), ("16.png", 16)):
        scale = 257 if bits == 16 else 1
        trns = np.atleast_1d(see_through).astype(">u2") * scale
        (tmp_path / name).write_bytes(png(levels.astype(int) * scale, bits, trns.astype(">u2").tobytes()))
    eight, sixteen = (images.load_image(tmp_path / name, color=color) for name in ("8.png", "16.png"))
    np.testing.assert_array_equal(sixteen, eight)
    assert (sixteen[:9] == 255).all()


def png(levels: NDArray[Any], bits: int, trns: bytes) -> bytes:
    """A file of so many bits a channel, which Pillow does not write in colour."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = levels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bits, 2 if levels.ndim == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(f">u{bits // 8}").tobytes() for row in levels)
    chunks = ((b"IHDR", header), (b"tRNS", trns), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*content) for content in chunks)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_sixteen_bit_tiff_whose_white_is_zero_is_no_negative(tmp_path: Path, compression: str) -> None:
    levels = noise(64, 64)[..., 0].astype(np.uint16)
    for name, scale in (("8.tiff", 1), ("16.tiff", 257)):
        picture = Image.fromarray((levels * scale).astype(np.uint16 if scale > 1 else np.uint8))
        picture.save(tmp_path / name, compression=compression)
        raw = bytearray((tmp_path / name).read_bytes())
        tag = raw.index(struct.pack("<HHI", 0x0106, 3, 1))
        raw[tag + 8] = 0  # Pillow writes 1
        (tmp_path / name).write_bytes(raw)
    eight, sixteen = (images.load_image(tmp_path / name, color="grey") for name in ("8.tiff", "16.tiff"))
    np.testing.assert_array_equal(sixteen, eight)
    np.testing.assert_array_equal(sixteen[..., 0], 255 - levels)


def test_float_pixels_are_refused_with_the_reason(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=r"a\.tiff.*floats"):
        images.load_image(tmp_path / "a.tiff")


def test_large_jpeg_agrees_with_its_png(tmp_path: Path) -> None:
    coarse = Image.fromarray(noise(9, 12)).resize((1200, 900), Image.Resampling.BICUBIC)
    coarse.save(tmp_path / "a.png")
    coarse.save(tmp_path / "a.jpg", quality=95)
    png, jpg = (images.load_image(tmp_path / name).astype(int) for name in ("a.png", "a.jpg"))
    assert np.abs(png - jpg).mean() < 2


def test_jpeg_is_not_decoded_too_small(tmp_path: Path) -> None:
    fine = Image.fromarray(noise(128, 128)).resize((512, 512), Image.Resampling.BICUBIC)
    fine.save(tmp_path / "a.png")
    fine.save(tmp_path / "a.jpg", quality=95, subsampling=0)
    png, jpg = (images.load_image(tmp_path / name, image_size=128).astype(int) for name in ("a.png", "a.jpg"))
    assert np.abs(png - jpg).mean() < 2


def test_formats_outside_of_the_list_are_not_tried(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    with pytest.raises(DataError, match=r"a\.eps: no image that can be read"):
        images.load_image(tmp_path / "a.eps")


def test_several_photos_come_in_the_order_given(tmp_path: Path) -> None:
    for grey in (10, 20, 30):
        Image.new("L", (5, 7), grey).save(tmp_path / f"{grey}.png")
    loaded = images.load_images([tmp_path / "30.png", str(tmp_path / "10.png")], image_size=4, color="grey")
    assert loaded.shape == (2, 4, 4, 1)
    assert loaded[:, 0, 0, 0].tolist() == [30, 10]
    assert images.load_images([]).shape == (0, 64, 64, 3)


def test_one_path_where_several_belong_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="write \\[path\\]"):
        images.load_images("cat.png")


def test_missing_file_is_file_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        images.load_image(tmp_path / "gone.png")


@pytest.mark.parametrize("content", [b"\x00", b"this is a letter, not a photo\n" * 9, b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_file_that_is_no_image_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter.jpg").write_bytes(content)
    with pytest.raises(DataError, match=r"letter\.jpg: no image.*PNG.*JPEG"):
        images.load_image(tmp_path / "letter.jpg")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp", "tiff", "ppm"])
def test_truncated_image_is_named(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(noise(50, 50)).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / f"a.{suffix}").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=rf"a\.{suffix}"):
        images.load_image(tmp_path / f"a.{suffix}")


def test_too_many_pixels_are_refused_by_name_but_a_jpeg_is_decoded_at_a_part_of_its_size(tmp_path: Path) -> None:
    for name in ("huge.png", "huge.jpg"):
        Image.new("L", (13_000, 13_000)).save(tmp_path / name)
    refused = (
        r"huge\.png: .*13,000 x 13,000 pixels.* 67,108,864 that are decoded at a time; scale it down first, or save"
    )
    with pytest.raises(DataError, match=refused):
        images.load_image(tmp_path / "huge.png")
    assert images.load_image(tmp_path / "huge.jpg").max() == 0


def test_threads_wait_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_PIXELS", 100)
    most, lock = [0, 0], threading.Lock()

    def decode(side: int) -> None:
        with bounds.room_for(side, side):
            with lock:
                most[0] += side * side
                most[1] = max(most)
            time.sleep(0.001)
            with lock:
                most[0] -= side * side

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decode, [9, 5, 7, 3, 10, 6, 5, 4] * 5))
    assert most[0] == 0
    assert 64 <= most[1] <= 100


def test_decoders_say_nothing_of_their_own_and_leave_the_filters_as_they_were(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = []
    for seed in range(40):
        path = tmp_path / f"{seed}.tiff"
        Image.fromarray(noise(40, 40) // 8).save(path, compression="tiff_lzw")
        content, generator = bytearray(path.read_bytes()), np.random.default_rng(seed)
        for place in generator.integers(8, len(content), 6):
            content[place] = generator.integers(0, 256)
        path.write_bytes(content)
        files.append(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = list(warnings.filters)

        def read(path: Path) -> bool:
            try:
                images.load_image(path)
            except DataError:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            assert 0 < sum(pool.map(read, files)) < len(files)
        assert list(warnings.filters) == before
    assert not caught
    assert capfd.readouterr() == ("", "")


def test_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("1", (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"bomb\.png: refused.*decompression bomb.*scale a photo down first"):
        images.load_image(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    ("option", "error", "message"),
    [
        ({"image_size": 0}, ValueError, "image_size must be at least 1, got 0"),
        ({"image_size": 6.4}, TypeError, "image_size"),
        ({"color": "gray"}, ValueError, "'rgb', 'grey'; got 'gray'"),
        ({"fit": "crop"}, ValueError, "'cover', 'contain', 'stretch'; got 'crop'"),
    ],
)
def test_options_out_of_range_are_named(option: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        images.load_image("unread.png", **option)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from(["png", "jpg", "gif", "webp", "tiff"]),
    spots=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_bytes_give_a_picture_or_a_data_error(
    tmp_path: Path, suffix: str, spots: list[tuple[float, int]]
) -> None:
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(16, 20)).save(path, exif=exif)
    content = bytearray(path.read_bytes())
    for place, value in spots:
        content[int(place * len(content))] = value
    path.write_bytes(content)
    loaded = refused = None
    try:
        loaded = images.load_image(path, image_size=8)
    except DataError as error:
        refused = str(error)
    assert path.name in refused if refused else loaded.shape == (8, 8, 3)
