"""Closes routes at the moment at which a statement of conformity ends, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bus.core import log
from bus.core.ports import Clock
from bus.core.settings import Site

HOUR_S: Final = 3600.0
"""No wait is longer: the clock of the machine may be set in between."""


def standing(site: Site, now: float) -> Site:
    """The site with the routes closed whose statements have ended; each that has ended since is told to the log."""
    if not site.statements:
        return site
    from bus.core.statements import with_lapsed

    found = with_lapsed(site, now)
    for key in sorted(found.lapsed - site.lapsed):
        log.warn("statement_ended", code="CB7076", path=f"statements: {key}")
    return found


class StatementWatch:
    """Waits for the next end of a statement that a route asks for. ``close`` takes the site over as it then stands.

    A site without such routes costs one look at its settings after every reload.
    """

    def __init__(self, site: Callable[[], Site], close: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._site = site
        self._close = close
        self._clock = clock
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Watch from now on."""
        self._task = asyncio.create_task(self._run(), name="watch statements")

    def again(self) -> None:
        """Reckon anew: the site has been read again."""
        self._again.set()

    async def stop(self) -> None:
        """Watch no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._again.clear()
            wait = self._next()
            try:
                async with asyncio.timeout(wait):
                    await self._again.wait()
            except TimeoutError:
                await self._close()

    def _next(self) -> float | None:
        """Seconds until the site may have to be looked at; ``None`` where it asks for no statement."""
        site = self._site()
        if not site.statements:
            return None
        from bus.core.statements import lapsed, next_change

        now = self._clock.now()
        if lapsed(site, now) != site.lapsed:
            return 0.0
        return max(0.0, min(next_change(site, now) - now, HOUR_S))
