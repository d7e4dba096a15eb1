"""Listen, watch deadlines, drain: the front as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final

from bus.core.channel import Channel, TlsServer
from bus.core.settings import FrontSettings
from bus.front.desk import Away, FrontDesk, Handler, HouseReference
from bus.front.handshake import Acceptor, Handshakes
from bus.front.protocol import Connection
from bus.journal.segments import Segments

TICK_S: Final = 0.25
"""How often deadlines are looked at: one pass over all connections instead of a timer for each."""

STOOD_STILL_S: Final = 0.05
"""A look at the deadlines that comes this much too late: the process had no turn, and could not read either."""

BACKLOG: Final = 1024


class Listener:
    """What the connections of one server share."""

    def __init__(self, desk: FrontDesk) -> None:
        self.desk = desk
        self.connections: set[Connection] = set()
        self.date = _date_line()
        self.channel_of: Callable[[ssl.SSLObject], Channel] | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def add(self, connection: Connection) -> None:
        """A connection was made."""
        self.connections.add(connection)
        self._empty.clear()

    def remove(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def emptied(self) -> None:
        """Return when no connection is left."""
        await self._empty.wait()

    async def watch(self) -> None:
        """End connections whose deadline passed; keep the Date field right.

        Time in which this process stood still is nobody's fault: what a client sent in it may not have been read yet.
        """
        loop = asyncio.get_running_loop()
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_S)
            self.date = _date_line()
            now = loop.time()
            late = now - before - TICK_S
            before = now
            if late > STOOD_STILL_S:
                for connection in self.connections:
                    connection.deadline += late
            for connection in [each for each in self.connections if each.deadline < now]:
                connection.expire()


class Server:
    """A running front. ``addresses`` are (host, port) as bound, the one with TLS last."""

    def __init__(
        self,
        server: asyncio.Server | None,
        listener: Listener,
        watcher: asyncio.Task[None],
        handshakes: Handshakes | None = None,
        acceptor: Acceptor | None = None,
    ) -> None:
        """Without ``server`` and ``acceptor`` somebody else listens and hands connections over."""
        self._server = server
        self._listener = listener
        self._watcher = watcher
        self._acceptor = acceptor
        self.handshakes = handshakes
        plain = [
            (str(each.getsockname()[0]), int(each.getsockname()[1])) for each in (server.sockets if server else ())
        ]
        self.tls_address: tuple[str, int] | None = acceptor.address if acceptor is not None else None
        self.addresses: tuple[tuple[str, int], ...] = (*plain, *((self.tls_address,) if self.tls_address else ()))

    def renew(self, tls: TlsServer | None) -> None:
        """Use new certificates for the handshakes to come. Errors: ``ConfigurationError`` CB7046, nothing changed."""
        if tls is not None and self.handshakes is not None:
            self.handshakes.renew(context_of(tls), tls.handshake_timeout_s)

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._listener.connections)

    @property
    def in_flight(self) -> int:
        """Bytes of bodies being received or worked on."""
        return self._listener.desk.budget.in_flight

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop listening, let requests that are under way be answered, and end everything after ``grace_s``."""
        self._listener.desk.draining = True
        if self._server is not None:
            self._server.close()
        if self._acceptor is not None:
            self._acceptor.close()
        if self.handshakes is not None:
            await self.handshakes.close()
        for connection in list(self._listener.connections):
            connection.close_when_idle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await self._listener.emptied()
        for connection in list(self._listener.connections):
            connection.abort()
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher


async def serve(
    house: HouseReference,
    settings: FrontSettings,
    *,
    extra: Mapping[str, Handler] | None = None,
    segments: Segments | None = None,
) -> Server:
    """Listen at ``settings.host`` and ``port`` (0: chosen by the system).

    ``house`` is asked for the present house with every request, so that a reload takes effect at once. ``extra`` maps
    path prefixes to handlers of their own. Errors: OSError when the address is in use.
    """
    desk = FrontDesk(house, settings, extra or {}, segments=segments)
    listener = Listener(desk)
    loop = asyncio.get_running_loop()
    handshakes = _handshakes(listener, settings.tls)
    acceptor = server = None
    if handshakes is not None and settings.tls is not None:
        acceptor = Acceptor(bound(settings.tls.host, settings.tls.port, listen=True), handshakes)
        desk.listening = _join(*acceptor.address)
    if settings.plain:
        try:
            server = await loop.create_server(
                lambda: Connection(listener), settings.host, settings.port, backlog=BACKLOG
            )
        except OSError:
            if acceptor is not None:
                acceptor.close()
            raise
        desk.listening = _join(*server.sockets[0].getsockname()[:2])
    return Server(server, listener, loop.create_task(listener.watch()), handshakes, acceptor)


def receive(
    house: HouseReference,
    settings: FrontSettings,
    *,
    extra: Mapping[str, Handler],
    away: Away,
    listening: str,
    segments: Segments | None = None,
) -> tuple[Server, Callable[[], Connection]]:
    """A front for connections that another process accepted at ``listening``, and the maker of their protocols.

    Those that came to the listener with TLS go to the server's ``handshakes``. Errors: ``ConfigurationError`` CB7046.
    """
    desk = FrontDesk(house, settings, extra, away, segments)
    desk.listening = listening
    listener = Listener(desk)
    handshakes = _handshakes(listener, settings.tls)
    watcher = asyncio.get_running_loop().create_task(listener.watch())
    return Server(None, listener, watcher, handshakes), lambda: Connection(listener)


def _handshakes(listener: Listener, tls: TlsServer | None) -> Handshakes | None:
    if tls is None:
        return None
    from bus.core.tls import channel_of  # noqa: PLC0415 - only sites with TLS pay for the import

    listener.channel_of = channel_of
    return Handshakes(lambda: Connection(listener), context_of(tls), tls.handshake_timeout_s)


def context_of(tls: TlsServer) -> ssl.SSLContext:
    """The context of a listener. Errors: ``ConfigurationError`` CB7046."""
    from bus.core.tls import server_context  # noqa: PLC0415 - only sites with TLS pay for the import

    return server_context(tls.material, tls.client_certificates)


def bound(host: str, port: int, *, listen: bool) -> socket.socket:
    """A socket at an address. Errors: OSError when it is in use."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        if listen:
            made.listen(BACKLOG)
    except OSError:
        made.close()
        raise
    made.setblocking(False)
    return made


def _join(host: object, port: object) -> str:
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _date_line() -> str:
    """The Date field of this second."""
    return f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
