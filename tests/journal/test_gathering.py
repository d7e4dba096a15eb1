"""How many entries share one commit: a batch gathers while turns of the event loop bring more, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bus.journal.batch import Outcome, Work
from bus.journal.seen import Remembrance
from bus.journal.writer import BATCH_LIMIT, GATHERING_TURNS, GroupWriter


class CountingStore:
    """Keeps nothing; remembers how many entries each batch had and in which turn of the loop it was written."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.turns: list[int] = []
        self.turn = 0

    def open(self) -> None:
        """Nothing to open."""

    def weigh(self, batch: Sequence[Work]) -> int:
        """Light, always."""
        return 0

    def write(self, batch: Sequence[Work], *, patient: bool) -> list[Outcome]:
        """Note the batch."""
        self.sizes.append(len(batch))
        self.turns.append(self.turn)
        return [True] * len(batch)

    def commit(self) -> None:
        """Durable at once."""

    def tidy(self, *, idle: bool) -> bool:
        """Nothing to tidy."""
        return False

    def close(self) -> None:
        """Nothing to close."""


def entry(number: int) -> Remembrance:
    """An entry of a batch."""
    return Remembrance(str(number), 2e9, 1e9)


async def arrivals(store: CountingStore, per_turn: Sequence[int]) -> None:
    """Hand over so many entries in each turn of the loop; returns when all are durable."""
    writer = GroupWriter(store)
    await writer.start()
    waiting: list[asyncio.Future[Outcome]] = []
    for turn, number in enumerate(per_turn):
        store.turn = turn
        waiting += [writer.submit(entry(turn * 1000 + each)) for each in range(number)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    await writer.stop()


@pytest.mark.parametrize("turns", [1, 2, GATHERING_TURNS])
def test_entries_that_arrive_turn_after_turn_share_one_commit(turns: int) -> None:
    """As long as each turn of the loop brings another entry the batch goes on gathering."""
    store = CountingStore()
    asyncio.run(arrivals(store, [1] * turns))
    assert store.sizes == [turns]


def test_a_turn_that_brings_nothing_ends_the_batch() -> None:
    """One empty turn after the last entry, and the batch is written: nobody waits for company that does not come."""
    store = CountingStore()
    asyncio.run(arrivals(store, [1, 1, *[0] * 20]))
    assert store.sizes == [2]
    assert store.turns[0] <= 3


def test_a_batch_does_not_gather_for_ever() -> None:
    """However busy the loop is, the first entry is written after a bounded number of turns."""
    store = CountingStore()
    asyncio.run(arrivals(store, [1] * (5 * GATHERING_TURNS)))
    assert store.turns[0] <= GATHERING_TURNS + 1
    assert sum(store.sizes) == 5 * GATHERING_TURNS


def test_a_full_batch_does_not_wait_for_another_turn() -> None:
    """What fills a commit is written in the turn that follows, and the rest after it."""
    store = CountingStore()
    asyncio.run(arrivals(store, [BATCH_LIMIT + 1, *[1] * 30]))
    assert store.sizes[0] == BATCH_LIMIT
    assert store.turns[0] <= 1
    assert sum(store.sizes) == BATCH_LIMIT + 31
