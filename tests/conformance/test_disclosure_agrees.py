"""The bus and the independent oracle agree on what a receiver sees and on numbers that strayed."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from bus.core.numbers import holds, may_hold
from bus.core.types import Endpoint, Right
from bus.pipeline.disclosure import withhold
from bus.pipeline.veil import Veil, views
from bus.wire.records import payload
from conformance.disclosure import Disclosure, strays
from schemas.catalog import load_edition
from schemas.model import Operation, Unit
from tests.pipeline.fakes import site
from tests.pipeline.messages import TOWN
from tests.support.valid_records import valid

EDITION = load_edition()


def seeing() -> list[tuple[str, str, str]]:
    """Every (operation, consuming unit, purpose) for which some unit of the edition discloses a record."""
    found = set()
    for unit in EDITION.units.values():
        for row in unit.disclosure or ():
            operation = next(one for one in unit.operations.values() if one.record == row.record)
            found |= {(operation.key, consumer, purpose) for consumer in row.consumers for purpose in row.purposes}
    return sorted(found)


def veil_of(operation: Operation, consumer: str, purpose: str) -> Veil | None:
    """What the bus puts before an endpoint of that unit."""
    one = Endpoint("one", TOWN, consumer, purpose=purpose)
    found = views(
        site(endpoints=(one,), rights=(Right(TOWN, "one", operation.key, (purpose,)),), routes=()),
        EDITION,
        {(TOWN, "one"): one},
    )
    assert (f"{TOWN}/one", operation.key, purpose) in found.rights
    return found.answers.get((f"{TOWN}/one", operation.key, purpose))


def agree(unit: Unit, operation: Operation, consumer: str, purpose: str, random: Random) -> None:
    """A generated record loses the same items on both sides, and what is left keeps its order and its values."""
    record = unit.records[operation.record]
    values = valid(unit, record, random)
    body = payload(operation.input, carried=(record, [values]))
    veil = veil_of(operation, consumer, purpose)
    if veil is not None:
        withhold(body, veil)
    left = {etree.QName(item).localname: item.text or "" for item in body[0]}
    ordered = {item.name: values[item.name] for item in record.items if item.name in values}
    oracle = Disclosure(Path(EDITION.folder) / unit.key, unit.records)
    assert left == oracle.visible(record.name, consumer, purpose, ordered), (operation.key, consumer, purpose)


def test_the_oracle_sees_what_the_bus_lets_through_in_a_few_cases() -> None:
    """A sample for the quick run: every 25th pair of a consumer and a record."""
    for number, (key, consumer, purpose) in enumerate(seeing()[::25]):
        operation = EDITION.operation(key)
        assert operation is not None
        agree(EDITION.units[operation.unit], operation, consumer, purpose, Random(number))


@pytest.mark.slow
@pytest.mark.parametrize("unit", sorted(EDITION.units))
def test_the_oracle_sees_what_the_bus_lets_through(unit: str) -> None:
    """Every record, consumer and purpose of the edition, three generated records each."""
    for key, consumer, purpose in seeing():
        operation = EDITION.operation(key)
        assert operation is not None
        if operation.unit == unit:
            for seed in range(3):
                agree(EDITION.units[unit], operation, consumer, purpose, Random(seed))


DIGITS = ["1", "23", "456", "7890", "123456789018", "１２３", "４"]
pieces = st.lists(st.sampled_from([*DIGITS, "-", " ", "\u3000", "ー", "−", "名", ".", "é"]), max_size=14)


@given(pieces)
@example(["123456789018"])
@example(["1", "-", "123456789018"])
@example(["1", "-", "-", "23456789018"])
@example(["7890", "7890", "456", "-", "1"])
def test_both_find_the_same_numbers(parts: list[str]) -> None:
    """Written twice: once with patterns over runs, once character by character."""
    text = "".join(parts)
    assert holds(text) == strays(text)
    assert may_hold(f"<a>{text}</a>".encode()) or not strays(text)
