"""Resend jobs on the pages: planned from a cause or one delivery, looked at, started, paused, cancelled; and run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from typing import Any, Final

from bus.console.bodies import reason_of
from bus.console.desk import NOT_THERE, Row, actor, missing, within
from bus.console.openers import Connections
from bus.console.people import Person
from bus.core import log
from bus.core.errors import ChiikibusError, ConsoleError, EnvironmentFault, JournalError
from bus.core.ports import Clock
from bus.core.types import Finding
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.keeper import JobKeeper
from bus.journal.resend.values import Job, Pace, Selection
from bus.journal.side import Side

TICK_S: Final = 1.0
"""How soon a job that was started is noticed, and how often it takes a step."""

AGAIN_S: Final = 10.0
PAGE: Final = 50


def plan(form: Mapping[str, str], clock: Clock, person: Person, connections: Connections) -> int:
    """Write a plan down, nothing is sent; its number. Errors: CB8006 not the person's, CB8007, CB8008."""
    reason = reason_of(form.get("reason", ""))
    delivery = form.get("delivery", "")
    selection = Selection(
        municipality=form.get("municipality", ""),
        target=form.get("target", ""),
        operation=form.get("operation", ""),
        code=form.get("code", ""),
        deliveries=(delivery,) if delivery else (),
    )
    if delivery:
        shown = connections.reader.show(delivery.rpartition("-")[0])
        if shown is None or shown["municipality"] != selection.municipality:
            raise missing(delivery)
    elif not (selection.target and selection.code):
        raise ConsoleError("CB8008", [Finding("CB8008", path="target, code", expected="both")])
    within(person, selection.municipality)
    return _desk(clock, person, connections).plan(selection, reason).number


def listed(clock: Clock, person: Person, connections: Connections, *, before: int = 0) -> Row:
    """The newest jobs of the person's municipalities, and the number that continues."""
    found = _desk(clock, person, connections).jobs(before=before, limit=PAGE)
    rows = [document(job) for job in found if person.sees(job.selection.municipality)]
    return {"rows": rows, "next": found[-1].number if len(found) == PAGE else 0}


def shown(number: int, clock: Clock, person: Person, connections: Connections, *, after: int = 0) -> Row:
    """One job and its items in the order of sending. Errors: CB8006."""
    desk = _desk(clock, person, connections)
    job = _mine(desk, number, person)
    items = desk.items(number, after=after, limit=PAGE)
    more = items[-1]["place"] if len(items) == PAGE else 0
    return {"job": document(job), "items": items, "next": more}


def changed(what: str, number: int, clock: Clock, person: Person, connections: Connections) -> None:
    """``start``, ``pause`` or ``cancel``. Errors: CB8006; CB4004 not in this state."""
    desk = _desk(clock, person, connections)
    _mine(desk, number, person)
    if what == "start":
        desk.start(number, Pace())
    elif what == "pause":
        desk.pause(number)
    else:
        desk.cancel(number)


def document(job: Job) -> Row:
    """A job as data."""
    found: dict[str, Any] = asdict(job)
    found["counts"] = {str(state): number for state, number in job.counts.items()}
    return found | {"state": job.state.value, "failed": job.failed, "open": job.open, "finished": job.finished}


def _mine(desk: ResendDesk, number: int, person: Person) -> Job:
    try:
        job = desk.look(number)
    except JournalError as error:
        if error.code != "CB4004":
            raise
        raise ConsoleError(NOT_THERE, [Finding(NOT_THERE, path=f"resend {number}")]) from error
    if not person.sees(job.selection.municipality):
        raise missing(f"resend {number}")
    return job


def _desk(clock: Clock, person: Person, connections: Connections) -> ResendDesk:
    return ResendDesk(connections.side, clock, actor(person.name))


class JobRunner:
    """A thread that goes on with jobs; the journal's upkeep or a command may hold them as well."""

    def __init__(self, side: Callable[[], Side], clock: Clock, name: str) -> None:
        self._side = side
        self._clock = clock
        self._keeper = JobKeeper(name)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-jobs", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present step."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                with closing(ResendDesk(self._side(), self._clock, "console")) as desk:
                    self._steps(desk)
            except EnvironmentFault:
                self._stop.wait(AGAIN_S)  # no journal yet
            except ChiikibusError as error:
                log.warn("console_failed", code=error.code, task="resend")
                self._stop.wait(AGAIN_S)

    def _steps(self, desk: ResendDesk) -> None:
        """While any job runs on this connection."""
        while not self._stop.is_set():
            running, stopped = self._keeper.tick(desk)
            for job in stopped:
                log.line("resend.stopped", job=job.number, state=job.state.value, code=job.code)
            if not running or self._stop.wait(TICK_S):
                return
