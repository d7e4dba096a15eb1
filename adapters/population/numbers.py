"""Synthetic numbers with valid check digits: 宛名番号, 世帯番号, 個人番号, 住民票コード and the like.

The makers are written here once more, apart from the checks in ``bus.core.datarules``, so that generator and
checker prove each other. No number is drawn at random: each is a spread-out function of a running index, so that
none occurs twice in a town. All 個人番号 begin with 00 to mark them as synthetic.
"""

from __future__ import annotations

from collections.abc import Iterator

_SPREAD = 387_420_489  # 3**18: coprime to every power of ten
_SPREAD_SMALL = 48_828_125 - 14  # odd and not a multiple of 5


def modulus_11(body: str) -> str | None:
    """Check digit of a 宛名番号 (weights 2-7 from the right); ``None`` where the remainder is 1 (undefined)."""
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(body)))
    remainder = total % 11
    if remainder == 1:
        return None
    return "0" if remainder == 0 else str(11 - remainder)


def kojinbango(index: int) -> str:
    """The 12 digits of the ``index``-th synthetic 個人番号 (check digit by its ministerial order)."""
    body = f"{index * _SPREAD % 1_000_000_000:011d}"
    total = 0
    for n, digit in enumerate(reversed(body), start=1):
        total += int(digit) * (n + 1 if n <= 6 else n - 5)
    remainder = total % 11
    return body + ("0" if remainder <= 1 else str(11 - remainder))


def juminhyokodo(index: int) -> str:
    """The 11 digits of the ``index``-th synthetic 住民票コード; the last digit is by modulus 11, weights 2-7."""
    body = f"{index * _SPREAD % 10_000_000_000:010d}"
    return body + (modulus_11(body) or "0")


def kisonenkinbango(index: int) -> str:
    """A synthetic 基礎年金番号 of 10 digits."""
    return f"{index * _SPREAD_SMALL % 10_000_000_000:010d}"


def zairyukado(index: int) -> str:
    """A synthetic 在留カード番号: two letters, eight digits, two letters."""
    digits = f"{index * _SPREAD_SMALL % 100_000_000:08d}"
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    first, second = divmod(index % 576, 24)
    return f"Z{letters[first]}{digits}Z{letters[second]}"


class Sequences:
    """Hands out the next 宛名番号, 世帯番号 and number index of a town."""

    def __init__(self) -> None:
        self._atena = _atenabango()
        self._setai = 0
        self._index = 0
        self._todoke = 0

    def atenabango(self) -> str:
        """The next 宛名番号: 15 digits, the last one the check digit."""
        return next(self._atena)

    def setaibango(self) -> str:
        """The next 世帯番号: 15 digits with leading zeros."""
        self._setai += 1
        return f"{self._setai:015d}"

    def index(self) -> int:
        """The next index for 個人番号, 住民票コード and the other personal numbers."""
        self._index += 1
        return self._index

    def todokedebango(self) -> str:
        """The next 届出番号: 10 digits."""
        self._todoke += 1
        return f"{self._todoke:010d}"


def _atenabango() -> Iterator[str]:
    number = 100
    while True:
        number += 1
        body = f"{number:014d}"
        digit = modulus_11(body)
        if digit is not None:
            yield body + digit
