"""Bulk operations find their siblings by name."""

from __future__ import annotations

import pytest

from adapters.host.bulk_family import family_of, member
from schemas.catalog import load_edition


def test_every_operation_that_sends_has_siblings_that_ask_and_confirm() -> None:
    """In every unit: the receiver confirms in the family in which the sender sent."""
    edition = load_edition()
    bulk = [one for unit in edition.units.values() for one in unit.operations.values() if one.pattern == "bulk"]
    assert bulk
    for operation in bulk:
        family = family_of(operation)
        assert all(edition.operation(member(family, step)) for step in ("irai", "soshin", "kakunin"))
        assert operation.key in {member(family, step) for step in ("irai", "soshin", "kakunin")}


@pytest.mark.parametrize(
    ("family", "sent"),
    [("juki", "juki.ikkatsu_soshin"), ("kokuho.chotei", "kokuho.chotei_ikkatsu_soshin")],
)
def test_a_family_is_told_by_the_prefix(family: str, sent: str) -> None:
    """The unit's own set has none."""
    operation = load_edition().operation(sent)
    assert operation is not None
    assert (family_of(operation), member(family, "soshin")) == (family, sent)
