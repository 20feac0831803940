"""Files that a command writes whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(file: str | Path, data: bytes) -> None:
    """Write a file beside its place and rename it; an older one of that name stays until then.

    Raises:
        OSError: It cannot be written; the error names the file.
    """
    path = Path(file)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.write_bytes(data)
        os.replace(unfinished, path)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(file)) from error
    finally:
        unfinished.unlink(missing_ok=True)
