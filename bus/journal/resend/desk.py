"""Resend jobs as operators handle them: plan, start, pause, cancel, look. Doing a thing twice does nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bus.core.errors import JournalError
from bus.core.ports import Clock
from bus.core.types import Finding
from bus.journal.resend.plan import Planner
from bus.journal.resend.run import Runner, Tokens, finish
from bus.journal.resend.store import encoded, items, read_job, read_jobs
from bus.journal.resend.values import ItemState, Job, JobState, Pace, Selection
from bus.journal.side import Side
from bus.journal.upkeep import audit


class ResendDesk:
    """The jobs of one journal, beside a running bus. Errors: CB4001; CB4004 no such job, or not in this state."""

    def __init__(self, side: Side, clock: Clock, actor: str) -> None:
        """``actor`` is written into jobs, events and the audit."""
        self._side = side
        self._clock = clock
        self._actor = actor

    @property
    def side(self) -> Side:
        """The connection."""
        return self._side

    def close(self) -> None:
        """Close the connection."""
        self._side.close()

    def plan(self, selection: Selection, reason: str) -> Job:
        """Find and write down what would be sent, in which order. Nothing is sent."""
        return Planner(self._side, self._clock, self._actor).plan(selection, reason)

    def start(self, number: int, pace: Pace) -> Job:
        """Let it run, from the beginning or on from a pause; one that runs already goes on as it does."""
        with self._side.transaction() as database:
            job = read_job(database, number)
            if job.state is JobState.RUNNING:
                return job
            if job.state not in (JobState.PLANNED, JobState.PAUSED):
                raise not_allowed(job)
            now = self._clock.now()
            database.execute(
                "UPDATE resend_job SET state=?, pace=?, started_by=?, started_at=?, changed_at=?, failed_before=?,"
                " code='', holder='', held_until=0.0 WHERE j=?",
                (JobState.RUNNING.value, encoded(pace), self._actor, now, now, job.failed, number),
            )
            detail = {"items": job.summary.number, "sha256": job.digest, "rate": pace.rate}
            self._note(database, job, now, "resend.start", detail)
        return read_job(self._side.database, number)

    def pause(self, number: int) -> Job:
        """Send nothing more until it is started again; what was sent goes its way."""
        return self._stop(number, JobState.PAUSED, (JobState.RUNNING,))

    def cancel(self, number: int) -> Job:
        """Send nothing more for good; what was not sent stays parked."""
        return self._stop(number, JobState.CANCELLED, (JobState.PLANNED, JobState.RUNNING, JobState.PAUSED))

    def look(self, number: int) -> Job:
        """One job as it stands."""
        return Runner(self._side, self._clock, number, "").settle()

    def jobs(self, *, states: Sequence[JobState] = (), before: int = 0, limit: int = 50) -> list[Job]:
        """The newest first."""
        return read_jobs(self._side.database, states=states, before=before, limit=limit)

    def items(self, number: int, *, state: str = "", after: int = 0, limit: int = 50) -> list[dict[str, Any]]:
        """Items in the order of sending."""
        return items(self._side.database, number, state=state, after=after, limit=limit)

    def runner(self, number: int, name: str, tokens: Tokens | None = None) -> Runner:
        """What runs it, in the process of this ``name``; ``tokens`` keep the pace beyond this connection."""
        return Runner(self._side, self._clock, number, name, tokens)

    def _stop(self, number: int, new: JobState, allowed: Sequence[JobState]) -> Job:
        with self._side.transaction() as database:
            job = read_job(database, number)
            if job.state is new:
                return job
            if job.state not in allowed:
                raise not_allowed(job)
            finish(database, job, new, self._clock.now(), self._actor)
        return self.look(number)

    def _note(self, database: Any, job: Job, now: float, action: str, detail: dict[str, Any]) -> None:
        audit.note(database, now, self._actor, action, municipality=job.selection.municipality,
                   subject=str(job.number), reason=job.reason, detail=detail)  # fmt: skip


def not_allowed(job: Job) -> JournalError:
    """CB4004 with the state that the job is in."""
    return JournalError("CB4004", [Finding("CB4004", path=f"resend {job.number}", got=job.state.value)])


def unsent(job: Job) -> int:
    """How many were never sent: of a job that is over, they stay parked."""
    return job.counts.get(ItemState.WAITING, 0)
