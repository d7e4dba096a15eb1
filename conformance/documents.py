"""An XML document as the judge sees it: bytes, prolog, tree, and why it has none. Hostile input is bounded."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

MAX_BYTES: Final = 32 * 1024 * 1024
"""Beyond it a document is not parsed; a WSDL of a unit is under 0.1 MB."""
MAX_DEPTH: Final = 200
MAX_ELEMENTS: Final = 300_000
MAX_COUNTED: Final = 20
"""Among more namesakes than these a place is told by its line: counting would be quadratic in a hostile document."""
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARATION: Final = re.compile(
    r"<\?xml\s+version\s*=\s*[\"']([^\"']*)[\"'](?:\s+encoding\s*=\s*[\"']([^\"']*)[\"'])?[^>]*\?>"
)


@dataclass(frozen=True, slots=True)
class Document:
    """``encoding`` is what the bytes show (BOM or pattern), ``declared`` what the XML declaration says (or empty)."""

    raw: bytes
    bom: bool
    encoding: str
    declared: str
    version: str
    doctype: bool
    root: etree._Element | None
    problem: str = ""

    @property
    def effective(self) -> str:
        """The encoding that counts, in lower case: by BOM, else as declared, else UTF-8."""
        return self.encoding if self.bom else (self.declared.lower() or self.encoding)


def read(raw: bytes) -> Document:
    """Read a document; whatever is wrong with it becomes ``problem`` and never an exception."""
    bom, encoding = _by_bytes(raw)
    start = raw[:400].decode(encoding, "replace").lstrip("\ufeff")
    found = _DECLARATION.match(start)
    declared = (found.group(2) or "") if found else ""
    version = found.group(1) if found else "1.0"
    if len(raw) > MAX_BYTES:
        return Document(raw, bom, encoding, declared, version, False, None, f"larger than {MAX_BYTES} bytes")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        attribute_defaults=False, remove_comments=False, remove_pis=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError, LookupError) as error:
        doctype = b"<!DOCTYPE" in raw or "<!DOCTYPE" in raw.decode(encoding, "replace")
        return Document(raw, bom, encoding, declared, version, doctype, None, _short(error))
    doctype = root.getroottree().docinfo.internalDTD is not None
    problem = _too_much(root)
    return Document(raw, bom, encoding, declared, version, doctype, None if problem else root, problem)


def _by_bytes(raw: bytes) -> tuple[bool, str]:
    for mark, name in _BOMS:
        if raw.startswith(mark):
            return True, name
    if raw.startswith(b"<\0"):
        return False, "utf-16-le"
    return False, "utf-16-be" if raw.startswith(b"\0<") else "utf-8"


def _too_much(root: etree._Element) -> str:
    elements = depth = 0
    for event, _ in etree.iterwalk(root, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        if depth > MAX_DEPTH or elements > MAX_ELEMENTS:
            return f"deeper than {MAX_DEPTH} or more than {MAX_ELEMENTS} elements"
    return ""


def _short(error: Exception) -> str:
    line = getattr(error, "lineno", None)
    return f"not well-formed (line {line})" if line else "not well-formed"


def local(element: etree._Element) -> str:
    """The local name of an element."""
    return etree.QName(element).localname


def namespace(element: etree._Element) -> str:
    """The namespace of an element, empty where it has none."""
    return etree.QName(element).namespace or ""


def children(element: etree._Element, tag: str | None = None) -> list[etree._Element]:
    """The child elements (comments and processing instructions left out), all or those of one Clark name."""
    return [child for child in element if isinstance(child.tag, str) and (tag is None or child.tag == tag)]


def where(element: etree._Element) -> str:
    """A path of local names with positions among namesakes (with the line, where there are many), for a report."""
    parts = []
    node: etree._Element | None = element
    while node is not None:
        parts.append(_step(node))
        node = node.getparent()
    return "/" + "/".join(reversed(parts))


def _step(node: etree._Element) -> str:
    name = local(node) if isinstance(node.tag, str) else str(type(node).__name__)
    place = 1
    for _ in node.itersiblings(node.tag, preceding=True):
        place += 1
        if place > MAX_COUNTED:
            return f"{name}[line {node.sourceline}]"
    alone = place == 1 and next(node.itersiblings(node.tag), None) is None
    return name if alone else f"{name}[{place}]"
