"""Handshakes of the listener with TLS: each by itself, within its time, with the newest certificate."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

from bus.core import log

ACCEPTED_AT_ONCE: Final = 8
"""Connections taken in one turn of the loop: a handshake costs a millisecond of it."""

MAX_SHAKING: Final = 1024
"""Handshakes under way; beyond that clients wait in the kernel's queue. Each holds some 50 KB."""

SHUTDOWN_S: Final = 2.0
"""How long the other side may take to take note of the end, and to have what it still sends thrown away."""

PLAIN: Final = b"c"
PROTECTED: Final = b"t"
"""What travels with a connection that the owner hands to a worker: whether it came to the listener with TLS."""

Make = Callable[[], asyncio.Protocol]


class Handshakes:
    """Turns accepted sockets into protected connections.

    ``renew`` replaces the context: handshakes that begin later show the new certificate and trust by the new files;
    connections that exist go on. A handshake that fails is one line of log with the library's reason.
    """

    def __init__(self, make: Make, context: ssl.SSLContext, timeout_s: float) -> None:
        self._make = make
        self._context = context
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """How many have not ended."""
        return len(self._tasks)

    def renew(self, context: ssl.SSLContext, timeout_s: float) -> None:
        """Use this from now on."""
        self._context = context
        self._timeout_s = timeout_s

    def begin(self, client: socket.socket) -> None:
        """Shake hands with an accepted socket, which now belongs to this."""
        task = self._loop.create_task(self._shake(client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _shake(self, client: socket.socket) -> None:
        from bus.core.tls import SHAKING  # noqa: PLC0415 - only sites with TLS pay for the import

        peer = _peer(client)
        SHAKING.set(client)
        try:
            await self._loop.connect_accepted_socket(
                self._make,
                client,
                ssl=self._context,
                ssl_handshake_timeout=self._timeout_s,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except (OSError, asyncio.CancelledError) as error:
            client.close()
            log.warn("tls_handshake_failed", code="CB2045", reason=reason_of(error), host=peer)

    async def close(self) -> None:
        """Give up those under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Acceptor:
    """Accepts at a listening socket of its own and begins handshakes, no more at a time than can be borne."""

    def __init__(self, listener: socket.socket, handshakes: Handshakes) -> None:
        self._listener = listener
        self._handshakes = handshakes
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(listener.fileno(), self._accept)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as bound."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if self._handshakes.under_way >= MAX_SHAKING:
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(0.05, self._again)
                return
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            prepare(client)
            self._handshakes.begin(client)

    def _again(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def close(self) -> None:
        """Accept nothing more."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()


def prepare(client: socket.socket) -> None:
    """As the loop does with those that it accepts itself."""
    client.setblocking(False)
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        return


def reason_of(error: BaseException) -> str:
    """A fixed text for why a handshake failed: the TLS library's reason, or the kind of error."""
    reason = getattr(error, "reason", None)
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or str(reason)
    return str(reason) if reason else type(error).__name__


def _peer(client: socket.socket) -> str:
    try:
        return str(client.getpeername()[0])
    except OSError:
        return ""
