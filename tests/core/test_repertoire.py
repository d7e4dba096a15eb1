"""Repertoires: exact sets, units instead of code points, one search for a good text."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.core.repertoire import Repertoire, read_list, repertoire, repertoire_names

SMALL = ("jisx0201", "jisx0208", "jisx0213", "cp932", "bango")


def test_sets_have_their_known_sizes() -> None:
    """JIS X 0208:1990 has 6,879 characters, JIS X 0213:2004 has 11,233 of which 25 are sequences."""
    assert len(repertoire("jisx0208").characters) == 6879 + 158
    plane = repertoire("jisx0213")
    assert len(plane.characters - repertoire("jisx0201").characters) + len(plane.sequences) == 11233 - 2
    assert len(plane.sequences) == 25


def test_jis_x_0212_is_no_part_of_jis_x_0213() -> None:
    """``euc_jis_2004`` would accept it; the set does not."""
    only_0212 = "\u4e04"
    assert only_0212.encode("euc_jp")
    assert repertoire("jisx0213").outside(only_0212) == ((0, only_0212),)


def test_marks_that_unicode_has_twice_are_a_question_of_profile() -> None:
    """JIS has the wave dash, Microsoft the full-width tilde; neither set has both."""
    for plain, microsoft in zip("\u301c\u2212\u2016", "\uff5e\uff0d\u2225", strict=True):
        assert (repertoire("jisx0208").admits(plain), repertoire("jisx0208").admits(microsoft)) == (True, False)
        assert (repertoire("jisx0208+ms").admits(plain), repertoire("jisx0208+ms").admits(microsoft)) == (False, True)
        assert (repertoire("cp932").admits(plain), repertoire("cp932").admits(microsoft)) == (False, True)


def test_the_user_area_is_in_no_set() -> None:
    """A private-use character has no meaning without its scope."""
    for name in SMALL:
        for char in ("\ue000", "\uf8ff", "\U000f0000", "\ufffd", "\x07"):
            assert not repertoire(name).admits(char)


def test_a_base_and_its_selector_are_one_unit() -> None:
    """A pair is in the set or not; its base alone says nothing; a bare selector is never in."""
    found = Repertoire("x", "x", frozenset("\u845b\u57ce"), frozenset({"\u845b\U000e0102"}))
    assert found.outside("\u845b\u845b\U000e0102\u57ce") == ()
    assert found.outside("\u845b\U000e0100") == ((0, "\u845b\U000e0100"),)
    assert found.outside("\U000e0102\u845b") == ((0, "\U000e0102"),)
    assert found.outside("\u57ce\u4e00\u845b") == ((1, "\u4e00"),)


def test_a_combining_mark_belongs_to_its_base() -> None:
    """か with a half-voiced mark is one character of JIS X 0213."""
    assert repertoire("jisx0213").outside("\u304b\u309a") == ()
    assert repertoire("jisx0208").outside("\u304b\u309a") == ((1, "\u309a"),)


@pytest.mark.slow
def test_large_sets_hold_what_they_promise() -> None:
    """住基 19,563 kanji; 戸籍 and MJ with their sequences; 変体仮名 where they have a number."""
    juki, koseki, mj = repertoire("juki"), repertoire("koseki"), repertoire("mj")
    assert len([unit for unit in juki.characters | juki.sequences if unit not in repertoire("jisx0208").characters]) > 0
    assert len(juki.sequences) == 3583
    assert len(mj.sequences) == 11382
    assert koseki.characters < mj.characters
    assert koseki.sequences < mj.sequences
    assert mj.outside("\u845b\U000e0102\u57ce\u3000\u30a2\U0001b002") == ()
    assert juki.outside("\u845b\U000e0101") == ((0, "\u845b\U000e0101"),)


def test_a_list_of_ones_own_extends_a_set(tmp_path: Path) -> None:
    """行政事務標準文字 and user areas come as a list; a wrong line is named."""
    path = tmp_path / "plus.txt"
    path.write_text("# own\nU+100000\tGJ000001\nU+845B U+E0101\n\n", encoding="utf-8")
    found = read_list(path, "jisx0201")
    assert (found.name, found.outside("A\U00100000\u845b\U000e0101")) == ("plus", ())
    path.write_text("U+100000\nGJ000001\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"plus\.txt:2"):
        read_list(path, "jisx0201")


def test_every_name_is_known_and_no_other() -> None:
    """Names are those of the configuration."""
    assert set(SMALL) < set(repertoire_names())
    with pytest.raises(KeyError):
        repertoire("shift_jis")
