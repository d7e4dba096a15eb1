"""Put the bus of a site together, start it, reload it, stop it: the only place that names concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping
from typing import Any

from bus.app.certificate_watch import CertificateWatch
from bus.app.inquiry_desk import InquiryDesk
from bus.app.statement_watch import StatementWatch, standing
from bus.app.stores import check_engines, make_broker, make_journal, open_reader
from bus.app.workers import Workers, bind
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.errors import ChiikibusError, EnvironmentFault
from bus.core.ids import SystemIds
from bus.core.ports import Sender
from bus.core.settings import Site
from bus.core.types import Endpoint, Finding
from bus.deliver.acknowledger import SequenceAcknowledger
from bus.deliver.breaker import Breakers, GuardedSender
from bus.deliver.desk import DeliveryDesk
from bus.deliver.leased import LeasedSender
from bus.deliver.outgoing import HouseOutgoing
from bus.deliver.packages import Spills
from bus.deliver.sender import PooledSender
from bus.deliver.worker import Kit
from bus.front.desk import FrontDesk, Handler
from bus.front.management import ManagementService
from bus.front.management_http import DETAIL, PATH, ManagementHttp
from bus.front.server import Server, serve
from bus.journal.counter import Counter
from bus.journal.frames import Circuit
from bus.journal.keeper import SequenceKeeper
from bus.journal.relay import Relay
from bus.journal.segments import ORPHAN_S, Segments
from bus.ops.metrics import EndpointMetrics, Metrics
from bus.pipeline import House, Tables, build_tables
from bus.wire.contract import UnitContract, contracts, used_units
from schemas.catalog import load_edition
from schemas.model import Edition

DRAIN_S = 10.0
SWEEP_S = 600.0
"""How often the folder of segments is looked through."""


class App:
    """The bus of one site. Journal, broker and queues live as long as the App; a reload replaces the tables."""

    def __init__(self, site: Site, edition: Edition | None = None) -> None:
        check_engines(site)
        self.clock = SystemClock()
        self.site = site = standing(site, self.clock.now())
        self._edition = edition or load_edition(site.edition, site.standard_folder, site.mounts)
        self._contracts: Mapping[str, UnitContract] = contracts(self._edition, used_units(site))
        self._journal = make_journal(site, self.clock)
        self._broker = make_broker(site, self._journal)
        self._relay = Relay(self._journal, self._broker, clock=self.clock, sweep_s=site.delivery.sweep_s, log=log.line)
        ids = SystemIds(self.clock)
        self._segments = Segments(site.attachments, ids.exchange)
        spills = Spills(self._segments, site.front.max_body)
        self._pool = PooledSender(self.clock, max_reply=site.front.max_body, spills=spills)
        self._breakers = Breakers(self.clock, site.delivery, self._turned)
        sender, outgoing = GuardedSender(self._pool, self._breakers), HouseOutgoing(self.house)
        self._acknowledger = SequenceAcknowledger(
            self._journal, sender, outgoing, self._registered, self.clock, ids, log.line
        )
        self._keeper = SequenceKeeper(
            self._journal,
            self._relay,
            clock=self.clock,
            sweep_s=max(1.0, site.delivery.sweep_s),
            log=log.line,
            ended=self._acknowledger.ended,
        )
        self._house = House(
            tables=build_tables(site, self._edition, self._contracts),
            journal=self._journal,
            sender=sender,
            outbox=self._relay,
            clock=self.clock,
            ids=ids,
            discard=self._segments.discard,
            acknowledger=self._acknowledger,
        )
        self._desk = DeliveryDesk(
            Kit(
                journal=self._journal,
                broker=self._broker,
                sender=self._posting(),
                outgoing=outgoing,
                breakers=self._breakers,
                clock=self.clock,
                taken=self._relay.taken,
                settled=self._relay.settled,
                log=log.line,
                random=random.SystemRandom().random,
                ids=ids,
                reliable=lambda: self.site.reliable,
            ),
            site.delivery,
        )
        self._management: ManagementService | None = None
        self._server: Server | Workers | None = None
        self.workers_changed: Callable[[], None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._certificates = CertificateWatch(lambda: self.site, self.clock, log.warn)
        self._statements = StatementWatch(lambda: self.site, self._close_lapsed, self.clock)
        self._reloading = asyncio.Lock()
        self._started = 0.0
        self._reloads = 0

    def _posting(self) -> Sender:
        """What deliveries go out through: a bus that others may replace sends only while they cannot have done so."""
        if self.site.journal.engine == "postgresql":
            return LeasedSender(self._pool, lambda: self._journal.held)
        return self._pool

    async def taken_over(self) -> None:
        """Returns when another bus owns the journal: this one has to end."""
        await self._journal.taken_over()

    def house(self) -> House:
        """The house as it stands now: asked for with every message."""
        return self._house

    def tables(self) -> Tables:
        """The tables as they stand now."""
        return self._house.tables

    def _registered(self, municipality: str, address: str) -> Endpoint | None:
        """The endpoint at this address, as the tables stand now."""
        return self._house.tables.addresses.get((municipality, address))

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of every listening socket."""
        return self._server.addresses if self._server else ()

    @property
    def tls_address(self) -> tuple[str, int] | None:
        """Host and port of the listener with TLS."""
        return self._server.tls_address if self._server else None

    async def start(self) -> None:
        """Open the journal, refill the queues from it, deliver, then listen.

        Errors: ``JournalError`` CB4003, ``EnvironmentFault`` CB9003 when the address is in use.
        """
        await self._journal.open()
        try:
            await self._sweep(0.0)
            await self._broker.open()
            await self._relay.start()
            self._keeper.start()
            self._acknowledger.start()
            await self._desk.start(self.site.endpoints)
            await self._listen()
        except BaseException:
            await self.stop(0.0)
            raise
        self._sweeping = asyncio.create_task(self._sweep_forever(), name="sweep segments")
        self._certificates.start()
        self._statements.start()
        self._started = self.clock.monotonic()

    async def _sweep(self, idle_s: float) -> None:
        """Remove segments that no row names: what a sudden end or the end of their exchange left behind."""
        known = frozenset(self._journal.segments())
        removed = await asyncio.to_thread(self._segments.sweep, known, idle_s=idle_s)
        if removed:
            log.line("segments_swept", count=removed)

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            with contextlib.suppress(ChiikibusError, OSError):
                await self._sweep(ORPHAN_S)

    async def _listen(self) -> None:
        """The front with the management service beside it."""
        desk = InquiryDesk(
            asyncio.get_running_loop(), self._journal, lambda: open_reader(self.site), lambda: self.site, self.tables
        )
        self._management = ManagementService(desk)
        http = ManagementHttp(self._management, self.tables, self.site.front, self.metrics, self.clock)
        extra = {PATH: http.management, DETAIL: http.detail}
        try:
            self._server = await self._front(extra)
        except OSError as error:
            front = self.site.front
            listen = [f"{front.host}:{front.port}"] if front.plain else []
            listen += [f"{front.tls.host}:{front.tls.port}"] if front.tls else []
            finding = Finding("CB9003", path="site.toml: front.listen", expected="free address", got=" ".join(listen))
            raise EnvironmentFault("CB9003", [finding]) from error

    async def _front(self, extra: Mapping[str, Handler]) -> Server | Workers:
        """The front in this process, or in several of which this one owns the journal. Errors: OSError, CB9003."""
        front = self.site.front
        if front.processes == 1:
            return await serve(self.house, front, extra=extra, segments=self._segments)
        desk = FrontDesk(self.house, front, extra, segments=self._segments)
        doors = bind(front)
        workers = Workers(
            self.site, desk, lambda: self._counter(desk), self.clock, doors, self._workers_changed, self._breakers
        )
        await workers.start()
        return workers

    def _turned(self, endpoint: str, opened: bool) -> None:
        """A breaker of the owner has opened or closed: its workers need not find out for themselves."""
        if isinstance(self._server, Workers):
            self._server.tell(Circuit(endpoint, opened))

    def _workers_changed(self) -> None:
        """A worker has started or ended; who serves the bus may want to say so."""
        if self.workers_changed is not None:
            self.workers_changed()

    def workers(self) -> dict[str, dict[str, Any]]:
        """The worker processes by name; none where one process does all."""
        return self._server.status() if isinstance(self._server, Workers) else {}

    def _counter(self, desk: FrontDesk) -> Counter:
        """The journal's side for one worker."""
        return Counter(self._journal, self._relay, desk.answer_sent_on, self.clock, log.line)

    async def stop(self, drain_s: float = DRAIN_S) -> None:
        """Accept nothing new, answer what is under way, finish what is on the wire, close the journal last."""
        if self._server is not None:
            await self._server.close(drain_s)
        if self._management is not None:
            await asyncio.to_thread(self._management.close)
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._certificates.stop()
        await self._statements.stop()
        await self._desk.stop(drain_s)
        await self._keeper.stop()
        await self._acknowledger.stop()
        await self._relay.stop()
        await self._pool.close()
        await self._broker.close()
        await self._journal.close()
        await asyncio.to_thread(self._segments.close)

    async def reload(self, site: Site) -> None:
        """Take over endpoints, routes, rights and delivery settings of a checked site; nothing stored is touched.

        What needs a new process (listen address, journal, broker) keeps its old value and is logged.
        """
        async with self._reloading:
            await self._reload(standing(site, self.clock.now()))

    async def _close_lapsed(self) -> None:
        """Take over which statements have ended; every other table stays as it is."""
        async with self._reloading:
            site = standing(self.site, self.clock.now())
            if site.lapsed != self.site.lapsed:
                await self._reload(site)

    async def _reload(self, site: Site) -> None:
        edition, compiled = self._edition, self._contracts
        if self._standard(site) != self._standard(self.site):
            edition = load_edition(site.edition, site.standard_folder, site.mounts)
            compiled = await asyncio.to_thread(contracts, edition, used_units(site))
        house = self._house.reloaded(site, edition, compiled)
        for name in ("journal", "broker", "attachments"):
            if getattr(site, name) != getattr(self.site, name):
                log.warn("reload.needs_restart", table=name)
        if site.front.standing != self.site.front.standing:
            log.warn("reload.needs_restart", table="front")
        if isinstance(self._server, Workers):
            await self._server.reload(site)
        elif self._server is not None:
            self._server.renew(site.front.tls)
        self.site, self._edition, self._contracts, self._house = site, edition, compiled, house
        await self._desk.reload(site.endpoints, site.delivery)
        self._pool.forget(site.endpoints)
        self._reloads += 1
        self._certificates.again()
        self._statements.again()
        log.line("reload.done", tables_hash=site.tables_hash, count=len(site.endpoints))

    def metrics(self) -> Metrics:
        """How the bus stands now."""
        return Metrics(
            uptime_s=round(self.clock.monotonic() - self._started, 3),
            tables_hash=self.tables().tables_hash,
            reloads=self._reloads,
            connections=self._server.connections if self._server else 0,
            bytes_in_flight=self._server.in_flight if self._server else 0,
            held_by_relay=self._relay.held,
            relay_behind=self._relay.behind,
            counts=self._journal.counts(),
            endpoints=tuple(
                EndpointMetrics(one.endpoint, one.paused, one.breaker.value, one.waiting, one.in_flight, one.blocked)
                for one in self._desk.status()
            ),
        )

    @staticmethod
    def _standard(site: Site) -> tuple[object, ...]:
        return (site.edition, site.standard_folder, sorted(site.mounts.items()))
