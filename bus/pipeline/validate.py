"""Step 6: the payload against the edition's XSD, code tables and data rules."""

from __future__ import annotations

import asyncio

from bus.core.errors import WireError
from bus.core.types import Exchange
from bus.pipeline import attachments
from bus.pipeline.disclosure import may_pass
from bus.pipeline.glyphs import judge
from bus.pipeline.guard import IN_REQUEST
from bus.pipeline.house import House
from bus.pipeline.parse import LARGE


async def validate(house: House, exchange: Exchange) -> None:
    """Errors: CB1016, E0001 to E0004 with every finding. A body that its route carries unread is not judged.

    The body of a sender with an agreed repertoire has no other characters (E0002).
    CB3027 when it asks for records that are not disclosed to its sender.
    CB2053 when there is a 個人番号 where none may be, in a fault and in a body that is carried unread, too.
    With attachments also CB1050, CB1054, CB1056: the references to them are followed first.
    """
    if exchange.request.package is not None:
        attachments.admit(house, exchange)
    operation = exchange.operation
    assert operation is not None
    sender = exchange.sender
    way = exchange.way = house.tables.way(sender, operation)
    if way.own.guard is not None:
        way.own.guard.inspect(
            exchange.opened or exchange.request.body, exchange.body, exchange.request.package, IN_REQUEST
        )
    if exchange.envelope.is_fault:
        return
    if not exchange.relates_to and way.prepared is not None and way.prepared.route.opaque:
        exchange.opaque = True
        return
    if way.own.stopped:
        may_pass(way.own.stopped, exchange.body)
    contract = way.own.standard.contracts[exchange.unit]
    read, raw = exchange.envelope, exchange.opened or exchange.request.body
    if len(exchange.request.body) < LARGE:
        findings = judge(contract, exchange.sender, read, raw)
    else:
        findings = await asyncio.to_thread(judge, contract, exchange.sender, read, raw)
    numbers = house.tables.numbers
    if not findings and numbers is not None:
        findings = numbers.findings(exchange.body)
    if findings:
        raise WireError(findings[0].code, findings)
    if way.questions is not None and not exchange.relates_to:
        question = way.questions.get((sender.key, exchange.purpose))
        if question is not None:
            question.check(exchange.body)
