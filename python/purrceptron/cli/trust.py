"""What `purr evaluate` says beyond accuracy: intervals, calibration, answers left open, thresholds, comparisons."""

from __future__ import annotations

import math
import shlex
from typing import Any

import click

from ..assessment import Assessment, Comparison, Coverage, Interval, JudgedThreshold, Threshold
from ..errors import DataError
from ..photos import Calibration, PhotoClassifier
from .output import aligned, amount

__all__ = [
    "by_threshold",
    "calibration_rows",
    "check_two_classes",
    "class_rows",
    "comparison_rows",
    "coverage_fields",
    "coverage_rows",
    "curve_rows",
    "score_rows",
    "shown",
    "threshold_rows",
]

Rows = list[tuple[str, str]]


def shown(interval: Interval) -> str:
    """A share with its interval, as people read it."""
    if math.isnan(interval.value):
        return "unknown"
    return f"{100 * interval.value:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def score_rows(found: Assessment) -> Rows:
    """Balanced accuracy and area under the curve."""
    pairs = f"{shown(found.auc)} of pairs of a photo of a class and another are in order"
    return [
        ("balanced", f"{shown(found.balanced_accuracy)}, the mean of the classes' recalls"),
        ("AUC", "unknown: all photos are of one class" if math.isnan(found.auc.value) else pairs),
    ]


def calibration_rows(found: Assessment, calibration: Calibration | None) -> Rows:
    """How far off the probabilities are, what they were calibrated on, and what class shares they stand for."""
    learnt = "the model is not calibrated, its probabilities may be too sure"
    if calibration is not None:
        source = "photos apart" if calibration.folds is None else f"{calibration.folds} folds of the training"
        learnt = f"temperature {calibration.temperature:.2f} from {source}"
    rows = [("calibration", f"error {100 * found.calibration.error:.1f} %; {learnt}")]
    if found.calibration_shifted is not None and found.share_apart is not None:
        name, share, here = found.share_apart
        error = f"error {100 * found.calibration_shifted.error:.1f} % after a shift to that"
        rows.append(("", f"probabilities stand for {100 * share:.0f} % {name!r}, here are {100 * here:.0f} %: {error}"))
    return rows


def class_rows(found: Assessment) -> list[str]:
    """The table of recall and precision."""
    recall, precision = list(map(shown, found.recall)), list(map(shown, found.precision))
    columns = [["", *found.class_names], ["recall", *recall], ["precision", *precision]]
    return _table(columns)


def curve_rows(found: Assessment) -> list[str]:
    """The calibration curve as a table."""
    curve, names = found.calibration, found.class_names
    said = f"said {names[1]!r}" if len(names) == 2 else "said"
    came = "it was" if len(names) == 2 else "it was right"
    ends = zip(curve.observed, curve.low, curve.high, strict=True)
    return _table(
        [
            [said, *(f"{100 * value:.1f} %" for value in curve.predicted)],
            [came, *(shown(Interval(*end)) for end in ends)],
            ["photos", *map(str, curve.counts)],
        ]
    )


def coverage_rows(found: Coverage, names: tuple[str, ...], abstain: float, apart: bool) -> Rows:
    """What `--abstain` would have answered on these photos; `apart` says that the calibration was on photos apart."""
    head = f"answers {shown(found.answered)} of the photos, {shown(found.right)} of these right"
    rows = [(f"abstain {abstain:g}", head)]
    promised = f"at most {100 * abstain:g} % {'promised' if apart else 'meant'}"
    for name, share in zip(names, found.wrong_by_class, strict=True):
        if not math.isnan(share.value):  # there are photos of the class
            rows.append(("", f"takes {shown(share)} of {name!r} for another, {promised}"))
    return rows


def coverage_fields(found: Coverage, names: tuple[str, ...], abstain: float) -> dict[str, Any]:
    """The same for --json."""

    def by_class(shares: tuple[Interval, ...]) -> dict[str, object]:
        return {name: share.to_dict() for name, share in zip(names, shares, strict=True)}

    return {
        "abstain": abstain,
        "coverage": by_class(found.by_class),
        "wrong": by_class(found.wrong_by_class),
        "open": by_class(found.open_by_class),
        "answered": found.answered.to_dict(),
        "right": found.right.to_dict(),
    }


def check_two_classes(model: str, classifier: PhotoClassifier) -> None:
    """A line that is asked for lies between two classes.

    Raises:
        DataError: The model has another number of them.
    """
    if (n := len(classifier.class_names_)) != 2:
        raise DataError(f"{model}: a threshold lies between two classes, but the model has {n}")


def threshold_rows(found: JudgedThreshold, name: str, model: str) -> Rows:
    """Where to draw the line, what to expect of it, and how to have a model answer by it."""
    line, here, usual = found.line, found.here, found.usual
    costs = f"false {name!r} costs {line.cost_false_positive:g}, a missed one {line.cost_false_negative:g}"
    precision = "unknown" if math.isnan(here.precision) else f"{100 * here.precision:.1f} %"
    shares = f"{100 * line.share:.3g} % {name!r} in use, counted as {100 * line.training_share:.1f} % in training"
    return [
        ("threshold", f"{click.style(str(line), bold=True)}: say {name!r} from this probability on"),
        ("", f"for {shares}; a {costs}"),
        ("", f"expect accuracy {100 * here.accuracy:.1f} %, precision {precision}, cost {here.cost:.3g} a photo"),
        ("", f"with 0.5 instead: accuracy {100 * usual.accuracy:.1f} %, cost {usual.cost:.3g} a photo"),
        ("", by_threshold(line, model)),
    ]


def by_threshold(line: Threshold, model: str) -> str:
    """What to type so that a model answers by a line."""
    return f"purr predict {shlex.quote(model)} --threshold {line} answers by it"


def comparison_rows(found: Comparison, other: str) -> Rows:
    """Which of two models is better, and how sure that is."""
    points, low, high = (100 * end for end in (found.difference.value, found.difference.low, found.difference.high))
    n = found.both_right + found.only_first + found.only_second + found.both_wrong
    verdict = "more than chance makes easily" if found.p_mid < 0.05 else "no more than chance makes"
    return [
        ("against", other),
        ("", f"{points:+.1f} points of accuracy ({low:+.1f} to {high:+.1f}) on {amount(n, 'photo')}"),
        ("", f"right: both {found.both_right:,}, only this {found.only_first:,}, only the other {found.only_second:,}"),
        ("", f"McNemar: p {found.p_mid:.3g} (mid-p), {found.p_exact:.3g} (exact): {verdict}"),
    ]


def _table(columns: list[list[str]]) -> list[str]:
    """Columns under their heads, the first to the left and the others to the right."""
    return [f"  {line}" for line in aligned(columns, "<>")]
