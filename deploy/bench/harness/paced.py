"""Notices at a steady rate that does not wait for answers: the load under which a latency means something."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop

from harness.messages import SEQUENCE_MARK, Pair
from harness.peers import Server

CONNECTIONS = 64
MARK = b"uketsukebango"


@dataclass(frozen=True, slots=True)
class Paced:
    """Receipts, wrong answers, and the latency of acceptance in µs."""

    good: int
    bad: int
    p50_us: float
    p99_us: float


def drive(server: Server, pair: Pair, *, rate: int, seconds: float) -> Paced:
    """Post ``rate`` notices a second for ``seconds``, each concerning another resident."""
    return uvloop.run(_drive(server, pair, rate, seconds))


async def _drive(server: Server, pair: Pair, rate: int, seconds: float) -> Paced:
    url = urlsplit(server.url)
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection(url.hostname, url.port))
    head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: text/xml; charset=utf-8\r\n"
    head += f'SOAPAction: "{pair.action}"\r\nContent-Length: {len(pair.request)}\r\n'
    head += "".join(f"{name}: {value}\r\n" for name, value in server.headers) + "\r\n"
    latencies: list[float] = []
    bad = 0

    async def one(number: int, due: float) -> None:
        nonlocal bad
        reader, writer = await free.get()
        mark = SEQUENCE_MARK.encode("ascii")
        writer.write(head.encode("ascii") + pair.request.replace(mark, b"%0*d" % (len(mark), number)))
        answer_head = await reader.readuntil(b"\r\n\r\n")
        length = int(answer_head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not answer_head.startswith(b"HTTP/1.1 200") or MARK not in body:
            bad += 1
        # Counted from the moment it was due, so that a stall is not hidden by sending less.
        latencies.append((time.perf_counter() - due) * 1e6)
        free.put_nowait((reader, writer))

    start = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(one(900_000_000 + number, due))
    while not free.empty():
        free.get_nowait()[1].close()
    latencies.sort()
    count = len(latencies)
    return Paced(count - bad, bad, latencies[count // 2], latencies[count * 99 // 100])
