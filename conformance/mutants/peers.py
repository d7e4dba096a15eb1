"""Peers that misbehave: rows of ``peers.csv``, each a reference peer that leaves steps out or whose answers are edited.

``skips`` are the steps left out. ``find`` and ``replace`` edit the answers to the cases of ``cases`` (``*``: all); they
have the escapes of ``recorded``. ``fails`` are exactly the requirements that may object; ``keeps`` must be kept.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from conformance.driver.cases import Base
from conformance.driver.provider import drive, first_inquiry, requests
from conformance.driver.transport import Answer
from conformance.evidence import Bundle
from conformance.mutants.recorded import HOME, MutantError, unescape, with_length
from conformance.peer import Peer
from schemas.model import Edition

UNIT = "juki"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A peer that misbehaves."""

    id: str
    skips: frozenset[str]
    cases: frozenset[str]
    find: bytes
    replace: bytes
    fails: frozenset[str]
    keeps: frozenset[str]
    text_ja: str
    text_en: str


def load() -> Iterator[Mutant]:
    """The mutants in the order of the table."""
    with (HOME / "peers.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            sets = (frozenset(row[name].split()) for name in ("skips", "cases"))
            skips, cases = sets
            yield Mutant(
                row["id"], skips, cases, unescape(row["find"]).encode(), unescape(row["replace"]).encode(),
                frozenset(row["fails"].split()), frozenset(row["keeps"].split()), row["text_ja"], row["text_en"],
            )  # fmt: skip


@dataclass
class PeerTransport:
    """Answers in memory with the bytes that the peer would put on a wire; what a mutant edits is counted."""

    peer: Peer
    mutant: Mutant
    cases: dict[bytes, list[str]]
    edits: int = field(default=0)

    def send(self, raw: bytes) -> Answer:
        """The answer, edited where the mutant says so. An empty answer is a closed connection."""
        waiting = self.cases[raw]
        case = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        answer = self.peer.answer(raw)
        if self.mutant.find and (case in self.mutant.cases or "*" in self.mutant.cases):
            edited = b"" if self.mutant.find == b"*" else answer.replace(self.mutant.find, self.mutant.replace, 1)
            self.edits += edited != answer
            answer = with_length(edited) if edited else b""
        return Answer("answered" if answer else "closed", answer)


def base_of(edition: Edition) -> Base:
    """The right request of the unit that is driven in memory."""
    found = first_inquiry(edition.units[UNIT])
    if found is None:
        raise MutantError("there is no sample of an inquiry")
    return replace(found, host="localhost", target="/subject")


def bundle(mutant: Mutant, peer: Peer) -> Bundle:
    """The evidence of driving the peer as the mutant spoils it. Times are numbers: it is the same every time."""
    edition = peer.edition
    base = base_of(edition)
    cases: dict[bytes, list[str]] = {}
    for case, raw in requests(base):
        if raw is not None:
            cases.setdefault(raw, []).append(case)
    transport = PeerTransport(replace(peer, skips=mutant.skips), mutant, cases)
    ticks = count()
    done = drive(
        base, transport, edition, profile=f"{UNIT}-provider", subject=mutant.id, clock=lambda: str(next(ticks))
    )
    if mutant.find and not transport.edits:
        raise MutantError(f"{mutant.id}: the edit changes no answer")
    return done
