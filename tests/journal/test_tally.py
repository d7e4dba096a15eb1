"""Counting without looking at everything: right at every moment, kept over a close, made anew after a sudden end."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest

from bus.core.clock import SystemClock
from bus.core.errors import JournalError
from bus.core.states import State
from bus.journal import tally
from bus.journal.operator import JournalOperator
from bus.journal.schema import connect
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from tests.support.deliveries import acceptance, call, refusal, step


class Listening:
    """Makes connections and keeps the statements that they run."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, path: Path) -> sqlite3.Connection:
        """A connection that is listened to."""
        connection = connect(path)
        connection.set_trace_callback(self.statements.append)
        return connection

    @property
    def counted_all(self) -> bool:
        """Whether the whole table was gone through."""
        return tally._ALL in self.statements


def journal_at(path: Path, make: Listening | None = None) -> SqliteJournal:
    """A journal that is not open yet."""
    return SqliteJournal(path, clock=SystemClock(), make=make or connect)


def shown(journal: SqliteJournal) -> dict[str, int]:
    """What is not zero."""
    return {str(name): count for name, count in journal.counts().items() if count}


WANTED = {
    **{"ACCEPTED": 1, "PARKED": 1, "RETRY_WAIT": 1, "DISPATCHING": 1, "DELIVERED": 1, "REPLIED": 2, "EXPIRED": 1},
    **{"CANCELLED": 1, "REJECTED": 1, "accepted_messages": 8, "rejected_messages": 1},
}


async def fill(journal: SqliteJournal) -> None:
    """Deliveries in every kind of state; one answered late, one message to two."""
    for state in (State.DELIVERED, State.REPLIED, State.EXPIRED, State.PARKED, State.RETRY_WAIT):
        accepted = acceptance()
        await journal.accept(accepted)
        await journal.record([step(accepted, State.DISPATCHING), step(accepted, state)])
    late = acceptance(targets=("tax", "kokuho"))
    await journal.accept(late)
    await journal.record([step(late, State.DISPATCHING), step(late, State.DELIVERED)])
    await journal.record([step(late, State.REPLIED), step(late, State.CANCELLED, index=1)])
    await journal.accept(acceptance())
    await journal.accept(call())
    await journal.accept(refusal())


async def test_every_state_is_counted(tmp_path: Path) -> None:
    """Open ones along the index, final ones as they were moved."""
    journal = journal_at(tmp_path / "j.sqlite")
    await journal.open()
    await fill(journal)
    assert shown(journal) == WANTED
    await journal.close()


async def test_after_a_close_nothing_is_counted_again(tmp_path: Path) -> None:
    """The numbers were written down; a second start needs them written down again."""
    path = tmp_path / "j.sqlite"
    journal = journal_at(path)
    await journal.open()
    await fill(journal)
    await journal.close()
    for _ in range(2):
        ears = Listening()
        again = journal_at(path, ears)
        await again.open()
        assert shown(again) == WANTED
        await again.close()
        assert not ears.counted_all


async def test_after_a_sudden_end_everything_is_counted_once(tmp_path: Path) -> None:
    """What a machine leaves behind that lost its power: the numbers of the last close would be wrong."""
    path, left = tmp_path / "j.sqlite", tmp_path / "left.sqlite"
    journal = journal_at(path)
    await journal.open()
    await journal.accept(acceptance())
    await journal.close()
    journal = journal_at(path)
    await journal.open()
    await fill(journal)
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{left}{end}")
    before = shown(journal)
    await journal.close()
    ears = Listening()
    again = journal_at(left, ears)
    await again.open()
    assert ears.counted_all
    assert shown(again) == before
    await again.close()


async def test_what_an_operator_cancels_is_seen_at_once_and_stays_counted(tmp_path: Path) -> None:
    """On a journal at rest, and after it has gone on."""
    path = tmp_path / "j.sqlite"
    journal = journal_at(path)
    await journal.open()
    waiting = [acceptance() for _ in range(3)]
    for each in waiting:
        await journal.accept(each)
    operator = JournalOperator(SqliteSide(path), SystemClock())
    assert [each.done for each in operator.cancel([waiting[0].delivery_id(0)])] == [True]
    assert shown(journal) == {"ACCEPTED": 2, "CANCELLED": 1, "accepted_messages": 3}
    await journal.record([step(waiting[1], State.DISPATCHING)])
    assert [each.done for each in operator.cancel([waiting[2].delivery_id(0)])] == [True]
    operator.close()
    await journal.record([step(waiting[1], State.DELIVERED)])
    wanted = {"CANCELLED": 2, "DELIVERED": 1, "accepted_messages": 3}
    assert shown(journal) == wanted
    await journal.close()
    again = journal_at(path)
    await again.open()
    assert shown(again) == wanted
    await again.close()


async def test_numbers_in_the_middle_of_traffic_never_go_back_or_below_nothing(tmp_path: Path) -> None:
    """Looked at between the commits of many writers; at the end they are exact."""
    journal = journal_at(tmp_path / "j.sqlite")
    await journal.open()

    async def one() -> None:
        for _ in range(20):
            accepted = acceptance()
            await journal.accept(accepted)
            await journal.record([step(accepted, State.DISPATCHING)])
            await journal.record([step(accepted, State.DELIVERED)])

    work = asyncio.gather(*(one() for _ in range(20)))
    last = 0
    while not work.done():
        counts = journal.counts()
        assert all(count >= 0 for count in counts.values())
        assert counts[State.CANCELLED] == 0
        assert counts[State.DELIVERED] >= last
        last = counts[State.DELIVERED]
        await asyncio.sleep(0)
    await work
    assert shown(journal) == {"DELIVERED": 400, "accepted_messages": 400}
    await journal.close()


async def test_a_batch_that_is_not_stored_is_not_counted(tmp_path: Path) -> None:
    """A refused transition, an exchange id used twice."""
    journal = journal_at(tmp_path / "j.sqlite")
    await journal.open()
    accepted = acceptance()
    twice = acceptance(exchange_id=accepted.exchange_id)
    results = await asyncio.gather(
        journal.accept(accepted), journal.accept(twice), journal.accept(refusal()), return_exceptions=True
    )
    assert sum(isinstance(each, JournalError) for each in results) == 1
    with pytest.raises(JournalError):
        await journal.record([step(accepted, State.REPLIED)])
    assert shown(journal) == {"ACCEPTED": 1, "REJECTED": 1, "accepted_messages": 1, "rejected_messages": 1}
    await journal.close()


async def test_the_look_at_what_is_open_goes_along_the_index(tmp_path: Path) -> None:
    """However many deliveries are done, they are not touched."""
    path = tmp_path / "j.sqlite"
    journal = journal_at(path)
    await journal.open()
    await journal.close()
    connection = connect(path)
    for question, values in ((tally._BY_CLASS, ()), (tally._MOVING, (1,))):
        plan = " ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {question}", values))
        assert "INDEX delivery_open" in plan, plan
    connection.close()
