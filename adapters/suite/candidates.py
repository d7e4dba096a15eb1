"""Values that may stand in an item of the standard, by type, form and code table, awkward ones first; all synthetic."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from adapters.mapping.item_check import item_check
from adapters.population.records import value
from bus.core.datarules import (
    check_digit_dantaikodo,
    check_digit_hojinbango,
    check_digit_hokenshabango,
    check_digit_kojinbango,
)
from schemas.model import Item, Unit

KANJI = "総務翔子霞山川田中村上下東西南北春夏秋冬一二三四五六七八九十百千大小高橋本木林森石井清水藤原池松竹梅桜"
KANA = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワンガ"
    "ギグゲゴザジズダヂヅデドバビブパピプャュョッー"
)
WIDE_DIGITS = "０１２３４５６７８９"
_DATES = (
    "0000-01-01",
    "9999-12-31",
    "1912-07-29",
    "1912-07-30",
    "1926-12-24",
    "1926-12-25",
    "1951-01-01",
    "1989-01-07",
    "1989-01-08",
    "2001-02-29",
    "2019-04-30",
    "2019-05-01",
    "2024-02-29",
)
_SPECIAL = ("年月日不詳", "令和５年頃", "昭和２０年春", "霞が関二丁目", "霞が関", "北一条西二十丁目")
_TEXTS = (
    "総務　翔子",
    "ソウム　ショウコ",
    "総務",
    "ソウム",
    "１－２－３",
    "メゾン霞が関　１０１号室",
    "Ｊｏｈｎ　Ｓｍｉｔｈ",
)


def candidates(item: Item, unit: Unit, random: Random, count: int = 24) -> list[str]:
    """Up to ``count`` different values that the item accepts, the awkward ones first."""
    check = item_check(item, unit)
    found: dict[str, None] = {}
    if item.code in unit.codes:
        found = dict.fromkeys(row.code for row in unit.codes[item.code].rows)
    else:
        for value in (*_fixed(item), *(_made(item, unit, random) for _ in range(count * 4))):
            if value and check.fault(value) is None:
                found.setdefault(value)
            if len(found) >= count:
                break
    return [value for value in found if check.fault(value) is None]


def _fixed(item: Item) -> tuple[str, ...]:
    if item.type == "DATE":
        return _DATES
    if item.type == "N":
        return (*_SPECIAL, *_TEXTS)
    if item.type in ("9", "9V", "S9"):
        return ("0", "1", "9" * item.digits, "-1", "-" + "9" * (item.digits - 1))
    return ()


def _digits(random: Random, count: int) -> str:
    return "".join(random.choices("0123456789", k=count))


def _made(item: Item, unit: Unit, random: Random) -> str:
    """One random value that fits most items of its kind; the caller checks."""
    makers: dict[str, Callable[[], str]] = {
        "dantaikodo": lambda: (body := _digits(random, 5)) + check_digit_dantaikodo(body),
        "kojinbango": lambda: (body := _digits(random, 11)) + check_digit_kojinbango(body),
        "hojinbango": lambda: check_digit_hojinbango(body := _digits(random, 12)) + body,
        "hokenshabango": lambda: (body := _digits(random, 7)) + check_digit_hokenshabango(body),
        "nengetsu": lambda: f"{random.randint(1900, 2099)}-{random.randint(1, 12):02d}",
        "shimei": lambda: _words(random, KANJI, 20),
        "DATE": lambda: f"{random.randint(1868, 2060)}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}",
        "TIME": lambda: f"{random.randint(0, 23):02d}:{random.randint(0, 59):02d}:{random.randint(0, 59):02d}",
        "DATETIME": lambda: f"{random.randint(2000, 2060)}-01-{random.randint(1, 28):02d}T09:00:00+09:00",
        "YEAR": lambda: str(random.randint(1900, 2099)),
        "X": lambda: _digits(random, item.digits if random.random() < 0.6 else random.randint(1, item.digits)),
        "N": lambda: _text(item, random),
    }
    if item.format and item.format not in makers:
        return value(unit, item, random) if random.random() < 0.5 else makers["X"]()
    make = makers.get(item.format) or makers.get(item.type)
    return make() if make else str(random.randint(0, 10 ** random.randint(1, item.digits) - 1))


def _text(item: Item, random: Random) -> str:
    kana = "furigana" in item.name or random.random() < 0.2
    return _words(random, KANA if kana else KANJI + WIDE_DIGITS, item.digits)


def _words(random: Random, characters: str, digits: int) -> str:
    words = ["".join(random.choices(characters, k=random.randint(1, 6))) for _ in range(random.randint(1, 2))]
    return "　".join(words)[:digits].strip("　")
