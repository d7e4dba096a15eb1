"""The vendor's own SOAP service as a flow declares it: contract, address, what a call holds, what an answer means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lxml import etree

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.rest_access import client
from adapters.transports.soap_paths import put, text_at, values_of
from bus.core.errors import AdapterError
from bus.core.types import Finding
from bus.wire import safe_xml

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import SoapContract, VendorSoap


def contract(spec: FlowSpec, operation: str = "soap_operation") -> SoapContract:
    """The operation that the flow names; ConfigurationError CB6067."""
    from adapters.transports.vendor_soap import SoapContract  # noqa: PLC0415 (zeep: 50 ms and 6 MB)

    service, port = spec.text("service"), spec.text("port")
    return SoapContract(spec.path("wsdl"), spec.text(operation), service=service, port=port)


def caller(spec: FlowSpec, environment: Environment, connections: int) -> VendorSoap:
    """The client of the flow's operation."""
    from adapters.transports.vendor_soap import VendorSoap  # noqa: PLC0415 (zeep: 50 ms and 6 MB)

    return VendorSoap(contract(spec), client(spec, environment, connections), spec.text("path"))


def arguments(spec: FlowSpec, environment: Environment, record: bytes, key: str) -> dict[str, Any]:
    """What a call holds: the record at ``record_at``, and ``constants`` with ``{key}``, ``{municipality}`` filled."""
    values: dict[str, Any] = {}
    constants: Mapping[str, Any] = spec.keys.get("constants", {})
    for path, text in constants.items():
        put(values, path, str(text).replace("{key}", key).replace("{municipality}", environment.spec.municipality))
    put(values, spec.text("record_at"), values_of(safe_xml.parse(record)))
    return values


@dataclass(frozen=True, slots=True)
class Meaning:
    """How a flow reads an answer: which codes at ``result_at`` are good, mean no data, or ask to try again."""

    spec: FlowSpec

    def none(self, body: etree._Element) -> bool:
        """Judge an answer: ``True`` when it says that there is no data.

        Errors: CB6064 the vendor wants it later, CB6066 the vendor refuses; its code is in the finding.
        """
        path = self.spec.text("result_at")
        if not path:
            return False
        code = text_at(body, path)
        if code in self._codes("result_none"):
            return True
        if code in self._codes("result_ok"):
            return False
        wrong = "CB6064" if code in self._codes("result_retry") else "CB6066"
        expected = " | ".join(self._codes("result_ok"))
        raise AdapterError(wrong, [Finding(wrong, path=path, expected=expected, got=code[:16])])

    def _codes(self, key: str) -> list[str]:
        return [str(one) for one in self.spec.keys.get(key, [])]
