"""Names: name_join, a kanji name without its space and the number of characters of the family name."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.characters.units import cut, length
from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.sdk.errors import describe

_SPACE = "\u3000"


@dataclass(frozen=True, slots=True)
class NameJoin:
    """``総務翔子`` and ``2`` ↔ ``総務　翔子``. Characters are counted with their variation selectors.

    ``none`` is what the vendor writes in the count of a name that has no U+3000.
    """

    none: str = ""
    arity = (2, 1)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Put the space in; CB6006 when the count is no number or more than the name has."""
        name, count = values
        if count == self.none:
            return (name,)
        if not (count.isascii() and count.isdigit()):
            raise ConversionError("CB6006", "a number of characters", describe(count), index=1)
        if int(count) > length(name):
            raise ConversionError("CB6006", f"at most the {length(name)} characters of the name", count, index=1)
        family, given = cut(name, int(count))
        return (f"{family}{_SPACE}{given}",)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Take the first space out and count what stood before it."""
        (name,) = values
        family, space, given = name.partition(_SPACE)
        return family + given, str(length(family)) if space else (self.none if name else "")


def make_name_join(setup: Setup) -> Conversion:
    """``name_join``: ``none`` (count of a name without a space, default empty)."""
    return NameJoin(setup.text("none"))
