"""`purr evaluate`: how good a model is on labelled photos."""

from __future__ import annotations

import click
import numpy as np

from ..photos.pictures import among_hashes, as_pictures, data_hash, photo_hashes
from .file_progress import file_progress
from .output import Output, amount, facts, output_options
from .predict import load_classifier
from .score import Evaluation
from .sources import counts, describe, indices_of, read_test_data

__all__ = ["evaluate"]


_EXAMPLES = """\b
Examples:
  purr evaluate cats.safetensors photos/
  purr evaluate cats.safetensors test_catvnoncat.h5 --json
"""


@click.command(short_help="Score a model on labelled photos.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("--skip-bad", is_flag=True, help="Leave out files in folders that are no photo, instead of failing.")
@output_options
def evaluate(model: str, data: str, skip_bad: bool, output: Output) -> None:
    """Score MODEL on DATA, photos with their classes.

    Shows the accuracy with its 95 % interval (Wilson) beside two baselines, the class that was most frequent in
    training and the best constant answer, and how often each class was taken for which. Photos that the model has
    learnt from say nothing about others: they are left out, unless all of them are such.

    DATA is as for `purr train`; of an .h5 with two parts the test set counts. Classes are matched by name.
    """
    classifier = load_classifier(model)
    with file_progress(output) as progress:
        photos = read_test_data(
            data,
            image_size=classifier.image_size,
            color=classifier.color,
            fit=classifier.image_fit,
            skip_bad=skip_bad,
            progress=progress,
        )
    if photos.skipped:
        output.say(f"left out {amount(len(photos.skipped), 'file')} that cannot be read")
    labels = indices_of(photos, classifier.class_names_)
    pictures = as_pictures(photos.images, classifier.image_size, classifier.color, photos.source)
    known = among_hashes(photo_hashes(pictures), classifier.training_["photo_hashes"])
    # The whole set is known by its own hash too: from files without hashes of photos, or with those of a part.
    trained_on = bool(known.all()) or data_hash(pictures, labels) == classifier.training_["data_sha256"]
    scored = np.full_like(known, True) if trained_on else ~known
    predicted = classifier.predict_proba(pictures[scored]).argmax(axis=1)
    evaluation = Evaluation(classifier.class_names_, labels[scored], predicted, classifier.training_["photos"])
    left_out = len(known) - int(scored.sum())
    fields = {
        "model": model,
        "data": {"source": photos.source, "photos": counts(photos), "skipped": [str(p) for p in photos.skipped]},
        "trained_on": trained_on,
        "left_out": left_out,
        **evaluation.to_dict(),
    }
    rows = [("model", model), ("photos", describe(photos)), *evaluation.rows("accuracy", "photos")]
    if trained_on:
        rows.insert(2, ("", "the photos that it was trained on: the score says nothing about others"))
    elif left_out:
        rows.insert(2, ("", f"{amount(left_out, 'photo')} of them it was trained on: left out of the score"))
    output.result(fields, [*facts(rows), "", *evaluation.confusion_rows()])
