"""Every record of the population is a valid message of the standard."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lxml import etree

from adapters.population import Town
from adapters.population.kinds import Kind
from adapters.population.record import Record
from bus.wire.contract import UnitContract, contracts
from bus.wire.records import to_element
from schemas.catalog import load_edition


def _findings(records: Iterator[Record]) -> list[str]:
    edition = load_edition("1.0")
    unit = edition.units["juki"]
    contract: UnitContract = contracts(edition)["juki"]
    found = []
    for record in records:
        root = etree.Element(f"{{{unit.namespace}}}ido_tsuchi")
        to_element(root, unit.namespace, unit.records["jumin"], record)
        found += [f"{finding.code} {finding.path} {finding.expected}" for finding in contract.validate(root)]
    return found


@pytest.mark.slow
def test_every_record_of_2000_residents_and_2000_changes_keeps_the_contract() -> None:
    """XSD, code tables, digits, characters, check digits and correlation rules find nothing."""
    town = Town.generate(2_000, 1)
    history = [record for resident in town.people.values() for record in resident.history]
    events = [event.record for change in town.changes(2_000) for event in change.events]
    assert len(events) == 2_000
    assert _findings(iter(history + events)) == []


def test_kinds_are_those_of_the_standard_in_its_order() -> None:
    """The enumeration carries exactly the codes of the table 異動事由."""
    table = load_edition("1.0").units["juki"].codes["ido_jiyu"]
    assert [kind.value for kind in Kind] == [row.code for row in table.rows]
    groups = {"1": "記載", "2": "消除", "3": "修正"}
    assert [groups[kind.kubun] for kind in Kind] == [row.group for row in table.rows]
