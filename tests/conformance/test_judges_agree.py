"""The bus's contract (libxml2) and the oracle (xmlschema) judge the same corpus; differences are written down."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from bus.wire.contract import UnitContract
from conformance.oracle import Oracle
from tests.conformance.cases import CORPUS, Case, base, cases, disagreements, edition, payload


@cache
def contract(unit: str) -> UnitContract:
    """The bus's compiled contract of a unit."""
    return UnitContract(edition().units[unit])


@cache
def oracle(unit: str) -> Oracle:
    """The oracle of a unit."""
    return Oracle(edition(), edition().units[unit])


def by_contract(case: Case) -> frozenset[str]:
    """``code@item`` pairs of the bus's contract."""
    unit = base(case.base)[0]
    found = contract(unit.key).validate(etree.fromstring(payload(case.base, case.changes)))
    return frozenset(f"{finding.code}@{finding.path.rpartition('/')[2]}" for finding in found)


def by_oracle(case: Case) -> frozenset[str]:
    """``code@item`` pairs of the oracle."""
    unit = base(case.base)[0]
    found = oracle(unit.key).judge(payload(case.base, case.changes))
    return frozenset(f"{verdict.code}@{verdict.path.rpartition('/')[2]}" for verdict in found)


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_contract_finds_what_the_corpus_expects(case: Case) -> None:
    """Every line of the corpus yields exactly its codes at its items, from the judge on the message path."""
    assert by_contract(case) == case.expected


@pytest.mark.parametrize("case", cases(), ids=str)
def test_the_oracle_agrees_or_the_difference_is_written_down(case: Case) -> None:
    """The second judge, which shares no code, comes to the same codes, or the difference has a ruling."""
    known = disagreements().get(case.name)
    expected = frozenset(known["oracle"].split()) if known else case.expected
    assert by_oracle(case) == expected


def test_every_written_disagreement_is_still_one() -> None:
    """A disagreement that has gone is removed from the list, and every entry carries its ruling."""
    known = {case.name: case for case in cases()}
    for name, row in disagreements().items():
        assert row["ruling"], name
        assert by_contract(known[name]) != by_oracle(known[name]), name


def test_every_base_and_case_file_is_read() -> None:
    """No file of the corpus is silently left out, and no case name occurs twice."""
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names) >= 120
    assert {path.name for path in CORPUS.iterdir()} >= {"bases.csv", "cases_values.csv", "disagreements.csv"}
