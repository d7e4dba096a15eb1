"""Rules about attachments: the multipart form, the root, references to parts, MTOM and XOP (WS-I AP 1.0, MTOM, XOP)."""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from types import MappingProxyType
from typing import Final

from conformance.description import Element
from conformance.documents import children, read, where
from conformance.findings import Finding, NotApplicable, Result, when
from conformance.messages import Message
from conformance.multipart import INCLUDE, Multipart, RawPart, boundary_of, cid, includes, multipart, root_of
from conformance.names import ENVELOPE, HEADER

PLAIN: Final = NotApplicable("multipart の電文ではありません", "no multipart message")
NO_INCLUDE: Final = NotApplicable("xop:Include がありません", "there is no xop:Include")
NO_MTOM: Final = NotApplicable("MTOM の電文ではありません", "no message of MTOM")
ENCODINGS: Final = ("7bit", "8bit", "binary", "quoted-printable", "base64")
XOP_TYPE: Final = "application/xop+xml"
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")


def _root(message: Message) -> tuple[Multipart, RawPart] | None:
    body = multipart(message)
    root = root_of(message, body) if body is not None else None
    return (body, root) if body is not None and root is not None else None


def root_is_envelope(message: Message) -> Result:
    """AP-R2931: the root part is a SOAP envelope."""
    found = _root(message)
    if found is None:
        return PLAIN
    root = message.root if message.root is not None else read(found[1].content).root
    actual = str(root.tag)[:80] if root is not None else "no XML"
    return when(actual == ENVELOPE, message.name, "an envelope", actual)


def encodings_known(message: Message) -> Result:
    """AP-R2934: a Content-Transfer-Encoding is 7bit, 8bit, binary, quoted-printable or base64."""
    body = multipart(message)
    if body is None:
        return PLAIN
    said = [(n, one.value("content-transfer-encoding").lower()) for n, one in enumerate(body.parts, 1)]
    wrong = [(n, text) for n, text in said if text and text not in ENCODINGS]
    return tuple(Finding(f"part {n}", " | ".join(ENCODINGS), text[:40]) for n, text in wrong)


def encoded_as_said(message: Message) -> Result:
    """AP-R2935: the content of a part is encoded as its transfer encoding says."""
    body = multipart(message)
    if body is None:
        return PLAIN
    found = []
    for n, one in enumerate(body.parts, 1):
        kind = one.value("content-transfer-encoding").lower() or "7bit"
        if not _encoded(kind, one.content):
            found.append(Finding(f"part {n}", f"content in {kind}"[:60]))
    return tuple(found)


def _encoded(kind: str, content: bytes) -> bool:
    if kind == "base64":
        try:
            base64.b64decode(b"".join(content.split()), validate=True)
        except (binascii.Error, ValueError):
            return False
        return True
    if kind == "quoted-printable":
        return max(content, default=0) < 0x80 and not re.search(rb"=(?![0-9A-F]{2}|[ \t]*\r?\n|\Z)", content)
    return kind != "7bit" or max(content, default=0) < 0x80


def boundaries_after_crlf(message: Message) -> Result:
    """AP-R2936: boundaries are preceded by CR and LF, in that order."""
    body = multipart(message)
    if body is None or not body.boundary:
        return PLAIN
    return when(not body.bare, message.name, "CR LF before a boundary", str(body.bare))


def type_of_root(message: Message) -> Result:
    """AP-S101: the parameter type names the media type of the root part."""
    found = _root(message)
    if found is None or message.head is None:
        return PLAIN
    said = (message.head.parameter("type") or "").partition(";")[0].strip().lower()
    return when(said == found[1].media_type, message.name, found[1].media_type[:60], said[:60] or "absent")


def start_reaches(message: Message) -> Result:
    """AP-S102: the root is the part that start names: there is one."""
    body = multipart(message)
    start = message.head.parameter("start") if message.head is not None else None
    if body is None or not start:
        return NotApplicable("start がありません", "there is no start")
    return when(root_of(message, body) is not None, message.name, "a part that start names", start[:80])


def boundary_form(message: Message) -> Result:
    """AP-S103: a boundary has 1 to 70 characters and does not end with a blank."""
    boundary = boundary_of(message.head)
    if boundary is None:
        return PLAIN
    kept = bool(_BOUNDARY.fullmatch(boundary))
    return when(kept, message.name, "1 to 70 characters of RFC 2046", boundary[:80] or "absent")


def closed(message: Message) -> Result:
    """AP-S104: a body ends with its final boundary."""
    body = multipart(message)
    if body is None or not body.boundary:
        return PLAIN
    return when(body.closed, message.name, "the final boundary")


def ids_differ(message: Message) -> Result:
    """AP-S105: a Content-ID stands for one part of a message."""
    body = multipart(message)
    if body is None:
        return PLAIN
    counted = Counter(one.content_id for one in body.parts if one.content_id)
    return tuple(Finding(message.name, "a Content-ID of its own", name[:80]) for name, n in counted.items() if n > 1)


def _references(message: Message) -> list[Element]:
    """Elements with a cid: reference of swaRef (the whole text) or in an attribute href."""
    if message.envelope is None:
        return []
    return [
        one
        for one in message.envelope.iter("{*}*")
        if one.tag != INCLUDE and (cid(one.get("href", "")) is not None or _text(one) is not None)
    ]


def _text(one: Element) -> str | None:
    return cid((one.text or "").strip()) if not len(one) and " " not in (one.text or "").strip() else None


def references_reach(message: Message) -> Result:
    """AP-R2928: a cid: reference reaches a part of the same message, its escapes decoded."""
    listed = _references(message)
    if not listed:
        return NotApplicable("cid: の参照がありません", "there is no cid: reference")
    body = multipart(message)
    there = {one.content_id for one in body.parts} if body is not None else set()
    found = []
    for one in listed:
        name = _text(one) or cid(one.get("href", "")) or ""
        if name not in there:
            found.append(Finding(where(one), "a part of the message", name[:80]))
    return tuple(found)


def _mtom(message: Message) -> bool:
    found = _root(message)
    return bool(includes(message)) or (found is not None and found[1].media_type == XOP_TYPE)


def mtom_type(message: Message) -> Result:
    """MTOM-101: the Content-Type is multipart/related of type application/xop+xml."""
    if message.head is None or not _mtom(message):
        return NO_MTOM
    said = (message.head.media_type, (message.head.parameter("type") or "").lower())
    wanted = ("multipart/related", XOP_TYPE)
    return when(said == wanted, message.name, ", ".join(wanted), ", ".join(said)[:80])


def mtom_start_info(message: Message) -> Result:
    """MTOM-102: start-info is text/xml, the type of SOAP 1.1."""
    if message.head is None or not _mtom(message):
        return NO_MTOM
    said = (message.head.parameter("start-info") or "").lower()
    return when(said == "text/xml", message.name, "text/xml", said[:60] or "absent")


def mtom_root(message: Message) -> Result:
    """MTOM-103: the root part is of type application/xop+xml with type text/xml."""
    found = _root(message)
    if found is None or not _mtom(message):
        return NO_MTOM
    said = (found[1].media_type, found[1].parameter("type").lower())
    return when(said == (XOP_TYPE, "text/xml"), message.name, f"{XOP_TYPE}; type=text/xml", ", ".join(said)[:80])


def alone(message: Message) -> Result:
    """XOP-201: an xop:Include is the only content of its element."""
    found = []
    for one in includes(message):
        parent = one.getparent()
        texts = (parent.text or "") + "".join(child.tail or "" for child in parent) if parent is not None else ""
        if parent is None or len(children(parent)) != 1 or texts.strip():
            found.append(Finding(where(one), "the only content"))
    return tuple(found) if includes(message) else NO_INCLUDE


def only_href(message: Message) -> Result:
    """XOP-202: an xop:Include has exactly the attribute href."""
    listed = includes(message)
    if not listed:
        return NO_INCLUDE
    return tuple(
        Finding(where(one), "href", " ".join(map(str, one.attrib))[:80])
        for one in listed
        if list(one.attrib) != ["href"]
    )


def href_reaches(message: Message) -> Result:
    """XOP-203: the href is a cid: URI of a part of the same package."""
    listed = [one for one in includes(message) if one.get("href") is not None]
    if not listed:
        return NO_INCLUDE
    body = multipart(message)
    there = {one.content_id for one in body.parts} if body is not None else set()
    left = [one for one in listed if cid(one.get("href", "")) not in there]
    return tuple(Finding(where(one), "a cid: of a part", one.get("href", "")[:80]) for one in left)


def used_once(message: Message) -> Result:
    """XOP-205: a part is the value of one xop:Include at most."""
    listed = includes(message)
    if not listed:
        return NO_INCLUDE
    counted = Counter(one.get("href") for one in listed)
    twice = [str(name)[:80] for name, n in counted.items() if n > 1]
    return tuple(Finding("/Envelope", "one xop:Include for a part", name) for name in twice)


def not_in_headers(message: Message) -> Result:
    """XOP-208: no xop:Include stands in a header block."""
    listed = includes(message)
    if not listed:
        return NO_INCLUDE
    wrong = [one for one in listed if next(one.iterancestors(HEADER), None) is not None]
    return tuple(Finding(where(one), "in the Body") for one in wrong)


PREDICATES: Final = MappingProxyType(
    {
        "AP-R2928": references_reach,
        "AP-R2931": root_is_envelope,
        "AP-R2934": encodings_known,
        "AP-R2935": encoded_as_said,
        "AP-R2936": boundaries_after_crlf,
        "AP-S101": type_of_root,
        "AP-S102": start_reaches,
        "AP-S103": boundary_form,
        "AP-S104": closed,
        "AP-S105": ids_differ,
        "MTOM-101": mtom_type,
        "MTOM-102": mtom_start_info,
        "MTOM-103": mtom_root,
        "XOP-201": alone,
        "XOP-202": only_href,
        "XOP-203": href_reaches,
        "XOP-205": used_once,
        "XOP-208": not_in_headers,
    }
)
