"""Keys, canonical lines and digests: the definition of both sides' agreement."""

from __future__ import annotations

import hashlib

from adapters.host.identity import canonical_line, identify, message_id_of, totals
from schemas.model import Edition
from tests.support.residents import resident


def test_a_resident_is_known_by_number_and_history(edition: Edition) -> None:
    """The event carries 宛名番号 and 履歴番号; versions compare as numbers."""
    record = edition.units["juki"].records["jumin"]
    found = identify(record, resident(rirekibango="10", rirekibango_eda="2"))
    assert (found.subject, found.event) == ("000000000000018", "000000000000018:10")
    assert (found.rireki, found.eda) == (10, 2)


def test_an_income_is_known_by_number_year_and_history(edition: Edition) -> None:
    """The year belongs to the key."""
    record = edition.units["kojinjuminzei"].records["shotoku"]
    found = identify(record, {"atenabango": "1", "kazeinendo": "2025", "rirekibango": "3"})
    assert (found.subject, found.event) == ("1:2025", "1:2025:3")


def test_two_instalments_of_one_notice_are_two_records(edition: Edition) -> None:
    """Year, notice number and 期別 belong to the key: neither takes the place of the other."""
    record = edition.units["kokuho"].records["chotei"]
    values = {
        "atenabango": "1", "zeimoku": "06", "kazeinendo": "2025", "sotonendo": "2025", "tsuchishobango": "77",
        "kibetsu": "1", "rirekibango": "1",
    }  # fmt: skip
    first, second = identify(record, values), identify(record, values | {"kibetsu": "2"})
    assert first.event == "1:06:2025:2025:77:1:1"
    assert first.subject != second.subject


def test_the_digests_are_those_of_the_definition(edition: Edition) -> None:
    """SHA-256 over sorted key lines, and over the sorted content lines; the order of records does not matter."""
    record = edition.units["juki"].records["jumin"]
    rows = [
        {"atenabango": "2", "rirekibango": "1", "shimei": "乙"},
        {"atenabango": "1", "rirekibango": "1", "biko": ""},
    ]
    lines = []
    for row in rows:
        event = identify(record, row).event
        lines.append((event, canonical_line(record, event, row)))
    found = totals(lines)
    content = "1:1\x1fatenabango=1\x1frirekibango=1\n2:1\x1fatenabango=2\x1frirekibango=1\x1fshimei=乙\n"
    assert found.records == 2
    assert found.keys == hashlib.sha256(b"1:1\n2:1\n").hexdigest()
    assert found.content == hashlib.sha256(content.encode()).hexdigest()
    assert totals(reversed(lines)) == found


def test_the_same_parts_give_the_same_message_id() -> None:
    """And others another; parts do not run into each other."""
    assert message_id_of("a", "b") == message_id_of("a", "b")
    assert message_id_of("a", "b") != message_id_of("ab", "")
    assert message_id_of("a").startswith("urn:uuid:")
