"""CP932 with a user area: nothing is replaced, and what cannot come back is reported."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.cp932 import LOOK_ALIKES, Cp932, looks_like_utf8, not_round_tripping
from adapters.characters.problem import CharacterError
from adapters.characters.register import Gaiji, GaijiRegister

LEADS = (*range(0xF0, 0xFA),)
TRAILS = (*range(0x40, 0x7F), *range(0x80, 0xFD))


def full_register() -> GaijiRegister:
    """Every user-area code stands for a sequence of its own: a CJK base and a variation selector."""
    codes = [f"{lead:02X}{trail:02X}" for lead in LEADS for trail in TRAILS]
    return GaijiRegister(tuple(Gaiji(code, f"{chr(0x4E00 + at)}\U000e0101") for at, code in enumerate(codes)))


def test_there_are_398_double_codes_and_each_is_reported_as_a_loss() -> None:
    """The character goes through, the loss names the bytes that would be written differently."""
    assert len(not_round_tripping()) == 398
    characters = Cp932()
    for pair in not_round_tripping():
        text, losses = characters.decode_carefully(b"A" + pair)
        assert text == "A" + pair.decode("cp932")
        assert [(loss.position, loss.subject) for loss in losses] == [(1, pair.hex().upper())]


def test_all_1880_user_area_codes_come_back_through_a_register() -> None:
    """F040-F9FC go to their sequence and back to the same bytes."""
    register = full_register()
    assert len(register.to_ucs) == 1880
    characters = Cp932(register)
    for code, sequence in register.to_ucs.items():
        raw = bytes.fromhex(code)
        assert characters.decode_carefully(raw) == (sequence, ())
        assert characters.encode(sequence) == raw


@pytest.mark.parametrize("code", ["F040", "F7FC", "F9FC"])
def test_an_unknown_gaiji_is_an_error_with_its_offset(code: str) -> None:
    """No register, no character: CB6003 at the byte where it stands, never a replacement."""
    with pytest.raises(CharacterError) as caught:
        Cp932().decode("総務".encode("cp932") + bytes.fromhex(code))
    assert (caught.value.code, caught.value.position, caught.value.subject) == ("CB6003", 4, code)


@pytest.mark.parametrize(
    "raw", [b"\x80", b"\xa0", b"\xfd", b"\xfe", b"\xff", b"\x85\x40", b"\x81", b"\x81\x3f", b"\x07"]
)
def test_bytes_that_are_no_cp932_are_an_error_with_their_offset(raw: bytes) -> None:
    """Python's codec lets five of these through as private-use characters; we do not."""
    with pytest.raises(CharacterError) as caught:
        Cp932().decode("ｱ山".encode("cp932") + raw)
    assert (caught.value.code, caught.value.position) == ("CB6002", 3)


@pytest.mark.parametrize(
    "text",
    [*LOOK_ALIKES, "\ue000", "\uf8f0", "\ufffd", "\x07", "\u845b\U000e0101", "\U00020b9f", "\u00a5", "\ufa11\ufe00"],
)
def test_a_character_beyond_the_set_is_refused_with_its_index(text: str) -> None:
    """CB6007 names the character and its code points; nothing similar is written in its place."""
    with pytest.raises(CharacterError) as caught:
        Cp932().encode("総" + text)
    assert (caught.value.code, caught.value.position) == ("CB6007", 1)
    assert caught.value.subject.startswith(f"U+{ord(text[0]):04X}")


def test_a_registered_code_is_written_instead_of_the_vendor_extension() -> None:
    """A system that keeps U+9AD9 as F040 gets F040 back; its own FBFC is a loss, and reported."""
    characters = Cp932(GaijiRegister((Gaiji("F040", "\u9ad9"),)))
    assert characters.encode("\u9ad9\u6a4b") == bytes.fromhex("F040") + "橋".encode("cp932")
    text, losses = characters.decode_carefully(bytes.fromhex("FBFC"))
    assert (text, [loss.subject for loss in losses]) == ("\u9ad9", ["FBFC"])


def test_a_base_character_is_not_taken_for_its_variant() -> None:
    """U+845B alone is 8A8B, with a registered selector F041, with another selector refused."""
    characters = Cp932(GaijiRegister((Gaiji("F041", "\u845b\U000e0101"),)))
    assert characters.encode("\u845b") == bytes.fromhex("8A8B")
    assert characters.encode("\u845b\U000e0101") == bytes.fromhex("F041")
    with pytest.raises(CharacterError):
        characters.encode("\u845b\U000e0102")


def test_without_gaiji_the_register_is_not_asked() -> None:
    """A layout that does not speak of gaiji does not let them through."""
    with pytest.raises(CharacterError):
        Cp932(full_register(), gaiji=False).decode(b"\xf0\x40")


@given(st.binary(max_size=40))
def test_bytes_either_come_back_or_a_loss_or_an_error_is_named(raw: bytes) -> None:
    """For any bytes: an error, the same bytes again, or the places that differ are listed."""
    characters = Cp932(full_register())
    try:
        text, losses = characters.decode_carefully(raw)
    except CharacterError:
        return
    assert characters.decode(raw) == text
    assert (characters.encode(text) == raw) is (not losses)


@given(st.text(max_size=30))
def test_text_is_written_exactly_or_refused(text: str) -> None:
    """For any text: refused, or read again as the same text."""
    characters = Cp932(full_register())
    try:
        raw = characters.encode(text)
    except CharacterError as error:
        assert error.code == "CB6007"
        return
    assert characters.decode(raw) == text


def test_utf8_in_a_cp932_file_is_recognised_only_beyond_doubt() -> None:
    """Two kanji in UTF-8 are; half-width kana and CP932 kanji are not."""
    assert looks_like_utf8("総務".encode())
    assert not looks_like_utf8("総務".encode("cp932"))
    assert not looks_like_utf8("ﾃｱ".encode("cp932"))
    assert not looks_like_utf8(b"ABC")
