"""What a right withholds leaves a message that its receiver can still accept."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.pipeline.disclosure import withhold
from bus.wire.contract import UnitContract, contracts
from bus.wire.records import payload
from schemas.catalog import load_edition
from tests.support.residents import resident

UNIT = load_edition().units["juki"]
ADDRESSES = frozenset(item.name for item in UNIT.records["jumin"].items if item.sensitivity == "address")


@pytest.fixture(scope="module")
def contract() -> UnitContract:
    """The contract that bus and adapters check by."""
    return contracts(load_edition())["juki"]


def notice(**changes: str) -> etree._Element:
    """The payload of a 異動通知 about the synthetic resident."""
    return payload(UNIT.operations["ido_tsuchi"].input, carried=(UNIT.records["jumin"], [resident(**changes)]))


def told(notified: etree._Element) -> set[str]:
    """The addresses in the notice."""
    return {etree.QName(item).localname for item in notified[0]} & ADDRESSES


def test_a_notice_without_addresses_is_a_notice_of_the_standard(contract: UnitContract) -> None:
    """A receiver may be denied where people live: what it gets keeps the contract it checks."""
    notified = notice()
    assert contract.validate(notified) == ()
    assert told(notified)
    assert withhold(notified, ADDRESSES)
    assert not told(notified)
    assert contract.validate(notified) == ()


def test_an_address_of_somebody_whose_protection_is_unknown_does_not_pass(contract: UnitContract) -> None:
    """While it is unknown whether protection was asked for, the message is refused rather than an address told."""
    notified = notice(shiensochi_kubun="9")
    assert {finding.code for finding in contract.validate(notified)} == {"E0004"}
    withhold(notified, ADDRESSES)
    assert contract.validate(notified) == ()
