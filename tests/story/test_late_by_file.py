"""From file to file across the bus, hours between: one vendor asks by file, another answers by file, later."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.host import process
from adapters.host.flows.request_file_to_bus import RequestFileToBus
from adapters.host.process import Host
from adapters.host.store.status import count
from adapters.host.translate import Translator
from adapters.sdk.types import VendorRecord
from adapters.simulators.a_tax import ATax
from adapters.simulators.a_tax import serve as serve_tax
from adapters.transports.file_drop import write_file
from bus.app import build
from bus.core.config import load_site
from schemas.catalog import load_edition
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.sites import MUNICIPALITY, SITE, write_secret

pytestmark = pytest.mark.slow
INCOME = "kojinjuminzei.shotoku_shokai"
FLOW = f"shokai-{INCOME}"
TAX = ("in", "shokai", "kaito", "shotoku", "shotoku_kai")
ALLOWANCE = ("out", "in", "shokai", "kaito", "irai")
ADAPTER = """
[[adapter]]
id = "{unit}"
vendor = "a"
unit = "{unit}"
municipality = "990019"
endpoint = "{unit}"
listen = "127.0.0.1:{port}"
[adapter.settings]
"""


def write_town(folder: Path, mode: str) -> Path:
    """個人住民税 and 子ども手当 of A社, and one route from the second to the first."""
    folder.mkdir()
    (folder / "site.toml").write_text(SITE.replace("{port}", str(free_port())), "utf-8")
    lines, adapters = "", ""
    for unit, purpose, places in (("kojinjuminzei", "kazei", TAX), ("jidoteate", "jidoteate", ALLOWANCE)):
        lines += (
            f'{{ id = "{unit}", municipality = "990019", unit = "{unit}", adapter = "{unit}", purpose = "{purpose}" }},'
        )
        adapters += ADAPTER.format(unit=unit, port=free_port())
        adapters += 'tcp = "127.0.0.1:9"\n' + "".join(f'{one} = "sim/{unit}/{one}"\n' for one in places)
        write_secret(folder, unit)
    (folder / "endpoints.toml").write_text(f"endpoint = [{lines}]\n", "utf-8")
    (folder / "adapters.toml").write_text(adapters, "utf-8")
    route = f'{{ municipality = "990019", operation = "{INCOME}", to = ["kojinjuminzei"], mode = "{mode}" }}'
    (folder / "routes.toml").write_text(f"route = [{route}]\n", "utf-8")
    right = 'right = [{{ municipality = "990019", endpoint = "{}", operation = "{}", purposes = ["jidoteate"] }},{}]\n'
    both = right.format("jidoteate", INCOME, right.format("kojinjuminzei", INCOME, "")[9:-2])
    (folder / "rights.toml").write_text(both, "utf-8")
    return folder


@asynccontextmanager
async def adapter(folder: Path, unit: str) -> AsyncIterator[Host]:
    """An adapter, until the block ends."""
    host = process.load(folder, unit)
    stop = asyncio.Event()
    task = asyncio.create_task(host.run(stop))
    try:
        await until_async(lambda: host._running or task.done(), what="the adapter to work")
        if task.done():
            await task
        yield host
    finally:
        stop.set()
        await task


def flow_of(host: Host) -> RequestFileToBus:
    """The flow that asks about incomes."""
    return next(one for one in host.flows if isinstance(one, RequestFileToBus) and one.id == FLOW)


def translator(host: Host, side: str) -> Translator:
    """The translator of the flow's questions (``request``) or answers (``reply``)."""
    spec = flow_of(host).spec
    return host._environment.translators.get(spec.path(f"{side}_layout"), spec.path(f"{side}_mapping"))


def questions(host: Host, people: list[str]) -> bytes:
    """A request file about these people."""
    asked = translator(host, "request")
    rows = [
        {**asked.to_vendor({"atenabango": person, "kazeinendo": "2025"}).values, "照会番号": f"{at:08d}"}
        for at, person in enumerate(people, 1)
    ]
    return b"".join(asked.codec.encode(rows))


def answers(host: Host, raw: bytes) -> list[VendorRecord]:
    """The lines of an answer file."""
    codec = translator(host, "reply").codec
    return [one for one in codec.decode(io.BytesIO(raw), "") if isinstance(one, VendorRecord)]


@pytest.mark.parametrize("mode", ["direct", "queued"])
async def test_a_question_by_file_is_answered_by_file_while_the_asker_is_away(tmp_path: Path, mode: str) -> None:
    """Whatever the route says: the answers wait on the bus, and their file has one line for each question."""
    folder = write_town(tmp_path / "site", mode)
    edition = load_edition()
    app = build(load_site(folder, edition, need_secrets=True), edition)
    await app.start()
    store = folder / "var" / "adapters" / "jidoteate.sqlite"
    people = [f"{number:015d}" for number in range(1, 9)]
    async with adapter(folder, "kojinjuminzei"):
        async with adapter(folder, "jidoteate") as host:
            write_file(folder / "sim/jidoteate/shokai", f"SHOKAI_{INCOME}_01.DAT", questions(host, people))
            await until_async(lambda: count(store)["questions"] == {"later": len(people)}, within_s=20)
        ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        vendor = asyncio.create_task(serve_tax(ATax(folder / "sim/kojinjuminzei", MUNICIPALITY), ready.set_result))
        waiting = folder / "var" / "adapters" / "kojinjuminzei.sqlite"
        await until_async(lambda: count(waiting)["outbox"] == {"sent": len(people)}, within_s=20)
        path = folder / "sim/jidoteate/kaito" / f"KAITO_{INCOME}_01.DAT"
        assert not path.exists()
        async with adapter(folder, "jidoteate") as host:
            await until_async(path.with_name(f"{path.name}.END").exists, within_s=20)
            found = answers(host, path.read_bytes())
            # the end mark comes first, then the store says so
            await until_async(lambda: count(store)["idle"], within_s=20)
            status = count(store)
        vendor.cancel()
        await asyncio.gather(vendor, return_exceptions=True)
    await app.stop()
    assert [one.values["照会番号"] for one in found] == [f"{at:08d}" for at in range(1, len(people) + 1)]
    assert {one.values["結果"] for one in found} <= {"00", "01"}
    assert any(one.values["結果"] == "00" for one in found)
    assert all(one.values["宛名ＮＯ"] == people[at] for at, one in enumerate(found) if one.values["結果"] == "00")
    assert status["questions"] == {"told": len(people)}
    assert status["idle"]
