"""How good a classifier is on photos, how sure that is, and how far to trust one answer.

Scores come with intervals (`assess`), probabilities are made to mean what they say (`fit_temperature`), answers may be
left open (`prediction_sets`), thresholds follow costs and class shares (`judge_threshold`), and two classifiers are
compared on the same photos (`compare`). `docs/trust.md` says what each number means.
"""

from .assess import SHARE_EFFECTS, Assessment, assess
from .calibration import CalibrationCurve, calibration_curve, fit_temperature, scale_probabilities
from .comparison import Comparison, compare
from .conformal import Coverage, conformal_p_values, coverage_of, least_photos, prediction_sets
from .interval import Interval
from .threshold import AtShare, JudgedThreshold, Threshold, judge_threshold, shift_shares, threshold_for

__all__ = [
    "SHARE_EFFECTS",
    "Assessment",
    "AtShare",
    "CalibrationCurve",
    "Comparison",
    "Coverage",
    "Interval",
    "JudgedThreshold",
    "Threshold",
    "assess",
    "calibration_curve",
    "compare",
    "conformal_p_values",
    "coverage_of",
    "fit_temperature",
    "judge_threshold",
    "least_photos",
    "prediction_sets",
    "scale_probabilities",
    "shift_shares",
    "threshold_for",
]
