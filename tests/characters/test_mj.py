"""The MJ list: looked up by every number, carried exactly, degraded only on evidence."""

from __future__ import annotations

import csv
import hashlib
import lzma
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

import schemas
from adapters.characters.degrade import BY_PEOPLE_ONLY, EVIDENCE, candidates, degrade, degrade_text
from adapters.characters.mj import mj, registered_pairs, unregistered, unstable, was_normalised

ONLY_BY_PEOPLE = "MJ000342"
DATA = Path(schemas.__file__).parent / "characters"


def in_0213(text: str) -> bool:
    """Whether JIS X 0213:2004 has the text."""
    try:
        return text.encode("shift_jis_2004") != b""
    except UnicodeEncodeError:
        return False


def test_the_data_are_what_their_manifest_says() -> None:
    """Every file is listed with its digest and licence; the compressed ones together stay under 0.8 MB."""
    with (DATA / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    there = {path.name for path in DATA.iterdir() if path.name != "manifest.csv"}
    assert set(rows) == there
    for name, row in rows.items():
        assert hashlib.sha256((DATA / name).read_bytes()).hexdigest() == row["sha256"], name
        assert row["licence"] in {"CC-BY-SA-2.1-JP", "Unicode-3.0", "Apache-2.0"}
    assert sum(path.stat().st_size for path in DATA.glob("*.xz")) < 800_000
    notice = (DATA / "NOTICE.md").read_text(encoding="utf-8")
    for name in there - {"NOTICE.md", "LICENSE-UNICODE.txt"}:
        assert name in notice
    assert all(lzma.decompress(path.read_bytes()) for path in DATA.glob("*.xz"))


@pytest.mark.slow
def test_the_list_has_all_glyphs_and_sequences() -> None:
    """58,862 glyphs, 63,989 sequences of which no two are the same; 19 glyphs have none and go by name."""
    table = mj()
    sequences = table.sequences()
    assert (len(table), len(sequences), len(set(sequences))) == (58862, 63989, 63989)
    assert sum(not glyph.carrier() for glyph in table) == 19
    assert sum(bool(glyph.juki) for glyph in table) == 19563
    assert len(table.hentaigana) == 299


@pytest.mark.slow
def test_each_sequence_leads_to_its_glyph_and_back() -> None:
    """The carrier of the glyph that a sequence means is that sequence, in one profile or the other."""
    table = mj()
    for text in table.sequences()[::7]:
        glyph = table.by_text(text)
        assert glyph is not None
        assert text in {glyph.carrier(), glyph.carrier("ivs")}


@pytest.mark.parametrize("query", ["MJ022335", "J+845B", "U+845B U+E0102", "\u845b\U000e0102"])
def test_a_glyph_is_found_by_each_of_its_names(query: str) -> None:
    """MJ name, 住基, code points, text; and by its 戸籍 and 登記 numbers."""
    (glyph,) = mj().look_up(query)
    assert (glyph.juki, glyph.carrier()) == ("J+845B", "\u845b\U000e0102")
    assert glyph.mj == "MJ022335"
    assert mj().look_up(glyph.koseki) == mj().look_up(glyph.toki) == (glyph,)
    assert glyph in [one for other in mj().family(glyph) for one in mj().family(other)]


def test_what_is_not_in_the_list_is_not_found() -> None:
    """Nothing comes instead."""
    assert mj().by_mj("MJ999999") is None
    assert mj().look_up("J+0041") == mj().look_up("\u3042") == mj().look_up("000000") == ()


def test_readings_are_there_when_asked() -> None:
    """Readings are a file of their own."""
    assert "\u304b\u305a\u3089" in mj().readings("MJ022335")
    assert mj().readings("MJ999999") == ()


def test_normalisation_of_89_characters_is_detected() -> None:
    """NFC makes each of them another character; the detection names it."""
    assert len(unstable()) == 89
    assert "\ufa19" in unstable()
    for char in unstable():
        changed = unicodedata.normalize("NFC", char)
        assert was_normalised(f"A{char}", f"A{changed}") == (char,)
        assert was_normalised(f"A{char}", f"A{char}") == ()


def test_unregistered_pairs_and_bare_selectors_are_violations() -> None:
    """A selector needs a base, and the pair must be in the IVD."""
    assert unregistered("\u845b\U000e0102\u4e00") == ()
    assert unregistered("\U000e0102\u845b") == (0,)
    assert unregistered("\u3042\U000e0100") == (1,)
    assert unregistered("\u845b\U000e01ef") == (1,)
    assert sum(map(len, registered_pairs().values())) == 29_437


def test_a_glyph_of_the_target_set_is_not_degraded() -> None:
    """Also when only its other carrier is in the set."""
    glyph = mj().by_text("\u845b")
    assert glyph is not None
    answer = degrade(glyph, in_0213)
    assert (answer.text, answer.same, answer.source) == ("\u845b", True, "")


def test_each_step_down_names_its_source() -> None:
    """The strongest evidence decides, and its name is part of the answer; the original stays."""
    glyph = mj().by_text("\u9ad9")
    assert glyph is not None
    answer = degrade(glyph, lambda text: text == "\u9ad8")
    assert (answer.original, answer.text, answer.source) == ("\u9ad9", "\u9ad8", answer.candidates[0].source)
    assert EVIDENCE.index(answer.source) == min(EVIDENCE.index(one.source) for one in answer.candidates)


def test_people_only_sources_never_decide() -> None:
    """類推 and 辞書 are shown as candidates, never taken, and cannot be asked for."""
    glyph = mj().by_mj(ONLY_BY_PEOPLE)
    assert glyph is not None
    some = candidates(glyph)
    assert {one.source for one in some} <= BY_PEOPLE_ONLY
    answer = degrade(glyph, lambda text: text in {one.text for one in some})
    assert (answer.text, answer.candidates) == ("", some)
    for source in BY_PEOPLE_ONLY:
        with pytest.raises(ValueError, match=source):
            degrade(glyph, in_0213, source)


def test_equal_evidence_for_two_characters_is_ambiguous() -> None:
    """Nobody is guessed for: no text, and both candidates shown."""
    glyph = mj().by_mj("MJ000089")
    assert glyph is not None
    answer = degrade(glyph, in_0213)
    assert (answer.text, answer.ambiguous) == ("", True)
    assert {one.text for one in answer.candidates[:2]} == {"\u4f1a", "\u6703"}
    assert degrade(glyph, lambda text: text == "\u6703").text == "\u6703"


@pytest.mark.slow
def test_the_whole_list_goes_down_as_its_map_says() -> None:
    """Into JIS X 0213: 10,054 are in it, 105 are ambiguous, 2,017 only people may decide."""
    found = Counter(
        "same"
        if one.same
        else "ambiguous"
        if one.ambiguous
        else "decided"
        if one.text
        else "people"
        if one.candidates
        else ""
        for one in (degrade(glyph, in_0213) for glyph in mj())
    )
    assert found == {"same": 10054, "decided": 23675, "ambiguous": 105, "people": 2017, "": 23011}


def test_a_text_is_degraded_unit_by_unit() -> None:
    """A base and its selector are one unit; what is in the set stays; what is unknown has no answer."""
    answers = degrade_text("A\u845b\U000e0102\ue000", in_0213)
    assert answers[0].same
    assert answers[1].original == "\u845b\U000e0102"
    assert (answers[1].text, answers[1].source) == ("\u845b", "JIS包摂規準UCS統合規則")
    assert answers[2].text == ""
