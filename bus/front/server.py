"""Listen, watch deadlines, drain: the front as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final

from bus.core.settings import FrontSettings
from bus.front.desk import Away, FrontDesk, Handler, HouseReference
from bus.front.protocol import Connection
from bus.journal.segments import Segments

TICK_S: Final = 0.25
"""How often deadlines are looked at: one pass over all connections instead of a timer for each."""

BACKLOG: Final = 1024


class Listener:
    """What the connections of one server share."""

    def __init__(self, desk: FrontDesk) -> None:
        self.desk = desk
        self.connections: set[Connection] = set()
        self.date = _date_line()
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
        """End connections whose deadline passed; keep the Date field right."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(TICK_S)
            self.date = _date_line()
            now = loop.time()
            for connection in [each for each in self.connections if each.deadline < now]:
                connection.expire()


class Server:
    """A running front. ``addresses`` are (host, port) as bound."""

    def __init__(self, server: asyncio.Server | None, listener: Listener, watcher: asyncio.Task[None]) -> None:
        """Without ``server`` somebody else listens and hands connections over."""
        self._server = server
        self._listener = listener
        self._watcher = watcher
        self.addresses: tuple[tuple[str, int], ...] = tuple(
            (str(socket.getsockname()[0]), int(socket.getsockname()[1]))
            for socket in (server.sockets if server else ())
        )

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._listener.connections)

    @property
    def in_flight(self) -> int:
        """Bytes of bodies being received or worked on."""
        return self._listener.desk.in_flight

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop listening, let requests that are under way be answered, and end everything after ``grace_s``."""
        self._listener.desk.draining = True
        if self._server is not None:
            self._server.close()
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
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(listener), settings.host, settings.port, backlog=BACKLOG
    )
    host, port = server.sockets[0].getsockname()[:2]
    desk.listening = f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
    watcher = asyncio.get_running_loop().create_task(listener.watch())
    return Server(server, listener, watcher)


def receive(
    house: HouseReference,
    settings: FrontSettings,
    *,
    extra: Mapping[str, Handler],
    away: Away,
    listening: str,
    segments: Segments | None = None,
) -> tuple[Server, Callable[[], Connection]]:
    """A front for connections that another process accepted at ``listening``, and the maker of their protocols."""
    desk = FrontDesk(house, settings, extra, away, segments)
    desk.listening = listening
    listener = Listener(desk)
    watcher = asyncio.get_running_loop().create_task(listener.watch())
    return Server(None, listener, watcher), lambda: Connection(listener)


def _date_line() -> str:
    """The Date field of this second."""
    return f"Date: {formatdate(time.time(), usegmt=True)}\r\n"
