"""Fixed-length records: widths are bytes, places are exact, a bad record does not stop the file."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.characters.register import Gaiji, GaijiRegister
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError
from tests.codecs.layouts import FIXED, codec

RECORDS = [
    {"番号": f"00000000{number}", "氏名": "総務　翔子", "カナ": "ｿｳﾑ ｼｮｳ", "金額": str(number * 7)}
    for number in range(1, 6)
]
SIZE = 42  # with line end


@cache
def shared() -> Codec:
    """One codec for the property tests."""
    return codec(Path(mkdtemp()), FIXED)


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Codec, bytes]:
    """A codec and a file of five records with header and trailer."""
    made = codec(tmp_path, FIXED)
    return made, b"".join(made.encode(RECORDS))


def split(made: Codec, data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(made.decode(io.BytesIO(data), "f.dat"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


def test_a_file_comes_back_byte_for_byte(whole: tuple[Codec, bytes]) -> None:
    """Values, header, trailer with its count, line ends."""
    made, data = whole
    reading = made.reader(io.BytesIO(data), "f.dat")
    values = [one.values for one in reading if isinstance(one, VendorRecord)]
    assert values == RECORDS
    assert reading.trailer["件数"] == "5"
    assert b"".join(made.encode(values, reading.header, reading.trailer)) == data


def test_every_item_knows_its_bytes(whole: tuple[Codec, bytes]) -> None:
    """Record number from 1, offsets from the start of the file, padding included."""
    made, data = whole
    record = split(made, data)[0][1]
    assert (record.origin.record_no, record.origin.byte_offset, record.origin.byte_length) == (2, 2 * SIZE, 40)
    start, length = record.spans["氏名"]
    assert data[start : start + length].decode("cp932").rstrip() == "総務　翔子"
    assert record.place("氏名") == f"file=f.dat record=2 item=氏名 byte={2 * SIZE + 10}+12"


@pytest.mark.parametrize(
    ("at", "replacement", "code", "item"),
    [
        (10, b"\x80\x41", "CB6002", "氏名"),
        (10, b"\xf0\x40", "CB6003", "氏名"),
        (20, b"\x81\x20", "CB6002", "氏名"),
        (1, "山".encode("cp932"), "E0002", "番号"),
        (30, b"12A45 ", "E0002", "金額"),
        (30, b"12  45", "E0002", "金額"),
        (36, b"XXXX", "CB6014", "予備"),
        (0, b"5", "CB6014", ""),
    ],
)
def test_a_bad_record_is_named_and_the_rest_goes_on(
    whole: tuple[Codec, bytes], at: int, replacement: bytes, code: str, item: str
) -> None:
    """The finding names file, record, item and byte; the four other records are as they were."""
    made, data = whole
    place = 3 * SIZE + at
    broken = data[:place] + replacement + data[place + len(replacement) :]
    good, bad = split(made, broken)
    assert [one.values for one in good] == [RECORDS[0], RECORDS[1], RECORDS[3], RECORDS[4]]
    assert len(bad) == 1
    finding = bad[0].error.findings[0]
    assert (bad[0].scope, finding.code, finding.path) == ("record", code, item)
    assert finding.place.startswith("file=f.dat record=3")
    if item:
        assert f"item={item}" in finding.place


def test_the_byte_of_a_wrong_character_is_exact(whole: tuple[Codec, bytes]) -> None:
    """The second character of the name, not the start of the field."""
    made, data = whole
    place = SIZE + 12
    _, bad = split(made, data[:place] + b"\xf9\xfc" + data[place + 2 :])
    assert bad[0].error.findings[0].place == f"file=f.dat record=1 item=氏名 byte={place}+2"


@pytest.mark.parametrize("cut", [1, 2, 3, 20, 41])
def test_a_truncated_file_is_reported(whole: tuple[Codec, bytes], cut: int) -> None:
    """Whatever is missing at the end: a finding CB6001 for the file, the records before it are kept."""
    made, data = whole
    good, bad = split(made, data[:-cut])
    assert [one.values for one in good] == RECORDS
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6001")]


def test_a_file_cut_between_records_lacks_its_trailer(whole: tuple[Codec, bytes]) -> None:
    """Whole records only, and still truncated."""
    made, data = whole
    good, bad = split(made, data[: SIZE * 3])
    assert len(good) == 2
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6001")]


def test_a_wrong_count_is_reported(whole: tuple[Codec, bytes]) -> None:
    """A record missing in the middle shows in the trailer."""
    made, data = whole
    good, bad = split(made, data[:SIZE] + data[SIZE * 2 :])
    assert len(good) == 4
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6001")]


@pytest.mark.parametrize("change", ["short", "long", "lf"])
def test_a_record_of_another_length_does_not_shift_the_others(whole: tuple[Codec, bytes], change: str) -> None:
    """The next line end is the next record."""
    made, data = whole
    place = 3 * SIZE
    changed = {"short": data[place + 3 : place + SIZE], "long": b"2" + data[place : place + SIZE]}
    changed["lf"] = data[place : place + 40] + b"\n"
    good, bad = split(made, data[:place] + changed[change] + data[place + SIZE :])
    assert [one.values for one in good] == [RECORDS[0], RECORDS[1], RECORDS[3], RECORDS[4]]
    assert [(one.scope, one.error.code) for one in bad] == [("record", "CB6014")]


def test_a_missing_header_and_records_behind_the_trailer_are_reported(whole: tuple[Codec, bytes]) -> None:
    """The header is a matter of the file, a record behind the trailer of that record."""
    made, data = whole
    _, bad = split(made, data[SIZE:] + data[SIZE : 2 * SIZE])
    assert [(one.scope, one.error.code) for one in bad] == [("file", "CB6014"), ("record", "CB6014")]


def test_another_file_type_in_the_header_is_reported(whole: tuple[Codec, bytes]) -> None:
    """A fixed value of a header field is held to."""
    made, data = whole
    _, bad = split(made, data[:1] + b"02" + data[3:])
    assert [(one.scope, one.error.findings[0].path) for one in bad] == [("file", "種別")]


def test_utf8_text_in_a_cp932_file_is_the_wrong_charset(whole: tuple[Codec, bytes]) -> None:
    """Four kanji in UTF-8 fill the field: CB6002 at the first of their bytes."""
    made, data = whole
    place = SIZE + 10
    name = "総務翔子".encode()
    record = data[SIZE : 2 * SIZE].replace("ｿｳﾑ ｼｮｳ".encode("cp932"), b" " * 7)
    broken = data[:SIZE] + record[:10] + name + record[22:] + data[2 * SIZE :]
    good, bad = split(made, broken)
    assert len(good) == 4
    assert bad[0].error.code == "CB6002"
    assert f"byte={place}+" in bad[0].error.findings[0].place


def test_a_double_code_is_a_loss_of_the_record(tmp_path: Path) -> None:
    """FA4A is read as the character that is written 8754: the record goes on, the loss is reported with its byte."""
    made = codec(tmp_path, FIXED)
    raw = bytearray(made.encode_record(RECORDS[0]))
    raw[10:12] = bytes.fromhex("FA4A")
    record = made.decode_record(bytes(raw))
    assert record.values["氏名"][0] == "\u2160"
    assert [(loss.item, loss.place) for loss in record.losses] == [("氏名", "item=氏名 byte=10+2")]


def test_gaiji_go_through_the_register(tmp_path: Path) -> None:
    """F040 is the registered sequence, and is written as F040 again."""
    made = codec(tmp_path, FIXED, GaijiRegister((Gaiji("F040", "\u845b\U000e0101"),)))
    raw = made.encode_record({**RECORDS[0], "氏名": "\u845b\U000e0101城　花子"})
    assert raw[10:12] == b"\xf0\x40"
    assert made.decode_record(raw).values["氏名"] == "\u845b\U000e0101城　花子"


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"氏名": "総務総務総務総"}, "CB6005"),
        ({"番号": "1234567890"}, "CB6005"),
        ({"氏名": "\u301c"}, "CB6007"),
        ({"氏名": "総務 "}, "CB6016"),
        ({"番号": "山"}, "E0002"),
        ({"金額": "-1"}, "E0002"),
        ({"金額": "007"}, "CB6016"),
        ({"知らない": "1"}, "CB6014"),
    ],
)
def test_what_does_not_fit_is_refused_when_writing(values: dict[str, str], code: str) -> None:
    """Nothing is cut, padded away or replaced."""
    with pytest.raises(AdapterError) as caught:
        shared().encode_record({**RECORDS[0], **values})
    assert [finding.code for finding in caught.value.findings] == [code]
    assert caught.value.findings[0].path in values


def test_all_problems_of_a_record_are_named_at_once(whole: tuple[Codec, bytes]) -> None:
    """Two wrong items, two findings."""
    made, data = whole
    record = bytearray(data[SIZE : 2 * SIZE])
    record[10:12] = b"\xf0\x40"
    record[30:31] = b"A"
    _, bad = split(made, data[:SIZE] + bytes(record) + data[2 * SIZE :])
    assert [finding.code for finding in bad[0].error.findings] == ["CB6003", "E0002"]


def test_wide_padding_is_exact(tmp_path: Path) -> None:
    """right-wide-space pads with U+3000; other padding in such a field is refused rather than guessed."""
    made = codec(
        tmp_path, FIXED.replace('name = "氏名"\nbytes = 12', 'name = "氏名"\nbytes = 12\npad = "right-wide-space"')
    )
    raw = made.encode_record(RECORDS[0])
    assert raw[10:22].decode("cp932") == "総務　翔子　"
    assert made.decode_record(raw).values == RECORDS[0]
    with pytest.raises(AdapterError) as caught:
        made.decode_record(raw[:20] + b"  " + raw[22:])
    assert caught.value.findings[0].path == "氏名"
    with pytest.raises(AdapterError):
        made.encode_record({**RECORDS[0], "氏名": "総務　"})


def test_records_without_line_end_are_cut_by_length(tmp_path: Path) -> None:
    """A rest that is no whole record is truncation."""
    text = FIXED.replace('line_end = "crlf"', 'line_end = "none"')
    made = codec(tmp_path, text)
    data = b"".join(made.encode(RECORDS))
    assert len(data) == 7 * 40
    assert [one.values for one in split(made, data)[0]] == RECORDS
    good, bad = split(made, data[:-45])
    assert len(good) == 4
    assert [one.error.code for one in bad] == ["CB6001"]


values = st.fixed_dictionaries(
    {
        "番号": st.text(alphabet="0123456789AZｱﾟ", max_size=9),
        "氏名": st.text(alphabet="総務翔子　ソ〆Aｱ", max_size=6),
        "カナ": st.text(alphabet="ｱｲｳ ﾞ-", max_size=8).map(lambda text: text.rstrip(" ")),
        "金額": st.one_of(st.just(""), st.integers(0, 999999).map(str)),
    }
)


@given(st.lists(values, max_size=5))
def test_any_records_come_back(records: list[dict[str, str]]) -> None:
    """What can be written is read again, and written to the same bytes."""
    made = shared()
    data = b"".join(made.encode(records))
    found = list(made.decode(io.BytesIO(data), "f.dat"))
    assert [one.values for one in found if isinstance(one, VendorRecord)] == records
    assert b"".join(made.encode([one.values for one in found if isinstance(one, VendorRecord)])) == data


@given(st.binary(min_size=39, max_size=39))
def test_any_bytes_are_read_exactly_or_refused(raw: bytes) -> None:
    """Read, then written to the same bytes, or a loss is reported, or it is refused with a code."""
    made = shared()
    try:
        record = made.decode_record(b"2" + raw)
    except AdapterError as error:
        assert error.findings
        return
    assert (made.encode_record(record.values) == b"2" + raw) is (not record.losses)


@example(b"9", 0)
@example(b"9", 4)
@given(st.binary(max_size=300), st.integers(0, 6))
def test_any_damage_in_a_file_leaves_the_other_records(noise: bytes, where: int) -> None:
    """Bytes without a line end pushed in at a record's start: the records before and after are as they were."""
    made = shared()
    data = b"".join(made.encode(RECORDS))
    noise = noise.replace(b"\n", b"")
    place = (where + 1) * SIZE if where < 5 else SIZE
    good, _ = split(made, data[:place] + noise + data[place:])
    missing = [record for record in RECORDS if record not in [one.values for one in good]]
    assert len(missing) <= 1
