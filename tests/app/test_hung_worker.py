"""A worker whose event loop does not turn any more is ended and replaced, and nothing it had out stays open."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from bus.app.children import _workers
from bus.app.workers import Workers
from schemas.model import Edition
from tests.app.conftest import Town
from tests.app.test_processes import alive, processes, running
from tests.app.test_workers import MESSAGE_ID, call_in_which_workers_get, pids
from tests.support.polling import until_async
from tests.support.sites import change, write_site

TIMEOUT_S = 2.0


async def impatient(town: Town) -> None:
    """The site wants to hear of its workers often."""
    change(town.folder / "site.toml", "[front]\n", f"[front]\nworker_timeout_s = {TIMEOUT_S}\n")
    await town.restart()


@pytest.mark.slow
@pytest.mark.parametrize("town", [2], indirect=True, ids=["two workers"])
async def test_a_hung_worker_is_replaced_and_its_calls_are_closed(town: Town) -> None:
    """Stopped in the middle of a call: the caller sees its connection end, and may call again under the same id."""
    await impatient(town)
    before = await call_in_which_workers_get(signal.SIGSTOP, town)
    assert not any(alive(pid) for pid in before)


@pytest.mark.slow
@pytest.mark.parametrize("town", [2], indirect=True, ids=["two workers"])
async def test_one_hung_worker_leaves_the_other_at_work(town: Town) -> None:
    """New connections go to the one that speaks; the sound one is not restarted."""
    await impatient(town)
    hung, sound = pids(town)
    os.kill(hung, signal.SIGSTOP)
    server = town.app._server
    assert isinstance(server, Workers)
    await until_async(lambda: any(slot.silent >= 4 for slot in server._slots), what="some silence")
    for number in range(10, 20):
        assert (await asyncio.wait_for(town.notify(MESSAGE_ID.format(number)), TIMEOUT_S / 2))[0] == 200
    await until_async(lambda: hung not in pids(town) and len(pids(town)) == 2, within_s=20, what="a new worker")
    assert sound in pids(town)
    assert [each["restarts"] for each in server.status().values()] in ([1, 0], [0, 1])


@pytest.mark.slow
async def test_the_workers_of_a_site_are_shown_beside_its_processes(tmp_path: Path, edition: Edition) -> None:
    """``processes.json`` names them with their number, and follows a death."""
    del edition
    folder = write_site(tmp_path / "site")
    change(folder / "site.toml", "[front]\n", "[front]\nprocesses = 2\n")

    def shown() -> dict[str, int]:
        return {name: int(each["pid"]) for name, each in processes(folder)["bus"].get("workers", {}).items()}

    async with running(folder, "up"):
        await until_async(lambda: len(shown()) == 2 and all(shown().values()), what="both workers")
        before = shown()
        assert set(before) == {"worker 1", "worker 2"}
        os.kill(before["worker 1"], signal.SIGKILL)
        await until_async(lambda: shown().get("worker 1") not in {None, 0, before["worker 1"]}, what="a new worker")
        assert processes(folder)["bus"]["workers"]["worker 1"]["restarts"] == 1
        assert shown()["worker 2"] == before["worker 2"]


def test_what_a_line_says_of_workers_is_believed_only_in_its_form() -> None:
    """Anything else on standard output says nothing of them."""
    assert _workers(b'{"event":"workers","workers":{"worker 1":{"pid":7}}}') == {"worker 1": {"pid": 7}}
    assert _workers(b'{"event":"ready"}') == _workers(b'"workers"') == _workers(b'{"workers":3}') == {}
