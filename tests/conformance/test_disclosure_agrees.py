"""The bus and the independent oracle agree on what a receiver sees and on numbers that strayed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from bus.core.numbers import holds, may_hold
from bus.core.types import Endpoint, Right
from bus.pipeline.disclosure import take
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
        for row in (one for one in unit.disclosure or () if one.items):
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


def agree(unit: Unit, operation: Operation, consumer: str, purpose: str, random: Random, *, fits: bool = False) -> None:
    """A generated record loses the same items on both sides, and what is left keeps its order and its values; one that
    is not for the receiver is gone on both. ``fits``: its values are those of a row that lets it pass. What the bus
    lets pass by its values alone loses nothing.
    """
    record = unit.records[operation.record]
    values = valid(unit, record, random)
    if fits:
        terms = random.choice(unit.shares(record.name, consumer, purpose)).rows_for(consumer)
        values |= {term.items[0]: random.choice(term.values) for term in terms if term.op == "in"}
    body = payload(operation.input, carried=(record, [values]))
    veil = veil_of(operation, consumer, purpose)
    told = veil is None or veil.misses([{item.tag: item.text or "" for item in record} for record in body])
    if veil is not None:
        take(body, replace(veil, refuses=""))
    left = {etree.QName(item).localname: item.text or "" for record in body for item in record}
    ordered = {item.name: values[item.name] for item in record.items if item.name in values}
    oracle = Disclosure(Path(EDITION.folder) / unit.key, unit.records)
    assert left == oracle.visible(record.name, consumer, purpose, ordered), (operation.key, consumer, purpose)
    assert left or not fits
    assert left == ordered or not told, "what the values alone let pass goes as it is"


def test_the_oracle_sees_what_the_bus_lets_through_in_a_few_cases() -> None:
    """A sample for the quick run: every 25th pair of a consumer and a record."""
    for number, (key, consumer, purpose) in enumerate(seeing()[::25]):
        operation = EDITION.operation(key)
        assert operation is not None
        agree(EDITION.units[operation.unit], operation, consumer, purpose, Random(number))


@pytest.mark.slow
@pytest.mark.parametrize("unit", sorted(EDITION.units))
def test_the_oracle_sees_what_the_bus_lets_through(unit: str) -> None:
    """Every record, consumer and purpose of the edition, four generated records each, two of them such as pass."""
    for key, consumer, purpose in seeing():
        operation = EDITION.operation(key)
        assert operation is not None
        if operation.unit == unit:
            for seed in range(4):
                agree(EDITION.units[unit], operation, consumer, purpose, Random(seed), fits=seed % 2 == 0)


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
