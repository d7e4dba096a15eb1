"""Japanese era dates: wareki (one item) and wareki_gengo (one vendor item, era code and date of the standard)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

from adapters.mapping.conversions.base import Conversion, ConversionError, Scalar, Setup
from adapters.sdk.errors import describe
from bus.core.datarules import Era, eras, from_wareki, standard_eras, to_wareki

_LETTERS = MappingProxyType({"明治": "M", "大正": "T", "昭和": "S", "平成": "H", "令和": "R"})
_TOKENS = re.compile("G|A|K|YYY|YY|MM|DD")
_STANDARD = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")


@dataclass(frozen=True, slots=True)
class EraForm:
    """How a vendor writes an era date: G era code, A letter, K kanji, then YY (or YYY), MM, DD and other marks."""

    pattern: str
    table: tuple[Era, ...]

    def _era_texts(self, kind: str) -> dict[str, str]:
        """The vendor's text of each era, to its code."""
        if kind == "G":
            return {era.code: era.code for era in self.table}
        if kind == "K":
            return {era.name: era.code for era in self.table}
        return {_LETTERS.get(era.name, ""): era.code for era in self.table if era.name in _LETTERS}

    def reader(self) -> re.Pattern[str]:
        """A pattern with the groups era, year, month, day."""
        pieces: list[str] = []
        position = 0
        for match in _TOKENS.finditer(self.pattern):
            pieces.append(re.escape(self.pattern[position : match.start()]))
            part = match[0]
            if part in "GAK":
                pieces.append("(?P<era>" + "|".join(map(re.escape, self._era_texts(part))) + ")")
            else:
                name = {"Y": "year", "M": "month", "D": "day"}[part[0]]
                pieces.append(f"(?P<{name}>[0-9]{{{len(part)}}})")
            position = match.end()
        return re.compile("".join(pieces) + re.escape(self.pattern[position:]) + r"\Z")

    def era_codes(self) -> dict[str, str]:
        """The vendor's era text to the era's code."""
        kind = next((match[0] for match in _TOKENS.finditer(self.pattern) if match[0] in "GAK"), "G")
        return self._era_texts(kind)

    def write(self, era: str, year: int, month: int, day: int) -> str:
        """The date in the vendor's form; CB6006 when the year has too many digits or the era has no text."""
        texts = {code: text for text, code in self.era_codes().items()}

        def part(match: re.Match[str]) -> str:
            found = match[0]
            if found in "GAK":
                return texts[era]
            number = {"Y": year, "M": month, "D": day}[found[0]]
            return str(number).rjust(len(found), "0")

        width = max(len(match[0]) for match in _TOKENS.finditer(self.pattern) if match[0][0] == "Y")
        if era not in texts or len(str(year)) > width:
            raise ConversionError("CB6006", f"an era and year that fit {self.pattern}")
        return _TOKENS.sub(part, self.pattern)


@dataclass(frozen=True, slots=True)
class EraDate:
    """Vendor text ↔ (era code, YYYY-MM-DD), with the vendor's texts for absence and the open dates.

    ``western`` is the form ``YYYY…`` that the vendor uses where there is no era; it gives the era code ``""``.
    """

    form: EraForm
    reader: re.Pattern[str]
    codes: dict[str, str]
    western: str = ""
    open_start: str = ""
    open_end: str = ""

    def parse(self, value: str) -> tuple[str, str]:
        """Era code and date; CB6006 when neither form fits or the era does not hold the day."""
        for text, day in ((self.open_start, "0000-01-01"), (self.open_end, "9999-12-31")):
            if text and value == text:
                return "", day
        match = self.reader.match(value)
        if match is not None:
            era = self.codes[match["era"]]
            numbers = (int(match["year"]), int(match["month"]), int(match["day"]))
            try:
                return era, from_wareki(era, *numbers, self.form.table)
            except ValueError as error:
                raise ConversionError("CB6006", "a day that the era holds", describe(value)) from error
        return "", self._western_in(value)

    def _western_in(self, value: str) -> str:
        pattern = re.escape(self.western).replace("YYYY", "(?P<y>[0-9]{4})")
        pattern = pattern.replace("MM", "(?P<m>[0-9]{2})").replace("DD", "(?P<d>[0-9]{2})")
        match = re.fullmatch(pattern, value) if self.western else None
        if match is None:
            expected = f"{self.form.pattern} or {self.western}" if self.western else self.form.pattern
            raise ConversionError("CB6006", expected, describe(value))
        return f"{match['y']}-{match['m']}-{match['d']}"

    def write(self, era: str, day: str) -> str:
        """The vendor's text of a date, in the era asked for."""
        if not era and day == "0000-01-01" and self.open_start:
            return self.open_start
        if not era and day == "9999-12-31" and self.open_end:
            return self.open_end
        match = _STANDARD.match(day)
        if match is None:
            raise ConversionError("CB6006", "YYYY-MM-DD", describe(day))
        if not era and self.western:
            text = self.western.replace("YYYY", match[1]).replace("MM", match[2])
            return text.replace("DD", match[3])
        found = to_wareki(day, era, self.form.table)
        if found is None:
            raise ConversionError("CB6006", "a day that an era holds", describe(day))
        return self.form.write(found.era.code, found.year, found.month, found.day)


@dataclass(frozen=True, slots=True)
class WarekiDate(Scalar):
    """One vendor item ↔ one DATE. The days on which an era changes have two vendor forms: one of them is a loss."""

    inner: EraDate
    absent: str = ""

    def forward(self, value: str) -> str:
        """To YYYY-MM-DD."""
        return self.inner.parse(value)[1]

    def back(self, value: str) -> str:
        """To the vendor's form, in the later era on a day of change."""
        return self.inner.write("", value)


@dataclass(frozen=True, slots=True)
class WarekiGengo:
    """One vendor item ↔ the standard's era code and DATE: nothing is lost on a day of change."""

    inner: EraDate
    absent: str = ""
    arity = (1, 2)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Era code and date."""
        (value,) = values
        return ("", "") if value == self.absent else self.inner.parse(value)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The vendor's text; CB6006 when there is an era without a date, or no era and no western form."""
        era, day = values
        if not day:
            if era:
                raise ConversionError("CB6006", "a date with its era", "an era alone", index=1)
            return (self.absent,)
        return (self.inner.write(era, day),)


def _inner(setup: Setup, western: str = "") -> EraDate:
    pattern = setup.text("pattern", "GYYMMDD")
    names = [match[0] for match in _TOKENS.finditer(pattern)]
    kinds = sorted(name[0] if name[0] not in "GAK" else "E" for name in names)
    if kinds != ["D", "E", "M", "Y"]:
        setup.problem("options.pattern", "one of G A K, and YY MM DD", pattern)
        pattern = "GYYMMDD"
    gengo = setup.codes.get("gengo")
    form = EraForm(pattern, eras(gengo) if gengo else standard_eras())
    if western and sorted(re.findall("YYYY|MM|DD", western)) != ["DD", "MM", "YYYY"]:
        setup.problem("options.western", "YYYY, MM and DD once each", western)
        western = ""
    return EraDate(form, form.reader(), form.era_codes(), western, setup.text("open_start"), setup.text("open_end"))


def make_wareki(setup: Setup) -> Conversion:
    """``wareki``: ``pattern`` (GYYMMDD), ``absent``, ``open_start``, ``open_end``."""
    return WarekiDate(_inner(setup), setup.text("absent"))


def make_wareki_gengo(setup: Setup) -> Conversion:
    """``wareki_gengo``: as ``wareki``, and ``western``; standard items are the era code, then the date."""
    return WarekiGengo(_inner(setup, setup.text("western")), setup.text("absent"))
