"""Model files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _core
from ..errors import ModelFileError
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
    cores, notes = _core.load(os.fspath(path))
    models = tuple(map(Sequential._from_core, cores))
    if "photo_classifier" in notes:
        from ..photos import PhotoClassifier

        return PhotoClassifier._from_file(models, notes, path)
    if len(models) > 1:
        raise ModelFileError(f"{os.fspath(path)}: an ensemble of {len(models)} networks that is no photo classifier")
    return models[0]
