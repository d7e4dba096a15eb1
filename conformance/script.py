"""What the mock peer answers a consumer: scenarios, each a script of answers, one for every request that comes.

The last answer of a script is given to whatever comes after it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lxml import etree

from conformance.documents import children, read
from conformance.http1 import parse
from conformance.names import ENVELOPE, HEADER, SOAP, WSA
from conformance.payloads import written
from conformance.peer import Peer, response

RETRY_AFTER_S: Final = 2
"""Whole seconds that the busy mock asks to wait; short, so that a run is."""
SLOW_S: Final = 1.0
"""How long the slow mock takes: shorter than any deadline that suits an inquiry."""
CLOSED: Final = b""
XML: Final = "text/xml; charset=utf-8"
OTHER_ID: Final = "urn:uuid:00000000-0000-4000-8000-0000000000ff"
FOREIGN: Final = "urn:example:unknown"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One operation that the consumer is asked to send, and what it meets. ``steps`` name answers."""

    name: str
    steps: tuple[str, ...]
    text_ja: str
    text_en: str

    def step(self, number: int) -> str:
        """The answer to the request of this number, from 0."""
        return self.steps[min(number, len(self.steps) - 1)]


def _all(*listed: Scenario) -> Mapping[str, Scenario]:
    return MappingProxyType({one.name: one for one in listed})


SCENARIOS: Final = _all(
    Scenario("success", ("answer",), "ふつうに答える", "an ordinary answer"),
    Scenario("slow", ("slow",), "遅れて答える", "an answer that takes a while"),
    Scenario("busy", ("busy", "busy", "answer"), "二度 503、三度目に答える", "503 twice, then an answer"),
    Scenario("server-fault", ("server", "server", "answer"), "障害、障害、成功", "fault, fault, success"),
    Scenario("closed", ("close", "answer"), "答えずに接続を切る", "the connection ends without an answer"),
    Scenario("half", ("half", "answer"), "途中で切れた応答", "half an answer"),
    Scenario("page", ("page", "answer"), "200 の HTML を返す", "a page of HTML with status 200"),
    Scenario("client-fault", ("client", "answer"), "直さなければ通らない障害", "a fault that resending cannot mend"),
    Scenario("fault-200", ("fault-200", "answer"), "状態 200 の障害", "a fault with status 200"),
    Scenario("other-answer", ("other", "answer"), "別の電文への応答", "an answer to another message"),
    Scenario("must-understand", ("header", "answer"), "知らない必須ヘッダー", "an unknown mandatory header"),
    Scenario("doctype", ("doctype", "answer"), "DOCTYPE のある応答", "an answer with a DOCTYPE"),
    Scenario("twice", ("double", "answer"), "応答を二度書く", "an answer written twice"),
)


def answer_to(step: str, raw: bytes, peer: Peer) -> bytes:
    """The bytes that a step answers to a request; none: the connection ends."""
    return _STEPS[step](raw, peer)


def pause_of(step: str) -> float:
    """Seconds before the answer."""
    return SLOW_S if step == "slow" else 0.0


def _good(raw: bytes, peer: Peer) -> bytes:
    return peer.answer(raw)


def _fault(raw: bytes, peer: Peer, code: str, faultcode: str, status: int) -> bytes:
    return peer.refusing(raw, code, faultcode, status)


def _busy(raw: bytes, peer: Peer) -> bytes:
    answered = _fault(raw, peer, "CB4002", "Server", 503)
    return answered.replace(b"\r\nConnection:", b"\r\nRetry-After: %d\r\nConnection:" % RETRY_AFTER_S, 1)


def _half(raw: bytes, peer: Peer) -> bytes:
    whole = peer.answer(raw)
    head = whole.index(b"\r\n\r\n") + 4
    return whole[: head + (len(whole) - head) // 2]


def _page(_raw: bytes, _peer: Peer) -> bytes:
    return response(200, "<html><body>保守中 / maintenance</body></html>".encode(), "text/html; charset=utf-8")


def _edited(raw: bytes, peer: Peer, edit: Callable[[etree._Element], None]) -> bytes:
    """The good answer with its envelope edited; an answer that is no envelope stays as it is."""
    whole = peer.answer(raw)
    parsed = parse(whole, request=False)
    root = read(parsed.body).root if parsed is not None else None
    if root is None or root.tag != ENVELOPE:
        return whole
    edit(root)
    return response(200, written(root), XML)


def _header(root: etree._Element) -> etree._Element:
    found = children(root, HEADER)
    if found:
        return found[0]
    made = etree.Element(HEADER)
    root.insert(0, made)
    return made


def _another(root: etree._Element) -> None:
    header = _header(root)
    for one in children(header):
        if one.tag in (f"{{{WSA}}}RelatesTo", f"{{{WSA}}}MessageID"):
            header.remove(one)
    etree.SubElement(
        header, f"{{{WSA}}}RelatesTo", nsmap={"wsa": WSA}
    ).text = "urn:uuid:00000000-0000-4000-8000-0000000000ff"
    if not any(one.tag == f"{{{WSA}}}Action" for one in children(header)):
        etree.SubElement(header, f"{{{WSA}}}Action").text = f"{WSA}/anonymous"


def _mandatory(root: etree._Element) -> None:
    block = etree.SubElement(_header(root), f"{{{FOREIGN}}}token", nsmap={"u": FOREIGN})
    block.set(f"{{{SOAP}}}mustUnderstand", "1")


def _doctype(raw: bytes, peer: Peer) -> bytes:
    parsed = parse(peer.answer(raw), request=False)
    body = parsed.body if parsed is not None else b""
    return response(200, body.replace(b"<soap:Envelope", b"<!DOCTYPE Envelope><soap:Envelope", 1), XML)


_STEPS: Final[Mapping[str, Callable[[bytes, Peer], bytes]]] = MappingProxyType(
    {
        "answer": _good,
        "slow": _good,
        "busy": _busy,
        "server": lambda raw, peer: _fault(raw, peer, "CB9001", "Server", 500),
        "close": lambda _raw, _peer: CLOSED,
        "half": _half,
        "page": _page,
        "client": lambda raw, peer: _fault(raw, peer, "E0004", "Client", 500),
        "fault-200": lambda raw, peer: _fault(raw, peer, "CB9001", "Server", 200),
        "other": lambda raw, peer: _edited(raw, peer, _another),
        "header": lambda raw, peer: _edited(raw, peer, _mandatory),
        "doctype": _doctype,
        "double": lambda raw, peer: peer.answer(raw) * 2,
    }
)
