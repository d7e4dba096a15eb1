"""What every report tells: a judgement as plain values, code points of a text, and one line that does a case again."""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from conformance.evidence import Bundle, Exchange
from conformance.http1 import parse
from conformance.judge import Judgement
from conformance.verdicts import Outcome, Verdict
from schemas.model import Requirement

KINDS = {"Co": "private", "Cc": "control", "Cn": "unassigned", "Cs": "surrogate", "Cf": "invisible", "Zs": "invisible"}
"""What a report remarks on a category of characters, as keys of ``words.csv``."""
NAMED = re.compile(r"\bU\+([0-9A-F]{4,6})\b")
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


@dataclass(frozen=True, slots=True)
class Point:
    """A character as a report shows it: with its variation selector, code points, name and CP932 bytes (hexadecimal).

    ``remarks`` are keys of ``words.csv``.
    """

    glyph: str
    code: str
    name: str
    vendor: str
    remarks: tuple[str, ...]


def points(text: str) -> tuple[Point, ...]:
    """The characters of a text that do not show what they are, each once: those in it, then those it names (U+XXXX)."""
    clusters: list[str] = []
    named = (int(number, 16) for number in NAMED.findall(text))
    for one in text + "".join(chr(number) for number in named if number <= 0x10FFFF):
        if clusters and _selects(one):
            clusters[-1] += one
        else:
            clusters.append(one)
    return tuple(_point(one) for one in dict.fromkeys(clusters) if len(one) > 1 or one not in PLAIN)


@lru_cache(maxsize=1)
def _extensions() -> Mapping[str, bytes]:
    """The characters of the IBM extensions (rows FA to FC), which Windows writes where Python writes NEC's choice."""
    found = {}
    for lead in range(0xFA, 0xFD):
        for trail in range(0x40, 0xFD):
            pair = bytes((lead, trail))
            character = pair.decode("cp932", "ignore")
            if len(character) == 1:
                found[character] = pair
    return found


def _selects(character: str) -> bool:
    """Whether a character selects a variation of the one before it."""
    return 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF


def _point(cluster: str) -> Point:
    first = cluster[0]
    try:
        vendor = _extensions().get(cluster, cluster.encode("cp932")).hex(" ").upper()
    except UnicodeEncodeError:
        vendor = ""
    category = unicodedata.category(first)
    remarks = [KINDS[category]] if category in KINDS else []
    remarks += ["variation"] if len(cluster) > 1 else []
    remarks += ["supplementary"] if ord(first) > 0xFFFF else []
    remarks += ["compatibility"] if 0xF900 <= ord(first) <= 0xFAFF or 0x2F800 <= ord(first) <= 0x2FA1F else []
    remarks += ["wide"] if 0xFF01 <= ord(first) <= 0xFF5E or first == "\u3000" else []
    code = " ".join(f"U+{ord(one):04X}" for one in cluster)
    return Point(cluster, code, unicodedata.name(first, _kind(first)), vendor, tuple(remarks))


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
