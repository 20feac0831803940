"""The photos of `purr train`: those that it learns from, and those that it scores on."""

from __future__ import annotations

from typing import Any

from ..datasets import Data
from ..images.mapping import mapping_of
from .labelled import HeldOut
from .output import Output
from .sources import (
    alike_classes,
    assumed,
    draw,
    hold_out,
    picture_form,
    read_data,
    read_test_data,
    same_photos,
    skipped_files,
)

__all__ = ["BATCH_OF_MANY", "photos_of", "usual_batch"]

_DRAWN, _DRAWN_HELD_OUT = 400, 1000
# Photos of one step where they are too many to be held in memory: few enough for that, and as good as all of them.
BATCH_OF_MANY = 1024


def photos_of(
    data: str | None, test: str | None, holdout: float, seed: int, output: Output, **options: Any
) -> tuple[Data, HeldOut | None, list[str]]:
    """Photos to train on, photos held out if there are any, and what is doubtful about the classes, in lines.

    Args:
        data: Where they are; None draws them.
        test: Where those that are held out are; None takes a share of `data`.
        holdout: That share.
        seed: What is drawn is drawn from it.
        output: Hears what there is to say.
        options: As of `load_data`.
    """
    held_out: HeldOut | None = None
    doubts: list[str] = []
    if data is None:
        more = "" if test else f", and {_DRAWN_HELD_OUT:,} to score on"
        output.say(f"drawing {_DRAWN:,} pictures to train on{more}")
        training = draw(_DRAWN, seed)
        held_out = None if test else HeldOut(draw(_DRAWN_HELD_OUT, seed, held_out=True))
    else:
        output.say(f"reading {data}")
        training = read_data(data, output, **options)
        doubts = alike_classes(training)
        output.say(*assumed(training), *same_photos(training), *doubts)
    if test is not None:
        output.say(f"reading {test}")
        image_size, color = picture_form(training)
        photos = read_test_data(test, output, image_size=image_size, color=color, **options)
        held_out = HeldOut.apart(photos, training)
    elif data is not None:
        training, apart, remarks = hold_out(training, holdout, seed)
        held_out = None if apart is None else HeldOut(apart)
        output.say(*remarks)
    output.say(*skipped_files(training, *([held_out.photos] if test and held_out else ())))
    return training, held_out, doubts


def usual_batch(training: Data) -> int | None:
    """Photos of one step if the caller does not say: all (None), or 1,024 of a set that stays on disk.

    A step of all photos holds all of them in memory, and such a set is too large for that.
    """
    return None if mapping_of(training.images) is None else BATCH_OF_MANY
