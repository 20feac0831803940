"""The network of a classifier, from the short form in which it is written."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from ..images.features import Features, feature_count
from ..layers import Layer, Rescale
from ..strings import parse_network

# Nobody gives the first layer of a small network so many units; a first size like this is the input's.
_LEAST_INPUT = 1000


def photo_layers(
    network: str | Sequence[int],
    *,
    image_size: int,
    channels: int,
    classes: int,
    kernel_initializer: str,
    features: Features = "pixels",
    l2: float = 0.0,
) -> list[Layer]:
    """Layers that take pixels 0..255 to the probability of the positive of two classes, or of each of more.

    Args:
        network: Sizes "20-7-5-1" up to the output, and before them the input's if you like, "12288-20-7-5-1"; or the
            hidden sizes alone, (20, 7, 5).
        image_size: Side of a photo in pixels.
        channels: 3 for colour, 1 for grey.
        classes: Number of classes.
        kernel_initializer: First values of the kernels.
        features: What of the photos the network sees.
        l2: Weight decay of the kernels.

    Raises:
        ValueError: The sizes do not parse, or the input or the output do not fit photos and classes.
    """
    inputs, outputs = feature_count(features, image_size, channels), 1 if classes == 2 else classes
    hidden_alone = not isinstance(network, str)
    if not isinstance(network, str):
        network = "-".join(map(str, [*network, outputs]))
    first = None if hidden_alone else re.match(r"\s*(\d+)\s*-", network)
    given = int(first[1]) if first else 0
    if given != inputs and given >= _LEAST_INPUT:
        raise ValueError(
            f"network {network!r}: its input is {given:,}, but photos of {image_size} x {image_size} x {channels} "
            f"have {inputs:,} features (a first layer of {_LEAST_INPUT:,} or more units is written "
            f"with the input before it, '{inputs}-{given}-...')"
        )
    _, layers = parse_network(network, has_input=given == inputs)
    last = layers[-1]
    if last.units != outputs:
        why = "the probability of the positive one" if outputs == 1 else "a probability each"
        raise ValueError(
            f"network {network!r}: it must end in {outputs} for {classes} classes ({why}), got {last.units}"
        )
    dense = (dataclasses.replace(layer, kernel_initializer=kernel_initializer, l2=l2) for layer in layers)
    return [Rescale(1 / 255), *dense] if features == "pixels" else list(dense)


def input_shape(features: Features, image_size: int, channels: int) -> tuple[int, ...]:
    """Shape of what the network sees of one photo."""
    if features == "pixels":
        return image_size, image_size, channels
    return (feature_count(features, image_size, channels),)
