"""Times purrceptron beside the peers that are installed: `python benches/compare.py --help`.

The method, and what the figures are, stands in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

# Overrides of OpenBLAS's own choice of kernel and cache size; NumPy is slower than it could be with them.
_OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def _without_overrides() -> None:
    """Starts again without the variables that slow NumPy down: they are read when a library is loaded."""
    found = [name for name in _OVERRIDES if os.environ.pop(name, None) is not None]
    if found:
        print(f"started again without {' and '.join(found)}, which would slow NumPy down", file=sys.stderr, flush=True)
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _arguments(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="ROW", action="append", choices=names, help=f"one of {', '.join(names)}")
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the work, three repeats: to look, not to report"
    )
    parser.add_argument("--tiny", action="store_true", help="next to no work: whether every row runs")
    parser.add_argument("--json", action="store_true", help="one object on standard output instead of markdown")
    parser.add_argument("--output", metavar="FOLDER", type=Path, help="write benchmarks.md, .json and .png there")
    return parser.parse_args()


def main() -> None:
    """Measures the rows that are asked for."""
    from comparison import answer_rows, estimator_rows, growth_rows, process_rows, training_rows
    from comparison.clock import Effort
    from comparison.machine import machine
    from comparison.products import products
    from comparison.report import faster_than_work, markdown

    speed = training_rows.rows | answer_rows.rows | process_rows.rows | estimator_rows.rows
    arguments = _arguments([*speed, *growth_rows.rows, "products"])
    effort = Effort(repeats=7, budget=6, size=1)
    if arguments.quick:
        effort = Effort(repeats=3, budget=2, size=0.1)
    if arguments.tiny:
        effort = Effort(repeats=2, budget=1, size=0.0005)

    def wanted(name: str) -> bool:
        if arguments.only and name not in arguments.only:
            return False
        print(name, file=sys.stderr, flush=True)
        return True

    about = machine()  # the load before the first row
    rows = [measure(effort) for name, measure in speed.items() if wanted(name)]
    multiplied = products(effort) if wanted("products") else []
    growth = [measure(effort) for name, measure in growth_rows.rows.items() if wanted(name)]
    about["libraries"] = machine()["libraries"]  # all that the peers loaded
    everything = {
        "machine": about,
        "rows": [asdict(row) for row in rows],
        "products": [asdict(product) for product in multiplied],
        "growth": [asdict(one) for one in growth],
        "grows faster than the work": [line for one in growth for line in faster_than_work(one)],
    }
    text = markdown(about, rows, growth, multiplied)
    print(json.dumps(everything) if arguments.json else text)
    if arguments.output:
        from comparison.chart import draw

        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "benchmarks.md").write_text(text)
        (arguments.output / "benchmarks.json").write_text(json.dumps(everything, indent=1))
        draw(rows, growth, arguments.output / "benchmarks.png")


if __name__ == "__main__":
    _without_overrides()
    main()
