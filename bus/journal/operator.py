"""An operator's decisions on deliveries, written beside a running bus: resend what is parked, cancel what waits.

The bus notices by itself: its relay sweeps for what is due, its workers look after what they hold. Doing the same
thing twice does nothing twice, because the state of the first time is gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bus.core.ports import Clock
from bus.core.states import State, may_follow
from bus.core.types import Mode
from bus.journal.database import Database
from bus.journal.schema import FAN_OUT, HELD, OPEN_CLASS
from bus.journal.side import Side
from bus.journal.upkeep.trace import touch

BATCH: Final = 200
"""Deliveries changed in one transaction: the running bus never waits long for its turn."""

CANCELLABLE: Final = frozenset({State.EARLY, State.ACCEPTED, State.PUBLISHED, State.RETRY_WAIT, State.PARKED})
"""What is being sent right now (DISPATCHING) is not: its effect could not be called back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one delivery: the state before, and a code when nothing was done (CB4004)."""

    delivery_id: str
    before: str
    state: str
    code: str = ""

    @property
    def done(self) -> bool:
        """Whether the delivery was changed."""
        return not self.code


def move(database: Database, n: int, new: State, now: float, attempt: int, code: str, actor: str) -> None:
    """Inside a transaction: delivery ``n`` goes to ``new``, as ``actor`` decided. What is resent is due now, and a new
    series of attempts begins; the events keep the old one."""
    due = now if new is State.RETRY_WAIT else 0.0
    attempt = 0 if new is State.RETRY_WAIT else attempt
    database.execute(
        "UPDATE delivery SET state=?, open=?, next_attempt_at=?, updated_at=?, code=?, attempt=? WHERE n=?",
        (new.value, OPEN_CLASS.get(new), due, now, code, attempt, n),
    )
    database.execute(
        "INSERT INTO event (delivery, n, at, state, attempt, code, detail, actor)"
        " SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, '', ? FROM event WHERE delivery = ?",
        (n, now, new.value, attempt, code, actor, n),
    )
    touch(database, [n])


class JournalOperator:
    """Changes deliveries beside a running bus. Errors: CB4001 it could not be written."""

    def __init__(self, side: Side, clock: Clock, *, actor: str = "operator") -> None:
        """``actor`` is written into the events."""
        self._side = side
        self._clock = clock
        self._actor = actor

    def close(self) -> None:
        """Close the connection."""
        self._side.close()

    def parked_ids(
        self, *, municipality: str = "", target: str = "", operation: str = "", code: str = ""
    ) -> Sequence[str]:
        """The parked deliveries that match, oldest first: the preview of a resend."""
        wanted = (("e.municipality", municipality), ("d.target", target), ("e.operation", operation), ("d.code", code))
        where = "".join(f" AND {column} = ?" for column, value in wanted if value)
        rows = self._side.database.execute(
            "SELECT e.exchange_id, d.n FROM delivery d JOIN exchange e ON e.n = d.n / ?"  # noqa: S608 (own text)
            f" WHERE d.open = ?{where} ORDER BY d.n",
            (FAN_OUT, HELD, *(value for _, value in wanted if value)),
        )
        return [f"{exchange_id}-{n % FAN_OUT}" for exchange_id, n in rows.fetchall()]

    def resend(self, delivery_ids: Iterable[str]) -> Iterator[Decision]:
        """PARKED to RETRY_WAIT, due now; one decision per delivery in the given order."""
        return self._decide(delivery_ids, State.RETRY_WAIT, frozenset({State.PARKED}), "")

    def cancel(self, delivery_ids: Iterable[str]) -> Iterator[Decision]:
        """Close what was not delivered yet as CANCELLED with CB5009."""
        return self._decide(delivery_ids, State.CANCELLED, CANCELLABLE, "CB5009")

    def _decide(
        self, delivery_ids: Iterable[str], new: State, allowed: frozenset[State], code: str
    ) -> Iterator[Decision]:
        batch: list[str] = []
        for delivery_id in delivery_ids:
            batch.append(delivery_id)
            if len(batch) == BATCH:
                yield from self._transact(batch, new, allowed, code)
                batch = []
        if batch:
            yield from self._transact(batch, new, allowed, code)

    def _transact(
        self, delivery_ids: Sequence[str], new: State, allowed: frozenset[State], code: str
    ) -> list[Decision]:
        with self._side.transaction() as database:
            decisions = [self._decide_one(database, each, new, allowed, code) for each in delivery_ids]
            self._side.cancelled(sum(1 for each in decisions if each.done and new is State.CANCELLED))
        return decisions

    def _decide_one(
        self, database: Database, delivery_id: str, new: State, allowed: frozenset[State], code: str
    ) -> Decision:
        exchange_id, _, index = delivery_id.rpartition("-")
        row = database.execute(
            "SELECT d.n, d.state, e.mode, d.attempt FROM exchange_key k JOIN exchange e ON e.n = k.n"
            " JOIN delivery d ON d.n = k.n * ? + ? WHERE k.exchange_id = ?",
            (FAN_OUT, int(index) if index.isdecimal() else FAN_OUT, exchange_id),
        ).fetchone()
        if row is None:
            return Decision(delivery_id, "", "", "CB4004")
        n, old, mode, attempt = row
        if State(old) not in allowed or mode == Mode.DIRECT.value or not may_follow(State(old), new):
            return Decision(delivery_id, old, old, "CB4004")
        move(database, n, new, self._clock.now(), attempt, code, self._actor)
        return Decision(delivery_id, old, new.value)
