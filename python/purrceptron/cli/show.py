"""`purr show`: what a model file holds."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from .. import files
from ..photos import PhotoClassifier
from .output import Output, amount, facts, output_options, percent

__all__ = ["show"]


_EXAMPLES = """\b
Example:
  purr show cats.safetensors
"""


@click.command(short_help="Describe a model file.", epilog=_EXAMPLES)
@click.argument("model", type=click.Path())
@output_options
def show(model: str, output: Output) -> None:
    """Describe MODEL: its network, its classes, what it was trained on, the fingerprint of its weights.

    The fingerprint is checked while the file is read: equal fingerprints mean equal weights, bit for bit. That of an
    ensemble is of the fingerprints of its networks.
    """
    loaded = files.load(model)
    networks = loaded.models_ if isinstance(loaded, PhotoClassifier) else (loaded,)
    header = _description(model)
    size = os.path.getsize(model)
    fields: dict[str, Any] = {
        "model": model,
        "format": header["format_version"],
        "library_version": header["library_version"],
        "bytes": size,
        "fingerprint": loaded.fingerprint(),
        "network": header["network"],
        "networks": len(networks),
        "classifier": None,
    }
    version = f"format {header['format_version']}, purrceptron {header['library_version']}"
    rows = [("file", f"{model}, {size / 1000:,.0f} kB, {version}")]
    if isinstance(loaded, PhotoClassifier):
        names, summary = loaded.class_names_, loaded.training_
        settings = {key: value for key, value in loaded.get_params().items() if key != "n_threads"}
        fields["classifier"] = {
            "kind": type(loaded).__name__,
            "settings": json.loads(json.dumps(settings, default=lambda optimizer: optimizer.to_dict())),
            "classes": list(names),
            "training": summary,
        }
        photos = dict(zip(names, summary["photos"], strict=True))
        classes = ", ".join(f"{number} {name!r}" for number, name in enumerate(names))
        rows += [
            ("classes", f"{classes}, on photos of {loaded.image_size} x {loaded.image_size}, {loaded.color}"),
            (
                "trained on",
                f"{amount(sum(photos.values()), 'photo')}: " + ", ".join(f"{n:,} {k}" for k, n in photos.items()),
            ),
            ("", f"{summary['epochs']:,} epochs of {loaded.optimizer} at {loaded.learning_rate:g}, seed {loaded.seed}"),
        ]
        if summary["first_cost"] is not None:
            rows.append(("cost", f"{summary['first_cost']:.4f} at the start, {summary['last_cost']:.4f} at the end"))
        rows += [
            ("accuracy", f"{percent(summary['accuracy']).strip()} of the photos trained on"),
            ("data hash", summary["data_sha256"]),
        ]
    rows.append(("fingerprint", loaded.fingerprint()))
    if len(networks) > 1:
        rows.append(("ensemble", f"{len(networks)} networks, whose probabilities are averaged; each is"))
    table = [f"  {line}" for line in networks[0].summary().splitlines()]
    output.result(fields, [*facts(rows), "", *table])


def _description(model: str) -> dict[str, Any]:
    """What a model file says of itself; `files.load` has checked it."""
    with open(model, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    description: dict[str, Any] = json.loads(header["__metadata__"]["purrceptron"])
    return description
