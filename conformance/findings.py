"""What a predicate says about one subject: objections, nothing to object, not applicable, or something is missing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection: the place (a path or line of the evidence), what the clause asks for and what was met.

    ``actual`` quotes synthetic or structural matter only; a value of an item is described by the reports, never here.
    """

    path: str
    expected: str
    actual: str = ""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The clause says nothing about this subject, and why."""

    reason_ja: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The clause applies, but the evidence lacks something that the supplier of the evidence can add."""

    what_ja: str
    what_en: str


@dataclass(frozen=True, slots=True)
class Undecided:
    """Two engines disagree and no ruling is written down."""

    reason_ja: str
    reason_en: str


Result = tuple[Finding, ...] | NotApplicable | Missing | Undecided
KEPT: tuple[Finding, ...] = ()
"""Nothing to object."""


def when(kept: bool, path: str, expected: str, actual: str = "") -> tuple[Finding, ...]:
    """No finding where ``kept`` holds, one otherwise."""
    return KEPT if kept else (Finding(path, expected, actual),)
