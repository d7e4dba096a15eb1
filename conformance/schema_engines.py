"""Two engines on the schemas of a description: libxml2, which is quick, and xmlschema, asked when it objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import xmlschema
from lxml import etree

from conformance.description import Description, Element, resolve
from conformance.documents import children
from conformance.names import ENCODING, XML, XS, xs

_SCHEME: Final = "mem:"
_XML_ATTRIBUTES: Final = (
    f'<xs:schema xmlns:xs="{XS}" targetNamespace="{XML}"><xs:attribute name="lang" type="xs:language"/>'
    '<xs:attribute name="space" type="xs:NCName"/><xs:attribute name="base" type="xs:anyURI"/>'
    '<xs:attribute name="id" type="xs:ID"/></xs:schema>'
).encode()
"""The attributes of the namespace xml, which schemas may import without a place."""
_ENCODING_TYPES: Final = (
    f'<xs:schema xmlns:xs="{XS}" xmlns:e="{ENCODING}" targetNamespace="{ENCODING}">'
    '<xs:attribute name="arrayType" type="xs:string"/><xs:attribute name="offset" type="xs:string"/>'
    '<xs:attributeGroup name="commonAttributes"><xs:anyAttribute namespace="##any" processContents="lax"/>'
    '</xs:attributeGroup><xs:group name="Array"><xs:sequence><xs:any namespace="##any" minOccurs="0" '
    'maxOccurs="unbounded" processContents="lax"/></xs:sequence></xs:group><xs:complexType name="Array"><xs:sequence>'
    '<xs:any namespace="##any" minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>'
    '<xs:attribute ref="e:arrayType"/><xs:attribute ref="e:offset"/>'
    '<xs:anyAttribute namespace="##any" processContents="lax"/></xs:complexType></xs:schema>'
).encode()
"""As much of the encoding's types as descriptions derive from; deriving from them is objected to elsewhere."""
KNOWN: Final[Mapping[str, bytes]] = MappingProxyType({XML: _XML_ATTRIBUTES, ENCODING: _ENCODING_TYPES})
"""Schemas of namespaces that descriptions import without bringing them along."""


class _Shelf(etree.Resolver):
    """Hands out the documents of one description and nothing else."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        super().__init__()
        self._texts = texts

    def resolve(self, system_url: str, public_id: str, context: object) -> object:  # type: ignore[override]  # lxml-stubs leave the context out
        """The text of a ``mem:`` address; an empty document for any other, so that nothing is ever fetched."""
        return self.resolve_string(self._texts.get(system_url, b"<nothing/>"), context, base_url=system_url)


def _collected(description: Description) -> tuple[dict[str, bytes], list[str]]:
    """The schemas as ``mem:`` documents: one wrapper per namespace that includes its documents; and the namespaces."""
    by_space: dict[str, list[str]] = {}
    included = _included(description)
    texts: dict[str, bytes] = {f"{_SCHEME}ns:{space}": text for space, text in KNOWN.items()}
    for number, (name, schema) in enumerate(description.schemas):
        copy = _rewritten(schema)
        if (name not in included or schema.getparent() is not None) and any(
            c.tag != xs("import") for c in children(copy)
        ):
            by_space.setdefault(schema.get("targetNamespace", ""), []).append(f"{_SCHEME}{number}")
        for child in children(copy):
            if child.tag in (xs("include"), xs("redefine")):
                found = resolve(name, child.get("schemaLocation", ""), description.documents)
                index = next(
                    (i for i, (n, s) in enumerate(description.schemas) if n == found and s.getparent() is None), None
                )
                child.set("schemaLocation", f"{_SCHEME}{index}")
        texts[f"{_SCHEME}{number}"] = etree.tostring(copy)
    for space, places in by_space.items():
        wrapper = etree.Element(xs("schema"), nsmap={"xs": XS})
        if space:
            wrapper.set("targetNamespace", space)
        for place in places:
            etree.SubElement(wrapper, xs("include"), schemaLocation=place)
        texts[f"{_SCHEME}ns:{space}"] = etree.tostring(wrapper)
    return texts, [*by_space]


def _included(description: Description) -> set[str]:
    """Documents that another one includes or redefines: they come in through it."""
    found = set()
    for name, schema in description.schemas:
        for child in children(schema):
            if child.tag in (xs("include"), xs("redefine")):
                reached = resolve(name, child.get("schemaLocation", ""), description.documents)
                if reached is not None:
                    found.add(reached)
    return found


def _alone(schema: Element) -> Element:
    """A copy as a document of its own, with the namespace declarations that were in scope."""
    return etree.fromstring(
        etree.tostring(schema, with_tail=False), etree.XMLParser(resolve_entities=False, no_network=True)
    )


def _rewritten(schema: Element) -> Element:
    """A copy whose imports lead to the wrappers of their namespaces."""
    copy = _alone(schema)
    for child in children(copy, xs("import")):
        child.set("schemaLocation", f"{_SCHEME}ns:{child.get('namespace', '')}")
    return copy


def first_engine(description: Description) -> str:
    """What libxml2 objects to in the schemas, or an empty text."""
    texts, spaces = _collected(description)
    main = etree.Element(xs("schema"), nsmap={"xs": XS})
    for space in spaces:
        if space:
            etree.SubElement(main, xs("import"), namespace=space, schemaLocation=f"{_SCHEME}ns:{space}")
        else:
            etree.SubElement(main, xs("include"), schemaLocation=f"{_SCHEME}ns:")
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_Shelf(texts))
    try:
        etree.XMLSchema(etree.fromstring(etree.tostring(main), parser))
    except etree.XMLSchemaParseError as error:
        return str(error).splitlines()[0]
    return ""


def second_engine(description: Description) -> str:
    """What xmlschema objects to in the schemas, or an empty text. Slow; asked only when the first engine objects."""
    sources: list[Any] = []
    for _, schema in description.schemas:
        copy = _alone(schema)
        for child in children(copy):
            if child.tag in (xs("include"), xs("redefine"), xs("import")):
                if "schemaLocation" in child.attrib:
                    del child.attrib["schemaLocation"]
                if child.tag != xs("import"):
                    copy.remove(child)
        if len(copy):
            sources.append(etree.tostring(copy))
    targets = {schema.get("targetNamespace") for _, schema in description.schemas}
    sources += [text for space, text in KNOWN.items() if space == ENCODING and space not in targets]
    try:
        xmlschema.XMLSchema10(sources, allow="none", use_fallback=False)
    except (xmlschema.XMLSchemaException, ValueError, TypeError, KeyError) as error:
        return str(error).splitlines()[0]
    return ""


def element_form(description: Description, type_name: str, child: str) -> str | None:
    """The namespace that a local element of a complex type has in a message; ``None`` where it is not known."""
    space, _, name = type_name[1:].partition("}")
    for _, schema in description.schemas:
        if schema.get("targetNamespace", "") != space:
            continue
        for kind in children(schema, xs("complexType")):
            if kind.get("name") != name:
                continue
            for element in kind.iter(xs("element")):
                if element.get("name") == child:
                    form = element.get("form") or schema.get("elementFormDefault") or "unqualified"
                    return space if form == "qualified" else ""
    return None


Validator = Callable[[Element], str]
"""Says what an engine objects to in an element, or nothing."""


def quick_validator(schema: Path) -> Validator:
    """libxml2 on a schema file that lies on this machine; its objections name the rule, never a value."""
    compiled = etree.XMLSchema(etree.parse(str(schema), etree.XMLParser(no_network=True)))

    def objection(element: Element) -> str:
        if compiled.validate(element):
            return ""
        last = compiled.error_log.last_error  # type: ignore[attr-defined]  # the stubs leave it out
        return str(last.type_name) if last is not None else "invalid"

    return objection


def thorough_validator(schema: Path) -> Validator:
    """xmlschema on a schema file; its objections name path and rule, never a value."""
    compiled = xmlschema.XMLSchema10(str(schema), allow="local")

    def objection(element: Element) -> str:
        for error in compiled.iter_errors(element):
            return f"{re.sub('{[^}]*}|[A-Za-z0-9_]+:', '', error.path or '')} {type(error.validator).__name__}"
        return ""

    return objection
