"""What the bus adds to a queued delivery that goes in a sequence: its number, and the addressing of this one hop.

The Body's bytes stay as they are, and with them a signature over the Body. The number and the hop's addresses are
header blocks between the bus and the target alone. MessageID, Action and RelatesTo stay the sender's; To and ReplyTo
become the hop's, unless the sender signed the message: then what it wrote is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from bus.core.ports import Consignment
from bus.core.types import Addressing, Endpoint
from bus.wire import addressing as wsa
from bus.wire import envelope, splice
from bus.wire.reliable import names

_OF_THE_HOP: Final = frozenset(f"{wsa.PREFIX}{name}" for name in ("To", "ReplyTo", "FaultTo"))


def in_sequence(
    raw: bytes, consignment: Consignment, endpoint: Endpoint, action: str, blocks: Sequence[etree._Element]
) -> bytes:
    """The message for its target with the protocol's ``blocks``; ``action`` is for one without WS-Addressing."""
    present = {block.tag for block in splice.blocks(raw)}
    added = list(blocks)
    if envelope.SECURITY not in present:
        raw = splice.without(raw, _OF_THE_HOP.__contains__)
        addressed = f"{wsa.PREFIX}Action" in present
        properties = Addressing(
            message_id="" if f"{wsa.PREFIX}MessageID" in present else consignment.message_id,
            action="" if addressed else action,
            to=endpoint.address,
            reply_to=wsa.ANONYMOUS,
        )
        # A message of which not even the action is known stays without addressing.
        added += addressing_blocks(properties) if addressed or action else []
    return splice.inserted(raw, added)


def addressing_blocks(properties: Addressing) -> list[etree._Element]:
    """The header blocks of these properties."""
    header = etree.Element(envelope.HEADER, nsmap={"wsa": wsa.NAMESPACE})
    wsa.write(header, properties)
    return list(header)


def protocol_message(
    tag: str, body: etree._Element, endpoint: Endpoint, message_id: str, blocks: Sequence[etree._Element] = ()
) -> bytes:
    """CreateSequence, CloseSequence or TerminateSequence for a target."""
    headers = Addressing(message_id=message_id, action=names.action(tag), to=endpoint.address, reply_to=wsa.ANONYMOUS)
    return splice.inserted(envelope.build(body, addressing=headers), blocks)
