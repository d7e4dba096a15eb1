"""The receiving system of long runs: every notice once, each person's in order, whole; memory does not grow with them.

Called by the harness: ``ordered_receiver.py PORT FOLDER``; FOLDER holds ``request.xml`` (a notice with a run of nines
in place of the person) and ``reply.xml``. Every second ``counts.json`` says how many notices arrived: ``received``
(each once), ``repeated`` (with a number of the record that is not above the last one), ``skipped`` (numbers that are
missing in between) and ``wrong`` (other bytes than were sent). Ended by SIGTERM.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import signal
import sys
from pathlib import Path

import uvloop
from receiver import Connection, content

NINES = b"9" * 9
PERSON = re.compile(rb"atenabango>000001(\d{9})<")
SERIAL = re.compile(rb"(rirekibango>)(\d+)(<)")
EVERY_S = 1.0


class Ordered:
    """What arrived. ``take`` is given the body and the exchange's id of one notice."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.received = self.repeated = self.skipped = self.wrong = 0
        self.latest: dict[bytes, int] = {}
        self.digest = self._digest((folder / "request.xml").read_bytes(), NINES)
        reply = (folder / "reply.xml").read_bytes()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(reply)}\r\n\r\n"
        self.answer = head.encode("ascii") + reply

    @staticmethod
    def _digest(body: bytes, person: bytes) -> bytes:
        normal = SERIAL.sub(rb"\g<1>1\3", content(body).replace(person, NINES))
        return hashlib.sha256(normal).digest()

    def take(self, body: bytes, exchange: bytes) -> None:
        """Count one notice."""
        person, serial = PERSON.search(body), SERIAL.search(body)
        if person is None or serial is None or self._digest(body, person[1]) != self.digest:
            self.wrong += 1
            return
        before, number = self.latest.get(person[1], 0), int(serial[2])
        if number <= before:
            self.repeated += 1
            return
        self.skipped += number - before - 1
        self.received += 1
        self.latest[person[1]] = number

    def write(self) -> None:
        """Leave the figures for the harness: the file is whole at any moment."""
        figures = {
            "received": self.received, "repeated": self.repeated, "skipped": self.skipped, "wrong": self.wrong,
            "people": len(self.latest),
        }  # fmt: skip
        draft = self.folder / "counts.draft"
        draft.write_text(json.dumps(figures))
        draft.replace(self.folder / "counts.json")


async def main(port: int, folder: Path) -> None:
    """Serve until SIGTERM."""
    counts, ended = Ordered(folder), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", port, backlog=1024)
    while not ended.is_set():
        counts.write()
        try:
            async with asyncio.timeout(EVERY_S):
                await ended.wait()
        except TimeoutError:
            continue
    server.close()
    counts.write()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
