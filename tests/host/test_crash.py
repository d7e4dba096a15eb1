"""kill -9 of an adapter process at any moment: after the restart nothing is lost and nothing doubled."""

from __future__ import annotations

import asyncio
import csv
import io
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from adapters.population import Town
from adapters.simulators.a_juki_files import ZENKEN
from bus.core.basic import basic_header
from schemas.model import Edition
from tests.host.place import Place, ido_file
from tests.host.test_file_to_bus import residents
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.processes import running
from tests.support.residents import message

pytestmark = pytest.mark.slow
SEEDS = (1, 2, 3)
SERVE = ("-m", "bus.cli", "adapter", "serve")


@contextmanager
def process(place: Place, adapter: str) -> Iterator[subprocess.Popen[bytes]]:
    """The adapter as a process of its own; the block may kill it."""
    command = [sys.executable, *SERVE, "--site", str(place.folder), "--adapter", adapter, "--json"]
    log = place.folder.parent / f"{adapter}.log"
    log.touch()
    before = log.read_bytes().count(b"adapter_ready")
    with running(command, log=log, ready=lambda: log.read_bytes().count(b"adapter_ready") > before) as child:
        yield child


def kill(child: subprocess.Popen[bytes]) -> None:
    """SIGKILL, and gone."""
    child.send_signal(signal.SIGKILL)
    child.wait(10)


@pytest.fixture
def site(place: Place) -> Place:
    """The site with ports that can be used by processes."""
    place.ports = {name: free_port() for name in place.ports}
    place.write()
    return place


@pytest.mark.parametrize("seed", SEEDS)
async def test_files_survive_kills_while_they_are_read_and_sent(site: Place, seed: int) -> None:
    """Three files, four kills at random points of progress: each record reaches the bus exactly once."""
    dice = random.Random(seed)
    town = Town.generate(200, seed)
    events = [event.record for change in town.changes(600) for event in change.events][:600]
    for number in range(3):
        site.drop(f"IDO_{number:04d}.DAT", ido_file(events[number * 200 : number * 200 + 200]))
    for mark in sorted(dice.sample(range(1, 560), 4)):
        with process(site, "a-juki") as child:
            await until_async(lambda mark=mark: len(site.bus.taken) >= mark, within_s=30)
            kill(child)
    with process(site, "a-juki"):
        await until_async(lambda: site.status("a-juki")["files"] == {"done": 3}, within_s=30)
        await until_async(lambda: site.status("a-juki")["outbox"] == {"sent": 600}, within_s=30)
    sent = [(one.records[0]["atenabango"], one.records[0]["rirekibango"]) for one in site.bus.taken]
    assert sorted(sent) == sorted((row["atenabango"], row["rirekibango"]) for row in events)
    assert site.bus.changed == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_an_extract_survives_kills_as_one_whole_transfer(site: Place, seed: int) -> None:
    """Kills while parts are staged and sent: each part once, one transfer id, totals that fit."""
    dice = random.Random(seed)
    rows = residents(1_500)
    site.drop("ZEN_0001.DAT", ido_file(rows, ZENKEN))
    with process(site, "a-juki") as child:
        await until_async(lambda: site.status("a-juki")["outbox"].get("staged", 0) >= dice.randrange(1, 10))
        kill(child)
    assert site.bus.taken == []
    with process(site, "a-juki") as child:
        await until_async(lambda: len(site.bus.taken) >= 5, within_s=30)
        kill(child)
    with process(site, "a-juki"):
        await until_async(lambda: site.status("a-juki")["outbox"] == {"sent": 15}, within_s=30)
    parts = site.bus.of("juki.ikkatsu_soshin")
    assert sorted(int(one.items["bunkatsubango"]) for one in parts) == list(range(1, 16))
    assert len({one.items["ikkatsuid"] for one in parts}) == 1
    assert sum(len(one.records) for one in parts) == 1_500
    assert site.bus.changed == 0


def vendor_lines(place: Place) -> list[tuple[str, str]]:
    """Key and history number of every line of every file that the vendor may take."""
    lines: list[tuple[str, str]] = []
    for path in sorted(place.path("a-tax", "in").glob("*.CSV")):
        if path.with_name(path.name + ".END").exists():
            text = path.read_bytes().decode("cp932", "replace")
            lines += [(row["宛名番号"], row["履歴番号"]) for row in csv.DictReader(io.StringIO(text))]
    return lines


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_accepted_notices_survive_kills_while_batches_are_written(
    site: Place, edition: Edition, seed: int
) -> None:
    """What got a receipt is in exactly one vendor file; what got none is sent again, as the bus does."""

    dice = random.Random(seed)
    rows = residents(240)
    ids = [f"urn:uuid:{row['atenabango']}" for row in rows]
    left = {one: message(edition, "juki.ido_tsuchi", row, one) for one, row in zip(ids, rows, strict=True)}
    url = f"http://127.0.0.1:{site.ports['a-tax']}/soap/990019/tax"
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "Authorization": basic_header("chiikibus", "secret-of-tax"),
        "Chiikibus-Sender": "990019/juki",
    }

    async def send(session: aiohttp.ClientSession, message_id: str) -> None:
        try:
            async with session.post(url, data=left[message_id], headers=headers) as answer:
                if answer.status == 200 and await answer.read():
                    del left[message_id]
        except aiohttp.ClientError:
            return

    while left:
        with process(site, "a-tax") as child:
            async with aiohttp.ClientSession() as session:
                quota = dice.randrange(30, 120)
                tasks = [asyncio.create_task(send(session, one)) for one in list(left)[:quota]]
                goal = len(left) - quota // 2
                await until_async(lambda goal=goal: len(left) <= max(goal, 0))
                kill(child)
                await asyncio.gather(*tasks)
    with process(site, "a-tax"):
        await until_async(lambda: site.status("a-tax")["received"] == {"done": 240}, within_s=30)
    assert sorted(vendor_lines(site)) == sorted((row["atenabango"], row["rirekibango"]) for row in rows)


async def test_a_second_process_of_the_same_adapter_is_refused(site: Place, tmp_path: Path) -> None:
    """Two would write the same store: CB9003, exit code 3."""
    with process(site, "a-juki"):
        command = [sys.executable, *SERVE, "--site", str(site.folder), "--adapter", "a-juki", "--json"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=30, check=False)
    assert done.returncode == 3
    assert b"CB9003" in done.stdout


async def test_sigterm_lets_what_has_begun_end(site: Place) -> None:
    """Exit code 0; what was not sent stays in the outbox."""
    site.drop("IDO_0001.DAT", ido_file(residents(300)))
    with process(site, "a-juki") as child:
        await until_async(lambda: len(site.bus.taken) > 20, within_s=30)
        child.send_signal(signal.SIGTERM)
        await until_async(lambda: child.poll() is not None, within_s=15)
        assert child.returncode == 0
    with process(site, "a-juki"):
        await until_async(lambda: site.status("a-juki")["outbox"] == {"sent": 300}, within_s=30)
    assert len(site.bus.taken) == 300
    assert site.bus.repeats == 0
