"""`purr trace`: one training step of a small network, with every formula and number."""

from __future__ import annotations

import sys
from typing import Any

import click
import numpy as np

from ..strings import parse_network
from ..trace import Step, Trace, trace_step
from .matrices import mathematical, side_by_side
from .options import NumberRange, seed_option
from .output import Output, amount, output_options

__all__ = ["trace"]

_WIDTH = 80
_INDENT = "    "

_EXAMPLES = """\b
Examples:
  purr trace
  purr trace --network 2-4:tanh-1 --learning-rate 1
  purr trace --network 3-4-2 --json
"""


def _checked_network(ctx: click.Context, option: click.Parameter, network: str) -> str:
    try:
        if parse_network(network)[0] is None:
            raise ValueError(f"network {network!r}: expected sizes such as '2-3-1', the input's first")
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, option) from error
    return network


@click.command(short_help="Show one training step, number by number.", epilog=_EXAMPLES)
@click.option(
    "--network",
    default="2-3-1",
    show_default=True,
    callback=_checked_network,
    metavar="SIZES",
    help="Sizes from the input to the output, with an activation after a colon where it is not the usual one.",
)
@click.option(
    "--learning-rate",
    type=NumberRange(0, min_open=True),
    default=0.5,
    show_default=True,
    metavar="R",
    help="Length of the step.",
)
@seed_option("Seed of the first weights.")
@output_options
def trace(network: str, learning_rate: float, seed: int, output: Output) -> None:
    """Show one training step of a small network: input, forward, prediction, cost, backward, gradient descent, repeat.

    Every step comes with its formulas, the shapes of its arrays, and all numbers. They are those of the library's own
    step, bit for bit; with more than 5 columns or 8 rows an array is cut in the middle.
    """
    traced = trace_step(network, seed=seed, learning_rate=learning_rate)
    output.result(_fields(traced), map(_shown, _report(traced)))


def _fields(traced: Trace) -> dict[str, Any]:
    steps = [
        {
            "step": number,
            "name": step.name,
            "formulas": [
                {
                    "formula": formula.text,
                    "shapes": formula.shapes,
                    "arrays": {name: array.tolist() for name, array in formula.arrays.items()},
                }
                for formula in step.formulas
            ],
        }
        for number, step in enumerate(traced.steps, 1)
    ]
    fields = {"network": traced.network, "seed": traced.seed, "learning_rate": traced.learning_rate}
    return {**fields, "loss": traced.loss, "cost": traced.cost, "steps": steps}


def _report(traced: Trace) -> list[str]:
    weights = sum(array.size for array in traced.before)
    about = f"{amount(len(traced.x), 'sample')}, {amount(weights, 'weight')}, learning rate {traced.learning_rate:g}"
    lines = [
        click.style(f"One training step of the network {traced.network}", bold=True),
        f"{about}, seed {traced.seed}",
    ]
    for number, step in enumerate(traced.steps, 1):
        lines += ["", *_step(number, step)]
    return lines


def _step(number: int, step: Step) -> list[str]:
    head = f"{number}  {step.name.upper()} "
    rule = click.style("─" * (_WIDTH - len(head)), dim=True)
    lines = [click.style(head, bold=True, fg="cyan") + rule, f"{_INDENT[:-1]}{step.says}"]
    for formula in step.formulas:
        text = mathematical(formula.text)
        gap = " " * max(2, _WIDTH - len(_INDENT) - len(text) - len(formula.shapes))
        lines.append("")
        if text:
            lines.append(
                f"{_INDENT}{click.style(text, bold=True)}{gap}{click.style(formula.shapes, dim=True)}".rstrip()
            )
        scalars = {name: float(array) for name, array in formula.arrays.items() if np.ndim(array) == 0}
        named = [(mathematical(name), array) for name, array in formula.arrays.items() if name not in scalars]
        lines += [f"{_INDENT}{line}".rstrip() for line in side_by_side(named, _WIDTH - len(_INDENT))]
        lines += _bars(scalars) if len(scalars) > 1 else [f"{_INDENT}{name} = {v:.6f}" for name, v in scalars.items()]
    return lines


def _bars(values: dict[str, float]) -> list[str]:
    """Numbers as bars, the largest as long as the line."""
    longest, most = max(map(len, values)), max(values.values()) or 1.0
    room = _WIDTH - len(_INDENT) - longest - len("  0.0000  ")
    lines = []
    for name, value in values.items():
        bar = "█" * max(1, round(room * value / most))
        lines.append(
            f"{_INDENT}{click.style(name.rjust(longest), dim=True)}  {value:.4f}  {click.style(bar, fg='cyan')}"
        )
    return lines


_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉·×→←⎡⎤⎢⎥⎣⎦…⋮─█²", "0123456789*x><[][][].:-#2") | {ord("Σ"): "sum", ord("ᵀ"): ".T"}


def _shown(line: str) -> str:
    """The line, in plain letters where the terminal has no others."""
    try:
        line.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return line.translate(_PLAIN)
    return line
