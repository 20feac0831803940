"""`Calibration`: what photos that a network was not trained on say about its probabilities."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from .._spec import check_whole
from ..assessment.calibration import LEAST_TEMPERATURE, MOST_TEMPERATURE, fit_temperature
from ..assessment.conformal import conformal_scores
from ..datasets.duplicates import near_duplicates
from ..errors import DataError
from ..images.cache import cache_folder
from ..images.decoding import Progress
from ..images.mapping import take
from .classes import Indices
from .pictures import among_hashes, data_hash, pack_hashes, photo_hashes
from .training import new_networks, train
from .views import mean_probabilities, photo_views

if TYPE_CHECKING:
    from .classifier import PhotoClassifier

__all__ = ["Calibration"]

# Scores that are kept: of a class, and in all, which is 90 kB of text.
_MOST_OF_CLASS, _MOST_SCORES = 1000, 2**14
_SCORE, _COUNT = np.dtype("<f4"), np.dtype("<u2")


@dataclass(frozen=True)
class Calibration:
    """What photos that a network was not trained on say about its probabilities.

    Attributes:
        temperature: Its logits are divided by it, see `purrceptron.assessment.fit_temperature`.
        scores: Of each class, sorted, the probabilities of it that its photos got, before the temperature; at most
            1,000 of a class and 16,384 in all, else drawn. `purrceptron.assessment.prediction_sets` says what for.
        folds: Of the cross-fit that gave them; None if they are of photos apart from the training.
        photo_hashes: Of the photos apart, packed as those of the training; empty with folds, and in older files.
    """

    temperature: float
    scores: tuple[tuple[float, ...], ...]
    folds: int | None
    photo_hashes: str = ""

    @classmethod
    def learn(
        cls,
        targets: Indices,
        probabilities: Array,
        folds: int | None,
        shares: Sequence[float],
        hashes: str = "",
    ) -> Calibration:
        """From true classes `(photos,)` and probabilities `(photos, classes)` of photos not trained on.

        Args:
            targets: As numbers.
            probabilities: In the order of the outputs.
            folds: As of the attribute.
            shares: That the probabilities stand for, as for `fit_temperature`.
            hashes: As of the attribute.
        """
        most = min(_MOST_OF_CLASS, _MOST_SCORES // probabilities.shape[1])
        temperature = fit_temperature(targets, probabilities, shares=shares)
        return cls(temperature, conformal_scores(targets, probabilities, most), folds, hashes)

    def to_json(self) -> dict[str, Any]:
        """All of it as a model file keeps it: little JSON, since the scores are text."""
        scores = np.concatenate([np.asarray(of_class, _SCORE) for of_class in self.scores])
        counts = np.array([len(of_class) for of_class in self.scores], _COUNT)
        fields = {
            "temperature": self.temperature,
            "folds": self.folds,
            "scores": base64.b64encode(scores.tobytes()).decode("ascii"),
            "counts": base64.b64encode(counts.tobytes()).decode("ascii"),
        }
        return fields | ({"photo_hashes": self.photo_hashes} if self.photo_hashes else {})

    @classmethod
    def from_json(cls, fields: dict[str, Any], classes: int) -> Calibration:
        """What `to_json` gave.

        Raises:
            ValueError: It is none, or of another number of classes.
        """
        temperature, folds = float(fields["temperature"]), fields["folds"]
        if not LEAST_TEMPERATURE <= temperature <= MOST_TEMPERATURE:
            raise ValueError(f"a temperature is {LEAST_TEMPERATURE} to {MOST_TEMPERATURE}, not {temperature}")
        if folds is not None and (type(folds) is not int or not 2 <= folds < 2**31):
            raise ValueError(f"{folds!r} is no number of folds")
        packed, counts = (
            np.frombuffer(base64.b64decode(fields[name], validate=True), kind).astype(float)
            for name, kind in (("scores", _SCORE), ("counts", _COUNT))
        )
        if len(counts) != classes or counts.sum() != len(packed) or len(packed) > _MOST_SCORES:
            raise ValueError(f"{len(packed)} scores of {len(counts)} classes, but the model has {classes}")
        scores = [of_class.tolist() for of_class in np.split(packed, np.cumsum(counts)[:-1].astype(int))]
        if not ((packed >= 0) & (packed <= 1)).all() or any(of_class != sorted(of_class) for of_class in scores):
            raise ValueError("the scores are no sorted probabilities")
        hashes = str(fields.get("photo_hashes", ""))
        among_hashes(np.empty(0, np.uint64), hashes)  # refuses what is none
        return cls(temperature, tuple(map(tuple, scores)), folds, hashes)


def calibration_of(
    classifier: PhotoClassifier, pictures: Array, targets: Indices, folds: int | None, progress: Progress | None = None
) -> Calibration:
    """What `PhotoClassifier.calibrate` learns.

    The temperature is fitted for the shares of the classes that the probabilities stand for, `class_shares_`. It has no
    bias: on photos apart with other shares it would try to make up for these, which it cannot. (Drawn cats, half of the
    300 to train on and a tenth of 300 apart, six seeds: 20.9 if all photos count alike and 1.07 if they are weighted,
    where photos apart with the training's shares give 0.92; geometric means.)
    """
    shares = classifier.class_shares_
    if folds is not None:
        check_whole("folds", folds, 2)
        if data_hash(pictures, targets) != classifier.training_["data_sha256"]:
            raise DataError(
                "folds take the photos of the training, but these are others; folds=None calibrates on others"
            )
        return Calibration.learn(targets, cross_fit(classifier, pictures, targets, folds, progress), folds, shares)
    hashes = photo_hashes(pictures)
    known = int(among_hashes(hashes, classifier.training_["photo_hashes"]).sum())
    if known:
        raise DataError(f"{known} of the {len(pictures)} photos to calibrate on were trained on: give others, or folds")
    missing = np.flatnonzero(np.bincount(targets, minlength=len(classifier.class_names_)) == 0)
    if missing.size:
        raise DataError(f"there is no photo of {classifier.class_names_[missing[0]]!r} to calibrate on")
    return Calibration.learn(targets, classifier._probabilities(pictures), None, shares, pack_hashes(hashes))


def cross_fit(
    classifier: PhotoClassifier, pictures: Array, targets: Indices, folds: int, progress: Progress | None = None
) -> Array:
    """Probabilities `(photos, classes)` of each photo from a network that was trained on the other folds.

    The settings are those of the classifier, the seed too. Near-duplicates are in one fold: a network that was trained
    on a copy knows the photo.

    Raises:
        DataError: There are too few photos of a class.
    """
    names = classifier.class_names_
    fold_of = stratified_folds(near_duplicates(pictures), targets, folds, classifier.seed)
    for label, name in enumerate(names):
        if len(np.unique(fold_of[targets == label])) < 2:
            raise DataError(f"calibration takes two different photos of each class at least; there is one of {name!r}")
    views = photo_views(pictures, classifier.features, classifier.mirror)
    rows = views.reshape(-1, *views.shape[2:])

    def of_photos(chosen: NDArray[np.bool_]) -> Array:
        return take(rows, np.tile(chosen, len(views)), cache_folder()).reshape(len(views), -1, *views.shape[2:])

    probabilities = np.empty((len(targets), len(names)))
    parts = np.unique(fold_of)
    for done, fold in enumerate(parts, 1):
        part = fold_of == fold
        models = new_networks(classifier, len(names))
        train(classifier, models, of_photos(~part), targets[~part])
        probabilities[part] = mean_probabilities(models, of_photos(part), classifier.n_threads)
        if progress is not None:
            progress(done, len(parts))
    return probabilities


def stratified_folds(groups: Indices, targets: Indices, folds: int, seed: int) -> Indices:
    """Fold of each photo `(photos,)`: each class spread evenly, photos of one group together.

    Class by class the groups, the largest first and those of one size in a drawn order, go to the fold that has the
    fewest photos of the class, and of these to the one with the fewest in all.
    """
    _, first, place, sizes = np.unique(groups, return_index=True, return_inverse=True, return_counts=True)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(first))
    order = order[np.lexsort((-sizes[order], targets[first[order]]))]
    members = np.split(np.argsort(place, kind="stable"), np.cumsum(sizes)[:-1])
    held = np.zeros((folds, int(targets.max()) + 1), np.int64)
    fold_of = np.empty(len(targets), np.int64)
    for group in order:
        of_class = held[:, targets[first[group]]]
        fold = np.lexsort((held.sum(axis=1), of_class))[0]
        fold_of[members[group]] = fold
        held[fold] += np.bincount(targets[members[group]], minlength=held.shape[1])
    return fold_of
