"""A WSDL description with everything it imports, indexed by component: the subject of the WSDL rooms.

Nothing is fetched: imports are looked up among the documents that were handed in. What is not there is remembered.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final
from urllib.parse import unquote, urlsplit

from lxml import etree

from conformance.documents import Document, children, read
from conformance.names import BIND, BIND12, WSDL, XS, bind, wsdl, xs

MAX_DOCUMENTS: Final = 200
"""More documents than any description of the field has; beyond it the rest counts as not there."""

Element = etree._Element


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a SOAP binding, joined with its port type and messages; ``encoded`` where a body says so.

    ``style`` is document or rpc. ``input_*``: the parts named by the body, in order, as (part name, element, type) with
    Clark names (empty where the attribute is not there); ``None`` where there is no such message.
    """

    name: str
    binding: str
    style: str
    action: str
    element: Element
    port_operation: Element | None
    inputs: tuple[tuple[str, str, str], ...] | None
    outputs: tuple[tuple[str, str, str], ...] | None
    input_namespace: str = ""
    output_namespace: str = ""
    input_headers: tuple[str, ...] = ()
    output_headers: tuple[str, ...] = ()
    encoded: bool = False


@dataclass(frozen=True)
class Description:
    """The documents of a description by name; ``main`` names the one that was asked for."""

    main: str
    documents: Mapping[str, Document]
    absent: tuple[str, ...] = ()

    @cached_property
    def definitions(self) -> tuple[tuple[str, Element], ...]:
        """The (name, root) of every document whose root is wsdl:definitions."""
        return tuple(
            (name, one.root)
            for name, one in self.documents.items()
            if one.root is not None and one.root.tag == wsdl("definitions")
        )

    @cached_property
    def schemas(self) -> tuple[tuple[str, Element], ...]:
        """The (document name, xs:schema) inside wsdl:types and as documents of their own."""
        found: list[tuple[str, Element]] = []
        for name, one in self.documents.items():
            if one.root is None:
                continue
            if one.root.tag == xs("schema"):
                found.append((name, one.root))
            found += [
                (name, schema) for types in one.root.iter(wsdl("types")) for schema in children(types, xs("schema"))
            ]
        return tuple(found)

    def all(self, tag: str) -> Iterator[Element]:
        """Every element of a Clark name in the WSDL documents."""
        for _, root in self.definitions:
            yield from root.iter(tag)

    def component(self, kind: str, name: str) -> Element | None:
        """A message, portType, binding or service by Clark name."""
        return self._components.get((kind, name))

    @cached_property
    def _components(self) -> dict[tuple[str, str], Element]:
        found: dict[tuple[str, str], Element] = {}
        for _, root in self.definitions:
            target = root.get("targetNamespace", "")
            for kind in ("message", "portType", "binding", "service"):
                for element in children(root, wsdl(kind)):
                    found.setdefault((kind, f"{{{target}}}{element.get('name', '')}"), element)
        return found

    @cached_property
    def globals(self) -> frozenset[tuple[str, str]]:
        """The (kind, Clark name) of all global schema components; kinds are element, type, attribute, group, ...

        Chameleon includes take the namespace of each schema of the set that has one.
        """
        found: set[tuple[str, str]] = set()
        targets = {schema.get("targetNamespace", "") for _, schema in self.schemas}
        for _, schema in self.schemas:
            target = schema.get("targetNamespace")
            for child in children(schema):
                name, kind = child.get("name"), etree.QName(child).localname
                if name and kind in _KINDS:
                    for space in (target,) if target is not None else targets:
                        found.add((_KINDS[kind], f"{{{space or ''}}}{name}"))
        return frozenset(found)

    @cached_property
    def whole_namespaces(self) -> frozenset[str]:
        """Target namespaces whose every document is there: what is not found in them does not exist."""
        return frozenset(schema.get("targetNamespace", "") for _, schema in self.schemas) - self._open_namespaces

    @cached_property
    def _open_namespaces(self) -> frozenset[str]:
        """Namespaces of which a document was named and is not there."""
        found: set[str] = set()
        for name, schema in self.schemas:
            for child in children(schema):
                place = child.get("schemaLocation")
                if place is None or resolve(name, place, self.documents) is not None:
                    continue
                if child.tag == xs("import"):
                    found.add(child.get("namespace", ""))
                elif child.tag in (xs("include"), xs("redefine")):
                    found.add(schema.get("targetNamespace", ""))
        return frozenset(found)

    @cached_property
    def soap_bindings(self) -> tuple[Element, ...]:
        """The wsdl:binding elements that use the SOAP binding of WSDL 1.1."""
        return tuple(one for one in self.all(wsdl("binding")) if children(one, bind("binding")))

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Every operation of every SOAP binding."""
        return tuple(
            self._operation(binding, element)
            for binding in self.soap_bindings
            for element in children(binding, wsdl("operation"))
        )

    def port_type_of(self, binding: Element) -> Element | None:
        """The port type that a binding names, if it is there."""
        return self.component("portType", qname(binding, binding.get("type", "")))

    def message_parts(self, name: str) -> list[Element] | None:
        """The parts of a message by Clark name; ``None`` where there is no such message."""
        message = self.component("message", name)
        return None if message is None else children(message, wsdl("part"))

    @cached_property
    def _port_operations(self) -> dict[tuple[Element, str], Element]:
        """The first operation of each name of each port type."""
        found: dict[tuple[Element, str], Element] = {}
        for port in self.all(wsdl("portType")):
            for one in children(port, wsdl("operation")):
                found.setdefault((port, one.get("name", "")), one)
        return found

    def _operation(self, binding: Element, element: Element) -> Operation:
        soap = children(binding, bind("binding"))[0]
        own = children(element, bind("operation"))
        style = (own[0].get("style") if own else None) or soap.get("style") or "document"
        port_type = self.port_type_of(binding)
        port = self._port_operations.get((port_type, element.get("name", ""))) if port_type is not None else None
        inputs, in_space, in_headers = self._direction(element, port, "input")
        outputs, out_space, out_headers = self._direction(element, port, "output")
        return Operation(
            element.get("name", ""), binding.get("name", ""), style, (own[0].get("soapAction") or "") if own else "",
            element, port, inputs, outputs, in_space, out_space, in_headers, out_headers,
            any(one.get("use") == "encoded" for one in element.iter(bind("body"))),
        )  # fmt: skip

    def _direction(
        self, element: Element, port: Element | None, side: str
    ) -> tuple[tuple[tuple[str, str, str], ...] | None, str, tuple[str, ...]]:
        there = children(port, wsdl(side)) if port is not None else []
        if not there:
            return None, "", ()
        parts = self.message_parts(qname(there[0], there[0].get("message", "")))
        if parts is None:
            return None, "", ()
        holder = next(iter(children(element, wsdl(side))), None)
        bodies = list(holder.iter(bind("body"))) if holder is not None else []
        named = bodies[0].get("parts") if bodies else None
        if named is not None:
            by_name = {part.get("name"): part for part in parts}
            parts = [by_name[name] for name in named.split() if name in by_name]
        headers = []
        for header in holder.iter(bind("header")) if holder is not None else ():
            parts_there = self.message_parts(qname(header, header.get("message", ""))) or []
            named_there = [one for one in parts_there if one.get("name") == header.get("part") and one.get("element")]
            headers += [qname(one, one.get("element", "")) for one in named_there]
        listed = tuple(
            (part.get("name", ""), *(qname(part, part.get(kind, "")) for kind in ("element", "type"))) for part in parts
        )
        return (
            tuple((name, element_name, type_name) for name, element_name, type_name in listed),
            (bodies[0].get("namespace") or "") if bodies else "",
            tuple(headers),
        )


_KINDS: Final = {
    "element": "element", "complexType": "type", "simpleType": "type", "attribute": "attribute", "group": "group",
    "attributeGroup": "attributeGroup", "notation": "notation",
}  # fmt: skip


def qname(element: Element, text: str) -> str:
    """The Clark name of a QName in the scope of an element; empty for no text, ``{?prefix}`` for an unknown one."""
    if not text.strip():
        return ""
    prefix, colon, name = text.strip().partition(":")
    if not colon:
        return f"{{{element.nsmap.get(None) or ''}}}{prefix}"
    space = element.nsmap.get(prefix)
    return f"{{{space}}}{name}" if space is not None else f"{{?{prefix}}}{name}"


def resolve(base: str, location: str, documents: Mapping[str, object]) -> str | None:
    """The name under which the document at ``location`` (as written in ``base``) is there, or ``None``."""
    if location in documents:
        return location
    parts = urlsplit(location)
    if parts.scheme or parts.netloc:
        tail = posixpath.basename(parts.path) + (f"?{parts.query}" if parts.query else "")
        return tail if tail in documents else None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(base), unquote(parts.path)))
    return path if path in documents else None


def locations(root: Element) -> Iterator[str]:
    """What a document names: wsdl:import, xs:import, xs:include and xs:redefine."""
    for element in root.iter(wsdl("import"), xs("import"), xs("include"), xs("redefine")):
        place = element.get("location") if element.tag == wsdl("import") else element.get("schemaLocation")
        if place:
            yield place


def load(main: str, files: Mapping[str, bytes]) -> Description:
    """The description whose main document is ``main``, with those of ``files`` that it reaches."""
    documents: dict[str, Document] = {}
    absent: list[str] = []
    waiting = [main]
    while waiting and len(documents) < MAX_DOCUMENTS:
        name = waiting.pop(0)
        if name in documents:
            continue
        documents[name] = read(files[name])
        root = documents[name].root
        for place in locations(root) if root is not None else ():
            found = resolve(name, place, files)
            if found is None:
                absent.append(place)
            elif found not in documents:
                waiting.append(found)
    return Description(main, documents, tuple(dict.fromkeys(absent)))


def is_wsdl_extension(element: Element) -> bool:
    """Whether an element stands in a WSDL document without being of WSDL, its SOAP binding or XML Schema."""
    return etree.QName(element).namespace not in (WSDL, BIND, BIND12, XS)
