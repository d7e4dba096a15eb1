"""The check digit of a municipality's own numbers: algorithm, weights and odd remainders are data of the site."""

from __future__ import annotations

import pytest

from bus.core.datarules import check_digit_atenabango
from bus.core.numbering import Numbering


def test_it_is_off_unless_a_site_says_so() -> None:
    """Nothing is assumed about anybody's numbers."""
    assert not Numbering().is_on


@pytest.mark.parametrize("body", ["00000000000001", "12345678901234", "99999999999999", "00000000067890"])
def test_modulus_eleven_is_that_of_the_source(body: str) -> None:
    """Weights 2 to 7 from the right; each other last digit is wrong; other lengths keep their form."""
    rule = Numbering(check="modulus11")
    right = body + check_digit_atenabango(body)
    assert [digit for digit in "0123456789" if rule.ok(body + digit)] == [right[-1]]
    assert rule.ok(body)
    assert rule.ok("A" + body)


def test_numbers_that_are_never_issued_are_wrong_with_any_digit() -> None:
    """Remainder 1 without a digit of its own."""
    body = next(f"{n:014d}" for n in range(1000) if check_digit_atenabango(f"{n:014d}", "X") == "X")
    assert not any(Numbering(check="modulus11", remainder_one="").ok(body + digit) for digit in "0123456789")
    assert Numbering(check="modulus11", remainder_one="1").ok(body + "1")


@pytest.mark.parametrize(
    ("check", "weights", "number"),
    [("modulus10", (3, 1), "4901234567894"), ("modulus10-digit-sums", (2, 1), "79927398713")],
    ids=["EAN-13", "Luhn"],
)
def test_other_algorithms_agree_with_published_numbers(check: str, weights: tuple[int, ...], number: str) -> None:
    """Well-known check digits that use the same arithmetic."""
    rule = Numbering(check=check, digits=len(number), weights=weights)
    assert [digit for digit in "0123456789" if rule.ok(number[:-1] + digit)] == [number[-1]]
