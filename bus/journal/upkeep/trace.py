"""The trace that a commit leaves for the sealing: which deliveries changed. Written by the thread that commits."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from bus.journal.database import Database

TOUCHED: Final = "INSERT INTO touched (deliveries) VALUES (?)"


def packed(deliveries: Sequence[int]) -> bytes:
    """Numbers of deliveries, 8 bytes each."""
    return struct.pack(f">{len(deliveries)}q", *deliveries)


def unpacked(packed: bytes) -> tuple[int, ...]:
    """The numbers again."""
    return struct.unpack(f">{len(packed) // 8}q", packed)


def begin_trace(database: Database, *, sealed: bool) -> None:
    """At the start of a bus. One that leaves no traces makes the next sealing look at everything again."""
    if sealed:
        return
    known = database.execute("SELECT value FROM sealing WHERE name = 'again'").fetchone()[0]
    if known != 0 or database.execute("SELECT 1 FROM touched LIMIT 1").fetchone() is not None:
        database.execute("DELETE FROM touched")
        database.execute("UPDATE sealing SET value = 0 WHERE name = 'again'")


def touch(database: Database, deliveries: Sequence[int]) -> None:
    """Inside an operator's transaction: these deliveries changed."""
    if deliveries:
        database.execute(TOUCHED, (packed(deliveries),))
