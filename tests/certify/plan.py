"""Who is certified as a provider: every shipped adapter whose vendor's system answers questions of its unit at once."""

from __future__ import annotations

from conformance import reference
from schemas.model import Edition

VENDORS = ("a", "b", "c")
SMALL = {
    ("a", "kojinjuminzei"): "answers by file, later; its interface holds a part of the record",
    ("b", "kojinjuminzei"): "its interface holds a part of the record, and its system computes what it answers",
}
"""Adapters that cannot be asked for whole reference records, with the reason; the other vendor of the unit can."""

KNOWN: frozenset[str] = frozenset()
"""What is known to be broken: nothing. The tests want exactly what stands here, so that it cannot be forgotten."""


def units(edition: Edition) -> list[str]:
    """The units that answer questions."""
    return [name for name, unit in edition.units.items() if reference.questions(unit)]


def providers(edition: Edition, vendor: str) -> list[tuple[str, str]]:
    """The adapters of a vendor that are driven, as (vendor, unit)."""
    return [(vendor, name) for name in units(edition) if (vendor, name) not in SMALL]
