"""``python -m bus.app.worker CHANNEL CONNECTIONS``: takes the steps beside the process that owns the journal.

The two arguments are inherited descriptors of socket pairs: one for the frames of ``bus.journal.frames``, one over
which the owner hands accepted connections. The owner starts and ends this process; nobody else does.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

import uvloop

from bus.app.parent import die_with_parent
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.errors import ChiikibusError
from bus.core.ids import SystemIds
from bus.core.settings import FrontSettings, Site
from bus.deliver.breaker import Breakers, GuardedSender
from bus.deliver.packages import Spills
from bus.deliver.sender import PooledSender
from bus.front.handshake import PROTECTED, prepare
from bus.front.management_http import DETAIL, PATH
from bus.front.server import Server, receive
from bus.journal.frames import FROM_OWNER, Channel, Circuit, Drain, FromOwner, Load, Open, Took
from bus.journal.remote import OwnerDecides, OwnersOutbox, RemoteJournal
from bus.journal.segments import Segments
from bus.pipeline import House, build_tables, process
from bus.wire.contract import UnitContract, contracts, used_units
from bus.wire.http import Request, Response
from schemas.catalog import load_edition
from schemas.model import Edition

LOAD_S: Final = 0.5
"""How often the owner is told how many connections and bytes are held here, and with it that this loop turns."""

HANDED_OVER: Final = 16
"""Connections taken in one turn."""


class Worker:
    """One worker from the first note of the owner to its last."""

    def __init__(self, connections: socket.socket) -> None:
        self.ended = asyncio.Event()
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._clock = SystemClock()
        self._journal = RemoteJournal()
        self._channel: Channel | None = None
        self._house: House | None = None
        self._site: Site | None = None
        self._edition: Edition | None = None
        self._contracts: Mapping[str, UnitContract] = {}
        self._breakers: Breakers | None = None
        self._pool: PooledSender | None = None
        self._server: Server | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._opening = asyncio.Lock()
        self._gathering = ExitStack()

    def connect(self, channel: Channel) -> None:
        """The owner is at the other end of ``channel``."""
        self._channel = channel
        self._journal.connect(channel)

    def heard(self, note: FromOwner) -> None:
        """A note of the owner."""
        if isinstance(note, Open):
            self._start(self._open(note))
        elif isinstance(note, Drain):
            self._start(self._drain(note.grace_s))
        elif isinstance(note, Circuit):
            if self._breakers is not None:
                self._breakers.told(note.endpoint, opened=note.opened)
        else:
            self._journal.heard(note)

    def house(self) -> House:
        """The house as it stands now."""
        assert self._house is not None
        return self._house

    async def _open(self, note: Open) -> None:
        """Work by this site from now on; the first one opens the door."""
        async with self._opening:
            try:
                await self._take_over(note.site, note.log)
            except ChiikibusError as error:
                log.warn("reload.refused", code=error.code, count=len(error.findings))
                self._say(Took(0))
                return
            self._say(Took(note.generation))

    async def _take_over(self, site: Site, style: str) -> None:
        before, self._site = self._site, site
        if before is None or self._edition is None or _standard(before) != _standard(site):
            self._edition = load_edition(site.edition, site.standard_folder, site.mounts)
            self._contracts = await asyncio.to_thread(contracts, self._edition, used_units(site))
        if before is not None and self._house is not None:
            moved = set(site.endpoints) - set(before.endpoints)
            for endpoint in moved:
                assert self._breakers is not None
                self._breakers.forget(endpoint.key)
            if self._server is not None:
                self._server.renew(site.front.tls)
            self._house = self._house.reloaded(site, self._edition, self._contracts)
            assert self._pool is not None
            self._pool.forget(site.endpoints)
            return
        if style:
            log.configure(site.log_level, json=style == "json")
            self._gathering.enter_context(log.gathering(self._loop))
        ids = SystemIds(self._clock)
        kept = site.attachments
        share = max(kept.max_size, kept.max_in_flight // site.front.processes)
        segments = Segments(replace(kept, max_in_flight=share), ids.exchange)
        spills = Spills(segments, site.front.max_body)
        self._pool = PooledSender(self._clock, max_reply=site.front.max_body, spills=spills)
        self._breakers = Breakers(
            self._clock, site.delivery, lambda endpoint, opened: self._say(Circuit(endpoint, opened))
        )
        self._house = House(
            tables=build_tables(site, self._edition, self._contracts),
            journal=self._journal,
            sender=GuardedSender(self._pool, self._breakers),
            outbox=OwnersOutbox(),
            clock=self._clock,
            ids=ids,
            discard=segments.discard,
        )
        self._receive(site.front, segments)
        gc.collect()
        gc.freeze()

    def _receive(self, front: FrontSettings, segments: Segments) -> None:
        """Take connections that the owner accepted; admission is this process's share of the whole."""
        share = max(front.max_body, front.max_in_flight // front.processes)
        settings = replace(front, max_in_flight=share)
        extra = {PATH: self._journal.ask, DETAIL: self._journal.ask}
        tls = front.tls
        listening = f"{front.host}:{front.port}" if front.plain or tls is None else f"{tls.host}:{tls.port}"
        self._server, make = receive(
            self.house, settings, extra=extra, away=self._answer, listening=listening, segments=segments
        )
        handshakes = self._server.handshakes

        def handed_over() -> None:
            for _ in range(HANDED_OVER):
                try:
                    kind, descriptors, _, _ = socket.recv_fds(self._connections, 1, 1)
                except BlockingIOError:
                    return
                if not descriptors:
                    self._loop.remove_reader(self._connections.fileno())
                    return
                client = socket.socket(fileno=descriptors[0])
                prepare(client)
                if kind == PROTECTED and handshakes is not None:
                    handshakes.begin(client)
                    continue
                self._start(self._loop.connect_accepted_socket(make, client))

        self._loop.add_reader(self._connections.fileno(), handed_over)
        self._start(self._tell_load())

    async def _answer(self, house: House, request: Request) -> Response:
        """Messages are taken here; the rest, and what only the owner can decide, goes to the owner as it came."""
        if request.method == "POST" and request.path in house.tables.doors:
            try:
                return await process(house, request)
            except OwnerDecides:
                pass
        if request.package is not None:
            request.package.kept = True  # the owner sees to its segment from now on
        return await self._journal.ask(request)

    async def _tell_load(self) -> None:
        while self._server is not None:
            await asyncio.sleep(LOAD_S)
            self._say(Load(self._server.connections, self._server.in_flight))

    async def _drain(self, grace_s: float) -> None:
        """Answer what is under way, then end."""
        self._loop.remove_reader(self._connections.fileno())
        if self._server is not None:
            await self._server.close(grace_s)
        if self._pool is not None:
            await self._pool.close()
        self._gathering.close()
        self.ended.set()

    def _say(self, note: Took | Load | Circuit) -> None:
        assert self._channel is not None
        self._channel.say(note)

    def _start(self, work: Any) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _standard(site: Site) -> tuple[object, ...]:
    """What the edition is loaded from."""
    return (site.edition, site.standard_folder, sorted(site.mounts.items()))


def _owner_gone() -> None:
    """Nothing can be stored any more and nothing was acknowledged without it: end at once."""
    os._exit(1)


async def _work(channel_fd: int, connections_fd: int) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)  # the owner ends and reloads its workers itself
    connections = socket.socket(fileno=connections_fd)
    connections.setblocking(False)
    worker = Worker(connections)
    owner = socket.socket(fileno=channel_fd)
    _, channel = await loop.create_unix_connection(lambda: Channel(FROM_OWNER, worker.heard, _owner_gone), sock=owner)
    worker.connect(channel)
    await worker.ended.wait()
    os._exit(0)


def main() -> None:
    """Run until the owner ends this process."""
    die_with_parent()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(int(sys.argv[1]), int(sys.argv[2])))


if __name__ == "__main__":
    main()
