"""Splits and joins: parts (with a separator between) and cut (fixed numbers of characters), on either side."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.characters.units import cut, length
from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.sdk.errors import describe

_SPACE = "\u3000"


@dataclass(frozen=True, slots=True)
class Parts:
    """One text with a separator between its parts ↔ the parts; trailing parts may be absent.

    ``vendor_side`` says that the vendor has the parts and the standard the whole.
    """

    count: int
    separator: str
    vendor_side: bool
    exact = False

    @property
    def arity(self) -> tuple[int, int]:
        """The parts on one side, the whole on the other."""
        return (self.count, 1) if self.vendor_side else (1, self.count)

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Join the vendor's parts, or part its whole."""
        return self._join(values) if self.vendor_side else self._part(values[0])

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Part the standard's whole, or join its parts."""
        return self._part(values[0]) if self.vendor_side else self._join(values)

    def _join(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """CB6006 for a separator within a part that is not the last, and for a part behind an absent one."""
        for index, part in enumerate(parts[:-1]):
            if self.separator in part:
                raise ConversionError("CB6006", "no separator within a part", describe(part), index=index)
            if not part and any(parts[index + 1 :]):
                raise ConversionError("CB6006", "a part before the next", "nothing", index=index)
        return (self.separator.join(part for part in parts if part),)

    def _part(self, whole: str) -> tuple[str, ...]:
        """CB6006 for separators at the edge or side by side: they would not come back."""
        parts = whole.split(self.separator, self.count - 1) if whole else []
        if not all(parts):
            raise ConversionError("CB6006", "something before and behind each separator", describe(whole))
        return (*parts, *("",) * (self.count - len(parts)))


@dataclass(frozen=True, slots=True)
class Cut:
    """One text ↔ pieces of fixed numbers of characters without anything between; the last takes the rest.

    Characters are counted with their variation selectors. Only the last piece that is present may be short.
    ``width`` 0 for the last piece: any length.
    """

    widths: tuple[int, ...]
    vendor_side: bool
    exact = False

    @property
    def arity(self) -> tuple[int, int]:
        """The pieces on one side, the whole on the other."""
        return (len(self.widths), 1) if self.vendor_side else (1, len(self.widths))

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Join the vendor's pieces, or cut its whole."""
        return self._join(values) if self.vendor_side else self._cut(values[0])

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Cut the standard's whole, or join its pieces."""
        return self._cut(values[0]) if self.vendor_side else self._join(values)

    def _join(self, pieces: tuple[str, ...]) -> tuple[str, ...]:
        """CB6006 for a piece that is not full although another follows."""
        for index, (piece, width) in enumerate(zip(pieces, self.widths, strict=True)):
            follows = any(pieces[index + 1 :])
            if (follows and length(piece) != width) or (width and length(piece) > width):
                raise ConversionError("CB6006", f"{width} characters", describe(piece), index=index)
        return ("".join(pieces),)

    def _cut(self, whole: str) -> tuple[str, ...]:
        """CB6005 for more characters than the pieces hold."""
        pieces: list[str] = []
        for width in self.widths[:-1]:
            piece, whole = cut(whole, width)
            pieces.append(piece)
        if self.widths[-1] and length(whole) > self.widths[-1]:
            raise ConversionError("CB6005", f"at most {sum(self.widths)} characters", describe(whole))
        return (*pieces, whole)


def make_parts(setup: Setup) -> Conversion:
    """``parts``: ``separator`` (U+3000); several items on one side, one on the other."""
    separator = setup.text("separator", _SPACE)
    if not separator:
        setup.problem("options.separator", "a text (cut does without)", "")
    count, vendor_side = _sides(setup)
    return Parts(count, separator or _SPACE, vendor_side)


def make_cut(setup: Setup) -> Conversion:
    """``cut``: ``widths`` in characters, one for each piece (0 for the last: any length)."""
    count, vendor_side = _sides(setup)
    widths = setup.numbers("widths")
    if len(widths) != count or any(width < 1 for width in widths[:-1]) or any(width < 0 for width in widths):
        setup.problem("options.widths", f"{count} numbers of 1 or more (the last may be 0)", str(list(widths)))
        widths = (1,) * count
    return Cut(widths, vendor_side)


def _sides(setup: Setup) -> tuple[int, bool]:
    """How many pieces, and whether the vendor has them."""
    vendor, standard = len(setup.fields), len(setup.items)
    if vendor == 1 and standard > 1:
        return standard, False
    return max(vendor, 2), True
