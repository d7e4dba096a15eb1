"""History numbers at the receiver: a number that is left out is shown until it comes; nothing is made up for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.host.store import history, received
from adapters.host.store.received import Incoming
from adapters.host.store.schema import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """An empty store."""
    database = open_store(tmp_path / "store.sqlite")
    yield database
    database.close()


def step(database: sqlite3.Connection, number: int, *, key: str = "1", stacked: bool = True, digest: str = "") -> int:
    """One record of a person comes, as a notice or in a bulk transfer; how many were queued for the vendor."""
    row = Incoming(1, "juki.jumin", key, number, 0, digest or f"d{number}", b"{}")
    return received.take(database, "f", "juki.ido_tsuchi", "urn:uuid:x", [row], 1.0, stacked=stacked)


def missing(database: sqlite3.Connection) -> list[tuple[int, int]]:
    """First and last of every gap."""
    return [(one["first"], one["last"]) for one in history.gaps(database)]


def test_a_number_that_is_left_out_is_a_gap_until_it_comes(store: sqlite3.Connection) -> None:
    """The late number is superseded, as ever; only the gap knows that it was missing."""
    for number in (1, 2, 6):
        assert step(store, number) == 1
    assert missing(store) == [(3, 5)]
    assert step(store, 4) == 0
    assert missing(store) == [(3, 3), (5, 5)]
    for number in (3, 5):
        step(store, number)
    assert missing(store) == []


def test_a_first_number_opens_no_gap_and_persons_have_their_own(store: sqlite3.Connection) -> None:
    """Where a receiver begins is not where the history begins."""
    step(store, 7)
    step(store, 1, key="2")
    step(store, 3, key="2")
    assert [(one["key"], one["first"]) for one in history.gaps(store)] == [("2", 2)]


def test_a_notice_sent_again_replaces_and_never_doubles(store: sqlite3.Connection) -> None:
    """The same number and content is nothing new; other content under the same number is handed on once."""
    assert [step(store, 1), step(store, 1)] == [1, 0]
    assert step(store, 1, digest="other") == 1
    assert missing(store) == []


def test_a_cancellation_stacks_on_the_history(store: sqlite3.Connection) -> None:
    """異動の取消し is the next number, never a deletion: the state before it stays known as older."""
    for number in (1, 2, 3):
        assert step(store, number) == 1
    assert step(store, 2) == 0
    assert missing(store) == []


def test_a_present_state_closes_the_gaps_of_its_person(store: sqlite3.Connection) -> None:
    """A bulk transfer brings what the steps would have led to."""
    step(store, 1)
    step(store, 5)
    assert missing(store) == [(2, 4)]
    step(store, 9, stacked=False)
    assert missing(store) == []


def test_a_store_of_the_version_before_gets_what_it_lacks(tmp_path: Path) -> None:
    """An adapter that was running before the gaps keeps its store."""
    path = tmp_path / "old.sqlite"
    database = open_store(path)
    database.executescript(
        "DROP TABLE gaps; DROP TABLE turns; DROP TABLE questions; DROP TABLE question_files; PRAGMA user_version=2;"
    )
    database.close()
    database = open_store(path)
    assert missing(database) == []
    database.close()


@given(st.permutations(range(2, 9)))
def test_in_whatever_order_all_numbers_come_nothing_is_missing_in_the_end(order: list[int]) -> None:
    """And before the end the gaps are exactly what is missing below the highest."""
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    from adapters.host.store.schema import GAPS, TABLES  # noqa: PLC0415 - only here, for a store without a file

    database.executescript(TABLES + GAPS)
    step(database, 1)
    seen = {1}
    for number in order:
        step(database, number)
        seen.add(number)
        gone = {one for first, last in missing(database) for one in range(first, last + 1)}
        assert gone == set(range(1, max(seen))) - seen
    assert missing(database) == []
    database.close()
