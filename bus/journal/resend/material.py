"""What a rehearsal of planned deliveries needs: their messages and what earlier attempts left, read beside the bus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from bus.core.ports import Consignment
from bus.core.states import State
from bus.journal.database import Database
from bus.journal.resend.store import OF_ITEM
from bus.journal.rows import OPEN_COLUMNS, open_delivery
from bus.journal.vault import Vault, opened

Found = tuple[Consignment, str, int, list[list[dict[str, Any]]]]
"""The consignment with its bytes, the digest of the tables of its acceptance, attempts so far, findings of events."""

_ITEMS: Final = (
    f"SELECT {OPEN_COLUMNS}, e.tables_hash, e.n FROM {OF_ITEM} WHERE r.j = ? AND r.i > ? ORDER BY r.i LIMIT ?"  # noqa: S608 (constants)
)
_EVENTS: Final = "SELECT state, detail FROM event WHERE delivery = ? ORDER BY n"


def material(database: Database, vault: Vault | None, number: int, after: int, limit: int) -> Iterator[Found]:
    """Items of a job in the order of sending. Errors: CB4030 a body cannot be decrypted."""
    for row in database.execute(_ITEMS, (number, after, limit)).fetchall():
        *columns, tables_hash, n = row
        consignment = open_delivery(columns).consignment
        body = database.execute("SELECT raw FROM body WHERE n = ?", (n,)).fetchone()
        raw = b"" if body is None else opened(vault, bytes(body[0]), consignment.exchange_id, database)
        events = database.execute(_EVENTS, (columns[0],)).fetchall()
        attempts = sum(1 for state, _ in events if state == State.DISPATCHING.value)
        findings = [json.loads(detail) for _, detail in events if detail]
        yield replace(consignment, raw=raw), str(tables_hash), attempts, findings
