"""Dates that are none in the calendar and uncertain dates, on every such item of all units, from the tables."""

from __future__ import annotations

from random import Random

import pytest

from bus.core.datarules import standard_eras
from bus.wire.contract import contracts
from bus.wire.records import payload
from conformance.lexical import uncertain_date
from schemas.catalog import load_edition
from schemas.model import Item, Operation, RecordType, Unit
from tests.support.valid_records import valid

EDITION = load_edition()
CONTRACTS = contracts(EDITION, ())
LEGAL = ("2023-02-29", "1900-02-29", "0000-01-01", "9999-12-31", "1912-07-30", "1926-12-25", "1989-01-07", "2019-05-01")
"""29 February of common years, the open dates, and the days that belong to two eras."""
ILLEGAL = ("2023-02-30", "2023-04-31", "2023-13-01", "2023-00-10", "2023-1-1", "令和5年1月1日", "2023/01/01")
WORDINGS = [row.name_ja for row in EDITION.codes["fushobi"].rows]


def places() -> list[tuple[Unit, Operation, RecordType]]:
    """Every record that an operation carries, once."""
    found = {}
    for unit in EDITION.units.values():
        for operation in unit.operations.values():
            if operation.record in unit.records:
                found.setdefault((unit.key, operation.record), (unit, operation, unit.records[operation.record]))
    return list(found.values())


def refused(unit: Unit, operation: Operation, record: RecordType, values: dict[str, str], item: Item) -> bool:
    """Whether the bus finds the form of one item wrong (E0002, E0003)."""
    ordered = {one.name: values[one.name] for one in record.items if one.name in values}
    body = payload(operation.output if operation.pattern in {"inquiry", "late"} else operation.input,
                   carried=(record, [ordered]))  # fmt: skip
    found = CONTRACTS[unit.key].validate(body)
    return any(one.code in {"E0002", "E0003"} and one.path.endswith(item.name) for one in found)


@pytest.mark.slow
@pytest.mark.parametrize("unit", sorted(EDITION.units))
def test_every_date_item_takes_the_days_that_the_law_knows(unit: str) -> None:
    """Non-calendar days pass on each date of each record, wrong ones on none."""
    seen = 0
    for owner, operation, record in places():
        dates = [item for item in record.items if item.type == "DATE" and owner.key == unit]
        values = valid(owner, record, Random(7)) if dates else {}
        for item in dates:
            seen += 1
            for text in LEGAL:
                assert not refused(owner, operation, record, {**values, item.name: text}, item), (item.name, text)
            for text in ILLEGAL[seen % 2 :: 2]:
                assert refused(owner, operation, record, {**values, item.name: text}, item), (item.name, text)
    assert seen


def test_every_day_of_birth_and_of_death_may_be_uncertain() -> None:
    """Beside each such date of each record stand its flag and its wording, and the rule between the two."""
    missing, seen = [], 0
    for unit in EDITION.units.values():
        held = {(rule.record, name) for rule in unit.rules for one in rule.when for name in one.items}
        for record in unit.records.values():
            names = {item.name for item in record.items}
            for item in (one for one in record.items if one.type == "DATE"):
                if item.name_ja.endswith(("生年月日", "死亡年月日")) and not item.name_ja.endswith("発生年月日"):
                    seen += 1
                    wanted = {f"{item.name}_fushofuragu", f"{item.name}_fushohyoki"}
                    if not wanted <= names or (record.name, f"{item.name}_fushohyoki") not in held:
                        missing.append(f"{unit.key}.{record.name} {item.name}")
    assert missing == []
    assert seen >= 26


def test_the_fourteen_wordings_are_fourteen() -> None:
    """The legal list; each is a row with its own code."""
    assert len(set(WORDINGS)) == 14


@pytest.mark.slow
def test_every_uncertain_date_takes_the_fourteen_wordings_in_every_era() -> None:
    """Each item of that form in each record of each unit, and nothing else; beside it stand a date and a flag."""
    eras = [era.name for era in standard_eras()]
    items = 0
    for owner, operation, record in places():
        names = {item.name for item in record.items}
        for item in (one for one in record.items if one.format == "fushobi"):
            items += 1
            stem = item.name.removesuffix("_fushohyoki")
            assert {stem, f"{stem}_fushofuragu"} <= names, (owner.key, record.name, item.name)
            values = valid(owner, record, Random(5))
            for number, wording in enumerate(WORDINGS):
                era = eras[(number + items) % len(eras)]
                text = wording.replace("令和", era).replace(" ", "\u3000").replace("○○", "５").replace("○", "７")
                assert not refused(owner, operation, record, {**values, item.name: text}, item), (item.name, text)
                assert uncertain_date(text, EDITION.codes["fushobi"], EDITION.codes["gengo"]), text
            for text in ("不明", "令和5年1月1日", "年月日不祥"):
                assert refused(owner, operation, record, {**values, item.name: text}, item), (item.name, text)
    assert items >= 33
