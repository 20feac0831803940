"""What the README and the examples show, run."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def run(*arguments, folder):
    return subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


def test_seven_steps_by_hand_give_the_weights_of_fit_bit_for_bit(tmp_path):
    done = run(ROOT / "examples" / "seven_steps.py", "--photos", "37", "--iterations", "60", folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same, bit for bit" in done.stdout


def test_contact_sheet_is_drawn(tmp_path):
    done = run(ROOT / "examples" / "contact_sheet.py", tmp_path / "sheet.png", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "sheet.png").stat().st_size <= 300_000


def python_blocks():
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = [file.read_text(encoding="utf-8") for file in files]
    return [block for text in texts for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)]


@pytest.mark.parametrize("block", python_blocks(), ids=lambda block: block.splitlines()[0])
def test_python_of_the_readme_and_of_the_docs_runs(block, tmp_path):
    done = run("-c", block.replace("epochs=2500", "epochs=5"), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def test_files_that_the_readme_links_to_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
