"""The store: one commit for all who wait, all or nothing for each, and a coded error when the disk says no."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.host.store import Store, bulk, files, inbox, outbox, received
from adapters.host.store.bulk import Totals
from adapters.host.store.files import HELD, Setback
from adapters.host.store.inbox import Answered
from adapters.host.store.outbox import STAGED, Letter
from adapters.host.store.received import Incoming
from adapters.host.store.schema import VERSION, connect, lock, open_store
from adapters.host.store.status import count
from bus.core.errors import AdapterError, DuplicateError, EnvironmentFault
from bus.core.types import Finding


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open store."""
    made = Store(tmp_path / "adapters" / "x.sqlite")
    made.open()
    yield made
    made.close()


def letter(message_id: str, *, source: str = "s", state: str = outbox.WAITING, lanes: tuple[str, ...] = ()) -> Letter:
    """A letter with little in it."""
    return Letter(message_id, "flow", "juki.ido_tsuchi", "urn:a", "jumin", source, 1, lanes, b"<x/>", state=state)


def incoming(rireki: int, digest: str = "d", *, key: str = "1", eda: int = 0) -> Incoming:
    """A record of one person."""
    return Incoming(1, "juki.jumin", key, rireki, eda, f"{digest}{rireki}", b"{}")


async def test_writers_that_wait_share_commits_and_all_get_their_result(store: Store) -> None:
    """200 at once: each its own result, everything stored."""

    def put(database: sqlite3.Connection, number: int) -> int:
        received.count(database, f"n{number}")
        return number * 2

    results = await asyncio.gather(*(store.write(put, number) for number in range(200)))
    assert results == [number * 2 for number in range(200)]
    assert len(count(store.path)["counters"]) == 200


async def test_work_that_fails_leaves_nothing_and_harms_nobody(store: Store) -> None:
    """The error reaches its caller alone; its first half is undone."""

    def bad(database: sqlite3.Connection) -> None:
        received.count(database, "half")
        raise ValueError("no")

    outcomes = await asyncio.gather(
        store.write(received.count, "before"),
        store.write(bad),
        store.write(received.count, "after"),
        return_exceptions=True,
    )
    assert [type(one) for one in outcomes] == [type(None), ValueError, type(None)]
    assert count(store.path)["counters"] == {"after": 1, "before": 1}


async def test_a_full_disk_is_cb6012_and_nothing_is_stored(store: Store) -> None:
    """The caller learns that it was not stored; when there is room again, writing goes on."""
    await store.write(lambda db: db.execute(f"PRAGMA max_page_count={db.execute('PRAGMA page_count').fetchone()[0]}"))
    big = Letter("m-1", "flow", "juki.ido_tsuchi", "urn:a", "", "s", 1, (), b"x" * 200_000)
    with pytest.raises(AdapterError) as caught:
        await store.write(outbox.add, [big], 1.0)
    assert caught.value.code == "CB6012"
    assert caught.value.entry.retryable
    assert count(store.path)["outbox"] == {}
    await store.write(lambda db: db.execute("PRAGMA max_page_count=1000000"))
    assert await store.write(outbox.add, [big], 1.0) == 1


async def test_what_was_written_is_there_after_opening_again(store: Store) -> None:
    """Closing commits what waits."""
    await store.write(outbox.add, [letter("m-1")], 1.0)
    store.close()
    store.open()
    assert [one.message_id for one in outbox.waiting(store.reader, 0, 10)] == ["m-1"]


def test_the_file_is_for_its_owner_only(store: Store) -> None:
    """It holds records until they are delivered."""
    assert store.path.stat().st_mode & 0o077 == 0


def test_another_version_of_the_store_is_refused(tmp_path: Path) -> None:
    """CB6012 names both versions instead of guessing."""
    path = tmp_path / "x.sqlite"
    open_store(path).close()
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version={VERSION + 1}")
    database.close()
    with pytest.raises(AdapterError) as caught:
        open_store(path)
    assert caught.value.code == "CB6012"


def test_a_store_that_cannot_be_opened_is_cb6012(tmp_path: Path) -> None:
    """A folder in its place, and bytes that are no database."""
    (tmp_path / "folder.sqlite").mkdir()
    (tmp_path / "bytes.sqlite").write_bytes(b"no database at all" * 100)
    for name in ("folder", "bytes"):
        with pytest.raises(AdapterError) as caught:
            open_store(tmp_path / f"{name}.sqlite")
        assert caught.value.code == "CB6012"


def test_the_lock_is_held_by_one(tmp_path: Path) -> None:
    """CB9003 for the second."""

    handle = lock(tmp_path / "x.lock")
    with pytest.raises(EnvironmentFault) as caught:
        lock(tmp_path / "x.lock")
    os.close(handle)
    assert caught.value.code == "CB9003"
    os.close(lock(tmp_path / "x.lock"))


async def test_the_inbox_gives_the_stored_answer_or_refuses_other_content(store: Store) -> None:
    """Same id and digest: the answer; other digest: CB3001; after forgetting: unknown."""
    await store.write(inbox.add, "m", "digest", Answered(200, b"<a/>"), operation="o", sender="s", now=5.0)
    assert inbox.find(store.reader, "m", "digest") == Answered(200, b"<a/>")
    with pytest.raises(DuplicateError) as caught:
        inbox.find(store.reader, "m", "other")
    assert caught.value.code == "CB3001"
    assert await store.write(inbox.forget, 6.0) == 1
    assert inbox.find(store.reader, "m", "digest") is None


async def test_a_letter_is_stored_once_and_its_body_goes_when_it_is_sent(store: Store) -> None:
    """The same id again changes nothing; a refused letter keeps its body and can be sent again."""
    assert await store.write(outbox.add, [letter("a", lanes=("atena=1",)), letter("b"), letter("a")], 1.0) == 2
    first, second = outbox.waiting(store.reader, 0, 10)
    assert first.lanes == ("atena=1",)
    await store.write(outbox.sent, first.seq, 2.0)
    await store.write(outbox.refused, second.seq, "CB2002", "", 2.0)
    assert (outbox.body(store.reader, first.seq), outbox.body(store.reader, second.seq)) == (b"", b"<x/>")
    assert list(outbox.waiting(store.reader, 0, 10)) == []
    assert await store.write(outbox.resend, "CB9999") == 0
    assert await store.write(outbox.resend, "CB2002") == 1
    assert [one.message_id for one in outbox.waiting(store.reader, 0, 10)] == ["b"]


async def test_staged_letters_go_together_or_not_at_all(store: Store) -> None:
    """Released per source, or discarded."""
    await store.write(outbox.add, [letter("a", state=STAGED), letter("b", source="t", state=STAGED)], 1.0)
    assert list(outbox.waiting(store.reader, 0, 10)) == []
    await store.write(outbox.release, "s")
    await store.write(outbox.discard, "t")
    assert [one.message_id for one in outbox.waiting(store.reader, 0, 10)] == ["a"]
    assert count(store.path)["outbox"] == {"waiting": 1}


async def test_only_the_highest_version_counts_per_person(store: Store) -> None:
    """Applied, superseded, duplicate, replaced: each counted, only news queued."""
    rows = [incoming(2), incoming(1), incoming(2), incoming(2, "other"), incoming(2, eda=1), incoming(10), incoming(9)]
    assert await store.write(received.take, "f", "o", "m", rows, 1.0) == 4
    assert count(store.path)["counters"] == {"f.applied": 3, "f.duplicate": 1, "f.replaced": 1, "f.superseded": 2}


async def test_a_batch_binds_its_rows_and_finishes_with_them(store: Store) -> None:
    """Numbers rise without gaps; published rows are done and empty."""
    rows = [incoming(1, key=str(number)) for number in range(5)]
    await store.write(received.take, "f", "o", "m", rows, 1.0)
    first = await store.write(received.open_batch, "f", 3, "N{}".format, 2.0)
    second = await store.write(received.open_batch, "f", 3, "N{}".format, 2.0)
    assert await store.write(received.open_batch, "f", 3, "N{}".format, 2.0) is None
    assert first is not None
    assert second is not None
    assert [(one.number, one.name, one.records) for one in (first, second)] == [(1, "N1", 3), (2, "N2", 2)]
    await store.write(received.batch_written, "f", 1)
    await store.write(received.batch_published, "f", 1, 3.0)
    assert [one.number for one in received.unfinished_batches(store.reader, "f")] == [2]
    assert received.pending(store.reader, "f") == 2
    assert [one.payload for one in received.batch_rows(store.reader, "f", 1)] == [b""] * 3


async def test_held_records_and_the_worklist_settle_together(store: Store) -> None:
    """A character is open while a held record waits for it."""
    findings = (Finding("CB6003", got="F9FC", place="file=a record=1"),)
    held = Setback(1, "CB6003", findings, HELD, b"raw", "{}")
    await store.write(files.set_back, "f", "s", [held, Setback(2, "CB6004", (Finding("CB6004"),))], 1.0)
    status = count(store.path)
    assert (status["held"], status["refused"], status["worklist"]) == (1, 1, {"open": 1})
    await store.write(files.settle_worklist, 2.0)
    assert count(store.path)["worklist"] == {"open": 1}
    one = files.held(store.reader, "f")[0]
    assert (one.raw, one.record_no) == (b"raw", 1)
    await store.write(files.still_held, one.id, "CB6003", findings, final=False, now=2.0)
    await store.write(files.released, one.id, 3.0)
    await store.write(files.settle_worklist, 3.0)
    assert count(store.path)["worklist"] == {"decided": 1}


async def test_counts_of_a_file_add_up(store: Store) -> None:
    """records = waiting + sent + refused + held."""
    assert await store.write(files.begin, "f", "A", "sha", "s", 9, 1.0) is None
    await store.write(outbox.add, [letter("a"), letter("b"), letter("c")], 1.0)
    first, second, _ = outbox.waiting(store.reader, 0, 10)
    await store.write(outbox.sent, first.seq, 1.0)
    await store.write(outbox.refused, second.seq, "CB2002", "", 1.0)
    findings = (Finding("CB6003", got="F9FC"),)
    await store.write(files.set_back, "f", "s", [Setback(4, "CB6003", findings, HELD, b"r")], 1.0)
    await store.write(files.finish, "f", "A", "sha", state="done", records=4, now=2.0)
    found = files.counts(store.reader, "f", "s")
    assert (found.records, found.waiting, found.sent, found.refused, found.held) == (4, 1, 1, 1, 1)
    assert await store.write(files.begin, "f", "A", "sha", "s", 9, 1.0) == "done"
    assert files.name_of(store.reader, "s") == ("f", "A")


async def test_one_receiver_that_differs_makes_a_transfer_differ(store: Store) -> None:
    """Every receiver's latest word counts."""
    await store.write(bulk.sent, "juki", "id", "1", "f", "s", 1, 0, Totals(1, "k", "c"), 1.0)

    async def say(sender: str, *, agrees: bool) -> str:
        code = "" if agrees else "CB6013"
        result = "1" if agrees else "2"
        await store.write(
            bulk.confirmed,
            "juki",
            "id",
            sender,
            agrees=agrees,
            result=result,
            held=0,
            code=code,
            detail="",
            now=2.0,
        )
        found = bulk.find(store.reader, "juki", "id", bulk.OUT)
        assert found is not None
        return found.state

    assert await say("tax", agrees=True) == bulk.AGREED
    assert await say("kokuho", agrees=False) == bulk.DIFFERS
    assert await say("tax", agrees=True) == bulk.DIFFERS
    assert await say("kokuho", agrees=True) == bulk.AGREED


async def test_the_status_can_be_read_while_the_adapter_writes(store: Store) -> None:
    """A second connection sees what is committed and blocks nobody."""
    reader = connect(store.path, read_only=True)
    reader.execute("BEGIN")
    reader.execute("SELECT COUNT(*) FROM outbox").fetchone()
    await store.write(outbox.add, [letter("a")], 1.0)
    assert count(store.path)["outbox"] == {"waiting": 1}
    reader.close()


def test_the_status_of_a_missing_store_is_cb6012(tmp_path: Path) -> None:
    """An adapter that never ran has no store."""
    with pytest.raises(AdapterError) as caught:
        count(tmp_path / "none.sqlite")
    assert caught.value.code == "CB6012"


@pytest.mark.parametrize(
    ("code", "got", "listed"),
    [
        ("CB6007", "U+2A6D6 (character 4)", ["U+2A6D6"]),
        ("CB6007", "U+845B U+E0101", ["U+845B U+E0101"]),
        ("CB6003", "F9FC", ["F9FC"]),
        ("CB6007", "a delimiter", []),
        ("CB6005", "U+2A6D6", []),
    ],
)
async def test_the_worklist_holds_characters_and_nothing_else(
    store: Store, code: str, got: str, listed: list[str]
) -> None:
    """As one shows them, whatever stands beside them in the finding."""
    setback = files.Setback(1, code, (Finding(code, got=got),), files.RETURNED, b"{}")
    await store.write(files.set_back, "notices", "message:urn:uuid:1", [setback], 1.0)
    assert [row["character"] for row in count(store.path, detail=True)["worklist_list"]] == listed
    await store.write(files.settle_worklist, 2.0)
    assert count(store.path)["worklist"] == ({"open": 1} if listed else {})
    await store.write(files.came_again, "notices", "message:urn:uuid:1")
    await store.write(files.settle_worklist, 3.0)
    assert count(store.path)["worklist"] == ({"decided": 1} if listed else {})
