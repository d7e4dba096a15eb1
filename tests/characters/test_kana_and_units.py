"""Kana forms undo each other; characters are counted with their selectors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.characters.kana import full_to_half, half_to_full, hira_to_kata, kata_to_hira
from adapters.characters.problem import CharacterError
from adapters.characters.units import bare_selectors, cut, length, units

HALF = "".join(map(chr, range(0xFF61, 0xFFA0))) + " " + "".join(map(chr, range(0x21, 0x7F)))
HIRAGANA = "".join(map(chr, range(0x3041, 0x3097))) + "ー　"
SELECTOR = "\U000e0101"


@given(st.text(alphabet=HALF, max_size=30))
def test_half_width_kana_come_back_from_full_width(text: str) -> None:
    """Every half-width text, voiced marks in any place, comes back as it was."""
    assert full_to_half(half_to_full(text)) == text


@given(st.text(alphabet=HIRAGANA, max_size=30))
def test_hiragana_come_back_from_katakana(text: str) -> None:
    """ぁ to ゖ each have one katakana."""
    assert kata_to_hira(hira_to_kata(text)) == text


def test_voiced_pairs_become_one_character() -> None:
    """ｶﾞ is ガ, ﾊﾟ is パ, ｱﾞ stays two."""
    assert half_to_full("ｶﾞﾊﾟｱﾞ") == "ガパア゛"


@pytest.mark.parametrize("text", list("ヰヱヮヵヶヽヾヿ漢Ａあ"))
def test_what_has_no_half_width_form_is_refused(text: str) -> None:
    """The set that does not invert is explicit: CB6007 at its index (full-width ASCII does have a form)."""
    if text == "Ａ":
        assert full_to_half(text) == "A"
        return
    with pytest.raises(CharacterError) as caught:
        full_to_half("ソ" + text)
    assert (caught.value.code, caught.value.position) == ("CB6007", 1)


@pytest.mark.parametrize("text", ["ソ", "ゟ", "ヷ"])
def test_katakana_is_refused_where_hiragana_is_expected(text: str) -> None:
    """Mixed kana would not come back."""
    with pytest.raises(CharacterError):
        hira_to_kata("そ" + text)


@pytest.mark.parametrize("text", ["そ", "ヷ", "ヸ", "ヹ", "ヺ", "ゝ"])
def test_katakana_without_hiragana_is_refused(text: str) -> None:
    """ヷ to ヺ have no hiragana; hiragana in a katakana value would come back as katakana."""
    with pytest.raises(CharacterError):
        kata_to_hira("ソ" + text)


@pytest.mark.parametrize("text", ["全", "ア", "\u3042"])
def test_full_width_is_refused_where_half_width_is_expected(text: str) -> None:
    """CB6006 at its index."""
    with pytest.raises(CharacterError) as caught:
        half_to_full("ｱ" + text)
    assert (caught.value.code, caught.value.position) == ("CB6006", 1)


def test_a_base_with_its_selector_is_one_unit() -> None:
    """Length, units and cutting keep the pair together; supplementary characters count one."""
    text = f"\u845b{SELECTOR}\U00020b9f山"
    assert units(text) == [f"\u845b{SELECTOR}", "\U00020b9f", "山"]
    assert length(text) == 3
    assert cut(text, 1) == (f"\u845b{SELECTOR}", "\U00020b9f山")


def test_a_selector_without_base_is_found() -> None:
    """At the start, and behind another selector."""
    assert bare_selectors(f"{SELECTOR}山{SELECTOR}{SELECTOR}") == [0, 3]


@given(st.text(alphabet=f"山川\u845b\U00020b9f{SELECTOR}\ufe00", max_size=20))
def test_units_make_up_the_text_and_its_length(text: str) -> None:
    """Where no selector stands alone there are as many units as the standard counts characters."""
    assert "".join(units(text)) == text
    if not bare_selectors(text):
        assert length(text) == len(units(text))
