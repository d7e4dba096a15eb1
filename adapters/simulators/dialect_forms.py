"""How single values and groups of values are written by the fictitious vendors: forms by name, both directions.

A form takes as many values of the standard as its rule has items, and gives as many texts as it has columns. Nothing
here is shared with the conversions of the adapters' mappings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from adapters.simulators.kana_forms import full, half, hira, kata

Texts = tuple[str, ...]

SPACE: Final = "\u3000"
_ERAS: Final = (
    ("5", "R", 2019, "2019-05-01"),
    ("4", "H", 1989, "1989-01-08"),
    ("3", "S", 1926, "1926-12-25"),
    ("2", "T", 1912, "1912-07-30"),
    ("1", "M", 1868, "1868-01-25"),
)
_OPEN: Final = MappingProxyType({"0000-01-01": "0000000", "9999-12-31": "9999999"})
_OPEN_LETTERS: Final = MappingProxyType({"0000-01-01": "-", "9999-12-31": "R99.12.31"})
_WIDE: Final = str.maketrans("0123456789", "０１２３４５６７８９")
_DIGITS: Final = "０１２３４５６７８９"
_LOT_MARKS: Final = _DIGITS + "番地号の－"
_CHOME: Final = re.compile("(.+?)([一二三四五六七八九十]+)丁目")
MINUS, PLUS = "減", "増"
"""How vendor C writes the sign of an amount, in a column of its own."""


def _era_of(day: str) -> tuple[str, str, int]:
    code, letter, first, _ = next(era for era in _ERAS if day >= era[3])
    return code, letter, int(day[:4]) - first + 1


def to_wareki(day: str) -> str:
    """YYYY-MM-DD as seven digits, open ends as 0000000 and 9999999."""
    if day in _OPEN:
        return _OPEN[day]
    code, _, year = _era_of(day)
    return f"{code}{year:02d}{day[5:7]}{day[8:]}"


def from_wareki(text: str) -> str:
    """The way back."""
    back = {theirs: ours for ours, theirs in _OPEN.items()}
    if text in back:
        return back[text]
    first = next(era[2] for era in _ERAS if era[0] == text[0])
    return f"{first + int(text[1:3]) - 1:04d}-{text[3:5]}-{text[5:]}"


def to_letters(day: str) -> str:
    """YYYY-MM-DD as S53.04.01."""
    if day in _OPEN_LETTERS:
        return _OPEN_LETTERS[day]
    _, letter, year = _era_of(day)
    return f"{letter}{year:02d}.{day[5:7]}.{day[8:]}"


def from_letters(text: str) -> str:
    """The way back."""
    back = {theirs: ours for ours, theirs in _OPEN_LETTERS.items()}
    if text in back:
        return back[text]
    first = next(era[2] for era in _ERAS if era[1] == text[0])
    return f"{first + int(text[1:3]) - 1:04d}-{text[4:6]}-{text[7:]}"


@cache
def _numbers() -> Mapping[str, int]:
    """Kanji numbers from 1 to 99."""
    ones = ["", *"一二三四五六七八九"]
    tens = ["", "十", *(f"{one}十" for one in ones[2:])]
    return {ten + one: at * 10 + by for at, ten in enumerate(tens) for by, one in enumerate(ones) if ten + one}


def _town(values: Texts) -> Texts:
    """霞が関二丁目 as 霞が関 and ２."""
    match = _CHOME.fullmatch(values[0])
    if match is None or match[2] not in _numbers():
        return values[0], ""
    return match[1], str(_numbers()[match[2]]).translate(_WIDE)


def _town_back(texts: Texts) -> Texts:
    names = {str(number).translate(_WIDE): kanji for kanji, number in _numbers().items()}
    return (f"{texts[0]}{names[texts[1]]}丁目" if texts[1] else texts[0],)


def _two(text: str, mark: str) -> Texts:
    first, _, second = text.partition(mark)
    return first, second


def _both(texts: Texts, mark: str) -> Texts:
    return (f"{texts[0]}{mark}{texts[1]}" if texts[1] else texts[0],)


def _lines(values: Texts) -> Texts:
    """Town and lot in one long field; a building in a second."""
    return (values[0] + values[1], *values[2:])


def _lines_back(texts: Texts) -> Texts:
    first = texts[0]
    at = len(first)
    while at and first[at - 1] in _LOT_MARKS:
        at -= 1
    while at < len(first) and first[at] not in _DIGITS:
        at += 1
    return (first[:at], first[at:], *texts[1:])


def _counted(values: Texts) -> Texts:
    """A name without its space, and how many characters of it are the family name."""
    family, space, given = values[0].partition(SPACE)
    return family + given, str(len(family)) if space else ""


def _counted_back(texts: Texts) -> Texts:
    name, count = texts
    return (f"{name[: int(count)]}{SPACE}{name[int(count) :]}" if count else name,)


def _signed(values: Texts) -> Texts:
    (text,) = values
    if not text:
        return "", ""
    return (MINUS, text[1:]) if text.startswith("-") else (PLUS, text)


def _signed_back(texts: Texts) -> Texts:
    return (f"-{texts[1]}" if texts[0] == MINUS else texts[1],)


def _hira(values: Texts) -> Texts:
    first, second = _two(values[0], SPACE)
    return hira(first), hira(second)


def _hira_back(texts: Texts) -> Texts:
    return _both((kata(texts[0]), kata(texts[1])), SPACE)


def _filled(values: Texts) -> Texts:
    """How many occurrences of a repeated item are there; nothing for none."""
    return (str(sum(1 for value in values if value) or ""),)


_SINGLE: Final[Mapping[str, tuple[Callable[[str], str], Callable[[str], str]]]] = MappingProxyType(
    {
        "copy": (str, str),
        "flag": ({"1": "Y", "0": "N"}.__getitem__, {"Y": "1", "N": "0"}.__getitem__),
        "arinashi": ({"1": "有", "0": "無"}.__getitem__, {"有": "1", "無": "0"}.__getitem__),
        "wareki": (to_wareki, from_wareki),
        "letters": (to_letters, from_letters),
        "month": (lambda value: value.replace("-", ""), lambda text: f"{text[:4]}-{text[4:]}"),
        "time": (lambda value: value.replace(":", ""), lambda text: f"{text[:2]}:{text[2:4]}:{text[4:]}"),
        "half": (half, full),
        "hira": (hira, kata),
        "postal": (lambda value: f"{value[:3]}-{value[3:]}", lambda text: text.replace("-", "")),
        "pension": (lambda value: f"{value[:4]}-{value[4:]}", lambda text: text.replace("-", "")),
    }
)
_SEVERAL: Final[Mapping[str, tuple[Callable[[Texts], Texts], Callable[[Texts], Texts]]]] = MappingProxyType(
    {
        "counted": (_counted, _counted_back),
        "two": (lambda values: _two(values[0], SPACE), lambda texts: _both(texts, SPACE)),
        "hira2": (_hira, _hira_back),
        "lines": (_lines, _lines_back),
        "town": (_town, _town_back),
        "lot": (lambda values: _two(values[0], "－"), lambda texts: _both(texts, "－")),
        "sign": (_signed, _signed_back),
        "filled": (_filled, lambda _: ()),
    }
)


def written(form: str, values: Texts) -> Texts:
    """Values of the standard in a form; absent ones are empty texts. KeyError for what the form cannot write."""
    if form in _SEVERAL:
        return _SEVERAL[form][0](values)
    return tuple(_SINGLE[form][0](value) if value else "" for value in values)


def read(form: str, texts: Texts) -> Texts:
    """The way back."""
    if form in _SEVERAL:
        return _SEVERAL[form][1](texts)
    return tuple(_SINGLE[form][1](text) if text else "" for text in texts)
