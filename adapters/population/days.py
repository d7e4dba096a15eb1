"""Dates as the population reckons them: 元号, years before, age."""

from __future__ import annotations

from datetime import date, timedelta

from bus.core.datarules import to_wareki


def gengo(day: date) -> str:
    """元号 code of a calendar day; on the two days with two names, that of the new era."""
    found = to_wareki(day.isoformat())
    assert found is not None, day
    return found.era.code


def years_before(day: date, years: int) -> date:
    """The same day ``years`` earlier; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def age(birth: date, on: date) -> int:
    """Completed years."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def shifted(day: date, days: int) -> date:
    """``days`` later."""
    return day + timedelta(days=days)
