"""Runs a resend job: so many a second, in order, each parking once, until all have an outcome.

Whoever runs it may end at any moment: what was sent and that it was sent are one transaction, and whoever comes next
goes on. One runner at a time holds the job; two would do no harm either, since every change is made from a known state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from bus.core.ports import Clock
from bus.core.states import State
from bus.journal.database import Database
from bus.journal.operator import move
from bus.journal.resend.store import OF_ITEM, keys_of, read_job, set_item
from bus.journal.resend.values import ItemState, Job, JobState
from bus.journal.side import Side
from bus.journal.upkeep import audit

LEASE_S: Final = 10.0
LOOK: Final = 500
"""Waiting items looked at in one step."""

SENT_AT_ONCE: Final = 50
"""Deliveries changed in one transaction."""

BEHIND_CODE: Final = "CB5020"
PAUSED_CODE: Final = "CB5021"
CHANGED_CODE: Final = "CB5022"
OVERTAKEN_CODE: Final = "CB5023"

_LAST_EVENT: Final = "(SELECT max(v.n) FROM event v WHERE v.delivery = d.n)"
_WAITING: Final = (
    f"SELECT r.i, d.n, r.target, e.ordering_keys, r.event, r.overtaken FROM {OF_ITEM}"  # noqa: S608 (constants)
    f" WHERE r.j = ? AND r.state = '{ItemState.WAITING}' ORDER BY r.i LIMIT ?"
)
_SENT: Final = (
    f"SELECT r.i, d.state, d.code, r.target, e.ordering_keys, {_LAST_EVENT}, r.event FROM {OF_ITEM}"  # noqa: S608 (constants)
    f" WHERE r.j = ? AND r.state = '{ItemState.SENT}' ORDER BY r.i"
)
_STUCK: Final = f"SELECT r.target, e.ordering_keys FROM {OF_ITEM} WHERE r.j = ? AND r.state IN ('PARKED', 'BEHIND')"  # noqa: S608 (constants)
_MISSING: Final = (
    "SELECT r.i, r.state FROM resend_item r LEFT JOIN exchange_key k ON k.exchange_id = r.exchange_id"  # noqa: S608 (constants)
    f" WHERE r.j = ? AND r.state IN ('{ItemState.SENT}', '{ItemState.WAITING}') AND k.n IS NULL"
)
_OUTCOMES: Final = {
    State.DELIVERED.value: ItemState.DELIVERED,
    State.REPLIED.value: ItemState.REPLIED,
    State.EXPIRED.value: ItemState.EXPIRED,
    State.CANCELLED.value: ItemState.CANCELLED,
}

Lane = tuple[str, str]


@dataclass(slots=True)
class Tokens:
    """How many may be sent now: so many a second are added, and what two seconds bring is kept at most."""

    left: float = 1.0
    at: float = 0.0

    def refill(self, now: float, rate: float) -> int:
        """By the monotonic clock; how many whole ones there are."""
        gone = max(0.0, now - self.at) if self.at else 0.0
        self.left, self.at = min(max(1.0, 2 * rate), self.left + gone * rate), now
        return int(self.left)


class Runner:
    """One process's hand on one job. Errors: CB4001, CB4004 there is no such job."""

    def __init__(self, side: Side, clock: Clock, number: int, name: str, tokens: Tokens | None = None) -> None:
        """``name`` is the process, as others see who runs the job; ``tokens`` keep its pace beyond this runner."""
        self._side = side
        self._clock = clock
        self._number = number
        self._name = name
        self._stuck: set[Lane] | None = None
        self._tokens = tokens or Tokens(0.0, clock.monotonic())

    def step(self) -> Job:
        """Look at what was sent, send what may be sent now; the job as it stands then.

        Nothing is done for a job that does not run, or that another process runs.
        """
        job = self._held()
        if job is None:
            self._stuck = None
            return read_job(self._side.database, self._number)
        if self._stuck is None:
            rows = self._side.database.execute(_STUCK, (self._number,)).fetchall()
            self._stuck = {lane for target, keys in rows for lane in keys_of(target, keys)}
        busy, still = self._settle()
        now = self._conclude()
        if now.state is not JobState.RUNNING:
            return now
        self._send(job, busy, still)
        return self._conclude()

    def settle(self) -> Job:
        """Look at what was sent before the job was stopped; the job as it stands then."""
        job = read_job(self._side.database, self._number)
        if job.state is JobState.RUNNING or not job.counts.get(ItemState.SENT):
            return job
        self._stuck = self._stuck or set()
        self._settle()
        return read_job(self._side.database, self._number)

    # -- who runs it ------------------------------------------------------------------------------------------

    def _held(self) -> Job | None:
        """The job, when it runs and is ours now."""
        job, now = read_job(self._side.database, self._number, counted=False), self._clock.now()
        if job.state is not JobState.RUNNING:
            return None
        if job.holder == self._name and now + LEASE_S / 2 < job.held_until <= now + LEASE_S:
            return job
        with self._side.transaction() as database:
            taken = database.execute(
                "UPDATE resend_job SET holder = ?, held_until = ? WHERE j = ? AND state = ?"
                " AND (holder IN (?, '') OR held_until < ? OR held_until > ?)",
                (self._name, now + LEASE_S, self._number, JobState.RUNNING.value, self._name, now, now + LEASE_S * 2),
            )
        return job if taken.rowcount == 1 else None

    def _ours(self, database: Database) -> bool:
        """Inside a transaction: whether the job still runs and is ours; it then stays as it is until the end of it."""
        done = database.execute(
            "UPDATE resend_job SET changed_at = ? WHERE j = ? AND state = ? AND holder = ?",
            (self._clock.now(), self._number, JobState.RUNNING.value, self._name),
        )
        return done.rowcount == 1

    # -- what became of it ------------------------------------------------------------------------------------

    def _settle(self) -> tuple[set[Lane], int]:
        """Note outcomes; the lanes of what has none yet, and how many these are."""
        assert self._stuck is not None
        busy: set[Lane] = set()
        still, ended = 0, []
        for i, state, code, target, keys, last, event in self._side.database.execute(_SENT, (self._number,)).fetchall():
            outcome = _OUTCOMES.get(state)
            if outcome is None and state == State.PARKED.value and last > event + 1:
                outcome = ItemState.PARKED
                self._stuck.update(keys_of(target, keys))
            if outcome is None:
                still += 1
                busy.update(keys_of(target, keys))
            else:
                ended.append((i, ItemState.SENT, outcome, code))
        for i, state in self._side.database.execute(_MISSING, (self._number,)).fetchall():
            ended.append((i, ItemState(state), ItemState.GONE, ""))
        self._note(ended)
        return busy, still

    def _note(self, changes: Sequence[tuple[int, ItemState, ItemState, str]]) -> None:
        for start in range(0, len(changes), LOOK):
            with self._side.transaction() as database:
                for i, old, new, code in changes[start : start + LOOK]:
                    set_item(database, self._number, i, old, new, self._clock.now(), code)

    # -- sending ----------------------------------------------------------------------------------------------

    def _send(self, job: Job, busy: set[Lane], still: int) -> None:
        """Send what the pace and the order allow.

        An item waits for earlier ones that share a key, and is left where one of these was parked again.
        """
        assert self._stuck is not None
        budget = self._budget(job, still)
        chosen: list[Any] = []
        passed: list[tuple[int, ItemState, ItemState, str]] = []
        for row in self._side.database.execute(_WAITING, (self._number, LOOK)).fetchall():
            i, _, target, keys, _, overtaken = row
            lanes = keys_of(target, keys)
            if not self._stuck.isdisjoint(lanes):
                passed.append((i, ItemState.WAITING, ItemState.BEHIND, BEHIND_CODE))
                self._stuck.update(lanes)
            elif overtaken and job.pace.skip_overtaken:
                passed.append((i, ItemState.WAITING, ItemState.SKIPPED, OVERTAKEN_CODE))
            elif len(chosen) < budget and busy.isdisjoint(lanes):
                chosen.append(row)
                busy.update(lanes)
            else:
                busy.update(lanes)
        self._note(passed)
        for start in range(0, len(chosen), SENT_AT_ONCE):
            if not self._resend(job, chosen[start : start + SENT_AT_ONCE]):
                return
        self._tokens.left -= len(chosen)

    def _budget(self, job: Job, still: int) -> int:
        allowed = self._tokens.refill(self._clock.monotonic(), job.pace.rate)
        return max(0, min(allowed, job.pace.most_open - still))

    def _resend(self, job: Job, chosen: Sequence[Any]) -> bool:
        """One transaction: each is due again, and it is noted that it is. False when the job is not ours any more."""
        assert self._stuck is not None
        actor = self._actor(job)
        stuck: set[Lane] = set()
        with self._side.transaction() as database:
            if not self._ours(database):
                return False
            now = self._clock.now()
            for i, n, target, keys, event, _ in chosen:
                state, last = database.execute(
                    f"SELECT d.state, {_LAST_EVENT} FROM delivery d WHERE d.n = ?",  # noqa: S608 (constant)
                    (n,),
                ).fetchone() or ("", 0)
                same = state == State.PARKED.value and (last or 0) == event
                new, code = (ItemState.SENT, "") if same else (ItemState.SKIPPED, CHANGED_CODE)
                if state == State.PARKED.value and not same:
                    stuck.update(keys_of(target, keys))
                if set_item(database, self._number, i, ItemState.WAITING, new, now, code) and same:
                    move(database, n, State.RETRY_WAIT, now, 0, "", actor)
        self._stuck |= stuck
        return True

    def _actor(self, job: Job) -> str:
        """Who acts, for the events and the audit: the job, on behalf of who started it."""
        return f"resend {self._number} {job.started_by}"

    # -- the end ----------------------------------------------------------------------------------------------

    def _conclude(self) -> Job:
        """DONE when nothing is left; PAUSED when too much failed."""
        job, now = read_job(self._side.database, self._number), self._clock.now()
        if job.state is not JobState.RUNNING:
            return job
        done, most = not job.open, job.pace.most_failed
        paused = not done and 0 < most <= job.failed - job.failed_before
        if not done and not paused:
            return job
        with self._side.transaction() as database:
            if self._ours(database):
                state, code = (JobState.DONE, "") if done else (JobState.PAUSED, PAUSED_CODE)
                finish(database, job, state, now, self._actor(job), code)
        return read_job(self._side.database, self._number)


def finish(database: Database, job: Job, state: JobState, now: float, actor: str, code: str = "") -> None:
    """Inside a transaction: the job stops, for now or for good, and the audit says with what result."""
    ended = 0.0 if state is JobState.PAUSED else now
    database.execute(
        "UPDATE resend_job SET state=?, changed_at=?, ended_at=?, code=?, holder='', held_until=0.0 WHERE j=?",
        (state.value, now, ended, code, job.number),
    )
    action = {JobState.DONE: "resend.done", JobState.PAUSED: "resend.pause"}.get(state, "resend.cancel")
    audit.note(database, now, actor, action, municipality=job.selection.municipality, subject=str(job.number),
               reason=code, detail=dict(job.counts))  # fmt: skip
