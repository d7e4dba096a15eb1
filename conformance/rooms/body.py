"""Rules about the Body beside its description: document/literal and rpc/literal (Basic Profile 1.1 chapter 4)."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from conformance.description import Element, Operation
from conformance.documents import children, local, namespace, where
from conformance.findings import KEPT, Finding, Missing, NotApplicable, Result, when
from conformance.messages import Message
from conformance.names import XSI
from conformance.schema_engines import element_form

NO_DESCRIPTION: Final = Missing("WSDL を渡すと判定できます", "hand in the WSDL")
NO_OPERATION: Final = NotApplicable(
    "記述にある操作の電文ではありません", "no message of an operation of the description"
)
NOT_RPC: Final = NotApplicable("rpc/literal の電文ではありません", "no message of rpc/literal")


def _plain(message: Message) -> Result | None:
    """Why a message is not judged beside its description, or ``None``."""
    if message.envelope is None:
        return NotApplicable("封筒がありません", "there is no envelope")
    if message.fault is not None or message.of_protocol:
        return NotApplicable("障害かプロトコルの電文です", "a fault or a message of a protocol")
    return NO_DESCRIPTION if message.description is None else None


def body_is_described(message: Message) -> Result:
    """BP-R2712: in document/literal the Body is an instance of the element that the description names."""
    if (reason := _plain(message)) is not None:
        return reason
    operations = message.description.operations if message.description else ()
    styles = {one.style for one in operations}
    if message.operations:
        if all(one.style == "rpc" for one in message.operations):
            return NotApplicable("rpc/literal の電文です", "a message of rpc/literal")
        return KEPT
    if styles == {"rpc"}:
        return NotApplicable("rpc/literal の記述です", "a description of rpc/literal")
    found = message.entries[0].tag if message.entries else "(empty)"
    side = "inputs" if message.direction == "request" else "outputs"
    known = sorted({part[1] for one in operations for part in getattr(one, side) or () if part[1]})
    return (Finding("/Envelope/Body", " | ".join(known)[:400], str(found)[:160]),)


@dataclass(frozen=True, slots=True)
class _Call:
    """An rpc message: its operation, its wrapper and the parts that it has."""

    operation: Operation
    wrapper: Element
    parts: tuple[tuple[str, str, str], ...]


def _rpc(message: Message) -> _Call | Result:
    """The rpc operation of a message and its wrapper. A wrapper of another name or namespace still counts as one."""
    if (reason := _plain(message)) is not None:
        return reason
    if not message.entries or message.description is None:
        return NOT_RPC
    wrapper = message.entries[0]
    response = message.direction == "response"
    for one in message.description.operations:
        if one.style == "rpc" and local(wrapper) == one.name + ("Response" if response else ""):
            return _call(message, one, wrapper)
    for one in message.description.operations:
        if (
            one.style == "rpc"
            and namespace(wrapper)
            and namespace(wrapper) == (one.output_namespace if response else one.input_namespace)
        ):
            return _call(message, one, wrapper)
    return NOT_RPC


def _call(message: Message, operation: Operation, wrapper: Element) -> _Call:
    parts = operation.inputs if message.direction == "request" else operation.outputs
    return _Call(operation, wrapper, parts or ())


def wrapper_name(message: Message) -> Result:
    """BP-R2729: the wrapper of an rpc response is the operation's name with Response, of a request the name."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    operation, wrapper = found.operation, found.wrapper
    wanted = operation.name + ("Response" if message.direction == "response" else "")
    return when(local(wrapper) == wanted, where(wrapper), wanted, local(wrapper))


def accessors_unqualified(message: Message) -> Result:
    """BP-R2735: the part accessors of rpc have no namespace."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    return tuple(
        Finding(where(one), "no namespace", namespace(one)) for one in children(found.wrapper) if namespace(one)
    )


def accessors_named(message: Message) -> Result:
    """BP-R2755: part accessors are called like their parts."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    names = {part[0] for part in found.parts}
    return tuple(
        Finding(where(one), " | ".join(sorted(names)), local(one))
        for one in children(found.wrapper)
        if local(one) not in names
    )


def accessors_complete(message: Message) -> Result:
    """BP-R2212: each part has its accessor, once."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    names = [local(one) for one in children(found.wrapper)]
    return tuple(
        Finding(where(found.wrapper), f"{part[0]} once", str(names.count(part[0])))
        for part in found.parts if names.count(part[0]) != 1
    )  # fmt: skip


def accessors_ordered(message: Message) -> Result:
    """BP-R2301: accessors stand in the order of the parts."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    order = [part[0] for part in found.parts]
    names = [local(one) for one in children(found.wrapper) if local(one) in order]
    return when(names == sorted(names, key=order.index), where(found.wrapper), " ".join(order), " ".join(names))


def accessors_not_nil(message: Message) -> Result:
    """BP-R2211: no accessor is nil."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    return tuple(
        Finding(where(one), "no xsi:nil", one.get(f"{{{XSI}}}nil", ""))
        for one in children(found.wrapper) if one.get(f"{{{XSI}}}nil") in ("1", "true")
    )  # fmt: skip


def no_accessors(message: Message) -> Result:
    """BP-R2214: where an rpc message has no parts, the wrapper is empty."""
    found = _rpc(message)
    if not isinstance(found, _Call):
        return found
    if found.parts:
        return NotApplicable("part があります", "there are parts")
    return when(
        not children(found.wrapper), where(found.wrapper), "an empty wrapper", str(len(children(found.wrapper)))
    )


def body_empty(message: Message) -> Result:
    """BP-R2213: in document/literal without a part, the Body is empty."""
    if (reason := _plain(message)) is not None:
        return reason
    operations = message.description.operations if message.description else ()
    side = "inputs" if message.direction == "request" else "outputs"
    wanted = [one for one in operations if one.style == "document" and getattr(one, side) == ()]
    action = (message.head.value("SOAPAction") or "").strip('"') if message.head else ""
    named = [one for one in wanted if action and one.action == action]
    if not named:
        return NotApplicable("part のない操作の電文ではありません", "no message of an operation without a part")
    return when(not message.entries, "/Envelope/Body", "an empty Body", str(len(message.entries)))


def rpc_form(message: Message) -> Result:
    """BP-R2737: what stands in the accessors is qualified as the schema of its type says."""
    found = _rpc(message)
    if not isinstance(found, _Call) or message.description is None:
        return NOT_RPC if isinstance(found, _Call) else found
    objections = []
    for name, _, type_name in found.parts:
        for accessor in (one for one in children(found.wrapper) if local(one) == name):
            for child in children(accessor):
                wanted = element_form(message.description, type_name, local(child))
                if wanted is not None and namespace(child) != wanted:
                    objections.append(Finding(where(child), wanted or "no namespace", namespace(child)))
    return tuple(objections)


def headers_there(message: Message) -> Result:
    """BP-R2738: every header that the binding names is there."""
    if (reason := _plain(message)) is not None:
        return reason
    if not message.operations:
        return NO_OPERATION
    request = message.direction == "request"
    wanted = {name for one in message.operations[:1] for name in (one.input_headers if request else one.output_headers)}
    if not wanted:
        return NotApplicable("binding に soap:header がありません", "the binding names no header")
    there = {str(one.tag) for one in message.header_blocks}
    return tuple(Finding("/Envelope/Header", name, "absent") for name in sorted(wanted - there))


PREDICATES: Final = MappingProxyType(
    {
        "BP-R2211": accessors_not_nil,
        "BP-R2212": accessors_complete,
        "BP-R2213": body_empty,
        "BP-R2214": no_accessors,
        "BP-R2301": accessors_ordered,
        "BP-R2712": body_is_described,
        "BP-R2729": wrapper_name,
        "BP-R2735": accessors_unqualified,
        "BP-R2737": rpc_form,
        "BP-R2738": headers_there,
        "BP-R2755": accessors_named,
    }
)
