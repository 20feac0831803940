"""Standard tasks, with thresholds that were fixed beforehand: what a dense network is expected to do."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import purrceptron as purr

Array = NDArray[Any]


def test_digits_with_default_settings_reach_97_percent() -> None:
    """Network, optimizer and batches are the defaults; the 40 epochs are not: after 10 it is at 95 percent."""
    datasets, selection = pytest.importorskip("sklearn.datasets"), pytest.importorskip("sklearn.model_selection")
    x, y = datasets.load_digits(return_X_y=True)
    accuracies = []
    for seed in range(5):
        parts = selection.train_test_split(x / 16, y, test_size=0.25, random_state=seed, stratify=y)
        net = purr.Sequential.from_string("64-128-10", seed=seed)
        net.fit(parts[0], parts[2], epochs=40)
        accuracies.append(net.evaluate(parts[1], parts[3], metrics="accuracy")["accuracy"])
    assert np.mean(accuracies) >= 0.97, accuracies


def two_moons(samples: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Two half circles, one in the other's mouth, with a noise of 0.1."""
    y = generator.integers(0, 2, samples)
    angle = np.pi * (generator.random(samples) + y)
    x = np.stack([np.cos(angle) + y, np.sin(angle) + 0.5 * y], axis=1)
    return x + generator.normal(0, 0.1, x.shape), y


def spirals(samples: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Three arms that wind once and a quarter around the origin, with a noise of 0.02."""
    y = generator.integers(0, 3, samples)
    radius = 0.1 + 0.9 * generator.random(samples)
    angle = 2 * np.pi * (1.25 * radius + y / 3)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return x + generator.normal(0, 0.02, x.shape), y


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("task", "network", "epochs", "least"), [(two_moons, "2-32-1", 100, 0.99), (spirals, "2-64-64-3", 100, 0.97)]
)
def test_moons_and_spirals_are_solved(task: Any, network: str, epochs: int, least: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = task(1000, generator)
    net = purr.Sequential.from_string(network, seed=seed)
    net.fit(x, y, epochs=epochs, optimizer=purr.Adam(0.01))
    assert net.evaluate(*task(1000, generator), metrics="accuracy")["accuracy"] >= least


def houses(samples: int, generator: np.random.Generator) -> tuple[Array, Array]:
    """Districts as those of California: eight features on scales of their own, and what a house costs there."""
    income = generator.gamma(4, 1, samples)
    age = generator.uniform(1, 52, samples)
    rooms = generator.normal(5.4, 1, samples)
    bedrooms = 0.2 * rooms * generator.normal(1, 0.1, samples)
    population = generator.lognormal(7, 0.7, samples)
    occupancy = generator.normal(3, 0.6, samples)
    latitude, longitude = generator.uniform(32, 42, samples), generator.uniform(-124, -114, samples)
    coast = np.exp(-(((longitude + 124) - 0.8 * (42 - latitude)) ** 2) / 8)
    value = 0.45 * income + 0.01 * age + 1.5 * coast * np.sqrt(income) + 0.3 * np.tanh(rooms - 2 * occupancy)
    value += generator.normal(0, 0.1, samples)
    return np.stack([income, age, rooms, bedrooms, population, occupancy, latitude, longitude], axis=1), value


@pytest.mark.parametrize("seed", range(2))
def test_a_regression_as_of_houses_explains_95_percent_of_the_variance(seed: int) -> None:
    x, y = houses(4000, np.random.default_rng(seed))
    mean, deviation = x[:3000].mean(axis=0), x[:3000].std(axis=0)
    x = (x - mean) / deviation
    net = purr.Sequential([purr.Dense(64, "relu"), purr.Dense(64, "relu"), purr.Dense(1)], seed=seed)
    net.fit(x[:3000], y[:3000], epochs=30, loss="mean_squared_error")
    assert net.evaluate(x[3000:], y[3000:], loss="mean_squared_error", metrics="r2")["r2"] >= 0.95
