"""The reference population: synthetic records (no real person) that contain awkward cases, and the known answers.

``juki.toml`` holds residents, written by hand: what they have in common under ``[common]``, what is a resident's own
under ``[[resident]]``; an item that a resident has not is the empty text there. ``units/<unit>.toml`` holds for every
unit questions with their answers and records that the unit sends, drafted from the item tables.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from schemas.model import Unit

HOME = Path(__file__).parent
RESIDENTS = "juki"
HOUSEHOLD = "setaibango"
Values = Mapping[str, str]
_Listed = TypeVar("_Listed", bound=tuple[Any, ...])


@dataclass(frozen=True, slots=True)
class Question:
    """A question whose answer is known. ``case`` names it among the cases of a run."""

    case: str
    operation: str
    asked: Values
    answers: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that a system of the unit sends by an operation."""

    case: str
    operation: str
    record: Values


@cache
def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((HOME / name).read_text(encoding="utf-8"))


def residents() -> tuple[Values, ...]:
    """The records of the residents in the order of the file, by item."""
    data = _data("juki.toml")
    merged = [{**data["common"], **one} for one in data["resident"]]
    return tuple({name: value for name, value in one.items() if value and name != "case"} for one in merged)


def others() -> Mapping[str, Values]:
    """Records that are no residents (inquiries and such) by name."""
    found: Mapping[str, Values] = _data("juki.toml")["record"]
    return found


def questions(unit: Unit) -> tuple[Question, ...]:
    """The questions about a unit with their answers; those about one subject before those about several."""
    listed = [*_about_residents()] if unit.key == RESIDENTS else []
    listed += [(one["operation"], one["asked"], tuple(one["answer"])) for one in _unit(unit).get("question", ())]
    return tuple(
        Question(f"reference-{case}", operation, asked, answers)
        for case, (operation, asked, answers) in _numbered(listed)
    )


def sent(unit: Unit) -> tuple[Sent, ...]:
    """The records that a system of a unit sends."""
    listed = [("ido_tsuchi", one) for one in residents()] if unit.key == RESIDENTS else []
    listed += [(one["operation"], one["record"]) for one in _unit(unit).get("sent", ())]
    return tuple(Sent(f"sent-{case}", operation, record) for case, (operation, record) in _numbered(listed))


def _unit(unit: Unit) -> dict[str, Any]:
    return _data(f"units/{unit.key}.toml") if (HOME / "units" / f"{unit.key}.toml").is_file() else {}


def _about_residents() -> Iterator[tuple[str, Values, tuple[Values, ...]]]:
    known = residents()
    about = others()
    for one in known:
        yield "jumin_shokai", {**about["jumin_shokai"], "atenabango": one["atenabango"]}, (one,)
    home = about["setai_shokai"]
    yield "setai_shokai", home, tuple(one for one in known if one[HOUSEHOLD] == home[HOUSEHOLD])


def _numbered(listed: list[_Listed]) -> Iterator[tuple[str, _Listed]]:
    """Each with the name of its operation and its number there, from 1."""
    seen: Counter[str] = Counter()
    for one in listed:
        seen[one[0]] += 1
        yield f"{one[0]}-{seen[one[0]]}", one
