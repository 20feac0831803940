"""The short form of the soak: see `soak.py`, and `make soak` for the whole."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("soak.py")


@pytest.mark.skipif(sys.platform != "linux", reason="what is in use is read from /proc")
def test_thousands_of_trainings_in_one_process_leave_memory_files_and_threads_as_they_were() -> None:
    """So early in a process its memory still settles: 2 % are allowed here, 1 % of the whole."""
    command = [sys.executable, SOAK, "--fits", "3000", "--most-growth", "0.02"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)["counts"]
    assert counts["fits"] >= 3000
    # Everything took place.
    assert {"steps", "files", "checkpoints", "threads", "DivergedError", "KeyboardInterrupt", "ModelFileError"} <= set(
        counts
    )
