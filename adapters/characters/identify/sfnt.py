"""TrueType, OpenType and EUDC files taken apart with limits, and put together again with nothing but outlines.

What reaches the drawing library is a font that we wrote: its outlines and metrics, no programs (``fpgm``, ``prep``),
no layout tables, and a character map of one line by which every glyph can be asked for by its number. The maps of the
vendor's own file are read here (formats 4, 12, 14; OpenType 1.9, "cmap"), never expanded beyond their limits.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.characters.identify.faults import bad_file

MAX_FONT_BYTES = 128 * 1024 * 1024
"""The largest CJK fonts in use have 70 MB; an EUDC font has 0.1 to 5."""
MAX_TABLES = 64
MAX_MAPPED = 200_000
"""Characters or sequences of one map; a font has at most 65,535 glyphs."""
FIRST = 0x40000
"""Glyph number n is drawn as the character U+40000 + n of the font that we write."""
_FLAVOURS = (b"\x00\x01\x00\x00", b"OTTO", b"true")
_KEPT = ("CFF ", "OS/2", "glyf", "head", "hhea", "hmtx", "loca", "maxp")
_MIN_UNITS, _MAX_UNITS = 16, 16384
_NO_NAMES = struct.pack(">IIhhIIIII", 0x30000, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Sfnt:
    """The tables of one font of a file, by tag; views into its bytes."""

    path: Path
    flavour: bytes
    tables: Mapping[str, memoryview]

    @property
    def glyphs(self) -> int:
        """How many glyphs it has."""
        return int.from_bytes(self.tables["maxp"][4:6], "big")

    def outlines(self) -> bytes:
        """The font that is drawn from."""
        tables = {name: bytes(self.tables[name]) for name in _KEPT if name in self.tables}
        maxp = tables["maxp"]
        tables["maxp"] = maxp[:26] + b"\0\0" + maxp[28:] if len(maxp) >= 28 else maxp
        group = struct.pack(">HHIIIIII", 12, 0, 28, 0, 1, FIRST, FIRST + self.glyphs - 1, 0)
        tables["cmap"] = struct.pack(">HHHHI", 0, 1, 3, 10, 12) + group
        tables["post"] = _NO_NAMES
        head = struct.pack(">4sHHHH", self.flavour, len(tables), 0, 0, 0)
        at, body = 12 + 16 * len(tables), []
        for name, content in sorted(tables.items()):
            head += struct.pack(">4sIII", name.encode("ascii"), 0, at, len(content))
            body.append(content + bytes(-len(content) % 4))
            at += len(body[-1])
        return head + b"".join(body)


def is_sfnt(head: bytes) -> bool:
    """Whether a file that begins so is a TrueType, OpenType or EUDC font or a collection of them."""
    return head[:4] in (*_FLAVOURS, b"ttcf")


def read_sfnt(path: Path, data: bytes, number: int = 0) -> Sfnt:
    """Font ``number`` of a file; AdapterError CB6087 for anything that does not lie inside the file or is missing."""
    if len(data) > MAX_FONT_BYTES:
        raise bad_file(path, f"<= {MAX_FONT_BYTES} bytes", f"{len(data)} bytes")
    view = memoryview(data)
    try:
        at = 0
        if data[:4] == b"ttcf":
            (count,) = struct.unpack_from(">I", data, 8)
            if number >= min(count, 64):
                raise bad_file(path, f"a font number below {min(count, 64)}", str(number))
            (at,) = struct.unpack_from(">I", data, 12 + 4 * number)
        flavour, count = struct.unpack_from(">4sH", data, at)
        if flavour not in _FLAVOURS or not 0 < count <= MAX_TABLES:
            raise bad_file(path, "a TrueType or OpenType font", f"{flavour!r}, {count} tables")
        tables = {}
        for index in range(count):
            tag, _, start, size = struct.unpack_from(">4sIII", data, at + 12 + 16 * index)
            if start + size > len(data):
                raise bad_file(path, "tables inside the file", f"{tag!r} at {start}, {size} bytes")
            tables[tag.decode("latin-1")] = view[start : start + size]
    except struct.error as error:
        raise bad_file(path, "a whole font directory", f"{len(data)} bytes") from error
    font = Sfnt(path, flavour, tables)
    _check(font)
    return font


def _check(font: Sfnt) -> None:
    for name, least in (("head", 54), ("hhea", 36), ("maxp", 6), ("hmtx", 4), ("cmap", 4)):
        if len(font.tables.get(name, b"")) < least:
            raise bad_file(font.path, f"a table {name} of at least {least} bytes", str(len(font.tables.get(name, b""))))
    if "CFF " not in font.tables and not {"glyf", "loca"} <= font.tables.keys():
        raise bad_file(font.path, "outlines (glyf and loca, or CFF)", " ".join(sorted(font.tables)))
    units = int.from_bytes(font.tables["head"][18:20], "big")
    if not _MIN_UNITS <= units <= _MAX_UNITS or not font.glyphs:
        raise bad_file(font.path, f"{_MIN_UNITS} to {_MAX_UNITS} units per em, and glyphs", f"{units}, {font.glyphs}")


def characters(font: Sfnt) -> Mapping[int, int]:
    """Code point to glyph number, of the widest Unicode map; AdapterError CB6087."""
    cmap = font.tables["cmap"]
    try:
        best = max(
            (one for one in _subtables(cmap) if one[0] in (4, 12) and (one[1] == 0 or one[1:3] in {(3, 1), (3, 10)})),
            default=None,
        )
        if best is None:
            raise bad_file(font.path, "a Unicode character map (format 4 or 12)", "none")
        read = _format_12 if best[0] == 12 else _format_4
        found: dict[int, int] = {}
        for code, glyph in read(cmap[best[3] :]):
            if 0 < glyph < font.glyphs:
                found[code] = glyph
            if len(found) > MAX_MAPPED:
                raise bad_file(font.path, f"<= {MAX_MAPPED} characters", "more")
    except struct.error as error:
        raise bad_file(font.path, "a whole character map", "a cut one") from error
    return found


def variations(font: Sfnt) -> Mapping[str, int]:
    """Base and selector to glyph number: the sequences that have a glyph of their own (format 14)."""
    cmap = font.tables["cmap"]
    found: dict[str, int] = {}
    try:
        for kind, _, _, at in _subtables(cmap):
            if kind != 14:
                continue
            table = cmap[at:]
            (records,) = struct.unpack_from(">I", table, 6)
            for index in range(min(records, 256)):
                raw = table[10 + 11 * index : 21 + 11 * index]
                start = int.from_bytes(raw[7:11], "big")
                if not start:
                    continue
                (count,) = struct.unpack_from(">I", table, start)
                if len(found) + count > MAX_MAPPED:
                    raise bad_file(font.path, f"<= {MAX_MAPPED} sequences", str(count))
                selector = chr(int.from_bytes(raw[:3], "big"))
                for row in range(count):
                    cell = table[start + 4 + 5 * row : start + 9 + 5 * row]
                    found[chr(int.from_bytes(cell[:3], "big")) + selector] = int.from_bytes(cell[3:5], "big")
    except (struct.error, ValueError, OverflowError) as error:
        raise bad_file(font.path, "a whole map of variation sequences", "a cut one") from error
    return {text: glyph for text, glyph in found.items() if 0 < glyph < font.glyphs}


def _subtables(cmap: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """Format, platform, encoding and place of each map."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    for index in range(min(count, 64)):
        platform, encoding, at = struct.unpack_from(">HHI", cmap, 4 + 8 * index)
        (kind,) = struct.unpack_from(">H", cmap, at)
        yield kind, platform, encoding, at


def _format_4(table: memoryview) -> Iterator[tuple[int, int]]:
    (twice,) = struct.unpack_from(">H", table, 6)
    count = twice // 2
    layout = f">{count}H"
    ends = struct.unpack_from(layout, table, 14)
    starts = struct.unpack_from(layout, table, 16 + twice)
    deltas = struct.unpack_from(layout, table, 16 + 2 * twice)
    ranges = struct.unpack_from(layout, table, 16 + 3 * twice)
    last = -1
    for index, (start, end, delta, skip) in enumerate(zip(starts, ends, deltas, ranges, strict=True)):
        # segments rise; what overlaps an earlier one could be counted thousands of times
        for code in range(max(start, last + 1), min(end, 0xFFFE) + 1):
            glyph = code
            if skip:
                at = 16 + 3 * twice + 2 * index + skip + 2 * (code - start)
                if at + 2 > len(table):
                    continue
                glyph = int.from_bytes(table[at : at + 2], "big")
                if not glyph:
                    continue
            yield code, (glyph + delta) & 0xFFFF
        last = max(last, end)


def _format_12(table: memoryview) -> Iterator[tuple[int, int]]:
    (count,) = struct.unpack_from(">I", table, 12)
    last = -1
    for index in range(min(count, MAX_MAPPED)):
        start, end, glyph = struct.unpack_from(">III", table, 16 + 12 * index)
        begin = max(start, last + 1)
        # glyph numbers end at 65,535: a group cannot be longer than that, whatever it says
        for code in range(begin, min(end, 0x10FFFF, start + 0xFFFF) + 1):
            yield code, glyph + code - start
        last = max(last, end)
