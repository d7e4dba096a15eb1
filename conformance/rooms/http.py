"""Rules about HTTP that show in one message: version, method, SOAPAction, media type, charset, status, framing."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from conformance.findings import KEPT, Finding, NotApplicable, Result, when
from conformance.http1 import Head
from conformance.messages import Message
from conformance.rooms.soap import is_xml

NO_HEAD: Final = NotApplicable("HTTPの行がありません", "there are no lines of HTTP")
NO_REQUEST: Final = NotApplicable("要求ではありません", "no request")
NO_RESPONSE: Final = NotApplicable("応答ではありません", "no response")
OK, ACCEPTED, REDIRECT, FAULT_STATUS = 200, 202, 307, 500
MEDIA: Final = ("text/xml", "multipart/related")
SOAP_12_MEDIA: Final = "application/soap+xml"


def _request(message: Message) -> Head | NotApplicable:
    if message.head is None:
        return NO_HEAD
    return message.head if message.head.request else NO_REQUEST


def _response(message: Message) -> Head | NotApplicable:
    if message.head is None:
        return NO_HEAD
    return NO_RESPONSE if message.head.request else message.head


def version_1_1(message: Message) -> Result:
    """BP-R1140: HTTP/1.1."""
    if message.head is None:
        return NO_HEAD
    return when(message.head.version == "HTTP/1.1", message.name, "HTTP/1.1", message.head.version[:20])


def version_1(message: Message) -> Result:
    """BP-R1141: HTTP/1.1 or HTTP/1.0."""
    if message.head is None:
        return NO_HEAD
    return when(
        message.head.version in ("HTTP/1.1", "HTTP/1.0"), message.name, "HTTP/1.1 or 1.0", message.head.version[:20]
    )


def post(message: Message) -> Result:
    """BP-R1132: a request with an envelope is a POST."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    if not is_xml(message):
        return NotApplicable("封筒のない要求です", "a request without an envelope")
    return when(head.method in ("POST", "M-POST"), message.name, "POST", head.method)


def no_extension_framework(message: Message) -> Result:
    """BP-R1108: the HTTP Extension Framework (M-POST, Man, Opt) is not used."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    kept = head.method != "M-POST" and head.value("Man") is None
    return when(kept, message.name, "no M-POST", head.method)


def action_quoted(message: Message) -> Result:
    """BP-R1109: the value of SOAPAction is a quoted string."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    action = head.value("SOAPAction")
    if action is None:
        return NotApplicable("SOAPAction がありません", "there is no SOAPAction")
    return when(bool(re.fullmatch('"[^"]*"', action)), message.name, "a quoted value", action[:80])


def action_there(message: Message) -> Result:
    """HTTP-201: a SOAP request has one SOAPAction (SOAP 1.1 section 6.1.1)."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    if not is_xml(message):
        return NotApplicable("封筒のない要求です", "a request without an envelope")
    return when(
        len(head.values("SOAPAction")) == 1, message.name, "one SOAPAction", str(len(head.values("SOAPAction")))
    )


def _action(message: Message) -> tuple[str, tuple[str, ...]] | NotApplicable:
    """The SOAPAction that was sent and those that the description allows."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    if not message.operations:
        return NotApplicable("記述にある操作の要求ではありません", "no request of an operation of the description")
    return head.value("SOAPAction") or "", tuple(one.action for one in message.operations)


def action_fits(message: Message) -> Result:
    """BP-R2744: SOAPAction is what the description says."""
    found = _action(message)
    if isinstance(found, NotApplicable):
        return found
    sent, allowed = found
    if not any(allowed):
        return NotApplicable("soapAction は空です", "soapAction is empty")
    return when(sent.strip('"') in allowed, message.name, " | ".join(f'"{one}"' for one in allowed), sent[:120])


def action_empty(message: Message) -> Result:
    """BP-R2745: without a soapAction, SOAPAction is an empty quoted string."""
    found = _action(message)
    if isinstance(found, NotApplicable):
        return found
    sent, allowed = found
    if any(allowed):
        return NotApplicable("soapAction があります", "there is a soapAction")
    return when(sent == '""', message.name, '""', sent[:120])


def media_type(message: Message) -> Result:
    """HTTP-202: an envelope travels as text/xml, or as multipart/related with attachments."""
    if message.head is None:
        return NO_HEAD
    if message.envelope is None:
        return NotApplicable("封筒がありません", "there is no envelope")
    return when(message.head.media_type in MEDIA, message.name, " | ".join(MEDIA), message.head.media_type[:80])


def charset(message: Message) -> Result:
    """BP-R1018: charset says in what the envelope is written."""
    head, document = message.head, message.document
    if head is None:
        return NO_HEAD
    if message.envelope is None or document is None or head.media_type not in ("text/xml", "application/xml"):
        return NotApplicable("text/xml の封筒がありません", "there is no envelope as text/xml")
    given = (head.parameter("charset") or "").lower()
    if not given:
        return (Finding(message.name, "a charset", head.value("Content-Type") or ""),)
    real = document.encoding if document.bom or document.encoding != "utf-8" else (document.declared.lower() or "utf-8")
    kept = given == real or (given == "utf-16" and real.startswith("utf-16"))
    return when(kept, message.name, real, given[:40])


def one_type(message: Message) -> Result:
    """HTTP-203: a message has one Content-Type."""
    if message.head is None:
        return NO_HEAD
    if not message.body:
        return NotApplicable("本文がありません", "there is no body")
    count = len(message.head.values("Content-Type"))
    return when(count == 1, message.name, "one Content-Type", str(count))


def framing(message: Message) -> Result:
    """HTTP-204: lines end with CRLF, header lines are header lines, nothing is folded (RFC 9112 sections 2 and 5)."""
    if message.head is None:
        return NO_HEAD
    return tuple(Finding(message.name, "a head by RFC 9112", problem) for problem in message.head.problems)


def length(message: Message) -> Result:
    """HTTP-205: Content-Length and Transfer-Encoding are not together, agree with themselves and with the body."""
    head = message.head
    if head is None:
        return NO_HEAD
    found = []
    lengths = set(head.values("Content-Length"))
    if head.value("Transfer-Encoding") and lengths:
        found.append(Finding(message.name, "Content-Length or Transfer-Encoding", "both"))
    if len(lengths) > 1 or any(not one.isdecimal() for one in lengths):
        found.append(Finding(message.name, "one Content-Length in digits", ", ".join(sorted(lengths))[:80]))
    return tuple(found)


def whole(message: Message) -> Result:
    """HTTP-206: the body is as long as it says, or its last chunk is there."""
    if message.head is None:
        return NO_HEAD
    return when(message.complete, message.name, "the whole body", f"{len(message.body)} bytes")


def host(message: Message) -> Result:
    """HTTP-207: a request of HTTP/1.1 has exactly one Host."""
    head = _request(message)
    if isinstance(head, NotApplicable):
        return head
    if head.version != "HTTP/1.1":
        return NotApplicable("HTTP/1.1 ではありません", "not HTTP/1.1")
    return when(len(head.values("Host")) == 1, message.name, "one Host", str(len(head.values("Host"))))


def success(message: Message) -> Result:
    """BP-R1124: an answer with an envelope that is no fault has a status of 2xx."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    if message.envelope is None or message.fault is not None:
        return NotApplicable("成功の応答ではありません", "no successful answer")
    return when(OK <= head.status < 300, message.name, "2xx", str(head.status))


def success_200(message: Message) -> Result:
    """BP-R1111: an answer with an envelope that is no fault has status 200."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    if message.envelope is None or message.fault is not None:
        return NotApplicable("成功の応答ではありません", "no successful answer")
    return when(head.status == OK, message.name, "200", str(head.status))


def success_empty(message: Message) -> Result:
    """BP-R1112: a success without an envelope has status 200 or 202."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    if not 200 <= head.status < 300 or message.envelope is not None:
        return NotApplicable("封筒のない成功の応答ではありません", "no success without an envelope")
    return when(head.status in (OK, ACCEPTED), message.name, "200 or 202", str(head.status))


def fault_500(message: Message) -> Result:
    """BP-R1126: a fault has status 500."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    if message.fault is None:
        return NotApplicable("障害ではありません", "no fault here")
    return when(head.status == FAULT_STATUS, message.name, "500", str(head.status))


def redirect_307(message: Message) -> Result:
    """BP-R1130: a redirect has status 307."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    if not 300 <= head.status < 400 or head.status == 304:
        return NotApplicable("転送の応答ではありません", "no redirect")
    return when(
        head.status == REDIRECT and head.value("Location") is not None,
        message.name,
        "307 with Location",
        str(head.status),
    )


def status_line(message: Message) -> Result:
    """HTTP-208: a response has a status line with three digits."""
    head = _response(message)
    if isinstance(head, NotApplicable):
        return head
    return KEPT if head.status else (Finding(message.name, "three digits", head.start[:60]),)


def not_soap_12(message: Message) -> Result:
    """HTTP-209: the media type of SOAP 1.2 is not used."""
    if message.head is None:
        return NO_HEAD
    return when(message.head.media_type != SOAP_12_MEDIA, message.name, "text/xml", message.head.media_type)


PREDICATES: Final = MappingProxyType(
    {
        "BP-R1018": charset,
        "BP-R1108": no_extension_framework,
        "BP-R1109": action_quoted,
        "BP-R1111": success_200,
        "BP-R1112": success_empty,
        "BP-R1124": success,
        "BP-R1126": fault_500,
        "BP-R1130": redirect_307,
        "BP-R1132": post,
        "BP-R1140": version_1_1,
        "BP-R1141": version_1,
        "BP-R2744": action_fits,
        "BP-R2745": action_empty,
        "HTTP-201": action_there,
        "HTTP-202": media_type,
        "HTTP-203": one_type,
        "HTTP-204": framing,
        "HTTP-205": length,
        "HTTP-206": whole,
        "HTTP-207": host,
        "HTTP-208": status_line,
        "HTTP-209": not_soap_12,
    }
)
