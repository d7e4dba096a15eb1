"""The senders: one for each resident, notice after notice; what is not acknowledged is sent again under its id."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from contextlib import suppress
from dataclasses import dataclass, field

from harness.messages import KB, SEQUENCE_MARK, Messages, content

ANSWER_S = 40.0
"""After so long without an answer a sender asks again on a new connection."""


@dataclass(slots=True)
class Ledger:
    """What the senders know. ``attempted`` holds the digest of each message's Body by its id."""

    attempted: dict[str, bytes] = field(default_factory=dict)
    acknowledged: dict[str, None] = field(default_factory=dict)
    unavailable: int = 0
    unanswered: int = 0
    refused: dict[str, int] = field(default_factory=dict)


class Load:
    """``total`` notices of ``residents`` residents to one port, shared out evenly."""

    def __init__(self, port: int, secret: str, label: str, *, total: int, residents: int, dice: random.Random) -> None:
        self.port = port
        self.ledger = Ledger()
        self.total = total
        self.residents = residents
        self.still = asyncio.Event()
        self.still.set()
        self._label = label
        self._dice = dice
        self._pair = Messages().notice(KB)
        token = base64.b64encode(f"register:{secret}".encode()).decode("ascii")
        self._head = (
            "POST /990019/register/juki HTTP/1.1\r\nHost: bus\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: "{self._pair.action}"\r\nAuthorization: Basic {token}\r\n'
        )

    @property
    def reply(self) -> bytes:
        """What the receiver answers."""
        return self._pair.reply

    def message_id(self, resident: int, number: int) -> str:
        """The id of a resident's notice; ``place`` is its inverse."""
        return f"urn:faults:{self._label}:{resident}-{number}"

    @staticmethod
    def place(message_id: str) -> tuple[int, int]:
        """Resident and number of an id."""
        resident, _, number = message_id.rpartition(":")[2].partition("-")
        return int(resident), int(number)

    def body(self, resident: int, number: int) -> bytes:
        """One notice: this resident, in this version."""
        mark = SEQUENCE_MARK.encode()
        return self._pair.request.replace(mark, f"{resident:0{len(mark)}d}".encode()).replace(
            b"<rirekibango>1<", f"<rirekibango>{number}<".encode()
        )

    async def run(self) -> None:
        """Send everything; returns when all of it is acknowledged."""
        async with asyncio.TaskGroup() as group:
            for resident in range(self.residents):
                share = range(1 + resident, self.total + 1, self.residents)
                group.create_task(self._send_all(resident, len(share)))

    async def _send_all(self, resident: int, count: int) -> None:
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        for number in range(1, count + 1):
            message_id, raw = self.message_id(resident, number), self.body(resident, number)
            self.ledger.attempted[message_id] = hashlib.sha256(content(raw)).digest()
            head = f"{self._head}Chiikibus-Message-Id: {message_id}\r\nContent-Length: {len(raw)}\r\n\r\n".encode()
            while message_id not in self.ledger.acknowledged:
                await self.still.wait()
                status = 0
                with suppress(OSError, asyncio.IncompleteReadError, TimeoutError, ValueError):
                    async with asyncio.timeout(ANSWER_S):
                        line = line or await asyncio.open_connection("127.0.0.1", self.port)
                        status = await _exchange(*line, head + raw)
                if status in {200, 202}:
                    self.ledger.acknowledged[message_id] = None
                    continue
                if status == 0 and line is not None:
                    line[1].transport.abort()
                    line = None
                self.ledger.unanswered += status == 0
                self.ledger.unavailable += status == 503
                if status not in {0, 503}:
                    self.ledger.refused[message_id] = status
                    break
                await asyncio.sleep(0.05 + 0.2 * self._dice.random())
        if line is not None:
            line[1].transport.abort()


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Post; the status."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in head[1:])}
    await reader.readexactly(int(headers.get("content-length", "0")))
    if headers.get("connection", "").lower() == "close":
        writer.transport.abort()
    return int(head[0].split(" ")[1])
