"""The lagging index of message ids answers the same before, during and after merging, and after any restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.journal import message_index
from bus.journal.message_index import MERGE_IDLE, SLICE, MessageIndex, merged_up_to, stored_candidates
from bus.journal.message_key import message_key
from bus.journal.schema import open_for_writing

CODE = "990019"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an empty journal."""
    connection = open_for_writing(tmp_path / "journal.sqlite")
    yield connection
    connection.close()


def store(connection: sqlite3.Connection, index: MessageIndex, first: int, count: int) -> None:
    """Messages as the ledger stores them, and their keys."""
    connection.execute("BEGIN")
    for n in range(first, first + count):
        insert(connection, n)
        index.add(message_key(CODE, f"id-{n}"), n)
    connection.execute("COMMIT")


def insert(connection: sqlite3.Connection, n: int) -> None:
    """The row of message number ``n``."""
    head, texts = (n, f"{n:032x}", CODE, "juki", f"id-{n}", 0), ("",) * 7
    values = (*head, *texts, 0.0, 0.0, "", "", "", "", 0, "")
    connection.execute(f"INSERT INTO exchange VALUES ({','.join('?' * len(values))})", values)


def all_found(connection: sqlite3.Connection, index: MessageIndex, last: int) -> bool:
    """Whether every message is found by the writer's index and by a process that has only the tables."""
    return all(
        index.candidates(connection, message_key(CODE, f"id-{n}"))
        == stored_candidates(connection, CODE, f"id-{n}")
        == [n]
        for n in range(1, last + 1)
    )


def test_every_message_is_found_at_every_stage_of_merging(connection: sqlite3.Connection) -> None:
    """Between two slices a key is in memory or in the table, never nowhere."""
    index = MessageIndex(connection)
    count = 2 * SLICE + 10
    store(connection, index, 1, count)
    assert all_found(connection, index, count)
    stages = 0
    while index.merge(idle=True):
        stages += 1
        assert index.candidates(connection, message_key(CODE, "id-1")) == [1]
        assert index.candidates(connection, message_key(CODE, f"id-{count}")) == [count]
    assert stages == 2
    assert merged_up_to(connection) == count
    assert all_found(connection, index, count)


def test_messages_that_arrive_during_a_merge_are_found(connection: sqlite3.Connection) -> None:
    """A merge takes what it began with; newer ones wait for the next one."""
    index = MessageIndex(connection)
    store(connection, index, 1, SLICE + 1)
    assert index.merge(idle=True)
    store(connection, index, SLICE + 2, MERGE_IDLE)
    assert not index.merge(idle=True)
    assert merged_up_to(connection) == SLICE + 1
    assert all_found(connection, index, SLICE + 1 + MERGE_IDLE)
    assert not index.merge(idle=True)
    assert merged_up_to(connection) == SLICE + 1 + MERGE_IDLE


def test_a_restart_in_the_middle_of_a_merge_loses_no_id(connection: sqlite3.Connection) -> None:
    """What the table does not vouch for is read back from the messages themselves."""
    index = MessageIndex(connection)
    count = SLICE * 2
    store(connection, index, 1, count)
    assert index.merge(idle=True)
    again = MessageIndex(connection)
    assert all_found(connection, again, count)
    while again.merge(idle=True):
        pass
    assert all_found(connection, MessageIndex(connection), count)


def test_a_few_messages_wait_for_more(connection: sqlite3.Connection) -> None:
    """Neither a gap nor traffic merges a handful; many are merged even without a gap."""
    index = MessageIndex(connection)
    store(connection, index, 1, MERGE_IDLE - 1)
    assert not index.merge(idle=True)
    assert merged_up_to(connection) == 0
    store(connection, index, MERGE_IDLE, 2)
    assert not index.merge(idle=False)
    assert merged_up_to(connection) == 0


def test_two_ids_with_one_key_are_both_candidates(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key is only a hint: the row decides, so a clash of keys cannot refuse a message."""
    monkeypatch.setattr(message_index, "message_key", lambda municipality, message_id: 7)
    index = MessageIndex(connection)
    for n in (1, 2, 3):
        insert(connection, n)
        index.add(7, n)
    assert index.candidates(connection, 7) == [1, 2, 3]
    assert index.present([7, 8]) == {7}
    index.forget([7], 3)
    assert index.candidates(connection, 7) == [1, 2]
