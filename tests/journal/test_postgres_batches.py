"""How batches reach PostgreSQL: few rows in the pipeline, many by COPY, changes along keys, payloads encrypted."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.app.stores import make_journal
from bus.core.config import load_site
from bus.core.keeping import EncryptionSettings
from bus.core.settings import JournalSettings
from bus.core.states import State
from bus.journal.postgres.database import Link, Place, connect
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.writers import MOST_CHANGED, MOST_INSERTED
from bus.journal.vault import MARK
from tests.support.deliveries import SteppedClock, acceptance, step
from tests.support.polling import until_async
from tests.support.postgres import journal_place
from tests.support.sites import write_site

pytestmark = [pytest.mark.slow, pytest.mark.system]

SECRET = b"<synthetic>canary 1234</synthetic>"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty schema."""
    return journal_place(tmp_path)


@pytest.fixture
async def journal(place: Place) -> AsyncIterator[PostgresJournal]:
    """An open journal."""
    journal = PostgresJournal(place, clock=SteppedClock())
    await journal.open()
    yield journal
    await journal.close()


@pytest.mark.parametrize("number", [1, 7, MOST_INSERTED, MOST_INSERTED + 1, 2 * MOST_CHANGED + 3])
async def test_batches_of_any_size_are_stored_whole(journal: PostgresJournal, number: int) -> None:
    """As INSERT, as COPY, and as several UPDATEs."""
    messages = [acceptance(raw=SECRET) for _ in range(number)]
    assert await asyncio.gather(*map(journal.accept, messages)) == [None] * number
    await journal.record([step(each, State.DISPATCHING, attempt=1) for each in messages])
    await asyncio.gather(*(journal.record([step(each, State.DELIVERED, attempt=1)]) for each in messages))
    counts = journal.counts()
    assert (counts["accepted_messages"], counts["DELIVERED"], counts["DISPATCHING"]) == (number, number, 0)
    assert [journal.body(each.exchange_id) for each in messages] == [SECRET] * number


async def test_changes_go_along_keys_before_a_day_has_statistics(place: Place) -> None:
    """A day that was never analysed looks empty to the server, which would go through all of it for each batch."""
    journal = PostgresJournal(place, clock=SteppedClock())
    await journal.open()
    messages = [acceptance() for _ in range(600)]
    for first in messages[:20]:
        await journal.accept(first)
        await journal.record([step(first, State.DISPATCHING, attempt=1)])
    await asyncio.gather(*map(journal.accept, messages[20:]))
    for start in range(20, 600, 20):
        await journal.record([step(each, State.DISPATCHING, attempt=1) for each in messages[start : start + 20]])
    await journal.close()
    link = connect(place, purpose="test")
    # The server counts a session's work when it ends.
    await until_async(lambda: counted(link, place)[0] == 600, within_s=20, what="the server to count")
    _, read = counted(link, place)
    assert read < 10 * 600
    link.close()


def counted(link: Link, place: Place) -> tuple[int, int]:
    """Deliveries that were changed, and how many rows were read for that, along an index or not."""
    link.execute("SELECT pg_stat_clear_snapshot()")
    row: Any = link.execute(
        "SELECT coalesce(sum(n_tup_upd), 0)::int, coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int"
        " FROM pg_stat_user_tables WHERE schemaname = ? AND relname LIKE 'delivery%'",
        (place.schema,),
    ).fetchone()
    return int(row[0]), int(row[1])


async def test_a_site_that_asks_for_encryption_gets_it_here_too(tmp_path: Path, place: Place) -> None:
    """What the composition root makes stores no payload in the open."""
    write_site(tmp_path / "site")
    key = tmp_path / "payload.key"
    key.write_bytes(base64.b64encode(b"k" * 32))
    settings = JournalSettings(
        engine="postgresql", dsn=place.dsn, schema=place.schema, encryption=EncryptionSettings((key,))
    )
    journal = make_journal(replace(load_site(tmp_path / "site"), journal=settings), SteppedClock())
    await journal.open()
    message = acceptance(raw=SECRET)
    await journal.accept(message)
    link = connect(place, purpose="test")
    row: Any = link.execute("SELECT raw FROM body").fetchone()
    link.close()
    assert bytes(row[0]).startswith(MARK)
    assert SECRET not in bytes(row[0])
    assert journal.body(message.exchange_id) == SECRET
    await journal.close()
