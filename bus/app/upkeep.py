"""The process beside the bus that keeps its journal: seals it, removes once a day what is old enough, and goes on with
resend jobs that nobody else runs.

It holds nothing that counts: when it ends, the next one goes on from the journal. The bus never waits for it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from bus.app.resend import open_resend, process_name
from bus.app.stores import open_retention, open_sealer
from bus.core.errors import ChiikibusError, EnvironmentFault
from bus.core.ports import Clock
from bus.core.settings import Site
from bus.journal.resend.keeper import JobKeeper

Log = Callable[..., None]

TICK_S: Final = 1.0
IDLE_S: Final = 3.0
"""How soon a resend job is noticed that somebody started."""

AGAIN_S: Final = 10.0
"""After an error the same task rests for so long."""

NICENESS: Final = 10
"""The bus goes first where processors are short."""

JAPAN: Final = timezone(timedelta(hours=9))
ACTOR: Final = "upkeep"


class Upkeep:
    """The tasks of one site, one after the other."""

    def __init__(self, site: Site, clock: Clock, log: Log) -> None:
        self._site = site
        self._clock = clock
        self._log = log
        self._next: dict[str, float] = {}
        self._jobs = JobKeeper(process_name())

    def run(self, stop: threading.Event) -> None:
        """Until ``stop``; the last thing is a seal of what came meanwhile."""
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
        while not stop.wait(TICK_S):
            self.tick()
        if self._site.journal.seal is not None:
            self._next.pop("seal", None)
            self._do("seal", self._seal)

    def tick(self) -> None:
        """Do what is due."""
        if self._site.journal.seal is not None:
            self._do("seal", self._seal)
        if self._site.journal.retention is not None:
            self._do("retention", self._retain)
        self._do("resend", self._resend)

    def _do(self, name: str, task: Callable[[float], float]) -> None:
        """Run a task that is due; it says when the next time is. One that fails is told and tried again later."""
        now = self._clock.now()
        if now < self._next.get(name, 0.0):
            return
        try:
            self._next[name] = task(now)
        except ChiikibusError as error:
            self._next[name] = now + AGAIN_S
            got = error.findings[0].got if error.findings else ""
            self._log("upkeep.failed", code=error.code, task=name, got=got)

    def _seal(self, now: float) -> float:
        settings = self._site.journal.seal
        assert settings is not None
        side, sealer = open_sealer(self._site, self._clock)
        with closing(side):
            seals = sealer.seal()
        if seals:
            # The log goes elsewhere too: what it tells of seals is one more place that nobody can rewrite later.
            count = sum(each.count for each in seals)
            self._log("journal.sealed", seal=seals[-1].number, sha256=seals[-1].digest, count=count)
        return now + settings.every_s

    def _retain(self, now: float) -> float:
        settings = self._site.journal.retention
        assert settings is not None
        if "retention" in self._next:
            with closing(open_retention(self._site, self._clock, ACTOR)) as desk:
                report = desk.retention().run()
            told: dict[str, Any] = {"count": sum(report.removed.values()), "pieces": report.pieces}
            self._log("journal.retained", **told)
        return next_time(now, settings.at)

    def _resend(self, now: float) -> float:
        """A step of every job that runs; the pace of a job is kept from one step to the next."""
        try:
            desk = open_resend(self._site, self._clock, ACTOR)
        except EnvironmentFault:
            return now + IDLE_S
        with closing(desk):
            running, stopped = self._jobs.tick(desk)
            for job in stopped:
                self._log("resend.stopped", job=job.number, state=job.state.value, code=job.code)
        return now + (TICK_S if running else IDLE_S)


def next_time(now: float, at: int) -> float:
    """When it is ``at`` minutes after midnight in Japan the next time."""
    today = datetime.fromtimestamp(now, UTC).astimezone(JAPAN).replace(hour=0, minute=0, second=0, microsecond=0)
    wanted = today + timedelta(minutes=at)
    if wanted.timestamp() <= now:
        wanted += timedelta(days=1)
    return wanted.timestamp()
