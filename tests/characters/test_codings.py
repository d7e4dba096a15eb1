"""Host codings: exact both ways, shift-aware, and honest about what the standard alone cannot tell."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.charset import HOST_ENCODINGS, charset
from adapters.characters.codings import host_coding, host_names, parts_of
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterError
from adapters.characters.register import Gaiji, GaijiRegister
from bus.core.errors import ConfigurationError

NEEDS_TABLES = tuple(name for name in host_names() if name.startswith("jips-e"))
BUILT_IN = tuple(name for name in host_names() if name not in NEEDS_TABLES)
MIXED = ("jef", "keis78", "keis83", "jips-j", "ibm930", "ibm939", "ibm1390", "ibm1399")


def host(name: str, *rows: Gaiji) -> HostCharset:
    """A host character set with a register of these rows."""
    return HostCharset(name, GaijiRegister(rows))


def wide(name: str, text: str) -> str:
    """The double bytes of one character, in hexadecimal."""
    return host(parts_of(name)[1]).encode(text).hex().upper()


def test_shift_codes_are_those_of_the_makers() -> None:
    """One kanji between one digit and one letter, in each maker's bytes."""
    assert host("jef").encode("1\u4e9cA").hex() == "f128b0a129c1"
    assert host("keis83").encode("1\u4e9cA").hex() == "f10a42b0a10a41c1"
    assert host("jips-j").encode("1\u4e9cA").hex() == "311a7030211a7141"
    assert host("ibm930").encode("1\u4e9cA").hex() == "f10e4867" + "0fc1"


@pytest.mark.parametrize("name", MIXED)
def test_every_mixed_text_of_the_set_comes_back(name: str) -> None:
    """Single and double bytes in any order, through the fast and the careful way alike."""
    characters = host(name)
    text = "\u5c71\u7530 1-2\u3000\uff8a\uff85\u82b1A"
    raw = characters.encode(text)
    assert characters.read(raw) == text
    assert characters.decode_carefully(raw) == (text, ())


@given(st.data())
def test_fast_and_careful_reading_agree(data: st.DataObject) -> None:
    """Whatever the bytes: the fast way gives the careful way's text without losses, or nothing."""
    name = data.draw(st.sampled_from(MIXED))
    characters = host(name)
    shifts = characters.coding.shifts
    assert shifts is not None
    piece = st.sampled_from([*shifts.wide_in, shifts.wide_out, b"\xc1", b"\xb0\xa1", b"\x30\x21", b"\x41", b"\xff"])
    raw = b"".join(data.draw(st.lists(piece, max_size=8)))
    fast = characters.read(raw)
    try:
        careful, losses = characters.decode_carefully(raw)
    except CharacterError:
        assert fast is None
        return
    assert fast is None or (fast, ()) == (careful, losses)
    assert (characters.encode(careful) == raw) == (not losses)


@pytest.mark.parametrize(
    ("raw", "code", "position"),
    [
        ("28B0A1", "CB6020", 3),
        ("C128B0A1", "CB6020", 4),
        ("28B029", "CB6002", 1),
        ("28FFFF29", "CB6002", 1),
        ("2880A129", "CB6003", 1),
        ("C105", "CB6002", 1),
        ("28B2AA29", "CB6021", 1),
    ],
)
def test_what_cannot_be_read_is_told_with_its_offset(raw: str, code: str, position: int) -> None:
    """Open shift, half a character, no such code, user area, control character, a code of the vendor's own."""
    with pytest.raises(CharacterError) as caught:
        host("jef").decode(bytes.fromhex(raw))
    assert (caught.value.code, caught.value.position) == (code, position)


@pytest.mark.parametrize(
    "raw", ["2829C1", "29C1", "38B0A129", "30E2B0A129", "28B0A12928B0A129", "2828B0A129", "28A1A129"]
)
def test_bytes_that_would_be_written_otherwise_are_losses(raw: str) -> None:
    """Needless shifts, the other shift-in codes, the second code of the wide space: read, and reported."""
    text, losses = host("jef").decode_carefully(bytes.fromhex(raw))
    assert losses
    assert host("jef").encode(text) != bytes.fromhex(raw)


def test_codes_that_only_the_vendor_knows_are_refused_without_its_table() -> None:
    """The 22 pairs that changed places between JIS C 6226-1978 and JIS X 0208-1983 are never guessed."""
    for name in ("jef", "keis78", "jips-j"):
        for pair in ("\u9bf5\u9c3a", "\u6867\u6a9c", "\u7c60\u7bed"):
            for char in pair:
                with pytest.raises(CharacterError) as caught:
                    host(parts_of(name)[1]).encode(char)
                assert caught.value.code == "CB6007"
    assert wide("keis83", "\u9bf5") == "B0B3"


def test_without_its_table_jef_has_the_standard_area() -> None:
    """More than 97 of 100 codes of JIS X 0208, each both ways; all others of the area are refused."""
    coding = host_coding("jef-wide")
    assert coding.wide is not None
    area = {code for code in coding.wide.to_text if code >= 0xA1A1}
    assert len(area) == 6709
    assert len(coding.wide.doubtful) == 170
    written = [code for code in area - {0xA1A1} if coding.encode(coding.decode(code.to_bytes(2))) == code.to_bytes(2)]
    assert len(written) == len(area) - 1


def test_jips_e_needs_the_makers_table() -> None:
    """Its bytes are EBCDIK of NEC's own kind: without the table there is nothing to be said."""
    with pytest.raises(ConfigurationError) as caught:
        charset("jips-e")
    assert caught.value.findings[0].code == "CB6021"


def test_a_decision_of_the_register_is_read_and_written_between_shift_codes() -> None:
    """A code of the user area, and a code that only the vendor's table could tell."""
    rows = (Gaiji("80A1", "\u845b\U000e0101"), Gaiji("B2AA", "\u9dd7"))
    characters = host("jef", *rows)
    text = "A\u845b\U000e0101\u9dd7\u4e9c"
    raw = characters.encode(text)
    assert raw.hex().upper() == "C12880A1B2AAB0A129"
    assert characters.decode_carefully(raw) == (text, ())
    assert HostCharset("jef", GaijiRegister(rows), gaiji=False).read(raw) is None


def test_marks_that_unicode_has_twice_follow_the_profile() -> None:
    """Wave dash or full-width tilde: as the name says, and the other one is not written."""
    assert host("keis83-wide+jis").decode(b"\xa1\xc1") == "\u301c"
    assert host("keis83-wide").decode(b"\xa1\xc1") == "\uff5e"
    with pytest.raises(CharacterError) as caught:
        host("keis83-wide").encode("\u301c")
    assert caught.value.code == "CB6007"
    assert host("jef-wide").decode(b"\xa1\xdd") == "\uff0d"
    assert host("jef-wide+jis").decode(b"\xa1\xdd") == "\u2212"


@pytest.mark.parametrize("name", ["jef", "keis78", "keis83", "jips-j", "ibm930", "ibm939", "cp932"])
def test_systems_understand_each_others_marks_without_an_agreement(name: str) -> None:
    """Tilde and minus of an address, as CP932 has them, go through every set."""
    characters = charset(name)
    assert characters.decode(characters.encode("\uff11\uff0d\uff12\uff5e")) == "\uff11\uff0d\uff12\uff5e"


def test_a_combining_mark_is_never_joined_or_parted_silently() -> None:
    """Where two codes read as one text that is written as one other code, the loss is reported."""
    characters = host("ibm1390-wide")
    table = characters.coding.wide
    assert table is not None
    joined = [text for text in table.to_code if len(text) == 2]
    assert len(joined) > 20
    for text in joined:
        assert characters.decode_carefully(characters.encode(text)) == (text, ())
        if all(char in table.to_code for char in text):
            raw = b"".join(table.to_code[char] for char in text)
            assert characters.read(raw) is None
            assert characters.decode_carefully(raw)[1]


def test_layouts_may_name_every_coding_and_its_parts() -> None:
    """``single`` and ``wide`` are the sets of fields without shift codes."""
    assert set(host_names()) == set(HOST_ENCODINGS)
    jef = host("jef")
    assert jef.single is not None
    assert jef.wide is not None
    assert (jef.single.name, jef.wide.name) == ("ebcdik-fujitsu", "jef-wide")
    assert (jef.space, jef.wide_space) == (b"\x40", b"\x40\x40")
    assert host("jips-j").wide_space == b"\x21\x21"
    for name in BUILT_IN:
        for part in parts_of(name):
            assert not part or part in host_names()
