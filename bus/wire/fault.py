"""SOAP faults: ours built with code, texts in two languages and findings; anybody's read tolerantly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import Addressing, Finding
from bus.wire import envelope
from bus.wire.addressing import NAMESPACE as WSA
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.addressing_fault import FAULT_ACTION, SOAP_FAULT_ACTION, answer, fault_detail, problem_of
from bus.wire.context import NAMESPACE, PREFIX
from bus.wire.http import TEXT, XML, Response

SHOGAI: Final = f"{PREFIX}shogai"
MAX_FINDINGS: Final = 50
MAX_TEXT: Final = 500
MESSAGE_ID: Final = "urn:chiikibus:shogai:"
"""Begins the wsa:MessageID of a fault; its record number follows, so that the same fault has the same id again."""

_PREFIXES: Final = {
    "": {"soap": envelope.SOAP},
    "wsa": {"wsa": WSA, "soap": envelope.SOAP},
    "wsse": {"wsse": envelope.WSSE, "soap": envelope.SOAP},
}
"""Namespaces of a fault by the prefix of its faultcode; none: one of SOAP's own."""

_HTTP_HEADERS: Final = {
    401: (("WWW-Authenticate", 'Basic realm="chiikibus", charset="UTF-8"'),),
    405: (("Allow", "GET, HEAD, POST"),),
    415: (("Accept-Encoding", "gzip"),),
}
_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
_NOT_XML: Final = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")
_FINDING: Final = (
    ("kodo", "code"),
    ("komoku", "path"),
    ("komokumei", "name_ja"),
    ("gyo", "line"),
    ("basho", "place"),
    ("kitai", "expected"),
    ("jissai", "got"),
)


@dataclass(frozen=True, slots=True)
class RemoteFault:
    """A fault that somebody sent. ``code`` is of our catalogue's form, or empty for a foreign fault."""

    faultcode: str
    text: str
    code: str = ""
    findings: tuple[Finding, ...] = ()
    record_id: str = ""


def fault_bytes(error: ChiikibusError, *, record_id: str = "", request: Addressing = NO_ADDRESSING) -> bytes:
    """The SOAP 1.1 fault message for ``error``; ``record_id`` is the exchange id for the operator.

    ``request`` is what the refused message said of WS-Addressing; where it said something, the fault answers in kind.
    """
    entry = error.entry
    # By identity: of a message whose every property is wrong nothing is left, and it said something all the same.
    addressed = request is not NO_ADDRESSING
    problem = problem_of(error) if addressed else None
    faultcode = f"wsa:{problem.subcode}" if problem else entry.faultcode
    prefix, _, local = faultcode.rpartition(":")
    fault = etree.Element(envelope.FAULT, nsmap=_PREFIXES[prefix])
    etree.SubElement(fault, "faultcode").text = f"{prefix or 'soap'}:{local}"
    text = etree.SubElement(fault, "faultstring")
    text.set(_LANG, "ja")
    text.text = f"{entry.title_ja} / {entry.title_en}"
    shogai = etree.SubElement(etree.SubElement(fault, "detail"), SHOGAI, nsmap={"cb": NAMESPACE})
    _add(shogai, "kodo", error.code)
    _add(shogai, "bunmen_ja", entry.title_ja)
    _add(shogai, "bunmen_en", entry.title_en)
    _add(shogai, "taisho_ja", entry.action_ja)
    _add(shogai, "taisho_en", entry.action_en)
    _add(shogai, "kirokubango", record_id)
    for finding in error.findings[:MAX_FINDINGS]:
        shiteki = etree.SubElement(shogai, f"{PREFIX}shiteki")
        for name, attribute in _FINDING:
            value = getattr(finding, attribute)
            _add(shiteki, name, str(value) if value else "")
    if not addressed:
        return envelope.build(fault)
    message_id = f"{MESSAGE_ID}{record_id}" if record_id else ""
    properties, parameters = answer(request, FAULT_ACTION if problem else SOAP_FAULT_ACTION, message_id, fault=True)
    detail = fault_detail(problem, error.retry_after_s) if problem else None
    return envelope.build(fault, addressing=properties, parameters=parameters, detail=detail)


def error_response(error: ChiikibusError, *, record_id: str = "", request: Addressing = NO_ADDRESSING) -> Response:
    """The HTTP answer for ``error``: a SOAP fault with 500 or 503, a short text for refusals of HTTP itself.

    A SOAP fault under another status would break WS-I Basic Profile 1.1 R1126.
    """
    entry = error.entry
    if entry.http_status == 503:
        retry_after = ("Retry-After", str(max(1, error.retry_after_s)))
        return Response(503, XML, fault_bytes(error, record_id=record_id, request=request), (retry_after,))
    if entry.http_status == 500 or (entry.http_status == 413 and error.findings):
        # The length of a body is a matter of HTTP; what the message is made of is told in a fault.
        return Response(500, XML, fault_bytes(error, record_id=record_id, request=request))
    text = f"{error.code} {entry.title_ja} / {entry.title_en}\n"
    return Response(entry.http_status, TEXT, text.encode(), _HTTP_HEADERS.get(entry.http_status, ()))


def read_fault(fault: etree._Element) -> RemoteFault:
    """The fault of ``fault`` (soap:Fault) or of a Body around it; whatever is missing stays empty.

    Child names are compared without their namespace, since some stacks qualify them.
    """
    if fault.tag != envelope.FAULT:
        inner = fault.find(envelope.FAULT)
        fault = fault if inner is None else inner
    children = {_local(child): child for child in fault}
    faultcode = _text(children.get("faultcode"))
    text = _text(children.get("faultstring"))
    detail = children.get("detail")
    shogai = None if detail is None else detail.find(SHOGAI)
    if shogai is None:
        return RemoteFault(faultcode.rpartition(":")[2], text)
    findings = tuple(_finding(item) for item in shogai.findall(f"{PREFIX}shiteki")[:MAX_FINDINGS])
    return RemoteFault(
        faultcode.rpartition(":")[2],
        text,
        _text(shogai.find(f"{PREFIX}kodo")),
        findings,
        _text(shogai.find(f"{PREFIX}kirokubango")),
    )


def _finding(element: etree._Element) -> Finding:
    """One shiteki."""
    texts = {_local(child): _text(child) for child in element}
    line = texts.get("gyo", "")
    return Finding(
        texts.get("kodo", ""),
        texts.get("komoku", ""),
        int(line) if line.isascii() and line.isdigit() and len(line) < 10 else 0,
        texts.get("kitai", ""),
        texts.get("jissai", ""),
        texts.get("komokumei", ""),
        texts.get("basho", ""),
    )


def _add(parent: etree._Element, name: str, text: str) -> None:
    """A child with text; nothing for an empty text. What XML cannot hold is left out."""
    if text:
        child = etree.SubElement(parent, PREFIX + name)
        child.text = _NOT_XML.sub("", text[:MAX_TEXT])


def _local(element: etree._Element) -> str:
    """The name without namespace."""
    return etree.QName(element).localname


def _text(element: etree._Element | None) -> str:
    """All text of an element, trimmed and cut; foreign stacks put anything here."""
    return "" if element is None else "".join(str(part) for part in element.itertext())[:MAX_TEXT].strip()
