"""The quick way of host records says what the careful way says, or nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random
from tempfile import mkdtemp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.register import Gaiji, GaijiRegister
from adapters.codecs import load_layout, make_codec
from adapters.codecs.host import HostCodec
from adapters.mapping import load_mapping
from adapters.sdk.types import Origin
from adapters.suite.generate import all_carried, records
from adapters.suite.subject import find_folder
from bus.core.errors import AdapterError
from schemas.catalog import load_edition
from tests.codecs.layouts import codec

LAYOUT = """
[layout]
id = "t.quick"
kind = "fixed"
encoding = "{encoding}"
gaiji = true
record_bytes = 92
line_end = "none"
[records]
type_field = "区分"
data = "2"
[[field]]
name = "区分"
bytes = 1
type = "X"
[[field]]
name = "番号"
bytes = 5
type = "X"
[[field]]
name = "カナ"
bytes = 6
type = "X"
[[field]]
name = "氏名"
bytes = 16
type = "N"
[[field]]
name = "予備"
bytes = 2
filler = true
[[field]]
name = "通称"
bytes = 12
type = "N"
[[field]]
name = "備考"
bytes = 8
type = "N"
blank = "low"
[[field]]
name = "町名"
bytes = 8
type = "N"
wide = true
pad = "right-wide-space"
[[field]]
name = "字名"
bytes = 6
type = "N"
wide = true
[[field]]
name = "数"
bytes = 3
type = "9"
[[field]]
name = "額"
bytes = 3
type = "9"
usage = "packed"
sign = "signed"
blank = "low"
[[field]]
name = "差"
bytes = 3
type = "9"
usage = "packed"
sign = "signed"
[[field]]
name = "年"
bytes = 2
type = "9"
usage = "packed"
blank = "high"
[[field]]
name = "月"
bytes = 2
type = "9"
usage = "packed"
[[field]]
name = "件"
bytes = 2
type = "9"
usage = "packed"
blank = "space"
[[field]]
name = "日"
bytes = 4
type = "9"
usage = "packed"
keep_zeros = true
blank = "low"
[[field]]
name = "時"
bytes = 3
type = "9"
usage = "packed"
digits = 4
[[field]]
name = "率"
bytes = 3
type = "9"
usage = "packed"
scale = 2
blank = "zero"
[[field]]
name = "区"
bytes = 3
type = "9"
usage = "zoned"
blank = "space"
"""
ENCODINGS = ("jef", "jef-ebcdic", "keis78", "keis83", "jips-j", "ibm930", "ibm1399")
REGISTER = GaijiRegister((Gaiji("41A1", "葛\U000e0101"), Gaiji("80A1", "Ａ"), Gaiji("F040", "高\U000e0101")))
HOSTILE = "架空　花子葛\U000e0101高\U000e0101Ａか\u309aABｱab \x1f\x00髙①〜\ue000"


@cache
def made(encoding: str, *, gaiji: bool) -> HostCodec:
    """The codec of the layout above."""
    found = codec(Path(mkdtemp()), LAYOUT.format(encoding=encoding), REGISTER if gaiji else GaijiRegister(()))
    assert isinstance(found, HostCodec)
    return found


def careful(one: HostCodec, values: dict[str, str]) -> bytes | None:
    """What is written field by field, ``None`` where it is refused."""
    unknown = [name for name in values if name not in one._items]
    try:
        return one._encode({**values, "区分": "2"}, one._fields, unknown)
    except AdapterError:
        return None


def numbers(most: int, signs: str = "") -> st.SearchStrategy[str]:
    """Texts that are numbers, nearly numbers, or none."""
    return st.one_of(
        st.integers(0, 10**most - 1).map(str),
        st.text(alphabet=f"0123456789{signs}", max_size=most + 1),
        st.sampled_from(["", "0", "-0", "-", "00", "1.5", "2.25", "１", "-12345", "0" * most]),
    )


def texts(alphabet: str, most: int) -> st.SearchStrategy[str]:
    """Short texts, most of them ordinary."""
    return st.one_of(st.text(alphabet="架空花子地域", max_size=most), st.text(alphabet=alphabet, max_size=most))


VALUES = st.fixed_dictionaries(
    {"月": numbers(3), "差": numbers(5, "-"), "時": numbers(4)},
    optional={
        "番号": st.text(alphabet="0A1 ｱ山\x1fa~", max_size=6),
        "カナ": st.text(alphabet="ｶｸｳ ﾊﾅｺﾞ-", max_size=7),
        "氏名": texts(HOSTILE, 8),
        "通称": texts(HOSTILE, 6),
        "備考": texts(HOSTILE, 4),
        "町名": texts(HOSTILE, 5),
        "字名": texts(HOSTILE, 4),
        "数": st.text(alphabet="012 ９", max_size=4),
        "額": numbers(5, "-"),
        "年": numbers(3),
        "件": numbers(3),
        "日": st.one_of(numbers(7), st.just("0000000"), st.just("5060229")),
        "率": numbers(5),
        "区": numbers(3),
        "他": st.just("1"),
    },
)


@given(encoding=st.sampled_from(ENCODINGS), gaiji=st.booleans(), values=VALUES)
@pytest.mark.slow
def test_what_is_written_quickly_is_what_is_written_field_by_field(
    encoding: str, gaiji: bool, values: dict[str, str]
) -> None:
    """The same bytes; never any where a field refuses."""
    one = made(encoding, gaiji=gaiji)
    assert one._write is not None
    found = one._write(values)
    assert found is None or found == careful(one, values)


BYTES = st.one_of(st.integers(0, 255), st.sampled_from(b"\x00\x28\x29\x0e\x0f\x40 \xff"))
SPOILED = st.lists(st.tuples(st.integers(0, 91), BYTES), max_size=3)


@given(encoding=st.sampled_from(ENCODINGS), gaiji=st.booleans(), values=VALUES, spoiled=SPOILED)
@pytest.mark.slow
def test_what_is_read_quickly_is_what_is_read_field_by_field(
    encoding: str, gaiji: bool, values: dict[str, str], spoiled: list[tuple[int, int]]
) -> None:
    """The same values from good and from spoiled bytes; never any where a field refuses or reports a loss."""
    one = made(encoding, gaiji=gaiji)
    ordinary = {"番号": "A1", "氏名": "架空", "町名": "地域", "月": "1", "差": "-5", "時": "9", "日": "0000000"}
    raw = bytearray(careful(one, values) or careful(one, ordinary) or b"")
    for place, byte in spoiled:
        raw[place] = byte
    found = one._read(bytes(raw))
    try:
        expected, losses = one._carefully(bytes(raw), one._fields, Origin())
    except AdapterError:
        assert found is None
        return
    expected = {name: expected[name] for name in one._blank}
    assert found is None or (found == expected and list(found) == list(expected) and not losses)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_ordinary_host_records_take_the_quick_way(encoding: str) -> None:
    """Otherwise nothing would be quick; a field that mixes single and double bytes does not spoil it."""
    one = made(encoding, gaiji=False)
    ordinary = dict.fromkeys(one._blank, "") | {
        "番号": "A1",
        "カナ": "KAKUU" if "ebcdic" in encoding or encoding == "ibm1399" else "ｶｸｳ", "氏名": "架空　花子",
        "通称": "架A", "備考": "地域", "町名": "架空町", "字名": "上", "数": "7", "額": "-12", "差": "0", "年": "7",
        "月": "999", "件": "0", "日": "0010203", "時": "9", "率": "1.50", "区": "3",
    }  # fmt: skip
    assert one._write is not None
    raw = one._write(ordinary)
    assert raw is not None
    assert raw == careful(one, ordinary)
    assert one._read(raw) == ordinary
    blank = dict.fromkeys(one._blank, "") | {"月": "0", "差": "0", "時": "0"}
    raw = one._write(blank)
    assert raw is not None
    assert raw == careful(one, blank)
    assert one._read(raw) == blank


def test_a_character_that_is_not_half_width_is_refused_in_a_field_of_single_bytes() -> None:
    """The byte 5F of EBCDIK is the not sign: E0002, quickly or not."""
    one = made("jef", gaiji=False)
    raw = bytearray(one.encode_record({"番号": "A1", "月": "1", "差": "1", "時": "1"}))
    raw[1] = 0x5F
    with pytest.raises(AdapterError) as caught:
        one.decode_record(bytes(raw))
    assert [(found.code, found.path) for found in caught.value.findings] == [("E0002", "番号")]


def test_a_number_too_long_and_a_number_missing_do_not_make_up_for_each_other() -> None:
    """Numbers are put together as one text; each has to fit by itself."""
    one = made("jef", gaiji=False)
    assert one._write is not None
    assert one._write({"月": "", "差": "1", "時": "1"}) is None
    assert one._write({"月": "1", "差": "1", "時": "1", "年": "1234567"}) is None
    assert one._write({"年": "1234567", "差": "1", "時": "1"}) is None
    assert one._write({"月": "1", "差": "1", "時": "1", "日": "123"}) is None


@pytest.mark.slow
def test_every_record_of_the_host_vendor_goes_quickly_and_as_field_by_field() -> None:
    """All units of the vendor whose files are a host's: generated records, both ways, each on the quick way."""
    folder, edition = find_folder("a/interfaces"), load_edition()
    units: set[str] = set()
    quick = count = 0
    for path in sorted((folder / "layout").glob("*.toml")):
        layout = load_layout(path)
        assert layout is not None
        mapping = load_mapping(folder / "mapping" / path.name, layout, edition)
        one = make_codec(layout)
        if mapping is None or not isinstance(one, HostCodec):
            continue
        for standard in records(mapping, all_carried(mapping, one, 1), Random(path.name), 3):
            values = mapping.to_vendor(standard).values
            marked = {**values, layout.type_field: layout.data_mark} if layout.type_field else values
            raw = one._encode(marked, one._fields)
            assert one._write is not None
            written, read = one._write(values), one._read(raw)
            assert written in (None, raw)
            assert read in (None, one.decode_record(raw).values)
            if read is not None:
                careful_values, losses = one._carefully(raw, one._fields, Origin())
                assert (read, losses) == ({name: careful_values[name] for name in one._blank}, ())
            count += 2
            quick += (written is not None) + (read is not None)
            units.add(path.name.split(".")[0])
    assert len(units) == 22
    assert quick > 0.98 * count
