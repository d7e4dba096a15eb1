"""The write-ahead log is given its room before the bus starts."""

from __future__ import annotations

from pathlib import Path

from bus.core.clock import SystemClock
from bus.journal.checkpoint import make_room
from bus.journal.sqlite import SqliteJournal

ROOM = 3 << 20


def log_of(path: Path) -> Path:
    """The write-ahead log of a journal."""
    return path.with_name(path.name + "-wal")


async def test_the_log_has_its_room_when_the_journal_is_open(tmp_path: Path) -> None:
    """Also on the very first start, when the journal itself is made."""
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path, clock=SystemClock(), log_room=ROOM)
    await journal.open()
    try:
        assert log_of(path).stat().st_size == ROOM
        assert log_of(path).stat().st_mode & 0o777 == 0o600
    finally:
        await journal.close()


async def test_room_is_not_given_twice_and_never_taken(tmp_path: Path) -> None:
    """A longer log stays as it is, zeros go behind what is written."""
    path = tmp_path / "journal.sqlite"
    log_of(path).write_bytes(b"written")
    make_room(path, 10)
    assert log_of(path).read_bytes() == b"written\0\0\0"
    make_room(path, 5)
    assert log_of(path).stat().st_size == 10


def test_a_disk_without_room_is_no_error(tmp_path: Path) -> None:
    """The log then grows with the commits, as it always can."""
    make_room(tmp_path / "no" / "such" / "folder", ROOM)
