"""Several worker processes before one journal: sudden deaths, races between workers, reload, drain."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from lxml import etree

from bus.app.workers import Workers
from bus.core.basic import basic_header
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from schemas.model import Edition
from tests.app.conftest import Town, post
from tests.app.test_processes import JUKI, alive, running
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change, write_site

pytestmark = pytest.mark.parametrize("town", [2], indirect=True, ids=["two workers"])

JUKI_SHOKAI = "urn:chiikibus:standard:1.0:juki/jumin_shokai"
MESSAGE_ID = "urn:uuid:00000000-0000-4000-8000-0000000000{:02x}"


def pids(town: Town) -> tuple[int, ...]:
    """The workers that are ready."""
    server = town.app._server
    assert isinstance(server, Workers)
    return server.pids


def inquiry(town: Town, message_id: str) -> bytes:
    """A question of tax under a known id."""
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    return message(town.edition, "juki.jumin_shokai", values, message_id)


def code_of(raw: bytes) -> str:
    """The code of a fault."""
    return read_fault(envelope.read(safe_xml.parse(raw)).body).code


@asynccontextmanager
async def slow(town: Town, gate: asyncio.Event) -> AsyncIterator[list[bytes]]:
    """In juki's place a provider that answers when the gate opens; yields the requests it got."""
    await town.juki.stop()
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(int(f[15:]) for f in head.lower().split(b"\r\n") if f.startswith(b"content-length:"))
                got.append(await reader.readexactly(size))
                await gate.wait()
                body = answer(town)
                fields = f"Content-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(f"HTTP/1.1 200 OK\r\n{fields}".encode() + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", town.juki.port)
    try:
        yield got
    finally:
        gate.set()
        server.close()


def answer(town: Town) -> bytes:
    """What juki would have said."""
    return town.juki.behaviour(None)[1]


async def call_in_which_workers_get(number: signal.Signals, town: Town) -> tuple[int, ...]:
    """The caller sees its connection end, the journal says so, and the same id brings the answer from new workers.

    Returns the workers that got the signal in the middle of the call.
    """
    gate = asyncio.Event()
    body = inquiry(town, MESSAGE_ID.format(1))
    async with slow(town, gate) as got:
        calling = asyncio.ensure_future(town.post("tax", "juki.jumin_shokai", body))
        await until_async(lambda: len(got) == 1, what="the call")
        before = pids(town)
        for pid in before:
            os.kill(pid, number)
        with pytest.raises((IndexError, ConnectionError)):
            await calling
        await until_async(lambda: town.counts() == {"CANCELLED": 1}, what="the closed call")
        gate.set()
        await until_async(lambda: len(pids(town)) == 2, within_s=20, what="new workers")
        assert not set(before) & set(pids(town))
        assert (await town.post("tax", "juki.jumin_shokai", body))[0] == 200
    assert town.counts() == {"CANCELLED": 1, "REPLIED": 1}
    return before


@pytest.mark.slow
async def test_a_call_of_a_killed_worker_is_closed_and_may_be_made_again(town: Town) -> None:
    """Sudden death in the middle of a call."""
    await call_in_which_workers_get(signal.SIGKILL, town)


async def test_nothing_acknowledged_is_lost_when_a_worker_is_killed_in_the_middle_of_traffic(town: Town) -> None:
    """Senders repeat what was not acknowledged, under its id: every notice is delivered once to each subscriber."""

    async def send(number: int) -> None:
        while True:
            with suppress(IndexError, ConnectionError):
                status, _ = await town.notify(MESSAGE_ID.format(number), rirekibango=str(number))
                if status == 200:
                    return

    sending = [asyncio.ensure_future(send(number)) for number in range(1, 61)]
    await until_async(lambda: town.app.metrics().counts["accepted_messages"] > 5, what="traffic")
    os.kill(pids(town)[0], signal.SIGKILL)
    await asyncio.gather(*sending)
    await until_async(lambda: town.counts() == {"DELIVERED": 120}, within_s=20, what="all deliveries")
    assert len({one.message_id for one in town.tax.received}) == 60
    assert len(town.tax.received) == 60


@pytest.mark.slow
async def test_the_same_notice_at_the_same_time_on_two_workers_has_one_effect_and_one_answer(town: Town) -> None:
    """Whichever is first: all senders get its receipt."""
    results = await asyncio.gather(*(town.notify(MESSAGE_ID.format(7)) for _ in range(10)))
    assert {status for status, _ in results} == {200}
    assert len({etree.tostring(envelope.read(safe_xml.parse(raw)).body) for _, raw in results}) == 1
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="both deliveries")
    assert len(town.tax.received) == 1


@pytest.mark.slow
async def test_the_same_call_at_the_same_time_goes_out_once(town: Town) -> None:
    """The others are asked to come again while it is out, and get the same answer afterwards."""
    gate = asyncio.Event()
    body = inquiry(town, MESSAGE_ID.format(8))
    async with slow(town, gate) as got:
        calls = [asyncio.ensure_future(town.post("tax", "juki.jumin_shokai", body)) for _ in range(6)]
        await until_async(lambda: sum(call.done() for call in calls) == 5, what="five refusals")
        gate.set()
        results = await asyncio.gather(*calls)
        assert len(got) == 1
    refused = [raw for status, raw in results if status == 503]
    assert [code_of(raw) for raw in refused] == ["CB3002"] * 5
    (first,) = [raw for status, raw in results if status == 200]
    assert [await town.post("tax", "juki.jumin_shokai", body) for _ in range(2)] == [(200, first)] * 2


@pytest.mark.slow
async def test_another_content_under_a_known_id_is_refused_by_every_worker(town: Town) -> None:
    """CB3001, whichever worker it reaches."""
    assert (await town.notify(MESSAGE_ID.format(9)))[0] == 200
    for number in ("2", "3"):
        status, raw = await town.notify(MESSAGE_ID.format(9), rirekibango=number)
        assert (status, code_of(raw)) == (500, "CB3001")


@pytest.mark.slow
async def test_a_refusal_is_counted_and_does_not_use_up_its_id(town: Town) -> None:
    """The corrected message under the same id is accepted."""
    status, _ = await town.notify(MESSAGE_ID.format(10), rirekibango="x")
    assert status == 500
    assert (await town.notify(MESSAGE_ID.format(10)))[0] == 200
    await until_async(lambda: town.counts() == {"DELIVERED": 2, "REJECTED": 1}, what="both deliveries")


@pytest.mark.slow
async def test_a_stop_lets_a_call_be_answered(town: Town) -> None:
    """Drain: nothing new, but what is out comes back."""
    gate = asyncio.Event()
    async with slow(town, gate) as got:
        calling = asyncio.ensure_future(town.post("tax", "juki.jumin_shokai", inquiry(town, MESSAGE_ID.format(11))))
        await until_async(lambda: len(got) == 1, what="the call")
        workers = pids(town)
        stopping = asyncio.ensure_future(town.restart())
        gate.set()
        assert (await calling)[0] == 200
        await stopping
    assert not any(alive(pid) for pid in workers)


@pytest.mark.slow
async def test_a_reload_reaches_every_worker_before_it_is_done(town: Town) -> None:
    """Whichever worker is asked next works by the new tables; none was restarted."""
    before = pids(town)
    change(town.folder / "rights.toml", 'purposes = ["jumin"]', 'purposes = ["shuno"]')
    await town.reload()
    answers = [await town.notify() for _ in range(4)]
    assert {code_of(raw) for _, raw in answers} == {"CB2003"}
    assert sorted(pids(town)) == sorted(before)


@pytest.mark.slow
async def test_workers_end_with_a_killed_owner(town: Town, tmp_path: Path, edition: Edition) -> None:
    """SIGKILL of the owner: no worker answers any more, and the next owner takes the address."""
    del town
    folder = write_site(tmp_path / "alone")
    change(folder / "site.toml", "[front]\n", "[front]\nprocesses = 2\n")
    async with running(folder, "serve") as bus:
        port = int(str(bus.ready["listen"]).rpartition(":")[2])
        started = [int(entry["pid"]) for entry in bus.named("process.started")()]
        assert len(started) == 2
        body = message(edition, "juki.ido_tsuchi", RESIDENT)
        assert (await post(port, "/990019/juki/juki", body, JUKI))[0] == 200
        await bus.end(signal.SIGKILL)
        await until_async(lambda: not any(alive(pid) for pid in started), what="the end of the workers")
        with pytest.raises(ConnectionError):
            await post(port, "/990019/juki/juki", body, JUKI)


@pytest.mark.slow
async def test_what_one_worker_finds_out_about_a_provider_the_others_know(town: Town) -> None:
    """A breaker that opens in one process is open in all: the other worker does not have to fail first."""
    await town.juki.stop()
    body = inquiry(town, "")
    headers = {"SOAPAction": f'"{JUKI_SHOKAI}"', "Authorization": basic_header("tax", "secret-of-tax")}
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /990019/tax/juki HTTP/1.1\r\nHost: bus\r\nContent-Type: text/xml; charset=utf-8\r\n{fields}"
    reader, writer = await asyncio.open_connection("127.0.0.1", town.port)
    for _ in range(town.app.site.delivery.breaker_failures):  # on one connection: one worker takes them all
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        start = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(start.partition("content-length: ")[2].partition("\r\n")[0])
        assert code_of(await reader.readexactly(size)) == "CB5001"
    writer.close()
    await until_async(lambda: "open" in town.app._breakers.states().values(), what="the owner to know")
    # Two connections for each worker; the news and the first of them may meet on the way.
    codes = [code_of((await town.post("tax", "juki.jumin_shokai", body))[1]) for _ in range(4)]
    assert codes.count("CB5005") >= 3, codes
