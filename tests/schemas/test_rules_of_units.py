"""The rules between items, unit by unit: sample records keep them, and each change breaks just the rule it should."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from random import Random

import pytest
from lxml import etree

from bus.wire import records
from bus.wire.contract import UnitContract
from bus.wire.rules import compile_rule
from conformance.lexical import keeps
from conformance.oracle import Oracle
from schemas.catalog import CatalogError, load_edition
from schemas.examples import load_examples
from schemas.model import Condition, Rule, Unit
from tests.support.repository import ROOT
from tests.support.valid_records import hold, valid, value

EDITION = load_edition()
with (ROOT / "tests" / "corpus" / "rules" / "cases.csv").open(encoding="utf-8", newline="") as file:
    CASES = list(csv.DictReader(file))
COVERED = ("koteishisanzei", "hojinjuminzei", "keijidoshazei", "shutaino", "zaimukaikei", "jinjikyuyo", "bunshokanri")
RULES = [
    pytest.param(unit, rule, id=f"{unit.key}.{rule.name}") for unit in EDITION.units.values() for rule in unit.rules
]


@cache
def sample(unit: str, record: str) -> tuple[tuple[str, str], ...]:
    """The sample record of the documents."""
    return tuple(load_examples(EDITION.units[unit])[record].items())


def broken(unit: Unit, record: str, values: dict[str, str]) -> set[str]:
    """The rules that both judges find broken; they must agree."""
    found = set()
    for rule in unit.rules:
        if rule.record == record:
            kept = compile_rule(rule)(values)
            assert kept == keeps(rule, values), rule.name
            found |= set() if kept else {rule.name}
    return found


SHOWN = [
    pytest.param(unit, id=unit.key, marks=() if unit.key == "seikatsuhogo" else pytest.mark.slow)
    for unit in EDITION.units.values()
    if load_examples(unit)
]


@pytest.mark.parametrize("unit", SHOWN)
def test_the_samples_are_right(unit: Unit) -> None:
    """What the documents show to vendors keeps every rule, and as a message it passes both judges."""
    contract, oracle = UnitContract(unit), Oracle(EDITION, unit)
    for name, values in load_examples(unit).items():
        assert broken(unit, name, dict(values)) == set(), name
        for operation in (one for one in unit.operations.values() if one.record == name):
            reply = operation.output.endswith("_kaito")
            asks = unit.records.get(operation.output.rpartition("}")[2] if reply else operation.request_record)
            own = valid(unit, asks, Random(1)) if asks else None
            tag = operation.output if reply else operation.input
            raw = etree.tostring(records.payload(tag, asks, own, (unit.records[name], [dict(values)])))
            assert contract.validate(etree.fromstring(raw)) == (), (operation.key, name)
            assert oracle.judge(raw) == (), (operation.key, name)


def test_what_goes_to_other_units_has_a_sample() -> None:
    """Whoever builds one end of a flow finds values in the documents (adapters show the first two units)."""
    missing = {
        f"{unit.key}.{operation.record}"
        for unit in EDITION.units.values()
        for operation in unit.operations.values()
        if operation.record and set(operation.consumers) - {unit.key} and operation.record not in load_examples(unit)
    }
    assert {name for name in missing if name.partition(".")[0] not in {"juki", "kojinjuminzei"}} == set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['record']}-{case['broken']}")
def test_a_change_breaks_the_rule_it_should_and_no_other(case: dict[str, str]) -> None:
    """One row: the sample of a record with items changed (or taken away) and the rules that are then broken."""
    values = dict(sample(case["unit"], case["record"]))
    for name, _, changed in (part.partition("=") for part in case["change"].split(";")):
        EDITION.units[case["unit"]].records[case["record"]].item(name)
        values.pop(name, None)
        if changed:
            values[name] = changed
    assert broken(EDITION.units[case["unit"]], case["record"], values) == set(case["broken"].split("|"))


def test_every_comparison_of_the_covered_units_has_a_case() -> None:
    """A rule about sums or dates that nobody breaks could be any rule."""
    shown = {(case["unit"], name) for case in CASES for name in case["broken"].split("|")}
    compared = {
        (unit, rule.name)
        for unit in COVERED
        for rule in EDITION.units[unit].rules
        if any(term.compares for term in rule.then) and rule.record != "chotei" and not rule.record.endswith("_shokai")
    }
    assert compared - shown == set()


@pytest.mark.slow
@pytest.mark.parametrize(("unit", "rule"), RULES)
def test_every_rule_of_every_unit_can_be_broken(unit: Unit, rule: Rule) -> None:
    """No rule is vacuous: a right record made to break it is found by both judges."""
    record = unit.records[rule.record]
    for seed in range(40):
        random = Random(seed)
        values = valid(unit, record, random)
        for term in rule.when:
            hold(unit, record, values, term, random)
        _spoil(unit, rule, values, random.choice(rule.then), random)
        if rule.name in broken(unit, rule.record, values):
            return
    pytest.fail(f"{unit.key}.{rule.name} was never broken")


def _spoil(unit: Unit, rule: Rule, values: dict[str, str], term: Condition, random: Random) -> None:
    """Make one term of ``then`` fail."""
    items = {item.name: item for item in unit.records[rule.record].items}
    for name in term.items:
        if term.op in ("present", "in"):
            values.pop(name, None)
        elif term.op == "absent":
            values[name] = value(unit, items[name], random)
        elif term.op == "not in":
            values[name] = term.values[0]
        elif term.op == "like":
            values[name] = "99"
        elif term.op == "unlike":
            values[name] = "子の子の子の子の子"
    if term.compares:
        moments = {"DATE": "2024-01-0", "YEAR": "202", "TIME": "08:30:0", "nengetsu": "2024-0"}
        kind = items[term.items[0]].format or items[term.items[0]].type
        start = moments.get(kind, "") if term.values else ""
        later, sooner = start + "9", start + "1"
        for side, number in ((term.left, later), (term.right, sooner)):
            values.update(dict.fromkeys(side.plus, number))
            values.update(dict.fromkeys(side.minus, "0"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[nayosee]\nx = "1"\n', "nearest: nayose"),
        ('[nayose]\nkazeinendoo = "2025"\n', "nearest: kazeinendo"),
        ("[nayose]\nkazeinendo = 2025\n", "kazeinendo is no text"),
        ('[nayose]\nkazeinendo = "2025"\n', "mandatory atenabango is missing"),
    ],
)
def test_a_sample_that_does_not_fit_is_named(tmp_path: Path, text: str, problem: str) -> None:
    """Unknown records and items, numbers, and records that lack what is mandatory."""
    unit = EDITION.units["koteishisanzei"]
    (tmp_path / "examples.toml").write_text(text, encoding="utf-8")
    moved = Unit(
        unit.key, unit.number, "", "", unit.namespace, "1.0", tmp_path / "x", (), unit.operations, unit.records, {}
    )
    with pytest.raises(CatalogError) as caught:
        load_examples(moved)
    assert any(problem in one for one in caught.value.problems), caught.value.problems
