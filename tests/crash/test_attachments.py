"""kill -9 of the bus while attachments come in, go out, or change hands: nothing lost or doubled, no file left."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bus.core.basic import basic_header
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.app.conftest import post
from tests.attachments.messages import SWA, part, swa
from tests.crash.test_whole_bus import KILLED, WITHIN_S, Bus, Nursery
from tests.support.polling import until_async
from tests.support.providers import FakeProvider, answer_inquiry, give_receipt
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change, write_site

INQUIRY, NOTICE = "juki.jumin_shokai", "juki.ido_tsuchi"
ID = "urn:synthetic:attached"
FILE = bytes(range(256)) * 4096
"""A megabyte."""


class Town:
    """Systems, the site folder, and what is in it."""

    def __init__(self, edition: Edition, folder: Path, juki: FakeProvider, tax: FakeProvider) -> None:
        self.edition, self.folder, self.juki, self.tax = edition, folder, juki, tax

    def notice(self) -> bytes:
        """異動通知 with an attachment."""
        return swa(message(self.edition, NOTICE, RESIDENT, ID), part("extract@juki", FILE))

    def inquiry(self) -> bytes:
        """A resident inquiry with an attachment."""
        values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
        return swa(message(self.edition, INQUIRY, values, ID), part("form@tax", FILE))

    async def send(self, bus: Bus, sender: str, raw: bytes) -> tuple[int, bytes] | None:
        """Post; ``None`` when the bus died before it answered."""
        headers = {"Authorization": basic_header(sender, f"secret-of-{sender}"), "Content-Type": SWA}
        try:
            return await post(bus.port, f"/990019/{sender}/juki", raw, headers)
        except (OSError, IndexError):
            assert await bus.dead() == KILLED
            return None

    def files(self) -> set[str]:
        """The segments on disk."""
        folder = self.folder / "var/attachments"
        return {each.name for each in folder.iterdir()} if folder.is_dir() else set()

    def rows(self) -> set[str]:
        """The segments that the journal names."""
        journal = sqlite3.connect(f"file:{self.folder}/var/journal.sqlite?mode=ro", uri=True)
        try:
            return {row[0] for row in journal.execute("SELECT name FROM segment")}
        finally:
            journal.close()

    def states(self) -> dict[str, int]:
        """Deliveries by state."""
        journal = sqlite3.connect(f"file:{self.folder}/var/journal.sqlite?mode=ro", uri=True)
        try:
            return dict(journal.execute("SELECT state, count(*) FROM delivery GROUP BY state"))
        finally:
            journal.close()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One for all tests of this file."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """Two systems whose routes carry attachments, also in answers."""
    edition = load_edition()
    plain = answer_inquiry(edition, INQUIRY, RESIDENT)
    juki = FakeProvider(lambda received: (200, swa(plain(received)[1], part("picture@juki", FILE))), content_type=SWA)
    tax = FakeProvider(give_receipt(edition, NOTICE))
    ports = [await provider.start() for provider in (juki, tax)]
    folder = write_site(tmp_path / "site", juki=ports[0], tax=ports[1])
    change(
        folder / "routes.toml",
        '["tax", "kokuho"], mode = "queued" }',
        '["tax"], mode = "queued", attachments = true, unfiltered = "試験" }',
    )
    change(folder / "routes.toml", "deadline_s = 2 }", 'deadline_s = 2, attachments = true, unfiltered = "試験" }')
    yield Town(edition, folder, juki, tax)
    for provider in (juki, tax):
        await provider.stop()


def kill(bus: Bus) -> None:
    """SIGKILL."""
    os.kill(bus.pid, signal.SIGKILL)


async def test_a_kill_while_an_attachment_comes_in_leaves_nothing(nursery: Nursery, town: Town) -> None:
    """Half a message is no message: its file goes at the next start, and the message can be sent again."""
    body = town.notice()
    first = await nursery.start(town.folder)
    _, writer = await asyncio.open_connection("127.0.0.1", first.port)
    fields = f"Authorization: {basic_header('juki', 'secret-of-juki')}\r\nContent-Type: {SWA}\r\n"
    head = f"POST /990019/juki/juki HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[: len(body) // 2])
    folder = town.folder / "var/attachments"
    await until_async(lambda: any(each.stat().st_size > 1000 for each in folder.glob("*")), within_s=WITHIN_S)
    kill(first)
    assert await first.dead() == KILLED
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert len(town.files()) == 1
    second = await nursery.start(town.folder)
    assert town.files() == set()
    assert town.states() == {}
    answer = await town.send(second, "juki", body)
    assert answer is not None
    assert answer[0] == 200
    await until_async(lambda: town.states() == {"DELIVERED": 1}, within_s=WITHIN_S)
    assert [each.body for each in town.tax.received] == [body]
    kill(second)
    await second.dead()


@asynccontextmanager
async def half_deaf(port: int) -> AsyncIterator[asyncio.Event]:
    """A receiver that reads a part of one request and then nothing more; the event says that it has."""
    reached, over = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(100_000)
            reached.set()
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=1024)
    yield reached
    over.set()
    server.close()


@pytest.mark.slow
async def test_a_kill_while_an_attachment_goes_out_sends_it_again(nursery: Nursery, town: Town) -> None:
    """The receiver had a part of it; it gets all of it, once, from the same segment."""
    body, port = town.notice(), town.tax.port
    await town.tax.stop()
    async with half_deaf(port) as reached:
        first = await nursery.start(town.folder)
        answer = await town.send(first, "juki", body)
        assert answer is not None
        await asyncio.wait_for(reached.wait(), WITHIN_S)
        kill(first)
        assert await first.dead() == KILLED
    await town.tax.start(port)
    second = await nursery.start(town.folder)
    await until_async(lambda: town.states() == {"DELIVERED": 1}, within_s=WITHIN_S)
    assert [each.body for each in town.tax.received] == [body]
    assert town.files() == town.rows()
    kill(second)
    await second.dead()


@pytest.mark.parametrize("step", [1, 6, 8, 9, 11, 12, 13])
@pytest.mark.slow
async def test_a_kill_after_a_step_of_a_call_leaves_no_segment_without_its_row(
    nursery: Nursery, town: Town, step: int
) -> None:
    """The caller asks again under the same id until it is answered; both segments belong to rows then."""
    first = await nursery.start(town.folder, step)
    assert await town.send(first, "tax", town.inquiry()) is None
    second = await nursery.start(town.folder)
    assert town.files() == town.rows()
    answer = await town.send(second, "tax", town.inquiry())
    assert answer is not None
    assert answer[0] == 200
    assert FILE in answer[1]
    again = await town.send(second, "tax", town.inquiry())
    assert again == answer
    await until_async(lambda: town.files() == town.rows(), within_s=WITHIN_S)
    kill(second)
    await second.dead()
