"""The contestants: one file a library, each in the idiom that is fastest there.

A peer is a module with `NAME`, `version()`, `training(task, data, weights) -> list[Contestant]` (everything outside the
clock is done there) and `answering(weights) -> Answer`, which takes one sample `(1, inputs)` to its output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from ..workloads import Array

__all__ = ["Answer", "Contestant", "installed"]

Answer = Callable[[Array], Array]

# module here: what it needs
_PEERS = {
    "ours": "purrceptron",
    "numpy_twin": "numpy",
    "scikit_learn": "sklearn",
    "jax_jitted": "jax",
    "pytorch": "torch",
}


@dataclass(frozen=True)
class Contestant:
    """One way to run a training task.

    Attributes:
        name: For the table.
        prepare: Puts the first weights back; not timed.
        run: The timed steps.
        weights: The weights that `run` arrived at, `[kernel, bias, ...]`.
    """

    name: str
    prepare: Callable[[], object]
    run: Callable[[], object]
    weights: Callable[[], list[Array]]


def installed() -> list[ModuleType]:
    """The peers whose library is here, ours first."""
    return [import_module(f".{name}", __name__) for name, needs in _PEERS.items() if find_spec(needs)]
