"""Draw glyphs of an outline font by number, as ink in grey or in dots; Pillow draws, nothing is drawn unmeasured."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFont

from adapters.characters.identify.faults import bad_file
from adapters.characters.identify.sfnt import FIRST, Sfnt

Ink = NDArray[np.uint8]
"""Height by width, 0 paper to 255 ink, cut to the ink; empty (0 by 0) where nothing is drawn."""

EM = 96
"""Pixels per em of an outline that is compared."""
WIDEST = 4
"""Ems that a glyph may reach; a hostile outline would otherwise ask for a gigabyte of paper."""
NOTHING: Ink = np.zeros((0, 0), np.uint8)


class Outlines:
    """The glyphs of a font at one size."""

    def __init__(self, font: Sfnt, em: int = EM) -> None:
        self._path = font.path
        self._em = em
        self._count = font.glyphs
        try:
            self._font = ImageFont.truetype(io.BytesIO(font.outlines()), em, layout_engine=ImageFont.Layout.BASIC)
        except (OSError, ValueError, MemoryError) as error:
            raise bad_file(font.path, "a font that can be drawn", type(error).__name__) from error

    def draw(self, glyph: int) -> Ink:
        """Glyph number ``glyph`` in grey; AdapterError CB6087 for one that is broken or reaches too far."""
        if not 0 <= glyph < self._count:
            return NOTHING
        text = chr(FIRST + glyph)
        try:
            left, top, right, bottom = self._font.getbbox(text)
            limit = WIDEST * self._em
            if max(abs(left), abs(top), abs(right), abs(bottom)) > limit:
                raise bad_file(
                    self._path, f"glyphs within {WIDEST} em", f"glyph {glyph}: {right - left}x{bottom - top}"
                )
            mask, _ = self._font.getmask2(text, mode="L")
            width, height = mask.size
            if not width or not height:
                return NOTHING
            # one copy out of the library's own memory
            paper = Image.new("L", mask.size)
            paper.im.paste(mask, (0, 0, width, height))
        except (OSError, ValueError, MemoryError) as error:
            raise bad_file(self._path, "glyphs that can be drawn", f"glyph {glyph}: {type(error).__name__}") from error
        return cut(np.asarray(paper))

    def dots(self, glyph: int) -> Ink:
        """The glyph in dots: black where at least half of the dot is covered."""
        return cut(np.where(self.draw(glyph) >= 128, np.uint8(255), np.uint8(0)))


def cut(ink: Ink) -> Ink:
    """The part that has ink."""
    rows = np.flatnonzero(ink.any(axis=1))
    columns = np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return NOTHING
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def png(ink: Ink, path: Path | str = "") -> bytes:
    """Ink as a PNG picture, black on white, for a page."""
    if not ink.size:
        raise bad_file(path, "a glyph with ink", "none")
    out = io.BytesIO()
    Image.fromarray(255 - ink).save(out, "PNG", optimize=True)
    return out.getvalue()
