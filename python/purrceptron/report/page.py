"""`render`: findings as one HTML page that needs nothing else."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import _core
from ..assessment import SHARE_EFFECTS, Assessment, Interval, least_photos
from ..explanation import overlay
from ..layers import Dense
from ..photos import NOT_SURE, Calibration
from ..plots import CalibrationDisplay, CostDisplay, RocDisplay, ScoresDisplay
from ..plots.names import shown_ends, shown_name
from ..plots.roc import roc_curves
from .charts import png, svg
from .findings import Findings, Looked

__all__ = ["render"]

_TEMPLATE = "report.html.j2"
_MOST_IN_TABLE, _MOST_CONFUSIONS = 10, 12
_METHODS = {
    "gradient x input": "“Gradient × input” asks what a small change of each pixel would do.",
    "occlusion": "“Occlusion” covers a part of the photo and asks again.",
}


def render(
    findings: Findings,
    *,
    model: str,
    photos: str,
    seen: bool = False,
    calibrated_on: bool = False,
    left_out: int = 0,
    left_out_for: str = "trained",
) -> str:
    """A report as HTML: text, charts and photos in one page, without scripts and without a request to anywhere.

    Args:
        findings: What there is to say.
        model: Name of the model, for the title.
        photos: Where the photos come from.
        seen: Whether the classifier was trained on these photos, so that its scores say nothing about others.
        calibrated_on: Whether it was calibrated on these photos, so that its probabilities and open answers fit them.
        left_out: Photos that were left out because it knows them.
        left_out_for: What it did on these: "trained", or "trained or calibrated".

    Raises:
        ImportError: Jinja2 or matplotlib is not installed.

    Example:
        >>> import purrceptron as purr
        >>> images, labels = purr.datasets.make_cats(60, seed=0)
        >>> cats = purr.CatClassifier(epochs=50).fit(images[:40], labels[:40])
        >>> findings = purr.report.Findings.gather(cats, images[40:], labels[40:])
        >>> page = purr.report.render(findings, model="cats", photos="20 drawn pictures")
        >>> page.startswith("<!doctype html>"), "<script" in page
        (True, False)
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise ImportError("a report needs Jinja2: pip install 'purrceptron[report]'") from error
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=percent, name=shown_name, file=shown_ends, png=png, number=_number)
    names = tuple(map(shown_name, findings.assessment.class_names))
    scores = dataclasses.replace(findings.assessment, class_names=names)
    roc = _roc(scores)
    return environment.get_template(_TEMPLATE).render(
        findings=findings,
        scores=scores,
        model=model,
        photos=photos,
        seen=seen,
        calibrated_on=calibrated_on,
        left_out=left_out,
        left_out_for=left_out_for,
        right=int(scores.confusion.trace()),
        total=len(scores.labels),
        baseline=_baseline(findings, scores),
        rows=_rows(scores),
        effects=SHARE_EFFECTS,
        confusion=_confusion(scores),
        threshold=_threshold(findings, scores),
        open_answers=_open_answers(findings, scores),
        looked=[_maps(looked) for looked in findings.looked],
        methods=[
            says for name, says in _METHODS.items() if any(name in each.explanation.maps for each in findings.looked)
        ],
        training=_training(findings),
        roc=roc,
        charts=_charts(findings, scores, roc),
        version=_core.version(),
    )


def percent(share: float, digits: int = 0) -> str:
    """A share as people read it: "83 %", with a space that does not break; "n/a" for one that is not known."""
    return "n/a" if math.isnan(share) else f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _number(value: float) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"


def _baseline(findings: Findings, scores: Assessment) -> dict[str, Any]:
    """The best score of an answer that does not look, and what the accuracy is beside it."""
    best = scores.baselines["best_constant"]
    counts = findings.classifier.training_["photos"]
    frequent = np.bincount(scores.labels, minlength=len(scores.class_names))
    return {
        "majority": scores.baselines["training_majority"],
        "majority_name": scores.class_names[int(np.argmax(counts))],
        "best": best,
        "best_name": scores.class_names[int(frequent.argmax())],
        "beaten": scores.accuracy.low > best,
        "reached": scores.accuracy.value > best,
    }


def _rows(scores: Assessment) -> list[tuple[str, Interval, str]]:
    """What stands in the table of scores: what it is, the score, and what it means."""
    rows = [
        ("Accuracy", scores.accuracy, "answered rightly, of all photos"),
        ("Balanced accuracy", scores.balanced_accuracy, "mean of the recalls: every class counts alike"),
        ("AUC", scores.auc, "how well its probabilities put the classes in order; 50 % is chance"),
    ]
    for k, name in enumerate(scores.class_names[:_MOST_IN_TABLE]):
        rows.append((f"Precision of “{name}”", scores.precision[k], f"of the photos called {name}, those that are"))
        rows.append((f"Recall of “{name}”", scores.recall[k], f"of the photos of {name}, those that it finds"))
    return rows


def _confusion(scores: Assessment) -> dict[str, Any]:
    """The confusion matrix with each cell's share of its row; of very many classes the most frequent mistakes."""
    if len(scores.class_names) <= _MOST_IN_TABLE:
        shares = scores.confusion / np.maximum(scores.confusion.sum(axis=1, keepdims=True), 1)
        return {"rows": [list(zip(*row, strict=True)) for row in zip(scores.confusion, shares, strict=True)]}
    mistakes = scores.confusion - np.diag(scores.confusion.diagonal())
    order = np.argsort(-mistakes, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    places = [divmod(int(place), len(scores.class_names)) for place in order]
    names = scores.class_names
    pairs = [(names[row], names[column], int(mistakes[row, column])) for row, column in places]
    return {"rows": [], "pairs": [pair for pair in pairs if pair[2]]}


def _threshold(findings: Findings, scores: Assessment) -> dict[str, Any] | None:
    """The line between two classes, what it is drawn for, and what to expect of it."""
    if findings.threshold is None:
        return None
    line = findings.threshold.line
    return {
        "line": line,
        "expected": {f"{line.value:.4f}": findings.threshold.here, "0.5": findings.threshold.usual},
        "equal_costs": line.cost_false_positive == line.cost_false_negative,
        "fails": findings.threshold.here.cost > findings.threshold.usual.cost,
        "share_here": line.share == np.mean(scores.labels == 1),
    }


def _open_answers(findings: Findings, scores: Assessment) -> dict[str, Any]:
    """What becomes of each class's photos where answers may be left open; or why that is not known."""
    found, calibration = findings.open_answers, findings.classifier.calibration_
    if calibration is None:
        return {"known": False, "calibrated": False}
    if NOT_SURE in findings.classifier.class_names_:
        return {"known": False, "calibrated": True, "taken": NOT_SURE}
    if found is None:
        counts = list(map(len, calibration.scores))
        fewest = int(np.argmin(counts))
        return {
            "known": False,
            "calibrated": True,
            "taken": None,
            "least": least_photos(1 - findings.abstain),
            "name": scores.class_names[fewest],
            "count": counts[fewest],
        }
    by_class = zip(scores.class_names, found.wrong_by_class, found.open_by_class, found.by_class, strict=True)
    return {"known": True, "apart": calibration.folds is None, "rows": list(by_class)[:_MOST_IN_TABLE]}


def _maps(looked: Looked) -> dict[str, Any]:
    explanation = looked.explanation
    return {
        "photo": looked.photo,
        "still": not any(relevance.any() for relevance in explanation.maps.values()),
        "maps": {name: overlay(explanation.image, relevance) for name, relevance in explanation.maps.items()},
    }


def _training(findings: Findings) -> Mapping[str, str]:
    """What the classifier is and how it was trained, by name."""
    classifier = findings.classifier
    summary, model = classifier.training_, classifier.model_
    sizes = [layer.units for layer in model.layers if isinstance(layer, Dense)]
    photos = zip(summary["photos"], map(shown_name, classifier.class_names_), strict=True)
    facts = {
        "Trained on": ", ".join(f"{count:,} {name}" for count, name in photos),
        "Network": "-".join(map(str, [math.prod(model.input_shape or ()), *sizes])),
        "Networks": str(len(classifier.models_)) if len(classifier.models_) > 1 else "",
        "Photos of": f"{classifier.image_size} × {classifier.image_size} pixels, {classifier.color}",
        "Epochs": f"{summary['epochs']:,}",
        "Accuracy on the training photos": percent(summary["accuracy"], 1),
        "Calibrated": _calibrated(classifier.calibration_),
        "Fingerprint": classifier.fingerprint()[:16],
    }
    if summary["last_cost"] is not None and summary["first_cost"] is not None:
        facts["Cost"] = f"{summary['first_cost']:.4f} at first, {summary['last_cost']:.4f} at last"
    return {name: value for name, value in facts.items() if value}


def _calibrated(calibration: Calibration | None) -> str:
    if calibration is None:
        return "no"
    return "yes, on photos apart" if calibration.folds is None else f"yes, on {calibration.folds} folds"


def _roc(scores: Assessment) -> RocDisplay | None:
    """The curves of the classes; None where all photos are of one."""
    curves = roc_curves(scores.labels, scores.probabilities, scores.class_names)
    return RocDisplay(curves) if curves else None


def _charts(findings: Findings, scores: Assessment, roc: RocDisplay | None) -> dict[str, str]:
    of = scores.class_names[1] if len(scores.class_names) == 2 else None
    drawn = {
        "scores": svg(ScoresDisplay(scores), "Scores with their intervals; the table below has the numbers."),
        "calibration": svg(
            CalibrationDisplay(scores.calibration, of),
            f"Calibration curve; expected calibration error {percent(scores.calibration.error, 1)}.",
        ),
    }
    if roc is not None:
        drawn["roc"] = svg(roc, f"ROC curve; area under it {percent(scores.auc.value, 1)}.")
    curves = findings.classifier.training_["curves"]
    if curves.get("loss"):
        costs = curves["loss"]
        cost = CostDisplay(curves["epoch"], costs, curves.get("val_loss", ()))
        drawn["cost"] = svg(cost, f"Cost of the training, from {costs[0]:.3g} down to {costs[-1]:.3g}.")
    return drawn
