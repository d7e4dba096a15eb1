"""The provider of scenario S6: gives each message the answer that was signed for it beforehand.

Called by the harness: ``signed_provider.py PORT FOLDER``; FOLDER holds ``replies.bin``: for message 0, 1, ... a length
of eight digits and that many bytes. The number of a message is the end of its id.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import httptools
import uvloop


def bundle(path: Path) -> list[bytes]:
    """The records of a bundle as HTTP answers."""
    raw, records, at = path.read_bytes(), [], 0
    while at < len(raw):
        length = int(raw[at : at + 8])
        body = raw[at + 8 : at + 8 + length]
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {length}\r\n\r\n"
        records.append(head.encode("ascii") + body)
        at += 8 + length
    return records


class Connection(asyncio.Protocol):
    """One kept connection of the bus."""

    def __init__(self, answers: list[bytes]) -> None:
        self.answers = answers
        self.parser = httptools.HttpRequestParser(self)
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Feed the parser."""
        self.parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Remember the number."""
        if name.lower() == b"chiikibus-message-id":
            self.number = int(value[-9:])

    def on_message_complete(self) -> None:
        """Answer."""
        self.transport.write(self.answers[self.number])


async def main(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    answers, ended = bundle(folder / "replies.bin"), asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(answers), "127.0.0.1", port, backlog=1024
    )
    await ended.wait()
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
