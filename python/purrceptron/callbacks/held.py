"""Signals that wait until something is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Held"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Held:
    """Within it the first SIGINT or SIGTERM waits for the end; a second one comes through at once.

    Args:
        active: Whether it does so. Where it does not, or in another thread than the main one, signals come as ever.
    """

    def __init__(self, active: bool) -> None:
        self._active = active and threading.current_thread() is threading.main_thread()
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
        self._waiting: tuple[signal.Signals, FrameType | None] | None = None

    @property
    def interrupted(self) -> bool:
        """Whether a signal waits."""
        return self._waiting is not None

    def __enter__(self) -> Self:
        """Let signals wait."""
        if self._active:
            try:
                for number in _NUMBERS:
                    handler = signal.getsignal(number)
                    if callable(handler):
                        self._before[number] = handler
                        signal.signal(number, self._wait)
            except BaseException:
                self._release()
                raise
        return self

    def _wait(self, number: int, frame: FrameType | None) -> None:
        self._release()
        self._waiting = signal.Signals(number), frame

    def _release(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let them through."""
        if self._waiting is None:
            self._release()
        else:
            number, frame = self._waiting
            self._before[number](number, frame)
