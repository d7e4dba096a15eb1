"""Which message ids are known: the newest in memory, the rest in a table that lags behind on purpose.

Message ids are random, so an index kept up with every commit would rewrite one page per message and cost more than
the message itself. The messages themselves are durable at once; their keys are merged into the table in sorted
slices, and after a restart the unmerged tail is read back from the messages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from bus.journal.message_key import message_key

MERGE_FORCED: Final = 32_768
"""Keys in memory at which merging no longer waits for a gap."""

MERGE_IDLE: Final = 64
"""Fewer keys than this are not worth a gap."""

SLICE: Final = 1024
"""Keys merged at a time: about a millisecond."""


class MessageIndex:
    """Numbers of messages by key. Changed by the writer's thread only; ``candidates`` may be asked from any thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Reads the tail that the table does not hold yet."""
        self._connection = connection
        self._recent: dict[int, tuple[int, ...]] = {}
        self._merging: dict[int, tuple[int, ...]] = {}
        self._slices: list[tuple[int, int]] = []
        self._merging_last = 0
        self._last = merged_up_to(connection)
        for n, municipality, message_id in connection.execute(
            "SELECT n, municipality, message_id FROM exchange WHERE n > ? ORDER BY n", (self._last,)
        ):
            self.add(message_key(municipality, message_id), n)

    def add(self, key: int, n: int) -> None:
        """Note a message; a batch that fails takes it back with ``forget``."""
        self._recent[key] = (*self._recent.get(key, ()), n)
        self._last = max(self._last, n)

    def forget(self, keys: Iterable[int], first: int) -> None:
        """Take back what was noted for messages numbered ``first`` and above."""
        for key in keys:
            kept = tuple(n for n in self._recent.get(key, ()) if n < first)
            if kept:
                self._recent[key] = kept
            else:
                self._recent.pop(key, None)
        self._last = first - 1

    def candidates(self, connection: sqlite3.Connection, key: int) -> list[int]:
        """Numbers of messages that may have this id, oldest first; ``connection`` is the asking thread's own."""
        # In the direction in which keys move (recent, merging, table), so that none slips past between two looks.
        recent = self._recent.get(key, ())
        held = (*self._merging.get(key, ()), *recent)
        rows = connection.execute("SELECT n FROM message_key WHERE key = ?", (key,)).fetchall()
        return sorted({*held, *(row[0] for row in rows)}) if held or rows else []

    def present(self, keys: Sequence[int]) -> set[int]:
        """Those of these keys that have candidates; one statement for all of them."""
        found = {key for key in keys if key in self._recent or key in self._merging}
        for start in range(0, len(keys), SLICE):
            part = keys[start : start + SLICE]
            marks = ",".join("?" * len(part))
            rows = self._connection.execute(f"SELECT key FROM message_key WHERE key IN ({marks})", part)  # noqa: S608 (marks)
            found.update(row[0] for row in rows.fetchall())
        return found

    def merge(self, *, idle: bool) -> bool:
        """Merge one slice if it is time; whether more remains to be done. Runs outside a batch."""
        if not self._slices and not self._begin(idle=idle):
            return False
        part, self._slices = self._slices[:SLICE], self._slices[SLICE:]
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("INSERT OR IGNORE INTO message_key (key, n) VALUES (?, ?)", part)
            if not self._slices:
                connection.execute("UPDATE progress SET value = ? WHERE name = 'message_key'", (self._merging_last,))
            connection.execute("COMMIT")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._slices = part + self._slices
            raise
        if not self._slices:
            self._merging = {}
        return bool(self._slices)

    def _begin(self, *, idle: bool) -> bool:
        if len(self._recent) < (MERGE_IDLE if idle else MERGE_FORCED):
            return False
        self._merging, self._recent = self._recent, {}
        self._merging_last = self._last
        self._slices = sorted((key, n) for key, numbers in self._merging.items() for n in numbers)
        return True


def merged_up_to(connection: sqlite3.Connection) -> int:
    """The number of the last message whose key is in the table."""
    return int(connection.execute("SELECT value FROM progress WHERE name = 'message_key'").fetchone()[0])


def stored_candidates(connection: sqlite3.Connection, municipality: str, message_id: str) -> list[int]:
    """What ``candidates`` gives, for a process that is not the writer: the unmerged tail is searched row by row."""
    rows = connection.execute(
        "SELECT n FROM message_key WHERE key = ? UNION SELECT n FROM exchange"
        " WHERE n > (SELECT value FROM progress WHERE name = 'message_key') AND message_id = ? AND municipality = ?"
        " ORDER BY 1",
        (message_key(municipality, message_id), message_id, municipality),
    )
    return [row[0] for row in rows.fetchall()]
