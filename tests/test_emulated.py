"""An older processor, emulated: without AVX and fused multiply-add, the weights are the same bit for bit."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_reproducibility import GOLDEN

QEMU = shutil.which("qemu-x86_64")

pytestmark = [
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="runs programs of x86-64 Linux"
    ),
    pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (Debian's qemu-user)"),
]

# Nehalem, of 2008, is the oldest that NumPy's wheels run on: SSE4.2, nothing after it.
SCRIPT = """
import sys; sys.path.insert(0, sys.argv[1])
import test_reproducibility as t
print(t._core.instruction_set(), *(training(n_threads=2).fingerprint() for training, _ in t.GOLDEN))
"""


def test_a_processor_of_2008_gives_the_golden_fingerprints() -> None:
    assert QEMU is not None
    command = [QEMU, "-cpu", "Nehalem", sys.executable, "-c", SCRIPT, str(Path(__file__).parent)]
    # NumPy's OpenBLAS mistakes some emulated processors for ones with AVX2 unless it is told.
    environment = {**os.environ, "OPENBLAS_CORETYPE": "Nehalem"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    level, *fingerprints = done.stdout.split()
    assert level == "portable"
    assert fingerprints == [fingerprint for _, fingerprint in GOLDEN]
