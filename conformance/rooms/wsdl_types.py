"""Rules about the schemas of a description: namespaces, references, arrays of the encoding, validity."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from conformance.description import Description, Element, qname
from conformance.documents import children, local, where
from conformance.findings import Finding, Missing, NotApplicable, Result
from conformance.names import ENCODING, WSDL, XML, XS, wsdl, xs
from conformance.rulings import ruled
from conformance.schema_engines import KNOWN, first_engine, second_engine

NO_SCHEMA: Final = NotApplicable("スキーマがありません", "there is no schema")
_REFERENCES: Final = MappingProxyType(
    {
        "element": (("type", "type"), ("ref", "element"), ("substitutionGroup", "element")),
        "attribute": (("type", "type"), ("ref", "attribute")),
        "restriction": (("base", "type"),),
        "extension": (("base", "type"),),
        "list": (("itemType", "type"),),
        "union": (("memberTypes", "type"),),
        "group": (("ref", "group"),),
        "attributeGroup": (("ref", "attributeGroup"),),
    }
)


def schemas_have_targets(description: Description) -> Result:
    """BP-R2105: a schema inside wsdl:types has a target namespace unless it only imports and annotates."""
    found, seen = [], False
    for types in description.all(wsdl("types")):
        for schema in children(types, xs("schema")):
            seen = True
            more = [one for one in children(schema) if one.tag not in (xs("import"), xs("annotation"))]
            if more and not schema.get("targetNamespace"):
                found.append(Finding(where(schema), "a targetNamespace that is not empty"))
    return tuple(found) if seen else NO_SCHEMA


def _references(schema: Element) -> Iterator[tuple[Element, str, str]]:
    """Each reference of a schema: the element, the kind of what it names, the Clark name."""
    for element in schema.iter(f"{{{XS}}}*"):
        for attribute, kind in _REFERENCES.get(local(element), ()):
            for text in (element.get(attribute) or "").split():
                yield element, kind, qname(element, text)


def schema_references_reach(description: Description) -> Result:
    """BP-R2102: a QName that names a schema component is of the target namespace or of one imported in the schema."""
    found: list[Finding] = []
    declared = {XS} | {schema.get("targetNamespace", "") for _, schema in description.schemas}
    declared |= {
        one.get("namespace", "") for _, schema in description.schemas for one in children(schema, xs("import"))
    }
    named = [(part, kind) for part in description.all(wsdl("part")) for kind in ("element", "type") if part.get(kind)]
    if not description.schemas and not named:
        return NO_SCHEMA
    for part, kind in named:
        name = qname(part, part.get(kind, ""))
        if name[1:].partition("}")[0] not in declared:
            found.append(Finding(where(part), "a namespace that a schema defines or imports", name[:120]))
    for _, schema in description.schemas:
        spaces = {schema.get("targetNamespace", ""), XS, XML}
        spaces |= {one.get("namespace", "") for one in children(schema, xs("import"))}
        for element, _, name in _references(schema):
            if name[1:].partition("}")[0] not in spaces:
                found.append(Finding(where(element), "a namespace that is defined or imported", name[:120]))
    return tuple(found)


def schema_references_exist(description: Description) -> Result:
    """XSD-201: the schema component that a QName names is there (in namespaces that are wholly there)."""
    if not description.schemas:
        return NO_SCHEMA
    found: list[Finding] = []
    whole, there = description.whole_namespaces, description.globals
    for _, schema in description.schemas:
        for element, kind, name in _references(schema):
            space = name[1:].partition("}")[0]
            if space in whole and space not in (XS, XML) and (kind, name) not in there:
                found.append(Finding(where(element), f"a global {kind} that is there", name[:120]))
    return tuple(found)


def parts_are_global(description: Description) -> Result:
    """BP-R2206: the element attribute of a part names a global element declaration."""
    found: list[Finding] = []
    seen, unknown = False, ""
    declared = {schema.get("targetNamespace", "") for _, schema in description.schemas}
    for part in description.all(wsdl("part")):
        text = part.get("element")
        if text is None:
            continue
        seen = True
        name = qname(part, text)
        space = name[1:].partition("}")[0]
        if ("element", name) in description.globals:
            continue
        if space not in description.whole_namespaces and (space in declared or description.absent):
            unknown = name
        else:
            found.append(Finding(where(part), "a global element declaration", name[:120]))
    if found or not unknown:
        return tuple(found) if seen else NotApplicable("element 属性のある part がありません", "no part has an element")
    return Missing(f"スキーマがありません: {unknown}", f"the schema is not there: {unknown}")


def no_encoded_arrays(description: Description) -> Result:
    """BP-R2110: no type extends or restricts soapenc:Array."""
    if not description.schemas:
        return NO_SCHEMA
    return tuple(
        Finding(where(element), "no soapenc:Array", local(element))
        for _, schema in description.schemas for element, kind, name in _references(schema)
        if kind == "type" and name == f"{{{ENCODING}}}Array" and element.get("base")
    )  # fmt: skip


def no_array_type(description: Description) -> Result:
    """BP-R2111: no declaration carries wsdl:arrayType."""
    if not description.schemas:
        return NO_SCHEMA
    return tuple(
        Finding(where(element), "no wsdl:arrayType", element.get(f"{{{WSDL}}}arrayType", ""))
        for _, schema in description.schemas for element in schema.iter(f"{{{XS}}}*")
        if element.get(f"{{{WSDL}}}arrayType") is not None
    )  # fmt: skip


def no_array_names(description: Description) -> Result:
    """BP-R2112: no type for a list is called ArrayOf..."""
    if not description.schemas:
        return NO_SCHEMA
    return tuple(
        Finding(where(element), "a name without ArrayOf", element.get("name", "")[:80])
        for _, schema in description.schemas
        for element in schema.iter(xs("complexType"), xs("element"))
        if element.get("name", "").startswith("ArrayOf")
    )  # fmt: skip


def _inconsistent(description: Description) -> tuple[Finding, ...]:
    """Elements of one name in one content model whose types differ: libxml2 lets them pass (XML Schema 3.8.6)."""
    found = []
    for _, schema in description.schemas:
        for kind in schema.iter(xs("complexType"), xs("group")):
            types: dict[str, set[str]] = {}
            for element in kind.iter(xs("element")):
                holder = next(element.iterancestors(xs("complexType"), xs("group")), None)
                name = element.get("name")
                if holder is kind and name:
                    anonymous = f"(its own, {where(element)})" if children(element) and not element.get("type") else ""
                    types.setdefault(name, set()).add(qname(element, element.get("type", "")) or anonymous)
            found += [Finding(where(kind), f"one type for {name}") for name, listed in types.items() if len(listed) > 1]
    return tuple(found)


def _is_absent(description: Description, one: Element) -> bool:
    place = one.get("schemaLocation")
    return place is not None and place in description.absent and one.get("namespace") not in KNOWN


def valid_schemas(description: Description) -> Result:
    """BP-R2801: the types are sound XML Schema 1.0; a second engine is asked where the first objects."""
    if not description.schemas:
        return NO_SCHEMA
    if any(_is_absent(description, one)
           for _, schema in description.schemas for one in children(schema)):  # fmt: skip
        return Missing("取り込むスキーマがありません", "an imported schema is not there")
    targets = {schema.get("targetNamespace", "") for _, schema in description.schemas} | {XML, XS} | KNOWN.keys()
    for _, schema in description.schemas:
        for one in children(schema, xs("import")):
            if one.get("namespace", "") not in targets:
                space = one.get("namespace", "")
                return Missing(
                    f"名前空間 {space} のスキーマがありません", f"no schema of the namespace {space} is there"
                )
    problem = first_engine(description)
    if not problem:
        return _inconsistent(description)
    second = second_engine(description)
    if second:
        return (Finding(description.main, "sound XML Schema 1.0", f"{problem[:160]} / {second[:160]}"),)
    return ruled("BP-R2801", description.main, problem)


PREDICATES: Final = MappingProxyType(
    {
        "BP-R2102": schema_references_reach,
        "BP-R2105": schemas_have_targets,
        "BP-R2110": no_encoded_arrays,
        "BP-R2111": no_array_type,
        "BP-R2112": no_array_names,
        "BP-R2206": parts_are_global,
        "BP-R2801": valid_schemas,
        "XSD-201": schema_references_exist,
    }
)
