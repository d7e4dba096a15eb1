"""Received records are handed to the vendor one call at a time, in order per person, until each is taken or refused."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.host.flows.receiving import Receiving, ReceivingFlow
from adapters.host.identity import uuid_of
from adapters.host.lanes import Lanes, backoff
from adapters.host.store import received
from adapters.host.store.files import findings_json
from adapters.host.store.received import Waiting
from bus.core import log
from bus.core.errors import AdapterError

TRY_AGAIN = frozenset({"CB6009", "CB6011", "CB6012", "CB6061", "CB6064", "CB6071"})


def key_of(row: Waiting) -> str:
    """The key of a record: the same however often it is tried, and no other record's."""
    return uuid_of("record", row.message_id, row.lane, str(row.seq))


@dataclass(slots=True)
class PushingFlow(ReceivingFlow):
    """A flow that calls the vendor for every record. A kind says how a call is made (``call``)."""

    _lanes: Lanes[Waiting] = field(init=False)
    _away: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        concurrency = int(self.spec.number("concurrency", 16))
        self._lanes = Lanes(self._load, lambda row: (row.lane,), self._put, concurrency)
        self._receiving = Receiving(self.spec, self.environment, self.composer, self._lanes.wake, self.pack)
        self.prepare(concurrency)

    @abstractmethod
    def prepare(self, concurrency: int) -> None:
        """Make the client."""

    @abstractmethod
    def pack(self, items: dict[str, str], raw: bytes) -> tuple[bytes, str]:
        """What is kept of a record until it is handed over; AdapterError when it could never be."""

    @abstractmethod
    async def call(self, row: Waiting) -> None:
        """Hand a record over; AdapterError with one of ``TRY_AGAIN`` to do it later, with another one for good."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""

    async def run(self, stop: asyncio.Event) -> None:
        """Hand records over until ``stop``."""
        try:
            await self._lanes.run(stop)
        finally:
            await self.close()

    def _load(self, after: int, limit: int) -> Sequence[Waiting]:
        return received.waiting(self.environment.store.reader, self.id, after, limit)

    async def _put(self, row: Waiting, attempt: int) -> float | None:
        try:
            await self.call(row)
            await self.environment.store.write(received.done, [row.seq], self.environment.clock.now())
        except AdapterError as error:
            return await self._failed(row, attempt, error)
        if self._away:
            self._away = False
            log.line("vendor_back", flow=self.id)
        return None

    async def _failed(self, row: Waiting, attempt: int, error: AdapterError) -> float | None:
        if error.code in TRY_AGAIN:
            if not self._away:
                self._away = True
                log.warn("vendor_away", flow=self.id, code=error.code)
            return max(float(error.retry_after_s), backoff(attempt))
        log.warn("record_refused", flow=self.id, code=error.code, message_id=row.message_id)
        detail = findings_json(error.findings)
        now = self.environment.clock.now()
        try:
            await self.environment.store.write(received.refused, row.seq, error.code, detail, now)
        except AdapterError:
            return backoff(attempt)
        return None
