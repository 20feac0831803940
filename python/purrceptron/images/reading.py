"""Read one photo file, or several, as a square array of bytes."""

import errno
import os
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from purrceptron import _core
from purrceptron.errors import DataError
from purrceptron.images.bounds import room_for, silent_decoders

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

__all__ = ["Color", "Fit", "PathLike", "load_image", "load_images"]

Color: TypeAlias = Literal["rgb", "grey"]
Fit: TypeAlias = Literal["cover", "contain", "stretch"]
PathLike: TypeAlias = str | os.PathLike[str]

# Only these are tried: Pillow knows some 40 more formats, and one of them (EPS) starts another program.
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF")
_EXIF_ORIENTATION, _PHOTOMETRIC = 0x0112, 0x0106
# A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size. It never gets below this many times the wanted size,
# so that the antialiased resize still has what it needs: a 12 megapixel photo takes 9 instead of 98 ms.
_JPEG_MARGIN = 3
_STRIP = 256


def load_image(path: PathLike, *, image_size: int = 64, color: Color = "rgb", fit: Fit = "cover") -> NDArray[np.uint8]:
    """Read a photo file as a square array.

    The camera's orientation (EXIF) is applied; transparent parts are laid on white; palette, CMYK, grey and
    16-bit pictures become 8-bit `color`; of an animation the first frame is taken. The resize is
    antialiased (bicubic). A picture that already has the wanted size and mode keeps its exact pixels.

    Args:
        path: A PNG, JPEG, GIF, BMP, PPM, WebP or TIFF file.
        image_size: Side of the result in pixels; 64 is what the standard network takes.
        color: "rgb" gives 3 channels, "grey" gives 1 (luma, ITU-R 601).
        fit: "cover" scales the photo until it covers the square, then crops the centre; "contain" scales it
            until it lies within the square, between black bars (zeros, to which a network gives no weight);
            "stretch" scales both sides alone, so nothing is cropped and proportions are lost.

    Returns:
        The picture, `(image_size, image_size, channels)` uint8.

    Raises:
        DataError: The file is no image, is damaged or truncated, or has too many pixels, 2^26 or more as they are
            decoded (a JPEG at a part of its size). The message names the file.
        FileNotFoundError: There is no such file.
        ValueError: An option is out of range.

    Example:
        >>> load_image("cat.jpg").shape  # doctest: +SKIP
        (64, 64, 3)
    """
    check_image_options(image_size, color, fit)
    with open(path, "rb") as file:  # opened here, so that a missing or forbidden file stays an OSError
        return decode(file, path, image_size, color, fit)


def load_images(
    paths: Iterable[PathLike],
    *,
    image_size: int = 64,
    color: Color = "rgb",
    fit: Fit = "cover",
    n_threads: int | None = None,
) -> NDArray[np.uint8]:
    """Read photo files as one array; see `load_image` for how each is read.

    Args:
        paths: The files, in the order of the result. None at all gives an array of no samples.
        image_size: Side of every picture in pixels.
        color: "rgb" or "grey".
        fit: "cover", "contain" or "stretch".
        n_threads: Threads that decode; left out, as everywhere in the library. The result is the same.

    Returns:
        The pictures, `(files, image_size, image_size, channels)` uint8.

    Raises:
        DataError: A file cannot be read as an image; the message names it.
        FileNotFoundError: A file does not exist.
        TypeError: `paths` is one path instead of several.
        ValueError: An option is out of range.

    Example:
        >>> load_images([]).shape
        (0, 64, 64, 3)
    """
    check_image_options(image_size, color, fit)
    if isinstance(paths, str | os.PathLike):
        raise TypeError(f"paths must be a list of paths, got the one path {os.fspath(paths)!r}; write [path]")
    from purrceptron.images.decoding import in_order  # which reads by this module

    files = list(paths)
    images = np.empty((len(files), image_size, image_size, channels_of(color)), np.uint8)

    def read(file: PathLike) -> NDArray[np.uint8]:
        return load_image(file, image_size=image_size, color=color, fit=fit)

    for index, image in enumerate(in_order(read, files, _core.thread_count(n_threads))):
        images[index] = image
    return images


def decode(file: IO[bytes], path: PathLike, image_size: int, color: Color, fit: Fit) -> NDArray[np.uint8]:
    """The picture in an open file, as `load_image` gives it; `path` is what messages call it."""
    try:
        with silent_decoders:
            return _read(file, image_size, color, fit)
    except Exception as error:
        # Damaged files make Pillow raise OSError, SyntaxError, ValueError, struct.error and more.
        if is_system_error(error):
            raise
        empty = file.seek(0, os.SEEK_END) == 0
        raise DataError(f"{named(path)}: the file is empty" if empty else _refusal(path, error)) from error


def named(path: PathLike) -> str:
    r"""A path as a message may repeat it: in one line, and no terminal obeys it.

    Example:
        >>> named("two\nlines.png")
        'two\\nlines.png'
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in os.fspath(path))


def is_system_error(error: Exception) -> bool:
    """Whether what a decoder raised comes from disk or memory, and not from the bytes that it was given."""
    # Decoders' own OSErrors have no number, or "invalid argument" where a damaged offset made them seek.
    if isinstance(error, OSError):
        return error.errno not in (None, errno.EINVAL)
    return isinstance(error, MemoryError)


def channels_of(color: Color) -> int:
    """Number of channels that a colour mode gives."""
    return 3 if color == "rgb" else 1


def check_image_options(image_size: int, color: str, fit: str = "cover") -> None:
    """Refuse options that no picture can be read with, before any file is opened."""
    if isinstance(image_size, bool) or not isinstance(image_size, int | np.integer):
        raise TypeError(f"image_size must be a whole number of pixels, got {image_size!r}")
    if image_size < 1:
        raise ValueError(f"image_size must be at least 1, got {image_size}")
    if color not in get_args(Color):
        raise ValueError(f"color must be one of {', '.join(map(repr, get_args(Color)))}; got {color!r}")
    if fit not in get_args(Fit):
        raise ValueError(f"fit must be one of {', '.join(map(repr, get_args(Fit)))}; got {fit!r}")


def _refusal(path: PathLike, error: Exception) -> str:
    from PIL import Image, UnidentifiedImageError

    name = named(path)
    if isinstance(error, UnidentifiedImageError):
        return f"{name}: no image that can be read (known are {', '.join(_FORMATS)})"
    if isinstance(error, Image.DecompressionBombError):
        return f"{name}: refused, so many pixels may be a decompression bomb ({error}); scale a photo down first"
    return f"{name}: the image is damaged or truncated, or of a kind that cannot be read ({error})"


def _read(file: IO[bytes], size: int, color: Color, fit: Fit) -> NDArray[np.uint8]:
    from PIL import Image

    with Image.open(file, formats=_FORMATS) as opened:
        opened.draft(None, (size * _JPEG_MARGIN, size * _JPEG_MARGIN))
        with room_for(*opened.size):
            picture = _scale(_loaded(opened, "RGB" if color == "rgb" else "L"), size, fit)
    return np.array(picture, np.uint8).reshape(size, size, channels_of(color))


def _loaded(opened: "ImageFile", mode: str) -> "Image.Image":
    """The picture upright, on white paper, in `mode`; few copies of it are there at a time."""
    from PIL.TiffImagePlugin import TiffImageFile

    two_bytes = any(tile[3] == "RGB;16B" for tile in opened.tile)
    white_is_zero = isinstance(opened, TiffImageFile) and opened.tag_v2.get(_PHOTOMETRIC) == 0
    opened.load()
    if two_bytes and "transparency" in opened.info:  # Pillow keeps the first byte of each channel, but both of this
        opened.info["transparency"] = tuple(level >> 8 for level in opened.info["transparency"])
    turn = _turn_of(opened)
    # Turned before it is scaled: the resize rounds after each direction, so the order would show in the last bit.
    picture = _to_eight_bits(opened if turn is None else opened.transpose(turn), white_is_zero)
    if picture.has_transparency_data:
        return _on_white(picture, mode)
    return picture if picture.mode == mode else picture.convert(mode)


def _on_white(picture: "Image.Image", mode: str) -> "Image.Image":
    """A picture with transparent parts on white paper; strip by strip, which takes little memory beside it."""
    from PIL import Image

    width, height = picture.size
    whole = Image.new(mode, picture.size)
    for top in range(0, height, _STRIP):
        strip = picture.crop((0, top, width, min(top + _STRIP, height))).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        whole.paste(Image.alpha_composite(white, strip).convert(mode), (0, top))
    return whole


def _scale(picture: "Image.Image", size: int, fit: Fit) -> "Image.Image":
    """Bring a picture to a square, by antialiased bicubic interpolation."""
    from PIL import Image

    if fit != "contain":
        box = _centre_square(picture.size) if fit == "cover" else (0.0, 0.0, *picture.size)
        return picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
    width, height = (max(1, round(side * size / max(picture.size))) for side in picture.size)
    square = Image.new(picture.mode, (size, size), 0)
    square.paste(picture.resize((width, height), Image.Resampling.BICUBIC), ((size - width) // 2, (size - height) // 2))
    return square


def _centre_square(size: tuple[int, int]) -> tuple[float, float, float, float]:
    width, height = size
    side = min(size)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


def _to_eight_bits(picture: "Image.Image", white_is_zero: bool) -> "Image.Image":
    """Bring a picture of 16-bit grey to 8 bits: 0..65535 becomes 0..255, rounded to nearest.

    Pillow leaves it to us to lay its transparent level on white, and to turn a negative.
    """
    from PIL import Image

    if picture.mode == "F":
        raise ValueError("its pixels are floats of unknown range; save it with 8 or 16 bits a channel")
    if not picture.mode.startswith("I"):
        return picture
    values: NDArray[Any] = np.asarray(picture)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("its pixels are outside of 0..65535; save it with 8 or 16 bits a channel")
    wide = values.astype(np.int32)
    wide += 128
    wide //= 257
    levels = wide.astype(np.uint8)
    if white_is_zero:
        levels = 255 - levels
    if "transparency" in picture.info:
        levels[values == picture.info["transparency"]] = 255
    return Image.fromarray(levels)


def _turn_of(picture: "Image.Image") -> "Image.Transpose | None":
    """What brings a loaded picture upright, by its EXIF orientation; None for nothing."""
    from PIL.Image import Transpose

    try:
        orientation = picture.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF must not hide a photo that is whole
        return None
    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
