"""`purr evaluate`: how good a model is on labelled photos, and how far to trust it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..assessment import Assessment, assess, compare, judge_threshold
from ..datasets import Data
from ..errors import DataError
from ..photos import PhotoClassifier
from ..photos.asked import Asked
from . import trust
from .labelled import LabelledPhotos
from .options import skip_bad_option, trust_options
from .output import Output, facts, output_options
from .predict import load_classifier
from .score import Evaluation
from .sources import counts, describe, read_test_data, skipped_files

__all__ = ["evaluate"]

_SHARES = (
    "where a class is more or less frequent than here, accuracy, precision, baselines, calibration and threshold move"
)

_EXAMPLES = """\b
Examples:
  purr evaluate cats.safetensors photos/
  purr evaluate cats.safetensors test_catvnoncat.h5 --json
  purr evaluate cats.safetensors photos/ --against other.safetensors
  purr evaluate cats.safetensors photos/ --share 0.05 --cost-false-negative 10
"""


@click.command(short_help="Score a model on labelled photos.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--against",
    metavar="OTHER",
    type=click.Path(),
    help="Another model file: how many photos each alone tells right, and whether that is chance (McNemar's test).",
)
@trust_options
@skip_bad_option
@output_options
def evaluate(
    model: str,
    data: str,
    against: str | None,
    line: dict[str, float],
    abstain: float,
    skip_bad: bool,
    output: Output,
) -> None:
    """Score MODEL on DATA, photos with their classes.

    Shows the accuracy with its 95 % interval (Wilson) beside two baselines, the class that was most frequent in
    training and the best constant answer, and how often each class was taken for which. With scikit-learn (the extra
    "report") balanced accuracy, area under the ROC curve, precision, recall and calibration stand beside them. Photos
    that the model was trained or calibrated on say less about others: they are left out, unless all of them are such.

    DATA is as for `purr train`; of an .h5 with two parts the test set counts. Classes are matched by name.
    """
    asked = _Asked.read(model, data, skip_bad, output)
    if line:
        trust.check_two_classes(model, asked.classifier)
    scored = asked.labelled.scored
    names, photos = asked.classifier.class_names_, asked.photos
    labels, probabilities = asked.labelled.labels[scored], asked.probabilities[scored]
    evaluation = Evaluation(names, labels, probabilities.argmax(axis=1), asked.classifier.training_["photos"])
    fields: dict[str, Any] = {
        "model": model,
        "data": {"source": photos.source, "photos": counts(photos), "skipped": [str(p) for p in photos.skipped]},
        "trained_on": asked.labelled.trained_on,
        "calibrated_on": asked.labelled.calibrated_on,
        "left_out": asked.labelled.left_out,
        "near_copies": asked.labelled.near_copies,
    }
    rows = [("model", model), ("photos", describe(photos)), *(("", line) for line in asked.labelled.cautions)]
    rows += evaluation.rows("accuracy", "photos")
    output.say(*skipped_files(photos))
    tables: list[str] = []
    try:
        found = assess(
            labels,
            probabilities,
            names,
            training_counts=asked.classifier.training_["photos"],
            class_shares=asked.classifier.class_shares_,
        )
    except ImportError:
        output.say("more scores, with intervals: pip install 'purrceptron[report]'")
    else:
        fields |= _more_fields(found, asked.classifier)
        rows += [*trust.score_rows(found), *trust.calibration_rows(found, asked.classifier.calibration_)]
        tables = ["", *trust.class_rows(found), "", *trust.curve_rows(found)]
    fields |= evaluation.to_dict()
    _add_coverage(asked, scored, abstain, rows, fields)
    if line:
        _add_threshold(asked, scored, line, rows, fields)
    if against is not None:
        _add_comparison(asked, scored, _Asked.read(against, data, skip_bad, output), rows, fields)
    if tables:
        tables += [
            "",
            f"  {_SHARES};",
            "  balanced accuracy, AUC, recall and each class's coverage stay (docs/trust.md)",
        ]
    output.result(fields, [*facts(rows), "", *evaluation.confusion_rows(), *tables])


@dataclass(frozen=True)
class _Asked:
    """What a model says about labelled photos.

    Attributes:
        file: The model file.
        photos: As they were read.
        labelled: The same as the model takes them, and which of them count.
        answers: What it says of them.
    """

    file: str
    classifier: PhotoClassifier
    photos: Data
    labelled: LabelledPhotos
    answers: Asked

    @classmethod
    def read(cls, model: str, data: str, skip_bad: bool, output: Output) -> _Asked:
        classifier = load_classifier(model)
        photos = read_test_data(
            data,
            output,
            image_size=classifier.image_size,
            color=classifier.color,
            fit=classifier.image_fit,
            skip_bad=skip_bad,
        )
        labelled = LabelledPhotos.of(classifier, photos)
        return cls(model, classifier, photos, labelled, Asked(classifier, labelled.pictures))

    @property
    def probabilities(self) -> Array:
        """As the model predicts them, `(photos, classes)`."""
        return self.answers.probabilities

    def right(self, scored: NDArray[np.bool_]) -> NDArray[np.int64]:
        """1 for each photo that it tells right, else 0."""
        right: NDArray[np.int64] = (self.probabilities.argmax(axis=1) == self.labelled.labels)[scored].astype(np.int64)
        return right


def _more_fields(found: Assessment, classifier: PhotoClassifier) -> dict[str, Any]:
    """What is reported beside the scores that need no scikit-learn."""
    calibration = classifier.calibration_
    fields = found.to_dict()
    learnt = None if calibration is None else {"value": calibration.temperature, "folds": calibration.folds}
    return {**{name: fields[name] for name in fields if name != "photos"}, "temperature": learnt}


def _add_coverage(
    asked: _Asked, scored: NDArray[np.bool_], abstain: float, rows: list[tuple[str, str]], fields: dict[str, Any]
) -> None:
    """What answers left open would have done here, if the model can leave any open."""
    calibration, names = asked.classifier.calibration_, asked.classifier.class_names_
    found = asked.answers.left_open(asked.labelled.labels, abstain, among=scored)
    if calibration is None or found is None:
        return
    rows += trust.coverage_rows(found, names, abstain, calibration.folds is None)
    fields["open_answers"] = trust.coverage_fields(found, names, abstain)


def _add_threshold(
    asked: _Asked,
    scored: NDArray[np.bool_],
    line: dict[str, float],
    rows: list[tuple[str, str]],
    fields: dict[str, Any],
) -> None:
    """The line for the stated costs and share, and what to expect of it."""
    names, labels, probabilities = asked.classifier.class_names_, asked.labelled.labels, asked.probabilities
    try:
        found = judge_threshold(labels[scored], probabilities[scored], asked.classifier.class_shares_[1], **line)
    except ValueError as error:
        raise DataError(f"{asked.photos.source}: {error}") from error
    rows += trust.threshold_rows(found, names[1], asked.file)
    fields["threshold"] = found.to_dict()


def _add_comparison(
    asked: _Asked, scored: NDArray[np.bool_], other: _Asked, rows: list[tuple[str, str]], fields: dict[str, Any]
) -> None:
    """McNemar's test on the photos that count for both models."""
    both = scored & other.labelled.scored
    if not both.any():
        raise DataError(f"{other.photos.source}: one of the two models knows every photo: nothing is left")
    if asked.labelled.trained_on != other.labelled.trained_on:
        raise DataError(f"{other.photos.source}: the photos are those that one of the two models was trained on")
    right = asked.right(both)
    found = compare(np.ones_like(right), right, other.right(both))
    rows += trust.comparison_rows(found, other.file)
    fields["against"] = {"model": other.file, "photos": int(both.sum()), **found.to_dict()}
