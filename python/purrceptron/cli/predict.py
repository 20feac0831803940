"""`purr predict`: what a model sees on photos."""

from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np

from .. import files
from .._arrays import Array
from ..assessment.conformal import answered
from ..errors import DataError, ModelFileError
from ..images.reading import load_image
from ..photos import NOT_SURE, PhotoClassifier
from ..photos.asked import Asked
from .calibrating import FOLDS
from .explaining import explain_into
from .failure import DEBUG, failure_line, say_failure
from .options import SHARE
from .output import Output, amount, output_options, percent

__all__ = ["load_classifier", "predict"]


def load_classifier(path: str) -> PhotoClassifier:
    """Read a model file that holds a photo classifier.

    Raises:
        ModelFileError: It is another network's.
    """
    model = files.load(path)
    if not isinstance(model, PhotoClassifier):
        raise ModelFileError(f"{path}: a network, but no photo classifier: it does not say what classes it tells apart")
    return model


_EXAMPLES = """\b
Examples:
  purr predict cats.safetensors photo.jpg
  purr predict cats.safetensors --abstain 0.1 photo.jpg
  purr predict cats.safetensors --json holiday/*.jpg
  purr predict cats.safetensors photo.jpg --explain
"""


@click.command(short_help="Ask a model what is on photos.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--abstain",
    type=SHARE,
    metavar="SHARE",
    help="Answer 'not sure' on photos that are nothing like those of the training, and so often that at most this "
    "share of each class's photos is taken for another.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Write NAME.explained.png for each photo: what in it speaks for the answer, and what against it.",
)
@click.option(
    "--output",
    "folder",
    type=click.Path(),
    metavar="DIR",
    help="Folder for what --explain writes, made if there is none.  [default: the present folder]",
)
@output_options
@click.pass_context
def predict(
    ctx: click.Context,
    model: str,
    photos: tuple[str, ...],
    abstain: float | None,
    explain: bool,
    folder: str | None,
    output: Output,
) -> None:
    """Ask MODEL, a file that `purr train` wrote, what is on each PHOTO.

    One line a photo: the photo, the answer, and how probable the model finds it. A photo is scaled until it covers the
    square that the model sees, and cropped. A photo that cannot be read is named on standard error, and the exit status
    is then 1; the others are answered.

    A photo that is nothing like those that the model has learnt from is marked: the answer on it says little.
    """
    if folder is not None and not explain:
        raise click.UsageError("--output is the folder for what --explain writes; add --explain")
    classifier = load_classifier(model)
    if abstain is not None:
        _check_abstain(model, classifier, abstain)
    pictures: dict[int, Array] = {}
    failed: list[dict[str, str]] = []
    for place, photo in enumerate(photos):
        try:
            pictures[place] = _read(photo, classifier)
        except (OSError, DataError) as error:
            if ctx.meta.get(DEBUG):
                raise
            failed.append({"photo": photo, "error": failure_line(error)})
            say_failure(ctx, failed[-1]["error"])
    if pictures:
        read = [photos[place] for place in pictures]
        into = Path(folder or ".") if explain else None
        _answer(model, classifier, read, np.stack(list(pictures.values())), abstain, failed, into, output)
    if failed:
        ctx.exit(1)


def _check_abstain(model: str, classifier: PhotoClassifier, abstain: float) -> None:
    """Find out before the work whether answers can be left open.

    Raises:
        DataError: They cannot.
    """
    if classifier.calibration_ is None:
        raise DataError(
            f"{model}: the model is not calibrated, so it can leave no answer open: train it again with "
            f"purr train --folds {FOLDS}"
        )
    try:
        classifier._check_abstain(abstain)
    except ValueError as error:
        raise DataError(f"{model}: {error}") from error


def _read(photo: str, classifier: PhotoClassifier) -> Array:
    if os.path.isdir(photo):
        raise IsADirectoryError(None, None, photo)
    return load_image(photo, image_size=classifier.image_size, color=classifier.color, fit=classifier.image_fit)


def _answer(
    model: str,
    classifier: PhotoClassifier,
    photos: list[str],
    pictures: Array,
    abstain: float | None,
    failed: list[dict[str, str]],
    into: Path | None,
    output: Output,
) -> None:
    asked = Asked(classifier, pictures)
    probabilities, names = asked.probabilities, classifier.class_names_
    likeliest = probabilities.argmax(axis=1)
    sets, sure = np.arange(len(names)) == likeliest[:, None], np.ones(len(photos), np.bool_)
    novelty = [None] * len(photos) if asked.novelty is None else asked.novelty.tolist()
    if abstain is not None:
        try:
            sets = asked.sets(1 - abstain)
        except ValueError as error:
            raise DataError(f"{model}: {error}") from error
        sure = answered(sets, asked.unlike)
    places = np.where(sure, sets.argmax(axis=1), likeliest)  # a set of one class need not be the likeliest one
    answers = [
        {
            "photo": photo,
            "answer": names[place] if known else NOT_SURE,
            "probability": float(row[place]),
            "probabilities": dict(zip(names, row.tolist(), strict=True)),
            **({} if abstain is None else {"set": [name for name, held in zip(names, may_be, strict=True) if held]}),
            "novelty": unlike,
            "unlike_training": None if unlike is None else unlike > 1,
        }
        for photo, place, known, row, may_be, unlike in zip(
            photos, places, sure, probabilities, sets, novelty, strict=True
        )
    ]
    explanations: list[str] = []
    if into is not None:
        output.say(f"explaining {amount(len(photos), 'photo')}")
        into.mkdir(parents=True, exist_ok=True)
        explanations = explain_into(into, photos, pictures, classifier)
        answers = [answer | {"explanation": file} for answer, file in zip(answers, explanations, strict=True)]
    width, name_width = max(map(len, photos)), max(len(str(answer["answer"])) for answer in answers)
    name_width = max(name_width, *map(len, names))
    lines = [
        f"{photo:<{width}}  {click.style(str(answer['answer']).ljust(name_width), bold=True)}  {percent(row[place])}"
        f"{'' if known else f' {names[place]}'}{_mark(unlike)}"
        for photo, answer, place, known, row, unlike in zip(
            photos, answers, places, sure, probabilities, novelty, strict=True
        )
    ]
    if explanations:
        lines += ["", *(f"explained in {file}" for file in explanations)]
    output.result({"model": model, "answers": answers, "failed": failed}, lines)


def _mark(unlike: float | None) -> str:
    if unlike is None or unlike <= 1:
        return ""
    return click.style(f"  (unlike the training photos: {unlike:.1f} times the usual distance)", fg="yellow")
