"""The fonts that identification is learnt from and measured on: installed Debian packages, none of them part of us.

Learning, setting the limits of the classes and measuring use different typefaces. A character of a font stands for the
glyphs of the MJ list that belong to it; a character with a selector for exactly one of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from adapters.characters.identify.features import Floats, features
from adapters.characters.identify.raster import Ink, Outlines
from adapters.characters.identify.sfnt import Sfnt, characters, read_sfnt, variations
from adapters.characters.mj import mj

SHARE = Path("/usr/share/fonts")
LEARNT_FROM = {
    "fonts-horai-umefont": "truetype/horai-umefont/ume-tmo3.ttf",
    "fonts-vlgothic": "truetype/vlgothic/VL-Gothic-Regular.ttf",
    "fonts-noto-cjk (Sans)": "opentype/noto/NotoSansCJK-Regular.ttc",
    "fonts-cns11643-sung": "truetype/cns11643/TW-Sung-98_1.ttf",
}
LIMITS_FROM = {
    "fonts-sawarabi-mincho": "truetype/sawarabi-mincho/sawarabi-mincho-medium.ttf",
    "fonts-morisawa-bizud-gothic": "truetype/bizud-gothic/BIZUDGothic-Regular.ttf",
    "fonts-babelstone-han": "truetype/babelstone/BabelStoneHan.ttf",
}
MEASURED_ON = {
    "fonts-ipaexfont-mincho": "opentype/ipaexfont-mincho/ipaexm.ttf",
    "fonts-morisawa-bizud-mincho": "truetype/bizud-mincho/BIZUDMincho-Regular.ttf",
    "fonts-noto-cjk (Serif)": "opentype/noto/NotoSerifCJK-Regular.ttc",
    "fonts-motoya-l-cedar": "truetype/motoya-l-cedar/MTLc3m.ttf",
    "fonts-hanazono (A)": "truetype/hanazono/HanaMinA.ttf",
    "fonts-hanazono (B)": "truetype/hanazono/HanaMinB.ttf",
}


@dataclass(frozen=True, slots=True)
class Font:
    """One typeface: its outlines, code point to glyph and sequence to glyph; ``sha256`` of the file."""

    name: str
    sfnt: Sfnt
    glyphs: Mapping[int, int]
    sequences: Mapping[str, int]
    sha256: str

    def shared(self) -> list[int]:
        """The ideographs that the MJ list knows too."""
        return [code for code in sorted(self.glyphs) if chr(code) in belonging() and ideograph(code)]

    def foreign(self) -> list[int]:
        """The ideographs that the MJ list does not have."""
        return [code for code in sorted(self.glyphs) if chr(code) not in belonging() and ideograph(code)]

    def inks(self, glyphs: Sequence[int], dots: int = 0) -> Iterator[Ink]:
        """Glyphs as outlines, or drawn in ``dots`` to the em."""
        if not dots:
            drawn = Outlines(self.sfnt)
            return (drawn.draw(one) for one in glyphs)
        small = Outlines(self.sfnt, dots)
        return (small.dots(one) for one in glyphs)

    def features(self, codes: Sequence[int], dots: int = 0) -> Floats:
        """The features of characters."""
        return features(self.inks([self.glyphs[code] for code in codes], dots))


def read(name: str, place: str) -> Font:
    """An installed font; OSError where it is not."""
    path = SHARE / place
    data = path.read_bytes()
    sfnt = read_sfnt(path, data)
    return Font(name, sfnt, characters(sfnt), variations(sfnt), hashlib.sha256(data).hexdigest())


def ideograph(code: int) -> bool:
    """Whether a code point is in a block of ideographs."""
    return 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3FFFF


@cache
def belonging() -> Mapping[str, frozenset[int]]:
    """Character to the rows of the MJ list that belong to it."""
    found: dict[str, set[int]] = {}
    for row, glyph in enumerate(mj()):
        for text in {glyph.ucs, glyph.plain} - {""}:
            found.setdefault(text, set()).add(row)
    return {text: frozenset(rows) for text, rows in found.items()}


@cache
def plain_row() -> Mapping[str, int]:
    """Character to the row whose glyph it is without selector; of a character without one, the first that belongs."""
    found: dict[str, int] = {}
    for row, glyph in enumerate(mj()):
        if glyph.ucs:
            found.setdefault(glyph.ucs, row)
    found.update({glyph.plain: row for row, glyph in enumerate(mj()) if glyph.plain})
    return found


def sample(items: Sequence[int], count: int, seed: int) -> list[int]:
    """At most ``count`` of the items, the same for the same seed, in order."""
    if len(items) <= count:
        return list(items)
    chosen = np.random.default_rng(seed).choice(len(items), count, replace=False)
    return [items[one] for one in sorted(chosen)]
