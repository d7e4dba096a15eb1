"""Bytes out and bytes in: a raw socket, with TLS where asked for, and a deadline on everything."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from conformance.http1 import parse

MAX_ANSWER = 64 * 1024 * 1024
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: ``answered``, ``closed`` (the connection ended first), ``timeout`` or ``refused``; the bytes."""

    outcome: str
    raw: bytes = b""
    tls: Mapping[str, str] = field(default_factory=dict)


class Transport(Protocol):
    """Sends the bytes of one request on a connection of its own and brings back the answer."""

    def send(self, raw: bytes) -> Answer:
        """Never raises for what the other side does."""
        ...


@dataclass(frozen=True, slots=True)
class SocketTransport:
    """A TCP connection per request; ``context`` brings TLS. ``deadline_s`` bounds connecting and each wait."""

    host: str
    port: int
    deadline_s: float = 10.0
    context: ssl.SSLContext | None = None

    def send(self, raw: bytes) -> Answer:
        """Send the bytes and read one HTTP response (or what there is of it)."""
        try:
            connection = socket.create_connection((self.host, self.port), self.deadline_s)
        except OSError:
            return Answer("refused")
        with connection:
            tls: dict[str, str] = {}
            try:
                if self.context is not None:
                    connection = self.context.wrap_socket(connection, server_hostname=self.host)
                    cipher = connection.cipher()
                    tls = {"version": connection.version() or "", "cipher": cipher[0] if cipher else ""}
                connection.sendall(raw)
                return _read(connection, raw.startswith(b"HEAD "), tls)
            except TimeoutError:
                return Answer("timeout", b"", tls)
            except OSError:
                return Answer("closed", b"", tls)


def _read(connection: socket.socket, head_only: bool, tls: Mapping[str, str]) -> Answer:
    received = bytearray()
    while len(received) < MAX_ANSWER:
        try:
            piece = connection.recv(_PIECE)
        except TimeoutError:
            return Answer("timeout", bytes(received), tls)
        if not piece:
            return Answer("answered" if b"\r\n\r\n" in received else "closed", bytes(received), tls)
        received += piece
        if _whole(bytes(received), head_only):
            break
    return Answer("answered", bytes(received), tls)


def _whole(raw: bytes, head_only: bool) -> bool:
    """Whether the response says itself that it ends here."""
    if b"\r\n\r\n" not in raw:
        return False
    parsed = parse(raw, request=False)
    if parsed is None or head_only:
        return head_only
    delimited = parsed.head.value("Content-Length") is not None or parsed.head.value("Transfer-Encoding") is not None
    return parsed.complete and (delimited or parsed.head.status in (204, 304))
