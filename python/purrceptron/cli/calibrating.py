"""Calibration at the end of `purr train`."""

from __future__ import annotations

import numpy as np

from ..datasets import Data
from ..errors import DataError, DivergedError
from ..photos import PhotoClassifier
from ..photos.recipes import Recipe
from .file_progress import work_progress
from .output import Output

__all__ = ["calibrate", "usual_folds"]

FOLDS = 5
# Of a class: enough for a coverage of 95 %. In all: beyond it five more trainings are no trifle.
FEWEST_OF_CLASS, MOST_PHOTOS = 20, 10_000


def usual_folds(training: Data, recipe: Recipe) -> int:
    """Folds of the calibration if the caller does not say: none of few photos, very many, or by the series' recipe.

    The series' procedure knows no calibration, and takes as long as it ever did.
    """
    counts = np.bincount(training.labels, minlength=len(training.class_names))
    return 0 if recipe == "series" or counts.min() < FEWEST_OF_CLASS or len(training) > MOST_PHOTOS else FOLDS


def calibrate(
    classifier: PhotoClassifier, training: Data, folds: int, model_file: str, asked_for: bool, output: Output
) -> None:
    """Calibrate a classifier that is saved already, and save it again.

    Raises:
        DataError: It cannot be calibrated, and that was asked for; if it was not, this is said by the way.
        DivergedError: Likewise.
        KeyboardInterrupt: The file is whole, without a calibration.
    """
    output.say(f"calibrating: {folds} trainings, each without a part of the photos")
    try:
        with work_progress(output, "calibrating", "fold") as progress:
            classifier.calibrate(training.images, training.labels, folds=folds, progress=progress)
    except (DataError, DivergedError) as error:
        if asked_for:
            raise
        output.say(f"not calibrated: {error}")
        return
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(f"{model_file} was saved, without a calibration") from None
    classifier.save(model_file)
