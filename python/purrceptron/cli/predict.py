"""`purr predict`: what a model sees on photos."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from .options import SHARE, NumberRange
from .output import Output, aligned, amount, output_options, percent
from .trust import check_two_classes

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
  purr predict cats.safetensors --threshold 0.2 photo.jpg
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
    "--threshold",
    type=NumberRange(0, 1),
    metavar="P",
    help="Of two classes answer the positive one from this probability of it on, as `purr evaluate --share` and "
    "`--cost-...` advise.  [default: the more probable class]",
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
    threshold: float | None,
    explain: bool,
    folder: str | None,
    output: Output,
) -> None:
    """Ask MODEL, a file that `purr train` wrote, what is on each PHOTO.

    One line a photo: the photo, the answer, and how probable the model finds that answer. A photo is scaled until it
    covers the square that the model sees, and cropped. A photo that cannot be read is named on standard error, and the
    exit status is then 1; the others are answered.

    A photo that is nothing like those that the model has learnt from is marked: the answer on it says little.
    """
    if folder is not None and not explain:
        raise click.UsageError("--output is the folder for what --explain writes; add --explain")
    if abstain is not None and threshold is not None:
        raise click.UsageError("--abstain asks what classes fit a photo, without a --threshold: leave one of them out.")
    classifier = load_classifier(model)
    rule = _Rule(abstain, threshold)
    rule.check(model, classifier)
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
        _answer(model, classifier, read, np.stack(list(pictures.values())), rule, failed, into, output)
    if failed:
        ctx.exit(1)


@dataclass(frozen=True)
class _Rule:
    """How probabilities become answers: the likeliest class unless one of these is there.

    Attributes:
        abstain: Share of a class's photos that may get another answer; the rest is left open.
        threshold: Probability of the positive class from which it is the answer.
    """

    abstain: float | None
    threshold: float | None

    def check(self, model: str, classifier: PhotoClassifier) -> None:
        """Find out before the work whether a model can answer so.

        Raises:
            DataError: It cannot.
        """
        if self.threshold is not None:
            check_two_classes(model, classifier)
        if self.abstain is None:
            return
        if classifier.calibration_ is None:
            raise DataError(
                f"{model}: the model is not calibrated, so it can leave no answer open: train it again with "
                f"purr train --folds {FOLDS}"
            )
        try:
            classifier._check_abstain(self.abstain)
        except ValueError as error:
            raise DataError(f"{model}: {error}") from error

    def apply(self, model: str, classifier: PhotoClassifier, pictures: Array) -> list[_Answer]:
        """What it makes of each picture.

        Raises:
            DataError: There are too few calibration photos to leave so few answers wrong.
        """
        asked, names = Asked(classifier, pictures), classifier.class_names_
        probabilities = asked.probabilities
        places, sure = probabilities.argmax(axis=1), np.ones(len(probabilities), np.bool_)
        sets: Array | None = None
        if self.threshold is not None:
            places = (probabilities[:, 1] >= self.threshold).astype(np.int64)
        if self.abstain is not None:
            try:
                sets = asked.sets(1 - self.abstain)
            except ValueError as error:
                raise DataError(f"{model}: {error}") from error
            sure = answered(sets, asked.unlike)
            places = np.where(sure, sets.argmax(axis=1), places)  # a set of one class need not be the likeliest one
        novelty = [None] * len(probabilities) if asked.novelty is None else asked.novelty.tolist()
        rows = zip(places.tolist(), sure.tolist(), probabilities.tolist(), novelty, strict=True)
        return [
            _Answer(names, place, known, row, unlike, None if sets is None else sets[number].tolist())
            for number, (place, known, row, unlike) in enumerate(rows)
        ]


@dataclass(frozen=True)
class _Answer:
    """The answer on one photo.

    Attributes:
        names: Of the classes.
        place: Of the class that is answered; of the likeliest if none is.
        known: Whether one is.
        probabilities: Of the classes.
        novelty: How unlike the training photos it is; None where that is not known.
        fits: Whether each class fits, if that was asked.
    """

    names: tuple[str, ...]
    place: int
    known: bool
    probabilities: list[float]
    novelty: float | None
    fits: list[bool] | None

    @property
    def text(self) -> str:
        return self.names[self.place] if self.known else NOT_SURE

    def to_dict(self) -> dict[str, Any]:
        """All of it, for --json."""
        fits = self.fits
        return {
            "answer": self.text,
            "probability": self.probabilities[self.place],
            "probabilities": dict(zip(self.names, self.probabilities, strict=True)),
            **({} if fits is None else {"set": [name for name, fit in zip(self.names, fits, strict=True) if fit]}),
            "novelty": self.novelty,
            "unlike_training": None if self.novelty is None else self.novelty > 1,
        }

    def remark(self) -> str:
        """How probable the answer is, and what else there is to say."""
        likeliest = "" if self.known else f" {self.names[self.place]}"
        return f"{percent(self.probabilities[self.place])}{likeliest}{_mark(self.novelty)}"


def _read(photo: str, classifier: PhotoClassifier) -> Array:
    if os.path.isdir(photo):
        raise DataError(f"{photo}: is a folder; name the photos in it, such as {os.path.join(photo, '*.jpg')}")
    return load_image(photo, image_size=classifier.image_size, color=classifier.color, fit=classifier.image_fit)


def _answer(
    model: str,
    classifier: PhotoClassifier,
    photos: list[str],
    pictures: Array,
    rule: _Rule,
    failed: list[dict[str, str]],
    into: Path | None,
    output: Output,
) -> None:
    """Answer on photos that were read, and explain the answers into a folder if there is one."""
    answers = rule.apply(model, classifier, pictures)
    fields = [{"photo": photo, **answer.to_dict()} for photo, answer in zip(photos, answers, strict=True)]
    lines = aligned(
        [photos, [click.style(answer.text, bold=True) for answer in answers], [answer.remark() for answer in answers]],
        "<",
    )
    if into is not None:
        output.say(f"explaining {amount(len(photos), 'photo')}")
        into.mkdir(parents=True, exist_ok=True)
        files = explain_into(into, photos, pictures, [answer.place for answer in answers], classifier)
        fields = [field | {"explanation": file} for field, file in zip(fields, files, strict=True)]
        lines += ["", *(f"explained in {file}" for file in files)]
    asked = {"model": model, "abstain": rule.abstain, "threshold": rule.threshold}
    output.result({**asked, "answers": fields, "failed": failed}, lines)


def _mark(unlike: float | None) -> str:
    if unlike is None or unlike <= 1:
        return ""
    return click.style(f"  (unlike the training photos: {unlike:.1f} times the usual distance)", fg="yellow")
