"""bus-to-rest-query: an inquiry is answered by the vendor's REST face (200 with a record or an array, 404 for none)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from adapters.host.flows.base import AnsweringFlow, Reply, Request
from adapters.host.flows.inquiries import Inquiries
from adapters.host.flows.rest_access import client
from adapters.transports.rest import RestClient, fill
from bus.core.errors import AdapterError
from bus.core.types import Finding


@dataclass(slots=True)
class BusToRestQuery(AnsweringFlow):
    """One flow of kind ``bus-to-rest-query``."""

    _client: RestClient = field(init=False)
    _inquiries: Inquiries = field(init=False)

    def __post_init__(self) -> None:
        self._client = client(self.spec, self.environment, int(self.spec.number("connections", 16)))
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the connections until ``stop``."""
        await stop.wait()
        await self._client.close()

    async def answer(self, request: Request) -> Reply:
        """Ask the vendor. CB6009 away, CB6010 answer not understood, CB6011 too late; errors of the mapping."""
        values = self._inquiries.vendor_request(request)
        method = self.spec.text("method", "GET")
        body = None if method == "GET" else self._inquiries.asked().encode(values)
        reply = await self._client.request(method, fill(self.spec.text("path"), values), body)
        if reply.status == 404:
            return Reply(self._inquiries.reply([]))
        if reply.status != 200:
            finding = Finding("CB6010", path=self._client.base_url, expected="200 | 404", got=f"HTTP {reply.status}")
            raise AdapterError("CB6010", [finding])
        return Reply(self._inquiries.reply(self._inquiries.decode_all(reply.body)))
