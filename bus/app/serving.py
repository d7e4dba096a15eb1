"""Run the bus as a process: uvloop, signals, one ready line; SIGTERM drains, SIGHUP reads the site folder again."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
from typing import Any, Final

import uvloop

from bus.app.composition import App
from bus.core import log
from bus.core.config import load_site
from bus.core.errors import ChiikibusError, JournalError
from bus.core.settings import Site
from bus.core.supervision import ServiceManager
from bus.core.types import Finding

STARTING: Final = "起動中 starting"
READY: Final = "稼働中 serving"
STOPPING: Final = "停止中 finishing what has begun"

Announce = Callable[[dict[str, Any]], None]


def run(site: Site, announce: Announce) -> None:
    """Serve until SIGTERM or SIGINT. ``announce`` gets the ready event. Errors: those of ``App.start``."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(site, announce))


async def _serve(site: Site, announce: Announce) -> None:
    loop = asyncio.get_running_loop()
    with log.gathering(loop):
        await _until_stopped(loop, site, announce)


async def _until_stopped(loop: asyncio.AbstractEventLoop, site: Site, announce: Announce) -> None:
    loop.set_exception_handler(_unexpected)
    stop, again = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    app = App(site)
    manager = ServiceManager.of(os.environ)
    manager.starting(STARTING)
    watch = asyncio.create_task(manager.watch())
    try:
        if await _started(app, stop):
            await _serve_until(app, manager, announce, stop, again)
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)


async def _serve_until(
    app: App, manager: ServiceManager, announce: Announce, stop: asyncio.Event, again: asyncio.Event
) -> None:
    reloads = asyncio.create_task(_reload_when_asked(app, manager, again))
    gc.collect()
    gc.freeze()  # what lives as long as the process need not be looked at again
    announce(ready_event(app))
    app.workers_changed = lambda: announce({"event": "workers", "workers": app.workers()})
    log.line("bus.ready", pid=os.getpid(), tables_hash=app.site.tables_hash)
    manager.ready(_status(app))
    lost = asyncio.create_task(app.taken_over())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((lost, stopped), return_when=asyncio.FIRST_COMPLETED)
    finally:
        log.line("bus.stopping", pid=os.getpid())
        manager.stopping(STOPPING)
        over = lost.done()
        for task in (reloads, lost, stopped):
            task.cancel()
        await asyncio.gather(reloads, lost, stopped, return_exceptions=True)
        # What another bus owns cannot be written down any more: there is nothing to wait for.
        await (app.stop(0.0) if over else app.stop())
        log.line("bus.stopped", pid=os.getpid())
    if over:
        raise JournalError("CB4007", [Finding("CB4007", path="journal", got="another bus")])


async def _started(app: App, stop: asyncio.Event) -> bool:
    """Whether the bus has started before it was told to stop: one that waits for another owner to end may wait long."""
    starting, stopping = asyncio.create_task(app.start()), asyncio.create_task(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    return False


def ready_event(app: App) -> dict[str, Any]:
    """The one line that says where the bus listens: ``listen``, and ``listen_tls`` where it listens with TLS."""
    listen = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in app.addresses]
    scheme = "http" if app.site.front.plain else "https"
    event = {
        "event": "ready",
        "listen": listen[0],
        "url": app.site.front.public_url or f"{scheme}://{listen[0]}",
        "pid": os.getpid(),
        "tables_hash": app.site.tables_hash,
        "workers": app.workers(),
    }
    return event | {"listen_tls": listen[-1]} if app.tls_address is not None else event


async def _reload_when_asked(app: App, manager: ServiceManager, again: asyncio.Event) -> None:
    """One reload after the other; a folder with problems changes nothing and every problem is logged."""
    while True:
        await again.wait()
        again.clear()
        manager.reloading()
        try:
            site = await asyncio.to_thread(load_site, app.site.folder, need_secrets=True)
            await app.reload(site)
        except ChiikibusError as error:
            log.warn("reload.refused", code=error.code, count=len(error.findings))
            for finding in error.findings:
                log.warn("reload.finding", **finding.as_dict())
        manager.ready(_status(app))


def _status(app: App) -> str:
    """One line for the service manager's display: nothing that is not in the ready line."""
    return f"{READY} {ready_event(app)['url']}"


def _unexpected(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What asyncio would print with its message: type and place only."""
    log.logger().error("internal_error", code="CB9001", exc_info=context.get("exception"))
