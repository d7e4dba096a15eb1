"""A raw HTTP client for tests: what is written is exactly what goes over the line."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bus.core.basic import basic_header
from bus.core.settings import FrontSettings
from bus.front.desk import Handler
from bus.front.server import Server, serve
from tests.pipeline.fakes import World
from tests.pipeline.messages import TOWN

ANSWER_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Got:
    """A response as received."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        """Write."""
        self.writer.write(raw)

    async def response(self, *, head: bool = False) -> Got:
        """The next response."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            start = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in start[1:-2])}
            length = 0 if head else int(headers.get("content-length", 0))
            return Got(int(start[0].split()[1]), headers, await self.reader.readexactly(length))

    async def ended(self) -> bool:
        """Whether the server closes without another byte."""
        async with asyncio.timeout(ANSWER_WITHIN_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionError, ssl.SSLError):
            return


@asynccontextmanager
async def running(
    town: World, settings: FrontSettings | None = None, extra: Mapping[str, Handler] | None = None
) -> AsyncIterator[Server]:
    """A front for the town, stopped at the end."""
    server = await serve(lambda: town.house, settings or FrontSettings(port=0), extra=extra)
    try:
        yield server
    finally:
        await server.close(0.5)


@asynccontextmanager
async def connected(
    server: Server, tls: ssl.SSLContext | None = None, server_name: str = "localhost"
) -> AsyncIterator[Line]:
    """A connection to it; with ``tls`` to its protected listener."""
    host, port = server.addresses[0 if tls is None else -1]
    named = server_name if tls is not None else None
    line = Line(*await asyncio.open_connection(host, port, ssl=tls, server_hostname=named))
    try:
        yield line
    finally:
        await line.close()


def post(
    body: bytes,
    *,
    caller: str = "tax",
    unit: str = "juki",
    secret: str = "",
    path: str = "",
    drop: tuple[str, ...] = (),
    more: Mapping[str, str] | None = None,
    chunked: bool = False,
) -> bytes:
    """A whole POST request; ``drop`` leaves fields out, ``more`` adds or replaces them."""
    headers = {
        "Host": "bus.example",
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": '""',
        "Authorization": basic_header(caller, secret or f"secret-of-{caller}"),
        **({"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(len(body))}),
        **(more or {}),
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if name not in drop]
    start = f"POST {path or f'/{TOWN}/{caller}/{unit}'} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    return start.encode() + (chunks(body) if chunked else body)


def chunks(body: bytes, size: int = 100) -> bytes:
    """``body`` in chunked coding."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def get(path: str, method: str = "GET") -> bytes:
    """A request without body."""
    return f"{method} {path} HTTP/1.1\r\nHost: bus.example:8480\r\n\r\n".encode()
