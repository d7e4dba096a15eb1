"""Amounts in other units: scale, 千円単位 at the vendor ↔ yen in the standard."""

from __future__ import annotations

import re
from dataclasses import dataclass

from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)\Z")


@dataclass(frozen=True, slots=True)
class Scale(Scalar):
    """A whole number of the vendor times ``factor`` is the standard's.

    Where the standard's number is no multiple, ``rounding`` none refuses it; down (towards zero), up and half
    (四捨五入) round it, and the difference is a loss.
    """

    factor: int = 1000
    rounding: str = "none"

    @property
    def exact(self) -> bool:
        """Without rounding each direction undoes the other."""
        return self.rounding == "none"

    def forward(self, value: str) -> str:
        """Multiply; CB6006 for what is no whole number, or has zeros on the left."""
        return str(self._whole(value) * self.factor)

    def back(self, value: str) -> str:
        """Divide; CB6006 for a number that is no multiple when nothing may be rounded."""
        whole = self._whole(value)
        size, rest = divmod(abs(whole), self.factor)
        if rest and self.rounding == "none":
            raise ConversionError("CB6006", f"a multiple of {self.factor}", describe(value))
        if rest and (self.rounding == "up" or (self.rounding == "half" and rest * 2 >= self.factor)):
            size += 1
        return str(-size if whole < 0 else size)

    def _whole(self, value: str) -> int:
        if not _WHOLE.match(value) or value == "-0" or len(value) > 20:
            raise ConversionError("CB6006", "a whole number without zeros on the left", describe(value))
        return int(value)


def make_scale(setup: Setup) -> Conversion:
    """``scale``: ``factor`` (1000), ``rounding`` = none | down | up | half."""
    setup.numbers_only("scale")
    factor = setup.number("factor", 1000)
    if factor < 2:
        setup.problem("options.factor", "2 or more", str(factor))
        factor = 2
    return Scale(factor, setup.text("rounding", "none", ("none", "down", "up", "half")))
