"""The bus and the shipped adapters before the suite: nothing objects but what is published as known."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.judge import judge
from conformance.standard import load_standard
from conformance.verdicts import Class, Outcome
from tests.certify.assess import assessed
from tests.certify.consuming import as_consumer
from tests.certify.plan import KNOWN, VENDORS, providers
from tests.certify.town import in_front_of_adapters, in_front_of_natives

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_bus_in_front_of_a_reference_provider_is_certified(tmp_path: Path) -> None:
    """Register and tax: every requirement is kept, no record of the population is altered on its way."""
    standard = load_standard()
    with in_front_of_natives(tmp_path / "site", standard.edition, ["juki", "kojinjuminzei"]) as (address, subjects):
        for one in subjects:
            found = assessed(address, one, standard)
            assert (one.id, found.broken) == (one.id, KNOWN), found.objections


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_shipped_adapter_is_certified(vendor: str, tmp_path: Path) -> None:
    """Through the bus, with the vendor's system behind it: the whole provider suite, the population item by item."""
    standard = load_standard()
    chosen = providers(standard.edition, vendor)
    with in_front_of_adapters(tmp_path / "site", standard.edition, chosen) as (address, subjects):
        found = [assessed(address, one, standard) for one in subjects]
    assert {one.subject.id: one.objections for one in found if one.broken != KNOWN} == {}
    assert all(one.unheld < len(subjects) for one in found)


def test_the_bus_is_certified_as_a_consumer(tmp_path: Path) -> None:
    """It delivers notices to a mock peer that answers by script: ids, waiting, resending, and what is no success."""
    standard = load_standard()
    judgement = judge(as_consumer(tmp_path / "site", standard), standard)
    objections = [one for one in judgement.verdicts if one.outcome not in (Outcome.PASS, Outcome.NA)]
    assert (judgement.result, objections) == (Class.CONFORMS, [])
