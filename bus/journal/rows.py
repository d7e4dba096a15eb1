"""Rows of the journal turned into the port's values; used by the writer and by every reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from bus.core.ports import Consignment, OpenDelivery
from bus.core.states import State
from bus.core.types import Known, Mode
from bus.journal import packages
from bus.journal.database import Database
from bus.journal.schema import FAN_OUT

KEY_SEPARATOR: Final = "\x1f"

_KNOWN: Final = (
    "SELECT e.municipality, e.message_id, e.sender, e.exchange_id, e.sha256, e.mode, e.operation, e.received_at,"
    " e.purpose, d.state, d.code, d.n, d.target"
    " FROM exchange e JOIN delivery d ON d.n BETWEEN e.n * 4096 AND e.n * 4096 + 4095"
    " WHERE e.n = ? AND e.refused = 0 ORDER BY d.n"
)

OPEN_COLUMNS: Final = (
    "d.n, d.target, d.state, d.attempt, d.next_attempt_at, e.exchange_id, e.municipality, e.sender, e.operation,"
    " e.message_id, e.ordering_keys, e.received_at, e.expires_at, e.content_type, e.soap_action, e.purpose"
)
OPEN_FROM: Final = f"delivery d JOIN exchange e ON e.n = d.n / {FAN_OUT}"


def known(
    connection: Database, numbers: Iterable[int], municipality: str, message_id: str, sender: str = ""
) -> Known | None:
    """The first of these messages that was accepted under this id; ``sender`` empty means whoever sent it."""
    for number in numbers:
        rows = connection.execute(_KNOWN, (number,)).fetchall()
        if rows and rows[0][:2] == (municipality, message_id) and sender in ("", rows[0][2]):
            return _known(connection, rows)
    return None


def _known(connection: Database, rows: Sequence[tuple[Any, ...]]) -> Known:
    """The first delivery speaks for the exchange; all of them name the targets."""
    _, _, sender, exchange_id, sha256, mode, operation, received_at, purpose, state, code, n, _ = rows[0]
    reply = connection.execute("SELECT raw, status, content_type FROM reply WHERE n = ?", (n,)).fetchone()
    raw, status, content_type = reply or (b"", 0, "")
    return Known(
        exchange_id=exchange_id,
        sha256=sha256,
        mode=Mode(mode),
        operation=operation,
        received_at=received_at,
        state=State(state),
        code=code,
        reply=raw,
        reply_status=status,
        reply_content_type=content_type,
        sender=sender,
        targets=tuple(row[-1] for row in rows),
        purpose=purpose,
        reply_package=packages.read(connection, packages.REPLY, n) if content_type[:1] in {"m", "M"} else None,
    )


def open_delivery(row: Sequence[Any]) -> OpenDelivery:
    """A row of ``OPEN_COLUMNS`` as the port's value, without the body."""
    (n, target, state, attempt, next_attempt_at, exchange_id, municipality, sender, operation, message_id, keys,
     received_at, expires_at, content_type, soap_action, purpose) = row  # fmt: skip
    consignment = Consignment(
        delivery_id=f"{exchange_id}-{n % FAN_OUT}",
        exchange_id=exchange_id,
        municipality=municipality,
        sender=sender,
        target=target,
        operation=operation,
        message_id=message_id,
        ordering_keys=tuple(keys.split(KEY_SEPARATOR)) if keys else (),
        accepted_at=received_at,
        expires_at=expires_at,
        attempt=attempt,
        content_type=content_type,
        soap_action=soap_action,
        purpose=purpose,
    )
    return OpenDelivery(consignment, State(state), next_attempt_at)
