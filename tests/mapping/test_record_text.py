"""Quick XML: the bytes that lxml writes, and of every text the records that lxml reads."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from adapters.mapping.record_text import RecordWriter
from adapters.suite import golden
from adapters.suite.golden import read_records, write_records
from bus.core.errors import AdapterError
from bus.wire.records import to_element
from schemas.model import RecordType
from tests.mapping.small import ITEMS, STANDARD, edition

UNIT = edition().units["t"]
RECORD = RecordType("t", "hito", ITEMS)
NAMES = [item.name for item in ITEMS]
VALUES = st.dictionaries(
    st.sampled_from(NAMES),
    st.one_of(st.text(alphabet="総務A <>&\"'\n\t]葛\U000e0101𠮟\u0085\ue000", min_size=1, max_size=6), st.just("1")),
    max_size=6,
)


def by_lxml(values: dict[str, str]) -> bytes:
    """The record as lxml writes it."""
    element = to_element(None, UNIT.namespace, RECORD, values)
    return etree.tostring(element, encoding="utf-8", pretty_print=True)


def parsed(raw: bytes) -> list[dict[str, str]] | None:
    """The records as lxml reads them, ``None`` for what is no XML."""
    try:
        return list(golden._parsed(golden._Rest(raw, io.BytesIO()), UNIT, RECORD, ""))
    except AdapterError:
        return None


def read(raw: bytes) -> list[dict[str, str]] | None:
    """The records as the product reads them."""
    try:
        return list(read_records(io.BytesIO(raw), UNIT, RECORD))
    except AdapterError:
        return None


def written(*records: dict[str, str]) -> bytes:
    """A file."""
    sink = io.BytesIO()
    write_records(sink, UNIT, RECORD, records)
    return sink.getvalue()


@given(VALUES)
def test_a_record_is_written_as_lxml_writes_it(values: dict[str, str]) -> None:
    """With characters that are escaped and without."""
    assert RecordWriter(UNIT.namespace, RECORD).write(values) == by_lxml(values)


@pytest.mark.parametrize("values", [{"shiranai": "1"}, {"shimei": "\x00"}, {"shimei": "\ud800"}, {"shimei": "\ufffe"}])
def test_what_lxml_refuses_is_refused(values: dict[str, str]) -> None:
    """An item that the record does not have, characters that XML does not have."""
    with pytest.raises(ValueError):
        RecordWriter(UNIT.namespace, RECORD).write(values)


@given(st.lists(VALUES, max_size=4))
def test_what_was_written_is_read(records: list[dict[str, str]]) -> None:
    """Record by record, whichever way each goes."""
    raw = written(*records)
    assert read(raw) == records == parsed(raw)


PIECES = [
    *(b"<shimei>", b"</shimei>", b"<x>", b"</x>", b"<a/>", b"&amp;", b"&", b"]]>", b"<![CDATA[1]]>", b"<!-- -->"),
    *(b"\r\n", b"\n", b" ", b"\xff", b"\x00", b"<!DOCTYPE a>", b"</kiroku_ichiran>", b"</hito>\n"),
    b'<hito xmlns="urn:t">\n',
]
SPOILS = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 30), st.sampled_from(PIECES)), max_size=3)


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 30), st.sampled_from(PIECES)), max_size=3))
def test_a_spoiled_file_is_read_as_a_parser_reads_it_or_refused_as_it_refuses(
    spoils: list[tuple[int, int, bytes]],
) -> None:
    """Cut, overwritten or with more in between, anywhere: never other records than lxml's."""
    raw = written(STANDARD, {"atenabango": "2", "shimei": "山&川"}, STANDARD)
    for at, cut, piece in spoils:
        raw = raw[:at] + piece + raw[at + cut :]
    assert read(raw) == parsed(raw)


def test_a_long_file_is_read_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut anywhere by the block, a record too long for one, and a file that ends in the middle."""
    records = [{**STANDARD, "atenabango": str(number)} for number in range(20)]
    raw = written(*records)
    for size in (7, 64, 500, 1500):
        monkeypatch.setattr(golden, "BLOCK", size)
        assert read(raw) == records
        assert read(raw[:-30]) is None
