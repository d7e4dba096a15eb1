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


_BANCHI = re.compile("[０-９][０-９番地号の－]*\\Z")


@dataclass(frozen=True, slots=True)
class AddressJoin:
    """住所 of the vendor ↔ 町字, 番地号 and (with three items) 方書 of the standard.

    The 番地号 is the tail of full-width digits with 番, 番地, 号, の and － between: 霞が関二丁目１－２ is parted
    before １. A 町字 that ends in such a tail itself does not come back as it went: the loss policy judges it,
    nothing is guessed. With one vendor item and three of the standard, ``separator`` stands before the 方書.
    """

    vendor_count: int
    standard_count: int
    separator: str = "\u3000"
    exact = False

    @property
    def arity(self) -> tuple[int, int]:
        """1 or 2 vendor items, 2 or 3 of the standard."""
        return self.vendor_count, self.standard_count

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Part the address; CB6006 when there is a 方書 without anything before it."""
        first, second = values[0], values[1] if self.vendor_count == 2 else ""
        if self.vendor_count == 1 and self.standard_count == 3:
            first, _, second = first.partition(self.separator)
        if second and not first:
            raise ConversionError("CB6006", "an address before the 方書", "nothing")
        match = _BANCHI.search(first)
        cut = match.start() if match else len(first)
        parts = (first[:cut], first[cut:], second)
        return parts[: self.standard_count]

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Put the address together; CB6006 for a 方書 alone."""
        choaza, banchi, katagaki = (*values, "")[:3]
        first = choaza + banchi
        if katagaki and not first:
            raise ConversionError("CB6006", "a 町字 or 番地号 before the 方書", "nothing", index=2)
        if self.vendor_count == 2:
            return first, katagaki
        return (f"{first}{self.separator}{katagaki}" if katagaki else first,)


def make_address_join(setup: Setup) -> Conversion:
    """``address_join``: ``separator`` (U+3000, before the 方書); 1 or 2 vendor items, then 町字, 番地号[, 方書]."""
    vendor, standard = len(setup.fields), len(setup.items)
    separator = setup.text("separator", "\u3000") or "\u3000"
    fits = (vendor, standard) in ((1, 2), (1, 3), (2, 3))
    return AddressJoin(vendor, standard, separator) if fits else AddressJoin(2, 3, separator)
