"""bus-to-tcp: an inquiry is answered by the vendor over framed TCP.

Request: operation code (2 ASCII) and one record. Answer: status (``00`` found, ``01`` none, ``90`` error), number of
records in four digits, records without line ends.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from adapters.host.flows.base import AnsweringFlow, Reply, Request
from adapters.host.flows.inquiries import FOUND, NONE, Inquiries
from adapters.sdk.types import VendorRecord
from adapters.transports.framed_tcp import FramedClient
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding

STATUS_BYTES = 2
COUNT_BYTES = 4


@dataclass(slots=True)
class BusToTcp(AnsweringFlow):
    """One flow of kind ``bus-to-tcp``."""

    _client: FramedClient = field(init=False)
    _inquiries: Inquiries = field(init=False)

    def __post_init__(self) -> None:
        address = self.environment.setting(self.spec.text("address"))
        host, _, port = address.rpartition(":")
        if not host or not port.isdigit():
            finding = Finding("CB7001", path="adapters.toml", expected="host:port", got=address)
            raise ConfigurationError("CB7001", [finding])
        pool, deadline_s = int(self.spec.number("pool", 4)), self.spec.number("deadline_s", 8)
        self._client = FramedClient(host, int(port), pool=pool, deadline_s=deadline_s)
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the connections until ``stop``."""
        await stop.wait()
        await self._client.close()

    async def answer(self, request: Request) -> Reply:
        """Ask the vendor. CB6009 away, CB6010 answer not understood, CB6011 too late; errors of the mapping."""
        record = self._inquiries.asked().encode(self._inquiries.vendor_request(request))
        raw = await self._client.request(self.spec.text("request_code").encode("ascii") + record)
        return Reply(self._inquiries.reply(self._records(raw)))

    def _records(self, raw: bytes) -> list[VendorRecord]:
        status = raw[:STATUS_BYTES].decode("ascii", "replace")
        count = raw[STATUS_BYTES : STATUS_BYTES + COUNT_BYTES]
        if status == NONE:
            return []
        if status != FOUND:
            raise self._wrong("00 | 01", status)
        translator = self._inquiries.told()
        size = translator.codec.layout.record_bytes
        body = raw[STATUS_BYTES + COUNT_BYTES :]
        if not count.isdigit() or len(body) != int(count) * size:
            raise self._wrong(f"count x {size} bytes", f"{len(body)} bytes")
        return [
            translator.decode(body[start : start + size], self.spec.id, number)
            for number, start in enumerate(range(0, len(body), size), 1)
        ]

    def _wrong(self, expected: str, got: str) -> AdapterError:
        return AdapterError("CB6010", [Finding("CB6010", path=self._client.address, expected=expected, got=got)])
