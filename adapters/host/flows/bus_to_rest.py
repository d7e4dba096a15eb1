"""bus-to-rest: received records are written to the vendor's REST face, one call per record, in order per person."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.host.flows.receiving import Receiving, ReceivingFlow
from adapters.host.flows.rest_access import client
from adapters.host.identity import uuid_of
from adapters.host.lanes import Lanes, backoff
from adapters.host.store import received
from adapters.host.store.files import findings_json
from adapters.host.store.received import Waiting
from adapters.transports.rest import RestClient, fill
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

TRY_AGAIN = frozenset({"CB6009", "CB6011", "CB6012", "CB6061", "CB6064"})


@dataclass(slots=True)
class BusToRest(ReceivingFlow):
    """One flow of kind ``bus-to-rest``."""

    _client: RestClient = field(init=False)
    _lanes: Lanes[Waiting] = field(init=False)
    _away: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        concurrency = int(self.spec.number("concurrency", 16))
        self._client = client(self.spec, self.environment, concurrency)
        self._lanes = Lanes(self._load, lambda row: (row.lane,), self._put, concurrency)
        self._receiving = Receiving(self.spec, self.environment, self.composer, self._lanes.wake, self._pack)

    async def run(self, stop: asyncio.Event) -> None:
        """Write records until ``stop``."""
        try:
            await self._lanes.run(stop)
        finally:
            await self._client.close()

    def _load(self, after: int, limit: int) -> Sequence[Waiting]:
        return received.waiting(self.environment.store.reader, self.id, after, limit)

    async def _put(self, row: Waiting, attempt: int) -> float | None:
        try:
            await self._call(row)
            await self.environment.store.write(received.done, [row.seq], self.environment.clock.now())
        except AdapterError as error:
            return await self._failed(row, attempt, error)
        if self._away:
            self._away = False
            log.line("vendor_back", flow=self.id)
        return None

    def _pack(self, items: dict[str, str], raw: bytes) -> tuple[bytes, str]:
        """What is sent is made at acceptance: the body, and the address that its items fill."""
        return raw, fill(self.spec.text("path"), items)

    async def _call(self, row: Waiting) -> None:
        key = self.spec.text("key_header")
        # the same record has the same key however often it is tried
        headers = {key: uuid_of("rest", row.message_id, row.lane, str(row.seq))} if key else {}
        reply = await self._client.request(self.spec.text("method"), row.context, row.payload, headers)
        if reply.status in {401, 403, 408}:
            code = "CB6009" if reply.status == 408 else "CB6061"
            raise AdapterError(code, [Finding(code, path=self._client.base_url, got=f"HTTP {reply.status}")])
        if not 200 <= reply.status < 300:
            raise AdapterError("CB6010", [Finding("CB6010", path=self._client.base_url, got=f"HTTP {reply.status}")])

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
