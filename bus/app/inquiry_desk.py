"""Answers the management service's questions from the journal and the tables, limited to the caller's own messages."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from bus.core.errors import JournalError
from bus.core.ports import Journal, JournalReader
from bus.core.settings import Site
from bus.core.types import Endpoint, Known
from bus.front.management import DeliveryStatus, LateReply, RouteAnswer
from bus.ops.explain import explain_tables
from bus.pipeline import Tables

T = TypeVar("T")

LOOP_S = 10.0
"""So long the management thread waits for the event loop; a bus that is this busy answers with CB4002."""

CALLS = 20
"""A failed call sent again under its id is stored as ``<id>#2`` ...: so many of them are shown."""


class InquiryDesk:
    """Implements ``bus.front.management.Desk``. ``reader`` makes the read side in the thread that uses it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        journal: Journal,
        reader: Callable[[], JournalReader],
        site: Callable[[], Site],
        tables: Callable[[], Tables],
    ) -> None:
        self._loop = loop
        self._journal = journal
        self._make_reader = reader
        self._reader: JournalReader | None = None
        self._site = site
        self._tables = tables

    def deliveries(self, caller: Endpoint, message_id: str) -> Sequence[DeliveryStatus]:
        """The deliveries of a message the caller sent, oldest first."""
        if self._reader is None:
            self._reader = self._make_reader()
        found: list[dict[str, object]] = []
        for call in range(1, CALLS + 1):
            stored = message_id if call == 1 else f"{message_id}#{call}"
            rows = self._reader.search(municipality=caller.municipality, endpoint=caller.id, message_id=stored)
            own = [row for row in rows if row["sender"] == caller.id]
            if not own:
                break
            found += reversed(own)
        return [_status(row, message_id) for row in found]

    def route(self, caller: Endpoint, operation: str, purpose: str) -> RouteAnswer:
        """What the tables say; CB1013 for an operation that does not exist."""
        tables = self._tables()
        if operation not in tables.home.operations:
            return RouteAnswer(allowed=False, code="CB1013")
        found = explain_tables(self._site(), tables, caller, operation, purpose)
        targets = tuple(target.endpoint for target in found.targets) if found.allowed else ()
        return RouteAnswer(found.allowed, found.mode if found.allowed else "", targets, found.code, found.withheld)

    def late_reply(self, caller: Endpoint, message_id: str) -> LateReply | None:
        """The exchange of the last call under this id, with the reply as the caller may see it."""
        known = self._on_loop(lambda: self._last_call(caller, message_id))
        if known is None:
            return None
        return LateReply(known.state.value, known.exchange_id, known.reply)

    def close(self) -> None:
        """Close the read side, in the thread that opened it."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _last_call(self, caller: Endpoint, message_id: str) -> Known | None:
        last: Known | None = None
        for call in range(1, CALLS + 1):
            stored = message_id if call == 1 else f"{message_id}#{call}"
            known = self._journal.find(caller.municipality, caller.id, stored)
            if known is None:
                break
            last = known
        return last

    def _on_loop(self, ask: Callable[[], T]) -> T:
        """Ask something that only the event loop's thread may ask. Errors: CB4002 when it does not answer in time."""

        async def asked() -> T:
            return ask()

        waiting: concurrent.futures.Future[T] = asyncio.run_coroutine_threadsafe(asked(), self._loop)
        try:
            return waiting.result(LOOP_S)
        except TimeoutError:
            waiting.cancel()
            raise JournalError("CB4002", retry_after_s=5) from None


def _status(row: dict[str, Any], message_id: str) -> DeliveryStatus:
    """A row of the read side as the service shows it."""
    return DeliveryStatus(
        message_id=message_id,
        exchange_id=row["exchange_id"],
        operation=row["operation"],
        target=f"{row['municipality']}/{row['target']}" if row["target"] else "",
        state=row["state"],
        attempt=row["attempt"] or 0,
        code=row["code"] or "",
        updated_at=datetime.fromtimestamp(row["updated_at"], UTC).isoformat(timespec="milliseconds"),
    )
