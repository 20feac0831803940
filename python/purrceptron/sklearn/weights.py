"""Weights that are in the core's network and in scikit-learn's lists, `coefs_` and `intercepts_`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import _core
from .._arrays import Array
from ..model import Sequential

__all__ = ["HasWeights", "Weights"]


class Weights:
    """The weights of one estimator.

    The network has them, until somebody asks for the lists: from then on the lists count, for a caller may write into
    them. Looking whether somebody has costs a comparison, and nothing where they were never asked for.

    Args:
        model: The network; None where there are only lists as yet.
        lists: Kernels and biases, one of each for every dense layer.
    """

    def __init__(self, model: Sequential | None = None, lists: tuple[list[Any], list[Any]] | None = None) -> None:
        self._model, self._lists = model, lists
        self._handed_out: tuple[list[Array], Array] | None = None

    @property
    def lists(self) -> tuple[list[Any], list[Any]]:
        """Kernels and biases."""
        if self._lists is None:
            flat = self._built.parameters()
            arrays = [flat[start:end].reshape(shape) for start, end, shape in self._places()]
            self._lists = (arrays[::2], arrays[1::2])
            self._handed_out = (arrays, flat.copy())
        return self._lists

    @property
    def model(self) -> Sequential | None:
        """The network, with the weights that the lists have."""
        if self._model is not None and self._lists is not None:
            arrays = [array for pair in zip(*self._lists, strict=True) for array in pair]
            if not self._unchanged(arrays):
                flat = self._built.parameters()
                for (start, end, shape), array in zip(self._places(), arrays, strict=True):
                    if np.shape(array) != shape:
                        raise ValueError(f"coefs_ and intercepts_: expected shape {shape}, got {np.shape(array)}")
                    flat[start:end] = np.ravel(array)
                self._built.set_parameters(flat)
                self._handed_out = (arrays, flat)
        return self._model

    def trained(self) -> None:
        """The network's weights have changed: lists that were handed out are no longer those of the estimator."""
        self._lists = self._handed_out = None

    @property
    def _built(self) -> Any:
        if self._model is None:
            raise ValueError("the estimator has no network yet")
        return self._model._built()

    def _unchanged(self, arrays: Sequence[Any]) -> bool:
        if self._handed_out is None:
            return False
        given, before = self._handed_out
        same = all(now is then for now, then in zip(arrays, given, strict=True))
        return same and np.array_equal(np.concatenate([np.ravel(array) for array in given]), self._of_dense(before))

    def _of_dense(self, flat: Array) -> Array:
        places = self._places()
        if places and places[-1][1] - places[0][0] == sum(end - start for start, end, _ in places):
            return flat[places[0][0] : places[-1][1]]
        return np.concatenate([flat[start:end] for start, end, _ in places])

    def _places(self) -> list[tuple[int, int, tuple[int, ...]]]:
        """Where kernels and biases of the dense layers lie among the parameters, and their shapes."""
        places, start = [], 0
        for name, shape in self._built.named_parameters():
            end = start + math.prod(shape)
            if name.endswith((".kernel", ".bias")):
                places.append((start, end, tuple(shape)))
            start = end
        return places

    def __getstate__(self) -> dict[str, Any]:
        """The network, as the bytes of its model file; the lists only where there is none."""
        model = self.model
        return {"model": model, "lists": self._lists if model is None else None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


class HasWeights:
    """An estimator's weights as it shows them: `coefs_`, `intercepts_`, and the network itself."""

    _weights: Weights

    @property
    def coefs_(self) -> list[Any]:
        """Kernels, `(inputs, units)`, one of each dense layer. Writing into them changes the network."""
        return self._of_weights()[0]

    @coefs_.setter
    def coefs_(self, coefs: list[Any]) -> None:
        self._set_lists(coefs, None)

    @property
    def intercepts_(self) -> list[Any]:
        """Biases, `(units,)`, one of each dense layer. Writing into them changes the network."""
        return self._of_weights()[1]

    @intercepts_.setter
    def intercepts_(self, intercepts: list[Any]) -> None:
        self._set_lists(None, intercepts)

    @property
    def network_(self) -> Sequential:
        """The network itself: to save it, to look at its layers, to train it further."""
        model = self._weights.model if "_weights" in vars(self) else None
        if model is None:
            raise AttributeError(f"this {type(self).__name__} has no network yet: call fit first")
        return model

    def _of_weights(self) -> tuple[list[Any], list[Any]]:
        if "_weights" not in vars(self):
            raise AttributeError(f"this {type(self).__name__} has no weights yet: call fit first")
        return self._weights.lists

    def _set_lists(self, coefs: list[Any] | None, intercepts: list[Any] | None) -> None:
        old_coefs, old_intercepts = self._weights.lists if "_weights" in vars(self) else ([], [])
        model = self._weights.model if "_weights" in vars(self) else None
        lists = (old_coefs if coefs is None else coefs, old_intercepts if intercepts is None else intercepts)
        self._weights = Weights(model, lists)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it has weights."""
        return "_weights" in vars(self)

    def _snapshot(self) -> tuple[Array, Array]:
        """Weights, and what training gathers besides."""
        core = self._core_network()
        return core.parameters(), core.buffers()

    def _restore(self, snapshot: tuple[Array, Array]) -> None:
        core = self._core_network()
        core.set_parameters(snapshot[0])
        core.set_buffers(snapshot[1])
        self._weights.trained()

    def _core_network(self) -> _core.Network:
        """The core's network, with the weights that `coefs_` and `intercepts_` have."""
        return self.network_._built()
