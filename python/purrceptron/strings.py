"""Networks in a line: sizes with a dash between, "64-100:tanh-10"."""

from __future__ import annotations

import re

from .layers import Dense

__all__ = ["parse_network"]


def parse_network(text: str, *, has_input: bool = True) -> tuple[int | None, list[Dense]]:
    """The input's size, if the text begins with one of two or more sizes, and the layers of "64-100:tanh-10".

    Args:
        text: Sizes with a dash between, each layer's with an activation after a colon if it is not the usual one.
        has_input: Whether the first size is the input's; otherwise all are layers.
    """
    if not isinstance(text, str):
        raise TypeError(f"network: expected text such as '64-100-10', got {text!r}")
    parts = text.strip().split("-")
    layers: list[Dense] = []
    for position, part in enumerate(parts):
        match = re.fullmatch(r"\s*([1-9]\d*)\s*(?::\s*(\w+)\s*)?", part)
        if match is None or (has_input and position == 0 and match[2]):
            raise ValueError(
                f"network {text!r}: {part!r} is no layer; expected sizes with a dash between, as in '64-100-10', "
                "with an activation after a colon where it is not the usual one, as in '8-32:tanh-1:identity'"
            )
        units = int(match[1])
        usual = "relu" if position + 1 < len(parts) else "sigmoid" if units == 1 else "softmax"
        if position > 0 or not has_input:
            try:
                layers.append(Dense(units, match[2] or usual))
            except ValueError as error:
                raise ValueError(f"network {text!r}: {part.strip()!r}: {error}") from None
    return (int(parts[0]) if layers and has_input else None), layers
