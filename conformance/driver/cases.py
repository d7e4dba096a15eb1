"""The requests that the driver sends to a provider: each case as the bytes of the wire, made from one right request."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.description import Element
from conformance.names import BODY, HEADER, SOAP, SOAP12, WSA
from conformance.payloads import envelope, written
from schemas.model import Operation, Unit

UNKNOWN: Final = "urn:example:unknown"
NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
MESSAGE_ID: Final = "urn:uuid:00000000-0000-4000-8000-{:012x}"


@dataclass(frozen=True, slots=True)
class Base:
    """One right request: the payload of an operation and where it goes. ``headers`` go into every request."""

    unit: Unit
    operation: Operation
    payload: Element
    host: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    seed: int = 0

    def http(self, body: bytes, **changes: str | None) -> bytes:
        """A POST with the body; ``changes`` replace header fields (``_`` for ``-``), ``None`` takes one out.

        ``start`` replaces the start line.
        """
        start = changes.pop("start", None) or f"POST {self.target} HTTP/1.1"
        fields: dict[str, str | None] = {
            "Host": self.host, "Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{self.operation.action}"',
            **dict(self.headers), "Connection": "close", "Content-Length": str(len(body)),
        }  # fmt: skip
        fields.update({name.replace("_", "-"): value for name, value in changes.items()})
        lines = [start] + [f"{name}: {value}" for name, value in fields.items() if value is not None]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def envelope(self, *headers: Element) -> Element:
        """The right envelope with header blocks."""
        return envelope(deepcopy(self.payload), headers)

    def body(self, *headers: Element) -> bytes:
        """Its bytes."""
        return written(self.envelope(*headers))


def block(name: str, **attributes: str) -> Element:
    """A header block of a namespace that nobody knows; attributes are of the envelope's namespace."""
    element = etree.Element(f"{{{UNKNOWN}}}{name}", nsmap={"u": UNKNOWN})
    for key, value in attributes.items():
        element.set(f"{{{SOAP}}}{key}", value)
    return element


def _wsa(name: str, text: str) -> Element:
    element = etree.Element(f"{{{WSA}}}{name}", nsmap={"wsa": WSA})
    element.text = text
    return element


def _addressing(base: Base, *leave: str) -> list[Element]:
    """The addressing headers of the right request without those named."""
    values = {"MessageID": MESSAGE_ID.format(base.seed % 2**48), "Action": base.operation.action}
    return [_wsa(name, text) for name, text in values.items() if name not in leave]


def _replaced(base: Base, old: str, new: str) -> bytes:
    return base.http(base.body().replace(old.encode(), new.encode(), 1))


def _item(base: Base, value: str | None, kind: Callable[[str], bool]) -> bytes | None:
    """The request with another value in its first item of a type (``None``: without its first mandatory item)."""
    record = base.unit.records.get(base.operation.request_record)
    if record is None:
        return None
    payload = deepcopy(base.payload)
    for item in record.items:
        element = payload.find(f"{{{base.unit.namespace}}}{item.name}")
        if element is None or (value is None and not item.mandatory) or (value is not None and not kind(item.type)):
            continue
        if value is None:
            payload.remove(element)
        else:
            element.text = value * (item.digits + 1) if value == "1" else value
        return base.http(written(envelope(payload)))
    return None


def _unknown_key(base: Base) -> bytes | None:
    record = base.unit.records.get(base.operation.request_record)
    payload = deepcopy(base.payload)
    for item in record.items if record else ():
        element = payload.find(f"{{{base.unit.namespace}}}{item.name}")
        if element is not None and item.format == "atenabango":
            element.text = "999999999999999"
            return base.http(written(envelope(payload)))
    return None


def _swapped_version(base: Base, *headers: Element) -> bytes:
    return base.http(base.body(*headers).replace(SOAP.encode(), SOAP12.encode()))


def _two(base: Base) -> bytes:
    root = base.envelope()
    root[-1].append(deepcopy(base.payload))
    return base.http(written(root))


def _emptied(base: Base, tag: str) -> bytes:
    root = base.envelope()
    body = root.find(BODY)
    if body is not None:
        body.clear()
        if tag == "body":
            root.remove(body)
            etree.SubElement(root, HEADER)
    return base.http(written(root))


def _references(base: Base) -> bytes:
    """Every digit of the values as a character reference."""
    text = base.body().decode()
    return base.http(
        re.sub(r">([^<>]+)</", lambda m: ">" + "".join(f"&#{ord(c)};" for c in m[1]) + "</", text).encode()
    )


def _values(base: Base, old: str, new: str) -> bytes:
    """The right request with its values written in another way; characters stay whole."""
    return base.http(re.sub(old, new, base.body().decode()).encode())


def _cdata(base: Base) -> bytes:
    return _values(base, r">([^<>]+)</", r"><![CDATA[\1]]></")


def _comment(base: Base) -> bytes:
    return _values(base, r">([^<>])([^<>]*)</", r">\1<!-- a comment -->\2</")


def _chunked(base: Base) -> bytes:
    body = base.body()
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    return base.http(chunks, Content_Length=None, Transfer_Encoding="chunked")


def _prefixes(base: Base) -> bytes:
    text = base.body().replace(b"soap:", b"E:").replace(b"xmlns:soap", b"xmlns:E")
    return base.http(text.replace(b"t:", b"").replace(b"xmlns:t=", b"xmlns="))


def _get(base: Base, query: str) -> bytes:
    start = f"GET {base.target}{query} HTTP/1.1"
    return base.http(b"", start=start, Content_Type=None, SOAPAction=None, Content_Length=None)


def _utf16(base: Base) -> bytes:
    text = base.body().decode().replace("encoding='UTF-8'", "encoding='UTF-16'")
    return base.http(text.encode("utf-16"), Content_Type="text/xml; charset=utf-16")


def _doctype(base: Base, subset: str = "") -> bytes:
    return _replaced(base, "<soap:Envelope", f"<!DOCTYPE Envelope {subset}><soap:Envelope")


_BOMB: Final = '[<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]'

CASES: Final[Mapping[str, Callable[[Base], bytes | None]]] = MappingProxyType(
    {
        "base": lambda base: base.http(base.body()),
        "again": lambda base: base.http(base.body()),
        "wsdl": lambda base: _get(base, "?wsdl"),
        "get": lambda base: _get(base, ""),
        "put": lambda base: base.http(base.body(), start=f"PUT {base.target} HTTP/1.1"),
        "json": lambda base: base.http(b"{}", Content_Type="application/json"),
        "garbled-head": lambda base: base.http(base.body()).replace(b"Host: ", b"no field at all\r\nHost: ", 1),
        "two-hosts": lambda base: base.http(base.body()).replace(b"Host: ", b"Host: other.example\r\nHost: ", 1),
        "length-and-chunked": lambda base: base.http(base.body(), Transfer_Encoding="chunked"),
        "http10": lambda base: base.http(base.body(), start=f"POST {base.target} HTTP/1.0"),
        "chunked": _chunked,
        "small-names": lambda base: base.http(base.body()).replace(b"Content-Type", b"content-type").replace(
            b"SOAPAction", b"soapaction"),
        "action-empty": lambda base: base.http(base.body(), SOAPAction='""'),
        "utf16": _utf16,
        "bom": lambda base: base.http(b"\xef\xbb\xbf" + base.body()),
        "latin": lambda base: base.http(base.body().replace(b"UTF-8", b"ISO-8859-1"),
                                        Content_Type="text/xml; charset=iso-8859-1"),
        "other-declaration": lambda base: base.http(base.body().replace(b"UTF-8", b"Shift_JIS")),
        "soap12": _swapped_version,
        "no-envelope": lambda base: base.http(written(deepcopy(base.payload))),
        "unknown-header": lambda base: base.http(base.body(block("token", mustUnderstand="1"))),
        "unknown-header-bad-body": lambda base: base.http(
            base.body(block("token", mustUnderstand="1")).replace(b"</t:", b"<t:nothing/></t:", 1)),
        "soap12-unknown-header": lambda base: _swapped_version(base, block("token", mustUnderstand="1")),
        "header-next": lambda base: base.http(base.body(block("token", mustUnderstand="1", actor=NEXT))),
        "header-elsewhere": lambda base: base.http(
            base.body(block("token", mustUnderstand="1", actor="urn:example:elsewhere"))),
        "header-optional": lambda base: base.http(base.body(block("token", mustUnderstand="0"), block("other"))),
        "headers-swapped": lambda base: base.http(base.body(block("other"), block("token", mustUnderstand="0"))),
        "two-entries": _two,
        "empty-body": lambda base: _emptied(base, ""),
        "no-body": lambda base: _emptied(base, "body"),
        "doctype": _doctype,
        "instruction": lambda base: _replaced(base, "<soap:Body", "<?work now?><soap:Body"),
        "entities": lambda base: _doctype(base, _BOMB),
        "truncated": lambda base: base.http(base.body()[:-20]),
        "comment": _comment,
        "prefixes": _prefixes,
        "cdata": _cdata,
        "references": _references,
        "unknown-operation": lambda base: base.http(
            written(envelope(etree.Element(f"{{{base.unit.namespace}}}shiranai_sosa")))),
        "missing-item": lambda base: _item(base, None, lambda _: True),
        "wrong-form": lambda base: _item(base, "2024/01/01", lambda kind: kind == "DATE"),
        "too-long": lambda base: _item(base, "1", lambda kind: kind in ("X", "9")),
        "unknown-key": _unknown_key,
        "wsa": lambda base: base.http(base.body(*_addressing(base))),
        "wsa-no-id": lambda base: base.http(base.body(*_addressing(base, "MessageID"))),
        "wsa-two-actions": lambda base: base.http(base.body(*_addressing(base), _wsa("Action", base.operation.action))),
        "wsa-fault": lambda base: base.http(
            base.body(*_addressing(base)).replace(b"</t:", b"<t:nothing/></t:", 1)),
    }
)  # fmt: skip
