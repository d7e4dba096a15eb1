#!/usr/bin/env python3
"""Measures journal, sender and delivery by themselves, without HTTP front and without XML.

    python deploy/bench/micro_journal.py [--messages N] [--callers N] [--size BYTES] [--json]

Each figure comes with the CPU time of this process per message, because the clock of a shared machine says little.
All messages are synthetic. Exit code 0 when everything that was accepted is counted as delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from bus.broker.memory import MemoryBroker
from bus.core.clock import SystemClock
from bus.core.ids import SystemIds
from bus.core.ports import Acceptance, Consignment, HttpReply, Transition, Verdict
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.core.types import Endpoint, Mode, OnPark
from bus.deliver.breaker import Breakers
from bus.deliver.desk import DeliveryDesk
from bus.deliver.sender import PooledSender
from bus.deliver.worker import Kit
from bus.journal.relay import Relay, no_log
from bus.journal.sqlite import SqliteJournal
from bus.pipeline.deliver import outgoing_headers

CLOCK, IDS = SystemClock(), SystemIds()
RECEIVER = """
import asyncio, uvloop
async def main():
    async def serve(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\\r\\n\\r\\n")
                size = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0])
                await reader.readexactly(size)
                writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/xml\\r\\nContent-Length: 0\\r\\n\\r\\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
uvloop.run(main())
"""


class PlainOutgoing:
    """Bytes as they are; any answer is a receipt."""

    def request(self, consignment: Consignment, endpoint: Endpoint) -> tuple[bytes, Sequence[tuple[str, str]], None]:
        """Body and headers as the pipeline sends them."""
        return consignment.raw, outgoing_headers(consignment, endpoint), None

    async def judge(self, consignment: Consignment, reply: HttpReply) -> Verdict:
        """Delivered."""
        return Verdict(State.DELIVERED)

    async def given_up(self, consignment: Consignment, code: str) -> None:
        """Nobody asked to be told."""

    def on_park(self, consignment: Consignment) -> OnPark:
        """Nothing parks here."""
        return OnPark.BLOCK


def notice(number: int, raw: bytes) -> Acceptance:
    """A queued notice as the pipeline journals it."""
    now = CLOCK.now()
    return Acceptance(
        exchange_id=IDS.exchange(),
        municipality="990019",
        sender="juki",
        message_id=IDS.message(),
        sha256="0" * 64,
        unit="juki",
        operation="juki.ido_tsuchi",
        edition="1.0",
        purpose="jumin",
        mode=Mode.QUEUED,
        ordering_keys=(f"atena:{number:015d}", f"setai:{number // 2:015d}"),
        received_at=now,
        expires_at=now + 3600,
        content_type="text/xml; charset=utf-8",
        soap_action="urn:chiikibus:standard:1.0:juki/ido_tsuchi",
        relates_to="",
        tables_hash="0" * 64,
        size=len(raw),
        state=State.ACCEPTED,
        targets=("tax",),
        raw=raw,
    )


def consignment(accepted: Acceptance) -> Consignment:
    """What the pipeline hands over."""
    return Consignment(
        accepted.delivery_id(0), accepted.exchange_id, accepted.municipality, accepted.sender, "tax",
        accepted.operation, accepted.message_id, accepted.ordering_keys, accepted.received_at, accepted.expires_at,
        content_type=accepted.content_type, soap_action=accepted.soap_action, purpose=accepted.purpose,
        raw=accepted.raw,
    )  # fmt: skip


async def measured(
    name: str, items: Sequence[Any], callers: int, work: Callable[[Any], Coroutine[Any, Any, object]], weight: int = 1
) -> dict[str, Any]:
    """Let ``callers`` work through ``items`` side by side; ``weight`` messages per item."""
    waits: list[float] = []
    shared: Iterator[Any] = iter(items)

    async def caller() -> None:
        for item in shared:
            begin = time.perf_counter()
            await work(item)
            waits.append(time.perf_counter() - begin)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    waits.sort()
    count = len(items) * weight
    return {
        "name": name,
        "per_s": round(count / wall),
        "cpu_us": round(cpu / count * 1e6, 1),
        "p50_ms": round(waits[len(waits) // 2] * 1e3, 2),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1e3, 2),
        "max_ms": round(waits[-1] * 1e3, 1),
    }


async def measure_journal(folder: Path, messages: int, callers: int, raw: bytes) -> list[dict[str, Any]]:
    """Durable acceptance, transitions in batches of 32, look-ups."""
    journal = SqliteJournal(folder / "journal.sqlite", clock=CLOCK)
    await journal.open()
    accepted = [notice(number, raw) for number in range(messages)]
    results = [await measured("durable accept", accepted, callers, journal.accept)]
    for state in (State.DISPATCHING, State.DELIVERED):
        batches = [
            [Transition(each.delivery_id(0), state, CLOCK.now(), attempt=1) for each in accepted[start : start + 32]]
            for start in range(0, messages, 32)
        ]
        results.append(await measured(f"record {state} by 32", batches, 4, journal.record, weight=32))

    async def find(each: Acceptance) -> object:
        return journal.find(each.municipality, each.sender, each.message_id)

    async def miss(each: Acceptance) -> object:
        return journal.find(each.municipality, each.sender, each.message_id + "x")

    results.append(await measured("find, unknown id", accepted[:5000], 1, miss))
    results.append(await measured("find, known id", accepted[:5000], 1, find))
    await journal.close()
    return results


@asynccontextmanager
async def receiver() -> AsyncIterator[Endpoint]:
    """A receiver in a process of its own that answers everything with 200."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", RECEIVER, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    try:
        yield Endpoint("tax", "990019", "kojinjuminzei", address=f"http://127.0.0.1:{port}/soap/990019/tax", secret="s")
    finally:
        process.kill()
        await process.wait()


async def measure_sender(endpoint: Endpoint, messages: int, callers: int, raw: bytes) -> list[dict[str, Any]]:
    """Posts over kept connections."""
    sender = PooledSender(CLOCK)
    headers = outgoing_headers(consignment(notice(0, raw)), endpoint)

    async def post(_: int) -> object:
        return await sender.post(endpoint, raw, headers, 30.0)

    results = [await measured("HTTP post", range(messages), callers, post)]
    await sender.close()
    return results


async def measure_delivery(
    folder: Path, endpoint: Endpoint, messages: int, callers: int, raw: bytes
) -> tuple[list[dict[str, Any]], bool]:
    """Accept, relay, deliver, acknowledge: until the last one is DELIVERED in the journal."""
    settings, settled = DeliverySettings(), 0
    journal = SqliteJournal(folder / "delivery.sqlite", clock=CLOCK)
    await journal.open()
    broker = MemoryBroker(64 << 20, journal.body)
    relay = Relay(journal, broker, clock=CLOCK)
    everything = asyncio.Event()

    def count(delivery_ids: Any) -> None:
        nonlocal settled
        done = list(delivery_ids)
        relay.settled(done)
        settled += len(done)
        if settled >= messages:
            everything.set()

    async def accept(each: Acceptance) -> None:
        await journal.accept(each)
        relay.hand_over([consignment(each)])

    sender = PooledSender(CLOCK)
    kit = Kit(
        journal=journal, broker=broker, sender=sender, outgoing=PlainOutgoing(), breakers=Breakers(CLOCK, settings),
        clock=CLOCK, taken=relay.taken, settled=count, log=no_log, random=random.random,
    )  # fmt: skip
    desk = DeliveryDesk(kit, settings)
    await relay.start()
    await desk.start([endpoint])
    wall, cpu = time.perf_counter(), time.process_time()
    accepting = await measured("accept while delivering", [notice(n, raw) for n in range(messages)], callers, accept)
    async with asyncio.timeout(600):
        await everything.wait()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    whole = {"name": "store and forward", "per_s": round(messages / wall), "cpu_us": round(cpu / messages * 1e6, 1)}
    sound = journal.counts()[State.DELIVERED] == messages
    await desk.stop()
    await relay.stop()
    await sender.close()
    await journal.close()
    return [accepting, whole], sound


async def measure(messages: int, callers: int, size: int) -> tuple[list[dict[str, Any]], bool]:
    """Everything, one after the other."""
    raw = os.urandom(size)
    with tempfile.TemporaryDirectory() as folder:
        results = await measure_journal(Path(folder), messages, callers, raw)
        async with receiver() as endpoint:
            results += await measure_sender(endpoint, messages, callers, raw)
            delivery, sound = await measure_delivery(Path(folder), endpoint, messages, callers, raw)
    return results + delivery, sound


def waits(result: dict[str, Any]) -> str:
    """How long one caller waited, where that was measured."""
    if "p50_ms" not in result:
        return ""
    return f"p50 {result['p50_ms']:7.2f}  p99 {result['p99_ms']:7.2f}  max {result['max_ms']:7.1f} ms"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--callers", type=int, default=32)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results, sound = uvloop.run(measure(asked.messages, asked.callers, asked.size))
    load = round(os.getloadavg()[0], 2)
    if asked.json:
        print(json.dumps({"size": asked.size, "callers": asked.callers, "load_1min": load, "results": results}))
        return 0 if sound else 1
    print(f"{asked.messages} messages of {asked.size} bytes, {asked.callers} callers, load average {load}")
    for result in results:
        print(f"{result['name']:26} {result['per_s']:8}/s  {result['cpu_us']:7.1f} µs CPU  {waits(result)}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
