"""The check digit of a municipality's own numbers (宛名番号, 世帯番号): algorithm and weights are data of its site.

Off unless a site says so. Numbers of other lengths than the site's own were issued before and keep their form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

OFF: Final = "off"
FORMAT: Final = "atenabango"
"""The format of the items that hold such a number."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """How a municipality's numbers are checked. ``weights`` count from the digit before the check digit, repeated.

    ``remainder_zero`` and ``remainder_one`` are the check digits where eleven less the remainder is none; an empty text
    says that such numbers are never issued. ``digits`` is the length, the check digit included.
    """

    check: str = OFF
    digits: int = 15
    weights: tuple[int, ...] = (2, 3, 4, 5, 6, 7)
    remainder_zero: str = "0"
    remainder_one: str = "0"

    @property
    def is_on(self) -> bool:
        """Whether anything is checked."""
        return self.check != OFF

    def ok(self, text: str) -> bool:
        """Whether a number has its check digit, or is none of this site's length."""
        if len(text) != self.digits or not (text.isascii() and text.isdigit()):
            return True
        return CHECKS[self.check](self, text[:-1]) == text[-1]


def _weighted(rule: Numbering, body: str) -> int:
    weights = rule.weights
    return sum(int(digit) * weights[place % len(weights)] for place, digit in enumerate(reversed(body)))


def _modulus11(rule: Numbering, body: str) -> str:
    remainder = _weighted(rule, body) % 11
    if remainder <= 1:
        return rule.remainder_one if remainder else rule.remainder_zero
    return str(11 - remainder)


def _modulus10(rule: Numbering, body: str) -> str:
    return str((10 - _weighted(rule, body) % 10) % 10)


def _modulus10_digit_sums(rule: Numbering, body: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(body)):
        product = int(digit) * rule.weights[place % len(rule.weights)]
        total += product // 10 + product % 10
    return str((10 - total % 10) % 10)


CHECKS: Final[Mapping[str, Callable[[Numbering, str], str]]] = MappingProxyType(
    {"modulus11": _modulus11, "modulus10": _modulus10, "modulus10-digit-sums": _modulus10_digit_sums}
)
"""The algorithms by the name that ``site.toml`` uses."""
