"""The comparison with other libraries runs, and would notice if they did not do the same. No clock is asserted."""

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHES = Path(__file__).parents[1] / "benches"
SPEED = {"cats", "cats-2500", "small", "digits", "wide", "answer-small", "answer-digits", "answer-wide"}
SPEED |= {"cats-32", "import", "process", "process-drawn"}
ESTIMATORS = {
    f"estimator-{name}" for name in ("digits", "cancer", "table", "wide", "grid", "grid-2", "answer", "start")
}


def test_every_row_runs_and_the_results_agree() -> None:
    command = [sys.executable, "benches/compare.py", "--tiny", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "PURRCEPTRON_PHOTOS"}
    done = subprocess.run(
        command, cwd=BENCHES.parent, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    rows = {row["key"]: row for row in result["rows"]}
    assert set(rows) == SPEED | ESTIMATORS
    for key, row in rows.items():
        assert "purrceptron" in row["timings"]
        assert key in {"cats-32", "process", "process-drawn"} | ESTIMATORS or "NumPy" in row["timings"]
        assert all(timing["median"] > 0 for timing in row["timings"].values())
        assert bool(row["agreement"]) == (key not in {"import", "process", "process-drawn"})
    assert set(rows["cats-32"]["timings"]) == {"purrceptron", "purrceptron, one by one"}
    assert {one["key"] for one in result["growth"]} >= {"samples", "features", "width", "depth", "threads-cats"}
    assert bool(result["products"]) == (find_spec("threadpoolctl") is not None)
    assert os.uname().nodename not in done.stdout


def test_a_contestant_that_does_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHES)
    from comparison.training_rows import DisagreementError, check_agreement

    assert check_agreement({"a": 0.5, "b": 0.501}, start=1.0)
    for losses in ({"a": 0.5, "b": 0.6}, {"a": 1.1, "b": 1.1}, {"a": 0.5, "b": float("nan")}):
        with pytest.raises(DisagreementError):
            check_agreement(losses, start=1.0)


@pytest.mark.skipif(sys.platform != "linux", reason="figures of /proc")
def test_speed_and_memory_of_photos_on_disk_are_measured() -> None:
    command = [sys.executable, BENCHES / "streaming.py", "--pictures", "40", "--pairs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    speed, memory = done.stdout.splitlines()
    assert re.fullmatch(r"speed from disk / from memory: median \S+ of \S+, \S+ \(40 pictures\)", speed)
    assert re.fullmatch(
        r"memory for 40 pictures, 0 MB of pixels: \d+ MB resident, \d+ MB of it anonymous, at most", memory
    )
