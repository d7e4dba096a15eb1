"""Rulings on disagreements between the two engines (``rulings.csv``): who is right, or why nobody can say yet.

A row names the requirement, what libxml2 objects (a regular expression) and the decision: ``kept`` (the objection is
wrong), ``broken`` (xmlschema lets a fault pass) or ``open`` (looked at, and not to be decided by a program). A
disagreement without a row is undecided and says so.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from conformance.findings import KEPT, Finding, Result, Undecided

DECISIONS = ("kept", "broken", "open")


class RulingError(ValueError):
    """A row of the table is wrong; the text names it."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """One row of the table."""

    id: str
    requirement: str
    objection: re.Pattern[str]
    decision: str
    reason_ja: str
    reason_en: str
    source: str
    since: str


@lru_cache(maxsize=1)
def rulings() -> tuple[Ruling, ...]:
    """The shipped table."""
    return read((files("conformance") / "rulings.csv").read_text(encoding="utf-8"))


def read(text: str) -> tuple[Ruling, ...]:
    """A table from its text. Errors: RulingError."""
    found: list[Ruling] = []
    for row in csv.DictReader(text.splitlines()):
        if row["decision"] not in DECISIONS or not all(row.values()) or row["id"] in {one.id for one in found}:
            raise RulingError(
                f"{row['id']}: a decision of {', '.join(DECISIONS)}, every column filled, an id of its own"
            )
        found.append(
            Ruling(
                row["id"], row["requirement"], re.compile(row["objection"]), row["decision"], row["reason_ja"],
                row["reason_en"], row["source"], row["since"],
            )
        )  # fmt: skip
    return tuple(found)


def ruled(requirement: str, where: str, objection: str, table: tuple[Ruling, ...] | None = None) -> Result:
    """What an objection of libxml2 comes to where xmlschema has none."""
    for one in rulings() if table is None else table:
        if one.requirement == requirement and one.objection.search(objection):
            if one.decision == "kept":
                return KEPT
            if one.decision == "broken":
                return (Finding(where, one.reason_en, f"{objection[:160]} ({one.id})"),)
            return Undecided(f"{one.reason_ja}（{one.id}）", f"{one.reason_en} ({one.id})")
    return Undecided(f"libxml2 だけが不備とします: {objection[:160]}", f"only libxml2 objects: {objection[:160]}")
