"""Every operation of every unit: records made from the tables pass both judges, and one broken item is found."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from lxml import etree

from bus.wire import records
from bus.wire.contract import UnitContract
from conformance.oracle import Oracle
from schemas.catalog import load_edition
from schemas.model import Operation, RecordType, Unit
from tests.support.valid_records import SAMPLES, valid

EDITION = load_edition()
OPERATIONS = [operation for unit in EDITION.units.values() for operation in unit.operations.values()]
SEEDS = 8
QUICK = {"juki.ido_tsuchi", "kojinjuminzei.ikkatsu_soshin", "kokuho.tokucho_shokai"}
EACH = pytest.mark.parametrize(
    "operation",
    [
        pytest.param(operation, id=operation.key, marks=() if operation.key in QUICK else pytest.mark.slow)
        for operation in OPERATIONS
    ],
)


@cache
def contract(unit: str) -> UnitContract:
    """The bus's judge."""
    return UnitContract(EDITION.units[unit])


@cache
def oracle(unit: str) -> Oracle:
    """The judge that shares no code with it."""
    return Oracle(EDITION, EDITION.units[unit])


def message(unit: Unit, operation: Operation, random: Random) -> tuple[etree._Element, RecordType | None]:
    """A right payload that carries the operation's record, if it has one, and else asks."""
    asks = unit.records.get(operation.request_record)
    carried = unit.records.get(operation.record)
    reply = operation.output.endswith("_kaito") and carried is not None
    own = unit.records.get(operation.output.rpartition("}")[2]) if reply else asks
    values = valid(unit, own, random) if own else None
    load = (carried, [valid(unit, carried, random)]) if carried else None
    return records.payload(operation.output if reply else operation.input, own, values, load), carried or own


def judged(unit: Unit, element: etree._Element) -> tuple[set[str], set[str]]:
    """Codes of both judges."""
    raw = etree.tostring(element, encoding="utf-8")
    return (
        {finding.code for finding in contract(unit.key).validate(etree.fromstring(raw))},
        {verdict.code for verdict in oracle(unit.key).judge(raw)},
    )


@EACH
def test_a_record_made_from_the_tables_passes_both_judges(operation: Operation) -> None:
    """Several records of each operation are right for libxml2 with the rules and for the oracle."""
    unit = EDITION.units[operation.unit]
    for seed in range(SEEDS):
        element, _ = message(unit, operation, Random(seed))
        assert judged(unit, element) == (set(), set()), (operation.key, seed)


@pytest.mark.slow
@pytest.mark.parametrize("unit", EDITION.units.values(), ids=lambda unit: unit.key)
def test_xmlschema_too_takes_the_records(unit: Unit) -> None:
    """The second schema engine compiles the same XSD and finds nothing either."""
    schema = oracle(unit.key)._schema
    for operation in unit.operations.values():
        element, _ = message(unit, operation, Random(1))
        assert [str(error.reason) for error in schema.iter_errors(etree.tostring(element, encoding="unicode"))] == []


@EACH
def test_each_broken_item_is_found_with_its_code_by_both_judges(operation: Operation) -> None:
    """A missing mandatory item is E0001, a wrong character E0002, and one character too many E0003."""
    unit = EDITION.units[operation.unit]
    element, record = message(unit, operation, Random(2))
    assert record is not None
    here = element.find(f"{{{unit.namespace}}}{record.name}")
    target = element if here is None else here
    for item in record.items:
        found = target.find(f"{{{unit.namespace}}}{item.name}")
        if found is None:
            continue
        right = found.text
        found.text = "\u0394\u00a0" if item.type == "N" else "全角"
        assert judged(unit, element) == ({"E0002"}, {"E0002"}), item.name
        if item.type in {"X", "N", "9"} and not item.code:
            found.text = ("地" if item.type == "N" else "1") * (item.digits + 1)
            assert judged(unit, element) == ({"E0003"}, {"E0003"}), item.name
        found.text = right
        if item.mandatory:
            place = target.index(found)
            target.remove(found)
            assert judged(unit, element) == ({"E0001"}, {"E0001"}), item.name
            target.insert(place, found)


def test_every_format_that_items_use_has_a_sample() -> None:
    """A new format without a sample would leave its items untested."""
    used = {item.format for unit in EDITION.units.values() for record in unit.records.values() for item in record.items}
    assert used - {""} <= set(SAMPLES)
