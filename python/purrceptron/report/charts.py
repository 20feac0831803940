"""Charts and photos as parts of a page: SVG that takes the colours of the page, and PNG as text."""

from __future__ import annotations

import base64
import io
import re
import warnings
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from ..explanation.drawing import as_colour
from ..plots import canvas

__all__ = ["png", "svg"]

# What the charts' colours are called in the page, which has others by night.
_VARIABLES = {
    canvas.INK: "var(--ink)",
    canvas.MUTED: "var(--muted)",
    canvas.FAINT: "var(--line)",
    canvas.ACCENT: "var(--accent)",
    canvas.SECOND: "var(--second)",
}


def svg(display: canvas.Display, label: str) -> str:
    """A chart as an `<svg>` element; the same bytes for the same chart.

    Args:
        display: The chart.
        label: What it shows, for those who do not see it.

    Raises:
        ImportError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("a report needs matplotlib: pip install 'purrceptron[report]'") from error
    text = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": "purrceptron", "font.family": "DejaVu Sans"}
    with style.context(["default", settings]), warnings.catch_warnings():
        # The page's own fonts draw the text; those that measure it here need not know every letter.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=display._size, layout="constrained")
        display.plot(figure.subplots())
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :].replace("'DejaVu Sans'", "system-ui, sans-serif")
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r' id="[a-zA-Z.]+_\d+"', "", drawn)  # those of several charts would be the same
    for color, variable in _VARIABLES.items():
        drawn = drawn.replace(color, variable)
    width = f"max-width: {display._size[0]:g}in"
    head = f'<svg role="img" aria-label="{escape(label)}" style="{width}"'
    return re.sub(r'<svg((?: [a-z:]+="[^"]*")*?) width="[^"]*" height="[^"]*"| *<svg', head + r"\1", drawn, count=1)


def png(pixels: ArrayLike) -> str:
    """A picture `(height, width)` or `(height, width, channels)` of 0..255 as a `data:` address."""
    from PIL import Image

    data = io.BytesIO()
    Image.fromarray(np.rint(as_colour(pixels)).astype(np.uint8)).save(data, format="PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")
