"""Kinship inside a household and the 続柄 that follows from it: composed codes, at most four generations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

MOST_STEPS = 4
ENKOSHA, DOKYONIN, HEAD = "96", "99", "02"
NAMES = {
    "02": "世帯主",
    "11": "夫",
    "12": "妻",
    "13": "夫（未届）",
    "14": "妻（未届）",
    "20": "子",
    "51": "父",
    "52": "母",
    "71": "兄",
    "74": "弟",
    "81": "姉",
    "84": "妹",
    "96": "縁故者",
    "99": "同居人",
}


@dataclass(slots=True)
class Kin:
    """How a person is tied to others; ids are 宛名番号. ``tie`` is 99 for a 同居人 without kinship."""

    sex: str
    birth: date
    parents: tuple[str, ...] = ()
    spouse: str = ""
    mitodoke: bool = False
    tie: str = ""


@dataclass(frozen=True, slots=True)
class Relation:
    """A 続柄: one to four codes and their text (``子の妻``)."""

    codes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The codes' names joined by の."""
        return "の".join(NAMES[code] for code in self.codes)

    def items(self) -> dict[str, str]:
        """The standard items that carry it; unused codes are empty."""
        filled = self.codes + ("",) * (MOST_STEPS - len(self.codes))
        return {f"tsuzukigara_kodo{place}": code for place, code in enumerate(filled, start=1)} | {
            "tsuzukigara_hyoki": self.text
        }


def relation(head: str, person: str, household: Mapping[str, Kin]) -> Relation:
    """続柄 of ``person`` to ``head``: the shortest way through the family, 縁故者 when it is longer than four steps."""
    if head == person:
        return Relation((HEAD,))
    seen = {head}
    edge: list[tuple[str, tuple[str, ...]]] = [(head, ())]
    for _ in range(MOST_STEPS):
        further: list[tuple[str, tuple[str, ...]]] = []
        for at, way in edge:
            for code, other in _ties(at, household):
                if other in seen:
                    continue
                if other == person:
                    return Relation((*way, code))
                seen.add(other)
                further.append((other, (*way, code)))
        edge = further
    alone = DOKYONIN in (household[person].tie, household[head].tie)
    return Relation((DOKYONIN,) if alone else (ENKOSHA,))


def _ties(at: str, household: Mapping[str, Kin]) -> Iterator[tuple[str, str]]:
    """One step: spouse, children, parents, brothers and sisters, in this order."""
    me = household[at]
    male = {"spouse": "11", "parent": "51"}
    if me.spouse in household:
        other = household[me.spouse]
        code = male["spouse"] if other.sex == "1" else "12"
        yield (str(int(code) + 2) if me.mitodoke else code), me.spouse
    for name, other in household.items():
        if at in other.parents:
            yield "20", name
    for name in me.parents:
        if name in household:
            yield (male["parent"] if household[name].sex == "1" else "52"), name
    for name, other in household.items():
        if name != at and set(me.parents) & set(other.parents):
            older = (other.birth, name) < (me.birth, at)
            yield (("71" if older else "74") if other.sex == "1" else ("81" if older else "84")), name
