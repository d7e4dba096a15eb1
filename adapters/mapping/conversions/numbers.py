"""Numbers and flags: zero_pad, strip_zero, flag. Never for identifiers, whose zeros are part of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe

_NUMBER = re.compile(r"(-?)(0|[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class StripZero(Scalar):
    """The vendor writes a number with zeros on the left to ``width`` digits, the standard without.

    A sign stands before the zeros. ``absent`` may be what the vendor writes for nothing.
    """

    exact = True
    width: int = 1
    absent: str = ""

    def forward(self, value: str) -> str:
        """Take the zeros off; CB6006 unless exactly ``width`` digits."""
        sign, digits = ("-", value[1:]) if value.startswith("-") else ("", value)
        if len(digits) != self.width or not (digits.isascii() and digits.isdigit()):
            raise ConversionError("CB6006", f"{self.width} digits", describe(value))
        bare = digits.lstrip("0") or "0"
        if sign and bare == "0":
            raise ConversionError("CB6006", "no negative zero", describe(value))
        return sign + bare

    def back(self, value: str) -> str:
        """Put the zeros on; CB6005 when the number is too long, CB6006 when it is none."""
        match = _NUMBER.match(value)
        if match is None or value == "-0":
            raise ConversionError("CB6006", "a number without zeros on the left", describe(value))
        if len(match[2]) > self.width:
            raise ConversionError("CB6005", f"at most {self.width} digits", describe(value))
        written = match[1] + match[2].rjust(self.width, "0")
        if written == self.absent:
            raise ConversionError("CB6006", "a number that the vendor can tell from absence", describe(value))
        return written


@dataclass(frozen=True, slots=True)
class ZeroPad(Scalar):
    """The standard holds zeros on the left to ``width`` digits, the vendor writes the number without."""

    exact = True
    inner: StripZero = StripZero()

    def forward(self, value: str) -> str:
        """Put the zeros on."""
        return self.inner.back(value)

    def back(self, value: str) -> str:
        """Take the zeros off."""
        return self.inner.forward(value)


@dataclass(frozen=True, slots=True)
class Flag:
    """Two vendor texts ↔ 1 and 0; one of them may be the empty text, and then nothing is absent."""

    on: str
    off: str
    arity = (1, 1)

    @property
    def exact(self) -> bool:
        """When neither text is empty: an absent value then stays absent."""
        return bool(self.on and self.off)

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """1 or 0; an empty text that is neither is absent; CB6004 for other texts."""
        (value,) = values
        if value in (self.on, self.off):
            return ("1" if value == self.on else "0",)
        if not value:
            return ("",)
        raise ConversionError("CB6004", f"{self.on!r} or {self.off!r}", describe(value))

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The vendor's text; CB6004 for another code than 1 and 0."""
        (value,) = values
        if value not in ("1", "0", ""):
            raise ConversionError("CB6004", "1 or 0", describe(value))
        return ({"1": self.on, "0": self.off, "": ""}[value],)


def make_strip_zero(setup: Setup) -> Conversion:
    """``strip_zero``: ``width``, ``absent``."""
    setup.numbers_only("strip_zero")
    width = setup.number("width", setup.fields[0].bytes if setup.fields else 0)
    if width < 1:
        setup.problem("options.width", "1 or more", str(width))
    return StripZero(width, setup.text("absent"))


def make_zero_pad(setup: Setup) -> Conversion:
    """``zero_pad``: ``width`` (default: the digits of the standard item)."""
    setup.numbers_only("zero_pad")
    width = setup.number("width", setup.items[0].digits if setup.items else 0)
    if width < 1:
        setup.problem("options.width", "1 or more", str(width))
    return ZeroPad(StripZero(width))


def make_flag(setup: Setup) -> Conversion:
    """``flag``: ``on``, ``off``."""
    made = Flag(setup.text("on", "1"), setup.text("off", "0"))
    if made.on == made.off:
        setup.problem("options", "two different texts", made.on)
    return made
