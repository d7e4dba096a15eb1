"""Numbers as hosts keep them: packed decimal (COMP-3), zoned decimal with its signs, binary (COMP).

The text of a number is canonical: no zeros on the left (unless ``keep_zeros``), exactly ``scale`` digits behind the
point, a minus sign only where the number is negative.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

_TEXT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")
_PLUS, _MINUS = "ACEF", "BD"


class NumberError(ValueError):
    """Bytes that are no number (CB6070), or a text that the field cannot hold (CB6005) or would change (CB6016)."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class NumberForm:
    """How a field holds a number.

    ``usage`` is packed, zoned or binary; ``size`` counts bytes. ``sign``: unsigned, signed (in a nibble, or the two's
    complement), leading or trailing (a byte of its own, zoned), none (packed without a sign nibble). ``zone`` is
    ebcdic, ascii (negative digits as ``p`` to ``y``) or ascii-punch (``{A-I`` and ``}J-R``). ``order`` is big or
    little (binary).
    """

    usage: str
    size: int
    digits: int
    scale: int = 0
    sign: str = "unsigned"
    zone: str = "ebcdic"
    order: str = "big"
    keep_zeros: bool = False

    @property
    def most(self) -> int:
        """How many digits the bytes can hold."""
        if self.usage == "packed":
            return self.size * 2 - (self.sign != "none")
        if self.usage == "zoned":
            return self.size - (self.sign in {"leading", "trailing"})
        return self.digits

    @property
    def zero(self) -> bytes:
        """The bytes of nought."""
        return self._bytes("", negative=False)

    def decode(self, raw: bytes) -> tuple[str, bool]:
        """The number's text, and whether the same bytes would be written for it."""
        if self.usage == "packed":
            digits, negative = self._packed(raw)
        elif self.usage == "zoned":
            digits, negative = self._zoned(raw)
        else:
            value = int.from_bytes(raw, _order(self.order), signed=self.sign == "signed")
            digits, negative = str(abs(value)), value < 0
        digits = digits.lstrip("0")
        if len(digits) > self.digits:
            raise NumberError("CB6070", f"at most {self.digits} digits")
        negative = negative and bool(digits)
        return self._text(digits, negative=negative), self._bytes(digits, negative=negative) == raw

    def _text(self, digits: str, *, negative: bool) -> str:
        digits = digits.zfill(self.digits if self.keep_zeros else self.scale + 1)
        if self.scale:
            digits = f"{digits[: -self.scale]}.{digits[-self.scale :]}"
        return f"-{digits}" if negative else digits

    def _packed(self, raw: bytes) -> tuple[str, bool]:
        nibbles = raw.hex().upper()
        if self.sign == "none":
            digits, mark = nibbles, "F"
        else:
            digits, mark = nibbles[:-1], nibbles[-1]
        if not digits.isdigit() or mark not in _PLUS + _MINUS:
            raise NumberError("CB6070", "packed digits" if self.sign == "none" else "packed digits and a sign nibble")
        if mark in _MINUS and self.sign != "signed":
            raise NumberError("CB6070", "a number without a minus sign")
        return digits, mark in _MINUS

    def _zoned(self, raw: bytes) -> tuple[str, bool]:
        plain, signed = _zones(self.zone)
        negative = False
        separate = self.sign in {"leading", "trailing"}
        if separate:
            mark, raw = (raw[:1], raw[1:]) if self.sign == "leading" else (raw[-1:], raw[:-1])
            plus, minus = _SEPARATE[self.zone == "ebcdic"]
            if mark not in {plus, minus}:
                raise NumberError("CB6070", "a sign byte")
            negative = mark == minus
        digits = raw[:-1].translate(plain)
        digit, sign = signed.get(raw[-1], ("", ""))
        if not digit or (digits and not digits.isdigit()):
            raise NumberError("CB6070", "zoned digits")
        if self.sign == "signed":
            negative = sign == "-"
        elif sign and (separate or sign == "-"):
            raise NumberError("CB6070", "digits without a sign")
        return digits.decode("ascii") + digit, negative

    def encode(self, text: str) -> bytes:
        """The bytes of a canonical number."""
        if not _TEXT.match(text):
            raise NumberError("E0002", "a number")
        negative = text.startswith("-")
        whole, _, fraction = text.lstrip("-").partition(".")
        digits = (whole + fraction.ljust(self.scale, "0")).lstrip("0")
        if len(fraction) > self.scale or self._text(digits, negative=negative and bool(digits)) != text:
            raise NumberError("CB6016", "a number as it is read back: its zeros, decimals and sign")
        if len(digits) > self.digits:
            raise NumberError("CB6005", f"at most {self.digits} digits")
        if negative and self.sign in {"unsigned", "none"}:
            raise NumberError("CB6005", "a number without a minus sign")
        return self._bytes(digits, negative=negative)

    def _bytes(self, digits: str, *, negative: bool) -> bytes:
        if self.usage == "packed":
            mark = "" if self.sign == "none" else "F" if self.sign != "signed" else "D" if negative else "C"
            return bytes.fromhex(digits.zfill(self.most) + mark)
        if self.usage == "binary":
            value = -int(digits or "0") if negative else int(digits or "0")
            try:
                return value.to_bytes(self.size, _order(self.order), signed=self.sign == "signed")
            except OverflowError as error:
                raise NumberError("CB6005", f"a number of {self.size} bytes") from error
        ebcdic = self.zone == "ebcdic"
        zone = 0xF0 if ebcdic else 0x30
        raw = bytes(zone + int(digit) for digit in digits.zfill(self.most))
        if self.sign == "signed":
            last = digits[-1:] or "0"
            return raw[:-1] + bytes([_signed_byte(self.zone, last, negative=negative)])
        if self.sign in {"leading", "trailing"}:
            byte = _SEPARATE[ebcdic][negative]
            return byte + raw if self.sign == "leading" else raw + byte
        return raw


_SEPARATE: Mapping[bool, tuple[bytes, bytes]] = {True: (b"\x4e", b"\x60"), False: (b"+", b"-")}


def _order(text: str) -> Literal["big", "little"]:
    return "little" if text == "little" else "big"


def _signed_byte(zone: str, digit: str, *, negative: bool) -> int:
    """The last byte of a signed zoned number as it is written."""
    number = int(digit)
    if zone == "ebcdic":
        return (0xD0 if negative else 0xC0) + number
    if zone == "ascii":
        return (0x70 if negative else 0x30) + number
    return (b"}JKLMNOPQR" if negative else b"{ABCDEFGHI")[number]


@cache
def _zones(zone: str) -> tuple[bytes, dict[int, tuple[str, str]]]:
    """A translation of plain digits to ASCII, and what a last byte means: its digit and its sign (or none)."""
    base = 0xF0 if zone == "ebcdic" else 0x30
    plain = bytearray(b"?" * 256)
    last: dict[int, tuple[str, str]] = {}
    for digit in range(10):
        plain[base + digit] = 0x30 + digit
        last[base + digit] = (str(digit), "")
        if zone == "ebcdic":
            for high, sign in ((0xA0, "+"), (0xB0, "-"), (0xE0, "+")):
                last[high + digit] = (str(digit), sign)
        for negative, sign in ((False, "+"), (True, "-")):
            code = _signed_byte(zone, str(digit), negative=negative)
            last.setdefault(code, (str(digit), sign))
    return bytes(plain), last
