"""A verdict of the suite: which check, about what, passed or not, with findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bus.core.types import Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """``check`` is the check's name, ``subject`` a mapping, sample or code table; ``detail`` says what was done."""

    check: str
    subject: str
    ok: bool
    detail: str = ""
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON-ready fields."""
        found = [finding.as_dict() for finding in self.findings]
        return {"check": self.check, "subject": self.subject, "ok": self.ok, "detail": self.detail, "findings": found}


def verdict(check: str, subject: str, findings: Sequence[Finding], detail: str = "") -> Verdict:
    """Passed when there is no finding."""
    return Verdict(check, subject, not findings, detail, tuple(findings))


def fault(path: str, expected: str, got: str = "", *, code: str = "CB6008", place: str = "") -> Finding:
    """A finding of the suite itself."""
    return Finding(code, path=path, expected=expected, got=got, place=place)
