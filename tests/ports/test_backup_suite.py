"""Backup and restore on every journal: a copy made beside the running bus is whole, and a bus goes on from it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Journal
from bus.core.states import State
from bus.journal.backup import Copied, copy_sqlite
from bus.journal.postgres.backup import copy_postgres
from bus.journal.postgres.database import Place
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.side import PostgresSide
from bus.journal.side import Side, SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.journal.upkeep.seal import Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.upkeep.verify import Verifier
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import SteppedClock, acceptance, call, step
from tests.support.polling import until_async
from tests.support.postgres import SHARED, journal_place

pytestmark = pytest.mark.slow
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Signer(KEY)


def copied(implementation: JournalImplementation, folder: Path, target: Path) -> Copied:
    """A copy of the journal of a test."""
    if implementation.name == "sqlite":
        return copy_sqlite(folder / "journal.sqlite", target)
    return copy_postgres(journal_place(folder), target)


def restored(implementation: JournalImplementation, source: Path, copy: Path, folder: Path) -> tuple[Any, Any]:
    """As ``docs/keeping.md`` says: what makes the journal from the copy, and a side of it, elsewhere."""
    if implementation.name == "sqlite":
        folder.mkdir()
        path = folder / "journal.sqlite"
        shutil.copyfile(copy, path)
        return (lambda: SqliteJournal(path, clock=SteppedClock(), sealed=True)), (lambda: SqliteSide(path))
    database = SHARED.cluster().create()
    there = SHARED.cluster().dsn(database)
    subprocess.run(["pg_restore", "--no-owner", "--exit-on-error", f"--dbname={there}", str(copy)], check=True)
    place = Place(there, journal_place(source).schema)
    return (lambda: PostgresJournal(place, clock=SteppedClock(), sealed=True)), (lambda: PostgresSide(place))


async def work(journal: Journal, accepted: list[Acceptance], stop: asyncio.Event) -> None:
    """Accept and answer until told to stop; every tenth is left open, every tenth parked."""
    while not stop.is_set():
        some = [call(received_at=SteppedClock().now()) for _ in range(4)]
        await asyncio.gather(*(journal.accept(one) for one in some))
        await journal.record([step(one, State.REPLIED, reply=b"<kaito/>", reply_status=200) for one in some])
        left, parked = acceptance(), acceptance()
        await journal.accept(left)
        await journal.accept(parked)
        await journal.record([step(parked, State.DISPATCHING), step(parked, State.PARKED, code="CB6004")])
        accepted += [*some, left, parked]


def sealed(make: Callable[[], Side], folder: Path) -> list[object]:
    """Seal what is new, and compare everything."""
    with closing(make()) as side:
        Sealer(side, SIGNER, SteppedClock(), folder / "anchor.json").seal()
        return list(Verifier(side, Trust({SIGNER.name: KEY.public_key()}), SteppedClock()).verify().flaws)


@pytest.mark.parametrize("implementation", journals("reopen"))
async def test_a_copy_beside_the_bus_is_a_whole_journal(implementation: JournalImplementation, tmp_path: Path) -> None:
    """What was acknowledged before the copy began is in it, nothing is in it by half, and a bus goes on from it."""
    journal = implementation.make(tmp_path, SteppedClock(), sealed=True)
    await journal.open()
    accepted: list[Acceptance] = []
    stop = asyncio.Event()
    working = asyncio.create_task(work(journal, accepted, stop))
    await until_async(lambda: len(accepted) >= 120, what="some messages")
    assert sealed(lambda: implementation.side(tmp_path), tmp_path) == []
    before = list(accepted)
    copy = tmp_path / "copy"
    told = await asyncio.to_thread(copied, implementation, tmp_path, copy)
    stop.set()
    await working
    assert (told.messages >= len(before), copy.stat().st_mode & 0o777) == (True, 0o600)
    with pytest.raises(JournalError) as refused:
        copied(implementation, tmp_path, copy)
    assert refused.value.code == "CB4001"
    assert _left(tmp_path) == ["copy"]
    await journal.close()

    make, side = restored(implementation, tmp_path, copy, tmp_path / "elsewhere")
    again = make()
    await again.open()
    for one in before:
        assert again.body(one.exchange_id) == one.raw
    counts = again.counts()
    still_open = again.open_deliveries(limit=100_000)
    assert counts["accepted_messages"] == counts[State.REPLIED] + len(still_open) + len(again.interrupted_calls())
    assert {one.exchange_id for one in before if one.state is State.ACCEPTED} <= {
        each.consignment.exchange_id for each in still_open
    }
    assert await again.accept(before[0]) is not None, "what was accepted before is known"
    assert await again.accept(acceptance()) is None
    await again.close()
    assert sealed(side, tmp_path / "elsewhere" if (tmp_path / "elsewhere").is_dir() else tmp_path) == []


def test_a_damaged_journal_gives_no_copy(tmp_path: Path) -> None:
    """A page that was overwritten on the disk is found, and no file is left that looks like a copy."""
    path = tmp_path / "journal.sqlite"
    asyncio.run(_filled(path))
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(JournalError) as found:
        copy_sqlite(path, tmp_path / "copy")
    assert found.value.code in {"CB4001", "CB4003"}
    assert _left(tmp_path) == []


def _left(folder: Path) -> list[str]:
    """Files that a copy, or half of one, is in."""
    return sorted(each.name for each in folder.iterdir() if "copy" in each.name)


async def _filled(path: Path) -> None:
    journal = SqliteJournal(path, clock=SteppedClock())
    await journal.open()
    for _ in range(50):
        await journal.accept(acceptance())
    await journal.close()
