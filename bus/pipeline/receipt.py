"""The receipt (受付) of a queued message: a deterministic function of what is stored, so that it can be given again."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import Final

from lxml import etree

from bus.core.datarules import standard_datetime
from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.addressing import NO_ADDRESSING, write_parameters
from bus.wire.context import NAMESPACE, PREFIX
from schemas.model import Operation

NOT_YET: Final = "-"
"""Stands where an id will stand."""

MESSAGE_ID: Final = "urn:chiikibus:uketsuke:"
"""Begins the wsa:MessageID of a receipt; its exchange id follows, so that the same receipt is given again."""


def receipt_bytes(
    operation: Operation, message_id: str, exchange_id: str, received_at: float, request: Addressing = NO_ADDRESSING
) -> bytes:
    """The output element of ``operation`` with messageid, uketsukebango and uketsuke_nichiji (Japan time).

    A ``request`` with WS-Addressing is answered with it, and with the reference parameters of its ReplyTo.
    """
    root = deepcopy(_unfilled(operation.output, operation.reply_action if request.action else ""))
    if request.action:
        root[0][0].text = f"{MESSAGE_ID}{exchange_id}"
        root[0][1].text = message_id
        if request.reply_parameters:
            write_parameters(root[0], request.reply_parameters)
    receipt = root[-1][0]
    receipt[0].text = message_id
    receipt[1].text = exchange_id
    receipt[2].text = standard_datetime(received_at)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


@lru_cache(maxsize=1024)
def _unfilled(output: str, action: str) -> etree._Element:
    """The receipt of an operation without its texts, never changed; made once, since making it costs most."""
    payload = etree.Element(output, nsmap={"t": output[1:].partition("}")[0], "cb": NAMESPACE})
    for name in ("messageid", "uketsukebango", "uketsuke_nichiji"):
        etree.SubElement(payload, f"{PREFIX}{name}")
    headers = Addressing(message_id=NOT_YET, relates_to=NOT_YET, action=action) if action else None
    return etree.fromstring(envelope.build(payload, addressing=headers))
