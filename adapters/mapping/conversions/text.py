"""Texts: copy, affix, fixed, punctuate (postal numbers and the like), widen (half-width to full-width)."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.characters.kana import full_to_half, half_to_full
from adapters.characters.problem import CharacterError
from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe


class Copy(Scalar):
    """The value as it is."""

    exact = True

    def forward(self, value: str) -> str:
        """As it is."""
        return value

    def back(self, value: str) -> str:
        """As it is."""
        return value


@dataclass(frozen=True, slots=True)
class Affix(Scalar):
    """The vendor writes something fixed before or behind the value: ``〒1000013`` ↔ ``1000013``."""

    exact = True
    prefix: str = ""
    suffix: str = ""

    def forward(self, value: str) -> str:
        """Take the affixes off; CB6006 when they are missing."""
        kept = value.removeprefix(self.prefix) if value.startswith(self.prefix) else ""
        kept = kept.removesuffix(self.suffix) if kept.endswith(self.suffix) else ""
        if not kept:
            raise ConversionError("CB6006", f"a text between {self.prefix!r} and {self.suffix!r}", describe(value))
        return kept

    def back(self, value: str) -> str:
        """Put the affixes on."""
        return f"{self.prefix}{value}{self.suffix}"


@dataclass(frozen=True, slots=True)
class Fixed(Scalar):
    """One fixed vendor text stands for one fixed standard text; anything else is CB6006."""

    exact = True
    vendor: str = ""
    standard: str = ""

    def forward(self, value: str) -> str:
        """The standard's text."""
        if value != self.vendor:
            raise ConversionError("CB6006", repr(self.vendor), describe(value))
        return self.standard

    def back(self, value: str) -> str:
        """The vendor's text."""
        if value != self.standard:
            raise ConversionError("CB6006", repr(self.standard), describe(value))
        return self.vendor


@dataclass(frozen=True, slots=True)
class Punctuate(Scalar):
    """The vendor writes marks between the characters: pattern ``###-####``, ``100-0013`` ↔ ``1000013``."""

    exact = True
    pattern: str = "###-####"

    def forward(self, value: str) -> str:
        """Take the marks out; CB6006 when the value does not have the pattern."""
        same = len(value) == len(self.pattern)
        if not same or any(mark not in ("#", char) for mark, char in zip(self.pattern, value, strict=True)):
            raise ConversionError("CB6006", self.pattern, describe(value))
        return "".join(char for mark, char in zip(self.pattern, value, strict=True) if mark == "#")

    def back(self, value: str) -> str:
        """Put the marks in."""
        if len(value) != self.pattern.count("#"):
            raise ConversionError("CB6006", f"{self.pattern.count('#')} characters", describe(value))
        rest = iter(value)
        return "".join(next(rest) if mark == "#" else mark for mark in self.pattern)


class Widen(Scalar):
    """The vendor's half-width text (ASCII, kana, space) ↔ the standard's full-width text."""

    exact = False

    def forward(self, value: str) -> str:
        """Half-width to full-width; CB6006 for what is not half-width."""
        return by_character(half_to_full, value)

    def back(self, value: str) -> str:
        """Full-width to half-width; CB6007 for what has no half-width form."""
        return by_character(full_to_half, value)


def by_character(function: object, value: str, *, index: int = 0) -> str:
    """Call a kana function and say its CharacterError as a ConversionError."""
    assert callable(function)
    try:
        return str(function(value))
    except CharacterError as error:
        got = f"{error.subject} (character {error.position + 1})"
        raise ConversionError(error.code, error.reason, got, index=index) from error


def make_copy(_setup: Setup) -> Conversion:
    """``copy``: no options."""
    return Copy()


def make_affix(setup: Setup) -> Conversion:
    """``affix``: ``prefix``, ``suffix``."""
    return Affix(setup.text("prefix"), setup.text("suffix"))


def make_fixed(setup: Setup) -> Conversion:
    """``fixed``: ``vendor``, ``standard``."""
    made = Fixed(setup.text("vendor"), setup.text("standard"))
    if not made.vendor or not made.standard:
        setup.problem("options", "vendor and standard")
    return made


def make_punctuate(setup: Setup) -> Conversion:
    """``punctuate``: ``pattern``, ``#`` for a character of the value."""
    return Punctuate(setup.text("pattern", "###-####"))


def make_widen(_setup: Setup) -> Conversion:
    """``widen``: no options."""
    return Widen()
