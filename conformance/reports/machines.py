"""JUnit XML and SARIF 2.1.0 of a judgement, for continuous integration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from lxml import etree

from conformance.evidence import Bundle
from conformance.judge import Judgement
from conformance.verdicts import Outcome, Verdict
from schemas.model import Requirement

SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS: Final = {Outcome.FAIL: "error", Outcome.WARNING: "warning"}
KINDS: Final = {
    Outcome.PASS: "pass", Outcome.FAIL: "fail", Outcome.WARNING: "fail", Outcome.NA: "notApplicable",
    Outcome.REVIEW: "review",
}  # fmt: skip
"""The kind of SARIF for each outcome; the rest is ``open``: not decided."""
SKIPPED: Final = frozenset({Outcome.NA, Outcome.PREREQUISITE, Outcome.MISSING, Outcome.INCONCLUSIVE, Outcome.REVIEW})


def junit(judgement: Judgement, rows: Mapping[str, Requirement], bundle: Bundle) -> bytes:
    """A test suite whose test cases are the requirements; a warning is a pass that says so in its output."""
    outcomes = [one.outcome for one in judgement.verdicts]
    suite = etree.Element(
        "testsuite", name=f"chiikibus conformance {bundle.circumstances.profile}", tests=str(len(outcomes)),
        failures=str(outcomes.count(Outcome.FAIL)), errors=str(outcomes.count(Outcome.ERROR)),
        skipped=str(sum(one in SKIPPED for one in outcomes)),
    )  # fmt: skip
    for one in judgement.verdicts:
        row = rows[one.requirement]
        case = etree.SubElement(
            suite, "testcase", classname=row.document.replace(".", "_"), name=f"{row.id} {row.text_ja}"
        )
        if one.outcome is Outcome.FAIL:
            etree.SubElement(case, "failure", message=row.text_en, type=row.level).text = _words(one)
        elif one.outcome is Outcome.ERROR:
            etree.SubElement(case, "error", message=one.reason_en, type="harness")
        elif one.outcome in SKIPPED:
            etree.SubElement(
                case, "skipped", message=f"{one.outcome.name_ja} {one.outcome}: {one.reason_ja} / {one.reason_en}"
            )
        elif one.outcome is Outcome.WARNING:
            etree.SubElement(case, "system-out").text = f"{one.outcome.name_ja} / warning\n{_words(one)}"
    return etree.tostring(suite, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _words(one: Verdict) -> str:
    lines = [
        f"{place.subject} {place.finding.path}: expected {place.finding.expected}"
        + (f", actual {place.finding.actual}" if place.finding.actual else "")
        for place in one.places
    ]
    return "".join(character for character in "\n".join(lines) if character == "\n" or character.isprintable())


def sarif(judgement: Judgement, rows: Mapping[str, Requirement], bundle: Bundle) -> bytes:
    """One run with a rule per requirement and a result per finding (or per verdict without one)."""
    rules = [
        {
            "id": row.id,
            "shortDescription": {"text": row.text_en},
            "fullDescription": {"text": f"{row.document} {row.clause}: {row.text_ja}"},
            "properties": {"level": row.level, "role": row.role},
        }
        for row in (rows[one.requirement] for one in judgement.verdicts)
    ]
    results = [result for one in judgement.verdicts for result in _results(one, rows[one.requirement])]
    run = {
        "tool": {
            "driver": {"name": "chiikibus conformance", "version": bundle.circumstances.suite or "1.0", "rules": rules}
        },
        "results": results,
        "properties": {"result": judgement.result.value, "evidence": bundle.digest},
    }
    text = {"$schema": SARIF, "version": "2.1.0", "runs": [run]}
    return json.dumps(text, ensure_ascii=False, indent=1).encode() + b"\n"


def _results(one: Verdict, row: Requirement) -> list[dict[str, Any]]:
    kind = KINDS.get(one.outcome, "open")
    base: dict[str, Any] = {"ruleId": row.id, "kind": kind, "level": LEVELS.get(one.outcome, "none")}
    if not one.places:
        return [{**base, "message": {"text": one.reason_en or row.text_en}}]
    return [
        {
            **base,
            "message": {
                "text": f"{row.text_en} Expected: {place.finding.expected}. Actual: {place.finding.actual or '-'}."
            },
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": place.subject.replace(" ", "%20") or "evidence"}},
                    "logicalLocations": [{"fullyQualifiedName": place.finding.path or "/"}],
                }
            ],
        }
        for place in one.places
    ]
