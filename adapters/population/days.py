"""Dates as the population writes them: ISO text, 元号, and the text of a date in 和暦."""

from __future__ import annotations

from datetime import date, timedelta

# each era with its first day, newest first
_ERAS = (
    ("5", "令和", date(2019, 5, 1)),
    ("4", "平成", date(1989, 1, 8)),
    ("3", "昭和", date(1926, 12, 25)),
    ("2", "大正", date(1912, 7, 30)),
    ("1", "明治", date(1868, 1, 25)),
)


def gengo(day: date) -> str:
    """元号 code of a calendar day; on the two days with two names, that of the new era."""
    return next(code for code, _, start in _ERAS if day >= start)


def wareki_text(day: date) -> str:
    """``昭和54年2月28日``."""
    name, start = next((name, start) for _, name, start in _ERAS if day >= start)
    return f"{name}{day.year - start.year + 1}年{day.month}月{day.day}日"


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
