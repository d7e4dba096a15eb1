"""Signature wrapping: whatever is moved, copied, renamed or wrapped, only what was signed is ever dispatched."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lxml import etree

from bus.wire.security import verify
from bus.wire.security.names import WSU_ID

TOOL = Path(__file__).parents[2] / "deploy" / "tools" / "wrapping.py"


@pytest.fixture(scope="module")
def wrapping() -> ModuleType:
    """The tool that strangers run."""
    spec = importlib.util.spec_from_file_location("wrapping", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["wrapping"] = module  # its dataclasses look themselves up
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
        del sys.modules["wrapping"]
    return module


def test_no_variant_of_the_quick_selection_is_dispatched(wrapping: ModuleType) -> None:
    """Every change of the tree that is no move, and an even selection of the moves."""
    place = wrapping.town()
    expected = wrapping.dispatched(place.raw, place.gate)
    moves = wrapping.systematic(place.raw, 131)
    outcomes = {
        label: wrapping.judge(raw, expected, place.gate) for label, raw in [*wrapping.by_tree(place.raw), *moves]
    }
    assert len(outcomes) > 200
    harmless = {"headers in reverse", "unknown unsigned block"}
    assert {label for label, outcome in outcomes.items() if not outcome.startswith("refused")} <= harmless


@pytest.mark.slow
@pytest.mark.parametrize("elliptic", [True, False])
def test_no_variant_at_all_is_dispatched(wrapping: ModuleType, elliptic: bool) -> None:
    """All that the generator makes, more than 18,000, with either kind of key."""
    result = wrapping.run(100_000, elliptic=elliptic)
    assert result["variants"] > 15_000
    assert (result["forged"], result["crashed"], result["bad"]) == (0, 0, [])


def test_the_generator_finds_a_verifier_that_looks_ids_up(
    wrapping: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verifier as libraries write it, which looks for the id anywhere, dispatches forgeries: the generator bites."""

    def anywhere(root: etree._Element, _header: Any, references: Any) -> None:
        for reference in references:
            found = [each for each in root.iter() if each.get(WSU_ID) == reference.identifier]
            digest = verify._HASHES[reference.algorithm](verify.canonical(found[0], reference.prefixes)).digest()
            if digest != reference.digest:
                raise verify.refuse("CB2025", reference.element, "x")

    monkeypatch.setattr(verify, "_covered", anywhere)
    place = wrapping.town()
    expected = wrapping.dispatched(place.raw, place.gate)
    everything = wrapping.systematic(place.raw, 7)
    assert any(wrapping.judge(raw, expected, place.gate) == "forged" for _, raw in everything)
