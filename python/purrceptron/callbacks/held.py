"""Signals that wait until something is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Held"]

_Handler = Callable[[int, FrameType | None], Any]


class Held:
    """Within it a SIGINT or SIGTERM waits while `holds` says so of what it interrupts; a second one comes through.

    Signals reach the main thread alone: in another one it does nothing.

    Args:
        holds: Gets the frame that was interrupted.
    """

    def __init__(self, holds: Callable[[FrameType | None], bool]) -> None:
        self._holds, self._handler = holds, self._handle
        self._before: dict[int, _Handler] = {}
        self._waiting: tuple[int, FrameType | None] | None = None

    @property
    def interrupted(self) -> bool:
        """Whether a signal waits."""
        return self._waiting is not None

    def release(self) -> None:
        """Let the signal through that waits, if one does."""
        if self._waiting is not None:
            (number, frame), self._waiting = self._waiting, None
            self._before[number](number, frame)

    def __enter__(self) -> Self:
        """Listen in the place of those who do."""
        if threading.current_thread() is threading.main_thread():
            try:
                for number in (signal.SIGINT, signal.SIGTERM):
                    handler = signal.getsignal(number)
                    if callable(handler):
                        self._before[number] = handler
                        signal.signal(number, self._handler)
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is None and self._holds(frame):
            self._waiting = number, frame
        else:
            self._before[number](number, frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the signals back to those who listened, unless somebody else has begun to."""
        for number, handler in self._before.items():
            if signal.getsignal(number) is self._handler:
                signal.signal(number, handler)
