"""`purr predict`: what a model sees on photos."""

from __future__ import annotations

import os

import click
import numpy as np

from .. import files
from .._arrays import Array
from ..errors import DataError, ModelFileError
from ..images.reading import load_image
from ..photos import PhotoClassifier
from .failure import DEBUG, failure_line, say_failure
from .output import Output, output_options, percent

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
  purr predict cats.safetensors --json holiday/*.jpg
"""


@click.command(short_help="Ask a model what is on photos.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=click.Path())
@output_options
@click.pass_context
def predict(ctx: click.Context, model: str, photos: tuple[str, ...], output: Output) -> None:
    """Ask MODEL, a file that `purr train` wrote, what is on each PHOTO.

    One line a photo: the photo, the answer, and how probable the model finds it. A photo is scaled until it covers the
    square that the model sees, and cropped. A photo that cannot be read is named on standard error, and the exit status
    is then 1; the others are answered.
    """
    classifier = load_classifier(model)
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
        _answer(model, classifier, read, np.stack(list(pictures.values())), failed, output)
    if failed:
        ctx.exit(1)


def _read(photo: str, classifier: PhotoClassifier) -> Array:
    if os.path.isdir(photo):
        raise IsADirectoryError(None, None, photo)
    return load_image(photo, image_size=classifier.image_size, color=classifier.color, fit=classifier.image_fit)


def _answer(
    model: str,
    classifier: PhotoClassifier,
    photos: list[str],
    pictures: Array,
    failed: list[dict[str, str]],
    output: Output,
) -> None:
    probabilities, names = classifier.predict_proba(pictures), classifier.class_names_
    answers = [
        {
            "photo": photo,
            "answer": names[row.argmax()],
            "probability": float(row.max()),
            "probabilities": dict(zip(names, row.tolist(), strict=True)),
        }
        for photo, row in zip(photos, probabilities, strict=True)
    ]
    width, name_width = max(map(len, photos)), max(map(len, names))
    lines = (
        f"{photo:<{width}}  {click.style(names[row.argmax()].ljust(name_width), bold=True)}  {percent(row.max())}"
        for photo, row in zip(photos, probabilities, strict=True)
    )
    output.result({"model": model, "answers": answers, "failed": failed}, lines)
