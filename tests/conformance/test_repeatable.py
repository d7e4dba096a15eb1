"""The same seed gives the same verdicts, run after run; old evidence is judged to the same verdicts."""

from __future__ import annotations

import pytest

from conformance.judge import judge
from conformance.mutants import consumers, peers
from conformance.oracle import Oracle
from conformance.peer import Peer
from conformance.standard import load_standard

RUNS = 20

pytestmark = [pytest.mark.slow]


@pytest.mark.parametrize("skips", [frozenset[str](), frozenset({"understand", "lookup", "relate"})])
def test_twenty_runs_give_identical_verdicts(skips: frozenset[str]) -> None:
    """A whole provider profile twenty times against the reference peer, and against one that leaves steps out."""
    standard = load_standard()
    unit = standard.edition.units[peers.UNIT]
    peer = Peer(standard.edition, unit, oracle=Oracle(standard.edition, unit))
    mutant = peers.Mutant("P-X", skips, frozenset(), b"", b"", frozenset(), frozenset(), "", "")
    first = peers.bundle(mutant, peer)
    verdicts = judge(first, standard).verdicts
    assert verdicts
    for _ in range(RUNS - 1):
        again = peers.bundle(mutant, peer)
        assert again.digest == first.digest
        assert judge(again, standard).verdicts == verdicts


def test_twenty_runs_of_a_consumer_give_identical_verdicts() -> None:
    """The scenarios of the mock peer too."""
    standard = load_standard()
    unit = standard.edition.units[peers.UNIT]
    peer = Peer(standard.edition, unit, frozenset({"validate"}))
    mutant = next(iter(consumers.load()))
    first = judge(consumers.bundle(mutant, peer), standard).verdicts
    assert all(judge(consumers.bundle(mutant, peer), standard).verdicts == first for _ in range(RUNS - 1))
