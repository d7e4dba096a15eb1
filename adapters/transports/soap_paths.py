"""What a SOAP body holds, by paths of local names joined by ``.``: read from elements, and put into what zeep takes.

Apart from ``vendor_soap``, so that a flow that only reads and fills bodies does not load zeep.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lxml import etree


def values_of(element: etree._Element) -> Any:
    """An element as zeep takes it: a text, or a dict of its children by local name (a list where one repeats)."""
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        name, value = etree.QName(child).localname, values_of(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def put(values: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a path of names joined by ``.``; an empty path merges a dict into the top."""
    if not path:
        values.update(value)
        return
    *above, last = path.split(".")
    node = values
    for name in above:
        node = node.setdefault(name, {})
    node[last] = value


def at(element: etree._Element, path: str) -> list[etree._Element]:
    """The elements at a path of local names joined by ``.`` below an element; itself for an empty path."""
    found: Iterable[etree._Element] = [element]
    for name in path.split(".") if path else ():
        found = [child for one in found for child in one if etree.QName(child).localname == name]
    return list(found)


def text_at(element: etree._Element, path: str) -> str:
    """The text of the only element at a path; empty when there is none, or no path."""
    found = at(element, path) if path else []
    return (found[0].text or "").strip() if len(found) == 1 else ""
