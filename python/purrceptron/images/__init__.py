"""Photo files in, arrays out: every picture as `(size, size, channels)` uint8, whatever the file holds."""

from purrceptron.images.reading import Color, Fit, PathLike, load_image, load_images

__all__ = ["Color", "Fit", "PathLike", "load_image", "load_images"]
