"""Synthetic income figures of a simulated tax system: made from the number alone, the same at every vendor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_NONE_OF = 20  # one number in twenty has no income record


@dataclass(frozen=True, slots=True)
class Income:
    """Yearly figures in yen."""

    salary: int
    salary_income: int
    total_income: int
    social_insurance: int
    taxable: int
    city_income_levy: int
    city_flat_levy: int
    prefecture_income_levy: int
    prefecture_flat_levy: int


def income_of(atenabango: str, year: str) -> Income | None:
    """The figures of one person and tax year; ``None`` where there is no record."""
    digest = hashlib.sha256(f"synthetic:{atenabango}:{year}".encode()).digest()
    if digest[0] % _NONE_OF == 0:
        return None
    salary = int.from_bytes(digest[1:4]) % 12_000_000 // 1000 * 1000
    salary_income = max(0, salary - max(650_000, salary * 3 // 10))
    social = salary * 15 // 100
    taxable = max(0, salary_income - social - 430_000) // 1000 * 1000
    flat = 1 if taxable else 0
    return Income(
        salary, salary_income, salary_income, social, taxable,
        taxable * 6 // 100 // 100 * 100, 3000 * flat, taxable * 4 // 100 // 100 * 100, 1000 * flat,
    )  # fmt: skip
