"""The addressing of a message as the rooms read it: properties, endpoint references, faults. WS-Addressing 1.0."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from conformance.description import Element, qname
from conformance.documents import children, local, namespace
from conformance.messages import Message
from conformance.names import RM, SOAP, WSA

ANONYMOUS: Final = f"{WSA}/anonymous"
NONE: Final = f"{WSA}/none"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
REPLY: Final = f"{WSA}/reply"
SINGLE: Final = ("To", "From", "ReplyTo", "FaultTo", "Action", "MessageID")
PROPERTIES: Final = (*SINGLE, "RelatesTo")
REFERENCES: Final = ("From", "ReplyTo", "FaultTo", "EndpointReference")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]+")


def wsa(name: str) -> str:
    """The Clark name of an element of WS-Addressing."""
    return f"{{{WSA}}}{name}"


def absolute(text: str) -> bool:
    """Whether a text is an absolute IRI (a scheme and something after it, no white space)."""
    return bool(_ABSOLUTE.fullmatch(text))


def text_of(element: Element | None) -> str:
    """The stripped text of an element, empty for none."""
    return (element.text or "").strip() if element is not None else ""


def for_us(block: Element) -> bool:
    """Whether a header block is for the last receiver: without actor, or for the next node."""
    return block.get(f"{{{SOAP}}}actor") in (None, "", NEXT)


def blocks(message: Message, name: str = "") -> list[Element]:
    """The addressing blocks for the last receiver, all or those of one name."""
    return [
        one
        for one in message.header_blocks
        if namespace(one) == WSA and for_us(one) and name in ("", local(one)) and local(one) != "FaultDetail"
    ]


def value(message: Message | None, name: str) -> str:
    """The value of the first block of a name, empty where there is none."""
    found = blocks(message, name) if message is not None else []
    return text_of(found[0]) if found else ""


def addressed(message: Message | None) -> bool:
    """Whether a message carries properties of WS-Addressing."""
    return message is not None and any(local(one) in PROPERTIES for one in blocks(message))


def references(message: Message) -> Iterator[Element]:
    """Every endpoint reference of the message: blocks, and AcksTo of a sequence."""
    if message.envelope is not None:
        yield from message.envelope.iter(*(wsa(name) for name in REFERENCES), f"{{{RM}}}AcksTo")


def address(reference: Element | None) -> str:
    """The address of a reference; anonymous where there is no reference."""
    if reference is None:
        return ANONYMOUS
    return text_of(next(iter(children(reference, wsa("Address"))), None))


def chosen(request: Message, *, fault: bool) -> Element | None:
    """The reference to which an answer goes: FaultTo for a fault, else ReplyTo; ``None`` stands for anonymous."""
    found = (blocks(request, "FaultTo") if fault else []) or blocks(request, "ReplyTo")
    return found[0] if found else None


def parameters(reference: Element | None) -> list[Element]:
    """The reference parameters of a reference."""
    if reference is None:
        return []
    return [one for holder in children(reference, wsa("ReferenceParameters")) for one in children(holder)]


def fault_code(message: Message | None) -> tuple[str, str]:
    """Namespace and local name of a faultcode; both empty where there is no fault."""
    if message is None or message.fault is None:
        return "", ""
    element = next((one for one in children(message.fault) if local(one) == "faultcode"), None)
    if element is None:
        return "", ""
    space, _, name = qname(element, element.text or "").lstrip("{").partition("}")
    return space, name
