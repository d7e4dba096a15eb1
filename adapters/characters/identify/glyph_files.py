"""A vendor's file of glyphs, whatever its format: which glyphs it has, and each as ink."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from adapters.characters.identify.dots import is_bdf, read_bdf, read_picture
from adapters.characters.identify.faults import bad_file
from adapters.characters.identify.raster import NOTHING, Ink, Outlines
from adapters.characters.identify.sfnt import MAX_FONT_BYTES, characters, is_sfnt, read_sfnt
from adapters.characters.register import CP932_USER_AREA

OUTLINE = "outline"
BITMAP = "bitmap"
USER_AREAS = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
_ADDRESS = re.compile(r"(?:U\+)?([0-9A-F]{2,6})\Z")


@dataclass(frozen=True, slots=True)
class GlyphFile:
    """``addresses`` are code points of an outline font, ENCODINGs of a BDF font, and 0 of a picture.

    ``sha256`` is that of the file; ``kind`` says outline or bitmap.
    """

    path: Path
    kind: str
    sha256: str
    addresses: Sequence[int]
    _known: frozenset[int]
    _draw: Callable[[int], Ink]

    def ink(self, address: int) -> Ink:
        """The glyph at an address, empty where there is none; AdapterError CB6087 where it is broken."""
        return self._draw(address)

    def address(self, code: str) -> int | None:
        """Where a vendor's code lies in this file, ``None`` where it has no glyph for it.

        ``U+E000`` is itself. A CP932 code of the user area (F040 to F9FC) is the private-use code point of Windows,
        or itself in a BDF font. Any other code only where a BDF font has it as ENCODING: where a maker's font puts
        a host code is not ours to guess (the list given with ``--places`` says it).
        """
        if tuple(self.addresses) == (0,):
            return 0
        found = _ADDRESS.match(code)
        if found is None:
            return None
        number = int(found[1], 16)
        places = [number] if code.startswith("U+") or self.kind == BITMAP else []
        if CP932_USER_AREA.match(code):
            places.append(ord(bytes.fromhex(code).decode("cp932")))
        return next((one for one in places if one in self._known), None)


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
        return GlyphFile(
            path, OUTLINE, digest, sorted(glyphs), frozenset(glyphs), partial(_outline, Outlines(font), glyphs)
        )
    inks = read_bdf(path, data) if is_bdf(data) else {0: read_picture(path, data)}
    return GlyphFile(path, BITMAP, digest, sorted(inks), frozenset(inks), partial(_found, inks))


def _outline(outlines: Outlines, glyphs: Mapping[int, int], address: int) -> Ink:
    return outlines.draw(glyphs[address]) if address in glyphs else NOTHING


def _found(inks: Mapping[int, Ink], address: int) -> Ink:
    return inks.get(address, NOTHING)


def codes_of(file: GlyphFile) -> list[str]:
    """Every gaiji of a file as a code: private-use code points of an outline font, all glyphs of a BDF font."""
    if file.kind == OUTLINE:
        own = [one for one in file.addresses if any(low <= one <= high for low, high in USER_AREAS)]
        return [f"U+{one:04X}" for one in own]
    return [f"U+{one:04X}" if 0xE000 <= one <= 0xEFFF else f"{one:04X}" for one in file.addresses]


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
