"""What is wrong with data, a network or its settings, found before the training is wasted."""

from .examination import CHECKS, doctor
from .findings import Diagnosis, Finding

__all__ = ["CHECKS", "Diagnosis", "Finding", "doctor"]
