"""`purr predict`: what a model sees on photos."""

from __future__ import annotations

import os
from pathlib import Path

import click

from .. import files
from ..errors import ModelFileError
from ..photos import PhotoClassifier
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
def predict(model: str, photos: tuple[str, ...], output: Output) -> None:
    """Ask MODEL, a file that `purr train` wrote, what is on each PHOTO.

    One line a photo: the photo, the answer, and how probable the model finds it. A photo is scaled until it covers the
    square that the model sees, and cropped.
    """
    classifier = load_classifier(model)
    for photo in photos:
        if os.path.isdir(photo):
            raise IsADirectoryError(None, None, photo)
    probabilities = classifier.predict_proba([Path(photo) for photo in photos])
    names = classifier.class_names_
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
    output.result({"model": model, "answers": answers}, lines)
