"""All systems of all towns of a played year: notices are taken, inquiries answered about whom they ask for.

Called by the harness: ``year_receiver.py PORT FOLDER``; FOLDER holds ``reply.xml`` (of an inquiry, with a run of nines
in place of the person). Every second ``counts.json`` says how many ``notices`` and ``inquiries`` arrived, and how
many notices arrived ``again`` at the same system. Ended by SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import httptools
import uvloop

ASKED = re.compile(rb"atenabango>(\d{15})<")
NINES = b"000001999999999"


class Systems:
    """What arrived at all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notices = self.inquiries = self.again = 0
        self.seen: set[tuple[bytes, bytes]] = set()
        self.reply = (folder / "reply.xml").read_bytes()

    def take(self, path: bytes, message: bytes, body: bytes) -> bytes:
        """What the system at ``path`` answers; nothing for a notice."""
        asked = ASKED.search(body) if b"jumin_shokai" in body else None
        if asked is not None:
            self.inquiries += 1
            return self.reply.replace(NINES, asked[1]).replace(b"990019", path.split(b"/")[1])
        self.again += (path, message) in self.seen
        self.seen.add((path, message))
        self.notices += 1
        return b""

    def write(self) -> None:
        """Leave the figures for the harness: the file is whole at any moment."""
        figures = {"notices": self.notices, "inquiries": self.inquiries, "again": self.again}
        draft = self.folder / "counts.draft"
        draft.write_text(json.dumps(figures))
        draft.replace(self.folder / "counts.json")


class Connection(asyncio.Protocol):
    """One kept connection of the bus."""

    def __init__(self, systems: Systems) -> None:
        self.systems = systems
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []
        self.path = self.message = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        """Which system."""
        self.path = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Remember the id."""
        if name.lower() == b"chiikibus-message-id":
            self.message = value

    def on_body(self, body: bytes) -> None:
        """Collect the body."""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """Count and answer."""
        answer = self.systems.take(self.path, self.message, b"".join(self.body))
        self.body.clear()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: %d\r\n\r\n" % len(answer)
        self.transport.write(head + answer)


async def main(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    systems, ended = Systems(folder), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Connection(systems), "127.0.0.1", port, backlog=1024)
    while not ended.is_set():
        systems.write()
        try:
            async with asyncio.timeout(1.0):
                await ended.wait()
        except TimeoutError:
            continue
    server.close()
    systems.write()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
