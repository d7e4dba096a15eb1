"""Delimited records: quoting, trail bytes that look like delimiters, exact places, errors that do not spread."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError
from tests.codecs.layouts import DELIMITED, codec

RECORDS = [{"番号": "001", "氏名": "総務，翔子", "金額": "10"}, {"番号": "002", "氏名": 'a,"b"', "金額": ""}]
NAMES = "番号,氏名,金額\r\n"


@cache
def shared(changes: str = "") -> Codec:
    """A codec for the property tests; ``changes`` is ``old=>new`` in the layout."""
    old, _, new = changes.partition("=>")
    return codec(Path(mkdtemp()), DELIMITED.replace(old, new) if changes else DELIMITED)


def split(made: Codec, data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(made.decode(io.BytesIO(data), "f.csv"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def test_a_file_comes_back_byte_for_byte() -> None:
    """Column names first; quotes only where needed, doubled inside."""
    data = b"".join(shared().encode(RECORDS))
    assert data == (NAMES + '001,総務，翔子,10\r\n002,"a,""b""",\r\n').encode("cp932")
    good, bad = split(shared(), data)
    assert [one.values for one in good] == RECORDS
    assert bad == []


def test_spans_are_the_cell_with_its_quotes() -> None:
    """Offsets count from the file's start."""
    data = b"".join(shared().encode(RECORDS))
    record = split(shared(), data)[0][1]
    start, length = record.spans["氏名"]
    assert data[start : start + length] == b'"a,""b"""'


def test_a_trail_byte_that_looks_like_the_delimiter_is_none() -> None:
    """ポ is 837C, and 7C is the delimiter |."""
    made = shared('delimiter = ","=>delimiter = "|"')
    record = {"番号": "1", "氏名": "ポ｜ポ", "金額": "2"}
    data = b"".join(made.encode([record]))
    good, _ = split(made, data)
    assert good[0].values == record
    start, length = good[0].spans["金額"]
    assert data[start : start + length] == b"2"


@pytest.mark.parametrize(
    ("line", "code", "item"),
    [
        (b"001,A", "CB6014", ""),
        (b"001,A,1,2", "CB6014", ""),
        (b'001,"A,1', "CB6014", ""),
        (b'001,"A"B,1', "CB6014", ""),
        (b"001,\x85\x40,1", "CB6002", "氏名"),
        (b"001,\xf0\x40,1", "CB6003", "氏名"),
        (b"001,A\x07,1", "CB6002", "氏名"),
        (b"001,A,1x", "E0002", "金額"),
        ("山,A,1".encode("cp932"), "E0002", "番号"),
        ("001,総務翔子,1".encode(), "CB6002", ""),
        (b"", "CB6014", ""),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(line: bytes, code: str, item: str) -> None:
    """The finding names file, record and item; its neighbours are unharmed."""
    data = NAMES.encode("cp932") + b"1,A,1\r\n" + line + b"\r\n3,C,3\r\n"
    good, bad = split(shared(), data)
    assert [one.values["番号"] for one in good] == ["1", "3"]
    finding = bad[0].error.findings[0]
    assert (len(bad), bad[0].scope, finding.code, finding.path) == (1, "record", code, item)
    assert finding.place.startswith("file=f.csv record=2")


def test_the_byte_of_a_wrong_character_is_exact() -> None:
    """Behind a double-byte character and a quote."""
    head = NAMES.encode("cp932")
    line = '001,"山'.encode("cp932")
    _, bad = split(shared(), head + line + b'\xf9\xfc",1\r\n')
    assert f"byte={len(head) + len(line)}+2" in bad[0].error.findings[0].place


def test_other_column_names_stop_the_file() -> None:
    """Every column might be another: nothing is read, the wrong names are listed."""
    good, bad = split(shared(), "番号,金額,氏名\r\n1,2,3\r\n".encode("cp932"))
    assert good == []
    assert [(one.scope, len(one.error.findings)) for one in bad] == [("file", 2)]


def test_a_last_line_without_line_end_is_truncated() -> None:
    """It may have been longer."""
    good, bad = split(shared(), (NAMES + "1,A,1\r\n2,B,2").encode("cp932"))
    assert len(good) == 1
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6001")]


def test_a_delimiter_without_quotes_is_refused_when_writing() -> None:
    """quoting = none has no way to write it."""
    made = shared('quoting = "minimal"=>quoting = "none"')
    with pytest.raises(AdapterError) as caught:
        made.encode_record(RECORDS[1])
    assert caught.value.code == "CB6007"


def test_a_line_break_in_a_value_is_refused_when_writing() -> None:
    """A record is a line."""
    with pytest.raises(AdapterError) as caught:
        shared().encode_record({"氏名": "a\nb"})
    assert caught.value.code == "CB6007"


records = st.lists(
    st.fixed_dictionaries(
        {
            "番号": st.text(alphabet="019A\", ｱ'", max_size=6),
            "氏名": st.text(alphabet='総ポソ,"　 ｱ|', max_size=8),
            "金額": st.text(alphabet="0123456789", max_size=4),
        }
    ),
    max_size=5,
)


@pytest.mark.parametrize(
    "changes",
    [
        "",
        'quoting = "minimal"=>quoting = "all"',
        'delimiter = ","=>delimiter = "|"',
        'encoding = "cp932"=>encoding = "utf-8"',
    ],
)
@given(written=records)
def test_any_records_come_back(changes: str, written: list[dict[str, str]]) -> None:
    """What can be written is read again, in every dialect."""
    made = shared(changes)
    data = b"".join(made.encode(written))
    good, bad = split(made, data)
    assert bad == []
    assert [one.values for one in good] == written
    for one in good:
        for name, (start, length) in one.spans.items():
            assert made.layout.encoding and len(data[start : start + length]) == length, name


@given(st.binary(max_size=60))
def test_any_line_is_read_exactly_or_refused(raw: bytes) -> None:
    """What is read is written to the same values again; nothing raises but a coded error."""
    try:
        record = shared().decode_record(raw)
    except AdapterError as error:
        assert error.findings
        return
    if not record.losses:
        assert shared().decode_record(shared().encode_record(record.values)).values == record.values
