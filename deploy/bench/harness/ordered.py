"""Notices about the same people again and again, each person's in order: what a long run has to keep.

Notice number n is about person ``n % people`` and carries ``n // people + 1`` as number of its record (rirekibango), so
that the receiver sees a loss, a repetition and an overtaking without remembering more than one number per person.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import uvloop

from harness.messages import SEQUENCE_DIGITS, SEQUENCE_MARK, Pair
from harness.peers import Server

CONNECTIONS = 64
RECEIPT = b"uketsukebango"
SERIAL = re.compile(rb"(rirekibango>)(\d+)(<)")
AGAIN_S = 0.5
PATIENCE_S = 60.0
FIRST_PERSON = 100_000_000

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(slots=True)
class Sent:
    """Receipts, what had to be sent again (503, a broken connection), seconds, and acceptance in µs."""

    accepted: int = 0
    again: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Microseconds from the moment a notice was due to its receipt."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def notice_of(pair: Pair, person: int, serial: int) -> bytes:
    """The notice with this person's numbers and this number of the record. Shape: ``SEQUENCE_DIGITS`` digits each."""
    body = pair.request.replace(SEQUENCE_MARK.encode("ascii"), b"%0*d" % (SEQUENCE_DIGITS, FIRST_PERSON + person))
    return SERIAL.sub(rb"\g<1>%d\3" % serial, body)


def drive(
    server: Server, pair: Pair, *, first: int, people: int, rate: float = 0.0, count: int = 0, seconds: float = 0.0
) -> Sent:
    """Post notices from number ``first`` on: ``count`` of them, or those of ``seconds``; ``rate`` 0 is all it takes.

    ``first`` and ``people`` are multiples of ``CONNECTIONS``; so is what is sent where ``seconds`` end the run, and the
    next number is ``first + accepted``. Errors: ``RuntimeError`` for an answer that is neither a receipt nor 503.
    """
    return uvloop.run(_Drive(server, pair, first, people, rate).run(count, seconds))


class _Drive:
    def __init__(self, server: Server, pair: Pair, first: int, people: int, rate: float) -> None:
        url = urlsplit(server.url)
        self._host, self._port = url.hostname, url.port
        self._pair, self._first, self._people, self._rate = pair, first, people, rate
        head = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: text/xml; charset=utf-8\r\n"
        head += f'SOAPAction: "{pair.action}"\r\n' + "".join(f"{name}: {value}\r\n" for name, value in server.headers)
        self._head = head.encode("ascii")
        self._sent = Sent()
        self._rounds = 0
        self._start = 0.0

    async def run(self, count: int, seconds: float) -> Sent:
        self._start = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number in range(CONNECTIONS):
                tasks.create_task(self._line(number, count, seconds))
        self._sent.seconds = time.perf_counter() - self._start
        return self._sent

    async def _line(self, own: int, count: int, seconds: float) -> None:
        """One connection: its notices one after another, each sent again until it has its receipt."""
        stream = await asyncio.open_connection(self._host, self._port)
        done = 0
        # Every connection sends as many as the one that is furthest, so that the numbers leave no gap.
        while done < self._rounds or self._goes_on(done, own, count, seconds):
            self._rounds = max(self._rounds, done + 1)
            offset = done * CONNECTIONS + own
            if count and offset >= count:
                break
            due = self._start + offset / self._rate if self._rate else time.perf_counter()
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            stream = await self._until_accepted(stream, self._first + offset)
            self._sent.latencies.append((time.perf_counter() - due) * 1e6)
            self._sent.accepted += 1
            done += 1
        stream[1].close()

    def _goes_on(self, done: int, own: int, count: int, seconds: float) -> bool:
        if count:
            return done * CONNECTIONS + own < count
        at = done * CONNECTIONS / self._rate if self._rate else time.perf_counter() - self._start
        return at < seconds

    async def _until_accepted(self, stream: Stream, number: int) -> Stream:
        body = notice_of(self._pair, number % self._people, number // self._people + 1)
        message_id = b"urn:uuid:00000000-0000-4000-8000-%012x" % number
        own = b"Chiikibus-Message-Id: %b\r\nContent-Length: %d\r\n\r\n" % (message_id, len(body))
        end = time.perf_counter() + PATIENCE_S
        while True:
            try:
                status, answer = await _asked(stream, self._head + own + body)
            except (OSError, EOFError):
                status, answer = 503, b""
                stream = await asyncio.open_connection(self._host, self._port)
            if status == 200 and RECEIPT in answer:
                return stream
            if status != 503 or time.perf_counter() > end:
                raise RuntimeError(f"number {number}: {status} {answer[:1000]!r}")
            self._sent.again += 1
            await asyncio.sleep(AGAIN_S)


async def _asked(stream: Stream, request: bytes) -> tuple[int, bytes]:
    reader, writer = stream
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head.split(b" ", 2)[1]), await reader.readexactly(length)
