"""A town in memory: every resident with all records, changes applied to it, and its truth at any base date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from adapters.population import generate
from adapters.population.days import shifted
from adapters.population.generate import BASE_DATE, Registrar, Resident
from adapters.population.kin import Kin, relation
from adapters.population.kinds import RESIDENT, Kind
from adapters.population.record import MUNICIPALITY, Record, event_items, household_items, successor


@dataclass(frozen=True, slots=True)
class Event:
    """One record that came into being: what a notice carries. Its key is (宛名番号, 履歴番号)."""

    atenabango: str
    kind: Kind
    record: Record


@dataclass(frozen=True, slots=True)
class Change:
    """What one report at the counter causes: one event for every person it touches, in the order they are sent.

    ``heads`` keeps the household heads from before (empty where the household is new), so that the change can
    be taken back; ``touched`` names the households that had a part in it.
    """

    number: int
    kind: Kind
    events: tuple[Event, ...]
    heads: tuple[tuple[str, str], ...] = ()
    touched: frozenset[str] = frozenset()


@dataclass(slots=True)
class Town:
    """The register of a town. Build it with ``Town.generate``; change it with ``changes``."""

    seed: int
    size: int
    municipality: str
    base_date: date
    registrar: Registrar
    people: dict[str, Resident] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    heads: dict[str, str] = field(default_factory=dict)
    households: dict[str, list[str]] = field(default_factory=dict)
    log: list[Change] = field(default_factory=list)
    last_touched: dict[str, int] = field(default_factory=dict)
    deck: list[Kind] = field(default_factory=list)
    records_changed: int = 0
    per_day: int = 10

    @classmethod
    def generate(cls, size: int, seed: int, *, municipality: str = MUNICIPALITY, base_date: date = BASE_DATE) -> Town:
        """The town of that size and seed as of ``base_date``."""
        town = cls(seed, size, municipality, base_date, Registrar(municipality))
        for resident in generate.households(town.registrar, size, seed, base_date):
            town._admit(resident)
            if resident.current.get("tsuzukigara_kodo1") == "02":
                town.heads[resident.current["setaibango"]] = resident.atenabango
        return town

    @property
    def today(self) -> date:
        """The day of the next change: ``per_day`` records are written on each day after the base date."""
        return shifted(self.base_date, self.records_changed // self.per_day)

    def current(self) -> Iterator[Record]:
        """The present record of everybody ever registered, in order of registration."""
        for atenabango in self.order:
            yield self.people[atenabango].current

    def state(self, atenabango: str, on: date | None = None) -> Record | None:
        """The truth about a person on a day: the record with the highest 履歴番号 among those in force by then.

        ``None`` when there was no such person then. 最新フラグ says whether it is still the present record.
        """
        resident = self.people.get(atenabango)
        if resident is None:
            return None
        if on is None:
            return resident.current
        limit = on.isoformat()
        return next((record for record in reversed(resident.history) if record["ido_nengappi"] <= limit), None)

    def household_state(self, setaibango: str, on: date | None = None) -> list[Record]:
        """Everybody who was a resident in that household on a day, in the order of 記載順位 and 宛名番号."""
        states = (self.state(atenabango, on) for atenabango in self.order)
        found = [
            state for state in states if state and state["setaibango"] == setaibango and state["juminjotai"] == RESIDENT
        ]
        return sorted(found, key=lambda record: (int(record.get("kisaijuni", "0")), record["atenabango"]))

    def changes(self, n: int, seed: int | None = None) -> Iterator[Change]:
        """Apply and yield changes until exactly ``n`` events (records, notices) have come into being.

        Every one of the 37 異動事由 occurs when ``n`` is 1,000 or more. Without ``seed`` the town's own is used.
        """
        from adapters.population.changes import play  # noqa: PLC0415 - changes build on the town

        return play(self, n, self.seed if seed is None else seed)

    def members(self, setaibango: str) -> list[Resident]:
        """The present residents of a household."""
        return [self.people[name] for name in self.households.get(setaibango, ())]

    def pick(self, rng: Random) -> Resident:
        """Anybody ever registered."""
        return self.people[self.order[rng.randrange(len(self.order))]]

    def append(self, resident: Resident, kind: Kind, on: date, reported: date, updates: Record) -> Event:
        """Write the next record of a person and return the event."""
        before = resident.current
        items = event_items(kind, on, reported, self.registrar.sequences)
        after = successor(before, items | updates)
        resident.history[-1] = {**before, "saishinfuragu": "0"}
        resident.history.append(after)
        self._move(resident.atenabango, before, after)
        self.records_changed += 1
        return Event(resident.atenabango, kind, after)

    def enter(self, resident: Resident) -> Event:
        """Take in a new person with its first record and return the event."""
        self._admit(resident)
        self.records_changed += 1
        return Event(resident.atenabango, Kind(resident.current["ido_jiyu"]), resident.current)

    def relation_items(self, resident: Resident, setaibango: str = "") -> Record:
        """続柄 and 世帯主 of a member as they now follow from the household's head."""
        household = setaibango or resident.current["setaibango"]
        head = self.heads.get(household)
        if head is None:
            return household_items(None, "")
        kin: dict[str, Kin] = {name: self.people[name].kin for name in self.households.get(household, ())}
        kin |= {head: self.people[head].kin, resident.atenabango: resident.kin}
        return household_items(relation(head, resident.atenabango, kin), self.people[head].current["shimei"])

    def _admit(self, resident: Resident) -> None:
        self.people[resident.atenabango] = resident
        self.order.append(resident.atenabango)
        self._move(resident.atenabango, {}, resident.current)

    def _move(self, atenabango: str, before: Record, after: Record) -> None:
        old = before.get("setaibango", "") if before.get("juminjotai") == RESIDENT else ""
        new = after["setaibango"] if after["juminjotai"] == RESIDENT else ""
        if old == new:
            return
        if old:
            self.households[old].remove(atenabango)
        if new:
            self.households.setdefault(new, []).append(atenabango)
