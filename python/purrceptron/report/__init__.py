"""A page on a photo classifier: how good it is, how sure that is, what it gets wrong, and what it looks at.

`Findings.gather` finds out, `render` makes of it one HTML page that needs nothing else; `purr report` does both. It
takes `pip install 'purrceptron[report]'`.
"""

from .findings import Findings, Looked, Shown
from .page import render

__all__ = ["Findings", "Looked", "Shown", "render"]
