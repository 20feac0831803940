"""The page of `unsafe` lists every block there is, with a test that exists."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "unsafe.md"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="needs the repository")

UNSAFE = re.compile(r"\bunsafe\b")
STARTS = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?(?:const )?(?:fn (\w+)|macro_rules! (\w+))")


def code(line: str) -> str:
    """A line without what is said in it: strings and comments."""
    return re.sub(r"//.*", "", re.sub(r'"(?:[^"\\]|\\.)*"', '""', line))


def found() -> tuple[Counter[tuple[str, str]], list[str]]:
    """How often `unsafe` stands in each function or macro of a file, and the lines of those that give no reason."""
    counts: Counter[tuple[str, str]] = Counter()
    bare = []
    for path in sorted((ROOT / "rust").rglob("*.rs")):
        name, within, reasoned = path.relative_to(ROOT).as_posix(), "", False
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            started = STARTS.match(line)
            # Functions within a macro are the macro's.
            if started and (started[2] or not (within.endswith("!") and line.startswith(" "))):
                within = started[1] or f"{started[2]}!"
            words = code(line)
            if UNSAFE.search(words):
                counts[name, within] += len(UNSAFE.findall(words))
                if not reasoned:
                    bare.append(f"{name}:{number}")
            # The reason stands above, and only attributes come between.
            reasoned = "// SAFETY:" in line or (reasoned and line.strip().startswith(("//", "#[")))
    return counts, bare


def listed() -> list[tuple[str, str, int, str]]:
    """The page's rows: file, function, blocks, tests."""
    rows = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| `rust/"):
            where, blocks, *_, tests = (cell.strip() for cell in line.strip("|").split("|"))
            file, function = re.findall(r"`([^`]+)`", where)
            rows.append((file, function, int(blocks), tests))
    return rows


def test_every_unsafe_block_is_on_the_page_with_its_function_and_number() -> None:
    counts, _ = found()
    assert {(file, function): blocks for file, function, blocks, _ in listed()} == counts
    files = {"one": 1, "two": 2, "eight": 8}
    said = re.search(r"(\w+) blocks of `unsafe`, in (\w+) files", PAGE.read_text(encoding="utf-8"))
    assert said
    assert files[said[1].lower()] == counts.total()
    assert files[said[2]] == len({file for file, _ in counts})


def test_every_unsafe_block_gives_its_reason_beside_it() -> None:
    assert found()[1] == []


def test_every_test_that_the_page_names_exists() -> None:
    for _, function, _, tests in listed():
        named = re.findall(r"`([^`:]+)::(\w+)`", tests)
        assert named, f"{function} has no test"
        for file, test in named:
            assert re.search(rf"(fn|def) {test}\(", (ROOT / file).read_text(encoding="utf-8")), f"{file}::{test}"
