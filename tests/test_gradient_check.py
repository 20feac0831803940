"""`check_gradients`: it passes right gradients, finds wrong ones, and knows a kink."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr
from purrceptron import _core

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(6, 4))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", _core.names("activation"))
def test_every_activation_passes(activation: str, dtype: str) -> None:
    layers = [purr.Dense(5, activation), purr.Rescale(0.5), purr.Dense(3)]
    net = purr.Sequential(layers, input_shape=4, seed=1, dtype=dtype)
    before = net.fingerprint()
    report = purr.check_gradients(net, X, GENERATOR.normal(size=(6, 3)), loss="mean_squared_error")
    assert report.passed, str(report)
    assert [check.name for check in report.parameters] == list(net.parameters)
    assert [check.shape for check in report.parameters] == [w.shape for w in net.get_weights()]
    assert net.fingerprint() == before


@pytest.mark.parametrize("loss", _core.names("loss"))
def test_every_loss_passes(loss: str) -> None:
    net = purr.Sequential([purr.Dense(5, "tanh"), purr.Dense(2)], input_shape=4, seed=1)
    y = np.eye(2)[[0, 1, 1, 0, 1, 0]]
    y = y[:, :1] if loss == "gaussian_nll" else y  # two outputs a target
    report = purr.check_gradients(net, X, y, loss=loss)
    assert report.passed, str(report)
    assert report.relative_error < 1e-7


def test_a_loss_may_be_an_object_or_a_function_of_ones_own_and_the_network_may_drop_units() -> None:
    layers = [purr.Dense(5, "tanh", l2=0.1), purr.Dropout(0.4), purr.BatchNorm(), purr.Dense(2)]
    net = purr.Sequential(layers, input_shape=4, seed=1)
    y = GENERATOR.normal(size=(6, 2))

    def quartic(predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        difference = predictions - targets
        return float(np.mean(difference**4)), 4 * difference**3 / difference.size

    def wrong(predictions: NDArray[Any], targets: NDArray[Any]) -> tuple[float, NDArray[Any]]:
        value, gradient = quartic(predictions, targets)
        return value, 1.001 * gradient

    for loss in (purr.losses.Quantile(0.2), quartic):
        report = purr.check_gradients(net, X, y, loss=loss)
        assert report.passed, str(report)
    assert not purr.check_gradients(net, X, y, loss=wrong).passed


def test_a_wrong_gradient_is_found_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    right = purr.Trainer.loss_and_gradient

    def wrong(trainer: purr.Trainer, x: Any, y: Any) -> tuple[float, NDArray[Any]]:
        loss, gradient = right(trainer, x, y)
        gradient[20 + 2] *= 1 + 1e-4  # the third of the first bias
        return loss, gradient

    monkeypatch.setattr(purr.Trainer, "loss_and_gradient", wrong)
    net = purr.Sequential.from_string("4-5-1", seed=1)
    report = purr.check_gradients(net, X, [0, 1, 1, 0, 1, 0])
    assert [check.name for check in report.parameters if check.relative_error > 1e-6] == ["layers.0.bias"]
    bias = report.parameters[1]
    assert bias.worst == (2,)
    assert bias.gradient / bias.difference - 1 == pytest.approx(1e-4, rel=1e-2)
    assert not report.passed
    assert "layers.0.bias" in str(report)
    assert "FAILED" in str(report)


@pytest.mark.parametrize("away", [0.0, 1e-6, -1e-6, 2e-7])
def test_a_kink_is_told_from_a_wrong_gradient(away: float) -> None:
    net = purr.Sequential([purr.Dense(3, "relu"), purr.Dense(1)], input_shape=2, seed=1, dtype="float64")
    net.set_weights([np.ones((2, 3)), [away, 1.0, 1.0], np.ones((3, 1)), [0.0]])
    report = purr.check_gradients(net, [[0.0, 0.0]], [2.0], loss="mean_squared_error")
    assert report.passed, str(report)
    assert report.parameters[1].kinks == 1
    assert report.parameters[1].checked == 2
    assert "at a kink" in str(report)


def test_a_wrong_gradient_at_a_kink_is_still_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    right = purr.Trainer.loss_and_gradient

    def wrong(trainer: purr.Trainer, x: Any, y: Any) -> tuple[float, NDArray[Any]]:
        loss, gradient = right(trainer, x, y)
        return loss, gradient * 1.5 + 0.1

    monkeypatch.setattr(purr.Trainer, "loss_and_gradient", wrong)
    net = purr.Sequential([purr.Dense(3, "relu"), purr.Dense(1)], input_shape=2, seed=1)
    net.set_weights([np.ones((2, 3)), [0.0, 0.0, 0.0], np.ones((3, 1)), [0.0]])
    report = purr.check_gradients(net, [[0.0, 0.0]], [2.0], loss="mean_squared_error")
    assert not report.passed
    assert report.parameters[1].kinks == 0


def test_large_arrays_are_sampled() -> None:
    net = purr.Sequential.from_string("400-20-3", seed=0)
    report = purr.check_gradients(net, GENERATOR.random((4, 400)), [0, 1, 2, 0], at_most=15)
    assert [check.checked + check.kinks for check in report.parameters] == [15, 15, 15, 3]
    assert report.passed, str(report)


def test_dead_weights_have_no_error() -> None:
    net = purr.Sequential.from_string("4-5-1", seed=1)
    net.set_weights([np.zeros((4, 5)), np.full(5, -1.0), np.ones((5, 1)), [0.0]])
    assert purr.check_gradients(net, X, [0, 1, 1, 0, 1, 0]).relative_error < 1e-7


def test_a_network_without_weights_and_other_mistakes_are_refused() -> None:
    with pytest.raises(ValueError, match="no weights yet"):
        purr.check_gradients(purr.Sequential([purr.Dense(1, "sigmoid")]), X, np.zeros(6))
    net = purr.Sequential.from_string("4-1")
    with pytest.raises(ValueError, match="at_most must be at least 1"):
        purr.check_gradients(net, X, np.zeros(6), at_most=0)
    with pytest.raises(ValueError, match="unknown loss"):
        purr.check_gradients(net, X, np.zeros(6), loss="hinges")


def test_layers_with_buffers_noise_and_branches_pass() -> None:
    layers = [
        purr.Normalize(),
        purr.Dense(6, "tanh"),
        purr.BatchNorm(),
        purr.Residual([purr.LayerNorm(), purr.Dense(6, "gelu")]),
        purr.Dropout(0.3),
        purr.Dense(2, "prelu"),
    ]
    net = purr.Sequential(layers, input_shape=4, seed=1)
    net.adapt(3 * X + 1)
    before = net.fingerprint()
    report = purr.check_gradients(net, 3 * X + 1, GENERATOR.normal(size=(6, 2)), loss="mean_squared_error")
    assert report.passed, str(report)
    assert [check.name for check in report.parameters] == list(net.parameters)
    assert net.fingerprint() == before


def test_a_network_that_began_with_arrays_can_be_checked() -> None:
    given = purr.initializers.FromArray(GENERATOR.normal(size=(4, 3)))
    net = purr.Sequential([purr.Dense(3, "tanh", kernel_initializer=given), purr.Dense(1)], input_shape=4)
    assert purr.check_gradients(net, X, np.zeros(6), loss="mean_squared_error").passed
