"""Values of expressions: texts, exact numbers, truth; numbers read from items and written back without rounding."""

from __future__ import annotations

import re
from fractions import Fraction

Value = str | Fraction | bool

MAX_DIGITS = 40  # of a number read from or written to an item: twice what any item of the standard holds
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?\Z")


class ExpressionError(ValueError):
    """An expression has no result for a record's values; never quotes them."""

    def __init__(self, expected: str, got: str = "") -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


def number(value: Value) -> Fraction:
    """An item's text (zeros on the left allowed) or a number as an exact number."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and _NUMBER.match(value):
        return Fraction(value)
    raise ExpressionError("a number", f"{len(value)} characters" if isinstance(value, str) else "true or false")


def text(value: Value) -> str:
    """A result as an item's text; a number with endless decimals must be rounded first."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if value.denominator == 1:
        return _checked(str(value.numerator))
    places = _places(value.denominator)
    scaled = value * 10**places
    sign = "-" if scaled < 0 else ""
    digits = str(abs(scaled.numerator)).rjust(places + 1, "0")
    return _checked(f"{sign}{digits[:-places]}.{digits[-places:]}")


def _places(denominator: int) -> int:
    """How many decimals 1/denominator has."""
    for places in range(1, MAX_DIGITS):
        if 10**places % denominator == 0:
            return places
    raise ExpressionError("a number with an end: round, floor or ceil it")


def _checked(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise ExpressionError(f"at most {MAX_DIGITS} digits", str(len(digits)))
    return digits
