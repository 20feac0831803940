"""What networks see of photos: features of the photos and, where these count, of their mirror images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .._arrays import Array
from ..images.cache import cache_folder
from ..images.decoding import Progress
from ..images.features import Features, picture_features
from ..images.mapping import mapping_of, one_array
from ..model import Sequential

__all__ = ["mean_probabilities", "photo_views"]

_AT_A_TIME = 512


def photo_views(pictures: Array, features: Features, mirror: bool, progress: Progress | None = None) -> Array:
    """All views of photos, `(views, photos, ...)`: of the photos, and with `mirror` of their mirror images.

    They stay in a file where the pictures do.

    Args:
        pictures: `(photos, height, width, channels)`, 0 to 255.
        features: "pixels", "colors" or "histograms".
        mirror: Whether there are two views.
        progress: Called with the number of views done, and of all.
    """
    if features == "pixels" and not mirror:
        return pictures[None]
    count = (1 + mirror) * len(pictures)

    def parts() -> Iterator[Array]:
        for first, mirrored in zip((0, len(pictures)), (False, True)[: 1 + mirror], strict=False):
            for start in range(0, max(len(pictures), 1), _AT_A_TIME):
                stop = min(start + _AT_A_TIME, len(pictures))
                yield picture_features(pictures[start:stop], features, mirrored=mirrored)  # and holds none of them
                if progress is not None:
                    progress(first + stop, count)

    in_file = mapping_of(pictures) is not None
    views = one_array(parts(), count, in_file=in_file, folder=cache_folder())
    return views.reshape(1 + mirror, len(pictures), *views.shape[1:])


def mean_probabilities(models: Sequence[Sequential], views: Array, n_threads: int | None) -> Array:
    """Probability of each class, `(photos, classes)`: the mean over networks and views."""
    each = [model.predict_proba(view, n_threads=n_threads) for model in models for view in views]
    probabilities = each[0] if len(each) == 1 else np.mean(each, axis=0)
    return probabilities if models[0].outputs > 1 else np.hstack([1 - probabilities, probabilities])
