"""A small fake provider: an HTTP server that answers the bus as the test tells it, and keeps what it got."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import httptools

from bus.core.errors import AdapterError, ChiikibusError
from bus.wire import envelope
from bus.wire.fault import fault_bytes
from bus.wire.records import payload, receipt
from schemas.model import Edition

COMMON = "urn:chiikibus:standard:1.0:common"


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the provider got it."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        """What the bus says the message is."""
        return self.headers["chiikibus-message-id"]


Behaviour = Callable[[Received], tuple[int, bytes]]


def answer_inquiry(edition: Edition, operation: str, values: Mapping[str, str] | None) -> Behaviour:
    """Replies to an inquiry with one record, or with none."""
    found = edition.operation(operation)
    assert found is not None
    record = edition.units[found.unit].records[found.record]

    def behave(_received: Received) -> tuple[int, bytes]:
        rows = [values] if values is not None else []
        return 200, envelope.build(payload(found.output, carried=(record, rows)))

    return behave


def give_receipt(edition: Edition, operation: str) -> Behaviour:
    """Takes a notice: a receipt that names the message."""
    found = edition.operation(operation)
    assert found is not None

    def behave(received: Received) -> tuple[int, bytes]:
        element = receipt(found.output, COMMON, received.message_id, "1", "2026-01-01T09:00:00+09:00")
        return 200, envelope.build(element)

    return behave


def refuse(code: str, status: int = 500) -> Behaviour:
    """Answers with a fault of the catalogue."""

    def behave(_received: Received) -> tuple[int, bytes]:
        error: ChiikibusError = AdapterError(code)
        return status, fault_bytes(error)

    return behave


@dataclass(slots=True)
class FakeProvider:
    """``behaviour`` and ``content_type`` of the answers may be changed at any time; ``received`` grows."""

    behaviour: Behaviour
    received: list[Received] = field(default_factory=list)
    port: int = 0
    content_type: str = "text/xml; charset=utf-8"
    _server: asyncio.Server | None = None

    async def start(self, port: int = 0) -> int:
        """Listen; returns the port."""
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self) -> None:
        """Stop listening; open connections end with the loop."""
        if self._server is not None:
            self._server.close()
            self._server = None


class _Connection(asyncio.Protocol):
    """One kept connection."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._path, self._headers, self._body = "", dict[str, str](), b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path, self._headers, self._body = url.decode(), {}, b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        received = Received(self._path, dict(self._headers), self._body)
        self._provider.received.append(received)
        status, body = self._provider.behaviour(received)
        media = self._provider.content_type
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
        assert self._transport is not None
        self._transport.write(head.encode() + body)
