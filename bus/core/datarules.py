"""The data rules of the standard that go beyond a pattern: check digits, lengths, dates, eras, uncertain dates.

Pure functions on strings. A number that is not of the right length and digits is simply not ok; nothing raises
except ``from_wareki`` and the makers of check digits, which are given their input by code and not by a message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, lru_cache
from types import MappingProxyType

from schemas.catalog import HOME, load_code_table
from schemas.model import CodeTable

COMMON_CODES = HOME / "standard" / "1.0" / "common" / "codes"
JAPAN = timezone(timedelta(hours=9))

_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_BAD = re.compile(
    "(?:^|(?<=[\x1f\u3000\ufe00-\ufe0f\U000e0100-\U000e01ef]))[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
    "|[\ue000-\uf8ff\U000f0000-\U000fffff]"
    "|[\u00e0-\u00f0][\u00a1-\u00bf]{2}"
)
_SUSPECT = re.compile(rb"\xef[\x80-\xa3\xb8]")  # UTF-8 of U+F000-F8FF and of U+FE00-FE3F
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LAST_DAY = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
OPEN_START, OPEN_END = "0000-01-01", "9999-12-31"


def length(text: str) -> int:
    """Characters as the standard counts them: a base with its variation selector is one, as is any other character."""
    return len(text) if text.isascii() else len(text) - len(_SELECTORS.findall(text))


def bad_character(text: str) -> int:
    """Position of the first selector without a base, private-use character (planes 0 and 15) or mojibake, or -1.

    A space is no base. Mojibake is the UTF-8 of a Japanese character, read as Latin-1: a letter from U+00E0 to U+00F0
    with two signs from U+00A1 to U+00BF, which no language writes; where one of the signs would be from U+0080 to
    U+00A0, the type N forbids it. U+001F separates values, so that many can be looked at in one call. The bytes are
    looked at first: they tell in a microsecond that an ordinary text holds nothing to look for.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if b"\xf3" not in raw and b"\xee" not in raw and b"\xc2" not in raw and _SUSPECT.search(raw) is None:
        return -1
    match = _BAD.search(text)
    return match.start() if match else -1


def _digits(text: str, count: int) -> bool:
    return len(text) == count and text.isascii() and text.isdigit()


def check_digit_dantaikodo(body: str) -> str:
    """Check digit of 全国地方公共団体コード: weights 6 to 2 over five digits, last digit of 11 - (sum mod 11)."""
    total = sum(int(digit) * weight for digit, weight in zip(body, (6, 5, 4, 3, 2), strict=True))
    return str((11 - total % 11) % 10)


@lru_cache(maxsize=4096)
def dantaikodo_ok(text: str) -> bool:
    """Whether ``text`` is a 6-digit municipality code with its check digit."""
    return _digits(text, 6) and check_digit_dantaikodo(text[:5]) == text[5]


def check_digit_kojinbango(body: str) -> str:
    """Check digit of 個人番号 for its first eleven digits."""
    total = sum(
        int(digit) * (place + 1 if place <= 6 else place - 5)
        for place, digit in zip(range(1, 12), reversed(body), strict=True)
    )
    remainder = total % 11
    return "0" if remainder <= 1 else str(11 - remainder)


def kojinbango_ok(text: str) -> bool:
    """Whether ``text`` is a 12-digit 個人番号 with its check digit."""
    return _digits(text, 12) and check_digit_kojinbango(text[:11]) == text[11]


def check_digit_hojinbango(body: str) -> str:
    """Leading check digit of 法人番号 for the twelve digits that follow it."""
    total = sum(int(digit) * (1 if place % 2 else 2) for place, digit in zip(range(1, 13), reversed(body), strict=True))
    return str(9 - total % 9)


def hojinbango_ok(text: str) -> bool:
    """Whether ``text`` is a 13-digit 法人番号 with its leading check digit."""
    return _digits(text, 13) and check_digit_hojinbango(text[1:]) == text[0]


def check_digit_hokenshabango(body: str) -> str:
    """Check digit of 保険者番号: modulus 10, weights 2 and 1 from the right, digit sums."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        product = int(digit) * (1 if place % 2 else 2)
        total += product // 10 + product % 10
    return str((10 - total % 10) % 10)


def hokenshabango_ok(text: str) -> bool:
    """Whether ``text`` is an 8-digit 保険者番号 with its check digit."""
    return _digits(text, 8) and check_digit_hokenshabango(text[:7]) == text[7]


def modulus10_ok(text: str) -> bool:
    """Whether the last of at least two digits checks those before it, by the rule of 保険者番号, at any length."""
    return len(text) > 1 and _digits(text, len(text)) and check_digit_hokenshabango(text[:-1]) == text[-1]


def check_digit_atenabango(body: str, remainder_one: str = "0") -> str:
    """Check digit of 宛名番号: modulus 11, weights 2 to 7 repeated from the right.

    Remainder 0 gives 0. Remainder 1 is undefined in the source: ``remainder_one`` is what the municipality uses
    (an empty string where such numbers are never issued).
    """
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(body)))
    remainder = total % 11
    if remainder == 0:
        return "0"
    return remainder_one if remainder == 1 else str(11 - remainder)


def atenabango_ok(text: str, remainder_one: str = "0") -> bool:
    """Whether ``text`` is 2 to 15 digits that end in the check digit; numbers issued before keep their form."""
    if not (2 <= len(text) <= 15 and text.isascii() and text.isdigit()):
        return False
    return check_digit_atenabango(text[:-1], remainder_one) == text[-1]


def is_calendar_date(text: str) -> bool:
    """Whether ``text`` is YYYY-MM-DD and a day of the Gregorian calendar (years 0001 to 9999)."""
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def is_standard_date(text: str) -> bool:
    """Whether ``text`` is a DATE of the standard: also 29 February of any year and the open dates are legal."""
    match = _DATE.fullmatch(text)
    if match is None:
        return False
    month, day = int(match[2]), int(match[3])
    return 1 <= month <= 12 and 1 <= day <= _LAST_DAY[month - 1]


def standard_datetime(seconds: float) -> str:
    """Seconds since the epoch as a DATETIME of the standard: ``YYYY-MM-DDThh:mm:ss.sss+09:00``."""
    return datetime.fromtimestamp(seconds, JAPAN).isoformat(timespec="milliseconds")


@dataclass(frozen=True, slots=True)
class Era:
    """An era with its first and last day (inclusive; the last is empty for the present one)."""

    code: str
    name: str
    first: str
    last: str

    @property
    def first_year(self) -> int:
        """The year of the common era that is 元年."""
        return int(self.first[:4])

    def holds(self, day: str) -> bool:
        """Whether ``day`` may be written in this era; the day of a change belongs to both."""
        return self.first <= day <= (self.last or OPEN_END)


@dataclass(frozen=True, slots=True)
class Wareki:
    """A date in an era; ``text`` is how it is written (元年 for the first year)."""

    era: Era
    year: int
    month: int
    day: int

    @property
    def text(self) -> str:
        """For example 昭和64年1月7日."""
        return f"{self.era.name}{'元' if self.year == 1 else self.year}年{self.month}月{self.day}日"


def eras(table: CodeTable) -> tuple[Era, ...]:
    """The eras of the code table 元号, oldest first: a new era is a row, not code."""
    found = (Era(row.code, row.name_ja, row.valid_from, row.valid_to) for row in table.rows)
    return tuple(sorted(found, key=lambda era: era.first))


@cache
def standard_eras() -> tuple[Era, ...]:
    """The eras of the shipped edition."""
    return eras(load_code_table(COMMON_CODES / "gengo.csv"))


def to_wareki(day: str, gengo: str = "", table: Sequence[Era] | None = None) -> Wareki | None:
    """``day`` (YYYY-MM-DD) in its era, or ``None`` where no era holds it.

    On the day of a change the later era is taken unless ``gengo`` (code or name) asks for the earlier one.
    """
    if not is_standard_date(day):
        return None
    for era in reversed(standard_eras() if table is None else table):
        if era.holds(day) and gengo in ("", era.code, era.name) and day not in (OPEN_START, OPEN_END):
            return Wareki(era, int(day[:4]) - era.first_year + 1, int(day[5:7]), int(day[8:]))
    return None


def from_wareki(gengo: str, year: int, month: int, day: int, table: Sequence[Era] | None = None) -> str:
    """YYYY-MM-DD of a date in an era (code or name); ValueError when the era or the day does not exist."""
    for era in standard_eras() if table is None else table:
        if gengo in (era.code, era.name):
            text = f"{era.first_year + year - 1:04d}-{month:02d}-{day:02d}"
            if year >= 1 and is_standard_date(text) and era.holds(text):
                return text
            raise ValueError("the era does not hold this day")
    raise ValueError("there is no such era")


@cache
def _fushobi_pattern() -> re.Pattern[str]:
    """The 14 wordings as one pattern: any era (or 西暦) in place of 令和, digits in either width in place of ○."""
    names = "|".join([*(era.name for era in standard_eras()), "西暦"])
    number = "(?:元|[0-9０-９]{1,4})"
    alternatives = []
    for row in load_code_table(COMMON_CODES / "fushobi.csv").rows:
        pattern = re.sub("○+", number, row.name_ja).replace("令和", f"(?:{names})")
        alternatives.append(re.sub("[ \u3000]", "[ \u3000]?", pattern))
    return re.compile("|".join(alternatives))


def fushobi_ok(text: str) -> bool:
    """Whether ``text`` is one of the 14 legal wordings for an uncertain date."""
    return _fushobi_pattern().fullmatch(text) is not None


def checks() -> Mapping[str, Callable[[str], bool]]:
    """The checks that rows of ``formats.csv`` name in their column ``check``."""
    return MappingProxyType(
        {
            "dantaikodo": dantaikodo_ok,
            "kojinbango": kojinbango_ok,
            "hojinbango": hojinbango_ok,
            "hokenshabango": hokenshabango_ok,
            "modulus10": modulus10_ok,
            "fushobi": fushobi_ok,
            "zenkaku": lambda text: bad_character(text) < 0,
        }
    )
