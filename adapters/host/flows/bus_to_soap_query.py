"""bus-to-soap-query: an inquiry is answered by the vendor's own SOAP service."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lxml import etree

from adapters.host.flows.base import AnsweringFlow, Reply, Request
from adapters.host.flows.inquiries import Inquiries
from adapters.host.flows.soap_access import Meaning, arguments, caller
from adapters.sdk.types import VendorRecord
from adapters.transports.soap_paths import at
from bus.core.errors import AdapterError

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import VendorSoap


@dataclass(slots=True)
class BusToSoapQuery(AnsweringFlow):
    """One flow of kind ``bus-to-soap-query``."""

    _soap: VendorSoap = field(init=False)
    _inquiries: Inquiries = field(init=False)
    _meaning: Meaning = field(init=False)

    def __post_init__(self) -> None:
        self._soap = caller(self.spec, self.environment, int(self.spec.number("connections", 16)))
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)
        self._meaning = Meaning(self.spec)

    async def run(self, stop: asyncio.Event) -> None:
        """Keep the connections until ``stop``."""
        await stop.wait()
        await self._soap.client.close()

    async def answer(self, request: Request) -> Reply:
        """Ask the vendor. CB6009 away, CB6011 too late, CB6065 / CB6066 not understood; errors of the mapping."""
        record = self._inquiries.asked().encode(self._inquiries.vendor_request(request))
        body = await self._soap.call(arguments(self.spec, self.environment, record, request.message_id))
        return Reply(self._inquiries.reply([] if self._meaning.none(body) else self._records(body)))

    def _records(self, body: etree._Element) -> list[VendorRecord]:
        found = []
        for number, element in enumerate(at(body, self.spec.text("items_at")), 1):
            raw = etree.tostring(element, with_tail=False, encoding="UTF-8")
            try:
                found.append(self._inquiries.told().decode(raw, self.spec.id, number))
            except AdapterError as error:
                raise AdapterError("CB6010" if error.code == "CB6014" else error.code, error.findings) from error
        return found
