"""Nested cross-validation of the recipes on the 209 training photos: the series' against the best of a small grid.

    PURRCEPTRON_PHOTOS=train_catvnoncat.h5 python benches/recipes.py

The outer folds score; of each outer training part, inner folds choose among GRID by balanced accuracy (the first
of those within one standard error of the best, for the grid goes from the simple to the rich). Copies of a photo stay
in one fold. The difference is paired, photo by photo, with a 95 % interval by bootstrap over the photos.
"""

import os
import sys
import time
from typing import Any

import h5py
import numpy as np
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

import purrceptron as purr
from purrceptron.images.features import picture_features
from purrceptron.photos import views
from purrceptron.photos.recipes import recipe

REPEATS, OUTER, INNER = 3, 5, 4
BEST = recipe("best")
GRID: dict[str, dict[str, Any]] = {
    "colors": BEST | {"features": "colors"},
    "colors, l2 1e-3": BEST | {"features": "colors", "l2": 1e-3},
    "histograms": BEST,
    "histograms, l2 1e-3": BEST | {"l2": 1e-3},
    "histograms, every photo alike": BEST | {"class_weight": None},
    "histograms, 16 hidden": BEST | {"network": (16,), "l2": 1e-3, "learning_rate": 0.01},
}


_known: dict[Any, Any] = {}


def remembered(pictures: Any, features: Any, *, mirrored: bool = False) -> Any:
    """`picture_features`, computed once for each photo: the folds share them, and none depends on another photo."""
    keys = [(features, mirrored, picture.tobytes()) for picture in pictures]
    for key, picture in zip(keys, pictures, strict=True):
        if key not in _known:
            _known[key] = picture_features(picture[None], features, mirrored=mirrored)[0]
    return np.stack([_known[key] for key in keys])


def copies(images: Any) -> Any:
    """The same number for photos whose 8 x 8 thumbnails correlate above 0.86."""
    thumbnails = images.reshape(len(images), 8, 8, 8, 8, 3).mean((2, 4)).reshape(len(images), -1)
    alike = np.corrcoef(thumbnails) > 0.86
    groups = np.arange(len(images))
    for one, other in np.argwhere(np.triu(alike, 1)):
        groups[groups == groups[other]] = groups[one]
    return groups


def folds(labels: Any, groups: Any, count: int, seed: int) -> Any:
    """Pairs of places to train on and to score on."""
    return StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(labels, labels, groups)


def probabilities(settings: dict[str, Any], images: Any, labels: Any, train: Any, test: Any) -> Any:
    """Probability of a cat for each photo of `test`, learnt from those of `train`."""
    return purr.CatClassifier(**settings).fit(images[train], labels[train]).predict_proba(images[test])[:, 1]


def choose(images: Any, labels: Any, groups: Any) -> str:
    """The simplest of the grid within one standard error of the best, by inner folds."""
    parts = list(folds(labels, groups, INNER, 0))
    scores = {
        name: [
            balanced_accuracy_score(labels[test], probabilities(settings, images, labels, train, test) > 0.5)
            for train, test in parts
        ]
        for name, settings in GRID.items()
    }
    best = max(scores.values(), key=np.mean)
    least = np.mean(best) - np.std(best, ddof=1) / np.sqrt(INNER)
    return next(name for name, values in scores.items() if np.mean(values) >= least)


def interval(differences: Any) -> tuple[float, float]:
    """95 % of the means of 10,000 bootstrap samples of photos."""
    draws = np.random.default_rng(0).integers(0, len(differences), (10_000, len(differences)))
    low, high = np.percentile(differences[draws].mean(1), [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Score, and print."""
    with h5py.File(os.environ["PURRCEPTRON_PHOTOS"]) as file:
        images, labels = file["train_set_x"][:], file["train_set_y"][:].astype(int)
    groups = copies(images)
    views.picture_features = remembered
    print(f"{len(images)} photos, {len(set(groups))} after copies, {labels.mean():.3f} of them cats", flush=True)
    start, right = time.perf_counter(), {name: np.zeros(len(labels)) for name in ("series", "nested", "best")}
    for repeat in range(REPEATS):
        found = {name: np.zeros(len(labels)) for name in right}
        chosen = []
        for train, test in folds(labels, groups, OUTER, repeat):
            chosen.append(choose(images[train], labels[train], groups[train]))
            for name, settings in (("series", {}), ("nested", GRID[chosen[-1]]), ("best", BEST)):
                found[name][test] = probabilities(settings, images, labels, train, test)
        print(f"repeat {repeat}: chosen {chosen}")
        for name, p in found.items():
            right[name] += ((p > 0.5) == labels) / REPEATS
            print(
                f"  {name:8} accuracy {np.mean((p > 0.5) == labels):.3f}, balanced "
                f"{balanced_accuracy_score(labels, p > 0.5):.3f}, AUC {roc_auc_score(labels, p):.3f}"
            )
            sys.stdout.flush()
    for name in ("nested", "best"):
        difference = right[name] - right["series"]
        low, high = interval(difference)
        print(
            f"{name} - series: {100 * difference.mean():.1f} points, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
        )
    views.picture_features = picture_features
    began = time.perf_counter()
    purr.CatClassifier(**BEST).fit(images, labels)
    print(f"training of best: {time.perf_counter() - began:.1f} s; all of this: {began - start:.0f} s")


if __name__ == "__main__":
    main()
