"""Consumers that misbehave: rows of ``consumers.csv``, each a reference consumer that leaves things out.

``skips`` are the things left out. ``find`` and ``replace`` edit the requests of the scenarios of ``cases`` (``*``: all)
from the request of number ``from`` on (0: the first); they have the escapes of ``recorded``. ``fails`` are exactly the
requirements that may object; ``keeps`` must be kept. Time is a model: nobody waits.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from conformance.consumer import Consumer
from conformance.driver.consumer import Mock, drive
from conformance.evidence import Bundle
from conformance.mutants.peers import UNIT, base_of
from conformance.mutants.recorded import HOME, MutantError, unescape, with_length
from conformance.peer import Peer

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A consumer that misbehaves."""

    id: str
    skips: frozenset[str]
    cases: frozenset[str]
    first: int
    find: bytes
    replace: bytes
    fails: frozenset[str]
    keeps: frozenset[str]
    text_ja: str
    text_en: str


@dataclass(slots=True)
class ModelClock:
    """A time that goes on only where somebody waits."""

    passed: float = field(default=0.0)

    def now(self) -> str:
        """The time as ISO 8601."""
        return (EPOCH + timedelta(seconds=self.passed)).isoformat(timespec="milliseconds")

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds


def load() -> Iterator[Mutant]:
    """The mutants in the order of the table."""
    with (HOME / "consumers.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield Mutant(
                row["id"], frozenset(row["skips"].split()), frozenset(row["cases"].split()), int(row["from"] or 0),
                unescape(row["find"]).encode(), unescape(row["replace"]).encode(), frozenset(row["fails"].split()),
                frozenset(row["keeps"].split()), row["text_ja"], row["text_en"],
            )  # fmt: skip


def bundle(mutant: Mutant, peer: Peer) -> Bundle:
    """The evidence of a run with the consumer as the mutant spoils it: the same every time."""
    clock, edits = ModelClock(), 0
    mock = Mock(peer, clock.now, clock.wait)

    def send(raw: bytes) -> bytes:
        nonlocal edits
        if mutant.find and mutant.cases & {mock.scenario.name, "*"} and mock.seen >= mutant.first:
            edited = with_length(raw.replace(mutant.find, mutant.replace, 1))
            edits += edited != raw
            return mock.answer(edited)
        return mock.answer(raw)

    consumer = Consumer(base_of(peer.edition), send, clock.wait, mutant.skips)
    done = drive(mock, lambda _scenario: consumer.call(), profile=f"{UNIT}-consumer", subject=mutant.id)
    if mutant.find and not edits:
        raise MutantError(f"{mutant.id}: the edit changes no request")
    return done
