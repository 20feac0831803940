"""Model files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _core
from ..model import Sequential

if TYPE_CHECKING:
    from ..photos import PhotoClassifier

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Sequential | PhotoClassifier:
    """Read a model file: what was saved there, a `Sequential` or a photo classifier.

    The file is data: nothing in it is run. Its lengths, its description and the fingerprint of its weights are checked.

    Raises:
        FileNotFoundError: There is no such file.
        ModelFileError: It is truncated, foreign, damaged, or written by a newer version.
    """
    core, notes = _core.Network.load(os.fspath(path))
    model = Sequential._from_core(core)
    if "photo_classifier" not in notes:
        return model
    from ..photos import PhotoClassifier

    return PhotoClassifier._from_file(model, notes, path)
