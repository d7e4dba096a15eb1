"""Read the corpus of messages: one line, one case."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass
from pathlib import Path

from bus.wire.addressing import NAMESPACE as WSA
from bus.wire.context import NAMESPACE as CONTEXT
from bus.wire.envelope import SOAP, WSSE

CASES = Path(__file__).parent.parent / "corpus" / "wire" / "cases.csv"
NAMES = {"{soap}": SOAP, "{wsa}": WSA, "{cb}": CONTEXT, "{wsse}": WSSE}
ENVELOPE = re.compile(r"(?:@H\((?P<header>.*)\))?@B\((?P<body>.*)\)", re.DOTALL)
REPEAT = re.compile(r"\[\[(\d+)\*(.*?)\]\](?!>)", re.DOTALL)
BYTE = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Case:
    """One message with what it must come to."""

    name: str
    code: str
    content_type: str
    raw: bytes


def cases() -> list[Case]:
    """All lines of the corpus."""
    with CASES.open(encoding="utf-8", newline="") as file:
        return [
            Case(
                row["name"],
                row["code"],
                row["content_type"] or "text/xml; charset=utf-8",
                message(row["message"], row["encoding"]),
            )
            for row in csv.DictReader(file)
        ]


def message(text: str, encoding: str) -> bytes:
    """The bytes that a line stands for."""
    whole = ENVELOPE.fullmatch(text)
    if whole is not None:
        header = f"<s:Header>{whole['header']}</s:Header>" if whole["header"] else ""
        text = f'<s:Envelope xmlns:s="{{soap}}">{header}<s:Body>{whole["body"]}</s:Body></s:Envelope>'
    for name, namespace in NAMES.items():
        text = text.replace(name, namespace)
    counter = iter(range(10**9))

    def repeat(match: re.Match[str]) -> str:
        count, part = int(match[1]), match[2]
        # Attributes and declarations that are repeated get different names.
        distinct = re.match(r"(xmlns:)?([a-z])(?=[ ]?=)", part)
        if distinct is None or part.startswith("="):
            return part * count
        return "".join(part.replace(distinct[0], f"{distinct[0]}{next(counter)}", 1) for _ in range(count))

    text = REPEAT.sub(repeat, text.replace("\\n", "\n"))
    if encoding == "utf-16-be-bom":
        return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    return BYTE.sub(lambda match: bytes([int(match[1], 16)]), text.encode(encoding or "utf-8"))
