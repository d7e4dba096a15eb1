"""Western dates and times: a pattern of YYYY MM DD hh mm ss on the vendor's side, the standard's form on the other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe
from bus.core.datarules import is_standard_date

_TOKENS = re.compile("YYYY|MM|DD|hh|mm|ss")
_WIDTH = {"YYYY": 4, "MM": 2, "DD": 2, "hh": 2, "mm": 2, "ss": 2}


@cache
def _reader(pattern: str) -> re.Pattern[str]:
    pieces: list[str] = []
    position = 0
    for match in _TOKENS.finditer(pattern):
        pieces.append(re.escape(pattern[position : match.start()]))
        pieces.append(f"(?P<{match[0]}>[0-9]{{{_WIDTH[match[0]]}}})")
        position = match.end()
    pieces.append(re.escape(pattern[position:]))
    return re.compile("".join(pieces) + r"\Z")


@cache
def _is_time(text: str) -> bool:
    return re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]", text) is not None


def _is_month(text: str) -> bool:
    return is_standard_date(f"{text}-01")


@dataclass(frozen=True, slots=True)
class Stamp(Scalar):
    """The vendor's ``pattern`` ↔ the standard's pattern (``YYYY-MM-DD``, ``YYYY-MM`` or ``hh:mm:ss``).

    Days that are legal without being calendar days, and the open dates, go through as they are.
    """

    exact = True
    pattern: str = "YYYYMMDD"
    standard: str = "YYYY-MM-DD"
    absent: str = ""

    def _legal(self, text: str) -> bool:
        if self.standard == "YYYY-MM-DD":
            return is_standard_date(text)
        return _is_month(text) if self.standard == "YYYY-MM" else _is_time(text)

    def _rewrite(self, value: str, source: str, target: str) -> str:
        match = _reader(source).match(value)
        if match is None:
            raise ConversionError("CB6006", source, describe(value))
        return _TOKENS.sub(lambda part: match[part[0]], target)

    def forward(self, value: str) -> str:
        """To the standard's form; CB6006 when the value has another form or is no legal date."""
        text = self._rewrite(value, self.pattern, self.standard)
        if not self._legal(text):
            raise ConversionError("CB6006", f"a legal {self.standard}", describe(value))
        return text

    def back(self, value: str) -> str:
        """To the vendor's form; CB6006 when the value is no legal date or means absence to the vendor."""
        if not self._legal(value):
            raise ConversionError("CB6006", f"a legal {self.standard}", describe(value))
        text = self._rewrite(value, self.standard, self.pattern)
        if text == self.absent:
            raise ConversionError("CB6006", "a date that the vendor can tell from absence", describe(value))
        return text


def _make(setup: Setup, pattern: str, standard: str, absent: str) -> Conversion:
    chosen = setup.text("pattern", pattern)
    tokens = sorted(_TOKENS.findall(chosen))
    if tokens != sorted(_TOKENS.findall(standard)):
        setup.problem("options.pattern", f"each part of {standard} once", chosen)
        chosen = pattern
    return Stamp(chosen, standard, setup.text("absent", absent))


def make_date_digits(setup: Setup) -> Conversion:
    """``date_digits``: YYYYMMDD; zeros mean absent unless ``absent = ""``."""
    return _make(setup, "YYYYMMDD", "YYYY-MM-DD", "00000000")


def make_date_slash(setup: Setup) -> Conversion:
    """``date_slash``: YYYY/MM/DD, or another ``pattern``; ``absent``."""
    return _make(setup, "YYYY/MM/DD", "YYYY-MM-DD", "")


def make_month_digits(setup: Setup) -> Conversion:
    """``month_digits``: YYYYMM ↔ YYYY-MM, or another ``pattern``; ``absent``."""
    return _make(setup, "YYYYMM", "YYYY-MM", "")


def make_time_digits(setup: Setup) -> Conversion:
    """``time_digits``: hhmmss ↔ hh:mm:ss, or another ``pattern``; ``absent``."""
    return _make(setup, "hhmmss", "hh:mm:ss", "")
