"""Scores with intervals, calibration, open answers, thresholds and comparisons, against published values and twins."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import optimize, stats
from sklearn import calibration as sk_calibration
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from purrceptron import assessment
from purrceptron.assessment import bootstrap, calibration, comparison, conformal

Rows = NDArray[Any]


def binary(n: int, seed: int = 0, *, share: float = 0.4, sureness: float = 1.0) -> tuple[Rows, Rows]:
    """Labels, and probabilities that are right where `sureness` is 1, too sure above."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(n) < share).astype(int)
    odds = math.log(share / (1 - share)) + generator.normal(2 * labels - 1, 1) * 2  # log likelihood ratio of N(±1, 1)
    p = 1 / (1 + np.exp(-odds * sureness))
    return labels, np.stack([1 - p, p], axis=1)


def several(n: int, classes: int, seed: int = 0) -> tuple[Rows, Rows]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    logits = generator.normal(size=(n, classes)) + 1.5 * np.eye(classes)[labels]
    p = np.exp(logits)
    return labels, p / p.sum(axis=1, keepdims=True)


# Scores


@pytest.mark.parametrize(("right", "n"), [(81, 263), (15, 148), (0, 20), (1, 29), (20, 20)])
def test_the_interval_of_a_share_is_that_of_statsmodels(right: int, n: int) -> None:
    found = assessment.Interval.of_share(right, n)
    assert (found.low, found.high) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-12)


def test_the_interval_of_a_share_is_as_published() -> None:  # Newcombe, Statistics in Medicine 17 (1998), table I
    for right, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        found = assessment.Interval.of_share(right, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("labels", "p"), [binary(300), several(300, 4)])
def test_scores_are_those_of_scikit_learn(labels: Rows, p: Rows) -> None:
    names = [f"class {k}" for k in range(p.shape[1])]
    found = assessment.assess(labels, p, names, training_counts=[9, 1, 1, 1][: len(names)])
    predicted = p.argmax(axis=1)
    auc = sk.roc_auc_score(labels, p[:, 1]) if len(names) == 2 else sk.roc_auc_score(labels, p, multi_class="ovr")
    assert found.accuracy.value == sk.accuracy_score(labels, predicted)
    assert found.balanced_accuracy.value == pytest.approx(sk.balanced_accuracy_score(labels, predicted), abs=1e-12)
    assert found.auc.value == pytest.approx(auc, abs=1e-12)
    assert [x.value for x in found.precision] == pytest.approx(sk.precision_score(labels, predicted, average=None))
    assert [x.value for x in found.recall] == pytest.approx(sk.recall_score(labels, predicted, average=None))
    np.testing.assert_array_equal(found.confusion, sk.confusion_matrix(labels, predicted))
    counts = np.bincount(labels) / len(labels)
    assert found.baselines == {"training_majority": counts[0], "best_constant": counts.max()}
    for interval in (found.accuracy, found.balanced_accuracy, found.auc, *found.precision, *found.recall):
        assert 0 <= interval.low < interval.value < interval.high <= 1


def test_the_same_seed_gives_the_same_intervals() -> None:
    first, again, other = (assessment.assess(*binary(80), ("a", "b"), seed=seed).to_dict() for seed in (3, 3, 4))
    assert first == again != other


def test_what_photos_say_nothing_about_is_unknown() -> None:
    found = assessment.assess([0, 0, 1], [[0.9, 0.1, 0], [0.8, 0.2, 0], [0.3, 0.7, 0]], ("a", "b", "c"))
    assert math.isnan(found.recall[2].value)
    assert math.isnan(found.precision[2].value)
    assert found.to_dict()["recall"]["c"] == {"value": None, "low": 0.0, "high": 1.0}
    alone = assessment.assess([1, 1], [[0.2, 0.8], [0.6, 0.4]], ("a", "b"))
    assert math.isnan(alone.auc.value)
    assert alone.balanced_accuracy.value == 0.5


def test_scores_without_a_mistake_are_not_certain() -> None:
    p = np.repeat([0.1, 0.9], 20)
    found = assessment.assess(np.repeat([0, 1], 20), np.stack([1 - p, p], axis=1), ("a", "b"))
    low = assessment.Interval.of_share(20, 20).low
    assert found.balanced_accuracy == found.auc == assessment.Interval(1.0, low, 1.0)


# Bootstrap


def test_resampled_areas_and_recalls_are_those_of_scikit_learn() -> None:
    labels, p = binary(60)
    scores = p[:, 1].round(1)  # with ties
    for counts in bootstrap.stratified_counts(labels, 20, seed=1):
        areas = bootstrap.areas_under_curves(counts, labels == 1, scores)
        recalls = bootstrap.balanced_accuracies(counts, labels, (scores > 0.5) == labels)
        for weights, area, recall in zip(counts, areas, recalls, strict=True):
            assert area == pytest.approx(sk.roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)
            expected = sk.balanced_accuracy_score(labels, scores > 0.5, sample_weight=weights)
            assert recall == pytest.approx(expected, abs=1e-12)
            assert [weights[labels == k].sum() for k in (0, 1)] == np.bincount(labels).tolist()


def test_the_bootstrap_is_that_of_scipy() -> None:
    labels, p = binary(80)
    found = assessment.assess(labels, p, ("a", "b")).auc
    parts = [p[labels == k, 1] for k in (1, 0)]

    def area(positive: Rows, negative: Rows, axis: int = -1) -> Rows:
        less = (negative[..., None, :] < positive[..., :, None]).mean(axis=(-2, -1))
        return np.asarray(less)

    theirs = stats.bootstrap(
        parts, area, n_resamples=2000, method="percentile", rng=np.random.default_rng(0), vectorized=True, batch=200
    ).confidence_interval
    # An end is a quantile of 2,000 draws of spread s: its own spread is about 0.06 s, that of a difference 0.08 s.
    spread = (theirs.high - theirs.low) / 4
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.4 * spread)


# Calibration


@pytest.mark.parametrize("bins", [5, 10])
def test_the_curve_is_that_of_scikit_learn(bins: int) -> None:
    labels, p = binary(400)
    curve = assessment.calibration_curve(labels, p, bins=bins)
    observed, predicted = sk_calibration.calibration_curve(labels, p[:, 1], n_bins=bins, strategy="quantile")
    assert curve.predicted == pytest.approx(predicted)
    assert curve.observed == pytest.approx(observed)
    assert sum(curve.counts) == 400
    assert curve.error == pytest.approx(np.average(abs(observed - predicted), weights=curve.counts))


@pytest.mark.parametrize(("labels", "p"), [binary(200, sureness=2.5), several(200, 3), binary(50, sureness=0.3)])
def test_the_temperature_is_that_of_scipy(labels: Rows, p: Rows) -> None:
    n, classes = p.shape
    counts = np.bincount(labels, minlength=classes)
    sure = ((counts + 1) / (counts + 2))[labels]
    targets = np.tile(((1 - sure) / (classes - 1))[:, None], classes)
    targets[np.arange(n), labels] = sure

    def loss(log_temperature: float) -> float:
        logits = np.log(np.clip(p, 2**-24, 1 - 2**-24)) / math.exp(log_temperature)
        return float(-(targets * (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))).sum())

    theirs = math.exp(optimize.minimize_scalar(loss, bounds=(-4, 4), method="bounded", options={"xatol": 1e-9}).x)
    assert assessment.fit_temperature(labels, p) == pytest.approx(theirs, rel=1e-5)


def test_a_temperature_mends_probabilities_that_are_too_sure() -> None:
    labels, p = binary(20_000, share=0.5, sureness=3.0)
    temperature = assessment.fit_temperature(labels, p)
    assert temperature == pytest.approx(3.0, rel=0.05)
    mended = assessment.scale_probabilities(p, temperature)
    assert assessment.calibration_curve(labels, mended).error < 0.02 < assessment.calibration_curve(labels, p).error
    np.testing.assert_array_equal(mended.argmax(axis=1), p.argmax(axis=1))


def test_a_temperature_does_not_make_up_for_the_shares_of_the_classes() -> None:
    generator = np.random.default_rng(0)
    labels = (generator.random(20_000) < 0.1).astype(int)
    signal = generator.normal(labels, np.where(labels, 0.3, 1))  # of unlike spread: one class alone is no guide
    odds = stats.norm.logpdf(signal, 1, 0.3) - stats.norm.logpdf(signal)  # right where both classes have one half
    p = np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=1)
    here = (np.bincount(labels) / len(labels)).tolist()
    temperatures = [assessment.fit_temperature(labels, p, shares=shares) for shares in ((3, 3), None)]
    assert temperatures[0] == pytest.approx(1, abs=0.05)
    assert temperatures[1] > 2
    good, bad = (
        assessment.calibration_curve(labels, assessment.shift_shares(rows, (0.5, 0.5), here)).error
        for rows in (assessment.scale_probabilities(p, temperature) for temperature in temperatures)
    )
    assert good < 0.005 < 0.04 < bad


def test_photos_of_one_weight_give_the_temperature_of_none() -> None:
    labels, p = binary(200, sureness=2.0)
    labels[:100], labels[100:] = 0, 1
    assert assessment.fit_temperature(labels, p, shares=(1, 1)) == assessment.fit_temperature(labels, p)


def test_the_curve_at_other_shares_is_that_of_shifted_probabilities() -> None:
    labels, p = binary(300, share=0.2)
    found = assessment.assess(labels, p, ("a", "b"), class_shares=(2, 2))
    here = np.bincount(labels) / 300
    shifted = assessment.shift_shares(p, (0.5, 0.5), here.tolist())
    assert found.calibration_shifted == assessment.calibration_curve(labels, shifted)
    assert found.share_apart == ("b", 0.5, here[1])
    for shares in (None, (here[0], here[1]), (here[0] + 0.04, here[1] - 0.04)):
        alike = assessment.assess(labels, p, ("a", "b"), class_shares=shares)
        assert alike.calibration_shifted is alike.share_apart is None
    assert assessment.assess([1, 1], HALF, ("a", "b"), class_shares=(1, 1)).calibration_shifted is None


def test_the_temperature_stays_within_bounds() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0]] * 10)
    assert assessment.fit_temperature([1, 0] * 10, p) == pytest.approx(calibration.MOST_TEMPERATURE)
    assert 0 < assessment.scale_probabilities(p, assessment.fit_temperature([0, 1] * 10, p))[0, 1] < 0.2
    assert assessment.fit_temperature([0, 1] * 10, np.full((20, 2), 0.5)) == 1


# Open answers


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_sets_cover_each_class_as_promised_whatever_its_share(alpha: float) -> None:
    n, rounds, new = 30, 400, 50
    inside = np.zeros((rounds, 2))
    for i in range(rounds):
        generator = np.random.default_rng(i)
        labels, p = binary(400, seed=10_000 + i)
        kept = np.concatenate([np.flatnonzero(labels == k)[:n] for k in (0, 1)])
        scores = conformal.conformal_scores(labels[kept], p[kept], 1000)
        others = np.setdiff1d(np.arange(400), kept)
        for k in (0, 1):  # photos of one class alone: its share in use is 1
            photos = generator.permutation(others[labels[others] == k])[:new]
            inside[i, k] = assessment.prediction_sets(scores, p[photos], 1 - alpha)[:, k].mean()
    # Exactly: coverage is 1 - floor(alpha (n+1)) / (n+1) where scores have no ties (Vovk 2012).
    expected = 1 - math.floor(alpha * (n + 1)) / (n + 1)
    error = inside.std(axis=0) / math.sqrt(rounds)
    assert (abs(inside.mean(axis=0) - expected) < 4 * error).all()
    assert expected >= 1 - alpha


def test_a_draw_of_scores_keeps_the_promise_and_the_bound() -> None:
    labels, p = binary(3000)
    scores = conformal.conformal_scores(labels, p, 100)
    assert [len(of_class) for of_class in scores] == [100, 100]
    sets = assessment.prediction_sets(scores, p, 0.9)
    found = assessment.coverage_of(labels, sets)
    for share in found.by_class:  # the coverage of 100 kept scores is Beta(91, 10): below 0.8 once in 300 draws
        assert 0.8 < share.value < 0.99


def test_a_p_value_counts_the_photos_that_are_no_more_typical() -> None:
    scores = [[0.2, 0.4, 0.4, 0.9], [0.5]]
    values = assessment.conformal_p_values(scores, [[0.4, 0.6], [0.1, 0.9], [1.0, 0.0]])
    np.testing.assert_allclose(values, [[4 / 5, 1], [1 / 5, 1], [1, 1 / 2]])


@pytest.mark.parametrize(("coverage", "least"), [(0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.5, 1), (1 - 0.1, 9)])
def test_coverage_takes_photos(coverage: float, least: int) -> None:
    assert assessment.least_photos(coverage) == least
    enough, few = [[0.5] * least] * 2, [[0.5] * least, [0.5] * (least - 1)]
    assert not assessment.prediction_sets(enough, [[0.0, 1.0]], coverage)[0, 0]  # it can leave a class out
    with pytest.raises(ValueError, match=f"takes {least} photos of each class .* 'cat' has {least - 1}"):
        assessment.prediction_sets(few, [[0.5, 0.5]], coverage, class_names=("not cat", "cat"))


# Thresholds and shares


def test_shifted_probabilities_are_those_of_resampled_photos() -> None:
    labels, p = binary(200_000, share=0.5)
    generator = np.random.default_rng(1)
    kept = (labels == 0) | (generator.random(len(labels)) < 1 / 9)  # a share of 0.1
    mended = assessment.shift_shares(p[kept], (0.5, 0.5), (0.9, 0.1))
    said = mended[:, 1]
    for low, high in itertools.pairwise((0, 0.02, 0.1, 0.3, 0.6, 1)):
        part = (said >= low) & (said < high)
        observed, n = labels[kept][part].mean(), part.sum()
        assert abs(observed - said[part].mean()) < 4 * math.sqrt(observed * (1 - observed) / n)
    unmended = assessment.calibration_curve(labels[kept], p[kept]).error
    assert assessment.calibration_curve(labels[kept], mended).error < 0.01 < unmended


@pytest.mark.parametrize(("false_positive", "false_negative", "share"), [(1, 1, 0.1), (1, 9, 0.5), (5, 2, 0.8)])
def test_the_threshold_costs_least(false_positive: float, false_negative: float, share: float) -> None:
    labels, p = binary(40_000, share=0.4)
    line = assessment.threshold_for(
        0.4, cost_false_positive=false_positive, cost_false_negative=false_negative, share=share
    )
    costs = {at: line.expect(labels, p, at).cost for at in np.linspace(0.02, 0.98, 49)}
    assert line.expect(labels, p).cost <= min(costs.values()) + 5e-3
    assert line.answers(p).tolist() == (p[:, 1] >= line.value).tolist()
    # What it expects is what photos of that share show.
    generator = np.random.default_rng(0)
    drawn = np.concatenate(
        [generator.choice(np.flatnonzero(labels == k), int(50_000 * s)) for k, s in ((0, 1 - share), (1, share))]
    )
    called = line.answers(p[drawn])
    expected = line.expect(labels, p)
    assert expected.accuracy == pytest.approx(sk.accuracy_score(labels[drawn], called), abs=0.01)
    assert expected.precision == pytest.approx(sk.precision_score(labels[drawn], called), abs=0.02)


def test_a_threshold_is_written_in_four_decimals_but_never_as_0_or_1() -> None:
    assert str(assessment.threshold_for(0.5, cost_false_negative=9.0)) == "0.1000"
    for cost in (1e-8, 1e8):
        line = assessment.threshold_for(0.5, cost_false_negative=cost)
        assert float(str(line)) == line.value


def test_photos_judge_the_threshold_at_their_own_share_if_none_is_given() -> None:
    labels, p = np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [0.6, 0.4]])
    found = assessment.judge_threshold(labels, p, 0.5, cost_false_negative=3.0)
    assert found.line == assessment.threshold_for(0.5, cost_false_negative=3.0, share=0.25)
    assert (found.here, found.usual) == (found.line.expect(labels, p), found.line.expect(labels, p, 0.5))
    assert found.to_dict()["expected_at_half"] == found.usual.to_dict()
    assert assessment.judge_threshold(labels, p, 0.5, share=0.1).line.share == 0.1


def test_an_answer_is_right_wrong_or_open() -> None:
    sets = [[True, False], [False, True], [True, True], [False, False], [False, True]]
    found = assessment.coverage_of([0, 0, 0, 0, 1], sets)
    assert [share.value for share in found.open_by_class] == [0.5, 0.0]
    assert [share.value for share in found.wrong_by_class] == [0.25, 0.0]
    assert [share.value for share in found.by_class] == [0.5, 1.0]
    strange = assessment.coverage_of([0, 0, 0, 0, 1], sets, unlike=np.array([False, True, True, False, True]))
    assert [share.value for share in strange.open_by_class] == [0.75, 1.0]
    assert [share.value for share in strange.wrong_by_class] == [0.0, 0.0]
    assert strange.by_class == found.by_class
    assert strange.answered.value == 1 / 5


def test_every_score_is_said_to_move_or_to_stay() -> None:
    moving = {name for name, effect in assessment.SHARE_EFFECTS.items() if effect.startswith("move")}
    assert moving == {"accuracy", "precision", "baselines", "calibration", "threshold"}
    assert set(assessment.SHARE_EFFECTS) - moving == {"balanced_accuracy", "auc", "recall", "abstain"}
    labels, p = binary(6_000, share=0.5)
    rare = (labels == 0) | (np.arange(len(labels)) % 8 == 0)
    before, after = (assessment.assess(labels[part], p[part], ("a", "b")) for part in (labels >= 0, rare))
    for name in ("balanced_accuracy", "auc"):
        assert abs(getattr(before, name).value - getattr(after, name).value) < 0.04
    assert abs(before.recall[1].value - after.recall[1].value) < 0.06
    assert before.precision[1].value - after.precision[1].value > 0.2
    assert after.calibration.error > 2 * before.calibration.error


# Comparison


@pytest.mark.parametrize(("b", "c"), [(1, 7), (0, 0), (5, 5), (0, 9), (30, 12), (400, 350)])
def test_mcnemar_is_that_of_statsmodels(b: int, c: int) -> None:
    right = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [3, b, c, 4], axis=0)
    found = assessment.compare(np.ones(len(right), int), right[:, 0], right[:, 1])
    assert (found.both_right, found.only_first, found.only_second, found.both_wrong) == (3, b, c, 4)
    assert found.p_exact == pytest.approx(mcnemar([[3, b], [c, 4]], exact=True).pvalue, abs=1e-12)
    coin = stats.binom(b + c, 0.5)
    mid = 2 * (coin.cdf(min(b, c)) - 0.5 * coin.pmf(min(b, c)))
    assert found.p_mid == pytest.approx(min(mid, 1 - 0.5 * coin.pmf(b)) if b == c else mid, abs=1e-12)
    assert found.difference.value == pytest.approx((b - c) / len(right))


def newcombe(a: int, b: int, c: int, d: int) -> tuple[float, float]:
    """Method 10 of Newcombe (1998) written out: squares of Wilson's arms, less their correlation."""
    n = a + b + c + d
    p, q = (a + b) / n, (a + c) / n
    (p_low, p_high), (q_low, q_high) = (proportion_confint(k, n, method="wilson") for k in (a + b, a + c))
    cross = a * d - b * c
    corrected = cross if cross < 0 else max(cross - n / 2, 0)
    phi = corrected / math.sqrt((a + b) * (c + d) * (a + c) * (b + d))
    below = (p - p_low) ** 2 - 2 * phi * (p - p_low) * (q_high - q) + (q_high - q) ** 2
    above = (p_high - p) ** 2 - 2 * phi * (p_high - p) * (q - q_low) + (q - q_low) ** 2
    return p - q - math.sqrt(below), p - q + math.sqrt(above)


@pytest.mark.parametrize("table", [(1, 1, 7, 12), (59, 6, 16, 80), (3, 9, 2, 1), (40, 20, 10, 30)])
def test_the_interval_of_a_difference_is_that_of_its_formula(table: tuple[int, int, int, int]) -> None:
    found = comparison._difference(*table, 0.95)
    assert (found.low, found.high) == pytest.approx(newcombe(*table), abs=1e-12)


def test_the_interval_of_a_difference_is_that_of_another_program() -> None:
    # Cavo et al. 2012, as the R package contingencytables has it in tests/testthat/test-ch8.R.
    found = comparison._difference(59, 6, 16, 80, 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((-0.0621, -0.1186, -0.0046), abs=5e-5)


def test_a_comparison_is_as_published() -> None:
    # Bentur et al. 2009 in Fagerland, Lydersen & Laake: BMC Medical Research Methodology 13:91 (2013).
    right = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [1, 1, 7, 12], axis=0)
    found = assessment.compare([1] * 21, right[:, 0], right[:, 1])
    assert (found.p_exact, found.p_mid) == pytest.approx((0.0703, 0.0391), abs=5e-5)


@pytest.mark.parametrize("cells", [(0.6, 0.15, 0.1, 0.15), (0.8, 0.1, 0.05, 0.05), (0.25, 0.25, 0.25, 0.25)])
def test_the_interval_of_a_difference_covers_it(cells: tuple[float, ...]) -> None:
    n, covered = 20, 0.0
    for a, b, c in itertools.product(range(n + 1), repeat=3):
        if a + b + c <= n:
            found = comparison._difference(a, b, c, n - a - b - c, 0.95)
            if found.low <= cells[1] - cells[2] <= found.high:
                covered += stats_of(cells, (a, b, c, n - a - b - c))
    assert 0.93 < covered < 0.99


def stats_of(cells: tuple[float, ...], counts: tuple[int, ...]) -> float:
    """The multinomial probability of counts."""
    log = math.lgamma(sum(counts) + 1)
    return math.exp(log + sum(k * math.log(p) - math.lgamma(k + 1) for k, p in zip(counts, cells, strict=True)))


# Bad input

HALF = [[0.5, 0.5]] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: assessment.assess([0, 2], HALF, "ab"), "labels: a class is 0 to 1, got 2 for photo 1"),
        (lambda: assessment.assess([0, 1, 0], HALF, ("a", "b")), "3 photos, but probabilities of 2"),
        (lambda: assessment.assess([], [], ("a", "b")), "probabilities"),
        (lambda: assessment.assess([0, 1], [[0.5, 0.6], [1, 0]], ("a", "b")), "sum 1, got 0.5, 0.6 for photo 0"),
        (lambda: assessment.assess([0, 1], [[1, 0], [math.nan, 1]], ("a", "b")), "photo 1"),
        (lambda: assessment.assess([0, 1], HALF, ("a", "a")), "2 different names"),
        (lambda: assessment.assess([0, 1], HALF, ("a", "b"), training_counts=[1]), "2 numbers of photos"),
        (lambda: assessment.assess([0, 1], HALF, ("a", "b"), confidence=1), "confidence must be above 0 and below 1"),
        (lambda: assessment.assess([0.0, 1.0], HALF, ("a", "b")), "labels: expected whole numbers"),
        (lambda: assessment.assess([0, 1], HALF, ("a", "b"), class_shares=(1,)), "class_shares: expected 2 shares"),
        (lambda: assessment.fit_temperature([0, 1], HALF, shares=(1, -1)), "shares: expected 2 shares of at least 0"),
        (lambda: assessment.scale_probabilities(HALF, 0), "temperature"),
        (lambda: assessment.conformal_p_values([[0.5]] * 3, HALF), "3 classes, but probabilities of 2"),
        (lambda: assessment.least_photos(1), "coverage must be above 0 and below 1"),
        (lambda: assessment.coverage_of([0, 1], [[1, 0], [0, 1]]), "sets: expected booleans"),
        (lambda: assessment.coverage_of([0], [[True, False]], unlike=[1]), "unlike: expected booleans"),
        (lambda: assessment.threshold_for(0.0), "training_share must be above 0 and below 1"),
        (lambda: assessment.threshold_for(0.5, cost_false_positive=0), "cost_false_positive"),
        (lambda: assessment.threshold_for(0.5).expect([0, 0], HALF), "photos of both classes"),
        (lambda: assessment.threshold_for(0.5).answers([[0.2, 0.3, 0.5]]), "between two classes"),
        (lambda: assessment.judge_threshold([1, 1], HALF, 0.5), "photos of both classes"),
        (lambda: assessment.judge_threshold([0, 1], HALF, 0.5, share=1), "share must be above 0 and below 1"),
        (lambda: assessment.judge_threshold([0, 2], [[0.2, 0.3, 0.5]] * 2, 0.5), "between two classes"),
        (lambda: assessment.shift_shares(HALF, (1, 0), (1, 1)), "training_shares: each must be above 0"),
        (lambda: assessment.shift_shares([[1.0, 0.0]], (1, 1), (0, 1)), "photo 0 is surely of a class"),
        (lambda: assessment.compare([0, 1], [0, 1], [0]), "labels are of 2 photos, but the answers of the second of 1"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
