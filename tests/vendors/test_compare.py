"""The example's ledger comparison: it agrees where it should and finds every difference, without the mapping engine."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys
from types import ModuleType
from typing import Any

import pytest

from adapters.mapping.rules import ItemRule
from adapters.population import Town
from adapters.population.record import Record
from adapters.simulators.a_tax import read_csv
from adapters.simulators.b_tax import flatten
from schemas.catalog import load_edition
from tests.vendors.world import GAIJI, ROOT, definition

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def comparison() -> ModuleType:
    """``deploy/examples/tax-juki/compare.py`` as a module."""
    path = ROOT / "deploy" / "examples" / "tax-juki" / "compare.py"
    spec = importlib.util.spec_from_file_location("example_compare", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def ledgers(comparison: ModuleType) -> tuple[list[Record], Rows, Rows]:
    """The truth after 600 events, and both tax ledgers as their vendors would give them out of what they are told."""
    town = Town.generate(300, 8)
    for _ in town.changes(600):
        pass
    truth = list(town.current())
    rows = load_edition().units["juki"].protections
    protections = [row for row in rows if row.record == "jumin" and row.effect == "withhold"]
    told = [comparison.as_disclosed(one, protections) for one in truth]
    at_a, at_b = definition("a", "kojinjuminzei"), definition("b", "kojinjuminzei")
    ledger_a = read_csv(b"".join(at_a.codec.encode([at_a.mapping.to_vendor(one).values for one in told])))
    written = [at_b.codec.encode_record(at_b.mapping.to_vendor(one).values) for one in told]
    return truth, ledger_a, [flatten(json.loads(raw)) for raw in written]


def differences(comparison: ModuleType, truth: list[Record], a: Rows, b: Rows) -> list[Any]:
    """What the comparison finds."""
    found = comparison.compare(iter(truth), a, b, GAIJI / "990019-a-tax.csv")
    assert found.residents == len(truth)
    return list(found.differences)


def test_ledgers_of_both_vendors_agree_with_the_register(
    comparison: ModuleType, ledgers: tuple[list[Record], Rows, Rows]
) -> None:
    """Item by item, for everybody, read by hand-written rules."""
    assert differences(comparison, *ledgers) == []


def test_the_comparison_speaks_of_every_item_that_the_vendors_hold(comparison: ModuleType) -> None:
    """No held item escapes it, the number of the person itself excepted."""
    rules = definition("a", "kojinjuminzei").mapping.rules
    held = {item for rule in rules if isinstance(rule, ItemRule) for item in rule.standard}
    assert held - {"atenabango"} == set(comparison.readers())


@pytest.mark.parametrize("side", ["a", "b"])
def test_every_changed_value_is_found(
    comparison: ModuleType, ledgers: tuple[list[Record], Rows, Rows], side: str
) -> None:
    """Each text, date or code that is blanked in one ledger is named, without the person's number."""
    place = next(place for place, row in enumerate(ledgers[1]) if row["名前（漢字）"] == "総務翔子")
    truth, ledger_a, ledger_b = ([rows[place]] for rows in ledgers)
    mine = ledger_a if side == "a" else ledger_b
    for name in [name for name, value in mine[0].items() if value and name != "宛名番号"]:
        spoilt = [{**mine[0], name: ""}]
        a, b = (spoilt, ledger_b) if side == "a" else (ledger_a, spoilt)
        found = differences(comparison, truth, a, b)
        assert found, name
        assert {one.pair for one in found} == {f"register-{side}", "a-b"}
        assert all(truth[0]["atenabango"] not in f"{one}" for one in found)


def test_a_missing_and_a_surplus_person_are_found(
    comparison: ModuleType, ledgers: tuple[list[Record], Rows, Rows]
) -> None:
    """Whoever is on one side only is a difference."""
    truth, ledger_a, ledger_b = ledgers
    extra = {**ledger_a[0], "宛名番号": "999999999999999"}
    assert {one.item for one in differences(comparison, truth, ledger_a[1:], ledger_b)} == {"atenabango"}
    assert {one.item for one in differences(comparison, truth, [*ledger_a, extra], ledger_b)} == {"atenabango"}


def test_ledger_files_are_plain_csv() -> None:
    """The line of column names is that of A's layout."""
    made = definition("a", "kojinjuminzei")
    text = b"".join(made.codec.encode([])).decode("cp932")
    assert next(csv.reader(io.StringIO(text))) == [field.name for field in made.codec.layout.fields]
