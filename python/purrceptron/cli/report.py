"""`purr report`: a page on how good a model is and what it looks at."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from .labelled import LabelledPhotos
from .options import skip_bad_option, trust_options
from .output import Output, amount, facts, output_options, percent
from .predict import load_classifier
from .sources import counts, describe, indices_of, read_data, read_test_data, skipped_files
from .trust import by_threshold, check_two_classes, coverage_fields
from .whole_files import check_output, write_whole

if TYPE_CHECKING:
    from ..report import Findings

__all__ = ["report"]

_NEEDED = {"jinja2": "Jinja2", "matplotlib": "matplotlib", "sklearn": "scikit-learn"}

_EXAMPLES = """\b
Examples:
  purr report cats.safetensors photos/
  purr report cats.safetensors test/ --training photos/ --output cats.html
  purr report cats.safetensors photos/ --share 0.05 --cost-false-negative 10
"""


@click.command(short_help="Make a page on how far to trust a model.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option(
    "--output",
    "page",
    type=click.Path(),
    default="report.html",
    show_default=True,
    metavar="FILE",
    help="The page to write; one of that name is replaced.",
)
@click.option(
    "--training",
    metavar="DATA",
    type=click.Path(),
    help="Photos that the model was trained on, for the doctor to compare with.",
)
@trust_options
@skip_bad_option
@output_options
def report(
    model: str,
    data: str,
    page: str,
    training: str | None,
    line: dict[str, Any],
    abstain: float,
    skip_bad: bool,
    output: Output,
) -> None:
    """Write an HTML page on MODEL and what it makes of DATA, photos with their classes.

    It shows scores with their intervals beside baselines, what is taken for what, whether probabilities come true,
    where to draw the line for your costs and class share, what leaving answers open does, the photos it was surest and
    least sure of, what in them its answers hang on, the weights of its first layer, the cost of the training, and what
    `purr doctor` finds. The page is one file that needs no other, and no network.

    DATA is as for `purr evaluate`: photos that the model was trained or calibrated on are left out, unless all of them
    are such. It takes `pip install 'purrceptron[report]'`.
    """
    from ..report import Findings, render

    for module, name in _NEEDED.items():
        if find_spec(module) is None:
            raise ImportError(f"purr report needs {name}: pip install 'purrceptron[report]'")
    check_output(page, "a page", [model, data, training])
    classifier = load_classifier(model)
    if line:
        check_two_classes(model, classifier)
    output.say(f"reading {data}")
    form = {"image_size": classifier.image_size, "color": classifier.color, "fit": classifier.image_fit}
    photos = read_test_data(data, output, **form, skip_bad=skip_bad)
    labelled = LabelledPhotos.of(classifier, photos)
    learnt = None
    if training is not None:
        output.say(f"reading {training}")
        known_photos = read_data(training, output, **form, skip_bad=skip_bad)
        learnt = known_photos.images, indices_of(known_photos, classifier.class_names_)
    output.say(*skipped_files(photos, *([known_photos] if training is not None else ())))
    scored = labelled.scored
    output.say(f"looking at {amount(int(scored.sum()), 'photo')}")
    findings = Findings.gather(
        classifier,
        labelled.pictures[scored],
        labelled.labels[scored],
        names=[photos.paths[place].name if photos.paths else f"photo {place}" for place in np.flatnonzero(scored)],
        training=learnt,
        abstain=abstain,
        **line,
    )
    text = render(
        findings,
        model=Path(model).name,
        photos=describe(photos),
        seen=labelled.trained_on,
        calibrated_on=labelled.calibrated_on,
        left_out=labelled.left_out,
        left_out_for=labelled.left_out_for,
    )
    encoded = text.encode("utf-8", "backslashreplace")
    write_whole(page, encoded)
    size = len(encoded)
    accuracy = findings.assessment.accuracy
    fields = {
        "model": model,
        "data": {"source": photos.source, "photos": counts(photos), "skipped": [str(p) for p in photos.skipped]},
        "trained_on": labelled.trained_on,
        "calibrated_on": labelled.calibrated_on,
        "left_out": labelled.left_out,
        "near_copies": labelled.near_copies,
        **findings.assessment.to_dict(),
        **_decisions(findings),
        "unlike": findings.unlike_count,
        "findings": [finding.to_dict() for finding in findings.diagnosis],
        "report": page,
        "bytes": size,
    }
    score = f"{percent(accuracy.value).strip()} of {amount(len(findings.assessment.labels), 'photo')}"
    between = f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f} %"
    rows = [("model", model), ("photos", describe(photos)), *(("", line) for line in labelled.cautions)]
    rows.append(("accuracy", f"{score}, 95 % interval {between}"))
    if line and findings.threshold is not None:
        rows.append(("threshold", by_threshold(findings.threshold.line, model)))
    rows.append(("report", f"{page}, {size:,} bytes; open it in a browser"))
    output.result(fields, facts(rows))


def _decisions(findings: Findings) -> dict[str, Any]:
    """The line and open answers for --json, as `purr evaluate` has them."""
    fields: dict[str, Any] = {}
    if findings.threshold is not None:
        fields["threshold"] = findings.threshold.to_dict()
    if findings.open_answers is not None:
        names = findings.classifier.class_names_
        fields["open_answers"] = coverage_fields(findings.open_answers, names, findings.abstain)
    return fields
