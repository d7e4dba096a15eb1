"""``chiikibus up``: the bus and the site's adapters as processes that are kept running and end together.

Children are restarted when they end. SIGTERM ends all of them within a deadline, the bus first so that nothing new
is accepted; SIGHUP reads the site folder again. When the supervisor itself is killed, the kernel ends its children.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from bus.app.children import Child, Plan
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.core.ports import Clock
from bus.core.settings import AdapterSpec, Site
from bus.core.types import Finding

BUS: Final = "bus"
UPKEEP: Final = "upkeep"
STOP_BUS_S: Final = 15.0
STOP_ADAPTER_S: Final = 10.0
READY_S: Final = 30.0
"""An adapter that is not ready by then is left to its restarts, and the site is announced without it."""
READY_POLL_S: Final = 0.05

Announce = Callable[[dict[str, Any]], None]


def plans(site: Site) -> list[Plan]:
    """The processes of a site: the bus first, the upkeep of its journal, every adapter that starts by itself."""
    base = (sys.executable, "-m", "bus.cli")
    folder = str(site.folder)
    front = (site.front.host, site.front.port)
    if not site.front.plain and site.front.tls is not None:
        front = (site.front.tls.host, site.front.tls.port)
    unchangeable = repr(
        (site.front.standing, site.journal, site.broker)
    )  # what a running bus cannot take over by itself
    found = [Plan(BUS, (*base, "serve", "--site", folder, "--json"), front, unchangeable)]
    if site.journal.seal is not None or site.journal.retention is not None:
        keeping = (*base, "journal", "keep", "--site", folder, "--json")
        found.append(Plan(UPKEEP, keeping, ("", 0), repr(site.journal)))
    for spec in site.adapters:
        if spec.autostart:
            command = (*base, "adapter", "serve", "--site", folder, "--adapter", spec.id, "--json")
            found.append(Plan(spec.id, command, (spec.host, spec.port), _fingerprint(site, spec)))
    return found


def _fingerprint(site: Site, spec: AdapterSpec) -> str:
    """What an adapter is started with: its own settings, its endpoint with its secret, and where the bus listens."""
    endpoint = site.endpoint(spec.municipality, spec.endpoint)
    secret = endpoint.secret if endpoint else ""
    front = site.front.standing
    return repr((spec, endpoint, secret, front.host, front.port, front.tls, site.edition, site.mounts))


class Supervisor:
    """Runs the plans of one site folder until it is told to stop."""

    def __init__(
        self,
        folder: Path,
        announce: Announce,
        *,
        clock: Clock | None = None,
        plan: Callable[[Site], list[Plan]] = plans,
        ready_s: float = READY_S,
    ) -> None:
        self._folder = folder
        self._announce = announce
        self._plan = plan
        self._ready_s = ready_s
        self._clock: Clock = clock or SystemClock()
        self._site = load_site(folder, need_secrets=True)
        self._children: dict[str, Child] = {}
        self._stop = asyncio.Event()
        self._reloads = asyncio.Event()
        self._file = self._site.run_folder / "processes.json"

    async def run(self) -> None:
        """Start everything, announce readiness, and stay until SIGTERM or SIGINT.

        Errors: ``EnvironmentFault`` CB9003 when this site runs already or its bus does not get ready in time.
        """
        self._site.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(self._site.run_folder / "up.lock")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reloads.set)
        try:
            self._start(self._plan(self._site))
            await self._until_ready()
            await self._serve()
        finally:
            await self._end(self._children.values())
            with suppress(FileNotFoundError):
                self._file.unlink()
            lock.close()

    def _start(self, wanted: Iterable[Plan]) -> None:
        for plan in wanted:
            child = Child(plan, self._clock, self._write_file)
            self._children[plan.name] = child
            child.start()
        self._write_file()

    async def _until_ready(self) -> None:
        """Wait until the bus has said so and every adapter accepts connections; then announce the site."""
        late = set(self._children)
        ready = asyncio.create_task(self._all_ready(late))
        stopped = asyncio.create_task(self._stopped())
        await asyncio.wait({ready, stopped}, timeout=self._ready_s, return_when=asyncio.FIRST_COMPLETED)
        for task in (ready, stopped):
            task.cancel()
        if self._stop.is_set():
            return
        if BUS in late:
            raise EnvironmentFault("CB9003", [Finding("CB9003", path=BUS, expected=f"ready in {self._ready_s:g} s")])
        for name in sorted(late):  # one adapter that cannot start does not keep the others from working
            log.warn("process.not_ready", process=name, wait_s=self._ready_s)
        self._announce(self._ready_event(late))

    async def _stopped(self) -> None:
        await self._stop.wait()

    async def _all_ready(self, late: set[str]) -> None:
        """Wait for all; ``late`` shrinks to the names of those that are not ready yet."""

        async def one(child: Child) -> None:
            await self._ready(child)
            late.discard(child.plan.name)

        await asyncio.gather(*(one(child) for child in self._children.values()))

    def _ready_event(self, late: Iterable[str]) -> dict[str, Any]:
        listening = [child.plan for child in self._children.values() if child.plan.name != UPKEEP]
        addresses = {plan.name: _join(*plan.address) for plan in listening}
        event = {
            "event": "ready",
            "site": str(self._folder),
            "listen": addresses,
            "not_ready": sorted(late),
            "processes": self._status(),
        }
        tls = self._site.front.tls
        return event if tls is None else event | {"listen_tls": _join(tls.host, tls.port)}

    async def _ready(self, child: Child) -> None:
        if child.plan.name in (BUS, UPKEEP):
            await child.first_line.wait()
            return
        host, port = child.plan.address
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(READY_POLL_S)

    async def _serve(self) -> None:
        """Until the end is asked for; a reload in between changes only what differs."""
        stop = asyncio.create_task(self._stopped())
        while not self._stop.is_set():
            again = asyncio.create_task(self._asked_to_reload())
            await asyncio.wait({stop, again}, return_when=asyncio.FIRST_COMPLETED)
            again.cancel()
            if self._reloads.is_set() and not self._stop.is_set():
                self._reloads.clear()
                await self._reload()

    async def _asked_to_reload(self) -> None:
        await self._reloads.wait()

    async def _reload(self) -> None:
        """Take over the folder as it is now; a folder with problems changes nothing and is logged whole."""
        try:
            site = load_site(self._folder, need_secrets=True)
        except ConfigurationError as error:
            log.warn("reload.refused", code=error.code, count=len(error.findings))
            for finding in error.findings:
                log.warn("reload.finding", **finding.as_dict())
            return
        self._site = site
        wanted = {plan.name: plan for plan in self._plan(site)}
        old = [child for name, child in self._children.items() if wanted.get(name) != child.plan]
        for child in old:
            del self._children[child.plan.name]
        kept = list(self._children)
        await self._end(old)
        self._start(plan for name, plan in wanted.items() if name not in kept)
        if BUS in kept:
            self._children[BUS].send_signal(signal.SIGHUP)
        log.line("reload.done", tables_hash=site.tables_hash, count=len(wanted) - len(kept))
        self._announce({"event": "reloaded", "tables_hash": site.tables_hash, "kept": kept})

    async def _end(self, children: Iterable[Child]) -> None:
        """End them: the bus first, so that nothing new is accepted, then the adapters side by side."""
        ordered = list(children)
        await asyncio.gather(*(child.stop(STOP_BUS_S) for child in ordered if child.plan.name == BUS))
        await asyncio.gather(*(child.stop(STOP_ADAPTER_S) for child in ordered if child.plan.name != BUS))

    def _status(self) -> dict[str, dict[str, Any]]:
        told = {name: asdict(child.status) for name, child in self._children.items()}
        for status in told.values():
            if not status["workers"]:
                del status["workers"]
        return told

    def _write_file(self) -> None:
        """``processes.json``, replaced as a whole so that a reader never sees half of it."""
        partial = self._file.with_suffix(".tmp")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(self._status()), indent=1))
        partial.replace(self._file)


def _join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _lock(path: Path) -> IO[bytes]:
    """The open lock file. Errors: ``EnvironmentFault`` CB9003 when another supervisor holds it."""
    handle = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        finding = Finding("CB9003", path=str(path), expected="not running", got="already up")
        raise EnvironmentFault("CB9003", [finding]) from None
    return handle
