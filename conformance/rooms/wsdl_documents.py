"""Rules about the documents of a description: encoding, XML version, imports, order, documentation, extensions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from conformance.description import Description, Element, is_wsdl_extension, qname, resolve
from conformance.documents import Document, children, local, namespace, where
from conformance.findings import Finding, Missing, NotApplicable, Result, when
from conformance.names import WSDL, bind, wsdl, xs
from conformance.schema_engines import KNOWN

NO_IMPORT: Final = NotApplicable("wsdl:import がありません", "there is no wsdl:import")
_XMLNS_XML: Final = re.compile(r"<[^<>]*\sxmlns:xml\s*=")
_NO_MARKUP: Final = re.compile(r"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be")


def declares_xml(document: Document) -> bool:
    """Whether a start tag of the document declares the prefix xml."""
    return bool(_XMLNS_XML.search(_NO_MARKUP.sub("", document.raw.decode(document.encoding, "replace"))))


def _wsdl_documents(description: Description) -> Iterator[tuple[str, Document]]:
    names = {name for name, _ in description.definitions} | {description.main}
    for name, document in description.documents.items():
        if name in names:
            yield name, document


def _schema_documents(description: Description) -> list[tuple[str, Document]]:
    return [
        (name, one)
        for name, one in description.documents.items()
        if one.root is not None and one.root.tag == xs("schema")
    ]


def xml_1_0(description: Description) -> Result:
    """BP-R4004: a description is written in XML 1.0."""
    return tuple(
        Finding(name, "XML 1.0", one.version) for name, one in _wsdl_documents(description) if one.version != "1.0"
    )


def utf(description: Description) -> Result:
    """BP-R4003: a description is written in UTF-8 or UTF-16."""
    return tuple(
        Finding(name, "UTF-8 or UTF-16", one.effective)
        for name, one in _wsdl_documents(description) if one.effective not in ENCODINGS
    )  # fmt: skip


def no_xml_prefix(description: Description) -> Result:
    """BP-R1034, BP-R4005: a description does not declare xmlns:xml."""
    return tuple(Finding(name, "no xmlns:xml") for name, one in _wsdl_documents(description) if declares_xml(one))


def bom_allowed(description: Description) -> Result:
    """BP-R4002: a byte order mark is allowed; what the mark says must then be what the declaration says."""
    found = []
    for name, one in _wsdl_documents(description):
        declared = one.declared.lower()
        if one.bom and declared and not one.encoding.startswith(declared.replace("utf16", "utf-16")):
            found.append(Finding(name, f"a declaration that fits the byte order mark ({one.encoding})", declared))
    return tuple(found)


def schemas_utf(description: Description) -> Result:
    """BP-R2010: an imported schema is written in UTF-8 or UTF-16."""
    documents = _schema_documents(description)
    if not documents:
        return NotApplicable("別ファイルのスキーマがありません", "no schema of a document of its own")
    return tuple(Finding(n, "UTF-8 or UTF-16", d.effective) for n, d in documents if d.effective not in ENCODINGS)


def schemas_xml_1_0(description: Description) -> Result:
    """BP-R2011: an imported schema is written in XML 1.0."""
    documents = _schema_documents(description)
    if not documents:
        return NotApplicable("別ファイルのスキーマがありません", "no schema of a document of its own")
    return tuple(Finding(name, "XML 1.0", one.version) for name, one in documents if one.version != "1.0")


def _imports(description: Description) -> list[tuple[str, Element]]:
    return [(name, one) for name, root in description.definitions for one in children(root, wsdl("import"))]


def _reached(description: Description, name: str, place: str) -> Element | None:
    found = resolve(name, place, description.documents)
    return description.documents[found].root if found is not None else None


def imports_reach_wsdl(description: Description) -> Result:
    """BP-R2001: wsdl:import brings in nothing but WSDL descriptions."""
    return _imported(description, wsdl("definitions"), "a document whose root is wsdl:definitions", unlike=None)


def schemas_by_xs_import(description: Description) -> Result:
    """BP-R2002: a schema is brought in by xs:import and not by wsdl:import."""
    return _imported(description, None, "no schema by wsdl:import", unlike=xs("schema"))


def _imported(description: Description, wanted: str | None, text: str, unlike: str | None) -> Result:
    found: list[Finding] = []
    missing = ""
    listed = _imports(description)
    for name, element in listed:
        place = element.get("location") or ""
        root = _reached(description, name, place)
        if place and root is None:
            missing = place
        elif root is not None and (root.tag != wanted if wanted else root.tag == unlike):
            found.append(Finding(where(element), text, f"{place}: {local(root)}"))
    if found or not missing:
        return tuple(found) if listed else NO_IMPORT
    return Missing(f"取り込む文書がありません: {missing}", f"an imported document is not there: {missing}")


def imports_have_location(description: Description) -> Result:
    """BP-R2007: wsdl:import says where the document is."""
    listed = _imports(description)
    if not listed:
        return NO_IMPORT
    return tuple(Finding(where(one), "a location that is not empty") for _, one in listed if not one.get("location"))


def import_namespace_absolute(description: Description) -> Result:
    """BP-R2803: the namespace of wsdl:import is no relative URI."""
    listed = _imports(description)
    if not listed:
        return NO_IMPORT
    return tuple(
        Finding(where(one), "an absolute URI", one.get("namespace", ""))
        for _, one in listed if not urlsplit(one.get("namespace", "")).scheme
    )  # fmt: skip


def import_namespace_fits(description: Description) -> Result:
    """BP-R2005: the namespace of wsdl:import is the target namespace of what it imports."""
    found, missing, listed = [], "", _imports(description)
    for name, element in listed:
        root = _reached(description, name, element.get("location") or "")
        if root is None:
            missing = element.get("location") or ""
        elif root.tag == wsdl("definitions") and root.get("targetNamespace", "") != element.get("namespace", ""):
            found.append(Finding(where(element), root.get("targetNamespace", ""), element.get("namespace", "")))
    if found or not missing:
        return tuple(found) if listed else NO_IMPORT
    return Missing(f"取り込む文書がありません: {missing}", f"an imported document is not there: {missing}")


def xs_import_in_schema(description: Description) -> Result:
    """BP-R2003: xs:import stands inside xs:schema only."""
    found = []
    for _, root in description.definitions:
        for element in root.iter(xs("import")):
            parent = element.getparent()
            if parent is None or parent.tag != xs("schema"):
                found.append(Finding(where(element), "inside xs:schema"))
    return tuple(found)


def xs_import_reaches_schema(description: Description) -> Result:
    """BP-R2004: schemaLocation of xs:import leads to a schema."""
    found: list[Finding] = []
    missing, count = "", 0
    for name, schema in description.schemas:
        for element in children(schema, xs("import")):
            place = element.get("schemaLocation")
            if place is None:
                continue
            count += 1
            if element.get("namespace") in KNOWN:
                continue
            root = _reached(description, name, place)
            if root is None:
                missing = place
            elif root.tag != xs("schema"):
                found.append(Finding(where(element), "a document whose root is xs:schema", f"{place}: {local(root)}"))
    if found or not missing:
        return tuple(found) if count else NotApplicable("schemaLocation がありません", "there is no schemaLocation")
    return Missing(f"取り込むスキーマがありません: {missing}", f"an imported schema is not there: {missing}")


def _before(description: Description, name: str, others: tuple[str, ...]) -> Result:
    found, seen = [], False
    for _, root in description.definitions:
        blocked = ""
        for child in children(root):
            if child.tag == wsdl(name):
                seen = True
                if blocked:
                    found.append(Finding(where(child), f"before wsdl:{blocked}"))
            elif namespace(child) == WSDL and local(child) not in others:
                blocked = blocked or local(child)
    return tuple(found) if seen else NotApplicable(f"wsdl:{name} がありません", f"there is no wsdl:{name}")


def imports_first(description: Description) -> Result:
    """BP-R2022: wsdl:import comes before everything else of WSDL but wsdl:documentation."""
    return _before(description, "import", ("documentation",))


def types_early(description: Description) -> Result:
    """BP-R2023: wsdl:types comes before everything else of WSDL but wsdl:documentation and wsdl:import."""
    return _before(description, "types", ("documentation", "import"))


def documentation_first(description: Description) -> Result:
    """BP-R2030: wsdl:documentation is the first child of what it documents."""
    found = []
    for element in description.all(wsdl("documentation")):
        parent = element.getparent()
        if parent is not None and next((one for one in parent if isinstance(one.tag, str)), None) is not element:
            found.append(Finding(where(element), "the first child element"))
    return tuple(found)


def extensions_not_required(description: Description) -> Result:
    """BP-R2026: no extension is marked as required."""
    marked = [
        element
        for _, root in description.definitions
        for element in root.iter("{*}*")
        if element.get(wsdl("required")) in ("true", "1") and is_wsdl_extension(element)
    ]
    return tuple(Finding(where(element), "no wsdl:required", "true") for element in marked)


def references_reach(description: Description) -> Result:
    """BP-R2101: a QName that names a component of WSDL is of a namespace defined or imported in its document."""
    found: list[Finding] = []
    for _, root in description.definitions:
        spaces = {root.get("targetNamespace", "")} | {
            one.get("namespace", "") for one in children(root, wsdl("import"))
        }
        for element, text in _wsdl_references(root):
            name = qname(element, text)
            space = name[1:].partition("}")[0]
            if space not in spaces:
                found.append(Finding(where(element), "a namespace that is defined or imported", name[:120]))
    return tuple(found)


def references_exist(description: Description) -> Result:
    """WSDL-204: the component that a QName names is there."""
    if any(
        resolve(name, one.get("location") or "", description.documents) is None for name, one in _imports(description)
    ):
        return Missing("取り込む WSDL がありません", "an imported description is not there")
    found = []
    for _, root in description.definitions:
        for element, text in _wsdl_references(root):
            kind = {"type": "portType", "binding": "binding"}.get(_attribute(element), "message")
            if description.component(kind, qname(element, text)) is None:
                found.append(Finding(where(element), f"a {kind} that is there", text[:120]))
    return tuple(found)


def _attribute(element: Element) -> str:
    return (
        {"binding": "type", "port": "binding"}.get(local(element), "message")
        if namespace(element) == WSDL
        else "message"
    )


def _wsdl_references(root: Element) -> Iterator[tuple[Element, str]]:
    for element in root.iter(f"{{{WSDL}}}*"):
        attribute = _attribute(element)
        parent = element.getparent()
        if local(element) in ("binding", "port") or (
            parent is not None and local(element) in ("input", "output", "fault")
        ):
            text = element.get(attribute)
            if text:
                yield element, text
    for element in root.iter(bind("header"), bind("headerfault")):
        if element.get("message"):
            yield element, element.get("message", "")


def target_namespace(description: Description) -> Result:
    """WSDL-202: definitions has a target namespace that is an absolute URI."""
    return tuple(
        Finding(name, "an absolute targetNamespace", root.get("targetNamespace", ""))
        for name, root in description.definitions if not urlsplit(root.get("targetNamespace", "")).scheme
    )  # fmt: skip


def no_doctype(description: Description) -> Result:
    """WSDL-203: a description has no document type declaration."""
    return tuple(
        finding
        for name, one in _wsdl_documents(description)
        for finding in when(not one.doctype, name, "no DOCTYPE", "DOCTYPE")
    )


PREDICATES: Final = MappingProxyType(
    {
        "BP-R1034": no_xml_prefix,
        "BP-R2001": imports_reach_wsdl,
        "BP-R2002": schemas_by_xs_import,
        "BP-R2003": xs_import_in_schema,
        "BP-R2004": xs_import_reaches_schema,
        "BP-R2005": import_namespace_fits,
        "BP-R2007": imports_have_location,
        "BP-R2010": schemas_utf,
        "BP-R2011": schemas_xml_1_0,
        "BP-R2022": imports_first,
        "BP-R2023": types_early,
        "BP-R2026": extensions_not_required,
        "BP-R2030": documentation_first,
        "BP-R2101": references_reach,
        "BP-R2803": import_namespace_absolute,
        "BP-R4002": bom_allowed,
        "BP-R4003": utf,
        "BP-R4004": xml_1_0,
        "BP-R4005": no_xml_prefix,
        "WSDL-202": target_namespace,
        "WSDL-203": no_doctype,
        "WSDL-204": references_exist,
    }
)
