"""Photo classifiers: pictures in, class out."""

from .calibration import Calibration
from .classifier import NOT_SURE, CatClassifier, PhotoClassifier

__all__ = ["NOT_SURE", "Calibration", "CatClassifier", "PhotoClassifier"]
