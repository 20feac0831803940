"""What `purr train` says at the end."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .. import _core
from ..assessment.calibration import MOST_TEMPERATURE
from ..datasets import Data
from ..layers import Dense
from ..photos import PhotoClassifier
from .labelled import HeldOut
from .output import amount, facts
from .recipes import ChosenRecipe
from .score import Evaluation, Score
from .sources import counts, describe

__all__ = ["Seconds", "TrainingReport", "next_steps"]


@dataclass(frozen=True)
class Seconds:
    """What a training took, with its features and what is noted of it, and what its calibration took."""

    training: float
    calibration: float

    @property
    def whole(self) -> float:
        """Both."""
        return self.training + self.calibration


class TrainingReport:
    """A training and its scores.

    Args:
        classifier: What was trained.
        recipe: By which recipe, and why.
        training: The photos that it was trained on.
        held_out: Photos that it was not trained on, if there are any.
        evaluation: How it does on these.
        model_file: Where it was saved.
        replaced: Whether that was the name of another file.
        seconds: How long it took.
        doubts: What is doubtful about the classes, in lines.
    """

    def __init__(
        self,
        classifier: PhotoClassifier,
        recipe: ChosenRecipe,
        training: Data,
        held_out: HeldOut | None,
        evaluation: Evaluation | None,
        model_file: str,
        replaced: bool,
        seconds: Seconds,
        doubts: Sequence[str] = (),
    ) -> None:
        self.classifier, self.recipe = classifier, recipe
        self.doubts = list(doubts)
        self.seconds = seconds
        self.training, self.held_out, self.evaluation = training, held_out, evaluation
        self.model_file, self.bytes, self.replaced = model_file, os.path.getsize(model_file), replaced
        model = classifier.model_
        sizes = [layer.units for layer in model.layers if isinstance(layer, Dense)]
        weights = model.get_weights()
        self.network = "-".join(map(str, [len(weights[0]), *sizes]))
        self.weights = sum(weight.size for weight in weights)
        self.fingerprint = classifier.fingerprint()
        self.threads = _core.thread_count(classifier.n_threads)
        photos = len(training)
        self.on_training = Score.of_share(classifier.training_["accuracy"], photos)
        batch_size = classifier.batch_size or photos
        self.batch = f"batches of {batch_size:,}" if batch_size < photos else "full batch"

    def to_dict(self) -> dict[str, Any]:
        """All of it, for --json."""
        classifier, history, summary = self.classifier, self.classifier.history_, self.classifier.training_
        held_out, calibration = self.held_out, classifier.calibration_
        return {
            "data": {
                "source": self.training.source,
                "photos": counts(self.training),
                "picture": list(self.training.images.shape[1:]),
                "skipped": list(map(str, self.training.skipped)),
                "sha256": summary["data_sha256"],
                "doubts": self.doubts,
            },
            "held_out": held_out
            and {
                "source": held_out.photos.source,
                "photos": counts(held_out.photos),
                "left_out": held_out.left_out,
                "trained_on": held_out.trained_on,
                "near_duplicates": held_out.near,
            },
            "classes": list(classifier.class_names_),
            "recipe": self.recipe.name,
            "recipe_reason": self.recipe.reason,
            "features": classifier.features,
            "network": self.network,
            "weights": self.weights,
            "ensemble": classifier.ensemble,
            "epochs": summary["epochs"],
            "batch_size": classifier.batch_size,
            "optimizer": classifier.optimizer,
            "learning_rate": classifier.learning_rate,
            "seed": classifier.seed,
            "solver": history.solver,
            "solver_reason": history.solver_reason,
            "threads": self.threads,
            "seconds": self.seconds.whole,
            "calibration_seconds": self.seconds.calibration,
            "cost": {"first": summary["first_cost"], "last": summary["last_cost"]},
            "training_accuracy": self.on_training.to_dict(),
            "held_out_score": self.evaluation and self.evaluation.to_dict(),
            "calibration": calibration and {"temperature": calibration.temperature, "folds": calibration.folds},
            "model": self.model_file,
            "bytes": self.bytes,
            "replaced": self.replaced,
            "fingerprint": self.fingerprint,
        }

    def lines(self) -> list[str]:
        """All of it, for people."""
        classifier, history, summary = self.classifier, self.classifier.history_, self.classifier.training_
        names = classifier.class_names_
        rows = [("trained on", describe(self.training))]
        rows += [("", click.style(doubt, fg="yellow")) for doubt in self.doubts]
        if self.held_out is not None:
            rows.append(("scored on" if self.held_out.trained_on else "held out", describe(self.held_out.photos)))
            rows += [("", remark) for remark in self.held_out.remarks]
        if len(names) == 2 and names[-1] != "cat":
            rows.append(("positive", f"{names[-1]!r} (--positive-class says otherwise)"))
        rate = f"{classifier.optimizer} at {classifier.learning_rate:g}"
        time = f"{self.seconds.whole:.1f} s on {amount(self.threads, 'thread')}"
        if classifier.calibration_ is not None:
            time += f", {self.seconds.calibration:.1f} s of it the calibration"
        rows += [
            ("recipe", f"{self.recipe.name}: {self.recipe.reason}"),
            ("network", self._described()),
            ("training", f"{summary['epochs']:,} epochs of {rate}, {self.batch}"),
            ("solver", f"{history.solver}: {history.solver_reason}"),
            ("time", time),
            ("cost", f"{summary['first_cost']:.4f} at the start, {summary['last_cost']:.4f} at the end"),
            ("", ""),
            ("accuracy", f"{self.on_training} of the {amount(self.on_training.n, 'photo')} trained on"),
        ]
        if self.evaluation is None or self.held_out is None:
            rows.append(("", "No photos were held out, so nothing can be said about unseen ones."))
        else:
            what = "photos scored on" if self.held_out.trained_on else "photos held out"
            rows += self.evaluation.rows("", what)
        if classifier.calibration_ is not None:
            temperature, folds = classifier.calibration_.temperature, classifier.calibration_.folds
            rows.append(
                ("calibrated", f"on {folds} folds, temperature {temperature:.2f}: purr predict takes --abstain")
            )
            if temperature >= MOST_TEMPERATURE:
                rows.append(
                    ("", "On parts that it had not seen it was no better than a guess: its answers mean nothing.")
                )
        rows += [
            ("", ""),
            (
                "saved",
                f"{self.model_file}, {self.bytes / 1000:,.0f} kB" + ", in the place of an older file" * self.replaced,
            ),
            ("fingerprint", self.fingerprint),
        ]
        return facts(rows)

    def _described(self) -> str:
        """The network, or those of an ensemble."""
        seed, count = self.classifier.seed, self.classifier.ensemble
        if count == 1:
            return f"{self.network}, {self.weights:,} weights, seed {seed}"
        return f"{count} times {self.network}, {self.weights:,} weights each, seeds {seed} to {seed + count - 1}"


def next_steps(model_file: str, data: str | None, positive: str, seed: int) -> list[str]:
    """What to type next.

    Args:
        model_file: The model that was saved.
        data: What it was trained on, None for drawn pictures.
        positive: Name of the positive class.
        seed: Seed of the training.
    """
    predict = f"  purr predict {shlex.quote(model_file)}"
    lines = ["", "Next, ask it about a photo:", f"{predict} photo.jpg"]
    if data is None:
        return [
            *lines,
            "or about drawn pictures that it has never seen:",
            f"  purr data make pictures --count 10 --seed {seed + 1}",
            f"{predict} pictures/cat/00000.png",
        ]
    folder = Path(data) / positive
    photos = sorted(file for file in folder.iterdir() if file.name[0] != ".") if folder.is_dir() else []
    return [*lines[:2], f"{predict} {shlex.quote(str(photos[0]))}"] if photos else lines
