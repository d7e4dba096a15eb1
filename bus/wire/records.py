"""Flat records of the standard as XML elements and back: values are strings end to end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lxml import etree

from schemas.model import Operation, RecordType


def to_element(
    parent: etree._Element | None, namespace: str, record_type: RecordType, values: Mapping[str, str]
) -> etree._Element:
    """The record as an element in ``namespace``, appended to ``parent`` where there is one.

    Items stand in the order of the standard; absent and empty values are left out. ValueError names an item that
    the record does not have.
    """
    name = f"{{{namespace}}}{record_type.name}"
    element = _root(name, namespace) if parent is None else etree.SubElement(parent, name)
    fill(element, namespace, record_type, values)
    return element


def fill(element: etree._Element, namespace: str, record_type: RecordType, values: Mapping[str, str]) -> None:
    """Write the items of a record directly into a payload element; ValueError names an unknown item."""
    prefix = f"{{{namespace}}}"
    add = etree.SubElement
    written = 0
    for item in record_type.items:
        value = values.get(item.name)
        if value:
            add(element, prefix + item.name).text = value
            written += 1
    if written != len(values):
        unknown = [name for name, value in values.items() if value and name not in {i.name for i in record_type.items}]
        if unknown:
            raise ValueError(f"{record_type.unit}.{record_type.name} has no item {', '.join(unknown)}")


def from_element(element: etree._Element) -> dict[str, str]:
    """The items of a record or payload element by local name; children that hold records themselves are left out."""
    values: dict[str, str] = {}
    for child in element:
        tag = child.tag
        text = child.text
        if text and isinstance(tag, str) and not len(child):
            values[tag[tag.find("}") + 1 :]] = text
    return values


def payload(
    tag: str,
    record_type: RecordType | None = None,
    values: Mapping[str, str] | None = None,
    carried: tuple[RecordType, Iterable[Mapping[str, str]]] | None = None,
) -> etree._Element:
    """A request or reply element ``{namespace}name``: the items of its own record, then the records it carries."""
    namespace = tag[1 : tag.index("}")]
    element = _root(tag, namespace)
    if record_type is not None and values:
        fill(element, namespace, record_type, values)
    if carried is not None:
        kind, rows = carried
        for row in rows:
            to_element(element, namespace, kind, row)
    return element


def carried_elements(element: etree._Element, operation: Operation) -> list[etree._Element]:
    """The record elements that a payload of ``operation`` carries."""
    if not operation.record:
        return []
    tag = element.tag
    return element.findall(f"{tag[: tag.index('}') + 1]}{operation.record}")


def receipt(tag: str, common_namespace: str, message_id: str, number: str, received_at: str) -> etree._Element:
    """The receipt (受付) of a notice or bulk part: ``tag`` is the operation's output, its items are common ones."""
    element = _root(tag, tag[1 : tag.index("}")], c=common_namespace)
    for name, value in (("messageid", message_id), ("uketsukebango", number), ("uketsuke_nichiji", received_at)):
        etree.SubElement(element, f"{{{common_namespace}}}{name}").text = value
    return element


def _root(tag: str, namespace: str, **prefixes: str) -> etree._Element:
    nsmap: Any = {None: namespace, **prefixes}
    return etree.Element(tag, nsmap=nsmap)
