"""What every report tells: a judgement as plain values, code points of a text, and one line that does a case again."""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Mapping
from typing import Any

from conformance.evidence import Bundle, Exchange
from conformance.http1 import parse
from conformance.judge import Judgement
from conformance.verdicts import Outcome, Verdict
from schemas.model import Requirement

PLAIN = frozenset(map(chr, range(0x20, 0x7F)))


def judgement_fields(judgement: Judgement, rows: Mapping[str, Requirement]) -> dict[str, Any]:
    """The judgement as plain values, for JSON."""
    counts = {outcome.value: sum(one.outcome is outcome for one in judgement.verdicts) for outcome in Outcome}
    return {
        "result": judgement.result.value,
        "counts": counts,
        "verdicts": [verdict_fields(one, rows[one.requirement]) for one in judgement.verdicts],
        "unjudged": [{"id": row.id, "level": row.level, "reason": row.not_judged_reason} for row in judgement.unjudged],
    }


def verdict_fields(one: Verdict, row: Requirement) -> dict[str, Any]:
    """One verdict with its requirement and findings."""
    return {
        "id": one.requirement,
        "level": one.level,
        "outcome": one.outcome.value,
        "document": row.document,
        "clause": row.clause,
        "text_ja": row.text_ja,
        "text_en": row.text_en,
        "judged": one.judged,
        "reason_ja": one.reason_ja,
        "reason_en": one.reason_en,
        "findings": [
            {"subject": place.subject, "path": place.finding.path, "expected": place.finding.expected,
             "actual": place.finding.actual}
            for place in one.places
        ],
    }  # fmt: skip


def code_points(text: str) -> str:
    """The characters of a text that do not show what they are, as ``U+XXXX NAME``; empty where all are plain ASCII."""
    seen = dict.fromkeys(one for one in text if one not in PLAIN)
    return ", ".join(f"U+{ord(one):04X} {unicodedata.name(one, _kind(one))}" for one in seen)


def _kind(character: str) -> str:
    return {"Co": "(private use)", "Cc": "(control)", "Cn": "(not assigned)"}.get(unicodedata.category(character), "")


def again(bundle: Bundle, one: Exchange) -> str:
    """One line that sends the request of an exchange once more, from the folder of the evidence."""
    parsed = parse(bundle.files.get(one.request, b""), request=True)
    if parsed is None or not bundle.circumstances.subject.startswith("http"):
        return ""
    skipped = ("host", "content-length", "connection", "transfer-encoding")
    fields = [
        f"-H {shlex.quote(f'{name}: {value}')}" for name, value in parsed.head.fields if name.lower() not in skipped
    ]
    body = f"sed '1,/^\\r$/d' {shlex.quote(one.request)} | "
    method = parsed.head.method
    target = bundle.circumstances.subject.partition("?")[0] + ("?wsdl" if parsed.head.target.endswith("?wsdl") else "")
    line = f"curl -sS -i -X {method} {' '.join(fields)}"
    return (
        f"{line} {shlex.quote(target)}" if method == "GET" else f"{body}{line} --data-binary @- {shlex.quote(target)}"
    )


def case_again(bundle: Bundle, verdict: Verdict) -> str:
    """The command that drives only what a verdict is about."""
    circumstances = bundle.circumstances
    if not circumstances.subject.startswith("http"):
        return ""
    subject = shlex.quote(circumstances.subject)
    profile = shlex.quote(circumstances.profile)
    return f"python -m conformance run --profile {profile} --subject {subject} --only {verdict.requirement}"


def exchange_of(bundle: Bundle, subject: str) -> Exchange | None:
    """The exchange that a finding's subject names: by its case or by one of its files."""
    for one in bundle.circumstances.exchanges:
        if subject and subject in (one.id, one.case, one.request, one.response):
            return one
    return None
