"""UTF-8 of a vendor: strict, private use only through the register, U+FFFD never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.charset import charset
from adapters.characters.problem import CharacterError
from adapters.characters.register import Gaiji, GaijiRegister
from adapters.characters.utf8 import Utf8


@pytest.mark.parametrize(
    ("raw", "code", "position"),
    [
        (b"A\xff", "CB6002", 1),
        (b"A\xe7\xb7", "CB6002", 1),
        ("山\ufffd".encode(), "CB6002", 3),
        ("山\x07".encode(), "CB6002", 3),
        ("山\ue000".encode(), "CB6003", 3),
        ("山\U0010fffd".encode(), "CB6003", 3),
        (b"\xed\xa0\x80", "CB6002", 0),
    ],
)
def test_bytes_that_may_not_pass_are_named_with_their_offset(raw: bytes, code: str, position: int) -> None:
    """Broken sequences, control, replacement and private-use characters."""
    with pytest.raises(CharacterError) as caught:
        Utf8().decode(raw)
    assert (caught.value.code, caught.value.position) == (code, position)


def test_a_private_use_character_goes_through_the_register() -> None:
    """A vendor that keeps U+E000 gets it back; the standard sees the registered sequence."""
    characters = charset("utf-8", GaijiRegister((Gaiji("U+E000", "\u845b\U000e0101"),)))
    assert characters.decode("山\ue000".encode()) == "山\u845b\U000e0101"
    assert characters.encode("山\u845b\U000e0101") == "山\ue000".encode()


def test_a_code_of_another_character_set_is_not_used() -> None:
    """A CP932 code means nothing in UTF-8, a private-use code nothing in CP932."""
    register = GaijiRegister((Gaiji("F040", "\u9ad9"), Gaiji("U+E001", "\u6a4b")))
    assert charset("utf-8", register).encode("\u9ad9") == "\u9ad9".encode()
    assert charset("cp932", register).encode("\u6a4b") == "\u6a4b".encode("cp932")


@pytest.mark.parametrize("text", ["\ue000", "\ufffd", "\x07", "\ud840"])
def test_what_may_not_be_written_is_refused(text: str) -> None:
    """CB6007."""
    with pytest.raises(CharacterError) as caught:
        Utf8().encode("山" + text)
    assert caught.value.code == "CB6007"


@given(st.text(max_size=30))
def test_text_is_written_exactly_or_refused(text: str) -> None:
    """What is written is read again as the same text."""
    try:
        raw = Utf8().encode(text)
    except CharacterError:
        return
    assert Utf8().decode(raw) == text
