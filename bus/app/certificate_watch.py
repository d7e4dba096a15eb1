"""Tells the log once a day, and after every reload, which certificates and revocation lists end or have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bus.core.ports import Clock
from bus.core.settings import Site
from bus.core.types import Finding

DAY_S: Final = 24 * 3600.0

Warn = Callable[..., None]


class CertificateWatch:
    """Looks at the certificates of the site as it stands, in a thread: a large site has thousands of files.

    ``warn`` writes a line: ``certificate_wrong`` for what is a problem, ``certificate_ends`` for what becomes one. A
    site without TLS costs one look at its settings.
    """

    def __init__(self, site: Callable[[], Site], clock: Clock, warn: Warn, every_s: float = DAY_S) -> None:
        self._site = site
        self._clock = clock
        self._warn = warn
        self._every_s = every_s
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look now and every day from now on."""
        self._task = asyncio.create_task(self._run(), name="watch certificates")

    def again(self) -> None:
        """Look now: the site has been read again."""
        self._again.set()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            self._again.clear()
            await self._look(self._site())
            try:
                async with asyncio.timeout(self._every_s):
                    await self._again.wait()
            except TimeoutError:
                continue

    async def _look(self, site: Site) -> None:
        if not site.uses_tls:
            return
        problems, warnings = await asyncio.to_thread(_findings, site, self._clock.now())
        for event, findings in (("certificate_wrong", problems), ("certificate_ends", warnings)):
            for finding in findings:
                self._warn(event, code=finding.code, path=finding.path, reason=finding.got)


def _findings(site: Site, now: float) -> tuple[list[Finding], list[Finding]]:
    from bus.ops.tls_check import tls_findings

    return tls_findings(site, now)
