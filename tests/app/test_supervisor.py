"""The supervisor keeps adapters running beside the bus, and changes only what a reload changes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

from bus.app.children import Child, Plan
from bus.app.parent import die_with_parent
from bus.app.supervisor import BUS, Supervisor, plans
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import EnvironmentFault
from bus.core.settings import Site
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.sites import change, write_site

# A stand-in for a child: says that it is ready, listens, and waits for its end.
LISTENER = """
import signal, socket, sys, time
from bus.app.parent import die_with_parent
die_with_parent()
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.pause()
"""
STUBBORN = LISTENER.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")

ADAPTER = """
[[adapter]]
id = "{id}"
vendor = "a"
unit = "juki"
municipality = "990019"
listen = "127.0.0.1:{port}"
"""


def stand_ins(site: Site) -> list[Plan]:
    """The site's plans with stand-ins for the programs."""
    return [
        Plan(plan.name, (sys.executable, "-c", LISTENER, str(plan.address[1])), plan.address, plan.fingerprint)
        for plan in plans(site)
    ]


def adapters(folder: Path, *ports: int) -> None:
    """Write an adapter for each port."""
    text = "".join(ADAPTER.replace("{id}", f"x{n}").replace("{port}", str(port)) for n, port in enumerate(ports))
    (folder / "adapters.toml").write_text(text)


@contextlib.asynccontextmanager
async def supervised(
    folder: Path, plan: Callable[[Site], list[Plan]] = stand_ins, ready_s: float = 30.0
) -> AsyncIterator[tuple[list[dict[str, Any]], asyncio.Task[None]]]:
    """A supervisor in this loop, and what it announced."""
    announced: list[dict[str, Any]] = []
    supervisor = Supervisor(folder, announced.append, plan=plan, ready_s=ready_s)
    task = asyncio.create_task(supervisor.run())
    try:
        await until_async(lambda: announced or task.done(), within_s=20, what="readiness")
        yield announced, task
    finally:
        if not task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        with contextlib.suppress(EnvironmentFault):
            await asyncio.wait_for(task, 20)


def processes(folder: Path) -> dict[str, dict[str, Any]]:
    """What the supervisor wrote."""
    found: dict[str, dict[str, Any]] = json.loads((folder / "var/run/processes.json").read_text())
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site with two adapters."""
    folder = write_site(tmp_path / "site", port=free_port())
    adapters(folder, free_port(), free_port())
    return folder


async def test_everything_is_ready_before_it_is_announced(folder: Path) -> None:
    """The announcement comes when the bus has spoken and every adapter listens, and names all addresses."""
    async with supervised(folder) as (announced, _):
        (event,) = announced
        assert set(event["listen"]) == {"bus", "x0", "x1"}
        assert all(one["pid"] > 0 for one in processes(folder).values())


async def test_a_killed_adapter_is_started_again(folder: Path) -> None:
    """Only the killed one changes."""
    async with supervised(folder):
        before = processes(folder)
        os.kill(before["x1"]["pid"], signal.SIGKILL)
        await until_async(lambda: processes(folder)["x1"]["pid"] not in {0, before["x1"]["pid"]}, what="the restart")
        after = processes(folder)
        assert after["x1"]["restarts"] == 1
        assert (after["x0"], after["bus"]) == (before["x0"], before["bus"])


async def test_a_reload_restarts_only_what_changed(folder: Path) -> None:
    """A changed adapter is restarted, a removed one ends, a new one starts, the bus goes on."""
    async with supervised(folder) as (announced, _):
        before = processes(folder)
        text = (folder / "adapters.toml").read_text()
        ports = [plan.address[1] for plan in plans(load_site(folder))]
        adapters(folder, ports[1], free_port())
        os.kill(os.getpid(), signal.SIGHUP)
        await until_async(lambda: len(announced) == 2, what="the reload")
        await until_async(lambda: processes(folder)["x1"]["pid"] not in {0, before["x1"]["pid"]}, what="the change")
        assert announced[1]["kept"] == ["bus", "x0"]
        (folder / "adapters.toml").write_text(text.partition('[[adapter]]\nid = "x1"')[0])
        os.kill(os.getpid(), signal.SIGHUP)
        await until_async(lambda: len(announced) == 3, what="the second reload")
        assert set(processes(folder)) == {"bus", "x0"}
        assert processes(folder)["bus"] == before["bus"]


async def test_a_reload_with_mistakes_changes_nothing(folder: Path) -> None:
    """The processes stay as they are; once the folder is in order the next reload goes through."""
    refused = io.BytesIO()
    log.configure(stream=refused)
    async with supervised(folder) as (announced, _):
        before = processes(folder)
        change(folder / "routes.toml", '["juki"]', '["jukki"]')
        os.kill(os.getpid(), signal.SIGHUP)
        await until_async(lambda: b'"reload.finding"' in refused.getvalue(), what="the refusal")
        assert len(announced) == 1
        change(folder / "routes.toml", '["jukki"]', '["juki"]')
        os.kill(os.getpid(), signal.SIGHUP)
        await until_async(lambda: len(announced) == 2, what="the reload")
        assert processes(folder) == before
    structlog.reset_defaults()


async def test_an_adapter_without_autostart_is_left_alone(folder: Path) -> None:
    """It is configured, but somebody else starts it."""
    text = (folder / "adapters.toml").read_text()
    (folder / "adapters.toml").write_text(text.replace('id = "x1"', 'id = "x1"\nautostart = false'))
    assert [plan.name for plan in plans(load_site(folder))] == [BUS, "x0"]


FAILING = """
print('{"code": "CB7001", "findings": [{"code": "CB7001", "path": "adapters.toml: rest_token"}]}', flush=True)
raise SystemExit(2)
"""


def one_failing(site: Site) -> list[Plan]:
    """The stand-ins, with an adapter that ends at once saying why."""
    return [
        replace(plan, command=(sys.executable, "-c", FAILING)) if plan.name == "x1" else plan
        for plan in stand_ins(site)
    ]


@pytest.mark.slow
async def test_one_adapter_that_cannot_start_does_not_keep_the_site_down(folder: Path) -> None:
    """The site is announced without it, and the reason it gave is in the log."""
    written = io.BytesIO()
    log.configure(stream=written)
    async with supervised(folder, one_failing, ready_s=1.0) as (announced, _):
        assert announced[0]["not_ready"] == ["x1"]
        entries = [json.loads(line) for line in written.getvalue().splitlines()]
        reasons = [entry for entry in entries if entry["event"] == "process.finding"]
        assert (reasons[0]["process"], reasons[0]["code"]) == ("x1", "CB7001")
    structlog.reset_defaults()


@pytest.mark.slow
async def test_a_bus_that_does_not_get_ready_ends_everything(folder: Path) -> None:
    """CB9003, and no child is left."""

    def silent_bus(site: Site) -> list[Plan]:
        return [
            replace(plan, command=(sys.executable, "-c", "import signal; signal.pause()")) if plan.name == BUS else plan
            for plan in stand_ins(site)
        ]

    supervisor = Supervisor(folder, lambda _: None, plan=silent_bus, ready_s=1.0)
    with pytest.raises(EnvironmentFault) as caught:
        await asyncio.wait_for(supervisor.run(), 30)
    assert caught.value.code == "CB9003"
    assert not (folder / "var/run/processes.json").exists()


async def test_a_child_that_ignores_its_end_is_killed(tmp_path: Path) -> None:
    """SIGTERM, then SIGKILL after the deadline."""
    port = free_port()
    plan = Plan("stubborn", (sys.executable, "-c", STUBBORN, str(port)), ("127.0.0.1", port))
    child = Child(plan, SystemClock(), lambda: None)
    child.start()
    await asyncio.wait_for(child.first_line.wait(), 20)
    pid = child.status.pid
    await child.stop(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_cannot_start_is_tried_again(tmp_path: Path) -> None:
    """Back-off, counted; ending it while it waits is immediate."""
    plan = Plan("missing", (str(tmp_path / "nothing"),), ("127.0.0.1", 1))
    child = Child(plan, SystemClock(), lambda: None)
    child.start()
    await until_async(lambda: child.status.restarts >= 2, what="two attempts")
    await asyncio.wait_for(child.stop(5), 5)


def test_the_fingerprint_holds_no_secret_in_repr(folder: Path) -> None:
    """A plan may be logged."""
    assert "secret-of" not in repr(plans(load_site(folder)))


def test_a_process_without_supervisor_lives_by_itself() -> None:
    """The variable decides; without it nothing is asked of the kernel."""
    die_with_parent({})
    die_with_parent({"CHIIKIBUS_SUPERVISOR": "no number"})
