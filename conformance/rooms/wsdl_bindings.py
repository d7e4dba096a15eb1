"""Rules about bindings and ports: SOAP over HTTP, style, use, namespaces, faults, headers, what is told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from conformance.description import Description, Element, Operation, qname
from conformance.documents import children, local, where
from conformance.findings import Finding, NotApplicable, Result
from conformance.names import HTTP_TRANSPORT, bind, wsdl

NO_BINDING: Final = NotApplicable("SOAPのバインディングがありません", "there is no SOAP binding")
NO_DOCUMENT: Final = NotApplicable("document/literal のバインディングがありません", "no document/literal binding")
NO_RPC: Final = NotApplicable("rpc/literal のバインディングがありません", "no rpc/literal binding")
EXTRAS: Final = ("header", "headerfault", "fault")


def soap_only(description: Description) -> Result:
    """BP-R2401: every binding is the SOAP binding of WSDL 1.1."""
    bindings = list(description.all(wsdl("binding")))
    if not bindings:
        return NotApplicable("binding がありません", "there is no binding")
    return tuple(Finding(where(one), "soap:binding") for one in bindings if not children(one, bind("binding")))


def transport_given(description: Description) -> Result:
    """BP-R2701: soap:binding names its transport."""
    return _soap(description, lambda soap: soap.get("transport") is not None, "a transport")


def transport_http(description: Description) -> Result:
    """BP-R2702: the transport is HTTP."""
    return _soap(description, lambda soap: soap.get("transport", HTTP_TRANSPORT) == HTTP_TRANSPORT, HTTP_TRANSPORT)


def _soap(description: Description, kept: object, text: str) -> Result:
    bindings = description.soap_bindings
    if not bindings or not callable(kept):
        return NO_BINDING
    elements = [children(one, bind("binding"))[0] for one in bindings]
    return tuple(Finding(where(one), text, one.get("transport", "absent")) for one in elements if not kept(one))


def one_style(description: Description) -> Result:
    """BP-R2705: the operations of a binding are all document or all rpc."""
    if not description.soap_bindings:
        return NO_BINDING
    styles: dict[str, set[str]] = {}
    for operation in description.operations:
        styles.setdefault(operation.binding, set()).add(operation.style)
    return tuple(Finding(f"binding {name}", "one style", " and ".join(sorted(found)))
                 for name, found in styles.items() if len(found) > 1)  # fmt: skip


def literal(description: Description) -> Result:
    """BP-R2706: use is literal in body, header, headerfault and fault."""
    if not description.soap_bindings:
        return NO_BINDING
    return tuple(
        Finding(where(element), "literal", element.get("use", ""))
        for binding in description.soap_bindings
        for element in binding.iter(*(bind(name) for name in ("body", *EXTRAS)))
        if element.get("use", "literal") != "literal"
    )  # fmt: skip


def fault_use(description: Description) -> Result:
    """BP-R2723: where soap:fault has use, it is literal."""
    found = [one for binding in description.soap_bindings for one in binding.iter(bind("fault")) if one.get("use")]
    if not found:
        return NotApplicable("use のある soap:fault がありません", "no soap:fault has use")
    return tuple(Finding(where(one), "literal", one.get("use", "")) for one in found if one.get("use") != "literal")


def _bodies(operation: Operation) -> list[Element]:
    return list(operation.element.iter(bind("body")))


def _of(description: Description, style: str) -> list[Operation]:
    """The operations of document/literal or rpc/literal; what is encoded is neither (and breaks BP-R2706)."""
    return [one for one in description.operations if one.style == style and not one.encoded]


def one_part(description: Description) -> Result:
    """BP-R2201: in document/literal, parts of soap:body names at most one part."""
    operations = _of(description, "document")
    if not operations:
        return NO_DOCUMENT
    return tuple(
        Finding(where(body), "at most one part", body.get("parts", ""))
        for one in operations for body in _bodies(one) if len((body.get("parts") or "").split()) > 1
    )  # fmt: skip


def one_part_in_message(description: Description) -> Result:
    """BP-R2210: in document/literal without parts, the message has at most one part."""
    operations = _of(description, "document")
    if not operations:
        return NO_DOCUMENT
    found = []
    for one in operations:
        for side, parts in (("input", one.inputs), ("output", one.outputs)):
            holder = next(iter(children(one.element, wsdl(side))), None)
            bodies = list(holder.iter(bind("body"))) if holder is not None else []
            if bodies and bodies[0].get("parts") is None and len(parts or ()) > 1:
                found.append(Finding(where(bodies[0]), "a message of at most one part", str(len(parts or ()))))
    return tuple(found)


def _parts_by(operations: list[Operation], index: int, text: str) -> tuple[Finding, ...]:
    """Findings for parts whose element (1) or type (2) is not given."""
    return tuple(
        Finding(where(one.element), text, part[0])
        for one in operations for parts in (one.inputs, one.outputs) for part in parts or () if not part[index]
    )  # fmt: skip


def document_parts_by_element(description: Description) -> Result:
    """BP-R2204: in document/literal, soap:body refers to parts with element only."""
    operations = _of(description, "document")
    return _parts_by(operations, 1, "a part with element") if operations else NO_DOCUMENT


def rpc_parts_by_type(description: Description) -> Result:
    """BP-R2203: in rpc/literal, soap:body refers to parts with type only."""
    operations = _of(description, "rpc")
    return _parts_by(operations, 2, "a part with type") if operations else NO_RPC


def headers_by_element(description: Description) -> Result:
    """BP-R2205: header, headerfault and fault refer to parts with element only."""
    found, seen = [], False
    for operation in description.operations:
        for name, parts in _extra_parts(description, operation):
            seen = True
            found += [
                Finding(where(part), f"element, for soap:{name}") for part in parts if part.get("element") is None
            ]
    return tuple(found) if seen else NotApplicable("header も fault もありません", "neither header nor fault here")


def _extra_parts(description: Description, operation: Operation) -> Iterator[tuple[str, list[Element]]]:
    for element in operation.element.iter(bind("header"), bind("headerfault")):
        parts = description.message_parts(qname(element, element.get("message", ""))) or []
        yield local(element), [part for part in parts if part.get("name") == element.get("part")]
    port = operation.port_operation
    faults = {one.get("name"): one for one in children(port, wsdl("fault"))} if port is not None else {}
    for element in operation.element.iter(bind("fault")):
        fault = faults.get(element.get("name"))
        if fault is not None:
            yield "fault", description.message_parts(qname(fault, fault.get("message", ""))) or []


def every_part_bound(description: Description) -> Result:
    """BP-R2209: every part of a message is bound by body, header or attachment."""
    if not description.soap_bindings:
        return NO_BINDING
    found = []
    for operation in description.operations:
        port = operation.port_operation
        for side in ("input", "output"):
            for one in children(port, wsdl(side)) if port is not None else ():
                message = qname(one, one.get("message", ""))
                names = {part.get("name", "") for part in description.message_parts(message) or []}
                left = names - _bound(operation.element, side, names)
                found += [Finding(where(operation.element), f"part {name} of {side} bound") for name in sorted(left)]
    return tuple(found)


def _bound(operation: Element, side: str, names: set[str]) -> set[str]:
    bound: set[str] = set()
    for holder in children(operation, wsdl(side)):
        for body in holder.iter(bind("body")):
            parts = body.get("parts")
            bound |= names if parts is None else set(parts.split())
        bound |= {one.get("part", "") for one in holder.iter("{*}header", "{*}content")}
    return bound


def no_namespace_in_document(description: Description) -> Result:
    """BP-R2716: in document/literal neither body, header, headerfault nor fault has namespace."""
    return _with_namespace(_of(description, "document"), ("body", *EXTRAS), NO_DOCUMENT)


def no_namespace_in_rpc_extras(description: Description) -> Result:
    """BP-R2726: in rpc/literal neither header, headerfault nor fault has namespace."""
    return _with_namespace(_of(description, "rpc"), EXTRAS, NO_RPC)


def _with_namespace(operations: list[Operation], names: tuple[str, ...], none: NotApplicable) -> Result:
    if not operations:
        return none
    return tuple(
        Finding(where(element), "no namespace", element.get("namespace", ""))
        for one in operations for element in one.element.iter(*(bind(name) for name in names))
        if element.get("namespace") is not None
    )  # fmt: skip


def rpc_namespace(description: Description) -> Result:
    """BP-R2717: in rpc/literal body has a namespace that is an absolute URI."""
    operations = _of(description, "rpc")
    if not operations:
        return NO_RPC
    return tuple(
        Finding(where(body), "an absolute namespace", body.get("namespace", "absent"))
        for one in operations for body in _bodies(one) if not urlsplit(body.get("namespace", "")).scheme
    )  # fmt: skip


def same_operations(description: Description) -> Result:
    """BP-R2718: a binding has the operations of its port type."""
    found = []
    bindings = [one for one in description.all(wsdl("binding")) if description.port_type_of(one) is not None]
    if not bindings:
        return NotApplicable("binding がありません", "there is no binding of a port type that is there")
    for binding in bindings:
        port = description.port_type_of(binding)
        listed = [_names(one) for one in (binding, port) if one is not None]
        only, missing = listed[0] - listed[1], listed[1] - listed[0]
        if only or missing:
            text = ", ".join([f"+{name}" for name in only] + [f"-{name}" for name in missing])
            found.append(Finding(where(binding), "the operations of its port type", text[:160]))
    return tuple(found)


def _names(element: Element) -> Counter[str]:
    return Counter(one.get("name", "") for one in children(element, wsdl("operation")))


def faults_bound(description: Description) -> Result:
    """BP-R2740: every fault of an operation is bound."""
    found, seen = [], False
    for operation in description.operations:
        port = operation.port_operation
        bound = {one.get("name") for one in operation.element.iter(bind("fault"))}
        for fault in children(port, wsdl("fault")) if port is not None else ():
            seen = True
            if fault.get("name") not in bound:
                found.append(Finding(where(operation.element), "a soap:fault for each fault", fault.get("name", "")))
    return tuple(found) if seen else NotApplicable("fault がありません", "there is no fault")


def _headers(description: Description) -> list[Element]:
    return [
        one
        for operation in description.operations
        for one in operation.element.iter(bind("header"), bind("headerfault"))
    ]


def header_part(description: Description) -> Result:
    """BP-R2720: header and headerfault name one part by part."""
    listed = _headers(description)
    if not listed:
        return NotApplicable("soap:header がありません", "there is no soap:header")
    return tuple(
        Finding(where(one), "a part that is one name", one.get("part", "absent"))
        for one in listed if len((one.get("part") or "").split()) != 1
    )  # fmt: skip


def no_header_parts(description: Description) -> Result:
    """BP-R2749: header and headerfault have no attribute parts."""
    listed = _headers(description)
    if not listed:
        return NotApplicable("soap:header がありません", "there is no soap:header")
    return tuple(Finding(where(one), "no attribute parts") for one in listed if one.get("parts") is not None)


def _soap_faults(description: Description) -> list[Element]:
    return [one for operation in description.operations for one in operation.element.iter(bind("fault"))]


def fault_has_name(description: Description) -> Result:
    """BP-R2721: soap:fault has a name."""
    listed = _soap_faults(description)
    if not listed:
        return NotApplicable("soap:fault がありません", "there is no soap:fault")
    return tuple(Finding(where(one), "a name") for one in listed if not one.get("name"))


def fault_name_fits(description: Description) -> Result:
    """BP-R2754: the name of soap:fault is that of the wsdl:fault around it."""
    listed = [one for one in _soap_faults(description) if one.get("name")]
    if not listed:
        return NotApplicable("soap:fault がありません", "there is no soap:fault")
    found = []
    for one in listed:
        parent = one.getparent()
        wanted = parent.get("name", "") if parent is not None else ""
        if one.get("name") != wanted:
            found.append(Finding(where(one), wanted, one.get("name", "")))
    return tuple(found)


def told_apart(description: Description) -> Result:
    """BP-R2710: the operations of a binding differ by what stands in the Body of their requests."""
    if not description.soap_bindings:
        return NO_BINDING
    seen: dict[tuple[str, str], str] = {}
    found = []
    for one in description.operations:
        if one.inputs is None:
            continue
        if one.style == "rpc":
            signature = f"{{{one.input_namespace}}}{one.name}"
        else:
            signature = one.inputs[0][1] if one.inputs else "(empty Body)"
        key = (one.binding, signature)
        if key in seen:
            found.append(Finding(where(one.element), "a signature of its own", f"as {seen[key]}"))
        seen.setdefault(key, one.name)
    return tuple(found)


def ports_differ(description: Description) -> Result:
    """BP-R2711: no two ports have the same address."""
    places = list(description.all(bind("address")))
    if not places:
        return NotApplicable("soap:address がありません", "there is no soap:address")
    counted = Counter(one.get("location", "") for one in places)
    return tuple(Finding(where(one), "an address of its own", one.get("location", "")[:120])
                 for one in places if counted[one.get("location", "")] > 1)  # fmt: skip


PREDICATES: Final = MappingProxyType(
    {
        "BP-R2201": one_part,
        "BP-R2203": rpc_parts_by_type,
        "BP-R2204": document_parts_by_element,
        "BP-R2205": headers_by_element,
        "BP-R2209": every_part_bound,
        "BP-R2210": one_part_in_message,
        "BP-R2401": soap_only,
        "BP-R2701": transport_given,
        "BP-R2702": transport_http,
        "BP-R2705": one_style,
        "BP-R2706": literal,
        "BP-R2710": told_apart,
        "BP-R2711": ports_differ,
        "BP-R2716": no_namespace_in_document,
        "BP-R2717": rpc_namespace,
        "BP-R2718": same_operations,
        "BP-R2720": header_part,
        "BP-R2721": fault_has_name,
        "BP-R2723": fault_use,
        "BP-R2726": no_namespace_in_rpc_extras,
        "BP-R2740": faults_bound,
        "BP-R2749": no_header_parts,
        "BP-R2754": fault_name_fits,
    }
)
