"""Damaged and shuffled tables, archives, networks in TOML and in a line, and notes: see `fuzzing.py`.

A fixed number of inputs, the same in every run; `FUZZ_SECONDS` asks for other ones, as many as there are in so long.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fuzzing import TARGETS

SECONDS = os.environ.get("FUZZ_SECONDS")
INPUTS = 2000


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_damaged_is_refused_or_read_and_nothing_else(target: str, tmp_path: Path) -> None:
    if target == "h5":
        pytest.importorskip("h5py")
    how = ["--inputs", str(INPUTS)] if SECONDS is None else ["--seconds", SECONDS, "--seed", str(time.time_ns())]
    command = [sys.executable, str(Path(__file__).parent / "fuzzing.py"), target, *how]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    last = tmp_path / f"{target}.last"
    content = last.read_bytes() if last.exists() else b""
    assert done.returncode == 0, f"{done.stderr[-3000:]}\nthe input: {content!r}"
    inputs = json.loads(done.stdout)[target]
    print(f"{target}: {inputs} inputs")
    assert inputs >= (INPUTS if SECONDS is None else 1)
