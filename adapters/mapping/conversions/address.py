"""Addresses: choaza_split, 霞が関二丁目 ↔ 霞が関 and the 丁目 in kanji, full-width or half-width digits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.sdk.errors import describe

_KANJI = "〇一二三四五六七八九"
_CHOME = re.compile("(?P<name>.+?)(?P<number>[一二三四五六七八九十]+)丁目", re.DOTALL)
_KANJI_NUMBER = re.compile("(?:(?P<tens>[二三四五六七八九]?)(?P<ten>十))?(?P<one>[一二三四五六七八九]?)")
_WIDE_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")
_NARROW_DIGITS = {"fullwidth": "０１２３４５６７８９", "halfwidth": "0123456789"}


def to_kanji(number: int) -> str:
    """1 to 99 in kanji."""
    tens, one = divmod(number, 10)
    return ("" if tens == 0 else "十" if tens == 1 else _KANJI[tens] + "十") + (_KANJI[one] if one else "")


def from_kanji(text: str) -> int:
    """A kanji number from 1 to 99, 0 when ``text`` is none."""
    match = _KANJI_NUMBER.fullmatch(text)
    if match is None or not text:
        return 0
    tens = (_KANJI.index(match["tens"]) if match["tens"] else 1) if match["ten"] else 0
    return tens * 10 + (_KANJI.index(match["one"]) if match["one"] else 0)


@dataclass(frozen=True, slots=True)
class ChoazaSplit:
    """Two vendor items (town, 丁) ↔ 町字. A town without 丁目, or one written otherwise, stays whole in the first."""

    numerals: str = "kanji"
    arity = (2, 1)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Town and number in kanji and 丁目; CB6006 when the second item is no number from 1 to 99."""
        town, block = values
        if not block:
            return (town,)
        number = self._number(block)
        if not 1 <= number <= 99 or self._write(number) != block:
            raise ConversionError("CB6006", f"1 to 99 in {self.numerals} numerals", describe(block), index=1)
        if not town:
            raise ConversionError("CB6006", "a town before the 丁目", "nothing")
        return (f"{town}{to_kanji(number)}丁目",)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Cut off a 丁目 that is written in kanji."""
        match = _CHOME.fullmatch(values[0])
        number = from_kanji(match["number"]) if match else 0
        if match is None or not number or to_kanji(number) != match["number"]:
            return values[0], ""
        return match["name"], self._write(number)

    def _number(self, block: str) -> int:
        if self.numerals == "kanji":
            return from_kanji(block)
        digits = _NARROW_DIGITS[self.numerals]
        return int(block) if all(char in digits for char in block) else 0

    def _write(self, number: int) -> str:
        if self.numerals == "kanji":
            return to_kanji(number)
        return str(number).translate(_WIDE_DIGITS) if self.numerals == "fullwidth" else str(number)


def make_choaza_split(setup: Setup) -> Conversion:
    """``choaza_split``: ``numerals`` = kanji | fullwidth | halfwidth."""
    return ChoazaSplit(setup.text("numerals", "kanji", ("kanji", "fullwidth", "halfwidth")))
