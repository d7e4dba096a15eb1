"""What a maker of changes works with: the town, the day, the dice, and how much room is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from random import Random

from adapters.population.days import age, shifted
from adapters.population.drafts import draw_address
from adapters.population.generate import Resident
from adapters.population.kinds import JAPANESE, RESIDENT, Kind
from adapters.population.record import Record, address_items
from adapters.population.town import Event, Town

ADULT = 18
_TRIES = 200


class Scene:
    """One attempt at one change. Makers look first and write only when the change is possible."""

    def __init__(self, town: Town, rng: Random, room: int) -> None:
        self.town = town
        self.rng = rng
        self.room = room
        self.heads: dict[str, str] = {}
        self.touched: set[str] = set()

    @property
    def today(self) -> date:
        """The day of the report."""
        return self.town.today

    def find(self, fits: Callable[[Resident], bool]) -> Resident | None:
        """Somebody who fits, at random; ``None`` when nobody does."""
        town = self.town
        for _ in range(_TRIES):
            resident = town.pick(self.rng)
            if fits(resident):
                return resident
        start = self.rng.randrange(len(town.order))
        for name in town.order[start:] + town.order[:start]:
            if fits(town.people[name]):
                return town.people[name]
        return None

    def day(self, involved: Iterable[Resident], *, ahead: int = 0) -> date:
        """The day something happened: up to 13 days ago (or ``ahead``), never before the people's last event."""
        day = shifted(self.today, self.rng.randint(0, ahead) if ahead else -self.rng.randint(0, 13))
        last = max((resident.current["ido_nengappi"] for resident in involved), default="")
        return max(day, date.fromisoformat(last)) if last else day

    def age(self, resident: Resident) -> int:
        """Completed years today."""
        return age(resident.kin.birth, self.today)

    def head_of(self, setaibango: str) -> str:
        """The head's 宛名番号, empty when none is set."""
        return self.town.heads.get(setaibango, "")

    def is_head(self, resident: Resident) -> bool:
        """Whether the person is the head of the present household."""
        return self.head_of(resident.current["setaibango"]) == resident.atenabango

    def household(self, resident: Resident) -> list[Resident]:
        """The present members of the person's household."""
        return self.town.members(resident.current["setaibango"])

    def set_head(self, setaibango: str, head: str) -> None:
        """Change the head (empty: 世帯主未設定), remembering who it was."""
        self.heads.setdefault(setaibango, self.head_of(setaibango))
        if head:
            self.town.heads[setaibango] = head
        else:
            self.town.heads.pop(setaibango, None)

    def write(self, resident: Resident, kind: Kind, on: date, updates: Record) -> Event:
        """The next record of a person."""
        self.touched.add(resident.current["setaibango"])
        event = self.town.append(resident, kind, on, self.today, updates)
        self.touched.add(event.record["setaibango"])
        return event

    def enter(self, resident: Resident) -> Event:
        """The first record of a new person."""
        self.touched.add(resident.current["setaibango"])
        return self.town.enter(resident)

    def heir(self, household: Iterable[Resident]) -> str:
        """Who becomes head of those who remain: the eldest adult, else nobody."""
        adults = [resident for resident in household if self.age(resident) >= ADULT]
        return min(adults, key=lambda one: (one.kin.birth, one.atenabango)).atenabango if adults else ""

    def rearrange(self, household: list[Resident], on: date, kind: Kind = Kind.SETAINUSHI_HENKO) -> list[Event]:
        """One event for every member after the head of a household has changed."""
        return [self.write(member, kind, on, self.town.relation_items(member)) for member in household]

    def new_address(self) -> Record:
        """The items of another address in the town."""
        address = draw_address(self.rng, self.town.registrar.names)
        return address_items(address, self.town.municipality) | {"chikukanrikodo1": address.choazakodo[:4]}


def present(resident: Resident) -> bool:
    """Whether the person is a resident now."""
    return resident.current["juminjotai"] == RESIDENT


def japanese(resident: Resident) -> bool:
    """Whether the person is a Japanese resident now."""
    return present(resident) and resident.current["juminshubetsu"] == JAPANESE


def foreign(resident: Resident) -> bool:
    """Whether the person is a foreign resident now."""
    return present(resident) and resident.current["juminshubetsu"] != JAPANESE


def plain(resident: Resident) -> bool:
    """Whether the person stands for no awkward case (those stay as they are where a change would hide them)."""
    return not resident.cases
