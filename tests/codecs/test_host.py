"""Host records: mixed, wide and single-byte fields, numbers in host forms, lengths before records."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.codecs.host_numbers import NumberError, NumberForm
from adapters.sdk.protocols import Codec
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError, ConfigurationError
from tests.codecs.layouts import codec

HEAD = """
[layout]
id = "t.host"
kind = "fixed"
encoding = "{encoding}"
record_bytes = 60
line_end = "none"
record_format = "{form}"
[[field]]
name = "番号"
bytes = 10
type = "X"
[[field]]
name = "カナ"
bytes = 10
type = "X"
[[field]]
name = "氏名"
bytes = 20
type = "N"
[[field]]
name = "町名"
bytes = 8
type = "N"
wide = true
pad = "right-wide-space"
[[field]]
name = "金額"
bytes = 4
type = "9"
usage = "packed"
sign = "signed"
[[field]]
name = "件数"
bytes = 4
type = "9"
usage = "zoned"
blank = "space"
[[field]]
name = "連番"
bytes = 2
type = "9"
usage = "binary"
[[field]]
name = "予備"
bytes = 2
filler = true
"""
RECORD = {
    "番号": "000012345A",
    "カナ": "ｶｸｳ ﾊﾅｺ",
    "氏名": "架空　花子",
    "町名": "架空町",
    "金額": "-1234567",
    "件数": "42",
    "連番": "65535",
}
ENCODINGS = ("jef", "keis78", "keis83", "jips-j", "ibm930", "ibm1390")


@cache
def shared(encoding: str = "jef", form: str = "fixed", change: str = "") -> Codec:
    """A codec; ``change`` is ``old=>new`` in the layout."""
    text = HEAD.format(encoding=encoding, form=form)
    old, _, new = change.partition("=>")
    assert old in text
    return codec(Path(mkdtemp()), text.replace(old, new) if change else text)


def split(made: Codec, data: bytes) -> tuple[list[VendorRecord], list[BadRecord]]:
    """Good and bad items of a file."""
    found = list(made.decode(io.BytesIO(data), "f.dat"))
    return [one for one in found if isinstance(one, VendorRecord)], [one for one in found if isinstance(one, BadRecord)]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", ["fixed", "variable", "blocked"])
def test_records_of_every_host_come_back_byte_for_byte(encoding: str, form: str) -> None:
    """Each field in its own form, each record in its frame."""
    made = shared(encoding, form)
    data = b"".join(made.encode([RECORD, RECORD | {"番号": "2", "件数": "", "氏名": ""}]))
    good, bad = split(made, data)
    assert bad == []
    assert [one.values for one in good] == [RECORD, RECORD | {"番号": "2", "件数": "", "氏名": ""}]
    assert [one.losses for one in good] == [(), ()]
    assert b"".join(made.encode([one.values for one in good])) == data
    for one in good:
        assert data[one.origin.byte_offset :].startswith(one.raw)
        assert made.encode_record(one.values) == one.raw


def test_the_bytes_are_those_of_a_fujitsu_host() -> None:
    """EBCDIK digits and kana, K-in and K-out around JEF, wide fields without shifts, C and D signs, big endian."""
    raw = shared().encode_record(RECORD)
    assert raw[:10] == bytes.fromhex("F0F0F0F0F1F2F3F4F5C1")
    assert raw[20:21] == b"\x28"
    assert b"\x29" in raw[20:40]
    assert raw[40:46] == "架空町".encode("euc_jp")
    assert raw[46:48] == bytes.fromhex("4040")
    assert raw[48:52] == bytes.fromhex("1234567D")
    assert raw[52:56] == bytes.fromhex("F0F0F4F2")
    assert raw[56:58] == b"\xff\xff"
    assert raw[58:] == b"\x40\x40"


def test_an_unbalanced_shift_stops_the_record_at_its_byte() -> None:
    """CB6020; the next record goes on."""
    made = shared()
    raw = bytearray(made.encode_record(RECORD))
    raw[raw.index(0x29, 20)] = 0x40
    data = bytes(raw) + made.encode_record(RECORD)
    good, (bad,) = split(made, data)
    assert len(good) == 1
    assert bad.error.findings[0].code in {"CB6020", "CB6002"}
    assert bad.error.findings[0].path == "氏名"
    assert "byte=" in bad.error.findings[0].place


@pytest.mark.parametrize(
    ("at", "patch", "code", "item"),
    [
        (48, "1234567A", "", ""),
        (48, "12345670", "CB6070", "金額"),
        (48, "1A34567C", "CB6070", "金額"),
        (48, "40404040", "CB6070", "金額"),
        (52, "F0F0F0D1", "CB6070", "件数"),
        (52, "F0C0F0F1", "CB6070", "件数"),
        (52, "00000000", "CB6070", "件数"),
        (58, "4041", "CB6014", "予備"),
        (0, "00", "CB6002", "番号"),
    ],
)
def test_bytes_that_are_no_number_or_no_text_are_named(at: int, patch: str, code: str, item: str) -> None:
    """And another spelling of a sign is read and reported."""
    made = shared()
    raw = bytearray(made.encode_record(RECORD))
    raw[at : at + len(patch) // 2] = bytes.fromhex(patch)
    if not code:
        found = made.decode_record(bytes(raw))
        assert found.values["金額"] == "1234567"
        assert [one.item for one in found.losses] == ["金額"]
        return
    with pytest.raises(AdapterError) as caught:
        made.decode_record(bytes(raw))
    assert [(one.code, one.path) for one in caught.value.findings] == [(code, item)]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"金額": "12345678"}, "CB6005"),
        ({"金額": "007"}, "CB6016"),
        ({"金額": "-0"}, "CB6016"),
        ({"金額": "1.5"}, "CB6016"),
        ({"金額": "一"}, "E0002"),
        ({"金額": ""}, "CB6014"),
        ({"件数": "-1"}, "CB6005"),
        ({"連番": "65536"}, "CB6005"),
        ({"氏名": "架空架空架空架空架空"}, "CB6005"),
        ({"町名": "架空架空架"}, "CB6005"),
        ({"町名": "ｶ"}, "CB6007"),
        ({"番号": "全"}, "CB6007"),
        ({"氏名": "\ue000"}, "CB6007"),
        ({"無": "1"}, "CB6014"),
    ],
)
def test_what_a_field_cannot_hold_is_refused(values: dict[str, str], code: str) -> None:
    """Too long, not canonical, absent without a way to be, characters of another kind."""
    with pytest.raises(AdapterError) as caught:
        shared().encode_record(RECORD | values)
    assert caught.value.code == code


def test_a_short_record_ends_at_the_end_of_a_field() -> None:
    """Variable length: what is left out is absent, and said to be written; inside of a field it is broken."""
    made = shared("jef", "variable", 'sign = "signed"=>sign = "signed"\nblank = "zero"')
    raw = made.encode_record(RECORD)[:40]
    found = made.decode_record(raw)
    assert found.values["氏名"] == RECORD["氏名"]
    assert (found.values["町名"], found.values["金額"]) == ("", "")
    assert len(found.losses) == 1
    with pytest.raises(AdapterError):
        made.decode_record(raw[:39])


@pytest.mark.parametrize("form", ["variable", "blocked"])
@pytest.mark.parametrize("patch", ["0003", "0004", "FFFF", "0041"])
def test_an_impossible_length_ends_the_file(form: str, patch: str) -> None:
    """CB6069 for the whole file: nothing behind it can be trusted."""
    made = shared("jef", form)
    data = bytearray(b"".join(made.encode([RECORD, RECORD])))
    at = 0 if form == "variable" else 4
    data[at : at + 2] = bytes.fromhex(patch)
    _, bad = split(made, bytes(data))
    assert (bad[-1].error.code, bad[-1].scope) in {("CB6069", "file"), ("CB6001", "file")}


@pytest.mark.parametrize("form", ["fixed", "variable", "blocked"])
def test_a_file_that_breaks_off_is_truncated(form: str) -> None:
    """CB6001 for the file; the whole records go on."""
    made = shared("jef", form)
    data = b"".join(made.encode([RECORD, RECORD]))
    good, bad = split(made, data[:-5])
    assert len(good) == 1
    assert (bad[-1].error.code, bad[-1].scope) == ("CB6001", "file")


@pytest.mark.parametrize(
    "change",
    [
        'line_end = "none"=>line_end = "crlf"',
        'bytes = 8\ntype = "N"=>bytes = 8\ntype = "X"',
        'usage = "packed"=>usage = "comp"',
        'sign = "signed"=>sign = "leading"',
        'sign = "signed"=>sign = "signed"\nscale = 8',
        'sign = "signed"=>sign = "signed"\ndigits = 8',
        'type = "9"\nusage = "packed"=>type = "X"\nusage = "packed"',
        'usage = "binary"=>usage = "binary"\npad = "left-zero"',
        'kind = "fixed"=>kind = "delimited"',
    ],
)
def test_a_layout_that_cannot_be_is_refused(change: str) -> None:
    """CB6008 with its key."""
    with pytest.raises(ConfigurationError):
        shared("jef", "fixed", change)


FORMS = st.builds(
    NumberForm,
    usage=st.sampled_from(["packed", "zoned"]),
    size=st.integers(2, 8),
    digits=st.just(3),
    scale=st.integers(0, 2),
    sign=st.sampled_from(["unsigned", "signed"]),
    zone=st.sampled_from(["ebcdic", "ascii", "ascii-punch"]),
    keep_zeros=st.booleans(),
)


@given(FORMS, st.integers(-999, 999))
def test_every_number_that_fits_comes_back(form: NumberForm, number: int) -> None:
    """Both directions, in every form; a minus where there is no place for it is refused."""
    digits = str(abs(number)).zfill(3 if form.keep_zeros or form.size < 2 else form.scale + 1)
    text = f"{digits[: -form.scale]}.{digits[-form.scale :]}" if form.scale else digits
    text = f"-{text}" if number < 0 else text
    if (form.usage == "packed" and form.most < 3) or (form.usage == "zoned" and form.most < 3):
        return
    try:
        raw = form.encode(text)
    except NumberError as error:
        assert (error.code, form.sign) == ("CB6005", "unsigned")
        assert number < 0
        return
    assert form.decode(raw) == (text, True)


@given(FORMS, st.binary(min_size=8, max_size=8))
def test_any_bytes_are_a_number_or_an_error(form: NumberForm, raw: bytes) -> None:
    """What is read as exact is written with the same bytes."""
    try:
        text, exact = form.decode(raw[: form.size])
    except NumberError as error:
        assert error.code == "CB6070"
        return
    assert (form.encode(text) == raw[: form.size]) == exact


@pytest.mark.parametrize(
    ("form", "text", "raw"),
    [
        (NumberForm("packed", 3, 5, 2, "signed"), "123.45", "12345C"),
        (NumberForm("packed", 3, 5, 0, "signed"), "-1", "00001D"),
        (NumberForm("packed", 3, 5), "1", "00001F"),
        (NumberForm("packed", 3, 6, 0, "none"), "123456", "123456"),
        (NumberForm("packed", 3, 5, keep_zeros=True), "00001", "00001F"),
        (NumberForm("zoned", 3, 3, 0, "signed"), "-123", "F1F2D3"),
        (NumberForm("zoned", 3, 3, 0, "signed"), "123", "F1F2C3"),
        (NumberForm("zoned", 3, 3), "123", "F1F2F3"),
        (NumberForm("zoned", 4, 3, 0, "leading"), "-123", "60F1F2F3"),
        (NumberForm("zoned", 4, 3, 0, "trailing"), "123", "F1F2F34E"),
        (NumberForm("zoned", 3, 3, 0, "signed", "ascii"), "-120", "313270"),
        (NumberForm("zoned", 3, 3, 0, "signed", "ascii"), "120", "313230"),
        (NumberForm("zoned", 3, 3, 0, "signed", "ascii-punch"), "-121", "31324A"),
        (NumberForm("zoned", 3, 3, 0, "signed", "ascii-punch"), "120", "31327B"),
        (NumberForm("zoned", 4, 3, 0, "trailing", "ascii"), "-123", "3132332D"),
        (NumberForm("binary", 2, 5, 0, "signed"), "-2", "FFFE"),
        (NumberForm("binary", 4, 10, 2, "signed"), "-0.02", "FFFFFFFE"),
        (NumberForm("binary", 2, 5, 0, "unsigned", "", "little"), "258", "0201"),
    ],
)
def test_numbers_as_hosts_write_them(form: NumberForm, text: str, raw: str) -> None:
    """The known spellings, both ways."""
    assert form.encode(text).hex().upper() == raw
    assert form.decode(bytes.fromhex(raw)) == (text, True)


@given(st.binary(max_size=200))
def test_any_bytes_give_records_or_errors_and_no_crash(data: bytes) -> None:
    """In every frame."""
    for form in ("fixed", "variable", "blocked"):
        split(shared("jef", form), data)


def test_packed_numbers_may_stand_beside_cp932() -> None:
    """A COBOL of open systems: ASCII digits, packed and binary numbers."""
    change = '[[field]]\nname = "町名"\nbytes = 8\ntype = "N"\nwide = true\npad = "right-wide-space"\n=>'
    change += '[[field]]\nname = "町名"\nbytes = 8\ntype = "N"\n'
    made = shared("cp932", "fixed", change)
    raw = made.encode_record(RECORD)
    assert raw[48:56] == bytes.fromhex("1234567D") + b"0042"
    assert made.decode_record(raw).values == RECORD
