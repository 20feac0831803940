"""A small drawing vocabulary in unit coordinates: polygon, blob, ellipse, box, line, curve, stroke, inside.

The whole picture spans 0..1 with y pointing down. `Canvas.at` gives the same picture in other coordinates
(moved, scaled, turned, mirrored), so that a head can be drawn with radius 1 around (0, 0) wherever it sits on
a body. Everything is drawn `OVERSAMPLING` times as large as asked for and reduced at the end, which softens
the edges.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .palette import Colour

OVERSAMPLING = 4
RIM = 0.010  # width of the dark rim around a shape, in pictures

Floats: TypeAlias = NDArray[np.float64]
Path: TypeAlias = Sequence[tuple[float, float]] | Floats

_TURNS = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
_CIRCLE: Floats = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1)


def _catmull_rom(steps: int) -> Floats:
    """Weights (steps, 4) of four neighbouring points along the curve between the middle two."""
    t = np.arange(steps) / steps
    weights = [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3]
    return np.stack(weights, axis=1) / 2.0


_SMOOTH = _catmull_rom(6)


def smooth(path: Path, *, closed: bool) -> Floats:
    """The Catmull-Rom curve through the points of `path` (points, 2), as a finer path."""
    points: Floats = np.asarray(path, dtype=np.float64)
    if closed:
        before, after, last = points[-1:], points[:2], None
    else:
        before, after, last = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1], points[-1:]
    padded = np.concatenate([before, points, after])
    count = len(padded) - 3
    neighbours = np.stack([padded[k : k + count] for k in range(4)], axis=1)  # (pieces, 4, 2)
    curve: Floats = (_SMOOTH @ neighbours).reshape(-1, 2)
    return curve if last is None else np.concatenate([curve, last])


def oval(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Floats:
    """An ellipse around (x, y) with radii `rx`, `ry`, turned by `angle` radians, as a path (32, 2)."""
    path: Floats = _CIRCLE * np.array([rx, ry])
    if angle:
        cos, sin = np.cos(angle), np.sin(angle)
        path = path @ np.array([[cos, sin], [-sin, cos]])
    path += np.array([x, y])
    return path


class Canvas:
    """A square picture and the coordinates it is drawn in."""

    def __init__(self, size: int) -> None:
        side = size * OVERSAMPLING
        self.image = Image.new("RGB", (side, side))
        self._pen = ImageDraw.Draw(self.image)
        self._axes: Floats = np.eye(2) * side
        self._origin: Floats = np.zeros(2)
        self._unit = float(side)  # pixels in one unit of these coordinates

    def at(self, x: float, y: float, scale: float = 1.0, *, angle: float = 0.0, mirror: bool = False) -> "Canvas":
        """The same picture in coordinates with (0, 0) at (x, y), `scale` as unit; `angle` in radians."""
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        axes = np.array([[cos, sin], [-sin, cos]])
        if mirror:
            axes[0] = -axes[0]
        moved = object.__new__(Canvas)
        moved.image, moved._pen = self.image, self._pen
        moved._axes = axes @ self._axes
        moved._origin = self._pixels([(x, y)])[0]
        moved._unit = self._unit * scale
        return moved

    def _pixels(self, path: Path) -> Floats:
        pixels: Floats = np.asarray(path, dtype=np.float64) @ self._axes + self._origin
        return pixels

    def polygon(self, path: Path, fill: Colour, rim: Colour | None = None) -> None:
        """Fill the polygon with these corners; `rim` draws its edge."""
        self._pen.polygon(self._pixels(path).ravel().tolist(), fill=fill)
        if rim is not None:
            self.ring(path, rim)

    def ring(self, path: Path, fill: Colour) -> None:
        """Draw the closed edge through these corners, `RIM` wide."""
        pixels = self._pixels(path)
        closed = np.concatenate([pixels, pixels[:2]])
        self._pen.line(closed.ravel().tolist(), fill=fill, width=max(1, round(self.image.width * RIM)))

    def blob(self, path: Path, fill: Colour, rim: Colour | None = None) -> None:
        """Fill the smooth closed shape through these points."""
        self.polygon(smooth(path, closed=True), fill, rim)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: Colour,
        rim: Colour | None = None,
        *,
        angle: float = 0.0,
    ) -> None:
        """Fill an ellipse around (x, y) with radii `rx`, `ry`, turned by `angle` radians."""
        self.polygon(oval(x, y, rx, ry, angle), fill, rim)

    def box(
        self, left: float, top: float, right: float, bottom: float, fill: Colour, rim: Colour | None = None
    ) -> None:
        """Fill an upright rectangle."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill, rim)

    def line(self, path: Path, width: float, fill: Colour) -> None:
        """Draw straight pieces of one width from point to point, with square ends."""
        pixels = self._pixels(path)
        self._pen.line(pixels.ravel().tolist(), fill=fill, width=max(1, round(width * self._unit)))

    def curve(self, path: Path, width: float, fill: Colour) -> None:
        """Draw a thin smooth line of one width through these points."""
        self.line(smooth(path, closed=False), width, fill)

    def stroke(self, path: Path, width: float, fill: Colour, rim: Colour | None = None, *, end: float = 1.0) -> None:
        """Draw a thick smooth line with round ends; it tapers to `end` times its width."""
        middle = smooth(path, closed=False)
        along = np.gradient(middle, axis=0)
        along /= np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-9)
        half = (np.linspace(1.0, end, len(middle)) * width / 2)[:, None]
        across = along[:, ::-1] * (-1.0, 1.0) * half
        tip = middle[-1] + along[-1] * half[-1] * 0.9
        start = middle[0] - along[0] * half[0] * 0.9
        outline = np.concatenate([middle + across, tip[None], (middle - across)[::-1], start[None]])
        self.polygon(outline, fill, rim)

    @contextmanager
    def inside(self, path: Path) -> Iterator[None]:
        """Whatever is drawn in this context shows only inside the polygon `path`."""
        pixels = self._pixels(path)
        mask = Image.new("L", self.image.size, 255)
        ImageDraw.Draw(mask).polygon(pixels.ravel().tolist(), fill=0)
        before = self.image.copy()
        yield
        self.image.paste(before, (0, 0), mask)

    def reduced(self) -> NDArray[np.uint8]:
        """The finished picture (size, size, 3), each pixel the mean of the small ones under it."""
        return np.asarray(self.image.reduce(OVERSAMPLING))
