"""One sample through Python, from a NumPy array to a NumPy array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .clock import Effort, race
from .peers import Answer, installed
from .results import Row
from .training_rows import DisagreementError
from .workloads import Array, first_weights

__all__ = ["rows"]


def _calls(answer: Answer, x: Array, count: int) -> Callable[[], object]:
    def run() -> None:
        for _ in range(count):
            answer(x)

    return run


def _row(key: str, sizes: tuple[int, ...], calls: int, reach: float) -> Callable[[Effort], Row]:
    def row(effort: Effort) -> Row:
        weights = first_weights(sizes)
        x = np.random.default_rng(2).standard_normal((1, sizes[0]), dtype=np.float32)
        answers: dict[str, Answer] = {peer.NAME: peer.answering(weights) for peer in installed()}
        outputs = {name: np.asarray(answer(x))[0, -sizes[-1] :] for name, answer in answers.items()}
        distance = max(float(np.abs(output - outputs["NumPy"]).max()) for output in outputs.values())
        if distance > 1e-5:
            raise DisagreementError(f"outputs differ by {distance}: {outputs}")
        count = effort.whole(calls, 3)
        runs = {name: (lambda: None, _calls(answer, x, count)) for name, answer in answers.items()}
        for _, run in runs.values():
            run()
        title = f"{'-'.join(map(str, sizes))}, one sample through Python"
        agreement = f"largest distance of an output {distance:.0e}"
        timings = race(runs, effort, count)
        return Row(key, title, "us", 1e6, timings, {"purrceptron": reach}, agreement)

    return row


rows: dict[str, Callable[[Effort], Row]] = {
    "answer-small": _row("answer-small", (64, 32, 1), 4000, 2.5),
    "answer-digits": _row("answer-digits", (64, 100, 10), 4000, 3),
    "answer-wide": _row("answer-wide", (784, 512, 512, 10), 1000, 45),
}
