"""What the inquiry flows share: a vendor's answer as the standard's reply, and the bus's reply as vendor items."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field

from lxml import etree

from adapters.host.bus_client import Answer
from adapters.host.compose import Composer
from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment, Request
from adapters.host.translate import Translator
from adapters.sdk.types import BadRecord, VendorRecord
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Finding
from bus.wire import envelope, fault, records
from schemas.model import Operation

FOUND = "00"
NONE = "01"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an inquiry to the bus came to: ``code`` is empty when it was answered."""

    rows: list[dict[str, str]] = field(default_factory=list, repr=False)
    code: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def result(self) -> str:
        """``00`` found, ``01`` none, else the error code."""
        return self.code or (FOUND if self.rows else NONE)


@dataclass(frozen=True, slots=True)
class Inquiries:
    """Translators and messages of one inquiry flow."""

    spec: FlowSpec
    environment: Environment
    composer: Composer

    @property
    def operation(self) -> Operation:
        """The operation asked or answered."""
        return self.environment.operation(self.spec.text("operation"))

    def asked(self) -> Translator:
        """The translator of requests."""
        return self.environment.translators.get(self.spec.path("request_layout"), self.spec.path("request_mapping"))

    def told(self) -> Translator:
        """The translator of answers."""
        return self.environment.translators.get(self.spec.path("reply_layout"), self.spec.path("reply_mapping"))

    def vendor_request(self, request: Request) -> dict[str, str]:
        """The bus's request in the vendor's items; AdapterError when the vendor cannot express it."""
        values = self.asked().to_vendor(records.from_element(request.payload)).values
        self.asked().encode(values)
        return values

    def reply(self, rows: Iterable[VendorRecord]) -> etree._Element:
        """The standard's reply from the vendor's records, checked by the contract.

        Errors: those of the mapping; CB6010 when the result breaks the standard.
        """
        operation = self.operation
        values = [self.told().to_standard(row).values for row in rows]
        if len(values) > 1 and not operation.repeats:
            raise AdapterError("CB6010", [Finding("CB6010", expected="<= 1 record", got=f"{len(values)} records")])
        payload = self.composer.payload(operation, rows=values, reply=True)
        findings = self.environment.contracts[operation.unit].validate(payload)
        if findings:
            raise AdapterError("CB6010", findings)
        return payload

    def decode_all(self, body: bytes) -> list[VendorRecord]:
        """All records of an answer; AdapterError CB6010 for an answer that does not have the layout."""
        found: list[VendorRecord] = []
        for one in self.told().codec.decode(io.BytesIO(body), self.spec.id):
            if isinstance(one, BadRecord):
                raise AdapterError("CB6010" if one.error.code == "CB6014" else one.error.code, one.error.findings)
            found.append(one)
        return found

    def question(self, record: VendorRecord) -> etree._Element:
        """A vendor's inquiry as the standard's request, checked by the contract; a coded error where it cannot be."""
        payload = self.composer.payload(self.operation, values=self.asked().to_standard(record).values)
        self.environment.check(self.operation, payload)
        return payload

    async def ask(self, record: VendorRecord) -> Outcome:
        """Put a vendor's inquiry to the bus and wait for the answer."""
        try:
            payload = self.question(record)
        except ChiikibusError as error:
            return Outcome(code=error.code, findings=error.findings)
        # a new id each time: an inquiry has no effect, and the answer is to be that of now
        message_id = self.environment.ids.message()
        body = self.composer.request(self.operation, payload, message_id, self.spec.text("purpose"))
        return self.outcome(await self.post(body, message_id))

    async def post(self, body: bytes, message_id: str) -> Answer:
        """Put a question to the bus once."""
        deadline_s = self.spec.number("deadline_s", self.operation.deadline_s)
        unit, action = self.operation.unit, self.operation.action
        return await self.environment.bus.post(unit, action, body, deadline_s, message_id=message_id)

    def _vendor_row(self, values: dict[str, str]) -> dict[str, str]:
        items = self.told().to_vendor(values).values
        self.told().encode(items)
        return items

    def outcome(self, answer: Answer) -> Outcome:
        """What the bus's answer on the connection comes to for the vendor."""
        if not answer.taken:
            return Outcome(code=answer.code, findings=answer.findings)
        return Outcome(code="CB1017") if answer.envelope is None else self.told_by(answer.envelope.body)

    def told_by(self, payload: etree._Element) -> Outcome:
        """What the payload of an answer comes to: the vendor's items, or the code of a fault."""
        if payload.tag == envelope.FAULT:
            remote = fault.read_fault(payload)
            return Outcome(code=remote.code or "CB5004", findings=tuple(remote.findings))
        if str(payload.tag) != self.operation.output:
            return Outcome(code="CB1017")
        try:
            carried = records.carried_elements(payload, self.operation)
            return Outcome([self._vendor_row(records.from_element(one)) for one in carried])
        except AdapterError as error:
            return Outcome(code=error.code, findings=error.findings)
