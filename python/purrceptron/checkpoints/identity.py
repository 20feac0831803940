"""What a training is: two with the same identity have the same bits, and one may go on where the other stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._arrays import Array

__all__ = ["differences", "digest"]

_BYTES = 1 << 22


def digest(*arrays: Array | tuple[Array, ...] | None) -> str:
    """SHA-256 of arrays: dtypes, shapes and bytes."""
    hashed = hashlib.sha256()
    for array in arrays:
        if isinstance(array, tuple):
            hashed.update(digest(*array).encode())
        elif array is None:
            hashed.update(b"none")
        else:
            hashed.update(f"{array.dtype.str} {array.shape} ".encode())
            rows = max(1, _BYTES // max(1, array[:1].nbytes))
            for start in range(0, len(array), rows):
                hashed.update(np.ascontiguousarray(array[start : start + rows]).data)
    return hashed.hexdigest()


def differences(then: Any, now: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Where two descriptions differ: the place, and what stands there in either."""
    if isinstance(then, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in then if key not in now)]:
            inner = f"{place}.{key}" if place else key
            if key not in then or key not in now:
                yield inner, then.get(key, "nothing"), now.get(key, "nothing")
            else:
                yield from differences(then[key], now[key], inner)
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for number, (before, after) in enumerate(zip(then, now, strict=True)):
            yield from differences(before, after, f"{place}[{number}]")
    elif then != now or type(then) is not type(now):
        yield place, then, now
