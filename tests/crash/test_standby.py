"""Two buses of which one owns the journal: whichever way the owner goes, the other takes over and nothing is lost.

Real processes, a real PostgreSQL and a real RabbitMQ. The owner stands still (SIGSTOP) past its lease and comes back,
is killed, and is asked to end.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bus.app.stores import open_reader
from bus.core.basic import basic_header
from bus.core.config import load_site
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.app.conftest import post
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.postgres import Cluster
from tests.support.providers import FakeProvider, give_receipt
from tests.support.rabbit_server import settings_for
from tests.support.residents import RESIDENT, message
from tests.support.sites import change, write_site

pytestmark = [pytest.mark.slow, pytest.mark.system]

NOTICE = "juki.ido_tsuchi"
SENDERS = 6
WITHIN_S = 90.0
LEASE_S = 6
PAUSE_S = 0.1
"""Between two notices of a resident: everything shares two processors, and deliveries keep up."""

SILENT_S = 2.0
"""How long a sender waits for an answer before it turns to the other bus."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A server with ``fsync``."""
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.remove()


@dataclass(slots=True)
class Pair:
    """Two site folders of one site, and one sender for each of several residents, who ask whichever bus answers."""

    edition: Edition
    folders: tuple[Path, Path]
    ports: tuple[int, int]
    receivers: dict[str, FakeProvider]
    acknowledged: list[str] = field(default_factory=list)
    buses: list[asyncio.subprocess.Process] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, number: int) -> asyncio.subprocess.Process:
        """One of the two; its log is read line by line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bus.cli", "serve", "--json", "--site", str(self.folders[number]),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self.buses.append(process)
        return process

    async def send(self, sender: int) -> None:
        """Notice after notice of one resident; what is not acknowledged goes to the other bus under the same id."""
        number, turn = 0, 0
        headers = {"Authorization": basic_header("juki", "secret-of-juki")}
        while not self.over.is_set():
            number += 1
            message_id = f"urn:synthetic:{sender}-{number}"
            own = f"{sender + 1:015d}"
            values = {**RESIDENT, "atenabango": own, "setaibango": own, "rirekibango": str(number)}
            raw = message(self.edition, NOTICE, values, message_id)
            while not await self._sent(self.ports[turn], raw, headers):
                turn = 1 - turn
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.over.wait(), 0.05)
            self.acknowledged.append(message_id)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.over.wait(), PAUSE_S)

    @staticmethod
    async def _sent(port: int, raw: bytes, headers: dict[str, str]) -> bool:
        try:
            async with asyncio.timeout(SILENT_S):
                status, _ = await post(port, "/990019/juki/juki", raw, headers)
        except (OSError, IndexError, TimeoutError):
            return False
        assert status in {200, 202, 503}
        return status != 503

    async def more(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        await until_async(lambda: len(self.acknowledged) >= wanted, within_s=WITHIN_S, what="the load to go on")


async def said(process: asyncio.subprocess.Process, event: str) -> None:
    """Wait for a line of the log."""
    assert process.stderr is not None
    while f'"{event}"'.encode() not in (line := await asyncio.wait_for(process.stderr.readline(), WITHIN_S)):
        assert line, f"ended before {event}"


def heard(process: asyncio.subprocess.Process) -> asyncio.Task[bytes]:
    """Let it write: a process whose log nobody reads stands still by itself."""
    assert process.stderr is not None
    return asyncio.create_task(process.stderr.read())


@pytest.fixture
async def pair(tmp_path: Path, cluster: Any, rabbitmq: Any) -> AsyncIterator[Pair]:
    """A site on both engines in two folders; nothing runs yet."""
    edition = load_edition()
    receivers = {name: FakeProvider(give_receipt(edition, NOTICE)) for name in ("tax", "kokuho")}
    addresses = {name: await receiver.start() for name, receiver in receivers.items()}
    ports = free_port(), free_port()
    first, second = tmp_path / "a", tmp_path / "b"
    write_site(first, port=ports[0], **addresses)
    place = f'engine = "postgresql"\nstandby = true\nlease_s = {LEASE_S}\ndsn = "{cluster.dsn(cluster.create())}"'
    change(first / "site.toml", 'engine = "sqlite"', place)
    settings = settings_for(rabbitmq)
    host, port = settings.nodes[0]
    secret = first / "secrets" / "broker.key"
    secret.touch(mode=0o600)
    secret.write_text(settings.password, encoding="utf-8")
    named = f'engine = "rabbitmq"\nnodes = ["{host}:{port}"]\nuser = "{settings.user}"\nprefix = "{settings.prefix}"'
    change(first / "site.toml", 'engine = "memory"', f"{named}\nlanes = 2")
    shutil.copytree(first, second)
    change(second / "site.toml", f":{ports[0]}", f":{ports[1]}")
    pair = Pair(edition, (first, second), ports, receivers)
    yield pair
    for process in pair.buses:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        await process.wait()
    for receiver in receivers.values():
        await receiver.stop()


def tokens(cluster: Any, folder: Path) -> int:
    """How often the journal was taken."""
    dsn = load_site(folder).journal.dsn
    with psycopg.connect(dsn, options="-c search_path=chiikibus") as connection:
        row: Any = connection.execute("SELECT token FROM lease WHERE name = 'owner'").fetchone()
    return int(row[0])


@pytest.mark.timeout(600)
async def test_the_other_bus_takes_over_from_one_that_hangs_dies_or_ends(pair: Pair, cluster: Any) -> None:
    """Every acknowledged notice arrives, each resident's in their order; the one that hung stores and sends nothing."""
    first = await pair.start(0)
    await said(first, "bus.ready")
    second = await pair.start(1)
    await said(second, "journal.standby")
    senders = [asyncio.create_task(pair.send(number)) for number in range(SENDERS)]
    reading = heard(first)
    await pair.more(40)

    first.send_signal(signal.SIGSTOP)
    await said(second, "journal.lease_expired")
    await said(second, "bus.ready")
    listening = heard(second)
    await pair.more(40)
    first.send_signal(signal.SIGCONT)
    assert await asyncio.wait_for(first.wait(), WITHIN_S) != 0
    assert b"journal.taken_over" in await reading

    third = await pair.start(0)
    await said(third, "journal.standby")
    await pair.more(20)
    second.kill()
    await second.wait()
    await listening
    await said(third, "bus.ready")
    reading = heard(third)
    await pair.more(40)

    fourth = await pair.start(1)
    await said(fourth, "journal.standby")
    third.terminate()
    assert await asyncio.wait_for(third.wait(), WITHIN_S) == 0
    await reading
    await said(fourth, "bus.ready")
    listening = heard(fourth)
    await pair.more(40)
    pair.over.set()
    await asyncio.gather(*senders)

    for name, receiver in pair.receivers.items():
        await until_async(
            lambda receiver=receiver: {each.message_id for each in receiver.received} >= set(pair.acknowledged),
            within_s=WITHIN_S,
            what=f"everything acknowledged to arrive at {name}",
        )
        order: dict[str, list[int]] = {}
        for message_id in dict.fromkeys(each.message_id for each in receiver.received):
            sender, _, number = message_id.removeprefix("urn:synthetic:").partition("-")
            order.setdefault(sender, []).append(int(number))
        assert all(numbers == sorted(numbers) for numbers in order.values())
    fourth.terminate()
    assert await asyncio.wait_for(fourth.wait(), WITHIN_S) == 0
    await listening
    assert tokens(cluster, pair.folders[0]) == 4
    with closing(open_reader(load_site(pair.folders[0]))) as reader:
        rows = reader.search(limit=100_000)
    assert {str(row["state"]) for row in rows} == {"DELIVERED"}
    assert len(rows) == 2 * len(pair.acknowledged)
