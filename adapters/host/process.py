"""The adapter process: site and definition are read, store, face, sender and flows started, and drained at the end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import uvloop

from adapters.host.agreed import agreed_repertoire
from adapters.host.attached import Enclosures
from adapters.host.bus_client import BusClient
from adapters.host.carriers.base import Carrier
from adapters.host.carriers.fetch import FolderFetch
from adapters.host.carriers.rest_fetch import RestFetch
from adapters.host.carriers.rest_send import RestSend
from adapters.host.carriers.send import FolderSend
from adapters.host.carriers.table_fetch import TableFetch
from adapters.host.compose import Composer
from adapters.host.definition import Definition, FlowSpec, definition_folder, load_definition
from adapters.host.face import Face
from adapters.host.flows.base import Answering, AnsweringFlow, Environment, Flow
from adapters.host.flows.bulk_desk import BulkDesk
from adapters.host.flows.bus_to_file import BusToFile
from adapters.host.flows.bus_to_file_exchange import BusToFileExchange
from adapters.host.flows.bus_to_rest import BusToRest
from adapters.host.flows.bus_to_rest_query import BusToRestQuery
from adapters.host.flows.bus_to_soap import BusToSoap
from adapters.host.flows.bus_to_soap_query import BusToSoapQuery
from adapters.host.flows.bus_to_table import BusToTable
from adapters.host.flows.bus_to_tcp import BusToTcp
from adapters.host.flows.file_to_bulk import FileToBulk
from adapters.host.flows.file_to_bus import FileToBus
from adapters.host.flows.pushing import PushingFlow
from adapters.host.flows.request_file_to_bus import RequestFileToBus
from adapters.host.flows.rest_to_bus import RestToBus
from adapters.host.flows.soap_query_to_bus import SoapQueryToBus
from adapters.host.flows.soap_to_bus import SoapToBus
from adapters.host.guard import guard_of
from adapters.host.late_desk import LateDesk
from adapters.host.protection import calling_context, face_context
from adapters.host.sender import Sender
from adapters.host.site_watch import SiteWatch
from adapters.host.store import Store, asked, inbox, outbox
from adapters.host.store.outbox import Waiting
from adapters.host.store.schema import lock
from adapters.host.translate import Translators
from adapters.sdk.problems import Problems
from adapters.transports.rest import HttpSite
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.config.editions import edition_for
from bus.core.errors import AdapterError, ConfigurationError, EnvironmentFault
from bus.core.ids import SystemIds
from bus.core.settings import AdapterSpec, Site
from bus.core.supervision import ServiceManager
from bus.core.types import Endpoint, Finding
from bus.wire.contract import contracts
from schemas.model import Edition

FLOWS: Mapping[str, Callable[[FlowSpec, Environment, Composer], Flow]] = MappingProxyType(
    {
        "file-to-bus": FileToBus,
        "file-to-bulk": FileToBulk,
        "bus-to-tcp": BusToTcp,
        "bus-to-file": BusToFile,
        "bus-to-rest": BusToRest,
        "request-file-to-bus": RequestFileToBus,
        "rest-to-bus": RestToBus,
        "bus-to-file-exchange": BusToFileExchange,
        "bus-to-rest-query": BusToRestQuery,
        "bus-to-soap": BusToSoap,
        "bus-to-table": BusToTable,
        "bus-to-soap-query": BusToSoapQuery,
        "soap-to-bus": SoapToBus,
        "soap-query-to-bus": SoapQueryToBus,
    }
)
CARRIERS: Mapping[str, Callable[[FlowSpec, Environment], Carrier]] = MappingProxyType(
    {
        "sftp-fetch": FolderFetch,
        "sftp-send": FolderSend,
        "s3-fetch": FolderFetch,
        "s3-send": FolderSend,
        "objects-fetch": FolderFetch,
        "objects-send": FolderSend,
        "rest-fetch": RestFetch,
        "rest-send": RestSend,
        "table-fetch": TableFetch,
    }
)
RELEASING = (FileToBus, FileToBulk, BusToFile, PushingFlow, SoapToBus)
"""Kinds of flows that hold records until a character is decided."""

INBOX_KEPT_S = 14 * 24 * 3600.0
"""Twice the longest life of a message on the bus: no repeat of an older one can come."""

DRAIN_S = 10.0


def store_path(site: Site, adapter_id: str) -> Path:
    """Where an adapter keeps its store."""
    return site.folder / "var" / "adapters" / f"{adapter_id}.sqlite"


def find_adapter(site: Site, adapter_id: str) -> AdapterSpec:
    """The adapter of that id; ConfigurationError CB7001 when the site has none."""
    for spec in site.adapters:
        if spec.id == adapter_id:
            return spec
    known = ", ".join(spec.id for spec in site.adapters)
    raise ConfigurationError("CB7001", [Finding("CB7001", path="adapters.toml", expected=known, got=adapter_id)])


def bus_url(site: Site, spec: AdapterSpec) -> str:
    """Where the bus is: the setting ``bus``, else what the site says."""
    endpoint = site.endpoint(spec.municipality, spec.endpoint)
    said = str(spec.settings.get("bus", "")).rstrip("/")
    return said or (site.front.url if endpoint is None else site.front.url_for(endpoint))


@dataclass(slots=True)
class Host:
    """One adapter: built from its site, then ``run`` until a signal."""

    site: Site
    spec: AdapterSpec
    edition: Edition
    store: Store = field(init=False)
    bus: BusClient = field(init=False)
    sender: Sender = field(init=False)
    web: HttpSite = field(init=False)
    flows: list[Flow] = field(default_factory=list, init=False)
    desks: list[BulkDesk] = field(default_factory=list, init=False)
    carriers: list[Carrier] = field(default_factory=list, init=False)
    _environment: Environment = field(init=False)
    _face: Face = field(init=False)
    _running: bool = field(default=False, init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _lock: int = field(default=-1, init=False)
    manager: ServiceManager = field(default_factory=lambda: ServiceManager.of(os.environ), init=False)

    def build(self) -> None:
        """Read definition, layouts, mappings and register; ConfigurationError with all problems at once."""
        site, spec = self.site, self.spec
        endpoint = self._endpoint()
        problems = Problems()
        definition = load_definition(definition_folder(spec, site.folder), self.edition, problems, spec)
        translators = self._translators(definition, problems)
        problems.raise_if_any()
        assert definition is not None
        clock, ids = SystemClock(), SystemIds()
        url = bus_url(site, spec)
        self.store = Store(store_path(site, spec.id))
        guard = guard_of(site, spec, clock, ids)
        tls = calling_context(spec, url)
        self.bus = BusClient(url, spec.municipality, endpoint.id, endpoint.secret, guard=guard, tls=tls)
        self.sender = Sender(self.store, self.bus, clock, self._letter_refused)
        used = {name.partition(".")[0] for flow in definition.flows for name in flow.operations} | {spec.unit}
        compiled = contracts(self.edition, used)
        self._environment = Environment(
            spec=spec,
            folder=site.folder,
            definition=definition,
            edition=self.edition,
            contracts=compiled,
            store=self.store,
            bus=self.bus,
            clock=clock,
            ids=ids,
            translators=translators,
            posted=self.sender.wake,
            changed=self._list_changed,
        )
        composer = Composer(endpoint, self.edition, clock, url)
        self.flows = [FLOWS[flow.kind](flow, self._environment, composer) for flow in definition.flows]
        self.desks = self._bulk_desks(composer)
        self.carriers = [CARRIERS[one.kind](one, self._environment) for one in definition.transports]
        answering: dict[str, Answering] = {}
        for one in (*self.flows, *self.desks):
            if isinstance(one, AnsweringFlow | BulkDesk):
                answering |= dict.fromkeys(one.operations, one)
        operations = {op.input: op for unit in self.edition.units.values() for op in unit.operations.values()}
        enclosures = Enclosures(store_path(site, spec.id).with_suffix(".attachments"))
        files = frozenset(key for key, one in answering.items() if isinstance(one, AnsweringFlow) and one.takes_files)
        self._face = Face(
            endpoint, operations, compiled, answering, self.store, clock, ids, lambda: self._running, enclosures, files,
            guard, self._late_desk(),
        )  # fmt: skip
        app = self._face.application(self._environment.web)
        self.web = HttpSite(app, spec.host, spec.port, drain_s=DRAIN_S, tls=face_context(spec))

    def _endpoint(self) -> Endpoint:
        endpoint = self.site.endpoint(self.spec.municipality, self.spec.endpoint)
        if endpoint is None or not endpoint.secret:
            where = f"{self.spec.municipality}/{self.spec.endpoint}"
            finding = Finding("CB7001", path=f"adapters.toml: {self.spec.id}.endpoint", expected="a secret", got=where)
            raise ConfigurationError("CB7001", [finding])
        return endpoint

    def _translators(self, definition: Definition | None, problems: Problems) -> Translators:
        register = self.spec.settings.get("gaiji")
        tables = self.spec.settings.get("tables")
        translators = Translators(
            self.edition,
            self.site.folder / str(register) if register else None,
            tables=self.site.folder / str(tables) if tables else None,
            repertoire=agreed_repertoire(self.site, self.spec, problems),
        )
        try:
            translators.load()
        except ConfigurationError as error:
            problems.found.extend(error.findings)
        for flow in definition.flows if definition is not None else ():
            for prefix in ("", "request_", "reply_"):
                if flow.text(f"{prefix}layout"):
                    translators.prepare(flow.path(f"{prefix}layout"), flow.path(f"{prefix}mapping"), problems)
        return translators

    def _bulk_desks(self, composer: Composer) -> list[BulkDesk]:
        families: dict[str, list[FileToBulk]] = {}
        for flow in self.flows:
            if isinstance(flow, FileToBulk):
                families.setdefault(flow.family, []).append(flow)
        return [BulkDesk(family, flows, self._environment, composer) for family, flows in families.items()]

    def _late_desk(self) -> LateDesk:
        asking = {flow.id: flow for flow in self.flows if isinstance(flow, RequestFileToBus)}
        return LateDesk(self.store, self.edition, asking)

    def _letter_refused(self, letter: Waiting) -> None:
        if letter.source:
            self._list_changed(letter.flow, letter.source)

    def _list_changed(self, flow_id: str, source: str) -> None:
        for flow in self.flows:
            if flow.id == flow_id and isinstance(flow, FileToBus | FileToBulk):
                self._spawn(_refreshed(flow, source))

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop``, then take nothing more, finish what has begun and close."""
        path = self.store.path
        self._lock = lock(path.with_suffix(".lock"))
        self.store.open()
        try:
            await self._housekeeping()
            await self._listen()
            log.line("adapter_ready", adapter=self.spec.id, listen=self.web.url, pid=os.getpid())
            self.manager.ready(f"稼働中 serving {self.web.url}")
            await self._work(stop)
        finally:
            self._running = False
            await self.web.stop()
            await self.bus.close()
            self.store.close()
            os.close(self._lock)
            log.line("adapter_stopped", adapter=self.spec.id)

    async def _listen(self) -> None:
        try:
            await self.web.start()
        except OSError as error:
            finding = Finding("CB9003", path=f"{self.spec.host}:{self.spec.port}", got=error.strerror or "")
            raise EnvironmentFault("CB9003", [finding]) from error

    async def _work(self, stop: asyncio.Event) -> None:
        releasing = [one for one in self.flows if isinstance(one, RELEASING)]
        watch = SiteWatch(self._environment, releasing)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.sender.run(stop)), group.create_task(watch.run(stop))]
            tasks += [group.create_task(flow.run(stop)) for flow in self.flows]
            tasks += [group.create_task(desk.run(stop)) for desk in self.desks]
            tasks += [group.create_task(carrier.run(stop)) for carrier in self.carriers]
            self._running = True
            await stop.wait()
            self.manager.stopping("停止中 finishing what has begun")
            self._face.drain()
            _, late = await asyncio.wait(tasks, timeout=DRAIN_S)
            for task in late:
                task.cancel()

    async def _housekeeping(self) -> None:
        before = self._environment.clock.now() - INBOX_KEPT_S
        await self.store.write(inbox.forget, before)
        await self.store.write(outbox.forget, before)
        await self.store.write(asked.forget, before)


async def _refreshed(flow: FileToBus | FileToBulk, source: str) -> None:
    try:
        await flow.refresh(source)
    except AdapterError as error:
        log.warn("error_list_put_off", flow=flow.id, code=error.code)


def load(site_folder: Path, adapter_id: str) -> Host:
    """Build the host of an adapter; ConfigurationError with everything that is wrong."""
    site = load_site(site_folder)
    spec = find_adapter(site, adapter_id)
    endpoint = site.endpoint(spec.municipality, spec.endpoint)
    host = Host(site, spec, edition_for(site, site.edition if endpoint is None else endpoint.edition))
    host.build()
    return host


async def serve(host: Host, *, on_ready: Callable[[Host], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if on_ready is not None:
        loop.call_soon(on_ready, host)
    watch = asyncio.create_task(host.manager.watch())
    try:
        await host.run(stop)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


def run(host: Host) -> None:
    """The whole life of an adapter process."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(host))
