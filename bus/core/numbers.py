"""Find a 個人番号 where none may be: twelve digits with a valid check digit, in either width, also with separators.

``may_hold`` looks at bytes in one pass and is quick; it may be wrong only by saying yes. ``holds`` is exact and looks
at one text. About one in ten random numbers of twelve digits has a valid check digit, so that what holds such numbers
by its nature is exempt by item (``number_guard.csv``). Nothing here ever returns or tells a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from bus.core.datarules import kojinbango_ok

LENGTH: Final = 12
RESIDENT_CODE_LENGTH: Final = 11

_SEPARATORS: Final = "- \u3000\uff0d\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc"
_WIDE: Final = {0xFF10 + digit: str(digit) for digit in range(10)}
_RUN: Final = re.compile(f"[0-9](?:[{_SEPARATORS}]?[0-9])+")
_SPLIT: Final = re.compile(f"[{_SEPARATORS}]")
_SHAPE: Final = bytes.maketrans(b"123456789 ", b"000000000-")
"""Every digit looks like 0, every separator of ASCII like a hyphen."""
_GENERAL: Final = b"\xe2"
_GENERAL_BYTES: Final = tuple(one.encode() for one in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_KANA: Final = b"\xe3"
_SPACE_BYTES, _LONG_BYTES = "\u3000".encode(), "\u30fc".encode()
_WIDE_MARK: Final = b"\xef"
_WIDE_BYTES: Final = (
    *((chr(wide).encode(), digit.encode()) for wide, digit in _WIDE.items()),
    ("\uff0d".encode(), b"-"),
)
_DATE, _DATETIME, _NOTHING = b">0000-00-00<", b">0000-00-00T", b"><"
_PARTED: Final = re.compile(rb"0(?:-?0){10,}")
_WHOLE: Final = {
    length: re.compile(b"0" * length + b"(?<!" + b"0" * (length + 1) + b")(?!0)")
    for length in (RESIDENT_CODE_LENGTH, LENGTH)
}
"""A run of exactly so many digits; begins with a literal, which the engine finds fast."""
_HIDING: Final = ((b"&", b"&#"), (b"!", b"<![CDATA["), (b"!", b"<!--"), (b"\0", b"\0"))
"""What can stand between the digits of one text in the bytes of XML, or replace them; NUL is in UTF-16.

A single byte is looked for first, since that is fastest."""

Check = Callable[[str], bool]
"""Judges digits of the right length."""

RESIDENT_CODE_CHECKS: Final[Mapping[str, Check]] = MappingProxyType({"digits": lambda digits: True})
"""Checks of the 住民票コード by name. Its formula is not public here, so that the one there is takes any eleven digits;
a site that has the formula adds its own."""


def may_hold(raw: bytes, resident_code: Check | None = None) -> bool:
    """Whether the bytes of a message have to be looked at field by field."""
    if any(first in raw and sign in raw for first, sign in _HIDING):
        return True
    if _GENERAL in raw:
        for separator in _GENERAL_BYTES:
            raw = raw.replace(separator, b"-")
    if _KANA in raw:
        raw = raw.replace(_SPACE_BYTES, b"-").replace(_LONG_BYTES, b"-")
    if _WIDE_MARK in raw:
        for wide, sign in _WIDE_BYTES:
            raw = raw.replace(wide, sign)
    shape = raw.translate(_SHAPE)
    if _WHOLE[LENGTH].search(shape) is not None:
        return True
    if resident_code is not None and _WHOLE[RESIDENT_CODE_LENGTH].search(shape) is not None:
        return True
    shape = shape.replace(_DATE, _NOTHING).replace(_DATETIME, _NOTHING)
    return b"0-0" in shape and any(b"-" in run for run in _PARTED.findall(shape))


def holds(text: str, resident_code: Check | None = None) -> bool:
    """Whether a text holds a 個人番号: twelve digits that stand for themselves or are parted by one sign each time.

    ``resident_code`` judges runs of eleven digits in the same way, where a site wants it.
    """
    if len(text) < RESIDENT_CODE_LENGTH:
        return False
    for run in _RUN.findall(text.translate(_WIDE)):
        groups = _SPLIT.split(run)
        for first in range(len(groups)):
            digits = ""
            for group in groups[first:]:
                digits += group
                if len(digits) == LENGTH and kojinbango_ok(digits):
                    return True
                if resident_code is not None and len(digits) == RESIDENT_CODE_LENGTH and resident_code(digits):
                    return True
                if len(digits) >= LENGTH:
                    break
    return False
