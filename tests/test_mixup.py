"""Training on blends of samples: `fit(mixup=...)`."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr

Array = NDArray[Any]


def table(samples: int = 60, features: int = 5) -> tuple[Array, Array]:
    x = np.random.default_rng(0).normal(size=(samples, features))
    return x, (x[:, 0] + x[:, 1] > 0).astype(int) + (x[:, 2] > 1)


def network(seed: int = 0) -> purr.Sequential:
    return purr.Sequential([purr.Dense(8, "tanh"), purr.Dense(3)], input_shape=5, seed=seed, dtype="float64")


def seen(y: Array, **options: Any) -> list[tuple[Array, Array]]:
    """What a loss gets from a network that gives its input as it is: blended samples and blended targets."""
    x = table()[0]
    net = purr.Sequential([purr.Dense(5)], input_shape=5, dtype="float64")
    net.set_weights([np.eye(5), np.zeros(5)])
    batches = []

    def loss(predictions: Array, targets: Array) -> tuple[float, Array]:
        batches.append((predictions.copy(), targets.copy()))
        return 0.0, np.zeros_like(predictions)

    net.fit(x, y, loss=loss, optimizer=purr.SGD(0.1), **options)
    return batches


def test_samples_and_targets_are_blended_alike_two_by_two() -> None:
    x, _ = table()
    batches = seen(x, epochs=3, batch_size=16, mixup=0.4)
    assert [len(blended) for blended, _ in batches] == [16, 16, 16, 12] * 3
    plain = seen(x, epochs=3, batch_size=16)
    assert sum(np.allclose(*both) for both in zip(*([b for b, _ in batches], [s for s, _ in plain]), strict=True)) < 6
    for (blended, targets), (samples, _) in zip(batches, plain, strict=True):
        np.testing.assert_array_equal(blended, targets)
        np.testing.assert_allclose(blended.sum(axis=0), samples.sum(axis=0), rtol=1e-12)  # a permutation of them
        assert (blended <= samples.max(axis=0) + 1e-12).all()
        assert (blended >= samples.min(axis=0) - 1e-12).all()


def test_one_batch_of_all_samples_is_blended_anew_in_every_epoch() -> None:
    first, second = (blended for blended, _ in seen(table()[0], epochs=2, batch_size=None, mixup=1.0, shuffle=False))
    assert not np.array_equal(first, second)


def test_the_weights_of_samples_are_blended_with_them() -> None:
    x = np.abs(table()[0])
    net, batches = purr.Sequential([purr.Dense(5)], input_shape=5, dtype="float64"), []
    net.set_weights([np.eye(5), np.zeros(5)])

    def loss(predictions: Array, targets: Array, weights: Array) -> tuple[float, Array]:
        batches.append((predictions.copy(), weights.copy()))
        return 0.0, np.zeros_like(predictions)

    net.fit(x, x, loss=loss, optimizer=purr.SGD(0.1), batch_size=16, epochs=2, mixup=0.8, sample_weight=x[:, 0])
    assert len(batches) == 8
    for blended, weights in batches:
        np.testing.assert_allclose(weights, blended[:, 0], rtol=1e-14)
        assert not np.isin(weights, x[:, 0]).all()


def test_classes_become_rows_of_shares() -> None:
    x, y = table()
    net, shares = network(), []

    def loss(predictions: Array, targets: Array) -> tuple[float, Array]:
        shares.append(targets.copy())
        return 0.0, np.zeros_like(predictions)

    net.fit(x, y, loss=loss, epochs=1, mixup=1.0)
    rows = np.concatenate(shares)
    assert rows.shape == (60, 3)
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-15)
    assert 0 < (rows.max(axis=1) < 1).sum() < 60
    np.testing.assert_allclose(rows.sum(axis=0), np.bincount(y, minlength=3), rtol=1e-12)


def test_the_same_seed_blends_alike_for_any_threads() -> None:
    x, y = table()
    options: dict[str, Any] = {"loss": "cross_entropy", "epochs": 4, "batch_size": 16}
    prints = {}
    for threads in (1, 2, 3):
        net = network()
        net.fit(x, y, mixup=0.2, n_threads=threads, **options)
        prints[threads] = net.fingerprint()
    assert len(set(prints.values())) == 1
    for seed, mixup in ((0, None), (0, 0.3), (1, 0.2)):
        net = network(seed)
        net.fit(x, y, mixup=mixup, **options)
        assert net.fingerprint() != prints[1]


def test_blends_lie_in_the_span_of_the_samples() -> None:
    x = np.random.default_rng(1).normal(size=(12, 40))
    y = (x[:, 0] > 0).astype(int)
    weights = []
    for solver in ("direct", "reduced"):
        net = purr.Sequential([purr.Dense(4, "tanh"), purr.Dense(1)], input_shape=40, dtype="float64")
        history = net.fit(
            x, y, loss="binary_cross_entropy", optimizer="sgd", epochs=50, batch_size=5, mixup=0.5, solver=solver
        )
        assert history.solver == solver
        weights.append(net.get_weights())
    for direct, reduced in zip(*weights, strict=True):
        np.testing.assert_allclose(reduced, direct, atol=1e-9 * np.linalg.norm(direct))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"mixup": 0.0}, ValueError, "mixup must be above 0"),
        ({"mixup": float("nan")}, ValueError, "mixup must be above 0"),
        ({"mixup": "much"}, TypeError, "mixup must be a number"),
        ({"mixup": 0.2, "loss": "hinge"}, ValueError, "mixup must be a loss that takes targets between others"),
    ],
)
def test_what_cannot_be_blended_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    x, y = table()
    net = network()
    before = net.fingerprint()
    with pytest.raises(error, match=message):
        net.fit(x, np.eye(3)[y], **{"loss": "cross_entropy", **options})
    assert net.fingerprint() == before


def test_blends_of_places_in_a_table_are_refused_before_the_training() -> None:
    """They were refused when the first blend came that is no place, after steps on those that were one by chance."""
    net = purr.Sequential([purr.Embedding(4, 1), purr.Dense(2)], input_shape=(1,), seed=1)
    before = net.fingerprint()
    with pytest.raises(ValueError, match="mixup must be a network that takes samples between others, got an embedding"):
        net.fit(np.full((2, 1), 3), np.eye(2), mixup=0.2, loss="binary_cross_entropy", epochs=2)
    assert net.fingerprint() == before


@pytest.mark.parametrize("depth", [1, 2])
def test_no_table_is_hidden_within_a_residual_layer_where_blends_could_reach_it(depth: int) -> None:
    layers: list[purr.Layer] = [purr.Embedding(4, 1)]
    for _ in range(depth):
        layers = [purr.Residual(layers)]
    with pytest.raises(ValueError, match="no embedding unless it is first"):
        purr.Sequential([*layers, purr.Dense(2)], input_shape=(1,))
