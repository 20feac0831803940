"""Scores: what they are, and what they refuse."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from purrceptron import metrics


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I: method 3, the score interval without correction.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_interval_agrees_with_published_values(right: int, n: int, low: float, high: float) -> None:
    assert metrics.wilson_interval(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_interval_solves_its_equation_and_holds_the_share(counts: tuple[int, int], confidence: float) -> None:
    right, n = counts
    low, high = metrics.wilson_interval(right, n, confidence)
    assert 0 <= low <= right / n <= high <= 1
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for end in (low, high):  # the ends are where the share lies z standard errors away
        assert abs(end - right / n) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-6, abs=1e-9)


def test_wilson_interval_is_narrower_with_more_samples_and_mirrored() -> None:
    widths = [np.diff(metrics.wilson_interval(n // 2, n)).item() for n in (10, 100, 1000)]
    assert widths == sorted(widths, reverse=True)
    low, high = metrics.wilson_interval(30, 100)
    assert metrics.wilson_interval(70, 100) == pytest.approx((1 - high, 1 - low))
    assert metrics.wilson_interval(5, 5)[1] == 1


@pytest.mark.parametrize("arguments", [(0, 0), (-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0), (1, 5, math.nan)])
def test_wilson_interval_refuses_what_is_no_share(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="wilson_interval"):
        metrics.wilson_interval(*arguments)  # type: ignore[arg-type]


def test_accuracy_counts_equal_classes_of_any_kind() -> None:
    assert metrics.accuracy([1, 0, 1], [1, 1, 1]) == pytest.approx(2 / 3)
    assert metrics.accuracy(["cat", "dog"], ["cat", "dog"]) == 1


@pytest.mark.parametrize("call", [lambda: metrics.accuracy([], []), lambda: metrics.accuracy([1, 0], [1])])
def test_accuracy_refuses_no_samples_and_other_shapes(call: object) -> None:
    with pytest.raises(ValueError, match="samples"):
        call()  # type: ignore[operator]


def test_baselines_tell_the_training_majority_from_the_best_constant() -> None:
    training, labels = [0, 0, 0, 1], [1, 1, 1, 0, 2]
    assert metrics.majority_baseline(training, labels) == 0.2
    assert metrics.constant_baseline(labels) == 0.6
    assert metrics.majority_baseline(["b", "a"], ["a", "b", "b"]) == pytest.approx(1 / 3)  # the first of equals
    assert metrics.majority_baseline([3, 3], [0, 1]) == 0


def test_baselines_refuse_no_samples() -> None:
    for call in (
        lambda: metrics.constant_baseline([]),
        lambda: metrics.majority_baseline([], [1]),
        lambda: metrics.majority_baseline([1], []),
    ):
        with pytest.raises(ValueError, match="no samples"):
            call()


def test_confusion_matrix_add_up() -> None:
    generator = np.random.default_rng(0)
    y, predicted = generator.integers(0, 4, (2, 500))
    counts = metrics.confusion_matrix(y, predicted, 4)
    assert counts.sum() == 500
    np.testing.assert_array_equal(counts.sum(axis=1), np.bincount(y, minlength=4))
    assert np.trace(counts) / 500 == metrics.accuracy(y, predicted)
    with pytest.raises(ValueError, match="0 to 2"):
        metrics.confusion_matrix(y, predicted, 3)
