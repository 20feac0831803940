"""Plain data as bytes and back: None, bool, int, float, str, NumPy arrays, and lists and dicts of these.

A length, JSON, and after it the bytes of the arrays, to which the JSON has `{"$array": [dtype, shape, offset]}`.
Reading makes numbers, texts and arrays, and nothing else; every length is checked against the bytes that there are.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np

__all__ = ["pack", "unpack"]

_ARRAY = "$array"


def pack(data: dict[str, Any]) -> bytes:
    """The bytes of a dict of plain data.

    Raises:
        TypeError: Something in it is no plain data (says what and where).
    """
    arrays: list[bytes] = []
    text = json.dumps(_to_json(data, "", arrays, [0])).encode()
    return b"".join([len(text).to_bytes(8, "little"), text, *arrays])


def _to_json(value: Any, place: str, arrays: list[bytes], offset: list[int]) -> Any:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        at, offset[0] = offset[0], offset[0] + len(data)
        arrays.append(data)
        return {_ARRAY: [value.dtype.newbyteorder("<").str, list(value.shape), at]}
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        # A key of the caller's that looks like ours gets another "$".
        items = ((f"${key}" if key.startswith("$") else key, key) for key in value)
        return {name: _to_json(value[key], f"{place}[{key!r}]", arrays, offset) for name, key in items}
    if isinstance(value, list):
        return [_to_json(item, f"{place}[{number}]", arrays, offset) for number, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{place} is {type(value).__name__}; expected None, a number, a text, an array, a list or a dict")


def unpack(data: bytes) -> dict[str, Any]:
    """What `pack` was given.

    Raises:
        ValueError: They are no bytes of `pack`.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > len(data) - 8:
        raise ValueError(f"a text of {length} bytes in {len(data)} bytes")
    try:
        value = _from_json(json.loads(data[8 : 8 + length]), memoryview(data)[8 + length :])
    except (RecursionError, TypeError, OverflowError, KeyError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(value, dict):
        raise ValueError("no dict")
    return value


def _from_json(value: Any, rest: memoryview) -> Any:
    if isinstance(value, list):
        return [_from_json(item, rest) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY not in value:
        return {key[1:] if key.startswith("$") else key: _from_json(item, rest) for key, item in value.items()}
    name, shape, offset = value[_ARRAY]
    # NumPy takes text with a comma for source code.
    dtype = np.dtype(name if re.fullmatch(r"[<|][biufc]\d+", name) else "O")
    if dtype.kind not in "biufc" or min([offset, *shape]) < 0:
        raise ValueError(f"an array of {name} {shape} at {offset}")
    end = offset + math.prod(shape) * dtype.itemsize
    if end > len(rest):
        raise ValueError(f"an array of {name} {shape} beyond the end")
    return np.frombuffer(rest[offset:end], dtype).reshape(shape).astype(dtype.newbyteorder("="))
