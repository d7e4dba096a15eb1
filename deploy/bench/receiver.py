"""The receiving system of scenario S9: verifies every notice by digest and answers with a receipt.

Called by the harness: ``receiver.py PORT FOLDER``; FOLDER holds ``request.xml`` (a notice with a run of nines in
place of the running number) and ``reply.xml``. Ended by SIGTERM it writes ``counts.json``: notices received, wrong
ones, and repeated ones (the same exchange id again).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sys
from pathlib import Path

import httptools
import uvloop

NO_ID = b"urn:uuid:00000000-0000-4000-8000-000000000000"
"""Stands in the receipt where the message id of the notice goes; ids of the bus have the same length."""


def content(message: bytes) -> bytes:
    """The Body of a message and what follows it: the bus adds a header block that says what it kept back."""
    return message.partition(b"<soap:Body>")[2]


class Counts:
    """What arrived."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received = 0
        self.wrong = 0
        self.seen: set[bytes] = set()
        notice = content((folder / "request.xml").read_bytes())
        place = re.search(rb"9{9}", notice)
        if place is None:
            raise SystemExit("request.xml has no running number")
        self.number = slice(place.start(), place.end())
        self.digest = hashlib.sha256(notice).digest()
        reply = (folder / "reply.xml").read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(reply)}\r\n\r\n"
        self.answer = head.encode("ascii") + reply

    def take(self, body: bytes, exchange: bytes) -> None:
        """Count one notice: with its number put back to nines its Body has to be the one that was sent."""
        self.received += 1
        notice = content(body)
        normal = notice.replace(notice[self.number], b"9" * 9)
        if hashlib.sha256(normal).digest() != self.digest:
            self.wrong += 1
        self.seen.add(exchange)

    def write(self) -> None:
        """Leave the figures for the harness."""
        figures = {"received": self.received, "wrong": self.wrong, "repeated": self.received - len(self.seen)}
        (self.folder / "counts.json").write_text(json.dumps(figures))


class Connection(asyncio.Protocol):
    """One kept connection of the bus."""

    def __init__(self, counts: Counts) -> None:
        self.counts = counts
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.exchange = b""
        self.message = NO_ID

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Remember the ids."""
        lower = name.lower()
        if lower == b"chiikibus-exchange-id":
            self.exchange = value
        elif lower == b"chiikibus-message-id":
            self.message = value

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """Count and answer."""
        self.counts.take(b"".join(self.body), self.exchange)
        self.body.clear()
        self.transport.write(self.counts.answer.replace(NO_ID, self.message))


async def main(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    counts, ended = Counts(folder), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", port, backlog=1024)
    await ended.wait()
    server.close()
    counts.write()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
