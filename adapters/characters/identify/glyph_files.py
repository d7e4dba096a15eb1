"""A vendor's file of glyphs, whatever its format: which glyphs it has, and each as ink."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.characters.identify.dots import bdf_is_unicode, is_bdf, read_bdf, read_picture
from adapters.characters.identify.faults import bad_file
from adapters.characters.identify.raster import NOTHING, Ink, Outlines
from adapters.characters.identify.sfnt import MAX_FONT_BYTES, characters, is_sfnt, read_sfnt
from adapters.characters.register import CP932_USER_AREA

OUTLINE = "outline"
BITMAP = "bitmap"
UNICODE = "unicode"
CODES = "codes"
PICTURE = "picture"
USER_AREAS = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
_ADDRESS = re.compile(r"(?:U\+)?([0-9A-F]{2,6})\Z")


@dataclass(frozen=True, slots=True)
class GlyphFile:
    """``addresses`` are code points or the vendor's own codes, as ``order`` says, and 0 of a picture.

    ``sha256`` is that of the file; ``kind`` says outline or bitmap. An outline font and a BDF font that says so
    (CHARSET_REGISTRY ISO10646) are in the order of Unicode; any other BDF font is in the order of its vendor's codes.
    """

    path: Path
    kind: str
    order: str
    sha256: str
    addresses: Sequence[int]
    _known: frozenset[int]
    _draw: Callable[[int], Ink]

    def ink(self, address: int) -> Ink:
        """The glyph at an address, empty where there is none; AdapterError CB6087 where it is broken."""
        return self._draw(address)

    def address(self, code: str) -> int | None:
        """Where a vendor's code lies in this file, ``None`` where it has no glyph for it.

        In the order of Unicode ``U+E000`` is itself and a CP932 code of the user area (F040 to F9FC) the private-use
        code point of Windows; in the order of codes every code is itself. Nothing else: where a font has the glyph of
        a host code is not ours to guess (the list given with ``--places`` says it). A picture has one glyph, of
        whichever code it is asked for.
        """
        found = _ADDRESS.match(code)
        place: int | None = None
        if self.order == PICTURE:
            place = 0
        elif found is None:
            place = None
        elif code.startswith("U+") == (self.order == UNICODE):
            place = int(found[1], 16)
        elif self.order == UNICODE and CP932_USER_AREA.match(code):
            place = ord(bytes.fromhex(code).decode("cp932"))
        return place if place in self._known else None


def open_glyphs(path: Path, number: int = 0) -> GlyphFile:
    """Open a vendor's file, known by its content and not by its name; AdapterError CB6087.

    ``number`` chooses a font of a TrueType collection.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FONT_BYTES:
            raise bad_file(path, f"<= {MAX_FONT_BYTES} bytes", f"{size} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise bad_file(path, "a readable file", error.strerror or "") from error
    digest = hashlib.sha256(data).hexdigest()
    if is_sfnt(data):
        font = read_sfnt(path, data, number)
        glyphs = characters(font)
        draw = partial(_outline, Outlines(font), glyphs)
        return GlyphFile(path, OUTLINE, UNICODE, digest, sorted(glyphs), frozenset(glyphs), draw)
    inks: Mapping[int, Ink]
    if is_bdf(data):
        inks, order = read_bdf(path, data), UNICODE if bdf_is_unicode(data) else CODES
    else:
        inks, order = {0: read_picture(path, data)}, PICTURE
    return GlyphFile(path, BITMAP, order, digest, sorted(inks), frozenset(inks), partial(_found, inks))


def _outline(outlines: Outlines, glyphs: Mapping[int, int], address: int) -> Ink:
    return outlines.draw(glyphs[address]) if address in glyphs else NOTHING


def _found(inks: Mapping[int, Ink], address: int) -> Ink:
    return inks.get(address, NOTHING)


def codes_of(file: GlyphFile) -> list[str]:
    """Every gaiji of a file as a code: private-use code points, or every code of the vendor's; ``""`` of a picture."""
    if file.order == UNICODE:
        return [code for code in (f"U+{one:04X}" for one in file.addresses) if may_be_gaiji(code)]
    return [""] if file.order == PICTURE else [f"{one:04X}" for one in file.addresses]


def may_be_gaiji(code: str) -> bool:
    """Whether a code is a vendor's or a private-use code point; a public character or a sequence is not."""
    found = _ADDRESS.match(code)
    return found is not None and (
        not code.startswith("U+") or any(low <= int(found[1], 16) <= high for low, high in USER_AREAS)
    )


def parse_codes(text: str, limit: int) -> list[str]:
    """``F040,F041-F07E,U+E000-U+E0FF`` as codes; ranges of CP932 leave out what is no code. ValueError."""
    found: list[str] = []
    for part in filter(None, (one.strip().upper() for one in text.split(","))):
        first, _, last = part.partition("-")
        begin, end = _ADDRESS.match(first), _ADDRESS.match(last or first)
        if begin is None or end is None or first.startswith("U+") != (last or first).startswith("U+"):
            raise ValueError(part)
        low, high = int(begin[1], 16), int(end[1], 16)
        if high - low >= 0x10000 or high < low:
            raise ValueError(part)
        prefix = "U+" if first.startswith("U+") else ""
        numbers = [f"{prefix}{one:04X}" for one in range(low, high + 1)]
        in_cp932 = bool(last) and bool(CP932_USER_AREA.match(first))
        found += [one for one in numbers if not in_cp932 or CP932_USER_AREA.match(one)]
        if len(found) > limit:
            raise ValueError(f"{len(found)} > {limit}")
    return list(dict.fromkeys(found))
