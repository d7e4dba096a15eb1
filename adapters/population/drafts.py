"""Households before they are numbered: who lives together, how old, under which names, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from random import Random

from adapters.population.days import shifted, years_before
from adapters.population.kinds import FEMALE, MALE, Kind
from adapters.population.names import FOREIGN_NAMES, Names, OtherTown, Weighted

SHAPES = Weighted(
    ("young", "middle", "elder", "couple", "elder_couple", "family", "parent", "three", "siblings", "foreign", "mixed"),
    (140, 90, 130, 90, 120, 270, 70, 60, 10, 14, 6),
)
ABSENT_PARENT = -2
"""Stands in ``parents`` for a common parent who does not live in the household."""

_BUILDINGS = (
    ("メゾン", "メゾン"),
    ("コーポ", "コーポ"),
    ("サンハイツ", "サンハイツ"),
    ("グランドパレス", "グランドパレス"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """An address inside the town."""

    choazakodo: str
    choaza: str
    banchigo: str
    katagaki: str
    katagaki_furigana: str
    yubinbango: str


@dataclass(slots=True)
class Draft:
    """A person before numbering. ``parents`` and ``spouse`` are places in the household's list.

    ``foreign`` is an index into the foreign names, -1 for Japanese. ``overrides`` replace items of every record
    of the person (an empty value removes the item); ``cases`` name the awkward cases the person stands for.
    """

    sex: str
    birth: date
    family: tuple[str, str] = ("", "")
    given: tuple[str, str] = ("", "")
    parents: tuple[int, ...] = ()
    spouse: int = -1
    mitodoke: bool = False
    tie: str = ""
    foreign: int = -1
    overrides: dict[str, str] = field(default_factory=dict)
    cases: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Household:
    """A household before numbering; the first member is its head.

    ``settled``: the day it came to the town; ``moved``: the day of its last move inside, from ``before``.
    ``left``: the kind of removal and its day for the whole household (a moved-out or deceased person).
    ``taken_back``: that last move was cancelled again, and the household lives where it lived before.
    ``kind`` and ``reported`` say how and when it came, where that does not follow from the rest.
    """

    members: list[Draft]
    address: Address
    settled: date
    origin: OtherTown
    moved: date | None = None
    before: Address | None = None
    misettei: bool = False
    left: tuple[str, date] | None = None
    touched_up: bool = False
    taken_back: bool = False
    kind: Kind | None = None
    reported: date | None = None


def draw_address(rng: Random, names: Names, choaza: str = "") -> Address:
    """An address by the weights of the streets, or in the 町字 asked for."""
    street = names.street(choaza) if choaza else names.streets.draw(rng)
    if street.style == "go":
        banchigo = f"{wide(rng.randint(1, 40))}番{wide(rng.randint(1, 25))}号"
    else:
        number = rng.randint(1, 2400)
        banchigo = f"{wide(number)}番地" + (f"の{wide(rng.randint(1, 9))}" if rng.random() < 0.4 else "")
    katagaki = furigana = ""
    if rng.random() < 0.3:
        kanji, kana = _BUILDINGS[rng.randrange(len(_BUILDINGS))]
        part = street.choaza[:2]
        katagaki = f"{kanji}{part}{wide(rng.randint(1, 9) * 100 + rng.randint(1, 12))}号室"
        furigana = kana
    return Address(street.code, street.choaza, banchigo, katagaki, furigana, street.postal)


def draw_household(rng: Random, names: Names, today: date, shape: str = "") -> Household:
    """A household as of ``today``; without ``shape`` one by frequency."""
    shape = shape or SHAPES.draw(rng)
    members = _members(rng, names, today, shape)
    eldest = min(member.birth for member in members)
    longest = max(1, min(30 * 365, (today - eldest).days - 30))
    settled = shifted(today, -rng.randint(30, max(31, longest)))
    household = Household(
        members=members,
        address=draw_address(rng, names),
        settled=settled,
        origin=names.towns[rng.randrange(len(names.towns))],
    )
    if rng.random() < 0.22 and (today - settled).days > 60:
        household.moved = shifted(settled, rng.randint(20, (today - settled).days - 20))
        household.before = draw_address(rng, names)
    household.touched_up = rng.random() < 0.05
    return household


@dataclass(frozen=True, slots=True)
class _Maker:
    """Draws people of an age as of one day."""

    rng: Random
    names: Names
    today: date

    def person(self, low: int, high: int, sex: str = "") -> Draft:
        """Somebody between ``low`` and ``high`` years old."""
        rng = self.rng
        sex = sex or (MALE if rng.random() < 0.487 else FEMALE)
        birth = shifted(years_before(self.today, rng.randint(low, high)), -rng.randint(1, 364))
        return Draft(sex, birth, given=self.names.given_name(rng, sex, birth))

    def foreigner(self, low: int, high: int) -> Draft:
        """A foreign resident."""
        draft = self.person(low, high)
        draft.foreign = self.rng.randrange(len(FOREIGN_NAMES))
        return draft

    def couple(self, low: int, high: int, first: int = 0) -> list[Draft]:
        """Husband and wife who will stand at the places ``first`` and ``first + 1``."""
        years = self.rng.randint(low, high)
        other = max(20, years + self.rng.randint(-5, 3))
        husband, wife = self.person(years, years, MALE), self.person(other, other, FEMALE)
        husband.spouse, wife.spouse = first + 1, first
        return [husband, wife]

    def children(self, members: list[Draft], parents: tuple[int, ...], most: int) -> list[Draft]:
        """Children of the members at ``parents``, oldest first."""
        youngest = max(members[place].birth for place in parents)
        years = self.today.year - youngest.year
        first = max(0, years - self.rng.randint(24, 34))
        ages = [max(0, first - 2 * place) for place in range(min(most, self.rng.choice((1, 1, 2, 2, 2, 3))))]
        children = [self.person(age, age) for age in dict.fromkeys(ages)]
        for child in children:
            child.parents = parents
        return children


def _members(rng: Random, names: Names, today: date, shape: str) -> list[Draft]:
    maker = _Maker(rng, names, today)
    family = names.family(rng)
    if shape in ("young", "middle", "elder"):
        members = [maker.person(*{"young": (18, 34), "middle": (35, 64), "elder": (65, 101)}[shape])]
    elif shape in ("couple", "elder_couple", "mixed"):
        members = maker.couple(65, 92) if shape == "elder_couple" else maker.couple(24, 60)
        if shape == "mixed":
            members[1].foreign = rng.randrange(len(FOREIGN_NAMES))
    elif shape == "family":
        members = maker.couple(28, 52)
        members += maker.children(members, (0, 1), 4)
    elif shape == "parent":
        members = [maker.person(26, 52, FEMALE if rng.random() < 0.85 else MALE)]
        members += maker.children(members, (0,), 3)
    elif shape == "three":
        members = maker.couple(58, 78)
        members += maker.couple(28, 40, first=2)
        members[2].parents = (0, 1)
        members += maker.children(members, (2, 3), 3)
    elif shape == "siblings":
        members = [maker.person(30, 60), maker.person(30, 60)]
        members[0].parents = members[1].parents = (ABSENT_PARENT,)
    else:
        members = [maker.foreigner(19, 48)]
    for member in members:
        if member.foreign < 0:
            member.family = family
    return members


def wide(number: int) -> str:
    """Full-width figures, as addresses are written."""
    return str(number).translate({48 + digit: 0xFF10 + digit for digit in range(10)})
