"""Every message of the corpus comes to what its line says."""

from __future__ import annotations

from collections import Counter

import pytest

from bus.core.errors import WireError
from bus.wire import envelope, safe_xml
from tests.wire.corpus import Case, cases

CASES = cases()


def outcome(case: Case) -> str:
    """``ok``, or the code of the refusal."""
    try:
        envelope.read(safe_xml.parse(case.raw, case.content_type))
    except WireError as error:
        assert error.findings, "a refusal says what is wrong"
        return error.code
    return "ok"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_message_of_the_corpus_is_judged_as_its_line_says(case: Case) -> None:
    """Accepted, or refused with exactly this code."""
    assert outcome(case) == case.code


def test_the_corpus_is_broad() -> None:
    """At least sixty malformed messages, every wire code among them, and no name twice."""
    counted = Counter(case.code for case in CASES)
    assert sum(counted.values()) - counted["ok"] >= 60
    assert {f"CB10{number:02d}" for number in (*range(2, 10), 11, 12)} <= set(counted)
    assert len({case.name for case in CASES}) == len(CASES)
