"""The quick way of fixed-length records says what the careful way says, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.charset import charset
from adapters.characters.register import Gaiji, GaijiRegister
from adapters.codecs import load_layout
from adapters.codecs.fixed import FixedCodec
from adapters.codecs.fixed_fast import quick_reader, quick_writer
from adapters.sdk.layout import Layout
from adapters.sdk.types import Origin
from bus.core.errors import AdapterError

TEXT = """
[layout]
id = "t.quick"
kind = "fixed"
encoding = "cp932"
record_bytes = 30
line_end = "crlf"
[[field]]
name = "番号'); import os #"
bytes = 5
type = "X"
[[field]]
name = "氏名"
bytes = 8
type = "N"
[[field]]
name = "空き"
bytes = 2
filler = true
[[field]]
name = "金額"
bytes = 4
type = "9"
pad = "left-zero"
[[field]]
name = "数"
bytes = 3
type = "9"
[[field]]
name = "備考"
bytes = 8
type = "N"
"""
NAMES = ("番号'); import os #", "氏名", "金額", "数", "備考")
REGISTER = GaijiRegister((Gaiji("F040", "葛\U000e0101"), Gaiji("F041", "Ａ")))


@pytest.fixture(scope="module", params=["cp932", "utf-8"])
def layout(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """The layout, with names that must never become part of a program."""
    path: Path = tmp_path_factory.mktemp("quick") / "t.toml"
    path.write_text(TEXT.replace("cp932", request.param), encoding="utf-8")
    found = load_layout(path)
    assert found is not None
    return found


values = st.fixed_dictionaries(
    {},
    optional={
        NAMES[0]: st.text(alphabet="A1ｱ 山\x1f\x00", max_size=6),
        NAMES[1]: st.text(alphabet="山Ａ葛\U000e0101 　\x1f¢〜\ue000ⅠA", max_size=5),
        NAMES[2]: st.text(alphabet="0123", max_size=5),
        NAMES[3]: st.text(alphabet="01２ ", max_size=4),
        NAMES[4]: st.text(alphabet="川髙𠮟-", max_size=5),
        "他": st.just("1"),
    },
)


@given(given_values=values)
def test_what_is_written_quickly_is_what_is_written_carefully(layout: Layout, given_values: dict[str, str]) -> None:
    """The same bytes; never any where the careful way refuses."""
    characters = charset(layout.encoding, REGISTER)
    codec, quick = FixedCodec(layout, characters), quick_writer(layout, characters)
    assert quick is not None
    found = quick(given_values)
    codec._write = None
    try:
        careful = codec.encode_record(given_values)
    except AdapterError:
        assert found is None
    else:
        assert found in (None, careful)


@given(raw=st.one_of(st.binary(min_size=30, max_size=30), st.text(alphabet="A0山ｱ Ⅰ\x1f", min_size=15, max_size=30)))
def test_what_is_read_quickly_is_what_is_read_carefully(layout: Layout, raw: bytes | str) -> None:
    """The same values; never any where the careful way refuses or reports a loss."""
    if isinstance(raw, str):
        raw = raw.encode(layout.encoding, "replace")[:30].ljust(30)
    characters = charset(layout.encoding, REGISTER)
    codec, quick = FixedCodec(layout, characters), quick_reader(layout, characters)
    assert quick is not None
    found = quick(raw)
    try:
        careful = codec._decode_carefully(raw, Origin())
    except AdapterError:
        assert found is None
    else:
        assert found is None or (found == careful.values and not careful.losses)


def test_ordinary_records_take_the_quick_way(layout: Layout) -> None:
    """Otherwise nothing would be quick."""
    characters = charset(layout.encoding, REGISTER)
    read, write = quick_reader(layout, characters), quick_writer(layout, characters)
    assert read is not None
    assert write is not None
    ordinary = {NAMES[0]: "A1", "氏名": "山", "金額": "12", "数": "7", "備考": ""}
    raw = write(ordinary)
    assert raw is not None
    assert read(raw) == ordinary
