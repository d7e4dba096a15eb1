"""The whole bus on PostgreSQL while server and bus are killed under load: what was acknowledged arrives, in order."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bus.app.stores import open_reader
from bus.cli.check import app as check_app
from bus.cli.journal import app as journal_app
from bus.core.basic import basic_header
from bus.core.config import load_site
from bus.journal.sqlite import SqliteJournal
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.app.conftest import post
from tests.support.deliveries import SteppedClock, acceptance
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.postgres import Cluster
from tests.support.providers import FakeProvider, give_receipt
from tests.support.residents import RESIDENT, message
from tests.support.sites import change, write_site

pytestmark = [pytest.mark.slow, pytest.mark.system]

NOTICE = "juki.ido_tsuchi"
SENDERS = 8
WITHIN_S = 60.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with ``fsync`` that these tests may kill."""
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.remove()


def on_postgres(folder: Path, cluster: Cluster) -> None:
    """Let a site folder keep its journal on the server."""
    database = cluster.create()
    change(folder / "site.toml", 'engine = "sqlite"', f'engine = "postgresql"\ndsn = "{cluster.dsn(database)}"')


@dataclass(slots=True)
class Town:
    """A site, two receivers, and one sender after the other for each of several residents."""

    edition: Edition
    folder: Path
    port: int
    receivers: Mapping[str, FakeProvider]
    acknowledged: list[str] = field(default_factory=list)
    unavailable: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self) -> asyncio.subprocess.Process:
        """A bus that listens."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bus.cli", "serve", "--site", str(self.folder),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        await until_async(lambda: _listens(self.port), within_s=WITHIN_S, what="the bus to listen")
        return process

    def standby(self) -> Path:
        """The site folder of a second bus that waits for the first one to end."""
        folder = self.folder.with_name("standby")
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("var"))
        change(folder / "site.toml", 'engine = "postgresql"', 'engine = "postgresql"\nstandby = true')
        change(folder / "site.toml", f":{self.port}", f":{free_port()}")
        return folder

    async def send(self, sender: int) -> None:
        """Notice after notice of one resident; what is not acknowledged is sent again under its id."""
        number = 0
        headers = {"Authorization": basic_header("juki", "secret-of-juki")}
        while not self.over.is_set():
            number += 1
            message_id = f"urn:synthetic:{sender}-{number}"
            values = {**RESIDENT, "atenabango": f"{sender + 1:015d}", "rirekibango": str(number)}
            raw = message(self.edition, NOTICE, values, message_id)
            while True:
                try:
                    status, _ = await post(self.port, "/990019/juki/juki", raw, headers)
                except (OSError, IndexError):
                    status = 0
                if status in {200, 202}:
                    break
                assert status in {0, 503}
                self.unavailable += status == 503
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.over.wait(), 0.05)
            self.acknowledged.append(message_id)


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def town(tmp_path: Path, cluster: Cluster) -> AsyncIterator[Town]:
    """A town that is not served yet."""
    edition = load_edition()
    receivers = {name: FakeProvider(give_receipt(edition, NOTICE)) for name in ("tax", "kokuho")}
    ports = {name: await receiver.start() for name, receiver in receivers.items()}
    port = free_port()
    folder = write_site(tmp_path / "site", port=port, **ports)
    on_postgres(folder, cluster)
    yield Town(edition, folder, port, receivers)
    for receiver in receivers.values():
        await receiver.stop()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("processes", [1, 2])
async def test_server_and_bus_are_killed_and_nothing_acknowledged_is_lost(
    town: Town, cluster: Cluster, processes: int
) -> None:
    """Both receivers get every acknowledged notice, each resident's in their order; the journal accounts for all."""
    change(town.folder / "site.toml", "[front]\n", f"[front]\nprocesses = {processes}\n")
    bus = await town.start()
    senders = [asyncio.create_task(town.send(number)) for number in range(SENDERS)]

    async def more(count: int) -> None:
        wanted = len(town.acknowledged) + count
        await until_async(lambda: len(town.acknowledged) >= wanted, within_s=WITHIN_S, what="the load to go on")

    await more(40)
    await asyncio.to_thread(cluster.kill)
    await until_async(lambda: town.unavailable > 0, within_s=WITHIN_S, what="503 while there is no journal")
    await asyncio.to_thread(cluster.start)
    await more(40)
    os.killpg(bus.pid, signal.SIGKILL)
    await bus.wait()
    bus = await town.start()
    await more(40)
    await asyncio.to_thread(cluster.restart)
    await more(40)
    town.over.set()
    await asyncio.gather(*senders)
    for name, receiver in town.receivers.items():
        await until_async(
            lambda receiver=receiver: {each.message_id for each in receiver.received} >= set(town.acknowledged),
            within_s=WITHIN_S,
            what=f"everything acknowledged to arrive at {name}",
        )
        first: dict[str, list[int]] = {}
        seen: set[str] = set()
        for each in receiver.received:
            if each.message_id not in seen:
                seen.add(each.message_id)
                sender, _, number = each.message_id.removeprefix("urn:synthetic:").partition("-")
                first.setdefault(sender, []).append(int(number))
        assert all(numbers == sorted(numbers) for numbers in first.values())
    standby = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bus.cli", "serve", "--site", str(town.standby()),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert standby.stderr is not None
    assert b"journal.standby" in await asyncio.wait_for(standby.stderr.readline(), WITHIN_S)
    bus.terminate()
    await bus.wait()
    while b"bus.ready" not in (said := await asyncio.wait_for(standby.stderr.readline(), WITHIN_S)):
        assert said, "the standby ended"
    standby.terminate()
    await standby.communicate()
    reader = open_reader(load_site(town.folder))
    states = {str(row["state"]) for row in reader.search(limit=100_000)}
    assert states == {"DELIVERED"}
    assert len(reader.search(limit=100_000)) == 2 * len(town.acknowledged)
    print(f"acknowledged {len(town.acknowledged)}, answered 503 {town.unavailable}, lost 0, out of order 0")
    reader.close()


async def test_check_says_what_is_wrong_with_the_server(town: Town, cluster: Cluster) -> None:
    """Nothing there yet is a warning; a server that is away, or does not keep its promises, is a problem."""
    runner = CliRunner()

    def checked() -> tuple[int, str]:
        done = runner.invoke(check_app, ["--site", str(town.folder), "--json"], standalone_mode=False)
        return int(done.return_value), done.output

    code, told = await asyncio.to_thread(checked)
    assert (code, "CB7069" in told) == (0, True)
    cluster.execute("ALTER ROLE chiikibus SET synchronous_commit = off")
    cluster.execute("ALTER SYSTEM SET full_page_writes = off")
    cluster.execute("SELECT pg_reload_conf()")
    try:
        await until_async(
            lambda: cluster.execute("SHOW full_page_writes") == "off", within_s=20, what="the setting to be read"
        )
        code, told = await asyncio.to_thread(checked)
        assert (code, "CB7067" in told, "full_page_writes" in told) == (2, True, True)
        assert "synchronous_commit" not in told, "the bus sets it for itself"
    finally:
        cluster.execute("ALTER ROLE chiikibus RESET synchronous_commit")
        cluster.execute("ALTER SYSTEM RESET full_page_writes")
        cluster.execute("SELECT pg_reload_conf()")
    cluster.stop()
    code, told = await asyncio.to_thread(checked)
    assert (code, "CB7066" in told) == (2, True)
    cluster.start()


async def test_an_embedded_journal_is_carried_over_by_a_command(town: Town) -> None:
    """The command counts and compares; a second time it says that it was done."""
    source = SqliteJournal(load_site(town.folder).journal.path, clock=SteppedClock())
    await source.open()
    for _ in range(20):
        await source.accept(acceptance())
    await source.close()
    arguments = ["migrate", "--site", str(town.folder), "--json"]
    runner = CliRunner()
    done = await asyncio.to_thread(lambda: runner.invoke(journal_app, arguments, standalone_mode=False))
    assert '"ok": true' in done.output or '"ok":true' in done.output, (done.output, done.exception)
    again = await asyncio.to_thread(lambda: runner.invoke(journal_app, arguments, standalone_mode=False))
    assert getattr(again.exception, "code", "") == "CB4009"
