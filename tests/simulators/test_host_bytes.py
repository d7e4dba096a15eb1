"""The stand-in of vendor A makes its bytes by rules of its own: held against samples and against the codecs."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from adapters.characters import kana
from adapters.characters.codings import host_coding
from adapters.characters.problem import CharacterError
from adapters.simulators import host_bytes, kana_forms, papers
from adapters.simulators.dialects import in_files, to_vendor
from adapters.simulators.holdings import interface
from adapters.suite.golden import load_golden
from schemas.catalog import load_edition
from schemas.model import Edition

SAMPLES = Path(__file__).parents[2] / "adapters" / "vendors" / "a" / "interfaces" / "samples"
GOLDEN = Path(__file__).parent / "host_bytes.csv"


@cache
def edition() -> Edition:
    """Edition 1.0."""
    return load_edition()


def golden() -> list[tuple[str, str]]:
    """Text and bytes, written down by hand from the code chart of JIS X 0208 and a chart of EBCDIK."""
    with GOLDEN.open(encoding="utf-8", newline="") as stream:
        return [(row["text"], row["bytes"]) for row in csv.DictReader(stream)]


@pytest.mark.parametrize(("text", "raw"), golden())
def test_stand_in_and_codec_both_write_and_read_the_bytes_of_the_charts(text: str, raw: str) -> None:
    """Three hands for the same bytes: the charts, the stand-in, and the codec that adapters use."""
    data = bytes.fromhex(raw)
    assert host_bytes.encoded(text) == data
    assert host_bytes.decoded(data) == text
    assert host_coding("jef").encode(text) == data
    assert host_coding("jef").decode(data) == text


def test_every_code_of_the_standard_area_is_the_same_to_both_or_refused_by_the_codec() -> None:
    """The stand-in knows 6,879 codes; the codec reads all of them but those at which JEF is known to differ."""
    coding = host_coding("jef")
    same = refused = 0
    for row in range(0xA1, 0xF5):
        for cell in range(0xA1, 0xFF):
            try:
                text = host_bytes.decoded(bytes((0x28, row, cell, 0x29)))
            except UnicodeDecodeError:
                continue
            raw = host_bytes.encoded(text)
            try:
                assert coding.decode(raw) == text
            except CharacterError as error:
                assert error.code == "CB6021"
                refused += 1
                continue
            assert coding.encode(text) == raw
            same += 1
    assert (same, refused) == (6709, 170)


def test_half_width_and_hiragana_are_written_as_the_adapters_read_them() -> None:
    """Every katakana that has a half-width form and comes back; by Unicode's rules here, by tables there."""
    letters = [chr(code) for code in range(0x30A1, 0x30F7)] + list("ー・　ＡＺ０９")
    checked = 0
    for letter in letters:
        try:
            theirs = kana.full_to_half(letter)
        except CharacterError:
            with pytest.raises(KeyError):
                kana_forms.half(letter)
            continue
        assert kana_forms.half(letter) == theirs
        assert kana_forms.full(theirs) == letter
        checked += 1
    assert checked > 80
    text = "".join(chr(code) for code in range(0x30A1, 0x30F7))
    assert kana_forms.hira(text) == kana.kata_to_hira(text)
    assert kana_forms.kata(kana_forms.hira(text)) == text


@pytest.mark.parametrize(
    ("digits", "signed", "raw"),
    [("", False, "0000"), ("7", False, "007f"), ("-120", True, "120d"), ("0", True, "000c")],
)
def test_packed_decimals_have_their_sign_in_the_last_half_byte(digits: str, signed: bool, raw: str) -> None:
    """As hosts write them; nothing but X'00' is an absent number."""
    assert host_bytes.packed(digits, 2, signed=signed).hex() == raw
    assert host_bytes.unpacked(bytes.fromhex(raw)) == digits


@pytest.mark.slow
def test_the_golden_samples_of_vendor_a_are_what_the_stand_in_writes() -> None:
    """Every checked-in file of an interface, byte for byte, without a codec of the adapters.

    The pairs of single mappings (``.golden.``) are held to the house rules in ``tests/vendors``.
    """
    paths = [path for path in sorted(SAMPLES.glob("*.dat")) if not path.stem.endswith(".golden")]
    assert paths
    for path in paths:
        face = interface("a", edition(), path.stem)
        rows = load_golden(path.with_suffix(".xml"), face.unit, face.record)
        theirs = [to_vendor("a", face.unit, face.record, row) for row in rows]
        whole = in_files(face.unit, face.record)
        written = (
            papers.host_file(face, theirs) if whole else b"".join(papers.fixed(face.columns, one) for one in theirs)
        )
        assert written == path.read_bytes(), path.name


def test_what_the_hosts_texts_cannot_have_is_refused() -> None:
    """No substitute: lower case, characters outside JIS X 0208, an open shift, a wide half-width letter."""
    for text in ("a", "𠮷", "\u845b\U000e0100", "é"):
        with pytest.raises(ValueError, match="U\\+"):
            host_bytes.encoded(text)
    with pytest.raises(ValueError, match="shift"):
        host_bytes.decoded(b"\x28\xb0\xa1")
