"""Small fonts and drawings made on the spot, so that tests of identification need no installed font."""

from __future__ import annotations

import io
import random
from collections.abc import Mapping, Sequence

import numpy as np
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from adapters.characters.identify.raster import Ink

Box = tuple[int, int, int, int]
"""Left, bottom, right, top in units of an em of 1000."""


def strokes(seed: int, count: int = 7) -> list[Box]:
    """Bars across and upright that fill an em as those of a kanji do, the same for the same seed."""
    chosen = random.Random(seed)
    boxes = [(100, 60, 900, 110), (480, 40, 530, 860)]
    for _ in range(count):
        at, start, end = chosen.randrange(80, 860), chosen.randrange(60, 400), chosen.randrange(500, 900)
        boxes.append((start, at, end, at + 50) if chosen.random() < 0.5 else (at, start, at + 50, end))
    return boxes


def font(
    glyphs: Mapping[str, Sequence[Box]],
    characters: Mapping[int, str],
    *,
    em: int = 1000,
    sequences: Sequence[tuple[int, int, str | None]] = (),
) -> bytes:
    """A TrueType font of named glyphs made of boxes; ``sequences`` are (base, selector, glyph)."""
    builder = FontBuilder(em, isTTF=True)
    builder.setupGlyphOrder([".notdef", *glyphs])
    builder.setupCharacterMap(dict(characters), uvs=list(sequences))
    drawn = {".notdef": TTGlyphPen(None).glyph()}
    for name, boxes in glyphs.items():
        pen = TTGlyphPen(None)
        for left, bottom, right, top in boxes:
            pen.moveTo((left, bottom))
            for corner in ((left, top), (right, top), (right, bottom)):
                pen.lineTo(corner)
            pen.closePath()
        drawn[name] = pen.glyph()
    builder.setupGlyf(drawn)
    builder.setupHorizontalMetrics(dict.fromkeys(drawn, (em, 0)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupOS2()
    builder.setupNameTable({"familyName": "Test", "styleName": "Regular"})
    builder.setupPost()
    out = io.BytesIO()
    builder.save(out)
    return out.getvalue()


def drawing(boxes: Sequence[Box], side: int = 96) -> Ink:
    """The boxes as ink in a square of ``side`` dots."""
    ink = np.zeros((side, side), np.uint8)
    for left, bottom, right, top in boxes:
        rows = slice(side - round(top * side / 1000), max(side - round(bottom * side / 1000), 1))
        ink[rows, round(left * side / 1000) : max(round(right * side / 1000), round(left * side / 1000) + 1)] = 255
    return ink


def bdf(glyphs: Mapping[int, Ink]) -> bytes:
    """A BDF font of drawings by ENCODING."""
    lines = ["STARTFONT 2.1", "FONT test", "SIZE 24 75 75", "FONTBOUNDINGBOX 24 24 0 -2", f"CHARS {len(glyphs)}"]
    for encoding, ink in glyphs.items():
        height, width = ink.shape
        lines += [f"STARTCHAR {encoding:04X}", f"ENCODING {encoding}", f"BBX {width} {height} 0 0", "BITMAP"]
        lines += [np.packbits(row > 0).tobytes().hex().upper() for row in ink]
        lines.append("ENDCHAR")
    return ("\n".join([*lines, "ENDFONT"]) + "\n").encode("ascii")
