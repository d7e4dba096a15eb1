"""Rules about messages and port types: parts, operations, what travels."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Final

from conformance.description import Description, qname
from conformance.documents import children, local, namespace, where
from conformance.findings import Finding, NotApplicable, Result
from conformance.names import WSAM, WSDL, wsdl

NO_PORT_TYPE: Final = NotApplicable("portType がありません", "there is no portType")
NO_PART: Final = NotApplicable("part がありません", "there is no part")


def element_or_type(description: Description) -> Result:
    """BP-R2306: a part has not both element and type."""
    parts = list(description.all(wsdl("part")))
    if not parts:
        return NO_PART
    return tuple(
        Finding(where(part), "element or type, not both")
        for part in parts if part.get("element") is not None and part.get("type") is not None
    )  # fmt: skip


def parts_say_what(description: Description) -> Result:
    """WSDL-206: a part says by element or type what it is."""
    parts = list(description.all(wsdl("part")))
    if not parts:
        return NO_PART
    return tuple(
        Finding(where(part), "element or type")
        for part in parts
        if part.get("element") is None and part.get("type") is None
    )


def _port_operations(description: Description) -> list[tuple[str, ...]]:
    return [
        tuple(local(child) for child in children(one) if namespace(child) == WSDL and local(child) != "documentation")
        for port in description.all(wsdl("portType")) for one in children(port, wsdl("operation"))
    ]  # fmt: skip


def no_output_first(description: Description) -> Result:
    """BP-R2303: no operation is a notification or solicit-response."""
    seen, found = False, []
    for port in description.all(wsdl("portType")):
        for operation in children(port, wsdl("operation")):
            seen = True
            order = [local(one) for one in children(operation) if local(one) in ("input", "output")]
            if order and order[0] == "output":
                found.append(Finding(where(operation), "input first", "output first"))
    return tuple(found) if seen else NO_PORT_TYPE


def names_differ(description: Description) -> Result:
    """BP-R2304: the operations of a port type have different names."""
    ports = list(description.all(wsdl("portType")))
    if not ports:
        return NO_PORT_TYPE
    found = []
    for port in ports:
        names = Counter(str(one.get("name")) for one in children(port, wsdl("operation")))
        found += [Finding(where(port), "a name of its own", name) for name, count in names.items() if count > 1]
    return tuple(found)


def parameter_order(description: Description) -> Result:
    """BP-R2305: parameterOrder leaves out at most one part of the output message, and names none that is not there."""
    found, seen = [], False
    for port in description.all(wsdl("portType")):
        for operation in children(port, wsdl("operation")):
            order = operation.get("parameterOrder")
            if order is None:
                continue
            seen = True
            parts: dict[str, list[str]] = {"input": [], "output": []}
            for side in parts:
                for one in children(operation, wsdl(side)):
                    listed = description.message_parts(qname(one, one.get("message", ""))) or []
                    parts[side] = [part.get("name", "") for part in listed]
            left = [name for name in parts["output"] if name not in order.split()]
            if len(left) > 1:
                found.append(Finding(where(operation), "at most one part of the output left out", " ".join(left)))
            unknown = [name for name in order.split() if name not in parts["input"] + parts["output"]]
            if unknown:
                found.append(Finding(where(operation), "parts of the messages", " ".join(unknown)))
    return tuple(found) if seen else NotApplicable("parameterOrder がありません", "there is no parameterOrder")


def operations_not_empty(description: Description) -> Result:
    """WSDL-207: an operation of a port type has an input."""
    listed = _port_operations(description)
    if not listed:
        return NO_PORT_TYPE
    return tuple(
        Finding(f"operation {number}", "an input")
        for number, one in enumerate(listed, 1)
        if "input" not in one and "output" not in one
    )


def actions_fit(description: Description) -> Result:
    """WSAM-401: soapAction, where it is not empty, equals the wsam:Action of the input."""
    found, seen = [], False
    for operation in description.operations:
        port = operation.port_operation
        for one in children(port, wsdl("input")) if port is not None else ():
            action = one.get(f"{{{WSAM}}}Action")
            if action is not None:
                seen = True
                if operation.action and operation.action != action:
                    found.append(Finding(where(operation.element), action, operation.action))
    return tuple(found) if seen else NotApplicable("wsam:Action がありません", "there is no wsam:Action")


PREDICATES: Final = MappingProxyType(
    {
        "BP-R2303": no_output_first,
        "BP-R2304": names_differ,
        "BP-R2305": parameter_order,
        "BP-R2306": element_or_type,
        "WSAM-401": actions_fit,
        "WSDL-206": parts_say_what,
        "WSDL-207": operations_not_empty,
    }
)
