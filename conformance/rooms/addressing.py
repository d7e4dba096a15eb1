"""Rules about addressing that show in one message: references, properties, forms of faults (WS-Addressing 1.0)."""

from __future__ import annotations

import re
from collections import Counter
from types import MappingProxyType
from typing import Final

from conformance.addressing import (
    NONE,
    PROPERTIES,
    SINGLE,
    absolute,
    addressed,
    blocks,
    fault_code,
    references,
    text_of,
    value,
    wsa,
)
from conformance.description import Description
from conformance.documents import children, local, namespace, where
from conformance.findings import KEPT, Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import COMMON, FAULT, HEADER, SOAP, WSA, WSAM, wsdl

USING: Final = "{http://www.w3.org/2006/05/addressing/wsdl}UsingAddressing"
NO_REFERENCE: Final = NotApplicable("エンドポイント参照がありません", "there is no endpoint reference")
NO_ADDRESSING: Final = NotApplicable("WS-Addressing のヘッダーがありません", "there are no headers of WS-Addressing")
NO_FAULT: Final = NotApplicable("WS-Addressing の障害ではありません", "no fault of WS-Addressing")
CODES: Final = frozenset({
    "InvalidAddressingHeader", "InvalidAddress", "InvalidEPR", "InvalidCardinality", "MissingAddressInEPR",
    "DuplicateMessageID", "ActionMismatch", "OnlyAnonymousAddressSupported", "OnlyNonAnonymousAddressSupported",
    "MessageAddressingHeaderRequired", "DestinationUnreachable", "ActionNotSupported", "EndpointUnavailable",
})  # fmt: skip
PROBLEMS: Final = frozenset({"ProblemHeaderQName", "ProblemHeader", "ProblemIRI", "ProblemAction", "RetryAfter"})


def one_address(message: Message) -> Result:
    """WSA-201: an endpoint reference has exactly one wsa:Address."""
    listed = list(references(message))
    if not listed:
        return NO_REFERENCE
    counts = [(one, len(children(one, wsa("Address")))) for one in listed]
    return tuple(Finding(where(one), "one wsa:Address", str(count)) for one, count in counts if count != 1)


def address_absolute(message: Message) -> Result:
    """WSA-202: wsa:Address is an absolute IRI."""
    listed = [one for reference in references(message) for one in children(reference, wsa("Address"))]
    if not listed:
        return NO_REFERENCE
    return tuple(
        Finding(where(one), "an absolute IRI", text_of(one)[:120]) for one in listed if not absolute(text_of(one))
    )


def parameters_qualified(message: Message) -> Result:
    """WSA-203: reference parameters are elements of a namespace."""
    holders = [one for reference in references(message) for one in children(reference, wsa("ReferenceParameters"))]
    if not holders:
        return NotApplicable("参照パラメーターがありません", "there are no reference parameters")
    return tuple(
        Finding(where(one), "a namespace", local(one))
        for holder in holders for one in children(holder) if not namespace(one)
    )  # fmt: skip


def one_action(message: Message) -> Result:
    """WSA-301: a message with addressing has exactly one Action."""
    if not addressed(message):
        return NO_ADDRESSING
    count = len(blocks(message, "Action"))
    return when(count == 1, "/Envelope/Header", "one wsa:Action", str(count))


def relationship_absolute(message: Message) -> Result:
    """WSA-307: RelationshipType is an absolute IRI."""
    listed = [one for one in blocks(message, "RelatesTo") if one.get("RelationshipType") is not None]
    if not listed:
        return NotApplicable("RelationshipType がありません", "there is no RelationshipType")
    return tuple(
        Finding(where(one), "an absolute IRI", one.get("RelationshipType", "")[:120])
        for one in listed if not absolute(one.get("RelationshipType", "").strip())
    )  # fmt: skip


def values_absolute(message: Message) -> Result:
    """WSA-309: To, Action, MessageID and RelatesTo are absolute IRIs."""
    listed = [one for one in blocks(message) if local(one) in ("To", "Action", "MessageID", "RelatesTo")]
    if not listed:
        return NO_ADDRESSING
    return tuple(
        Finding(where(one), "an absolute IRI", text_of(one)[:120]) for one in listed if not absolute(text_of(one))
    )


def not_to_none(message: Message) -> Result:
    """WSA-310: a message whose destination is none is not sent."""
    listed = blocks(message, "To")
    if not listed:
        return NotApplicable("wsa:To がありません", "there is no wsa:To")
    return tuple(Finding(where(one), "a destination other than none", NONE) for one in listed if text_of(one) == NONE)


def blocks_of_their_own(message: Message) -> Result:
    """WSA-402: every property is a header block of its own, a child of Header."""
    if not addressed(message) or message.envelope is None:
        return NO_ADDRESSING
    names = [wsa(name) for name in PROPERTIES]
    within = (wsa("FaultDetail"), wsa("ProblemHeader"), FAULT)
    return tuple(
        Finding(where(one), "a child of Header")
        for one in message.envelope.iter(*names)
        if (parent := one.getparent()) is not None
        and parent.tag != HEADER
        and next(one.iterancestors(*within), None) is None
    )


def at_most_once(message: Message) -> Result:
    """WSA-403: To, From, ReplyTo, FaultTo, Action and MessageID occur at most once for one recipient."""
    if not addressed(message):
        return NO_ADDRESSING
    counted = Counter(
        (local(one), one.get(f"{{{SOAP}}}actor", ""))
        for one in message.header_blocks
        if namespace(one) == WSA and local(one) in SINGLE
    )
    return tuple(
        Finding("/Envelope/Header", f"wsa:{name} at most once", str(count))
        for (name, _), count in sorted(counted.items()) if count > 1
    )  # fmt: skip


def marked_boolean(message: Message) -> Result:
    """WSA-409: IsReferenceParameter is an xs:boolean."""
    listed = [one for one in message.header_blocks if one.get(wsa("IsReferenceParameter")) is not None]
    if not listed:
        return NotApplicable("参照パラメーターのヘッダーがありません", "no header block is a reference parameter")
    return tuple(
        Finding(where(one), "true, false, 1 or 0", one.get(wsa("IsReferenceParameter"), "")[:20])
        for one in listed if one.get(wsa("IsReferenceParameter"), "").strip() not in ("true", "false", "1", "0")
    )  # fmt: skip


def soap_action(message: Message) -> Result:
    """WSA-411: SOAPAction is the value of wsa:Action, or empty."""
    head = message.head
    sent = head.value("SOAPAction") if head is not None and head.request else None
    action = value(message, "Action")
    if sent is None or not action:
        return NotApplicable("SOAPAction と wsa:Action がそろいません", "SOAPAction and wsa:Action are not both there")
    return when(sent.strip('"') in ("", action), message.name, f'"{action}" or ""', sent[:120])


def own_fault_action(message: Message) -> Result:
    """WSA-603: the action of a fault of WS-Addressing is .../addressing/fault."""
    if fault_code(message)[0] != WSA:
        return NO_FAULT
    return when(
        value(message, "Action") == f"{WSA}/fault", "/Envelope/Header", f"{WSA}/fault", value(message, "Action")
    )


def soap_fault_action(message: Message) -> Result:
    """WSA-604: the action of SOAP's own faults (VersionMismatch, MustUnderstand) is .../addressing/soap/fault."""
    space, name = fault_code(message)
    if space != SOAP or name not in ("VersionMismatch", "MustUnderstand") or not addressed(message):
        return NotApplicable("アドレス付きの SOAP の障害ではありません", "no fault of SOAP's own with addressing")
    action = value(message, "Action")
    return when(action == f"{WSA}/soap/fault", "/Envelope/Header", f"{WSA}/soap/fault", action)


def code_known(message: Message) -> Result:
    """WSA-605: the faultcode is the (most specific) code of WS-Addressing, and not SOAP's beside a FaultDetail."""
    space, name = fault_code(message)
    detail = any(one.tag == wsa("FaultDetail") for one in message.header_blocks)
    if message.fault is None or (space != WSA and not detail):
        return NO_FAULT
    return when(space == WSA and name in CODES, where(message.fault), "a code of WS-Addressing", f"{{{space}}}{name}")


def detail_in_header(message: Message) -> Result:
    """WSA-606: what a fault tells of a header stands in the block wsa:FaultDetail."""
    if message.fault is None or fault_code(message)[0] != WSA:
        return NO_FAULT
    return tuple(
        Finding(where(one), "in the header block wsa:FaultDetail")
        for one in message.fault.iter(f"{{{WSA}}}*") if local(one) in PROBLEMS
    )  # fmt: skip


def no_detail(message: Message) -> Result:
    """WSA-607: a fault about a header has no detail; the one that the standard promises of every fault may be there."""
    if message.fault is None or fault_code(message)[0] != WSA:
        return NO_FAULT
    return tuple(
        Finding(where(one), "no detail, or that of the standard alone")
        for one in children(message.fault)
        if local(one) == "detail" and [child.tag for child in children(one)] != [f"{{{COMMON}}}shogai"]
    )


def retry_after(message: Message) -> Result:
    """WSA-634: RetryAfter of EndpointUnavailable is a number of milliseconds."""
    if fault_code(message) != (WSA, "EndpointUnavailable") or message.envelope is None:
        return NotApplicable("EndpointUnavailable ではありません", "no EndpointUnavailable")
    return tuple(
        Finding(where(one), "milliseconds in digits", text_of(one)[:40])
        for one in message.envelope.iter(wsa("RetryAfter")) if not re.fullmatch("[0-9]{1,18}", text_of(one))
    )  # fmt: skip


def action_of_description(message: Message) -> Result:
    """WSA-802: the action that is sent is the one that the description states by wsam:Action."""
    side = "input" if message.direction == "request" else "output"
    stated = {
        text
        for operation in message.operations
        if operation.port_operation is not None
        for one in children(operation.port_operation, wsdl(side))
        if (text := one.get(f"{{{WSAM}}}Action"))
    }
    action = value(message, "Action")
    if not stated or not action:
        return NotApplicable("wsam:Action と比べる値がありません", "there is nothing to compare with wsam:Action")
    return when(action in stated, "/Envelope/Header/Action", " | ".join(sorted(stated))[:160], action[:120])


def action_stated(description: Description) -> Result:
    """WSA-801: a description that asks for WS-Addressing states the action of every input, output and fault."""
    attribute = f"{{{WSAM}}}Action"
    messages = [
        one
        for operation in description.all(wsdl("operation"))
        if (parent := operation.getparent()) is not None and parent.tag == wsdl("portType")
        for one in children(operation)
        if one.tag in (wsdl("input"), wsdl("output"), wsdl("fault"))
    ]
    asked = (f"{{{WSAM}}}Addressing", USING)
    if not any(True for _, root in description.definitions for _ in root.iter(*asked)):
        return NotApplicable(
            "WS-Addressing を求める記述ではありません", "the description does not ask for WS-Addressing"
        )
    return tuple(Finding(where(one), "wsam:Action") for one in messages if not one.get(attribute)) or KEPT


PREDICATES: Final = MappingProxyType(
    {
        "WSA-201": one_address,
        "WSA-202": address_absolute,
        "WSA-203": parameters_qualified,
        "WSA-301": one_action,
        "WSA-307": relationship_absolute,
        "WSA-309": values_absolute,
        "WSA-310": not_to_none,
        "WSA-402": blocks_of_their_own,
        "WSA-403": at_most_once,
        "WSA-409": marked_boolean,
        "WSA-411": soap_action,
        "WSA-603": own_fault_action,
        "WSA-604": soap_fault_action,
        "WSA-605": code_known,
        "WSA-606": detail_in_header,
        "WSA-607": no_detail,
        "WSA-634": retry_after,
        "WSA-802": action_of_description,
    }
)
ON_DESCRIPTIONS: Final = MappingProxyType({"WSA-801": action_stated})
