"""The count of one cell: what was acknowledged is delivered once, unaltered, in the order of its resident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from harness.machine import describe

from matrix.load import Load
from matrix.place import Place


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the table. ``doubled`` are effects of one notice under several ids, or with several contents."""

    name: str
    cell: str
    engine: str
    attempted: int
    acknowledged: int
    delivered: int
    lost: int
    doubled: int
    disorder: int
    parked: int
    altered: int
    unaccounted: int
    again: int
    refused: int
    hit: int
    recovery: float | None
    seconds: float
    seed: int
    finished: str
    machine: str

    @property
    def sound(self) -> bool:
        """Nothing lost, doubled, altered, out of order or without account."""
        bad = (self.lost, self.doubled, self.disorder, self.altered, self.unaccounted, self.parked, self.refused)
        return not any(bad) and self.acknowledged == self.attempted == self.delivered and self.hit > 0

    def row(self) -> str:
        """As a line of the document."""
        counted = (self.attempted, self.acknowledged, self.delivered, self.lost, self.doubled, self.disorder)
        shown = " | ".join(f"{each:,}" for each in (*counted, self.parked, self.again, self.hit))
        waited = "–" if self.recovery is None else f"{self.recovery:.1f} s"
        return f"| {self.cell} | {self.engine} | {shown} | {waited} | {self.seconds:.0f} s | {self.seed} |"


COLUMNS = (
    "壊し方 cell", "構成 engines", "試行 attempted", "受付 acknowledged", "配送 delivered", "紛失 lost",
    "二重効果 duplicate effects", "順序違反 out of order", "保留 parked", "再送 sent again", "回数 hits",
    "復旧 recovery", "時間 time", "seed",
)  # fmt: skip
HEAD = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def account(place: Place, name: str, cell: str, *, hit: int, seconds: float, seed: int) -> Account:
    """Compare senders, receiver and journal."""
    ledger, receiver, states = place.load.ledger, place.receiver, place.states()
    effects = receiver.effects
    versions = [Load.place(each) for each in effects]
    by_resident: dict[int, list[int]] = {}
    for resident, number in versions:
        by_resident.setdefault(resident, []).append(number)
    machine = describe()
    return Account(
        name=name,
        cell=cell,
        engine=place.engine,
        attempted=len(ledger.attempted),
        acknowledged=len(ledger.acknowledged),
        delivered=states.get("DELIVERED", 0),
        lost=sum(each not in receiver.digests for each in ledger.acknowledged),
        doubled=len(versions) - len(set(versions)) + len(receiver.altered),
        disorder=sum(after < before for numbers in by_resident.values() for before, after in pairwise(numbers)),
        parked=states.get("PARKED", 0),
        altered=sum(receiver.digests.get(each, digest) != digest for each, digest in ledger.attempted.items()),
        unaccounted=abs(sum(states.values()) - len(ledger.attempted)) + len(set(effects) - set(ledger.attempted)),
        again=sum(receiver.times.values()) - len(receiver.times),
        refused=len(ledger.refused),
        hit=hit,
        recovery=recovery(receiver.moments, place.marks, place.stood),
        seconds=seconds,
        seed=seed,
        finished=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        machine=f"{machine.cores} cores of {machine.processor}",
    )


def recovery(
    moments: Sequence[float], marks: Sequence[float], stood: Sequence[tuple[float, float]] = ()
) -> float | None:
    """Seconds from a mark until deliveries went on: the longest of the cell; ``None`` without a mark.

    After each mark, up to the next one, the longest pause between two new effects counts, from the mark to its end:
    what was on the way to the receiver still arrives right after a kill, and is no recovery. ``stood``: from when to
    when the whole machine stood still, which is not counted.
    """

    def span(start: float, end: float) -> float:
        return end - start - sum(max(0.0, min(end, until) - max(start, since)) for since, until in stood)

    found: list[float] = []
    for number, mark in enumerate(marks):
        end = marks[number + 1] if number + 1 < len(marks) else float("inf")
        pauses = [
            (span(max(before, mark), after), span(mark, after))
            for before, after in pairwise(moments)
            if mark < after and before < end
        ]
        if pauses:
            found.append(max(pauses)[1])
    return max(found, default=None)
