"""bus-to-rest: received records are written to the vendor's REST face, one call per record, in order per person."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.host.flows.pushing import PushingFlow, key_of
from adapters.host.flows.rest_access import client
from adapters.host.store.received import Waiting
from adapters.transports.rest import RestClient, fill
from bus.core.errors import AdapterError
from bus.core.types import Finding


@dataclass(slots=True)
class BusToRest(PushingFlow):
    """One flow of kind ``bus-to-rest``."""

    _client: RestClient = field(init=False)

    def prepare(self, concurrency: int) -> None:
        """Make the client."""
        self._client = client(self.spec, self.environment, concurrency)

    def pack(self, items: dict[str, str], raw: bytes) -> tuple[bytes, str]:
        """What is sent is made at acceptance: the body, and the address that its items fill."""
        return raw, fill(self.spec.text("path"), items)

    async def call(self, row: Waiting) -> None:
        """Write one record. A refusal that says nothing about the record is tried again."""
        key = self.spec.text("key_header")
        headers = {key: key_of(row)} if key else {}
        reply = await self._client.request(self.spec.text("method"), row.context, row.payload, headers)
        if reply.status in {401, 403, 408}:
            code = "CB6009" if reply.status == 408 else "CB6061"
            raise AdapterError(code, [Finding(code, path=self._client.base_url, got=f"HTTP {reply.status}")])
        if not 200 <= reply.status < 300:
            raise AdapterError("CB6010", [Finding("CB6010", path=self._client.base_url, got=f"HTTP {reply.status}")])

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()
