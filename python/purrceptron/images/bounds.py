"""What reading photos may take, all threads together: memory, and words of decoders on standard error."""

from __future__ import annotations

import contextlib
import ctypes
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

__all__ = ["MOST_PIXELS", "room_for", "silent_decoders"]

# Pixels that are decoded at a time, of one photo or of several: 256 MiB in colour, of which decoding has a few copies.
MOST_PIXELS = 2**26

_room = threading.Condition()
_taken = 0


@contextmanager
def room_for(width: int, height: int) -> Iterator[None]:
    """Wait until the threads have room for a picture of this size.

    Raises:
        ValueError: There never is.
    """
    global _taken
    pixels = width * height
    if pixels > MOST_PIXELS:
        raise ValueError(
            f"its {width:,} x {height:,} pixels are more than the {MOST_PIXELS:,} that are decoded at a time; scale it "
            "down first, or save it as JPEG, which is decoded at a part of its size"
        )
    with _room:
        _room.wait_for(lambda: _taken + pixels <= MOST_PIXELS)
        _taken += pixels
    try:
        yield
    finally:
        with _room:
            _taken -= pixels
            _room.notify_all()


class _Silence:
    """Silences Pillow's warnings and libtiff's messages while any thread reads a photo.

    `warnings.catch_warnings` is not for several threads: one that leaves would bring back what another has set.
    """

    def __init__(self) -> None:
        self._lock, self._readers = threading.Lock(), 0
        self._handler: int | None = None
        self._filter = ("ignore", None, Warning, re.compile(r"PIL\."), 0)

    def __enter__(self) -> None:
        with self._lock:
            if not self._readers:
                cast(list[Any], warnings.filters).insert(0, self._filter)
                self._handler = _exchange_handler_of_libtiff(None)
            self._readers += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._readers -= 1
            if not self._readers:
                _exchange_handler_of_libtiff(self._handler)
                with contextlib.suppress(ValueError):  # somebody has put other filters there
                    cast(list[Any], warnings.filters).remove(self._filter)


def _exchange_handler_of_libtiff(handler: int | None) -> int | None:
    """Set what libtiff does about an error beside failing, and get what it did; None prints nothing."""
    exchange = _exchange()
    return exchange(handler) if exchange else None


@cache
def _exchange() -> Callable[[int | None], int | None] | None:
    """The function of the libtiff in Pillow, where it can be had; elsewhere messages stay."""
    from PIL import _imaging

    try:
        function = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        return None
    function.restype, function.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    return cast(Callable[[int | None], int | None], function)


silent_decoders = _Silence()
