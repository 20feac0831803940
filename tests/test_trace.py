"""`purr trace`: its numbers are those of a real step, bit for bit, and it reads well in a terminal."""

import json
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import purrceptron as purr
from purrceptron.cli import purr as command
from purrceptron.trace import trace_step

NETWORKS = [
    "2-3-1",
    "1-1",
    "2-4:tanh-3:sigmoid-1",
    "3-5-4",
    "5-3:sigmoid-2",
    "2-3:tanh-2:identity",
    "2-3-2:tanh",
    "2-4:gelu-3:silu-1",
    "12-9-1",
]


def run(*arguments: str, **options: Any) -> str:
    result = CliRunner(**options).invoke(command, ["trace", *arguments], prog_name="purr")
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_numbers_are_those_of_a_step_of_the_trainer_bit_for_bit(network: str, seed: int) -> None:
    trace = trace_step(network, seed=seed, learning_rate=0.3)
    net = purr.Sequential.from_string(network, seed=seed)
    for shown, real in zip(trace.before, net.get_weights(), strict=True):
        np.testing.assert_array_equal(shown, real)
    trainer = purr.Trainer(net, optimizer=purr.SGD(0.3), loss=trace.loss)
    outputs = net.predict(trace.x)
    loss, gradient = trainer.loss_and_gradient(trace.x, trace.y)
    assert trainer.step(trace.x, trace.y) == trace.cost == loss
    for shown, real in zip(trace.after, net.get_weights(), strict=True):
        np.testing.assert_array_equal(shown, real)
    named = {n: a for step in trace.steps for formula in step.formulas for n, a in formula.arrays.items()}
    np.testing.assert_array_equal(named["p"], outputs)
    layers = len(net.layers)
    gradients = [named[f"d{name}{layer}"] for layer in range(1, layers + 1) for name in "Wb"]
    np.testing.assert_array_equal(np.concatenate([g.ravel() for g in gradients]), gradient)
    for layer, (kernel, bias) in enumerate(zip(trace.after[::2], trace.after[1::2], strict=True), 1):
        np.testing.assert_array_equal(named[f"new W{layer}"], kernel)
        np.testing.assert_array_equal(named[f"new b{layer}"], bias)
    for steps, cost in trace.costs.items():
        for _ in range(steps - trainer.steps):
            trainer.step(trace.x, trace.y)
        assert trainer.loss_and_gradient(trace.x, trace.y)[0] == cost


@pytest.mark.parametrize("network", NETWORKS)
def test_every_array_has_the_shape_that_its_formula_ends_in(network: str) -> None:
    for step in trace_step(network).steps[1:6]:
        for formula in step.formulas:
            named = list(formula.arrays.values())
            result = named[0] if step.name == "prediction" else named[-1]
            assert formula.shapes.endswith(str(result.shape)), formula.text
            if " = " in formula.text and step.name != "prediction":
                assert formula.text.split(" = ")[0] == list(formula.arrays)[-1]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_report_has_seven_steps_and_fits_80_columns(network: str) -> None:
    lines = run("--network", network).splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line for line in lines if "──" in line]
    names = ["INPUT", "FORWARD", "PREDICTION", "COST", "BACKWARD", "GRADIENT DESCENT", "REPEAT"]
    assert [head.rstrip(" ─") for head in heads] == [f"{i}  {name}" for i, name in enumerate(names, 1)]
    assert not any(line.endswith(" ") for line in lines)


def test_the_report_shows_formulas_shapes_and_numbers() -> None:
    text, trace = run(), trace_step()
    assert "z₁ = x · W₁ + b₁" in text
    assert "(4, 2) · (2, 3) + (3,) → (4, 3)" in text
    assert "dW₂ = a₁ᵀ · dz₂" in text
    assert "W₁ ← W₁ - 0.5 dW₁" in text
    assert f"cost = {trace.cost:.6f}" in text
    assert f"{trace.before[0][0, 0]:.4f}" in text
    assert trace.costs[1000] < 0.01 < trace.cost
    assert f"{trace.costs[1000]:.4f}" in text


def test_large_arrays_are_cut_in_the_middle() -> None:
    text = run("--network", "12-9-1")
    assert "…" in text
    assert "⋮" in text


def test_json_holds_all_numbers() -> None:
    shown, trace = json.loads(run("--json", "--network", "3-4:tanh-2", "--seed", "5")), trace_step("3-4:tanh-2", seed=5)
    assert [step["name"] for step in shown["steps"]] == [step.name for step in trace.steps]
    assert shown["cost"] == trace.cost
    for step, expected in zip(shown["steps"], trace.steps, strict=True):
        for formula, real in zip(step["formulas"], expected.formulas, strict=True):
            assert (formula["formula"], formula["shapes"]) == (real.text, real.shapes)
            assert list(formula["arrays"]) == list(real.arrays)
            for name, array in real.arrays.items():
                np.testing.assert_array_equal(np.asarray(formula["arrays"][name], array.dtype), array)


def test_a_terminal_without_such_letters_gets_plain_ones() -> None:
    text = run(charset="ascii")
    assert "z1 = x * W1 + b1" in text
    assert text.isascii()


@pytest.mark.parametrize("network", ["3", "2-3:rulu-1", "two", "2--1"])
def test_what_is_no_network_is_wrong_usage(network: str) -> None:
    result = CliRunner().invoke(command, ["trace", "--network", network], prog_name="purr")
    assert result.exit_code == 2
    assert network.split(":")[0] in result.stderr


def test_a_network_with_other_weights_is_refused() -> None:
    result = CliRunner().invoke(command, ["trace", "--network", "2-3:prelu-1"], prog_name="purr")
    assert result.exit_code == 1
    assert "it learns more than kernels and biases (prelu)" in result.stderr


def test_a_seed_that_gets_stuck_says_so() -> None:
    assert trace_step(seed=1).costs[1000] > 0.3
    assert "try --seed" in run("--seed", "1")
    assert "try --seed" not in run()
