"""Build messages for the bus: payload, WS-Addressing and context of this adapter's endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from adapters.host.store.outbox import WAITING, Letter
from bus.core.datarules import standard_datetime
from bus.core.ports import Clock
from bus.core.types import Addressing, Context, Endpoint
from bus.wire import context as context_header
from bus.wire import envelope, records
from bus.wire.addressing_fault import SOAP_FAULT_ACTION, answer
from schemas.model import Edition, Operation


@dataclass(frozen=True, slots=True)
class Composer:
    """Makes messages in the name of one endpoint. ``address`` gives the bus's address for a unit."""

    endpoint: Endpoint
    edition: Edition
    clock: Clock
    base_url: str

    def payload(
        self,
        operation: Operation,
        *,
        values: Mapping[str, str] | None = None,
        rows: Iterable[Mapping[str, str]] = (),
        reply: bool = False,
    ) -> etree._Element:
        """The request (or reply) element of an operation: its own items, then the records it carries."""
        unit = self.edition.units[operation.unit]
        tag = operation.output if reply else operation.input
        own = unit.records.get(tag.rpartition("}")[2] if reply else operation.request_record)
        carried = unit.records.get(operation.record)
        return records.payload(tag, own, values, None if carried is None else (carried, rows))

    def receipt(self, operation: Operation, message_id: str, number: str) -> etree._Element:
        """The receipt of a notice or bulk part."""
        now = standard_datetime(self.clock.now())
        return records.receipt(operation.output, context_header.NAMESPACE, message_id, number, now)

    def request(
        self, operation: Operation, payload: etree._Element, message_id: str, purpose: str, *, reply_to: str = ""
    ) -> bytes:
        """A request with full addressing and context; ``reply_to`` is where its answer is to come to, later."""
        addressing = Addressing(
            message_id=message_id, action=operation.action, to=self._address(operation), reply_to=reply_to
        )
        return self._build(operation, payload, purpose, addressing)

    def late_reply(
        self, operation: Operation, payload: etree._Element, message_id: str, request: Addressing, purpose: str
    ) -> bytes:
        """An answer (or fault) to ``request`` that is posted to the bus later: To and echoes as the request wants."""
        is_fault = payload.tag == envelope.FAULT
        action = SOAP_FAULT_ACTION if is_fault else operation.reply_action
        addressing, parameters = answer(request, action, message_id, fault=is_fault)
        addressing = replace(addressing, to=addressing.to or self._address(operation))
        return self._build(operation, payload, purpose, addressing, parameters)

    def _address(self, operation: Operation) -> str:
        """Where this endpoint finds the bus."""
        return f"{self.base_url}/{self.endpoint.municipality}/{self.endpoint.id}/{operation.unit}"

    def _build(
        self,
        operation: Operation,
        payload: etree._Element,
        purpose: str,
        addressing: Addressing,
        parameters: str = "",
    ) -> bytes:
        context = Context(
            sender_municipality=self.endpoint.municipality,
            sender_unit=self.endpoint.unit,
            sender_system=self.endpoint.id,
            receiver_municipality=self.endpoint.municipality,
            operation=operation.key,
            edition=self.edition.version,
            purpose=purpose or self.endpoint.purpose,
            sent_at=standard_datetime(self.clock.now()),
        )
        return envelope.build(payload, addressing=addressing, context=context, parameters=parameters)

    def letter(
        self,
        operation: Operation,
        payload: etree._Element,
        message_id: str,
        *,
        flow: str,
        purpose: str,
        source: str = "",
        record_no: int = 0,
        count: int = 1,
        state: str = WAITING,
    ) -> Letter:
        """A request as a letter for the outbox; its lanes are those of the operation."""
        return Letter(
            message_id=message_id,
            flow=flow,
            operation=operation.key,
            action=operation.action,
            purpose=purpose,
            source=source,
            record_no=record_no,
            lanes=lanes(operation, payload),
            body=self.request(operation, payload, message_id, purpose),
            records=count,
            state=state,
        )


def lanes(operation: Operation, payload: etree._Element) -> tuple[str, ...]:
    """The ordering keys of a payload, ``<lane>=<value>`` each."""
    namespace = str(payload.tag)[: str(payload.tag).index("}") + 1]
    found: dict[str, None] = {}
    for rule in operation.ordering:
        lane, _, path = rule.partition("=")
        for element in payload.iterfind("/".join(namespace + step for step in path.split("/"))):
            if element.text:
                found[f"{lane}={element.text}"] = None
    return tuple(found)
