"""What foreign stacks get wrong in their answers is detected; what is only unusual is passed on byte for byte.

A case is a row of ``tests/corpus/replies/careless.csv``: a right answer in which ``old`` has become ``new``, in an
encoding that need not be the declared one. The outcome is the status that the caller gets, or the code of the fault and
that of its finding.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bus.core.ports import HttpReply
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from tests.pipeline.fakes import world
from tests.pipeline.messages import inquiry, request, resident_reply

CASES = Path(__file__).parents[1] / "corpus" / "replies" / "careless.csv"
PAGE = b"<!DOCTYPE html><html><body>500</body></html>"
NAMES = {"shimei": "\u3000𠮷野\u3000架空\u3000", "seibetsu": "1", "seinengappi": "1989-01-08"}
ESCAPES = {r"\n": "\n", r"\u3000": "\u3000", r"\ufffd": "\ufffd", r"\ue000": "\ue000", r"\U000e0100": "\U000e0100"}


def cases() -> Iterator[object]:
    """One parameter for each row."""
    with CASES.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            yield pytest.param(row, id=row["name"])


def raw_of(case: Mapping[str, str]) -> bytes:
    """The bytes that the provider answers with."""
    encoding = case["encoding"]
    if encoding in {"page", "nothing"}:
        return PAGE if encoding == "page" else b""
    text = re.sub("(</?)j:", r"\1", resident_reply(**NAMES).decode().replace("xmlns:j=", "xmlns="))
    old, new = _unescape(case["old"]), _unescape(case["new"])
    if old == "{payload}":
        old = text[text.index("<soap:Body>") + len("<soap:Body>") : text.index("</soap:Body>")]
    assert old in text
    changed = text.replace(old, new) if old else text
    if encoding == "twice":
        return changed.encode().decode("latin-1").encode()
    # A lone byte stands for itself, whatever the encoding of the rest.
    return changed.encode(encoding, "surrogateescape")


def _unescape(text: str) -> str:
    """``\\xNN`` as a byte, and the characters that one would not see in a table."""
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    parts = text.split(r"\x")
    return parts[0] + "".join(chr(0xDC00 + int(part[:2], 16)) + part[2:] for part in parts[1:])


@pytest.mark.parametrize("case", list(cases()))
async def test_an_answer_that_lost_or_bent_something_never_reaches_the_caller(case: Mapping[str, str]) -> None:
    """Neither mojibake, nor a lost character, nor a guessed type, nor a page; a fault stays a fault."""
    town = world()
    raw = raw_of(case)
    town.sender.provider = lambda sent: HttpReply(int(case["status"]), case["content_type"], raw)
    response = await process(town.house, request(envelope.build(inquiry()), caller="kokuho"))
    if case["outcome"] in {"200", "500"}:
        assert (response.status, response.body) == (int(case["outcome"]), raw)
        return
    fault = read_fault(envelope.read(safe_xml.parse(response.body)).body)
    code, _, inner = case["outcome"].partition(" ")
    assert (response.status, fault.code) == (500, code)
    found = [finding.code for finding in fault.findings]
    assert inner in found, fault.findings
    assert "𠮷" not in response.body.decode()
