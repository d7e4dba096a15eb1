"""The receiving system: keeps what took effect, in order, and misbehaves as a cell of the matrix wants it to."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from harness.messages import content

NO_ID = b"urn:uuid:00000000-0000-4000-8000-000000000000"
DRIP_S = 0.2
"""Pause between two bytes of an answer that never ends."""

Behaviour = Callable[[str], str]
"""What happens to the message of this id: "ok", "503" and "refuse" (no effect); "lost", "half", "silent", "drip": the
effect has happened, and the bus does not learn it."""


class Receiver:
    """Its inbox gives every message id one effect, as the standard asks of a receiver."""

    def __init__(self, reply: bytes, dice: random.Random) -> None:
        self._reply = reply
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.dice = dice
        self.behave: Behaviour = lambda message_id: "ok"
        self.effects: list[str] = []
        self.moments: list[float] = []
        self.digests: dict[str, bytes] = {}
        self.times: Counter[str] = Counter()
        self.altered: set[str] = set()
        self.misbehaved = 0
        self.port = 0

    async def start(self) -> Receiver:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 20)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Listen no more, and end what is open."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):  # the last: the town is closed
                while await self._one(reader, writer):
                    await writer.drain()
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether the connection may stay."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (each.partition(":") for each in head[1:])}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        message_id = headers.get("chiikibus-message-id", "")
        how = self.behave(message_id)
        self.misbehaved += how != "ok"
        if how in {"503", "refuse"}:
            writer.write(_answer("503 Service Unavailable" if how == "503" else "400 Bad Request", b""))
            return True
        self._take(message_id, hashlib.sha256(content(body)).digest())
        answer = _answer("200 OK", self._reply.replace(NO_ID, message_id.encode()))
        if how == "ok":
            writer.write(answer)
            return True
        if how == "half":
            writer.write(answer[: len(answer) // 2])
            await writer.drain()
        elif how == "silent":
            await reader.read(1)
        elif how == "drip":
            for byte in answer[:-1]:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(DRIP_S)
        return False

    def _take(self, message_id: str, digest: bytes) -> None:
        self.times[message_id] += 1
        if message_id not in self.digests:
            self.digests[message_id] = digest
            self.effects.append(message_id)
            self.moments.append(time.monotonic())
        elif self.digests[message_id] != digest:
            self.altered.add(message_id)


def _answer(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode("ascii") + body
