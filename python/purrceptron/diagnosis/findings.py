"""`Finding` and `Diagnosis`: what an examination gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Diagnosis", "Finding"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be.

    Attributes:
        name: "constant_columns", say: the check that found it.
        severity: "warning" for what wastes a training or its score, "note" for what is good to know.
        says: What was found, with its number.
        mend: What to do about it.
        numbers: The numbers by name.
    """

    name: str
    severity: str
    says: str
    mend: str
    numbers: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON object."""
        fields = {"name": self.name, "severity": self.severity, "says": self.says, "mend": self.mend}
        return {**fields, "numbers": self.numbers}


@dataclass(frozen=True)
class Diagnosis:
    """All findings, the warnings first; it can be gone through as a tuple of them, and printed.

    Attributes:
        findings: What was found.
        checked: Names of the checks that could be made.
        skipped: Why each of the others could not, by name.
    """

    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: dict[str, str]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that waste a training or its score."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __str__(self) -> str:
        lines = [f"{finding.severity}: {finding.says}\n  {finding.mend}" for finding in self.findings]
        return "\n".join(lines) or f"nothing found by {len(self.checked)} checks"
