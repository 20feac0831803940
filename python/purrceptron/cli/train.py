"""`purr train`: learn to tell classes of photos apart, and save a model file."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np

from .._arrays import Array
from ..augmentation import Augmentation
from ..callbacks import Callback, ProgressBar
from ..checkpoints import Checkpoint
from ..datasets import Data
from ..errors import DataError, DataWarning
from ..images.features import feature_count
from ..images.reading import Fit, channels_of
from ..optimizers import as_optimizer
from ..photos import CatClassifier, PhotoClassifier
from ..photos.pictures import as_pictures
from ..photos.recipes import Recipe
from .calibrating import FEWEST_OF_CLASS, FOLDS, MOST_PHOTOS, calibrate, usual_folds
from .file_progress import work_progress
from .options import USUAL, NumberRange, WholeRange, skip_bad_option
from .output import Output, amount, output_options
from .recipes import choose_recipe
from .score import Evaluation
from .sources import indices_of, picture_form
from .training_data import photos_of, usual_batch
from .training_options import training_options
from .training_report import Seconds, TrainingReport, next_steps
from .whole_files import check_output

__all__ = ["train"]

# Held-out photos whose cost is shown after every epoch, evenly spaced: of many, the training would wait for them.
_WATCHED_AT_MOST = 100

_EXAMPLES = """\b
Examples:
  purr train
  purr train photos/ --output pets.safetensors
  purr train train_catvnoncat.h5 --test test_catvnoncat.h5
  purr train photos/ --recipe series
  purr train photos/ --network 64-16-1 --optimizer adam --epochs 200 --batch-size 32
  purr train photos/ --checkpoint run/ --resume
"""


@click.command(short_help="Learn from photos and save a model.", epilog=_EXAMPLES)
@click.argument("data", required=False, type=click.Path())
@click.option("--test", "test", metavar="DATA", type=click.Path(), help="Photos to score on, instead of --holdout.")
@click.option(
    "--holdout",
    type=NumberRange(0, 1, max_open=True),
    default=0.2,
    show_default=True,
    metavar="SHARE",
    help="Share of each class in DATA that is not trained on but scored on; 0 trains on all, without such a score.",
)
@training_options
@click.option(
    "--output",
    "model_file",
    type=click.Path(),
    default="cats.safetensors",
    show_default=True,
    metavar="FILE",
    help="The model file to write; one of that name is replaced.",
)
@click.option(
    "--checkpoint",
    "directory",
    type=click.Path(),
    metavar="DIR",
    help="Leave checkpoints in this folder, the last two; --resume goes on from the last.",
)
@click.option(
    "--every",
    type=WholeRange(1),
    metavar="N",
    help="Epochs from one checkpoint to the next.  [default: 60 seconds]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the last checkpoint in DIR, with the model that a training without a stop gives, bit for bit; "
    "begin where there is none.",
)
@click.option("--force-data", is_flag=True, help="Resume on other photos than those of the checkpoint, too.")
@click.option(
    "--folds",
    type=WholeRange(0),
    metavar="N",
    help="Calibrate the probabilities by so many more trainings, each without a part of the photos; 0 does not.  "
    f"[default: {FOLDS} with --recipe best, of {FEWEST_OF_CLASS} photos of each class at least and {MOST_PHOTOS:,} in "
    "all at most; else 0]",
)
@click.option(
    "--positive-class",
    metavar="NAME",
    help="Of two classes the one that is asked for.  [default: cat if there is one, else the second]",
)
@click.option(
    "--fit",
    type=click.Choice(get_args(Fit)),
    default=USUAL["image_fit"],
    show_default=True,
    help="How a folder's photos become square: cut at the sides, with black bars, or bent.",
)
@skip_bad_option
@output_options
@click.pass_context
def train(
    ctx: click.Context,
    data: str | None,
    test: str | None,
    holdout: float,
    recipe_name: Recipe | None,
    network: str | None,
    epochs: int,
    batch_size: int | None,
    optimizer: str,
    learning_rate: float | None,
    augmentation: tuple[Augmentation, ...],
    mixup: float | None,
    ensemble: int,
    solver: str,
    seed: int,
    threads: int | None,
    model_file: str,
    directory: str | None,
    every: int | None,
    resume: bool,
    folds: int | None,
    force_data: bool,
    positive_class: str | None,
    fit: Fit,
    skip_bad: bool,
    output: Output,
) -> None:
    """Learn to tell photos apart, score on photos not learnt from, and save a model.

    DATA is a folder with one folder of photos per class, an .h5 in the layout of the course, a .csv of pixel columns
    and y, or an .npz with x and y. Without DATA, 400 pictures are drawn, half of them cats, and 1,000 more to score on
    (from seed + 2^64, which no training has).

    Two classes give the probability of the positive one; more give a probability each.
    """
    if ctx.get_parameter_source("holdout") is not click.core.ParameterSource.DEFAULT and (test or not data):
        raise click.UsageError("--holdout sets a part of DATA aside: give DATA, and no --test.", ctx)
    if folds == 1:
        raise click.UsageError("--folds takes 2 or more parts, or 0 for no calibration.", ctx)
    if ensemble > 1 and directory is not None:
        raise click.UsageError("--checkpoint is for one network: leave --ensemble out, or --checkpoint.", ctx)
    checkpoint = _checkpoint(ctx, directory, every, resume, force_data)
    chosen = choose_recipe(ctx, recipe_name, data)
    check_output(model_file, "a model file", [data, test])
    training, held_out, doubts = photos_of(data, test, holdout, seed, output, fit=fit, skip_bad=skip_bad)
    if learning_rate is None:
        usual = optimizer == USUAL["optimizer"]
        learning_rate = USUAL["learning_rate"] if usual else as_optimizer(optimizer).to_dict()["learning_rate"]
    if batch_size is None and (batch_size := usual_batch(training)) is not None:
        size = training.images.nbytes / 2**30
        output.say(f"the photos stay on disk, {size:.1f} GiB of pixels: trained on in batches of {batch_size:,}")
    image_size, color = picture_form(training)
    try:
        feature_count(chosen.settings.get("features", "pixels"), image_size, channels_of(color))
    except ValueError as error:
        raise DataError(f"{training.source}: {error}; --recipe series takes small pictures, too") from error
    if folds is not None and folds > len(training):
        raise DataError(f"{training.source}: --folds {folds:,}, but there are {len(training):,} photos to train on")
    settings: dict[str, Any] = {
        "network": network or USUAL["network"],
        "image_size": image_size,
        "color": color,
        "image_fit": fit,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "batch_size": batch_size,
        "optimizer": optimizer,
        "seed": seed,
        "n_threads": threads,
        "solver": solver,
        "ensemble": ensemble,
        "augmentation": augmentation,
        "mixup": mixup,
    } | chosen.settings
    names = training.class_names
    classifier = PhotoClassifier(**settings)
    if len(names) == 2:
        positive = positive_class or next((n for n in names if n.casefold() in ("cat", "cats")), names[1])
        if positive not in names:
            known = ", ".join(map(repr, names))
            raise DataError(f"{training.source}: --positive-class {positive!r} is none of the classes {known}")
        names = (*(name for name in names if name != positive), positive)
        classifier = CatClassifier(**settings, positive_class=positive)
    elif positive_class is not None:
        raise DataError(f"{training.source}: --positive-class is for two classes, but there are {len(names)}")
    if held_out is not None:  # all that can be refused is refused before the training
        asked = held_out.photos
        held_out_labels = indices_of(asked, names)
        held_out_pictures = as_pictures(asked.images, image_size, color, asked.source)
    watched = None
    if held_out is not None:
        some = slice(None, None, -(-len(held_out_labels) // _WATCHED_AT_MOST))
        watched = held_out_pictures[some], np.array(names)[held_out_labels[some]]
    if classifier.features != "pixels":
        output.say(f"describing {amount(len(training), 'photo')} by {classifier.features}")
    callbacks = [] if output.quiet or ensemble > 1 else [ProgressBar()]
    if ensemble > 1:
        output.say(f"training {ensemble} networks side by side, which shows no progress")
    replaced, begin = Path(model_file).exists(), time.monotonic()
    _learn(classifier, training, watched, callbacks, checkpoint, resume, model_file, output)
    classifier.save(model_file)
    parts = usual_folds(training, chosen.name) if folds is None else folds
    calibration_begin = time.monotonic()
    if parts:
        calibrate(classifier, training, parts, model_file, folds is not None, output)
    end = time.monotonic()

    evaluation = None
    if held_out is not None:
        predicted = _answers(classifier, held_out_pictures, model_file)
        evaluation = Evaluation(classifier.class_names_, held_out_labels, predicted, classifier.training_["photos"])
    output.say("")
    seconds = Seconds(calibration_begin - begin, end - calibration_begin)
    report = TrainingReport(classifier, chosen, training, held_out, evaluation, model_file, replaced, seconds, doubts)
    output.result(report.to_dict(), report.lines())
    output.say(*next_steps(model_file, data, classifier.class_names_[-1], seed))


def _checkpoint(
    ctx: click.Context, directory: str | None, every: int | None, resume: bool, force_data: bool
) -> Checkpoint | None:
    """What is to be kept of the training."""
    if directory is None:
        for option, given in (("--every", every), ("--resume", resume), ("--force-data", force_data)):
            if given:
                raise click.UsageError(f"{option} is about checkpoints: give --checkpoint DIR, too.", ctx)
        return None
    if force_data and not resume:
        raise click.UsageError("--force-data is about --resume.", ctx)
    return Checkpoint(directory, every_epochs=every, force_data=force_data)


def _learn(
    classifier: PhotoClassifier,
    training: Data,
    watched: tuple[Array, Array] | None,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
    resume: bool,
    model_file: str,
    output: Output,
) -> None:
    """Train. A stop that comes when the training is whole leaves a model file."""
    try:
        with warnings.catch_warnings(), work_progress(output, "computing features", "picture") as progress:
            if training.images.dtype == np.uint8:  # equal photos are named already
                warnings.simplefilter("ignore", DataWarning)
            classifier.fit(
                training.images,
                training.labels,
                class_names=training.class_names,
                validation_data=watched,
                callbacks=callbacks,
                checkpoint=checkpoint,
                resume=resume,
                progress=progress,
            )
    except DataError as error:
        raise DataError(f"{training.source}: {error}") from error
    except KeyboardInterrupt as interrupt:
        if hasattr(classifier, "history_"):
            classifier.save(model_file)
            raise type(interrupt)(f"{model_file} was saved, without a calibration") from None
        kept = [f"{note}; --resume goes on from it" for note in getattr(interrupt, "__notes__", ())[-1:]]
        saved = "".join(kept) or "nothing was saved"
        raise type(interrupt)(saved) from None


def _answers(classifier: PhotoClassifier, pictures: Array, model_file: str) -> Array:
    try:
        probabilities = classifier.predict_proba(pictures)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(f"{model_file} was saved, but not scored") from None
    return np.asarray(probabilities.argmax(axis=1))
