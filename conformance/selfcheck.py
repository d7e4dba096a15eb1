"""The suite tried on itself: every control passes and every seeded nonconformity fails for exactly what it names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from conformance.evidence import Bundle
from conformance.judge import Judgement, judge
from conformance.mutants import consumers, data_files, peers, recorded, records
from conformance.oracle import Oracle
from conformance.peer import Peer
from conformance.standard import Standard
from conformance.verdicts import Outcome

OBJECTIONS = frozenset({Outcome.FAIL, Outcome.WARNING})


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one mutant: requirements that should have objected and did not, and the reverse.

    ``unjudged`` are those of ``keeps`` that were not judged as kept. ``errors`` are requirements with a harness error.
    """

    mutant: str
    fails: frozenset[str]
    missed: frozenset[str]
    false: frozenset[str]
    unjudged: frozenset[str]
    errors: frozenset[str]

    @property
    def killed(self) -> bool:
        """Whether all that should object did; a control is killed by nothing objecting."""
        return not (self.missed or self.unjudged or self.errors)


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """The trials, and the judged MUST rows that no mutant makes fail."""

    requirements: int
    trials: tuple[Trial, ...]
    unproven: tuple[str, ...]
    proven: frozenset[str] = frozenset()

    @property
    def summary(self) -> Mapping[str, int]:
        """The figures of the last line of ``selfcheck --json``; controls are no mutants."""
        mutants = [one for one in self.trials if one.fails]
        return {
            "requirements": self.requirements,
            "mutants": len(mutants),
            "killed": sum(one.killed for one in mutants),
            "false_failures": sum(len(one.false) for one in self.trials)
            + sum(not one.killed for one in self.trials if not one.fails),
        }

    @property
    def sound(self) -> bool:
        """Whether every mutant is killed, nothing fails falsely and every judged MUST is proven."""
        figures = self.summary
        return figures["killed"] == figures["mutants"] and not figures["false_failures"] and not self.unproven


def trial(name: str, fails: frozenset[str], keeps: frozenset[str], judgement: Judgement) -> Trial:
    """Compare a judgement with what a mutant names."""
    outcomes = {one.requirement: one.outcome for one in judgement.verdicts}
    objected = frozenset(name for name, outcome in outcomes.items() if outcome in OBJECTIONS)
    errors = frozenset(name for name, outcome in outcomes.items() if outcome is Outcome.ERROR)
    unjudged = frozenset(name for name in keeps if outcomes.get(name) is not Outcome.PASS)
    return Trial(name, fails, fails - objected, objected - fails, unjudged, errors)


def recorded_trials(standard: Standard) -> Iterable[Trial]:
    """The trials of descriptions and recordings."""
    for table in recorded.tables():
        for mutant in recorded.load(table):
            evidence: Bundle = recorded.bundle(mutant)
            yield trial(mutant.id, mutant.fails, mutant.keeps, judge(evidence, standard))


def record_trials(standard: Standard) -> Iterable[Trial]:
    """The trials of records: each mutant changes one item of a sample of its unit."""
    for mutant in records.load():
        yield trial(mutant.id, mutant.fails, mutant.keeps, judge(records.bundle(mutant, standard.edition), standard))


def file_trials(standard: Standard) -> Iterable[Trial]:
    """The trials of data files: transfers in parts and layout files."""
    for mutant in data_files.load():
        yield trial(mutant.id, mutant.fails, mutant.keeps, judge(data_files.bundle(mutant, standard), standard))


def peer_trials(standard: Standard) -> Iterable[Trial]:
    """The trials of peers that misbehave, driven in memory."""
    unit = standard.edition.units[peers.UNIT]
    peer = Peer(standard.edition, unit, oracle=Oracle(standard.edition, unit))
    for mutant in peers.load():
        evidence = peers.bundle(mutant, peer)
        yield trial(mutant.id, mutant.fails, mutant.keeps, judge(evidence, standard))


def consumer_trials(standard: Standard) -> Iterable[Trial]:
    """The trials of consumers that misbehave, in memory and in a time of their own."""
    unit = standard.edition.units[peers.UNIT]
    peer = Peer(standard.edition, unit, oracle=Oracle(standard.edition, unit))
    for mutant in consumers.load():
        evidence = consumers.bundle(mutant, peer)
        yield trial(mutant.id, mutant.fails, mutant.keeps, judge(evidence, standard))


def run(standard: Standard) -> SelfCheck:
    """All trials, in the order of their tables."""
    kinds = (recorded_trials, record_trials, file_trials, peer_trials, consumer_trials)
    trials = tuple(one for kind in kinds for one in kind(standard))
    proven = frozenset().union(*(one.fails for one in trials if one.killed))
    judged = [row for row in standard.catalogue if not row.not_judged_reason and not row.retired]
    unproven = tuple(row.id for row in judged if row.level == "MUST" and row.id not in proven)
    return SelfCheck(len(standard.catalogue), trials, unproven, proven)
