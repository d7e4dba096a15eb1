"""When the disk fails: nothing is acknowledged that is not stored, and the journal goes on when the disk does."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bus.core.errors import JournalError
from bus.core.states import State
from bus.journal.schema import MIGRATIONS, connect
from bus.journal.sqlite import SqliteJournal
from bus.journal.writer import LIGHT_BYTES
from tests.support.deliveries import MUNICIPALITY, SteppedClock, acceptance, step

PROGRAM = "an error of the program"


class FailingDisk:
    """Makes connections whose next statements of a kind fail as a broken disk makes them fail."""

    def __init__(self) -> None:
        self.fails: dict[str, str] = {}
        self.opened = 0

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection that asks this disk before every statement."""
        disk = self
        disk.opened += 1

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
                for start, message in disk.fails.items():
                    if statement.startswith(start):
                        raise LookupError if message == PROGRAM else sqlite3.OperationalError(message)
                return super().execute(statement, *values)

        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)


@pytest.fixture
def disk() -> Iterator[FailingDisk]:
    """A disk that works until told otherwise."""
    yield FailingDisk()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("COMMIT", "disk I/O error"),
        ("COMMIT", "database or disk is full"),
        ("BEGIN IMMEDIATE", "disk I/O error"),
        ("INSERT INTO body", "database or disk is full"),
        ("INSERT INTO delivery", "disk I/O error"),
        ("INSERT INTO delivery", PROGRAM),
        ("COMMIT", PROGRAM),
    ],
)
@pytest.mark.parametrize("light_bytes", [LIGHT_BYTES, 0], ids=["loop", "thread"])
async def test_a_failed_commit_refuses_everybody_in_the_batch(
    tmp_path: Path, disk: FailingDisk, statement: str, message: str, light_bytes: int
) -> None:
    """CB4001 for all, nothing of the batch is there, and the next batch is stored."""
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, clock=SteppedClock(), make=disk.connect, light_bytes=light_bytes)
    await journal.open()
    before = acceptance()
    await journal.accept(before)
    disk.fails = {statement: message}
    lost = [acceptance() for _ in range(40)]
    outcomes = await asyncio.gather(*(journal.accept(each) for each in lost), return_exceptions=True)
    assert {getattr(outcome, "code", outcome) for outcome in outcomes} == {"CB4001"}
    assert all(outcome.retry_after_s > 0 for outcome in outcomes if isinstance(outcome, JournalError))
    disk.fails = {}
    assert all(journal.find(MUNICIPALITY, "juki", each.message_id) is None for each in lost)
    assert await asyncio.gather(*(journal.accept(each) for each in lost)) == [None] * 40
    await journal.record([step(each, State.DISPATCHING) for each in [before, *lost]])
    assert journal.counts()["accepted_messages"] == 41
    await journal.close()


async def test_a_failed_commit_of_transitions_changes_no_state(tmp_path: Path, disk: FailingDisk) -> None:
    """What the writer remembered of the failed batch is forgotten with it."""
    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=SteppedClock(), make=disk.connect)
    await journal.open()
    one = acceptance()
    await journal.accept(one)
    disk.fails = {"COMMIT": "disk I/O error"}
    with pytest.raises(JournalError) as caught:
        await journal.record([step(one, State.DISPATCHING), step(one, State.DELIVERED)])
    assert caught.value.code == "CB4001"
    disk.fails = {}
    assert journal.states([one.delivery_id(0)]) == {one.delivery_id(0): State.ACCEPTED}
    await journal.record([step(one, State.DISPATCHING)])
    await journal.close()


async def test_after_a_failure_the_connection_is_opened_anew(tmp_path: Path, disk: FailingDisk) -> None:
    """Nothing that a connection believes after a failed write is trusted; while it cannot be opened, all is refused."""
    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=SteppedClock(), make=disk.connect)
    await journal.open()
    opened = disk.opened
    disk.fails = {"COMMIT": "disk I/O error", "PRAGMA journal_mode": "unable to open database file"}
    for _ in range(3):
        with pytest.raises(JournalError) as caught:
            await journal.accept(acceptance())
        assert caught.value.code == "CB4001"
    disk.fails = {}
    assert await journal.accept(acceptance()) is None
    assert disk.opened > opened
    await journal.close()


async def test_a_file_held_by_another_process_does_not_stop_the_event_loop(tmp_path: Path) -> None:
    """The loop goes round while an operator's command holds the file; what waits is stored afterwards."""
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, clock=SteppedClock())
    await journal.open()
    with closing(connect(path)) as operator:
        operator.execute("BEGIN IMMEDIATE")
        waiting = [asyncio.ensure_future(journal.accept(acceptance())) for _ in range(3)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        operator.execute("ROLLBACK")
        assert await asyncio.gather(*waiting) == [None] * 3
    assert journal.counts()["accepted_messages"] == 3
    await journal.close()


@pytest.mark.parametrize(("size", "by_loop"), [(1_000, True), (LIGHT_BYTES, False)])
async def test_the_event_loop_writes_light_batches_only(tmp_path: Path, size: int, by_loop: bool) -> None:
    """A large body is written by the thread, so that nobody else waits for it."""
    writers: list[int] = []

    class Connection(sqlite3.Connection):
        def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
            if statement.startswith("INSERT INTO body"):
                writers.append(threading.get_ident())
            return super().execute(statement, *values)

    def make(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Connection)

    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=SteppedClock(), make=make)
    await journal.open()
    assert await journal.accept(acceptance(raw=b"x" * size)) is None
    assert [each == threading.get_ident() for each in writers] == [by_loop]
    await journal.close()


async def test_a_full_disk_refuses_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    """With a bounded file: some are stored, the rest is refused with CB4001, and exactly the stored ones are there."""
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, clock=SteppedClock(), max_pages=120)
    await journal.open()
    accepted, refused = [], []
    for _ in range(30):
        batch = [acceptance(raw=b"x" * 2000) for _ in range(10)]
        outcomes = await asyncio.gather(*(journal.accept(each) for each in batch), return_exceptions=True)
        for each, outcome in zip(batch, outcomes, strict=True):
            (accepted if outcome is None else refused).append(each)
            assert outcome is None or getattr(outcome, "code", "") == "CB4001"
    assert accepted
    assert refused
    await journal.close()
    journal = SqliteJournal(path, clock=SteppedClock())
    await journal.open()
    assert journal.counts()["accepted_messages"] == len(accepted)
    assert all(journal.body(each.exchange_id) == each.raw for each in accepted)
    assert set(await asyncio.gather(*(journal.accept(each) for each in refused[:20]))) == {None}
    await journal.close()


async def test_a_file_that_is_no_journal_is_refused(tmp_path: Path) -> None:
    """CB4003 names the path; the file is left as it is."""
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is not a database, but long enough to be read as one" * 20)
    journal = SqliteJournal(path, clock=SteppedClock())
    with pytest.raises(JournalError) as caught:
        await journal.open()
    assert caught.value.code == "CB4003"
    assert str(path) in caught.value.findings[0].got
    assert path.read_bytes().startswith(b"this is not")


async def test_a_journal_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """A version from the future is neither guessed at nor changed."""
    path = tmp_path / "journal.sqlite"
    connection = connect(path)
    connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()
    journal = SqliteJournal(path, clock=SteppedClock())
    with pytest.raises(JournalError) as caught:
        await journal.open()
    assert caught.value.code == "CB4003"


async def test_a_failed_open_gives_the_lock_back(tmp_path: Path) -> None:
    """After the cause is removed the same process can open the journal."""
    path = tmp_path / "journal.sqlite"
    path.mkdir()
    journal = SqliteJournal(path, clock=SteppedClock())
    with pytest.raises(JournalError):
        await journal.open()
    path.rmdir()
    await journal.open()
    assert await journal.accept(acceptance()) is None
    await journal.close()


async def test_the_safety_settings_are_in_force(tmp_path: Path) -> None:
    """WAL and an fsync per commit are what makes an acknowledgement true; the file is readable by its owner only."""
    seen: list[sqlite3.Connection] = []

    def watch(path: Path) -> sqlite3.Connection:
        seen.append(connect(path))
        return seen[-1]

    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=SteppedClock(), make=watch)
    await journal.open()
    writer = seen[0]
    assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert writer.execute("PRAGMA synchronous").fetchone() == (2,)
    assert (tmp_path / "journal.sqlite").stat().st_mode & 0o077 == 0
    await journal.close()
