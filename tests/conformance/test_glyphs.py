"""Glyphs without Unicode text: the judge of messages comes to what the bus comes to, and shares no code with it."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from bus.core.errors import WireError
from bus.core.nameless import nameless
from bus.wire.contract import UnitContract
from bus.wire.glyphs import STAND_IN_BYTES, block_of, names_in, neutral
from conformance.evidence import Bundle
from conformance.glyphs import nineteen
from conformance.mutants import records
from conformance.oracle import Oracle
from conformance.standard import Standard, load_standard

CASES = tuple(one for one in records.load() if {"moji", "block"} & {each.op for each in one.changes})
ALONE = tuple(one for one in records.load() if one.id in {"R-480", "R-489"})


@cache
def standard() -> Standard:
    """What the judge judges by."""
    return load_standard()


def message(mutant: records.Mutant) -> bytes:
    """The only message of a mutant."""
    bundle: Bundle = records.bundle(mutant, standard().edition)
    (raw,) = bundle.files.values()
    return raw


def by_bus(raw: bytes) -> set[str]:
    """The codes of the bus."""
    root = etree.fromstring(raw)
    payload = root[-1][0]
    if STAND_IN_BYTES in raw:
        return {"E0002"}
    block = block_of(root)
    try:
        names_in(block, payload) if block is not None else ()
    except WireError as error:
        return {error.code}
    judged = payload if block is None else neutral(payload)
    return {one.code for one in UnitContract(standard().edition.units["juki"]).validate(judged)}


def by_oracle(raw: bytes) -> set[str]:
    """The codes of the second judge."""
    edition = standard().edition
    return {one.code for one in Oracle(edition, edition.units["juki"]).judge(raw)}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", (*CASES, *ALONE), ids=lambda one: one.id)
def test_bus_and_judge_come_to_the_same_codes(mutant: records.Mutant) -> None:
    """For every message of the mutants that names glyphs, rightly or wrongly."""
    raw = message(mutant)
    assert by_oracle(raw) == by_bus(raw)
    assert bool(by_bus(raw)) == bool(mutant.fails)


def test_both_know_the_same_nineteen() -> None:
    """Read from one table by two readers."""
    assert nineteen() == set(nameless())
    assert len(nineteen()) == 19
