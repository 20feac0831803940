"""Weights that are in the core's network and in scikit-learn's lists, `coefs_` and `intercepts_`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import Array
from ..model import Sequential

__all__ = ["Weights"]


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
