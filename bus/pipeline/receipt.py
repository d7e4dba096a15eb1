"""The receipt (受付) of a queued message: a deterministic function of what is stored, so that it can be given again."""

from __future__ import annotations

from lxml import etree

from bus.core.datarules import standard_datetime
from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.context import NAMESPACE, PREFIX
from schemas.model import Operation


def receipt_bytes(
    operation: Operation, message_id: str, exchange_id: str, received_at: float, *, addressed: bool
) -> bytes:
    """The output element of ``operation`` with messageid, uketsukebango and uketsuke_nichiji (Japan time).

    ``addressed`` adds WS-Addressing headers, as the request had them.
    """
    payload = etree.Element(operation.output, nsmap={"t": operation.output[1:].partition("}")[0], "cb": NAMESPACE})
    etree.SubElement(payload, f"{PREFIX}messageid").text = message_id
    etree.SubElement(payload, f"{PREFIX}uketsukebango").text = exchange_id
    etree.SubElement(payload, f"{PREFIX}uketsuke_nichiji").text = standard_datetime(received_at)
    headers = Addressing(relates_to=message_id, action=operation.reply_action) if addressed else None
    return envelope.build(payload, addressing=headers)
