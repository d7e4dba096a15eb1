"""Vendors' files of glyphs: what is read from them, and how hostile ones are refused."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adapters.characters.identify.dots import from_bits, read_bdf, read_picture
from adapters.characters.identify.features import features
from adapters.characters.identify.glyph_files import BITMAP, OUTLINE, codes_of, may_be_gaiji, open_glyphs, parse_codes
from adapters.characters.identify.raster import Outlines, cut
from adapters.characters.identify.service import identify, read_places
from adapters.characters.identify.sfnt import MAX_MAPPED, characters, read_sfnt, variations
from bus.core.errors import AdapterError
from tests.support.glyphs import bdf, drawing, font, strokes

pytestmark = pytest.mark.slow
HERE = Path("eudc.tte")
BOXES = {"a": strokes(1), "b": strokes(2), "c": strokes(3)}
EUDC = font(BOXES, {0xE000: "a", 0xE001: "b", 0x845B: "c"}, sequences=[(0x845B, 0xE0102, "a"), (0x845B, 0xE0100, None)])


def refused(work: Callable[[], object]) -> str:
    """What was got where CB6087 is raised."""
    with pytest.raises(AdapterError) as caught:
        work()
    assert caught.value.code == "CB6087"
    return caught.value.findings[0].got


def with_table(data: bytes, tag: bytes, content: bytes) -> bytes:
    """The font with another table of that name, at its end."""
    (count,) = struct.unpack_from(">H", data, 4)
    changed = bytearray(data)
    for index in range(count):
        at = 12 + 16 * index
        if changed[at : at + 4] == tag:
            struct.pack_into(">II", changed, at + 8, len(data), len(content))
    return bytes(changed) + content


def test_an_eudc_font_has_its_user_area_and_its_outlines(tmp_path: Path) -> None:
    """Code points and sequences as in the file; what is drawn is what was drawn into it, in grey and in dots."""
    found = read_sfnt(HERE, EUDC)
    assert sorted(characters(found)) == [0x845B, 0xE000, 0xE001]
    assert list(variations(found)) == ["\u845b\U000e0102"]
    path = tmp_path / "eudc.bin"
    path.write_bytes(EUDC)
    opened = open_glyphs(path)
    assert (opened.kind, codes_of(opened)) == (OUTLINE, ["U+E000", "U+E001"])
    seen, wanted, other = features([opened.ink(0xE000), cut(drawing(BOXES["a"])), cut(drawing(BOXES["b"]))])
    assert float(seen @ wanted) > 0.97 > float(seen @ other)
    dots = Outlines(found, 24).dots(1)
    assert set(np.unique(dots)) <= {0, 255}
    assert max(dots.shape) <= 25
    assert not opened.ink(0xE7FF).size


def test_a_code_is_found_where_windows_puts_it_and_nowhere_else(tmp_path: Path) -> None:
    """F040 is U+E000; a host code is in no outline font unless a list says where."""
    path = tmp_path / "eudc.tte"
    path.write_bytes(EUDC)
    opened = open_glyphs(path)
    asked = [opened.address(code) for code in ("U+E000", "F041", "80A1", "E000", "U+E002", "F8FC", "??")]
    assert asked == [0xE000, 0xE001, None, None, None, None, None]
    places = tmp_path / "places.csv"
    places.write_text("code,place\n80A1,U+E001\n", encoding="utf-8")
    assert read_places(places) == {"80A1": 0xE001}
    for wrong in ("code,place\n80A1,U+E001\n80A1,U+E000\n", "a,b\n", "code,place\n80A1,x\n", "code,place\n80A1\n"):
        places.write_text(wrong, encoding="utf-8")
        refused(lambda: read_places(places))


def test_a_bdf_font_is_known_by_its_encodings(tmp_path: Path) -> None:
    """Host codes are ENCODINGs; the dots are those of the file."""
    ink = drawing(BOXES["a"], 24)
    path = tmp_path / "gaiji.bdf"
    path.write_bytes(bdf({0x80A1: ink, 0xF040: drawing(BOXES["b"], 24)}))
    opened = open_glyphs(path)
    assert (opened.kind, codes_of(opened)) == (BITMAP, ["80A1", "F040"])
    assert [opened.address(code) for code in ("80A1", "F040", "80A2", "U+F040")] == [0x80A1, 0xF040, None, None]
    unicode = bdf({0xE000: ink, 0xF040: ink}).replace(b"CHARS 2", b'CHARSET_REGISTRY "ISO10646"\nCHARS 2')
    path.write_bytes(unicode)
    other = open_glyphs(path)
    assert codes_of(other) == ["U+E000", "U+F040"]
    assert [other.address(code) for code in ("F040", "U+F040", "E000", "F041")] == [0xE000, 0xF040, None, None]
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    assert np.array_equal(opened.ink(0x80A1), ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def test_pictures_in_four_formats_show_the_same_glyph() -> None:
    """PBM as text and packed, PNG either way round and transparent, raw dots: the same ink."""
    ink = drawing(BOXES["a"], 24)
    black = Image.fromarray(255 - ink)
    raw = np.packbits(ink > 0, axis=1).tobytes()
    text = b"P1\n# made for a test\n24 24\n" + b"\n".join(
        b" ".join(b"1" if dot else b"0" for dot in row) for row in ink
    )
    clear = Image.new("RGBA", black.size, (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), mask=Image.fromarray(ink))
    files = [raw, text, b"P4 24 24\n" + raw, *map(as_png, (black, Image.fromarray(ink), clear))]
    wanted = from_bits(raw, 24, 24)
    assert wanted.any()
    for data in files:
        assert np.array_equal(read_picture(HERE, data), wanted)


def as_png(picture: Image.Image) -> bytes:
    """A picture as a file."""
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P4 9999 9999\n\0",
        b"P4 24 24\n\0\0",
        b"P1 # no end",
        b"P1 4 4\n0101",
        b"\x89PNG\r\n\x1a\nnot really",
        b"x" * 73,
        as_png(Image.new("L", (600, 10))),
    ],
)
def test_a_picture_that_is_none_is_refused(data: bytes) -> None:
    """Cut, too large or of no known format."""
    refused(lambda: read_picture(HERE, data))


def test_a_png_that_unpacks_to_a_gigabyte_is_refused_by_its_head() -> None:
    """The size is looked at before anything is unpacked."""
    head = as_png(Image.new("L", (8, 8)))
    bomb = head[:16] + struct.pack(">II", 60_000, 60_000) + head[24:]
    refused(lambda: read_picture(HERE, bomb))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ENDCHAR", b"ENDCHAI"),
        (b"ENDFONT", b""),
        (b"BBX 24 24", b"BBX 24 25"),
        (b"BBX 24 24", b"BBX 24 23"),
        (b"BBX 24 24", b"BBX 9999 24"),
        (b"BBX 24 24", b"BBX"),
        (b"ENCODING 57345", b"ENCODING 57344"),
        (b"ENCODING 57345", b"ENCODING x"),
        (b"BITMAP\n", b"BITMAP\nzz"),
    ],
)
def test_a_damaged_bdf_font_is_refused(old: bytes, new: bytes) -> None:
    """Cut, miscounted, enormous or ambiguous: nothing is taken from it."""
    data = bdf({0xE000: np.full((24, 24), 255, np.uint8), 0xE001: np.full((24, 24), 255, np.uint8)})
    assert sorted(read_bdf(HERE, data)) == [0xE000, 0xE001]
    refused(lambda: read_bdf(HERE, data.replace(old, new)))


def test_only_outlines_reach_the_drawing_library() -> None:
    """No program, no layout, no map of the vendor's: what is drawn from has eight tables of ours or of outlines."""
    data = with_table(EUDC, b"name", b"harmless")
    outlines = read_sfnt(HERE, read_sfnt(HERE, data).outlines())
    assert set(outlines.tables) == {"OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "post"}


def test_a_map_of_four_billion_characters_costs_no_more_than_a_font_can_have() -> None:
    """Groups and segments that lie about their size, or overlap thousands of times."""
    group = struct.pack(">III", 0, 0xFFFFFFFF, 1)
    table = (
        struct.pack(">HHHHI", 0, 1, 3, 10, 12) + struct.pack(">HHIII", 12, 0, 16 + 12 * 9999, 0, 9999) + group * 9999
    )
    assert len(characters(read_sfnt(HERE, with_table(EUDC, b"cmap", table)))) <= 3
    count = 4000
    ends = struct.pack(">H", 0xFFFE) * count
    body = ends + b"\0\0" + struct.pack(">H", 0) * count + struct.pack(">H", 1) * count + bytes(2 * count)
    table = struct.pack(">HHHHI", 0, 1, 3, 1, 12) + struct.pack(">HHHHHHH", 4, 0, 0, 2 * count, 0, 0, 0) + body
    assert len(characters(read_sfnt(HERE, with_table(EUDC, b"cmap", table)))) <= 3
    record = b"\x0e\x01\x00" + struct.pack(">II", 0, 21)
    table = (
        struct.pack(">HHHHI", 0, 1, 0, 5, 12)
        + struct.pack(">HII", 14, 0, 1)
        + record
        + struct.pack(">I", MAX_MAPPED + 1)
    )
    refused(lambda: variations(read_sfnt(HERE, with_table(EUDC, b"cmap", table))))


def test_a_glyph_that_reaches_for_a_gigabyte_of_paper_is_refused(tmp_path: Path) -> None:
    """Coordinates of 16,000 in an em of 16 units; the other glyphs of the file are refused with it, and said so."""
    path = tmp_path / "far.ttf"
    path.write_bytes(font({"a": [(-16000, -16000, 16000, 16000)]}, {0xE000: "a"}, em=16))
    opened = open_glyphs(path)
    assert "glyph 1" in refused(lambda: opened.ink(0xE000))


def test_a_font_cut_anywhere_is_refused() -> None:
    """At every length of its directory, and at steps through the rest."""
    for length in [*range(200), *range(200, len(EUDC) - 1, 61)]:
        refused(lambda length=length: characters(read_sfnt(HERE, EUDC[:length])))


def test_a_damaged_font_is_refused_or_drawn_but_nothing_else_happens(tmp_path: Path) -> None:
    """A thousand fonts with some bytes changed: ink or CB6087."""
    chosen = random.Random(20_26)
    path = tmp_path / "x.ttf"
    outcomes = set()
    for _ in range(1000):
        changed = bytearray(EUDC)
        for _ in range(chosen.randrange(1, 6)):
            changed[chosen.randrange(len(changed))] = chosen.randrange(256)
        path.write_bytes(bytes(changed))
        try:
            opened = open_glyphs(path)
            inks = [opened.ink(code) for code in list(opened.addresses)[:4]]
            outcomes.add(all(max(one.shape) <= 96 * 8 for one in inks))
        except AdapterError as error:
            outcomes.add(error.code)
    assert outcomes == {True, "CB6087"}


def test_codes_are_named_one_by_one_or_in_ranges() -> None:
    """A range of CP932 leaves out 7F; a range that is too long, mixed or turned round is refused."""
    assert parse_codes("f040, U+E000-U+E002", 10) == ["F040", "U+E000", "U+E001", "U+E002"]
    assert parse_codes("F07E-F080", 10) == ["F07E", "F080"]
    for wrong in ("F040-U+E000", "F041-F040", "U+E000-U+F000", "gaiji", "U+0-U+FFFFF"):
        with pytest.raises(ValueError, match=r"."):
            parse_codes(wrong, 10)


def test_what_waits_but_is_no_gaiji_is_not_asked_for() -> None:
    """Public characters and sequences wait for other reasons."""
    asked = ["F040", "80A1", "U+E000", "U+10FFFD", "U+9AD9", "U+845B U+E0102", "", "??"]
    assert [code for code in asked if may_be_gaiji(code)] == asked[:4]


def test_a_run_has_a_limit(tmp_path: Path) -> None:
    """More codes than any vendor has are refused before the first is drawn."""
    path = tmp_path / "eudc.tte"
    path.write_bytes(EUDC)
    opened = open_glyphs(path)
    refused(lambda: identify(opened, ["F040"] * 20_001, None))
