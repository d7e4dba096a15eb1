"""The reference consumer: sends one message at a time and does with the answers what the standard asks.

It shares no code with the bus. ``skips`` names things that it leaves out: that makes it the misbehaving consumer of a
mutant. It speaks to whatever sends bytes and brings back bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from conformance.documents import children, local, namespace, read
from conformance.driver.cases import Base
from conformance.http1 import Parsed, parse
from conformance.names import BODY, ENVELOPE, FAULT, HEADER, SOAP, WSA

ATTEMPTS: Final = 4
BACK_OFF_S: Final = 0.2
MESSAGE_ID: Final = "urn:uuid:00000000-0000-4000-9000-{:012x}"
Send = Callable[[bytes], bytes]


class _NoSuccess(Exception):
    """The answer is none that counts. ``again`` says whether sending again may help, ``after_s`` when."""

    def __init__(self, *, again: bool = True, after_s: float = BACK_OFF_S) -> None:
        super().__init__()
        self.again, self.after_s = again, after_s


@dataclass(slots=True)
class Consumer:
    """Sends the right request of ``base``.

    ``send`` is one exchange (no bytes: the connection ended), ``wait`` waits so many seconds.
    """

    base: Base
    send: Send
    wait: Callable[[float], None]
    skips: frozenset[str] = frozenset()
    _number: int = field(default=0, init=False)

    def call(self) -> str:
        """One message until it is answered or given up: ``success`` or ``failure``."""
        self._number += 1
        for attempt in range(ATTEMPTS):
            raw = self._request(attempt)
            try:
                self._success(self.send(raw), self._id(attempt))
            except _NoSuccess as met:
                if not met.again and self._does("give-up"):
                    return "failure"
                if not self._does("resend"):
                    return "failure"
                self.wait(met.after_s)
                continue
            if not self._does("once") and attempt == 0:
                continue
            return "success" if self._does("accept") else "failure"
        return "failure"

    def _does(self, step: str) -> bool:
        return step not in self.skips

    def _id(self, attempt: int) -> str:
        number = self._number if self._does("own-id") else 1
        return MESSAGE_ID.format(number if self._does("same-id") else number * 100 + attempt)

    def _request(self, attempt: int) -> bytes:
        blocks = []
        for name, text in (("MessageID", self._id(attempt)), ("Action", self.base.operation.action)):
            block = etree.Element(f"{{{WSA}}}{name}", nsmap={"wsa": WSA})
            block.text = text
            blocks.append(block)
        body = self.base.body(*blocks)
        if attempt and not self._does("same-body"):
            body = body.replace(b"</t:", b"<!-- again --></t:", 1).replace(b"2025-01-01", b"2025-01-02")
        return self.base.http(body)

    def _success(self, raw: bytes, asked: str) -> None:
        """Nothing where the answer is a success. Errors: _NoSuccess."""
        parsed = parse(raw, request=False) if raw else None
        if parsed is None:
            self._unless("closed")
            return
        if parsed.head.status == 503:
            told = int(parsed.head.value("Retry-After") or 0) if self._does("retry-after") else 0.0
            raise _NoSuccess(after_s=max(told, BACK_OFF_S))
        if parsed.head.status != 200:
            if self._does("status"):
                raise _NoSuccess(again=not self._client(parsed))
            return
        self._content(parsed, asked)

    def _unless(self, step: str, *, again: bool = True) -> None:
        if self._does(step):
            raise _NoSuccess(again=again)

    def _client(self, parsed: Parsed) -> bool:
        root = read(parsed.body).root
        codes = [one.text or "" for one in root.iter("{*}faultcode", "faultcode")] if root is not None else []
        return any(one.rpartition(":")[2].startswith("Client") for one in codes)

    def _content(self, parsed: Parsed, asked: str) -> None:
        if not parsed.complete:
            self._unless("length")
            return
        if parsed.head.media_type != "text/xml":
            self._unless("media")
            return
        document = read(parsed.body)
        root = document.root
        if document.doctype:
            self._unless("doctype")
            return
        if root is None or root.tag != ENVELOPE:
            raise _NoSuccess
        blocks = [one for header in children(root, HEADER) for one in children(header)]
        if any(one.get(f"{{{SOAP}}}mustUnderstand") == "1" and namespace(one) != WSA for one in blocks):
            self._unless("understand")
        related = [one.text for one in blocks if namespace(one) == WSA and local(one) == "RelatesTo"]
        if related and related != [asked]:
            self._unless("relate")
        if any(one.tag == FAULT for body in children(root, BODY) for one in children(body)):
            self._unless("fault")
