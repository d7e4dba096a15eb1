"""A line that loses, doubles and delays HTTP messages, the same way for the same seed and order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from dataclasses import dataclass, field

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"content-length:[ ]*(\d+)", re.IGNORECASE)
NUMBER = re.compile(rb"<wsrm:Identifier>([^<]+)</wsrm:Identifier><wsrm:MessageNumber>(\d+)<")
FATES = ("carried", "lost", "unanswered", "doubled")
PATIENCE_S = 30.0


@dataclass(slots=True)
class Line:
    """Between a port of this machine and ``target``. A lost message or answer is a connection that ends without one.

    ``loss`` applies to messages and to answers alike; ``double`` is the share that arrives twice, ``delay`` the share
    that is held back for up to ``delay_s``, so that later ones overtake it.
    """

    target: int
    loss: float
    seed: int
    double: float = 0.1
    delay: float = 0.2
    delay_s: float = 0.03
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FATES, 0))
    numbers: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    port: int = 0
    _dice: random.Random = field(default_factory=random.Random)
    _server: asyncio.Server | None = None
    _copies: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Listen."""
        self._dice.seed(self.seed)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
        for copy in list(self._copies):
            copy.cancel()
        await asyncio.gather(*self._copies, return_exceptions=True)

    @property
    def retransmissions(self) -> int:
        """How often a number of a sequence came that had come before."""
        return sum(times - 1 for times in self.numbers.values())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while (message := await _message(reader)) and (answer := await self._carry(message)):
                writer.write(answer)
                await writer.drain()
        writer.close()

    async def _carry(self, message: bytes) -> bytes:
        """The answer to a message; nothing when one of the two is lost."""
        found = NUMBER.search(message)
        if found is not None:
            key = (found[1], found[2])
            self.numbers[key] = self.numbers.get(key, 0) + 1
        dice = self._dice
        lost, unanswered, doubled = dice.random() < self.loss, dice.random() < self.loss, dice.random() < self.double
        held_s = dice.uniform(0, self.delay_s) if dice.random() < self.delay else 0.0
        if lost:
            self.counts["lost"] += 1
            return b""
        self.counts["carried"] += 1
        if doubled:
            self.counts["doubled"] += 1
            copy = asyncio.create_task(self._copy(message, dice.uniform(0, self.delay_s)))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)
        await asyncio.sleep(held_s)
        answer = await self._forward(message)
        if unanswered:
            self.counts["unanswered"] += 1
            return b""
        return answer

    async def _copy(self, message: bytes, held_s: float) -> None:
        """The same message once more; nobody waits for its answer."""
        await asyncio.sleep(held_s)
        await self._forward(message)

    async def _forward(self, message: bytes) -> bytes:
        """Over a fresh connection; nothing when the target is away."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.target, limit=1 << 24)
                try:
                    writer.write(message)
                    return await _message(reader)
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return b""


async def _message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP message with a Content-Length; nothing at the end of the connection."""
    try:
        head = await reader.readuntil(HEAD_END)
    except asyncio.IncompleteReadError:
        return b""
    length = LENGTH.search(head)
    return head + (await reader.readexactly(int(length[1])) if length else b"")
