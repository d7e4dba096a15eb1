"""The bus and the shipped adapters are certified by the suite without waivers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conformance.standard import load_standard
from conformance.verdicts import Class
from tests.certify.__main__ import BEGIN, END, PAGE
from tests.certify.assess import assessed
from tests.certify.plan import VENDORS, providers, units
from tests.certify.town import in_front_of_adapters, in_front_of_natives

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_the_bus_in_front_of_a_reference_provider_is_certified(tmp_path: Path) -> None:
    """Register and tax: every requirement is kept, no record of the population is altered on its way."""
    standard = load_standard()
    with in_front_of_natives(tmp_path / "site", standard.edition, ["juki", "kojinjuminzei"]) as (address, subjects):
        for one in subjects:
            found = assessed(address, one, standard)
            assert (one.id, found.result, found.objections) == (one.id, Class.CONFORMS, ())


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_shipped_adapter_is_certified(vendor: str, tmp_path: Path) -> None:
    """Through the bus, with the vendor's system behind it: the whole provider suite, the population item by item."""
    standard = load_standard()
    chosen = providers(standard.edition, vendor)
    with in_front_of_adapters(tmp_path / "site", standard.edition, chosen) as (address, subjects):
        found = [assessed(address, one, standard) for one in subjects]
    assert {one.subject.id: one.objections for one in found if one.result is not Class.CONFORMS} == {}
    assert all(one.unheld < len(subjects) for one in found)


def test_the_published_table_names_every_subject() -> None:
    """Whoever adds a unit or a vendor runs the command again; nothing in the table fails."""
    edition = load_standard().edition
    part = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    rows = re.findall(r"^\| (.+?) \| (\w+) \| (\w+) \|", part, re.MULTILINE)[1:]
    wanted = [("", name) for name in units(edition)] + [one for vendor in VENDORS for one in providers(edition, vendor)]
    assert [unit for _, unit, _ in rows] == [unit for _, unit in wanted]
    assert {result for _, _, result in rows} == {"conforms"}
