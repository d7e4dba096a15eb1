"""The nine verdicts, how the results of many subjects become one, and how verdicts become the result of a class.

==================== ========= ======================================================================
result of subjects   verdict   rule
==================== ========= ======================================================================
any finding          fail      of a MUST; of a SHOULD or MAY: warning
undecided            inconclusive  no finding, but two engines disagree somewhere
missing              missing   no finding, but a subject could not be judged for want of something
harness error        error     the suite itself failed; never held against the vendor
some judged          pass      at least one subject judged, nothing to object
only not applicable  na        with the reason of the first
nothing at all       missing   no subject of the kind was there: what to supply
==================== ========= ======================================================================

A class (``roll_up``) passes only when each MUST is judged and none fails: a MUST that is missing, inconclusive, in
error or whose prerequisite failed makes the class incomplete, and a class of nothing but ``na`` never passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from conformance.findings import Finding, Missing, NotApplicable, Result, Undecided
from schemas.model import Requirement


class Outcome(StrEnum):
    """A verdict on one requirement."""

    PASS = "pass"  # noqa: S105 - a verdict, no secret
    FAIL = "fail"
    WARNING = "warning"
    NA = "na"
    PREREQUISITE = "prerequisite"
    MISSING = "missing"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    REVIEW = "review"

    @property
    def name_ja(self) -> str:
        """The name in Japanese."""
        return _NAMES_JA[self]


_NAMES_JA = {
    Outcome.PASS: "適合",
    Outcome.FAIL: "不適合",
    Outcome.WARNING: "注意",
    Outcome.NA: "対象外",
    Outcome.PREREQUISITE: "前提不成立",
    Outcome.MISSING: "未実施",
    Outcome.INCONCLUSIVE: "判定不能",
    Outcome.ERROR: "試験系異常",
    Outcome.REVIEW: "要目視",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A finding with the subject it was found in (the name of an exchange or document of the evidence)."""

    subject: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one requirement, with what led to it.

    ``judged`` counts the subjects that were judged. ``reason_*`` say why there is no pass and no fail.
    """

    requirement: str
    level: str
    outcome: Outcome
    judged: int = 0
    places: tuple[Place, ...] = ()
    reason_ja: str = ""
    reason_en: str = ""


@dataclass(frozen=True, slots=True)
class HarnessError:
    """A predicate of the suite failed on a subject; carries the kind of the error."""

    kind: str


def combine(row: Requirement, results: Iterable[tuple[str, Result | HarnessError]]) -> Verdict:
    """The verdict on a requirement from what its predicate said of each subject (name, result)."""
    found = tuple(results)
    places = tuple(Place(name, finding) for name, result in found if isinstance(result, tuple) for finding in result)
    judged = sum(isinstance(result, tuple) for _, result in found)
    if places:
        return Verdict(row.id, row.level, Outcome.FAIL if row.level == "MUST" else Outcome.WARNING, judged, places)
    errors = sorted({result.kind for _, result in found if isinstance(result, HarnessError)})
    if errors:
        kinds = ", ".join(errors)
        return Verdict(row.id, row.level, Outcome.ERROR, judged, (), f"試験系の異常: {kinds}", f"suite error: {kinds}")
    outcome, ja, en = _without_finding(found, judged)
    return Verdict(row.id, row.level, outcome, judged, (), ja, en)


def _without_finding(found: tuple[tuple[str, Result | HarnessError], ...], judged: int) -> tuple[Outcome, str, str]:
    """The outcome where nothing was objected to, with its reason."""
    for name, result in found:
        if isinstance(result, Undecided):
            return Outcome.INCONCLUSIVE, f"{name}: {result.reason_ja}", f"{name}: {result.reason_en}"
    for name, result in found:
        if isinstance(result, Missing):
            return Outcome.MISSING, f"{name}: {result.what_ja}", f"{name}: {result.what_en}"
    if judged:
        return Outcome.PASS, "", ""
    reasons = [result for _, result in found if isinstance(result, NotApplicable)]
    if reasons:
        return Outcome.NA, reasons[0].reason_ja, reasons[0].reason_en
    return Outcome.MISSING, "判定する証拠がありません", "the evidence holds nothing to judge"


def with_prerequisites(verdicts: Iterable[Verdict], needs: dict[str, str]) -> tuple[Verdict, ...]:
    """Verdicts in their order; one that is no fail and whose prerequisite failed becomes ``prerequisite``."""
    listed = tuple(verdicts)
    failed = {one.requirement for one in listed if one.outcome in (Outcome.FAIL, Outcome.PREREQUISITE)}
    return tuple(
        replace(
            one, outcome=Outcome.PREREQUISITE, reason_ja=f"{needs[one.requirement]} が不適合です",
            reason_en=f"{needs[one.requirement]} failed",
        )
        if needs.get(one.requirement) in failed and one.outcome not in (Outcome.FAIL, Outcome.WARNING)
        else one
        for one in listed
    )  # fmt: skip


class Class(StrEnum):
    """The result of a class of requirements."""

    CONFORMS = "conforms"
    FAILS = "fails"
    INCOMPLETE = "incomplete"


def roll_up(verdicts: Iterable[Verdict]) -> Class:
    """The result of a class: see the table at the head of this module."""
    must = [one for one in verdicts if one.level == "MUST"]
    if any(one.outcome is Outcome.FAIL for one in must):
        return Class.FAILS
    settled = all(one.outcome in (Outcome.PASS, Outcome.NA) for one in must)
    return Class.CONFORMS if settled and any(one.outcome is Outcome.PASS for one in must) else Class.INCOMPLETE
