"""Photo classifiers: pictures in, class out."""

from .answers import NOT_SURE
from .calibration import Calibration
from .cats import CatClassifier
from .classifier import PhotoClassifier

__all__ = ["NOT_SURE", "Calibration", "CatClassifier", "PhotoClassifier"]
