"""The count of one cell: what was acknowledged is delivered once, unaltered, in the order of its resident."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from matrix.load import Load
from matrix.place import Place


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the table. ``doubled`` are effects of one notice under several ids, or with several contents."""

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
    seconds: float
    seed: int

    @property
    def sound(self) -> bool:
        """Nothing lost, doubled, altered, out of order or without account."""
        bad = (self.lost, self.doubled, self.disorder, self.altered, self.unaccounted, self.parked, self.refused)
        return not any(bad) and self.acknowledged == self.attempted == self.delivered and self.hit > 0

    def row(self) -> str:
        """As a line of the document."""
        counted = (self.attempted, self.acknowledged, self.delivered, self.lost, self.doubled, self.disorder)
        shown = " | ".join(f"{each:,}" for each in (*counted, self.parked, self.again, self.hit))
        return f"| {self.cell} | {self.engine} | {shown} | {self.seconds:.0f} s | {self.seed} |"


HEAD = (
    "| 壊し方 cell | 構成 engines | 試行 attempted | 受付 acknowledged | 配送 delivered | 紛失 lost |"
    " 二重効果 duplicate effects | 順序違反 out of order | 保留 parked | 再送 sent again | 回数 hits | 時間 | seed |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def account(place: Place, cell: str, *, hit: int, seconds: float, seed: int) -> Account:
    """Compare senders, receiver and journal."""
    ledger, receiver, states = place.load.ledger, place.receiver, place.states()
    effects = receiver.effects
    versions = [Load.place(each) for each in effects]
    by_resident: dict[int, list[int]] = {}
    for resident, number in versions:
        by_resident.setdefault(resident, []).append(number)
    return Account(
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
        seconds=seconds,
        seed=seed,
    )
