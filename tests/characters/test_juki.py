"""住基ネット統一文字コード: 19,563 codes, none of which is a code point."""

from __future__ import annotations

import pytest

from adapters.characters.host_charset import HostCharset
from adapters.characters.juki import juki_table
from adapters.characters.problem import CharacterError


def test_all_19563_codes_come_back() -> None:
    """Each code is one sequence and no two are the same; 3,583 need a variation selector."""
    juki = HostCharset("juki")
    codes = sorted(juki_table().to_text)
    assert len(codes) == 19563
    raw = b"".join(code.to_bytes(2) for code in codes)
    text = juki.decode(raw)
    assert juki.encode(text) == raw
    assert len(set(juki_table().to_text.values())) == 19563
    assert sum("\U000e0100" <= sequence[-1] <= "\U000e01ef" for sequence in juki_table().to_text.values()) == 3583


def test_a_code_is_not_a_code_point() -> None:
    """5,605 of the codes would be wrong as code points; J+845B and J+B9D5 are the well-known pair."""
    table = juki_table().to_text
    assert table[0x845B] == "\u845b\U000e0102"
    assert table[0xB9D5] == "\u845b"
    wrong = [code for code, text in table.items() if text != chr(code)]
    hangul = [code for code in wrong if 0xAC00 <= code <= 0xD7A3]
    assert (len(wrong), len(hangul)) == (5605, 5170)


def test_what_is_not_in_the_list_is_refused() -> None:
    """A code outside the list, half a code, a character that has no code."""
    juki = HostCharset("juki")
    with pytest.raises(CharacterError) as caught:
        juki.decode(b"\x84\x5b\x00\x41")
    assert (caught.value.code, caught.value.position) == ("CB6002", 2)
    with pytest.raises(CharacterError) as caught:
        juki.decode(b"\x84\x5b\x84")
    assert (caught.value.code, caught.value.position) == ("CB6002", 2)
    with pytest.raises(CharacterError) as caught:
        juki.encode("\u845b\U000e0101")
    assert caught.value.code == "CB6007"
