"""Rows of the SQLite journal turned into the port's values; used by the writer and by every reader."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

from bus.core.ports import Consignment, Known, OpenDelivery
from bus.core.states import State
from bus.core.types import Mode
from bus.journal.schema import FAN_OUT

KEY_SEPARATOR: Final = "\x1f"

_PROGRESS: Final = (
    State.PARKED,
    State.RETRY_WAIT,
    State.DISPATCHING,
    State.PUBLISHED,
    State.ACCEPTED,
    State.EXPIRED,
    State.CANCELLED,
    State.REPLIED,
    State.DELIVERED,
)
"""Which delivery speaks for an exchange with several targets: the first state of this list that one of them has."""

_KNOWN: Final = (
    "SELECT e.municipality, e.message_id, e.sender, e.exchange_id, e.sha256, e.mode, e.operation, e.received_at,"
    " d.state, d.code, d.n FROM exchange e JOIN delivery d ON d.n BETWEEN e.n * 4096 AND e.n * 4096 + 4095"
    " WHERE e.n = ? AND e.refused = 0"
)

OPEN_COLUMNS: Final = (
    "d.n, d.target, d.state, d.attempt, d.next_attempt_at, e.exchange_id, e.municipality, e.sender, e.operation,"
    " e.message_id, e.ordering_keys, e.received_at, e.expires_at, e.content_type, e.soap_action, e.purpose"
)
OPEN_FROM: Final = f"delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT}"


def known(
    connection: sqlite3.Connection, numbers: Iterable[int], municipality: str, message_id: str, sender: str = ""
) -> Known | None:
    """The first of these messages that was accepted under this id; ``sender`` empty means whoever sent it."""
    for number in numbers:
        rows = connection.execute(_KNOWN, (number,)).fetchall()
        if rows and rows[0][:2] == (municipality, message_id) and sender in ("", rows[0][2]):
            return _known(connection, [row[3:] for row in rows])
    return None


def _known(connection: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> Known:
    row = min(rows, key=lambda each: _PROGRESS.index(State(str(each[5]))))
    exchange_id, sha256, mode, operation, received_at, state, code, n = row
    reply = connection.execute("SELECT raw, status, content_type FROM reply WHERE n = ?", (n,)).fetchone()
    raw, status, content_type = reply or (b"", 0, "")
    return Known(
        exchange_id=str(exchange_id),
        sha256=str(sha256),
        mode=Mode(str(mode)),
        operation=str(operation),
        received_at=float(str(received_at)),
        state=State(str(state)),
        code=str(code),
        reply=raw,
        reply_status=status,
        reply_content_type=content_type,
    )


def open_delivery(row: Sequence[object]) -> OpenDelivery:
    """A row of ``OPEN_COLUMNS`` as the port's value, without the body."""
    (n, target, state, attempt, next_attempt_at, exchange_id, municipality, sender, operation, message_id, keys,
     received_at, expires_at, content_type, soap_action, purpose) = row  # fmt: skip
    assert isinstance(n, int)
    assert isinstance(attempt, int)
    consignment = Consignment(
        delivery_id=f"{exchange_id}-{n % FAN_OUT}",
        exchange_id=str(exchange_id),
        municipality=str(municipality),
        sender=str(sender),
        target=str(target),
        operation=str(operation),
        message_id=str(message_id),
        ordering_keys=tuple(str(keys).split(KEY_SEPARATOR)) if keys else (),
        accepted_at=float(str(received_at)),
        expires_at=float(str(expires_at)),
        attempt=attempt,
        content_type=str(content_type),
        soap_action=str(soap_action),
        purpose=str(purpose),
    )
    return OpenDelivery(consignment, State(str(state)), float(str(next_attempt_at)))
