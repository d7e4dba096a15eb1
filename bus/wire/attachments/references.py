"""Follow the references of an envelope to the attachments beside it: xop:Include, swaRef and href.

MTOM: an Include is the only content of an element that the schema declares as xs:base64Binary; every attachment stands
for exactly one of them. SwA: what refers must reach a part; parts that nothing refers to are allowed (AP 1.0).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Attachment, Finding, Package
from bus.wire.attachments import content_id
from bus.wire.attachments.binary import Places
from bus.wire.safe_xml import line_of

XOP_NAMESPACE: Final = "http://www.w3.org/2004/08/xop/include"
INCLUDE: Final = f"{{{XOP_NAMESPACE}}}Include"

STAND_IN: Final = 1024
"""Bytes of the value that is validated in place of a larger one; its length is judged here."""


def follow(payload: etree._Element, package: Package, places: Places, *, judged: bool) -> None:
    """Every reference of ``payload`` (the child of Body) reaches its part; else CB1056 or CB1054.

    With ``judged`` the schema will be asked: then Includes stand only where it wants binary content, and are
    replaced by a stand-in of a length that it accepts or refuses as it would the content.
    """
    parts = {part.content_id: part for part in package.attachments}
    if package.mtom:
        _include(payload, parts, places, judged=judged)
    else:
        _refer(payload, parts, places)


def _include(payload: etree._Element, parts: Mapping[str, Attachment], places: Places, *, judged: bool) -> None:
    """XOP 1.0: each Include means one part, each part is meant once."""
    root = payload.getroottree().getroot()
    unread = dict(parts)
    for include in list(root.iter(INCLUDE)):
        name = content_id.reference(include.get("href", ""))
        if name not in parts:
            raise _bad(include, "href", "a part of this name", "none")
        if unread.pop(name, None) is None:
            raise _bad(include, "href", "each part once", "twice")
        holder = include.getparent()
        if holder is None or not _within(holder, payload):
            raise _bad(include, "xop:Include", "in the Body's child", "elsewhere")
        if len(include) or (include.text or "").strip() or set(include.keys()) != {"href"}:
            raise _bad(include, "xop:Include", "empty, with href", "more")
        if len(holder) != 1 or (holder.text or "").strip() or (include.tail or "").strip():
            raise _bad(include, "xop:Include", "the only content of its element", "more")
        if judged:
            _stand_in(holder, include, parts[name], places)
    if unread:
        raise WireError(
            "CB1056", [Finding("CB1056", path="part", expected="xop:Include", got=f"{len(unread)} without")]
        )


def _stand_in(holder: etree._Element, include: etree._Element, part: Attachment, places: Places) -> None:
    """Put a short value where the content belongs. Errors: CB1056 where none belongs, CB1016 its length."""
    room = places.binary.get(str(holder.tag))
    if room is None:
        raise _bad(include, etree.QName(holder).localname[:64], "an element of xs:base64Binary", "another")
    if not room.holds(part.size):
        expected = f"{room.least} to {'any' if room.most is None else room.most} bytes"
        finding = Finding("CB1016", etree.QName(holder).localname[:64], line_of(holder), expected, f"{part.size} bytes")
        raise WireError("CB1016", [finding])
    holder.remove(include)
    least = max(room.least, min(part.size, STAND_IN if room.most is None else min(room.most, STAND_IN)))
    holder.text = base64.b64encode(bytes(least)).decode("ascii")


def _refer(payload: etree._Element, parts: Mapping[str, Attachment], places: Places) -> None:
    """AP 1.0: a swaRef reaches a part of the same message, and so does an href that says cid:."""
    for element in payload.iter(etree.Element):
        if element.tag == INCLUDE:
            raise _bad(element, "xop:Include", "in a message of type application/xop+xml", "in one of text/xml")
        if element.tag in places.elements:
            _reach(element, (element.text or "").strip(), parts)
        for name, value in element.items():
            text = str(value).strip()
            if name in places.attributes or (name == "href" and text[:4].lower() == content_id.SCHEME):
                _reach(element, text, parts)


def _reach(element: etree._Element, href: str, parts: Mapping[str, Attachment]) -> None:
    """Errors: CB1056."""
    if content_id.reference(href) not in parts:
        raise _bad(element, etree.QName(element).localname[:64], "a part of this name", "none")


def _within(element: etree._Element, payload: etree._Element) -> bool:
    """Whether ``element`` is ``payload`` or below it."""
    return element is payload or any(above is payload for above in element.iterancestors())


def _bad(element: etree._Element, path: str, expected: str, got: str) -> WireError:
    """CB1056 at an element."""
    return WireError("CB1056", [Finding("CB1056", path=path, line=line_of(element), expected=expected, got=got)])
