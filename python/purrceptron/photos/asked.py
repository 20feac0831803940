"""`Asked`: photos that a classifier is asked about, and all that it says of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._arrays import Array
from ..assessment.calibration import scale_probabilities
from ..assessment.conformal import Coverage, coverage_of, prediction_sets
from .classes import Indices
from .novelty import FirstLayer
from .views import mean_probabilities, photo_views

if TYPE_CHECKING:
    from .answers import Answers

__all__ = ["Asked"]


class Asked:
    """What a classifier says of photos: each answer when it is first asked for, all from features computed once.

    Args:
        classifier: One that has learnt.
        pictures: `(photos, height, width, channels)`, as it takes them.

    Attributes:
        pictures: As given.
    """

    def __init__(self, classifier: Answers, pictures: Array) -> None:
        self._classifier, self.pictures = classifier, pictures

    @cached_property
    def raw(self) -> Array:
        """Probabilities before calibration, `(photos, classes)`."""
        return mean_probabilities(self._classifier.models_, self._views, self._classifier.n_threads)

    @cached_property
    def probabilities(self) -> Array:
        """Probabilities as `predict_proba` gives them, `(photos, classes)`."""
        calibration = self._classifier.calibration_
        return self.raw if calibration is None else scale_probabilities(self.raw, calibration.temperature)

    @cached_property
    def novelty(self) -> NDArray[np.float64] | None:
        """How unlike the training photos each is, `(photos,)`; None if the classifier does not know what is usual."""
        known = self._classifier._novelty
        if known is None:
            return None
        return known.of(self.pictures, self._views[0], FirstLayer(self._classifier.models_))

    @property
    def unlike(self) -> NDArray[np.bool_]:
        """Which are unlike the training photos, `(photos,)`; none where that is not known."""
        return np.zeros(len(self.pictures), np.bool_) if self.novelty is None else self.novelty > 1

    def left_open(
        self,
        targets: Indices,
        abstain: float,
        *,
        among: NDArray[np.bool_] | None = None,
        confidence: float = 0.95,
    ) -> Coverage | None:
        """What `predict(..., abstain=...)` makes of these photos; None if it cannot leave answers open.

        Args:
            targets: True classes `(photos,)`, as numbers.
            abstain: As for `predict`.
            among: Which of the photos count `(photos,)`; all by default.
            confidence: Of the intervals.
        """
        if not self._classifier._may_leave_open(abstain):
            return None
        some = np.ones(len(self.pictures), np.bool_) if among is None else among
        sets, unlike = self.sets(1 - abstain)[some], self.unlike[some]
        return coverage_of(targets[some], sets, unlike=unlike, confidence=confidence)

    def sets(self, coverage: float) -> NDArray[np.bool_]:
        """The classes that each may be of, `(photos, classes)`, as `prediction_sets` gives them."""
        classifier = self._classifier
        scores = classifier._calibration().scores
        return prediction_sets(scores, self.raw, coverage, class_names=classifier.class_names_)

    @cached_property
    def _views(self) -> Array:
        return photo_views(self.pictures, self._classifier.features, self._classifier.mirror)
