"""Follow what changes in the site folder while the adapter runs: the gaiji register and the rights."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.host.flows.base import Environment, Releasing
from adapters.host.store import files
from bus.core import log
from bus.core.config import load_site
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.settings import Site
from bus.core.types import Endpoint

LOOK_S = 1.0
"""How often the register and the rights are looked at."""


def withheld(site: Site, endpoint: Endpoint) -> dict[str, frozenset[str]]:
    """The items that the rights keep from an endpoint, by operation."""
    found: dict[str, frozenset[str]] = {}
    for right in site.rights:
        if (right.municipality, right.endpoint) == (endpoint.municipality, endpoint.id):
            found[right.operation] = found.get(right.operation, frozenset()) | right.withhold
    return found


@dataclass(slots=True)
class SiteWatch:
    """Tries held records at the start and whenever the register changes; follows changes of the rights."""

    site: Site
    endpoint: Endpoint
    environment: Environment
    flows: Sequence[Releasing]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until ``stop``."""
        await self._release()
        path = self.site.folder / "rights.toml"
        rights = _state(path)
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)
            if stop.is_set():
                return
            if await asyncio.to_thread(self.environment.translators.changed):
                await self._read_register()
            now = _state(path)
            if now != rights:
                rights = now
                self._read_rights()

    async def _read_register(self) -> None:
        translators = self.environment.translators
        try:
            await asyncio.to_thread(translators.reload)
        except ConfigurationError as error:
            log.warn("register_refused", adapter=self.environment.spec.id, code=error.code, count=len(error.findings))
            return
        log.line("register_read", adapter=self.environment.spec.id, count=len(translators.register.rows))
        await self._release()

    def _read_rights(self) -> None:
        try:
            site = load_site(self.site.folder, self.environment.edition)
        except ConfigurationError as error:
            log.warn("site_refused", adapter=self.environment.spec.id, code=error.code, count=len(error.findings))
            return
        self.environment.withheld.clear()
        self.environment.withheld.update(withheld(site, self.endpoint))

    async def _release(self) -> None:
        try:
            for flow in self.flows:
                await flow.release()
            await self.environment.store.write(files.settle_worklist, self.environment.clock.now())
        except AdapterError as error:
            # the store or the vendor's folder: the records stay held and are tried at the next change
            log.warn("release_put_off", adapter=self.environment.spec.id, code=error.code)


def _state(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)
