"""Signals that wait until something is whole."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, FunctionType, TracebackType
from typing import Any, Self, cast

__all__ = ["Held"]

_Handler = Callable[[int, FrameType | None], Any]


class Held:
    """Within it a SIGINT or SIGTERM in the midst of some functions waits for `release`; a second one comes through.

    Signals reach the main thread alone: in another one it does nothing, nor in a child that is forked meanwhile.

    Args:
        functions: What must not be cut short: from its very first instruction, where a signal comes that arrived while
            Python was waiting, to its last.
    """

    def __init__(self, *functions: Callable[..., Any]) -> None:
        self._codes = {cast(FunctionType, function).__code__ for function in functions}
        self._process, self._handler = os.getpid(), self._handle
        self._before: dict[int, _Handler] = {}
        self._waiting: tuple[int, FrameType | None] | None = None

    def release(self) -> None:
        """Let the signal through that waits, unless one of the functions is at work."""
        if self._waiting is not None and not self._holds(sys._getframe()):
            self._let_through()

    def _let_through(self) -> None:
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
                self._give_back()
                raise
        return self

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is None and self._holds(frame):
            self._waiting = number, frame
        else:
            self._before[number](number, frame)

    def _holds(self, frame: FrameType | None) -> bool:
        while frame is not None and os.getpid() == self._process:
            if frame.f_code in self._codes:
                return True
            frame = frame.f_back
        return False

    def _give_back(self) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) is self._handler:  # else somebody has begun to listen meanwhile
                signal.signal(number, handler)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the signals back to those who listened, and the one that waits."""
        self._give_back()
        self._let_through()
