"""Framed TCP: one request, one reply per frame on persistent connections; the client with its pool, and a server.

A frame is its payload's length in eight ASCII digits, then the payload. Pipelining is not part of the protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bus.core.errors import AdapterError
from bus.core.types import Finding

LENGTH_DIGITS = 8
MAX_FRAME = 16 * 1024 * 1024
"""Larger frames are refused: the largest answer of the field is a household of about a hundred records."""

Handler = Callable[[bytes], Awaitable[bytes]]


class FrameError(ValueError):
    """The peer sent something that is not a frame."""


def frame(payload: bytes) -> bytes:
    """``payload`` as one frame."""
    return b"%0*d" % (LENGTH_DIGITS, len(payload)) + payload


async def read_frame(reader: asyncio.StreamReader, limit: int = MAX_FRAME) -> bytes:
    """The next payload; ``FrameError`` for a bad length, ``IncompleteReadError`` when the peer stops."""
    head = await reader.readexactly(LENGTH_DIGITS)
    if not (head.isascii() and head.isdigit()):
        raise FrameError("the length is not eight digits")
    length = int(head)
    if length > limit:
        raise FrameError(f"frame of {length} bytes")
    return await reader.readexactly(length)


@dataclass(slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: bool = False

    def close(self) -> None:
        self.writer.close()


@dataclass(slots=True)
class FramedClient:
    """Asks a vendor system over pooled connections, each call with a deadline.

    Errors: ``AdapterError`` CB6009 unreachable or cut off, CB6010 not a frame, CB6011 no answer in time.
    A connection that the vendor closed while idle is replaced once without notice.
    """

    host: str
    port: int
    pool: int = 4
    connect_s: float = 3.0
    deadline_s: float = 10.0
    max_frame: int = MAX_FRAME
    _idle: list[_Connection] = field(default_factory=list, init=False)
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.pool)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    async def request(self, payload: bytes, deadline_s: float | None = None) -> bytes:
        """Send one frame and return the payload of the answer."""
        limit = self.deadline_s if deadline_s is None else deadline_s
        try:
            async with asyncio.timeout(limit), self._free:
                return await self._exchange(payload)
        except TimeoutError as error:
            raise AdapterError("CB6011", [Finding("CB6011", path=self.address, expected=f"<= {limit:g} s")]) from error

    async def _exchange(self, payload: bytes) -> bytes:
        while True:
            connection = await self._connect()
            reused = connection.used
            done = False
            try:
                connection.writer.write(frame(payload))
                await connection.writer.drain()
                answer = await read_frame(connection.reader, self.max_frame)
                done = True
            except FrameError as error:
                raise AdapterError("CB6010", [Finding("CB6010", path=self.address, got=str(error))]) from error
            except (OSError, asyncio.IncompleteReadError) as error:
                untouched = not isinstance(error, asyncio.IncompleteReadError) or not error.partial
                if reused and untouched:
                    continue
                raise self._away(error) from error
            finally:
                if not done:
                    connection.close()
            connection.used = True
            self._idle.append(connection)
            return answer

    async def _connect(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.close()
        try:
            async with asyncio.timeout(self.connect_s):
                reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:  # TimeoutError of the connection attempt included
            raise self._away(error) from error
        return _Connection(reader, writer)

    def _away(self, error: Exception) -> AdapterError:
        return AdapterError("CB6009", [Finding("CB6009", path=self.address, got=type(error).__name__)])

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            connection = self._idle.pop()
            connection.close()
            try:
                await connection.writer.wait_closed()
            except OSError:
                continue


@dataclass(slots=True)
class FramedServer:
    """The vendor's side of framed TCP: answers each frame through ``handler``. Port 0 lets the system choose."""

    handler: Handler
    host: str = "127.0.0.1"
    port: int = 0
    max_frame: int = MAX_FRAME
    idle_s: float = 300.0
    _server: asyncio.Server | None = field(default=None, init=False)
    _open: set[asyncio.StreamWriter] = field(default_factory=set, init=False)

    async def start(self) -> None:
        """Listen; afterwards ``port`` is the real port."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is None:
            return
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while True:
                async with asyncio.timeout(self.idle_s):
                    payload = await read_frame(reader, self.max_frame)
                writer.write(frame(await self.handler(payload)))
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError, FrameError):
            return
        finally:
            self._open.discard(writer)
            writer.close()
