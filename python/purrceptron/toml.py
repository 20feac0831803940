"""The description of a network in TOML: the same keys as in the JSON of a model file."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["read", "write"]

_KEYS = ("layers", "input_shape", "seed", "dtype")


def read(source: str | os.PathLike[str]) -> dict[str, Any]:
    """The arguments of `Sequential`, from a path or from the text itself (which has an equals sign, unlike a path).

    Raises:
        ValueError: The text is no TOML, or has keys that no network has.
        FileNotFoundError: There is no such file.
    """
    try:
        text = source if isinstance(source, str) and "=" in source else Path(source).read_text(encoding="utf-8")
        description = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"network in TOML: {error}") from None
    except RecursionError:
        raise ValueError("network in TOML: too many values within each other") from None
    unknown = [key for key in description if key not in _KEYS]
    if unknown:
        raise ValueError(f"network in TOML: unknown key {unknown[0]!r}; known: {', '.join(_KEYS)}")
    if not isinstance(description.get("layers"), list):
        raise ValueError("network in TOML: expected layers, each as [[layers]] with a type")
    return description


def write(description: dict[str, Any]) -> str:
    """TOML of a network's description.

    Example:
        >>> print(write({"seed": 1, "layers": [{"type": "dense", "units": 3, "activation": {"elu": {"alpha": 1.0}}}]}))
        seed = 1
        <BLANKLINE>
        [[layers]]
        type = "dense"
        units = 3
        activation = { elu = { alpha = 1.0 } }
        <BLANKLINE>
    """
    lines = [f"{key} = {_value(value)}" for key, value in description.items() if key != "layers"]
    for layer in description["layers"]:
        lines += ["", "[[layers]]", *(f"{key} = {_value(value)}" for key, value in layer.items())]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    """A value on one line. Strings, numbers and truth are written in TOML as in JSON."""
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{key} = {_value(inner)}' for key, inner in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    return json.dumps(value)
