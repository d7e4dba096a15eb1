"""What a unit's schemas say of attachments: the elements of xs:base64Binary and of swaRef, with their limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lxml import etree

XS: Final = "{http://www.w3.org/2001/XMLSchema}"
BASE64: Final = f"{XS}base64Binary"
SWA_REF: Final = "{http://ws-i.org/profiles/basic/1.1/xsd}swaRef"


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes a base64Binary element takes. ``most`` is None where nothing limits it."""

    least: int = 0
    most: int | None = None

    def holds(self, size: int) -> bool:
        """Whether content of this size fits."""
        return self.least <= size and (self.most is None or size <= self.most)


@dataclass(frozen=True, slots=True)
class Places:
    """Where references may stand: elements by tag, attributes by name, as the schemas declare them."""

    binary: Mapping[str, Room]
    elements: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()


NOWHERE: Final = Places({})


def read_places(schemas: Iterable[Path]) -> Places:
    """The places that these schema files declare. An element name counts when any of its declarations does."""
    roots = [etree.parse(path).getroot() for path in schemas]
    types = {name: node for root in roots for name, node in _named(root)}
    binary: dict[str, Room] = {}
    elements: set[str] = set()
    attributes: set[str] = set()
    for root in roots:
        for node in root.iter(f"{XS}element", f"{XS}attribute"):
            if node.get("name") is None:
                continue
            base, facets = _base(node, types)
            name = _name(node, root)
            if base == BASE64 and node.tag == f"{XS}element":
                binary[name] = _room(facets)
            elif base == SWA_REF:
                (elements if node.tag == f"{XS}element" else attributes).add(name)
    return Places(binary, frozenset(elements), frozenset(attributes))


def _named(root: etree._Element) -> Iterator[tuple[str, etree._Element]]:
    """Global types of a schema by Clark name."""
    namespace = root.get("targetNamespace", "")
    for node in root.iterchildren(f"{XS}simpleType", f"{XS}complexType"):
        yield f"{{{namespace}}}{node.get('name', '')}", node


def _name(node: etree._Element, root: etree._Element) -> str:
    """The Clark name that a declared element or attribute has in a message."""
    default = root.get("elementFormDefault" if node.tag == f"{XS}element" else "attributeFormDefault", "unqualified")
    qualified = node.getparent() is root or node.get("form", default) == "qualified"
    namespace = root.get("targetNamespace", "")
    name = node.get("name", "")
    return f"{{{namespace}}}{name}" if qualified and namespace else name


def _base(node: etree._Element, types: Mapping[str, etree._Element]) -> tuple[str, dict[str, int]]:
    """The type that stands at the end of the restrictions of ``node``, and the length facets met on the way."""
    facets: dict[str, int] = {}
    reference = _qname(node, "type")
    inner = types.get(reference) if reference else next(node.iterchildren(f"{XS}simpleType", f"{XS}complexType"), None)
    for _ in range(len(types) + 1):
        if inner is None:
            break
        above = next(inner.iterchildren(f"{XS}simpleContent"), inner)
        derived = next(above.iterchildren(f"{XS}restriction", f"{XS}extension"), None)
        if derived is None:
            return "", facets
        for facet in derived.iterchildren(f"{XS}length", f"{XS}minLength", f"{XS}maxLength"):
            facets.setdefault(etree.QName(facet).localname, int(facet.get("value", "0")))
        reference = _qname(derived, "base")
        inner = types.get(reference)
    return reference, facets


def _qname(node: etree._Element, attribute: str) -> str:
    """A prefixed name in an attribute as Clark name."""
    prefix, colon, local = (node.get(attribute) or "").rpartition(":")
    if not local:
        return ""
    namespace = node.nsmap.get(prefix if colon else None, "")
    return f"{{{namespace}}}{local}"


def _room(facets: Mapping[str, int]) -> Room:
    """Length facets as limits."""
    exact = facets.get("length")
    if exact is not None:
        return Room(exact, exact)
    return Room(facets.get("minLength", 0), facets.get("maxLength"))
