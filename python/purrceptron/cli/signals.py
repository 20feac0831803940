"""What the command does when it is told to stop."""

from __future__ import annotations

import signal
from types import FrameType

__all__ = ["Terminated", "listen"]


class Terminated(KeyboardInterrupt):
    """SIGTERM: work stops as it does on Ctrl-C."""


def listen() -> None:
    """From now on SIGINT and SIGTERM raise, the first time; the second time they end the process at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell has what it starts in the background ignore SIGINT
            signal.signal(number, _stop)


def _stop(number: int, _frame: FrameType | None) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_DFL)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
