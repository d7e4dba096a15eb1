"""Follow what changes in the site folder while the adapter runs: the gaiji register."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.host.flows.base import Environment, Releasing
from adapters.host.store import files
from bus.core import log
from bus.core.errors import AdapterError, ConfigurationError

LOOK_S = 1.0
"""How often the register is looked at."""


@dataclass(slots=True)
class SiteWatch:
    """Tries held records at the start and whenever the register changes."""

    environment: Environment
    flows: Sequence[Releasing]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until ``stop``."""
        await self._release()
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)
            if stop.is_set():
                return
            if await asyncio.to_thread(self.environment.translators.changed):
                await self._read_register()

    async def _read_register(self) -> None:
        translators = self.environment.translators
        try:
            await asyncio.to_thread(translators.reload)
        except ConfigurationError as error:
            log.warn("register_refused", adapter=self.environment.spec.id, code=error.code, count=len(error.findings))
            return
        log.line("register_read", adapter=self.environment.spec.id, count=len(translators.register.rows))
        await self._release()

    async def _release(self) -> None:
        try:
            for flow in self.flows:
                await flow.release()
            await self.environment.store.write(files.settle_worklist, self.environment.clock.now())
        except AdapterError as error:
            # the store or the vendor's folder: the records stay held and are tried at the next change
            log.warn("release_put_off", adapter=self.environment.spec.id, code=error.code)
