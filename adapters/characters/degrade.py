"""Degrade a glyph to a smaller set, with the source of every step, never by itself where people would disagree.

The MJ縮退マップ gives candidates from ten sources. 類推 and 辞書 are never used automatically, several candidates of
the same evidence are ambiguous, and nothing leads back: the original is part of every answer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from adapters.characters.mj import Glyph, mj
from adapters.characters.resources import data
from adapters.characters.units import units

EVIDENCE = (
    "JIS包摂規準UCS統合規則",
    "戸籍統一文字情報_親字正字",
    "法務省告示582号別表第四_一",
    "法務省告示582号別表第四_二",
    "民一2842号通達別表_誤字俗字正字一覧表_無印",
    "民一2842号通達別表_誤字俗字正字一覧表_俗字",
    "民一2842号通達別表_誤字俗字正字一覧表_別字",
    "民二5202号通知別表_正字俗字等対照表",
    "読み字形による類推",
    "辞書類等による関連字",
)
"""The sources, the strongest first."""
BY_PEOPLE_ONLY = frozenset({"読み字形による類推", "辞書類等による関連字"})
WEAKEST_AUTOMATIC = EVIDENCE[-3]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way down: to ``text`` by ``source``; ``rank`` is the source's own order or number of hops (1 the best)."""

    text: str
    source: str
    rank: int = 0

    @property
    def automatic(self) -> bool:
        """Whether this source may decide without a person."""
        return self.source not in BY_PEOPLE_ONLY


@dataclass(frozen=True, slots=True)
class Degradation:
    """The answer for one glyph: ``text`` is empty unless exactly one candidate has the strongest evidence admitted.

    ``candidates`` are all those in the target set, the strongest first; ``ambiguous`` says that several share the
    strongest evidence. ``same`` says that nothing had to be degraded.
    """

    original: str
    text: str
    candidates: tuple[Candidate, ...] = ()
    ambiguous: bool = False
    same: bool = False

    @property
    def source(self) -> str:
        """The source that decided, ``""`` when none did."""
        return self.candidates[0].source if self.text and self.candidates else ""


@cache
def _map() -> Mapping[str, tuple[Candidate, ...]]:
    columns = json.loads(data("mj_degrade.json.xz"))
    names = columns["tables"].split("\n")
    found: dict[str, list[Candidate]] = defaultdict(list)
    rows = zip(*(columns[name].split("\n") for name in ("table", "mj", "ucs", "rank")), strict=True)
    for table, number, text, rank in rows:
        found[f"MJ{number}"].append(Candidate(text, names[int(table)], int(rank or 0)))
    order = {name: at for at, name in enumerate(EVIDENCE)}
    return {
        name: tuple(sorted(some, key=lambda one: (order[one.source], one.rank, one.text)))
        for name, some in found.items()
    }


def candidates(glyph: Glyph) -> tuple[Candidate, ...]:
    """Every candidate of the map, the strongest evidence first."""
    return _map().get(glyph.mj, ())


def degrade(glyph: Glyph, admits: Callable[[str], bool], least: str = WEAKEST_AUTOMATIC) -> Degradation:
    """The glyph in a set that ``admits`` texts, on evidence no weaker than ``least`` (a name of EVIDENCE).

    Raises ValueError for a ``least`` that only people may use, or that is no source.
    """
    if least in BY_PEOPLE_ONLY:
        raise ValueError(f"{least}: decided by people only")
    weakest = EVIDENCE.index(least)
    own = glyph.carrier()
    for text in dict.fromkeys((own, glyph.carrier("ivs"))):
        if text and admits(text):
            return Degradation(own, text, same=True)
    found = tuple(one for one in candidates(glyph) if admits(one.text))
    sure = [one for one in found if one.automatic and EVIDENCE.index(one.source) <= weakest]
    if not sure:
        return Degradation(own, "", found)
    best = {one.text for one in sure if (one.source, one.rank) == (sure[0].source, sure[0].rank)}
    if len(best) > 1:
        return Degradation(own, "", found, ambiguous=True)
    return Degradation(own, sure[0].text, found)


def degrade_text(text: str, admits: Callable[[str], bool], least: str = WEAKEST_AUTOMATIC) -> tuple[Degradation, ...]:
    """Each unit of a text; a unit outside the MJ list that is not admitted has no candidates."""
    answers = []
    for unit in units(text):
        glyph = None if admits(unit) else mj().by_text(unit)
        if glyph is not None:
            answers.append(degrade(glyph, admits, least))
        else:
            same = admits(unit)
            answers.append(Degradation(unit, unit if same else "", same=same))
    return tuple(answers)
