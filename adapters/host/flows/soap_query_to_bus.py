"""soap-query-to-bus: the vendor asks by calling the adapter; the bus's answer goes back as the vendor's WSDL says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxml import etree

from adapters.host.flows.base import WiredFlow
from adapters.host.flows.inquiries import FOUND, NONE, Inquiries
from adapters.host.flows.soap_desk import join_desk
from adapters.transports.soap_paths import at, put, values_of
from bus.core import log
from bus.core.errors import AdapterError
from bus.wire import safe_xml

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import SoapContract


@dataclass(slots=True)
class SoapQueryToBus(WiredFlow):
    """One flow of kind ``soap-query-to-bus``. The result (``00``, ``01``) goes to ``result_at`` where that is set."""

    _contract: SoapContract = field(init=False)
    _inquiries: Inquiries = field(init=False)

    def __post_init__(self) -> None:
        self._contract = join_desk(self.spec, self.environment, self.answer)
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)

    async def run(self, stop: asyncio.Event) -> None:
        """The face serves while the process runs."""
        await stop.wait()

    async def answer(self, body: etree._Element) -> bytes:
        """Put a question to the bus; its error goes back as a fault with its code."""
        (element,) = at(body, self.spec.text("record_at"))[:1] or [body]
        raw = etree.tostring(element, with_tail=False, encoding="UTF-8")
        outcome = await self._inquiries.ask(self._inquiries.asked().decode(raw, self.id, 1))
        log.line("inquiry_answered", flow=self.id, operation=self._inquiries.operation.key, code=outcome.code)
        if outcome.code:
            known = outcome.code.startswith(AdapterError.prefixes)
            raise AdapterError(outcome.code if known else "CB6009", outcome.findings)
        values: dict[str, Any] = {}
        said: Mapping[str, Any] = self.spec.keys.get("answer", {})
        for path, text in said.items():
            put(values, path, str(text))
        if self.spec.text("result_at"):
            put(values, self.spec.text("result_at"), FOUND if outcome.rows else NONE)
        encode = self._inquiries.told().encode
        rows = [values_of(safe_xml.parse(encode(row))) for row in outcome.rows]
        if rows:
            put(values, self.spec.text("items_at"), rows if self._inquiries.operation.repeats else rows[0])
        return self._contract.reply(values)
