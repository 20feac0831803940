"""Photo classifiers: pictures in, class out."""

from .classifier import CatClassifier, PhotoClassifier

__all__ = ["CatClassifier", "PhotoClassifier"]
