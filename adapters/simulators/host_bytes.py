"""Vendor A's bytes, made and read by rules of its own: JEF texts with shifts, packed decimals.

Nothing here is shared with the adapters' codecs, so that a mistake of theirs shows as a difference. The standard area
of JEF has the codes of EUC, for which Python's ``euc_jp`` stands; single bytes are Python's ``cp037`` for what
EBCDIC has everywhere, and a chart of the half-width kana. Lower-case letters and everything else that hosts write
in different places is refused: the fictitious vendor does not use it.
"""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Final

WIDE_IN, WIDE_OUT = 0x28, 0x29
WIDE_IN_NARROW: Final = 0x38
"""Begins double bytes too: the same codes in a smaller type."""
HOST_SPACE: Final = b"\x40"
WIDE_SPACE: Final = b"\x40\x40"

_KANA: Final = (
    (0x41, "｡｢｣､･ｦｧｨｩ"),
    (0x51, "ｪｫｬｭｮｯ"),
    (0x58, "ｰ"),
    (0x81, "ｱｲｳｴｵｶｷｸｹｺ"),
    (0x8C, "ｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉ"),
    (0x9D, "ﾊﾋﾌ"),
    (0xA2, "ﾍﾎﾏﾐﾑﾒﾓﾔﾕ"),
    (0xAC, "ﾖﾗﾘﾙ"),
    (0xBA, "ﾚﾛﾜﾝﾞﾟ"),
)
_LATIN: Final = " ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.<(+|&*);-/,%_>?:#@'=\""
_MARKS: Final = dict(zip("\uff5e\u2225\uff0d\uffe0\uffe1\uffe2", "\u301c\u2016\u2212\u00a2\u00a3\u00ac", strict=True))
"""The marks that the town writes as CP932 has them, and JIS X 0208 names otherwise."""


@cache
def _single() -> dict[str, int]:
    chart = {char: char.encode("cp037")[0] for char in _LATIN}
    for start, run in _KANA:
        chart.update((char, start + at) for at, char in enumerate(run))
    return chart


@cache
def _single_back() -> dict[int, str]:
    return {byte: char for char, byte in _single().items()}


def _wide(char: str) -> bytes:
    """The two bytes of a full-width character. ValueError for one that JIS X 0208 does not have."""
    if char == "\u3000":
        return WIDE_SPACE
    raw = _MARKS.get(char, char).encode("euc_jp", "replace")
    if len(raw) != 2 or raw[0] < 0xA1:
        raise ValueError(f"U+{ord(char):04X}: not in the host's character set")
    return raw


def encoded(text: str) -> bytes:
    """A text as the host has it: full-width runs between shift codes."""
    chart = _single()
    found = b""
    for narrow, run in groupby(text, chart.__contains__):
        if narrow:
            found += bytes(chart[char] for char in run)
        else:
            found += bytes([WIDE_IN]) + b"".join(_wide(char) for char in run) + bytes([WIDE_OUT])
    return found


def decoded(raw: bytes) -> str:
    """The text of such bytes. ValueError for bytes that the vendor's programs never wrote."""
    chart, marks = _single_back(), {ours: theirs for theirs, ours in _MARKS.items()}
    found = ""
    at, wide = 0, False
    while at < len(raw):
        byte = raw[at]
        if not wide and byte in (WIDE_IN, WIDE_IN_NARROW):
            wide, at = True, at + 1
        elif wide and byte == WIDE_OUT:
            wide, at = False, at + 1
        elif wide:
            pair = raw[at : at + 2]
            char = "\u3000" if pair == WIDE_SPACE else pair.decode("euc_jp")
            found += marks.get(char, char)
            at += 2
        elif byte in chart:
            found, at = found + chart[byte], at + 1
        else:
            raise ValueError(f"X'{byte:02X}' at {at}: not a byte of the host's texts")
    if wide:
        raise ValueError("a shift is not closed")
    return found


def text_field(name: str, text: str, width: int) -> bytes:
    """A field of text, spaces on the right. ValueError for a text that is longer than its field."""
    raw = encoded(text)
    if len(raw) > width:
        raise ValueError(f"{name}: {len(raw)} > {width} bytes")
    return raw.ljust(width, HOST_SPACE)


def text_of(raw: bytes) -> str:
    """The text of such a field."""
    return decoded(raw.rstrip(HOST_SPACE) if raw[-1:] == HOST_SPACE else raw)


def packed(text: str, width: int, *, signed: bool) -> bytes:
    """Packed decimal: a digit in each half byte, the sign in the last one; X'00' where there is none."""
    if not text:
        return bytes(width)
    sign = ("d" if text.startswith("-") else "c") if signed else "f"
    return bytes.fromhex(text.lstrip("-").rjust(width * 2 - 1, "0") + sign)


def unpacked(raw: bytes, keep: int = 0) -> str:
    """The digits of a packed decimal, a minus before negative ones; empty for X'00' throughout.

    ``keep`` is how many digits are kept with their zeros.
    """
    digits = raw.hex()
    if not any(raw):
        return ""
    if keep:
        return digits[-1 - keep : -1]
    return ("-" if digits[-1] == "d" else "") + (digits[:-1].lstrip("0") or "0")
