"""Glyphs in dots: BDF fonts, PBM and PNG pictures, and raw dots of 16, 24, 32 or 48 to a side, each with limits."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from adapters.characters.identify.faults import bad_file
from adapters.characters.identify.raster import Ink, cut

MAX_DOT_BYTES = 64 * 1024 * 1024
"""A BDF font of 20,000 kanji in 48 dots has about 15 MB."""
MAX_SIDE = 512
"""Dots of a side; bitmap fonts of systems have 16 to 64, a scanned glyph may have some hundreds."""
MAX_GLYPHS = 70_000
RAW_SIDES = {side * side // 8: side for side in (16, 24, 32, 48)}
"""Bytes of a raw glyph (rows of whole bytes, the leftmost dot highest) to its side."""
_PNG = b"\x89PNG\r\n\x1a\n"


def from_bits(raw: bytes, width: int, height: int) -> Ink:
    """Rows of whole bytes, 1 for ink, the leftmost dot in the highest bit."""
    bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(height, -1), axis=1)[:, :width]
    return cut(bits * np.uint8(255))


def is_bdf(head: bytes) -> bool:
    """Whether a file that begins so is a BDF font."""
    return head.startswith(b"STARTFONT")


def bdf_is_unicode(data: bytes) -> bool:
    """Whether the ENCODINGs of a BDF font are code points: it says so, or they are some vendor's codes."""
    head = data[: data.find(b"STARTCHAR")]
    return re.search(rb'^CHARSET_REGISTRY\s+"ISO10646"', head, re.MULTILINE) is not None


def read_bdf(path: Path, data: bytes) -> Mapping[int, Ink]:
    """The glyphs of a BDF font (2.1, 2.2) by ENCODING; AdapterError CB6087 with the line of what is wrong."""
    if len(data) > MAX_DOT_BYTES:
        raise bad_file(path, f"<= {MAX_DOT_BYTES} bytes", f"{len(data)} bytes")
    found: dict[int, Ink] = {}
    lines = enumerate(data.splitlines(), 1)
    for number, line in lines:
        if line.startswith(b"ENDFONT"):
            return found
        if not line.startswith(b"STARTCHAR"):
            continue
        encoding, ink = _bdf_glyph(path, number, lines)
        if encoding in found:
            raise bad_file(f"{path}:{number}", "each ENCODING once", str(encoding))
        if encoding >= 0:
            found[encoding] = ink
        if len(found) > MAX_GLYPHS:
            raise bad_file(path, f"<= {MAX_GLYPHS} glyphs", "more")
    raise bad_file(path, "ENDFONT", "a cut file")


def _bdf_glyph(path: Path, start: int, lines: Iterator[tuple[int, bytes]]) -> tuple[int, Ink]:
    encoding, width, height = -1, 0, 0
    rows: list[bytes] | None = None
    for number, line in lines:
        try:
            word, *values = line.split() or [b""]
            if word == b"ENDCHAR":
                if rows is None or len(rows) != height:
                    raise bad_file(f"{path}:{number}", f"{height} rows", str(len(rows or ())))
                return encoding, from_bits(b"".join(rows), width, height)
            if rows is not None:
                if len(rows) >= height:
                    raise bad_file(f"{path}:{number}", f"{height} rows", "more")
                rows.append(bytes.fromhex(line.decode("ascii")).ljust((width + 7) // 8, b"\0")[: (width + 7) // 8])
            elif word == b"ENCODING":
                encoding = int(values[0])
            elif word == b"BBX":
                width, height = int(values[0]), int(values[1])
                if not (0 <= width <= MAX_SIDE and 0 <= height <= MAX_SIDE):
                    raise bad_file(f"{path}:{number}", f"<= {MAX_SIDE} dots", f"{width}x{height}")
                if not width or not height:
                    width = height = 0
            elif word == b"BITMAP":
                rows = []
        except (ValueError, IndexError) as error:
            raise bad_file(f"{path}:{number}", "a line of BDF", line[:40].decode("ascii", "replace")) from error
    raise bad_file(f"{path}:{start}", "ENDCHAR", "a cut file")


def read_picture(path: Path, data: bytes) -> Ink:
    """One glyph from PBM (P1, P4), PNG or raw dots; AdapterError CB6087."""
    if data.startswith(_PNG):
        return _png(path, data)
    if data[:2] in (b"P1", b"P4"):
        return _pbm(path, data)
    if len(data) in RAW_SIDES:
        side = RAW_SIDES[len(data)]
        return from_bits(data, side, side)
    sizes = ", ".join(f"{size} bytes ({side} dots)" for size, side in RAW_SIDES.items())
    raise bad_file(path, f"TTF, TTE, OTF, BDF, PBM (P1, P4), PNG, or raw dots of {sizes}", f"{len(data)} bytes")


def _png(path: Path, data: bytes) -> Ink:
    try:
        picture = Image.open(io.BytesIO(data), formats=["PNG"])
        if max(picture.size) > MAX_SIDE:
            raise bad_file(path, f"<= {MAX_SIDE} dots", f"{picture.width}x{picture.height}")
        # what is transparent is paper
        seen = Image.new("RGBA", picture.size, "white")
        seen.alpha_composite(picture.convert("RGBA"))
        grey = np.asarray(seen.convert("L"))
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise bad_file(path, "a PNG picture", type(error).__name__) from error
    edge = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    white_on_black = float(np.median(edge)) < 128
    ink = grey if white_on_black else 255 - grey
    # the paper of a scan is not quite white
    return cut(np.where(ink < 32, np.uint8(0), ink).astype(np.uint8))


def _pbm(path: Path, data: bytes) -> Ink:
    try:
        kind, width, height, at = _pbm_head(data)
        if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
            raise bad_file(path, f"1 to {MAX_SIDE} dots", f"{width}x{height}")
        if kind == b"P4":
            raw = data[at : at + math.ceil(width / 8) * height]
            return from_bits(raw, width, height)
        dots = bytes(one - 48 for one in data[at:] if one in b"01")
        return cut(np.frombuffer(dots[: width * height], np.uint8).reshape(height, width) * np.uint8(255))
    except (ValueError, IndexError) as error:
        raise bad_file(path, "a whole PBM picture", f"{len(data)} bytes") from error


def _pbm_head(data: bytes) -> tuple[bytes, int, int, int]:
    """Kind, width, height and where the dots begin; comments are skipped."""
    words: list[bytes] = []
    at = 0
    while len(words) < 3:
        while data[at : at + 1].isspace():
            at += 1
        if data[at : at + 1] == b"#":
            at = data.index(b"\n", at) + 1
            continue
        end = at
        while end < len(data) and not data[end : end + 1].isspace() and end - at < 16:
            end += 1
        if end == at:
            raise ValueError("a cut head")
        words.append(data[at:end])
        at = end
    return words[0], int(words[1]), int(words[2]), at + 1
