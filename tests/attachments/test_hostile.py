"""Every multipart message of the corpus comes to what its line says, however it is cut into pieces."""

from __future__ import annotations

from collections import Counter

import pytest

from bus.core.errors import WireError
from bus.wire.attachments.limits import PackageLimits
from tests.attachments.messages import CASES, LIMITS, Case, read


def outcome(case: Case, sizes: tuple[int, ...] = ()) -> str:
    """``ok``, or the code of the refusal."""
    try:
        read(case.body, case.content_type, sizes=sizes)
    except WireError as error:
        assert error.findings, "a refusal says what is wrong"
        return error.code
    return "ok"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_message_of_the_corpus_is_judged_as_its_line_says(case: Case) -> None:
    """Read, or refused with exactly this code."""
    assert outcome(case) == case.code


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_pieces_in_which_a_message_comes_do_not_change_the_judgement(case: Case) -> None:
    """Byte by byte at the start, and then in pieces that cut every delimiter somewhere else."""
    assert outcome(case, (1,) * 400) == case.code
    assert outcome(case, (7,) * 200) == case.code


def test_the_corpus_is_broad() -> None:
    """At least sixty messages that are refused, every code of reading among them, and no name twice."""
    counted = Counter(case.code for case in CASES)
    assert sum(counted.values()) - counted["ok"] >= 60
    assert {"CB1051", "CB1052", "CB1053", "CB1054", "CB1055", "CB1057", "CB1003"} <= set(counted)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", [case for case in CASES if case.code != "ok"], ids=lambda case: case.name)
def test_no_finding_quotes_what_the_sender_wrote(case: Case) -> None:
    """Names of files and parts may be names of people: findings describe them."""
    with pytest.raises(WireError) as refused:
        read(case.body, case.content_type)
    assert not any(word in str(refused.value) for word in ("passwd", "宛名", "windows", "tempuri"))


def test_a_message_larger_than_allowed_is_refused_before_its_end() -> None:
    """The limit of the whole counts while it comes, not afterwards."""
    limits = PackageLimits(max_size=1000)
    with pytest.raises(WireError) as refused:
        read(b"--b\r\nContent-Type: text/xml\r\n\r\n" + b"x" * 1000, limits=limits)
    assert refused.value.code == "CB1057"


def test_ten_thousand_parts_are_refused_at_the_limit() -> None:
    """Reading stops at the first part too many: nothing is kept of the thousands behind it."""
    case = next(each for each in CASES if each.name == "10,000 parts")
    with pytest.raises(WireError) as refused:
        read(case.body, limits=LIMITS)
    assert refused.value.findings[0].path == "parts"
