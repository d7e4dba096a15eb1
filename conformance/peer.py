"""The reference peer: a provider that keeps the standard, for the self-check and for trying the driver out.

It shares no code with the bus. ``skips`` names steps that it leaves out: that makes it the misbehaving peer of a
mutant.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from conformance import reference
from conformance.description import Element
from conformance.documents import children, local, namespace, read
from conformance.glyphs import blocks
from conformance.http1 import Head, parse
from conformance.names import BODY, COMMON, ENVELOPE, HEADER, SOAP, WSA
from conformance.oracle import Oracle
from conformance.payloads import VALID, answer, envelope, written
from schemas.catalog import load_errors
from schemas.model import Edition, ErrorEntry, Operation, Unit

NEXT: Final = "http://schemas.xmlsoap.org/soap/actor/next"
REASONS: Final = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
                  415: "Unsupported Media Type", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


class _Refused(Exception):
    """The answer is this status, or a fault where there is a code."""

    def __init__(self, status: int, code: str = "", faultcode: str = "Client", header: str = "") -> None:
        super().__init__(code or str(status))
        self.status, self.code, self.faultcode, self.header = status, code, faultcode, header


@dataclass(frozen=True, slots=True)
class Peer:
    """A provider of one unit. ``skips`` are steps left out; ``oracle`` validates (made anew if none is given)."""

    edition: Edition
    unit: Unit
    skips: frozenset[str] = frozenset()
    oracle: Oracle | None = None
    errors: Mapping[str, ErrorEntry] = field(default_factory=load_errors)
    residents: tuple[Mapping[str, str], ...] = field(default_factory=reference.residents)

    def answer(self, raw: bytes) -> bytes:
        """The bytes of the response to the bytes of a request."""
        try:
            return self._answer(raw)
        except _Refused as refusal:
            if not refusal.code:
                extra = (("Allow", "POST"),) if refusal.status == 405 else ()
                return response(refusal.status, b"refused", "text/plain; charset=utf-8", *extra)
            body = written(self._fault(refusal, raw))
            return response(refusal.status, body, "text/xml; charset=utf-8")

    def refusing(self, raw: bytes, code: str, faultcode: str, status: int) -> bytes:
        """The bytes of a fault of the standard in answer to a request, whatever the request is."""
        body = written(self._fault(_Refused(status, code, faultcode), raw))
        return response(status, body, "text/xml; charset=utf-8")

    def _does(self, step: str) -> bool:
        return step not in self.skips

    def _answer(self, raw: bytes) -> bytes:
        parsed = parse(raw, request=True)
        if parsed is None:
            raise _Refused(400)
        head = parsed.head
        self._http(head)
        if head.method == "GET" and head.target.endswith("?wsdl"):
            return response(200, self._description(head), "text/xml; charset=utf-8")
        if head.method != "POST" and self._does("method"):
            raise _Refused(405)
        if head.media_type != "text/xml" and self._does("media"):
            raise _Refused(415)
        root = self._envelope(head, parsed.body)
        self._headers(root)
        payload = self._payload(root, parsed.body)
        return response(200, written(self._reply(root, payload, head)), "text/xml; charset=utf-8")

    def _http(self, head: Head) -> None:
        if head.problems and self._does("head"):
            raise _Refused(400)
        if head.version == "HTTP/1.1" and len(head.values("Host")) != 1 and self._does("host"):
            raise _Refused(400)
        if head.value("Content-Length") and head.value("Transfer-Encoding") and self._does("length"):
            raise _Refused(400)

    def _description(self, head: Head) -> bytes:
        text = self.unit.wsdl.read_bytes()
        start = text.index(b'location="', text.index(b"soap:address")) + len(b'location="')
        place = f"http://{head.value('Host')}{head.target.removesuffix('?wsdl')}".encode()
        return text[:start] + place + text[text.index(b'"', start) :]

    def _envelope(self, head: Head, body: bytes) -> Element:
        document = read(body)
        charset = (head.parameter("charset") or "utf-8").lower()
        fits = charset.startswith(("utf-8", "utf-16")) and document.effective.startswith(("utf-8", "utf-16"))
        if not fits and self._does("encoding"):
            raise _Refused(500, "CB1003")
        if document.doctype and self._does("doctype"):
            raise _Refused(500, "CB1005")
        if document.root is None:
            raise _Refused(500, "CB1004")
        root = document.root
        listed = root.getroottree().xpath("//processing-instruction()")
        if listed and self._does("instruction"):
            raise _Refused(500, "CB1005")
        if root.tag != ENVELOPE:
            if self._does("version"):
                raise _Refused(500, "CB1007", "VersionMismatch")
            raise _Refused(500, "CB1008")
        return root

    def _headers(self, root: Element) -> None:
        blocks = [one for header in children(root, HEADER) for one in children(header)]
        for one in blocks:
            mine = one.get(f"{{{SOAP}}}actor", "") in ("", NEXT) or not self._does("actor")
            must = one.get(f"{{{SOAP}}}mustUnderstand") == "1" or not self._does("optional")
            if must and mine and namespace(one) != WSA and self._does("understand"):
                raise _Refused(500, "CB1009", "MustUnderstand")
        names = [local(one) for one in blocks if namespace(one) == WSA]
        if not names or not self._does("addressing"):
            return
        if any(names.count(name) > 1 for name in names):
            raise _Refused(500, "CB1011", "InvalidAddressingHeader")
        if "Action" not in names or "MessageID" not in names:
            raise _Refused(500, "CB1011", "MessageAddressingHeaderRequired")

    def _payload(self, root: Element, raw: bytes) -> Element:
        bodies = children(root, BODY)
        entries = [one for body in bodies for one in children(body)]
        if (len(bodies) != 1 or len(entries) != 1) and (self._does("entries") or not entries):
            raise _Refused(500, "CB1008", "Client" if self._does("entries") else "Server")
        if self._does("validate"):
            names = [deepcopy(one) for header in children(root, HEADER) for one in blocks(children(header))]
            found = (self.oracle or Oracle(self.edition, self.unit)).judge(written(envelope(entries[0], names)))
            if found:
                raise _Refused(500, found[0].code)
        elif self._operation(entries[0]) is None:
            raise _Refused(500, "CB1013", "Server")
        return entries[0]

    def _operation(self, payload: Element) -> Operation | None:
        return next((one for one in self.unit.operations.values() if one.input == payload.tag), None)

    def _reply(self, root: Element, payload: Element, head: Head) -> Element:
        operation = self._operation(payload)
        if operation is None:
            raise _Refused(500, "CB1013")
        if operation.output.endswith("_kaito"):
            body = answer(self.unit, operation, self._found(operation, payload))
        else:
            body = etree.Element(operation.output, nsmap={"t": self.unit.namespace, "c": COMMON})
            named = (_message_id(root) or head.value("Chiikibus-Message-Id") or "0" * 8, "0" * 8, VALID["DATETIME"])
            for name, text in zip(("messageid", "uketsukebango", "uketsuke_nichiji"), named, strict=True):
                etree.SubElement(body, f"{{{COMMON}}}{name}").text = text
        return envelope(body, self._related(root, operation.reply_action))

    def _found(self, operation: Operation, payload: Element) -> list[Mapping[str, str]]:
        """The records that fit every item of the inquiry which they have, as many as the operation may carry."""
        asked = {local(one): one.text or "" for one in children(payload)}
        kind = self.unit.records[operation.record]
        named = {item.name for item in kind.items} & asked.keys()
        fitting = [one for one in self._known(kind.name) if all(one.get(name) == asked[name] for name in named)]
        if not self._does("lookup"):
            fitting = list(self._known(kind.name))[:1]
        return fitting if operation.repeats else fitting[:1]

    def _known(self, record: str) -> Iterator[Mapping[str, str]]:
        """The records of the reference population of one kind."""
        if self.unit.key == reference.RESIDENTS and record == "jumin":
            yield from self.residents
            return
        for one in reference.questions(self.unit):
            if self.unit.operations[one.operation].record == record:
                yield from one.answers

    def _related(self, root: Element, action: str) -> list[Element]:
        """Action where the request is addressed, and RelatesTo where it has one MessageID."""
        blocks = [one for header in children(root, HEADER) for one in children(header)]
        asked = _message_id(root)
        if not any(namespace(one) == WSA for one in blocks) or not self._does("relate"):
            return []
        found = []
        for name, text in ((("RelatesTo", asked),) if asked else ()) + (("Action", action),):
            element = etree.Element(f"{{{WSA}}}{name}", nsmap={"wsa": WSA})
            element.text = text
            found.append(element)
        return found

    def _fault(self, refusal: _Refused, raw: bytes) -> Element:
        entry = self.errors[refusal.code]
        own = refusal.faultcode in ("Client", "Server", "MustUnderstand", "VersionMismatch")
        fault = etree.Element(f"{{{SOAP}}}Fault", nsmap={"soap": SOAP, **({} if own else {"wsa": WSA})})
        etree.SubElement(fault, "faultcode").text = f"{'soap' if own else 'wsa'}:{refusal.faultcode}"
        etree.SubElement(fault, "faultstring").text = entry.title_ja
        detail = etree.SubElement(etree.SubElement(fault, "detail"), f"{{{COMMON}}}shogai", nsmap={"c": COMMON})
        for name, text in (("kodo", refusal.code), ("bunmen_ja", entry.title_ja), ("bunmen_en", entry.title_en)):
            etree.SubElement(detail, f"{{{COMMON}}}{name}").text = text
        parsed = parse(raw, request=True)
        root = read(parsed.body).root if parsed is not None else None
        action = f"{WSA}/soap/fault" if own else f"{WSA}/fault"
        headers = self._related(root, action) if root is not None and root.tag == ENVELOPE else []
        return envelope(fault, headers)


def _message_id(root: Element) -> str:
    """The wsa:MessageID of an envelope, empty where there is not exactly one."""
    blocks = [one for header in children(root, HEADER) for one in children(header)]
    ids = [one.text or "" for one in blocks if one.tag == f"{{{WSA}}}MessageID"]
    return ids[0] if len(ids) == 1 else ""


def response(status: int, body: bytes, media: str, *extra: tuple[str, str]) -> bytes:
    """The bytes of an HTTP response that ends its connection."""
    fields = [("Content-Type", media), ("Content-Length", str(len(body))), *extra, ("Connection", "close")]
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], answering: Peer) -> None:
        super().__init__(address, _Handler)
        self.answering = answering


class _Handler(socketserver.StreamRequestHandler):
    """Reads one request of a connection, whole or until the other side is silent for a while, and answers it."""

    timeout = 5.0

    def handle(self) -> None:
        """One request, one answer."""
        raw = b""
        try:
            while not _complete(raw):
                piece = self.request.recv(65536)
                if not piece:
                    break
                raw += piece
        except OSError:
            return
        if raw and isinstance(self.server, _Server):
            self.wfile.write(self.server.answering.answer(raw))


def _complete(raw: bytes) -> bool:
    parsed = parse(raw, request=True) if b"\r\n\r\n" in raw else None
    return parsed is not None and parsed.complete


@contextmanager
def serving(peer: Peer, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve the peer in a thread; yields its address."""
    with _Server((host, port), peer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield str(server.server_address[0]), int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
