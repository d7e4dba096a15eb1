"""How many messages and deliveries there are, without looking at all of them.

What is open is counted along the partial index of open deliveries. What is final is kept as numbers by the one writer,
moves with every commit, and is written down when the journal is closed. Only after a sudden end is everything counted
once again. An operator's command may cancel beside the writer: cancelled is what is neither open nor otherwise final.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Final

from bus.core.states import State
from bus.journal.schema import FAN_OUT, MOVING, OPEN_CLASS

_PREFIX: Final = "tally."
_GONE: Final = "removed."
_BY_CLASS: Final = "SELECT open, count(*) FROM delivery WHERE open IS NOT NULL GROUP BY open"
_MOVING: Final = "SELECT state, count(*) FROM delivery WHERE open = ? GROUP BY state"
_ALL: Final = "SELECT state, count(*) FROM delivery GROUP BY state"
_REFUSED: Final = "SELECT refused > 0, count(*) FROM exchange GROUP BY refused > 0"
_ALONE: Final = {number: state for state, number in OPEN_CLASS.items() if number is not None and number != MOVING}
"""Classes that hold deliveries of one state only; those in motion and those of direct calls have several."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Numbers as of a commit: messages accepted and refused, deliveries in all and by their final states."""

    accepted: int = 0
    rejected: int = 0
    deliveries: int = 0
    delivered: int = 0
    replied: int = 0
    expired: int = 0
    cancelled: int = 0

    def plus(self, moves: Moves) -> Tally:
        """After another commit."""
        return Tally(
            self.accepted + moves.accepted,
            self.rejected + moves.rejected,
            self.deliveries + moves.deliveries,
            self.delivered + moves.delivered,
            self.replied + moves.replied,
            self.expired + moves.expired,
            self.cancelled + moves.cancelled,
        )

    def with_others(self, still_open: int) -> Tally:
        """With what somebody else has cancelled, while ``still_open`` deliveries are open."""
        cancelled = self.deliveries - still_open - self.delivered - self.replied - self.expired
        return Tally(
            self.accepted, self.rejected, self.deliveries, self.delivered, self.replied, self.expired, cancelled
        )


class Moves:
    """What one batch changes, until its commit. States are compared as objects: hashing one costs more."""

    __slots__ = ("accepted", "cancelled", "delivered", "deliveries", "expired", "rejected", "replied")

    def __init__(self) -> None:
        self.accepted = self.rejected = self.deliveries = 0
        self.delivered = self.replied = self.expired = self.cancelled = 0

    def turned(self, old: State, new: State) -> None:
        """A delivery went from ``old`` to the final state ``new``; of those only DELIVERED may go on."""
        if new is State.DELIVERED:
            self.delivered += 1
        elif new is State.REPLIED:
            self.replied += 1
            if old is State.DELIVERED:
                self.delivered -= 1
        elif new is State.EXPIRED:
            self.expired += 1
        else:
            self.cancelled += 1


def take(connection: sqlite3.Connection) -> Tally:
    """The numbers that were written down at the last close, which are then gone; else everything is counted."""
    rows = connection.execute("SELECT name, value FROM progress WHERE name LIKE ?", (f"{_PREFIX}%",)).fetchall()
    kept = {str(name).removeprefix(_PREFIX): int(value) for name, value in rows}
    if rows:
        connection.execute("DELETE FROM progress WHERE name LIKE ?", (f"{_PREFIX}%",))
    if set(kept) == {field.name for field in fields(Tally)}:
        return Tally(**kept)
    return counted(connection)


def counted(connection: sqlite3.Connection) -> Tally:
    """The numbers by a count of all rows, and of those that retention removed."""
    by_state = dict(connection.execute(_ALL).fetchall())
    refused = {bool(yes): int(number) for yes, number in connection.execute(_REFUSED).fetchall()}
    there = Tally(
        refused.get(False, 0),
        refused.get(True, 0),
        sum(by_state.values()),
        *(int(by_state.get(state, 0)) for state in (State.DELIVERED, State.REPLIED, State.EXPIRED, State.CANCELLED)),
    )
    rows = connection.execute("SELECT name, value FROM progress WHERE name LIKE ?", (f"{_GONE}%",)).fetchall()
    gone = {str(name).removeprefix(_GONE): int(value) for name, value in rows}
    return Tally(*(getattr(there, field.name) + gone.get(field.name, 0) for field in fields(Tally)))


def add_removed(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Inside a transaction, before the rows of these messages go: keep them counted."""
    marks = ",".join("?" * len(numbers))
    gone: dict[str, int] = {}
    for refused, number in connection.execute(
        f"SELECT refused > 0, count(*) FROM exchange WHERE n IN ({marks}) GROUP BY 1",  # noqa: S608 (marks)
        tuple(numbers),
    ):
        gone["rejected" if refused else "accepted"] = number
    for state, number in connection.execute(
        f"SELECT d.state, count(*) FROM exchange e JOIN delivery d ON d.n BETWEEN e.n * {FAN_OUT}"  # noqa: S608 (marks)
        f" AND e.n * {FAN_OUT} + {FAN_OUT - 1} WHERE e.n IN ({marks}) GROUP BY d.state",
        tuple(numbers),
    ):
        gone[str(state).lower()] = number
        gone["deliveries"] = gone.get("deliveries", 0) + number
    connection.executemany(
        "INSERT INTO progress (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(f"{_GONE}{name}", number) for name, number in gone.items()],
    )


def write_down(connection: sqlite3.Connection, tally: Tally) -> None:
    """Keep the numbers for the next start."""
    names = [field.name for field in fields(Tally)]
    rows = [(f"{_PREFIX}{name}", value) for name, value in zip(names, astuple(tally), strict=True)]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT OR REPLACE INTO progress (name, value) VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def still_open(connection: sqlite3.Connection) -> int:
    """How many deliveries are open: along the index alone."""
    return int(connection.execute("SELECT count(*) FROM delivery WHERE open IS NOT NULL").fetchone()[0])


def open_by_state(connection: sqlite3.Connection) -> dict[State, int]:
    """Open deliveries by state, of one moment. Only those in motion are looked at one by one."""
    counts: dict[State, int] = {}
    connection.execute("BEGIN")
    try:
        for number, count in connection.execute(_BY_CLASS).fetchall():
            if number in _ALONE:
                counts[_ALONE[number]] = counts.get(_ALONE[number], 0) + int(count)
                continue
            for state, some in connection.execute(_MOVING, (number,)).fetchall():
                counts[State(state)] = counts.get(State(state), 0) + int(some)
    finally:
        connection.execute("COMMIT")
    return counts
