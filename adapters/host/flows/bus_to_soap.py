"""bus-to-soap: received records go to the vendor's own SOAP service, one call per record, in order per person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from adapters.host.flows.pushing import PushingFlow, key_of
from adapters.host.flows.soap_access import Meaning, arguments, caller
from adapters.host.store.received import Waiting

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import VendorSoap

_TRIAL_KEY = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class BusToSoap(PushingFlow):
    """One flow of kind ``bus-to-soap``."""

    _soap: VendorSoap = field(init=False)
    _meaning: Meaning = field(init=False)

    def prepare(self, concurrency: int) -> None:
        """Read the WSDL and make the client."""
        self._soap = caller(self.spec, self.environment, concurrency)
        self._meaning = Meaning(self.spec)

    def pack(self, items: dict[str, str], raw: bytes) -> tuple[bytes, str]:
        """A record that the vendor's WSDL does not allow is refused before it is accepted (CB6066)."""
        self._soap.contract.request(arguments(self.spec, self.environment, raw, _TRIAL_KEY))
        return raw, ""

    async def call(self, row: Waiting) -> None:
        """Hand one record over and judge the answer."""
        values = arguments(self.spec, self.environment, row.payload, key_of(row))
        self._meaning.none(await self._soap.call(values))

    async def close(self) -> None:
        """Close the connections."""
        await self._soap.client.close()
