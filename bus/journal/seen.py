"""What must not come twice (nonces, signatures of messages without an id): remembered until it would be refused anyway.

Shared by all processes of a bus, since only the journal's owner writes, and durable like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.database import Database

MOST: Final = 1_000_000
"""Values remembered at a time (about 60 MB): 3,000 messages a second for the five minutes that a nonce counts."""

FORGET: Final = 256
"""Values that have had their time, taken away with each batch."""

TABLE: Final = """
CREATE TABLE seen (value BLOB PRIMARY KEY, until REAL NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX seen_until ON seen (until);
"""


@dataclass(frozen=True, slots=True)
class Remembrance:
    """A value that counts once until ``until``; ``now`` is the time of asking."""

    value: str
    until: float
    now: float

    @property
    def key(self) -> bytes:
        """What is stored: neither nonce nor name."""
        return sha256(self.value.encode()).digest()


class Seen:
    """The table as the writer sees it."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._count = int(connection.execute("SELECT count(*) FROM seen").fetchone()[0])

    def remember(self, wanted: Sequence[Remembrance]) -> list[bool | JournalError]:
        """Whether each value is new; CB4002 for what does not fit any more: what cannot be remembered is not let in."""
        forgotten = self._connection.execute(
            "DELETE FROM seen WHERE value IN (SELECT value FROM seen WHERE until < ? LIMIT ?)",
            (min(each.now for each in wanted), FORGET),
        ).rowcount
        self._count -= forgotten
        outcomes: list[bool | JournalError] = []
        for each in wanted:
            if self._count >= MOST:
                finding = Finding("CB4002", path="seen", expected=f"<= {MOST}")
                outcomes.append(JournalError("CB4002", [finding], retry_after_s=60))
                continue
            added = self._connection.execute(
                "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (each.key, each.until)
            ).rowcount
            self._count += added
            outcomes.append(added == 1)
        return outcomes

    def rolled_back(self) -> None:
        """A batch was undone: count anew."""
        self._count = int(self._connection.execute("SELECT count(*) FROM seen").fetchone()[0])
