"""Names of classes and files, which may hold anything, as they are shown: in one line, not too long."""

from __future__ import annotations

from ..images.reading import named

__all__ = ["shown_ends", "shown_name"]

_LONGEST = 40


def shown_name(name: str, most: int = _LONGEST) -> str:
    """The name of a class, of so many letters at most."""
    plain, most = named(name) or "''", max(most, 2)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def shown_ends(name: str, most: int = _LONGEST) -> str:
    """Both ends of a name, of so many letters at most.

    The end tells files apart, and often classes, too: a number, and of what kind the file is.
    """
    plain, most = named(name), max(most, 4)
    end = min(max(8, most * 3 // 10), most // 2)
    return plain if len(plain) <= most else plain[: most - end - 1] + "…" + plain[-end:]
