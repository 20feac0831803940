"""Samples that an estimator is scored on after every epoch: held out, or given by the caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from .._arrays import Array

__all__ = ["HeldOut", "given", "split", "whole"]


@dataclass
class HeldOut:
    """Samples that are not trained on, as `predict` and the score take them."""

    x: Array
    y: Any
    weights: Array | None


def split(
    estimator: Any, x: Array, y: Array, weights: Array | None, random_state: np.random.RandomState
) -> tuple[Array, Array, Array | None, HeldOut]:
    """What is trained on, and what is held out, as scikit-learn splits them."""
    arrays = [x, y] if weights is None else [x, y, weights]
    parts = train_test_split(
        *arrays, random_state=random_state, test_size=estimator.validation_fraction, stratify=estimator._stratify(y)
    )
    x_train, x_held, y_train, y_held, *others = parts
    if len(x_held) < 2:
        raise ValueError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    weights_train, weights_held = others or (None, None)
    held_out = HeldOut(estimator._cast(x_held), estimator._named(y_held), weights_held)
    return x_train, y_train, weights_train, held_out


def whole(x: Any, y: Any, weights: Any) -> tuple[Any, Any, Any] | None:
    """Validation data of the caller's, whole or not at all."""
    if (x is None) != (y is None) or (x is None and weights is not None):
        raise ValueError("X_val and y_val belong together: give both, or none of them and no sample_weight_val")
    return None if x is None else (x, y, weights)


def given(estimator: Any, x: Any, y: Any, weights: Any) -> HeldOut:
    """Validation data of the caller's, checked as what is predicted."""
    rows = estimator._rows(x)
    y = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    if len(y) != len(rows):
        raise ValueError(f"X_val has {len(rows)} samples, but y_val has {len(y)}")
    return HeldOut(rows, y, None if weights is None else _check_sample_weight(weights, rows))
