"""Contracts are compiled where they are used: at the start for the site's units, at the first message for others."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.core.datarules import modulus10_ok
from bus.wire import contract
from bus.wire.contract import UnitContract, contracts
from conformance.lexical import insurer_number
from schemas.catalog import load_edition
from schemas.model import Unit

EDITION = load_edition()


def test_only_the_units_in_use_are_compiled_and_each_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit nobody named costs nothing until somebody asks, and an unknown name of ``used`` is no unit."""
    compiled: list[str] = []

    def count(unit: Unit) -> UnitContract:
        compiled.append(unit.key)
        return UnitContract(unit)

    monkeypatch.setattr(contract, "UnitContract", count)
    found = contracts(EDITION, ["juki", "bunsho"])
    assert compiled == ["juki"]
    wrong = etree.Element(f"{{{EDITION.units['senkyo'].namespace}}}nothing")
    assert [finding.code for finding in found["senkyo"].validate(wrong)] == ["CB1016"]
    assert found["senkyo"] is found["senkyo"]
    assert compiled == ["juki", "senkyo"]


def test_a_unit_that_the_edition_does_not_have_is_a_key_error() -> None:
    """Asking for what is not there compiles nothing."""
    with pytest.raises(KeyError):
        contracts(EDITION, ())["nowhere"]


@pytest.mark.parametrize(
    ("number", "right"), [("138057", True), ("138058", False), ("0138057", True), ("7", False), ("", False)]
)
def test_modulus_10_judges_at_any_length_alike_on_both_sides(number: str, right: bool) -> None:
    """Insurer numbers of six digits and recipient numbers of seven follow the rule of those of eight."""
    assert modulus10_ok(number) == right
    if len(number) > 1:
        assert insurer_number(number) == right
