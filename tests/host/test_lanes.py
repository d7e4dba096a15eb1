"""Lanes: order within a key, progress beside it, patience with what cannot be done yet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.host.lanes import Lanes, backoff
from tests.support.polling import until_async


@dataclass(frozen=True, slots=True)
class Row:
    """A row with its keys."""

    seq: int
    keys: tuple[str, ...]


@dataclass(slots=True)
class Queue:
    """A queue in memory that notes how its rows were worked off."""

    rows: list[Row]
    failures: dict[int, int] = field(default_factory=dict)
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    most: int = 0
    _now: int = 0

    def load(self, after: int, limit: int) -> Sequence[Row]:
        """Rows that are not finished."""
        return [row for row in self.rows if row.seq > after and row.seq not in self.ended][:limit]

    async def work(self, row: Row, _attempt: int) -> float | None:
        """Fail as often as told, then finish."""
        self.begun.append(row.seq)
        self._now += 1
        self.most = max(self.most, self._now)
        await asyncio.sleep(0)
        self._now -= 1
        if self.failures.get(row.seq, 0):
            self.failures[row.seq] -= 1
            return 0.001
        self.ended.append(row.seq)
        return None


async def run_dry(queue: Queue, *, concurrency: int = 4, window: int = 50) -> None:
    """Work until every row is finished."""
    lanes = Lanes(queue.load, lambda row: row.keys, queue.work, concurrency, window)
    stop = asyncio.Event()
    task = asyncio.create_task(lanes.run(stop))
    await until_async(lambda: len(queue.ended) == len(queue.rows) or task.done())
    stop.set()
    await task


@given(
    st.lists(st.lists(st.sampled_from("abcde"), max_size=3), max_size=40),
    st.integers(1, 6),
    st.integers(1, 45),
    st.dictionaries(st.integers(1, 40), st.integers(1, 2), max_size=5),
)
@pytest.mark.slow
def test_rows_that_share_a_key_are_finished_in_their_order(
    keys: list[list[str]], concurrency: int, window: int, failures: dict[int, int]
) -> None:
    """Whatever fails and however little is held in memory; nothing twice, nothing forgotten."""
    rows = [Row(number, tuple(found)) for number, found in enumerate(keys, 1)]
    queue = Queue(rows, failures)
    asyncio.run(run_dry(queue, concurrency=concurrency, window=window))
    assert sorted(queue.ended) == [row.seq for row in rows]
    by_key: dict[str, list[int]] = defaultdict(list)
    for seq in queue.ended:
        for key in set(rows[seq - 1].keys):
            by_key[key].append(seq)
    assert all(seqs == sorted(seqs) for seqs in by_key.values())
    assert queue.most <= concurrency


async def test_a_row_that_fails_blocks_only_its_own_keys() -> None:
    """The others are finished before it."""
    rows = [Row(1, ("a",)), Row(2, ("a", "b")), Row(3, ("c",)), Row(4, ()), Row(5, ("b",))]
    queue = Queue(rows, {1: 3})
    await run_dry(queue)
    assert queue.ended[:2] == [3, 4]
    assert queue.ended[2:] == [1, 2, 5]


@pytest.mark.slow
async def test_a_row_let_go_again_is_found() -> None:
    """A number below those already worked off: an operator's resend."""
    queue = Queue([Row(5, ("a",))])
    lanes = Lanes(queue.load, lambda row: row.keys, queue.work)
    stop = asyncio.Event()
    task = asyncio.create_task(lanes.run(stop))
    await until_async(lambda: queue.ended == [5])
    queue.rows.insert(0, Row(2, ("a",)))
    await until_async(lambda: queue.ended == [5, 2])
    stop.set()
    await task


async def test_a_defect_of_the_work_ends_the_run() -> None:
    """It is raised, not hidden."""

    async def broken(_row: Row, _attempt: int) -> float | None:
        raise RuntimeError("defect")

    lanes = Lanes(lambda after, _limit: [Row(1, ())] if not after else [], lambda row: row.keys, broken)
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(lanes.run(asyncio.Event()), 5)


def test_waits_double_up_to_a_bound() -> None:
    """0.2, 0.4, ... 5 seconds."""
    assert [backoff(n) for n in (1, 2, 3, 10, 1000)] == [0.2, 0.4, 0.8, 5.0, 5.0]
