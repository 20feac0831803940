"""A part of a network: its first layers, the last of them without its activation."""

from __future__ import annotations

import dataclasses

from ..layers import Activation, Dense, Layer
from ..model import Sequential


def logit_network(model: Sequential) -> Sequential:
    """The network before its last activation, in float64: sigmoid and softmax hide what they saturate."""
    return _first_layers(model, len(model.layers), "float64")


def first_dense_network(model: Sequential) -> Sequential | None:
    """The network up to its first dense layer, before the activation, in its own dtype; None if it has no such."""
    places = [index for index, layer in enumerate(model.layers) if isinstance(layer, Dense)]
    return _first_layers(model, places[0] + 1, model.dtype) if places else None


def _first_layers(model: Sequential, count: int, dtype: str) -> Sequential:
    layers = [*model.layers[: count - 1], _without_activation(model.layers[count - 1])]
    part = Sequential(layers, input_shape=model.input_shape, seed=model.seed, dtype=dtype)
    parameters, buffers = model.parameters, model.buffers
    part.set_weights([parameters[name] for name in part.parameters])
    part.set_buffers({name: buffers[name] for name in part.buffers})
    return part


def _without_activation(layer: Layer) -> Layer:
    return dataclasses.replace(layer, activation="identity") if isinstance(layer, Dense | Activation) else layer
