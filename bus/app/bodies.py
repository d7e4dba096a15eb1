"""How a broker reads back the bodies that it did not keep in memory."""

from __future__ import annotations

from collections.abc import Callable

from bus.core.errors import JournalError
from bus.core.ports import Journal


def body_or_nothing(journal: Journal) -> Callable[[str], bytes]:
    """Bodies by exchange id. One that cannot be read now is left out: it is read again, and judged, when it is sent."""

    def body(exchange_id: str) -> bytes:
        try:
            return journal.body(exchange_id)
        except JournalError:
            return b""

    return body
