"""The bus and its supervisor as real processes: ready lines, signals, sudden deaths."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from schemas.model import Edition
from tests.app.conftest import post
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.providers import FakeProvider, give_receipt
from tests.support.residents import RESIDENT, message
from tests.support.sites import change, write_site

COMMAND = (sys.executable, "-m", "bus.cli")
READY_S = 30.0
JUKI = {"Authorization": "Basic anVraTpzZWNyZXQtb2YtanVraQ=="}  # juki:secret-of-juki


class Program:
    """A running ``chiikibus`` command: its first JSON line, its log, its end."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.log = log
        self.ready: dict[str, Any] = {}

    async def line(self) -> dict[str, Any]:
        """The next JSON line of standard output."""
        assert self.process.stdout is not None
        raw = await asyncio.wait_for(self.process.stdout.readline(), READY_S)
        assert raw, self.log.read_text()
        found: dict[str, Any] = json.loads(raw)
        return found

    def events(self) -> list[dict[str, Any]]:
        """The log's lines."""
        return [json.loads(text) for text in self.log.read_text().splitlines() if text.startswith("{")]

    def named(self, event: str) -> Callable[[], list[dict[str, Any]]]:
        """The log's lines of one event, to be waited for."""
        return lambda: [entry for entry in self.events() if entry["event"] == event]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 20)


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncIterator[Program]:
    """A command that is killed at the end of the test if it still runs."""
    log = folder / f"{arguments[0]}.log"
    with log.open("ab") as sink:
        process = await asyncio.create_subprocess_exec(
            *COMMAND, *arguments, "--site", str(folder), "--json", stdout=asyncio.subprocess.PIPE, stderr=sink
        )
    program = Program(process, log)
    try:
        program.ready = await program.line()
        yield program
    finally:
        if process.returncode is None:
            await program.end(signal.SIGKILL)


def processes(folder: Path) -> dict[str, dict[str, Any]]:
    """What the supervisor wrote."""
    found: dict[str, dict[str, Any]] = json.loads((folder / "var/run/processes.json").read_text())
    return found


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_serve_says_where_it_listens_and_ends_cleanly(tmp_path: Path) -> None:
    """One ready line on standard output; SIGTERM ends with 0."""
    folder = write_site(tmp_path / "site")
    async with running(folder, "serve") as bus:
        port = int(bus.ready["listen"].rpartition(":")[2])
        assert (await post(port, "/health/ready", b"", {}, "GET"))[0] == 200
        assert await bus.end() == 0
    assert [entry["event"] for entry in bus.events()] == ["bus.ready", "bus.stopping", "bus.stopped"]


@pytest.mark.slow
async def test_a_broken_folder_does_not_disturb_a_running_bus(tmp_path: Path) -> None:
    """SIGHUP with mistakes logs every one of them and keeps the old tables; once mended they are taken over."""
    folder = write_site(tmp_path / "site")
    async with running(folder, "serve") as bus:
        change(folder / "rights.toml", '["kokuho"]', '["*"]')
        change(folder / "routes.toml", '["juki"]', '["jukki"]')
        bus.process.send_signal(signal.SIGHUP)
        await until_async(lambda: len(bus.named("reload.finding")()) == 2, what="both findings")
        change(folder / "rights.toml", '["*"]', '["kokuho"]')
        change(folder / "routes.toml", '["jukki"]', '["juki"]')
        bus.process.send_signal(signal.SIGHUP)
        await until_async(bus.named("reload.done"), what="the reload")
        assert await bus.end() == 0


@pytest.mark.slow
async def test_a_killed_bus_delivers_what_it_had_accepted(tmp_path: Path, edition: Edition) -> None:
    """kill -9 while notices wait: after the next start all are delivered, and none of them twice in effect."""
    tax, kokuho = (FakeProvider(give_receipt(edition, "juki.ido_tsuchi")) for _ in range(2))
    port = free_port()
    folder = write_site(tmp_path / "site", port=port, tax=await tax.start(), kokuho=await kokuho.start())
    address = tax.port
    await tax.stop()
    async with running(folder, "serve") as bus:
        for number in range(1, 11):
            body = message(edition, "juki.ido_tsuchi", {**RESIDENT, "rirekibango": str(number)})
            assert (await post(port, "/990019/juki/juki", body, JUKI))[0] == 200
        await bus.end(signal.SIGKILL)
    await tax.start(address)
    async with running(folder, "serve") as bus:
        await until_async(lambda: len({one.message_id for one in tax.received}) == 10, within_s=20, what="all notices")
        assert await bus.end() == 0
    assert len({one.message_id for one in kokuho.received}) == 10
    await tax.stop()
    await kokuho.stop()


@pytest.mark.slow
async def test_the_supervisor_restarts_what_is_killed(tmp_path: Path) -> None:
    """kill -9 of the bus: another one answers soon, and ``processes.json`` tells of it."""
    port = free_port()
    folder = write_site(tmp_path / "site", port=port)
    async with running(folder, "up") as site:
        assert site.ready["event"] == "ready"
        first = processes(folder)["bus"]
        os.kill(first["pid"], signal.SIGKILL)
        await until_async(lambda: processes(folder)["bus"]["pid"] not in {0, first["pid"]}, what="another process")
        assert processes(folder)["bus"]["restarts"] == 1
        again: Any = partial(answers, port)
        await until_async(again, within_s=20, what="the new bus")
        second = processes(folder)["bus"]["pid"]
        assert await site.end() == 0
    assert not alive(second)
    assert not (folder / "var/run/processes.json").exists()


async def answers(port: int) -> bool:
    """Whether the bus is ready."""
    with suppress(OSError):
        return (await post(port, "/health/ready", b"", {}, "GET"))[0] == 200
    return False


@pytest.mark.slow
async def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    """kill -9 of the supervisor ends the bus too; a new supervisor starts at once."""
    folder = write_site(tmp_path / "site", port=free_port())
    async with running(folder, "up") as site:
        child = processes(folder)["bus"]["pid"]
        await site.end(signal.SIGKILL)
        await until_async(lambda: not alive(child), what="the end of the bus")
    async with running(folder, "up") as site:
        assert await site.end() == 0


@pytest.mark.slow
async def test_a_site_cannot_be_up_twice(tmp_path: Path) -> None:
    """The second supervisor says CB9003 and ends with 3; the first one goes on."""
    folder = write_site(tmp_path / "site", port=free_port())
    async with running(folder, "up") as site:
        async with running(folder, "up") as second:
            assert second.ready["error"]["code"] == "CB9003"
            assert await asyncio.wait_for(second.process.wait(), 20) == 3
        assert await site.end() == 0


@pytest.mark.slow
async def test_a_reload_reaches_the_bus_through_the_supervisor(tmp_path: Path) -> None:
    """SIGHUP to ``up`` keeps the bus's process and gives it the new tables."""
    folder = write_site(tmp_path / "site", port=free_port())
    async with running(folder, "up") as site:
        before = processes(folder)["bus"]["pid"]
        change(folder / "endpoints.toml", 'id = "kokuho", ', 'id = "kokuho", paused = true, ')
        site.process.send_signal(signal.SIGHUP)
        assert (await site.line())["event"] == "reloaded"
        await until_async(lambda: len(site.named("reload.done")()) == 2, what="both reloads")
        assert processes(folder)["bus"]["pid"] == before
        assert await site.end() == 0


@pytest.mark.parametrize("command", ["serve", pytest.param("up", marks=pytest.mark.slow)])
async def test_a_wrong_folder_ends_at_once_with_every_problem(tmp_path: Path, command: str) -> None:
    """Exit code 2 and the findings as a document."""
    folder = write_site(tmp_path / "site", secrets=False)
    async with running(folder, command) as program:
        codes = [finding["code"] for finding in program.ready["error"]["findings"]]
        assert codes == ["CB7022", "CB7022", "CB7022"]
        assert await asyncio.wait_for(program.process.wait(), 20) == 2
