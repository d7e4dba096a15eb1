"""Kana: kana_half_full, kana_hira, and names in two vendor parts (kana_split, kana_split_hira)."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.characters.kana import full_to_half, half_to_full, hira_to_kata, kata_to_hira
from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.mapping.conversions.text import by_character

_SPACE = "\u3000"


class HalfFull(Scalar):
    """Half-width kana with a half-width space ↔ full-width katakana with U+3000."""

    def forward(self, value: str) -> str:
        """To full width; CB6006 for what is not half-width."""
        return by_character(half_to_full, value)

    def back(self, value: str) -> str:
        """To half width; CB6007 for ヰ ヱ ヮ ヵ ヶ and others that have no half-width form."""
        return by_character(full_to_half, value)


class Hira(Scalar):
    """Hiragana at the vendor ↔ katakana in the standard."""

    def forward(self, value: str) -> str:
        """To katakana; CB6006 for a value that is already katakana."""
        return by_character(hira_to_kata, value)

    def back(self, value: str) -> str:
        """To hiragana; CB6007 for ヷ ヸ ヹ ヺ and for hiragana in the standard's value."""
        return by_character(kata_to_hira, value)


@dataclass(frozen=True, slots=True)
class Split:
    """Two vendor parts ↔ one standard text with U+3000 between; one part alone has no U+3000.

    ``script`` says how the vendor writes the parts: as they are, half (width) or hira(gana).
    """

    script: str = "full"
    arity = (2, 1)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Join; CB6006 when a part cannot be written in katakana."""
        first, second = (self._in(value, index) for index, value in enumerate(values))
        return (f"{first}{_SPACE}{second}" if second else first,)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Cut at the first U+3000; what stands behind it, more U+3000 included, is the second part."""
        first, _, second = values[0].partition(_SPACE)
        return self._out(first), self._out(second)

    def _in(self, value: str, index: int) -> str:
        if self.script == "half":
            return by_character(half_to_full, value, index=index)
        return by_character(hira_to_kata, value, index=index) if self.script == "hira" else value

    def _out(self, value: str) -> str:
        if self.script == "half":
            return by_character(full_to_half, value)
        return by_character(kata_to_hira, value) if self.script == "hira" else value


@dataclass(frozen=True, slots=True)
class Join:
    """One vendor text ↔ two standard parts: family and given name written in one vendor item with a space between."""

    separator: str = _SPACE
    arity = (1, 2)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Cut at the first separator."""
        first, _, second = values[0].partition(self.separator)
        return first, second

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Join; CB6006 for a second part without a first."""
        first, second = values
        if second and not first:
            raise ConversionError("CB6006", "a first part", "a second part alone")
        return (f"{first}{self.separator}{second}" if second else first,)


def make_half_full(_setup: Setup) -> Conversion:
    """``kana_half_full``: no options."""
    return HalfFull()


def make_hira(_setup: Setup) -> Conversion:
    """``kana_hira``: no options."""
    return Hira()


def make_split(setup: Setup) -> Conversion:
    """``kana_split``: ``script`` = full | half | hira, how the vendor writes the parts."""
    return Split(setup.text("script", "full", ("full", "half", "hira")))


def make_split_hira(_setup: Setup) -> Conversion:
    """``kana_split_hira``: two parts in hiragana."""
    return Split("hira")


def make_join(setup: Setup) -> Conversion:
    """``join``: ``separator`` (U+3000)."""
    return Join(setup.text("separator", _SPACE))
