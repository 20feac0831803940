"""Files that a command writes whole or not at all."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError

__all__ = ["check_output", "write_whole"]


def check_output(file: str, what: str, inputs: Sequence[str | None]) -> None:
    """Find out before the work whether a file can be written, and that nothing is lost which the command reads.

    Args:
        file: The file to write; one of that name may be replaced.
        what: What it will be, for messages: "a model file".
        inputs: Files and folders that the command reads. A folder of photos takes no other file.

    Raises:
        DataError: It is, or lies in, what is read; it is no regular file; or there is no folder for it.
        OSError: It is a folder, or its folder cannot be written to.
    """
    path = Path(file)
    if path.is_dir():
        raise IsADirectoryError(None, None, file)
    if path.exists() and not path.is_file():
        raise DataError(f"{file}: a device or a pipe cannot become {what}; name a regular file")
    if not path.parent.is_dir():
        raise DataError(f"{file}: there is no folder {str(path.parent)!r} to write in")
    real = Path(os.path.realpath(path))
    for given in filter(None, inputs):
        if path.exists() and os.path.exists(given) and os.path.samefile(path, given):
            raise DataError(f"{file}: this is read, and {what} would replace it; name another file to write")
        if os.path.isdir(given) and real.is_relative_to(os.path.realpath(given)):
            beside = os.path.normpath(os.path.join(given, os.pardir, path.name))
            raise DataError(
                f"{file}: {what} cannot be written within {given}, a folder whose photos are read; choose another "
                f"place to write, such as --output {shlex.quote(beside)}"
            )
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise type(error)(error.errno, error.strerror, file) from error


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
