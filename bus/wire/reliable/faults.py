"""The protocol's faults bound to SOAP 1.1, beside the ``detail`` that every fault of the bus has.

Clause: WS-ReliableMessaging 1.2 section 4. What concerns a sequence is named in a wsrm:SequenceFault header block and
keeps the ordinary faultcode; what concerns its creation, or its absence, is named by the faultcode itself.
"""

from __future__ import annotations

from typing import Final

from lxml import etree

from bus.wire import addressing as wsa
from bus.wire import envelope, splice
from bus.wire.reliable import names
from bus.wire.reliable.ranges import Ranges

FAULTS: Final = {
    "CB3011": "UnknownSequence",
    "CB3012": "SequenceTerminated",
    "CB3013": "SequenceClosed",
    "CB3014": "MessageNumberRollover",
    "CB3015": "InvalidAcknowledgement",
}
"""Our codes of faults that concern a sequence."""

BY_FAULTCODE: Final = {"CB3016": "CreateSequenceRefused", "CB3017": "WSRMRequired"}
"""Our codes of faults that the faultcode names."""

LOST: Final = frozenset({"UnknownSequence", "SequenceTerminated", "SequenceClosed", "MessageNumberRollover"})
"""Faults after which a source needs a new sequence."""


def sequence_fault_block(code: str, identifier: str, ranges: Ranges | None = None) -> etree._Element | None:
    """The wsrm:SequenceFault for one of our codes; ``None`` when the protocol has none for it.

    ``ranges`` are the acknowledgement that was not valid.
    """
    name = FAULTS.get(code)
    if name is None:
        return None
    block = etree.Element(names.SEQUENCE_FAULT, nsmap={"wsrm": names.NAMESPACE})
    etree.SubElement(block, f"{names.PREFIX}FaultCode").text = f"wsrm:{name}"
    detail = etree.SubElement(block, f"{names.PREFIX}Detail")
    if ranges is None:
        etree.SubElement(detail, names.IDENTIFIER).text = identifier
    else:
        inner = etree.SubElement(detail, names.ACKNOWLEDGEMENT)
        etree.SubElement(inner, names.IDENTIFIER).text = identifier
        for low, high in ranges.spans:
            etree.SubElement(inner, names.RANGE, Lower=str(low), Upper=str(high))
    if name == "MessageNumberRollover":
        etree.SubElement(detail, f"{names.PREFIX}MaxMessageNumber").text = str(names.MAX_NUMBER)
    return block


def bound(raw: bytes, code: str) -> bytes:
    """A fault of the bus as the protocol binds it: with its wsa:Action, and its faultcode where it wants one."""
    name = BY_FAULTCODE.get(code)
    if name is None and code not in FAULTS:
        return raw
    root = etree.fromstring(raw)
    action = root.find(f"{envelope.HEADER}/{wsa.PREFIX}Action")
    if action is not None:
        action.text = names.FAULT_ACTION
    fault = root.find(f"{envelope.BODY}/{envelope.FAULT}")
    faultcode = None if fault is None else fault.find("faultcode")
    if name is None or fault is None or faultcode is None:
        return splice.serialised(root)
    element = etree.Element("faultcode", nsmap={"wsrm": names.NAMESPACE})
    element.text = f"wsrm:{name}"
    fault.replace(faultcode, element)
    return splice.serialised(root)
