"""WSDL 1.1 as a grammar in two tables, and whether a description keeps to it (BP-R2028, BP-R2029 and the WSDL rows).

The tables are the project's own reading of WSDL 1.1 sections 2 and 3 as Basic Profile 1.1 amends them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.description import Description, Element
from conformance.documents import children, local, namespace, where
from conformance.findings import Finding, NotApplicable, Result
from conformance.names import BIND, WSDL, bind, wsdl

_NCNAME: Final = re.compile(r"[^\W\d][\w.\-·]*")
_QNAME: Final = re.compile(r"(?:[^\W\d][\w.\-·]*:)?[^\W\d][\w.\-·]*")


@dataclass(frozen=True, slots=True)
class Shape:
    """What an element may hold: attributes that must and may be there, and its children as a pattern of initials.

    ``order`` is a regular expression over the local names of the WSDL children, each followed by a space;
    ``open`` says whether elements of other namespaces may stand in it.
    """

    must: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    order: str = ""
    open: bool = True


_DOC: Final = "(documentation )?"
_OPERATION_IN_PORT: Final = f"{_DOC}(input (output (fault )*)?|output (input (fault )*)?)"
SHAPES: Final[Mapping[tuple[str, str], Shape]] = MappingProxyType(
    {
        ("", "definitions"): Shape(
            (), ("name", "targetNamespace"), f"{_DOC}(import |types |message |portType |binding |service )*"
        ),
        ("definitions", "import"): Shape(("namespace", "location"), (), _DOC),
        ("definitions", "types"): Shape((), (), _DOC),
        ("definitions", "message"): Shape(("name",), (), f"{_DOC}(part )*"),
        ("message", "part"): Shape(("name",), ("element", "type"), _DOC),
        ("definitions", "portType"): Shape(("name",), (), f"{_DOC}(operation )*"),
        ("portType", "operation"): Shape(("name",), ("parameterOrder",), _OPERATION_IN_PORT),
        ("portType operation", "input"): Shape(("message",), ("name",), _DOC),
        ("portType operation", "output"): Shape(("message",), ("name",), _DOC),
        ("portType operation", "fault"): Shape(("name", "message"), (), _DOC),
        ("definitions", "binding"): Shape(("name", "type"), (), f"{_DOC}(operation )*"),
        ("binding", "operation"): Shape(
            ("name",), (), f"{_DOC}(input )?(output )?(fault )*"
        ),
        ("binding operation", "input"): Shape((), ("name",), _DOC),
        ("binding operation", "output"): Shape((), ("name",), _DOC),
        ("binding operation", "fault"): Shape(("name",), (), _DOC),
        ("definitions", "service"): Shape(("name",), (), f"{_DOC}(port )*"),
        ("service", "port"): Shape(("name", "binding"), (), _DOC),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoapShape:
    """What an element of the SOAP binding may hold: attributes and the elements it may stand in."""

    must: tuple[str, ...]
    may: tuple[str, ...]
    parents: tuple[str, ...]


_USE: Final = ("use", "encodingStyle", "namespace")
SOAP_SHAPES: Final[Mapping[str, SoapShape]] = MappingProxyType(
    {
        "binding": SoapShape(("transport",), ("style",), ("binding",)),
        "operation": SoapShape((), ("soapAction", "style"), ("operation",)),
        "body": SoapShape((), ("parts", *_USE), ("input", "output", "part")),
        "header": SoapShape(("message", "part", "use"), ("encodingStyle", "namespace"), ("input", "output", "part")),
        "headerfault": SoapShape(("message", "part", "use"), ("encodingStyle", "namespace"), ("header",)),
        "fault": SoapShape(("name",), _USE, ("fault",)),
        "address": SoapShape(("location",), (), ("port",)),
    }
)
_SOAP_VALUES: Final[Mapping[str, Callable[[str], bool]]] = MappingProxyType(
    {
        "style": lambda text: text in ("document", "rpc"),
        "use": lambda text: text in ("literal", "encoded"),
        "part": lambda text: bool(re.fullmatch(r"[\w.\-·:]+", text)),
        "message": lambda text: bool(_QNAME.fullmatch(text)),
    }
)


def _kin(element: Element) -> str:
    """The name of the parent as the table has it: two steps for the children of an operation."""
    parent = element.getparent()
    if parent is None:
        return ""
    above = parent.getparent()
    if local(parent) == "operation" and above is not None:
        return f"{local(above)} operation"
    return local(parent)


def _attributes(element: Element) -> list[tuple[str, str]]:
    """The attributes as text."""
    return [(str(key), str(value)) for key, value in element.attrib.items()]


def wsdl_grammar(description: Description) -> Result:
    """BP-R2028: every element of the WSDL namespace has the place, attributes and children that WSDL 1.1 gives it."""
    found: list[Finding] = []
    for name, document in description.documents.items():
        if document.root is None:
            found.append(Finding(name, "a well-formed document", document.problem))
    if not description.definitions and not found:
        found.append(Finding(description.main, "wsdl:definitions as the root element"))
    for _, root in description.definitions:
        if root.getroottree().getroot() is root:
            for element in root.iter(f"{{{WSDL}}}*"):
                found.extend(_wsdl_element(element))
        found.extend(_unique(root))
    return tuple(found)


def _wsdl_element(element: Element) -> Iterator[Finding]:
    name = local(element)
    if name == "documentation":
        return
    shape = SHAPES.get((_kin(element), name))
    if shape is None:
        yield Finding(where(element), "no such element of WSDL in this place", name)
        return
    for attribute in shape.must:
        if element.get(attribute) is None:
            yield Finding(where(element), f"attribute {attribute}", "absent")
    for attribute, value in _attributes(element):
        if not attribute.startswith("{") and attribute not in shape.must + shape.may:
            yield Finding(where(element), "no such attribute", attribute)
        elif attribute == "name" and not _NCNAME.fullmatch(value):
            yield Finding(where(element), "name is an NCName", value[:40])
        elif attribute in ("message", "type", "binding", "element") and not _QNAME.fullmatch(value.strip()):
            yield Finding(where(element), f"{attribute} is a QName", value[:40])
    own = [child for child in children(element) if namespace(child) == WSDL]
    line = "".join(f"{local(child)} " for child in own)
    known = all((_kin(child), local(child)) in SHAPES or local(child) == "documentation" for child in own)
    if known and not re.fullmatch(shape.order, line):
        yield Finding(where(element), "the children in the order of WSDL 1.1", line.strip()[:120])


def _unique(root: Element) -> Iterator[Finding]:
    """Names are unique among components of one kind, parts of a message, ports of a service, faults of an operation."""
    groups = [(root, kind) for kind in ("message", "portType", "binding", "service")]
    groups += [(one, "part") for one in children(root, wsdl("message"))]
    groups += [(one, "port") for one in children(root, wsdl("service"))]
    groups += [(one, "fault") for one in root.iter(wsdl("operation"))]
    for holder, kind in groups:
        names = Counter(one.get("name") for one in children(holder, wsdl(kind)))
        for name in sorted(str(name) for name, count in names.items() if name is not None and count > 1):
            yield Finding(where(holder), f"one {kind} of this name", name)


def soap_grammar(description: Description) -> Result:
    """BP-R2029: every element of the SOAP binding's namespace has the place and attributes that it may have."""
    found: list[Finding] = []
    seen = False
    for _, root in description.definitions:
        for element in root.iter(f"{{{BIND}}}*"):
            seen = True
            found.extend(_soap_element(element))
    return tuple(found) if seen else NotApplicable("SOAPバインディングがありません", "no SOAP binding here")


def _soap_element(element: Element) -> Iterator[Finding]:
    name = local(element)
    shape = SOAP_SHAPES.get(name)
    parent = element.getparent()
    if shape is None or parent is None or local(parent) not in shape.parents:
        yield Finding(where(element), "no such element of the SOAP binding in this place", name)
        return
    for attribute in shape.must:
        if element.get(attribute) is None:
            yield Finding(where(element), f"attribute {attribute}", "absent")
    for attribute, value in _attributes(element):
        if not attribute.startswith("{") and attribute not in shape.must + shape.may:
            yield Finding(where(element), "no such attribute", attribute)
        elif attribute in _SOAP_VALUES and not _SOAP_VALUES[attribute](value):
            yield Finding(where(element), f"a value that {attribute} may have", value[:40])
    if name in ("binding", "operation", "body", "address") and parent.findall(bind(name))[0] is not element:
        yield Finding(where(element), f"one soap:{name}", "a second one")


def root_is_definitions(description: Description) -> Result:
    """WSDL-201: the document element is wsdl:definitions of WSDL 1.1."""
    document = description.documents[description.main]
    if document.root is None:
        return (Finding(description.main, "a well-formed document", document.problem),)
    found = etree.QName(document.root)
    if document.root.tag == wsdl("definitions"):
        return ()
    return (Finding(description.main, "wsdl:definitions", f"{{{found.namespace}}}{found.localname}"[:120]),)


PREDICATES: Final = MappingProxyType(
    {"BP-R2028": wsdl_grammar, "BP-R2029": soap_grammar, "WSDL-201": root_is_definitions}
)
