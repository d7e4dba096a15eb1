"""Names, streets and other towns by frequency, read from the tables in ``data/``."""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

_DATA = Path(__file__).with_name("data")
T = TypeVar("T")

FOREIGN_NAMES = (
    # romaji, kanji, kana, country code, country
    ("ＮＧＵＹＥＮ　ＶＡＮ　ＭＩＮＨ", "", "グエン　ヴァン　ミン", "VNM", "ベトナム"),
    ("ＴＲＡＮ　ＴＨＩ　ＬＡＮ", "", "チャン　ティ　ラン", "VNM", "ベトナム"),
    ("ＷＡＮＧ　ＷＥＩ", "王　偉", "ワン　ウェイ", "CHN", "中国"),
    ("ＬＩ　ＮＡ", "李　娜", "リー　ナ", "CHN", "中国"),
    ("ＫＩＭ　ＭＩＮＪＵＮ", "金　民俊", "キム　ミンジュン", "KOR", "韓国"),
    ("ＰＡＲＫ　ＳＥＯＹＥＯＮ", "朴　書妍", "パク　ソヨン", "KOR", "韓国"),
    ("ＳＡＮＴＯＳ　ＭＡＲＩＡ　ＣＲＵＺ", "", "サントス　マリア　クルス", "PHL", "フィリピン"),
    ("ＳＩＬＶＡ　ＪＯＡＯ　ＰＥＤＲＯ", "", "シルバ　ジョアン　ペドロ", "BRA", "ブラジル"),
    ("ＳＨＲＥＳＴＨＡ　ＲＡＭ", "", "シュレスタ　ラム", "NPL", "ネパール"),
    ("ＳＭＩＴＨ　ＪＡＭＥＳ", "", "スミス　ジェームズ", "USA", "米国"),
    ("ＢＲＯＷＮ　ＥＭＩＬＹ　ＲＯＳＥ", "", "ブラウン　エミリー　ローズ", "GBR", "英国"),
    ("ＳＵＫＡＲＮＯ", "", "スカルノ", "IDN", "インドネシア"),
)


class Weighted(Generic[T]):
    """A list to draw from by weight."""

    def __init__(self, values: Sequence[T], weights: Sequence[int]) -> None:
        self._values = tuple(values)
        self._sums = tuple(accumulate(weights))

    def draw(self, rng: Random) -> T:
        """One value."""
        return self._values[bisect_right(self._sums, rng.randrange(self._sums[-1]))]


@dataclass(frozen=True, slots=True)
class Street:
    """A 町字 of the town. ``style`` is ``go`` (住居表示, 番・号) or ``banchi`` (地番)."""

    code: str
    choaza: str
    postal: str
    style: str


@dataclass(frozen=True, slots=True)
class OtherTown:
    """Another municipality."""

    code: str
    prefecture: str
    name: str


@dataclass(frozen=True, slots=True)
class Names:
    """All tables, loaded once per town."""

    families: Weighted[tuple[str, str]]
    given: dict[tuple[str, int], Weighted[tuple[str, str]]]
    streets: Weighted[Street]
    all_streets: tuple[Street, ...]
    towns: tuple[OtherTown, ...]

    def family(self, rng: Random) -> tuple[str, str]:
        """A family name in kanji and katakana."""
        return self.families.draw(rng)

    def given_name(self, rng: Random, sex: str, birth: date) -> tuple[str, str]:
        """A given name usual for the sex and the decade of birth."""
        decade = min(max(birth.year // 10, 191), 202)
        return self.given[sex, decade].draw(rng)

    def street(self, choaza: str) -> Street:
        """The street of that 町字 (StopIteration when there is none)."""
        return next(street for street in self.all_streets if street.choaza == choaza)


def load() -> Names:
    """Read the tables."""
    families = _rows("surnames.csv")
    given = _rows("given.csv")
    streets = _rows("towns.csv")
    by_decade = {}
    for sex in ("1", "2"):
        for decade in range(191, 203):
            year = decade * 10
            fits = [row for row in given if row["sex"] == sex and int(row["from"]) <= year + 5 <= int(row["to"])]
            fits = fits or [row for row in given if row["sex"] == sex]
            by_decade[sex, decade] = Weighted(
                [(row["kanji"], row["kana"]) for row in fits], [int(row["weight"]) for row in fits]
            )
    all_streets = tuple(Street(row["code"], row["choaza"], row["postal"], row["style"]) for row in streets)
    return Names(
        families=Weighted([(row["kanji"], row["kana"]) for row in families], [int(row["weight"]) for row in families]),
        given=by_decade,
        streets=Weighted(all_streets, [int(row["weight"]) for row in streets]),
        all_streets=all_streets,
        towns=tuple(OtherTown(row["code"], row["prefecture"], row["name"]) for row in _rows("municipalities.csv")),
    )


def _rows(name: str) -> list[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
