"""The residents of a town, one household after the other, without holding the town in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from random import Random

from adapters.population import cases
from adapters.population.days import shifted
from adapters.population.drafts import ABSENT_PARENT, Address, Draft, Household, draw_household
from adapters.population.kin import Kin, Relation, relation
from adapters.population.kinds import Kind
from adapters.population.names import Names, load
from adapters.population.numbers import Sequences
from adapters.population.record import (
    MUNICIPALITY,
    Record,
    address_items,
    clean,
    event_items,
    first_record,
    person_items,
    successor,
)

BASE_DATE = date(2025, 12, 1)
"""The day as of which a town exists by default: a month before the 賦課期日 of the tax year 2026."""
_SHARED = 0.05
"""Share of households that live at the same address as the one before (separate households in one house)."""


@dataclass(slots=True)
class Resident:
    """A person with all records, 履歴番号 rising; the last one is the present state."""

    atenabango: str
    kin: Kin
    history: list[Record]
    cases: tuple[str, ...] = ()

    @property
    def current(self) -> Record:
        """The record with the highest 履歴番号."""
        return self.history[-1]


@dataclass(slots=True)
class Registrar:
    """Turns drafts into residents and hands out the town's numbers."""

    municipality: str
    names: Names = field(default_factory=load)
    sequences: Sequences = field(default_factory=Sequences)

    def register(self, household: Household, today: date, rng: Random) -> list[Resident]:
        """Number a household and write the records of all its members up to ``today``."""
        setaibango = self.sequences.setaibango()
        atena = [self.sequences.atenabango() for _ in household.members]
        kin = {number: _kin(draft, atena, setaibango) for number, draft in zip(atena, household.members, strict=True)}
        relations: list[Relation | None] = [
            None if household.misettei else relation(atena[0], number, kin) for number in atena
        ]
        people = [
            clean(person_items(draft, today, rng, self.sequences, numbered=True) | draft.overrides)
            for draft in household.members
        ]
        head_name = people[0]["shimei"]
        residents = []
        for place, draft in enumerate(household.members):
            on, kind = _arrival(draft, household)
            moved_since = household.moved is not None and household.moved > on
            address = household.before if moved_since and household.before else household.address
            first = first_record(
                people[place],
                address,
                relations[place],
                kind=kind,
                on=on,
                reported=household.reported or min(shifted(on, 3), today),
                origin=household.origin,
                atenabango=atena[place],
                setaibango=setaibango,
                head_name=head_name,
                place=place,
                sequences=self.sequences,
                municipality=self.municipality,
            )
            history = [clean(first | draft.overrides)]
            self._later(history, household, draft, moved_since)
            residents.append(Resident(atena[place], kin[atena[place]], history, tuple(draft.cases)))
        return residents

    def _later(self, history: list[Record], household: Household, draft: Draft, moved_since: bool) -> None:
        def add(kind: Kind, on: date, updates: Record) -> None:
            items = event_items(kind, on, on, self.sequences)
            history[-1]["saishinfuragu"] = "0"
            history.append(successor(history[-1], items | updates | draft.overrides))

        latest = household.settled
        if moved_since and household.moved:
            latest = household.moved
            on = household.moved.isoformat()
            add(
                Kind.TENKYO,
                household.moved,
                address_items(household.address, self.municipality)
                | {"jushosadame_nengappi": on, "chikukanrikodo1": household.address.choazakodo[:4]},
            )
            if household.taken_back and household.before:
                before = history[-2]
                add(
                    Kind.TORIKESHI_SHUSEI,
                    household.moved,
                    address_items(household.before, self.municipality)
                    | {"jushosadame_nengappi": before["jushosadame_nengappi"]}
                    | {"chikukanrikodo1": before["chikukanrikodo1"]}
                    | {"torikeshi_rirekibango": history[-1]["rirekibango"]},
                )
        if household.touched_up and draft.birth < latest:
            add(Kind.KEIBI_SHUSEI, latest, {"biko": "表記を整えた"})
        if household.left:
            name, on_day = household.left
            add(Kind(name), on_day, removal_items(Kind(name), on_day) | {"johyo_torokunengappi": on_day.isoformat()})


def removal_items(kind: Kind, on: date) -> Record:
    """The items of a record that ends residence."""
    state = {Kind.SHIBO: "3", Kind.TENSHUTSU: "2", Kind.KOKUGAI_TENSHUTSU: "2"}.get(kind, "9")
    return {
        "juminjotai": state,
        "shojo_jiyu": kind.value,
        "shojo_idonengappi": on.isoformat(),
        "shojo_idonengappi_fushofuragu": "0",
        "johyofuragu": "1",
        "senkyo_toroku_umu": "0",
    }


def residents(
    size: int, seed: int, *, municipality: str = MUNICIPALITY, base_date: date = BASE_DATE
) -> Iterator[Resident]:
    """Exactly ``size`` residents: first the awkward cases, then households by frequency. Memory stays constant."""
    registrar = Registrar(municipality)
    yield from households(registrar, size, seed, base_date)


def households(registrar: Registrar, size: int, seed: int, base_date: date) -> Iterator[Resident]:
    """As ``residents``, with the caller's registrar, whose numbers then go on after the last resident."""
    count = number = 0
    settled_cases = len(cases.all_cases())
    neighbour: Address | None = None
    awkward = iter(cases.households(registrar.names, seed, base_date))
    while count < size:
        number += 1
        rng = Random(f"{seed}/household/{number}")  # noqa: S311 - synthetic data, not secrets
        household = next(awkward, None) or draw_household(rng, registrar.names, base_date)
        if len(household.members) > size - count:
            household = draw_household(rng, registrar.names, base_date, "middle")
        if neighbour and number > settled_cases and rng.random() < _SHARED:
            household.address = neighbour
        neighbour = household.address
        for resident in registrar.register(household, base_date, rng):
            count += 1
            yield resident


def _kin(draft: Draft, atena: list[str], setaibango: str) -> Kin:
    parents = tuple(f"-{setaibango}" if place == ABSENT_PARENT else atena[place] for place in draft.parents)
    spouse = atena[draft.spouse] if draft.spouse >= 0 else ""
    return Kin(draft.sex, draft.birth, parents, spouse, draft.mitodoke, draft.tie)


def _arrival(draft: Draft, household: Household) -> tuple[date, Kind]:
    if household.kind:
        return household.settled, household.kind
    if draft.birth >= household.settled and draft.foreign < 0:
        return draft.birth, Kind.SHUSSHO
    if draft.foreign >= 0:
        return max(draft.birth, household.settled), Kind.KOKUGAI_TENNYU
    return household.settled, Kind.TENNYU
