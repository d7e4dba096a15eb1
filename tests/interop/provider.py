"""A provider and receiver that makes no mistakes: answers inquiries about the residents of the cases, keeps notices.

It shares no code with the bus: the standard library's HTTP server, and lxml with names written out.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from lxml import etree

from tests.interop.cases import COMMON, JUKI, SOAP, add_record, cases, envelope, items_of

FAULT_DETAIL = "{urn:vendor}naibu"


@dataclass
class Provider:
    """What the fake system was told: ``secret`` is what it demands, ``notices`` what it received, item by item."""

    secret: str
    url: str = ""
    notices: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, raw: bytes, message_id: str) -> tuple[int, bytes]:
        """Status and envelope for a request envelope; a receipt names the message's id."""
        payload = etree.fromstring(raw).find(f"{SOAP}Body")[0]
        number = payload.findtext(f"{JUKI}atenabango")
        if number == cases().fault_number:
            return 500, envelope(_fault())
        if payload.tag == f"{JUKI}ido_tsuchi":
            return 200, envelope(self._receipt(payload, message_id))
        reply = etree.Element(payload.tag + "_kaito")
        numbers = [number] if number else cases().households.get(payload.findtext(f"{JUKI}setaibango"), [])
        for each in numbers:
            if each in cases().residents:
                add_record(reply, cases().residents[each])
        return 200, envelope(reply)

    def _receipt(self, payload: etree._Element, message_id: str) -> etree._Element:
        with self.lock:
            self.notices.append(items_of(payload[0]))
        reply = etree.Element(f"{JUKI}ido_tsuchi_uketsuke")
        etree.SubElement(reply, f"{COMMON}messageid").text = message_id
        etree.SubElement(reply, f"{COMMON}uketsukebango").text = f"fake-{len(self.notices)}"
        etree.SubElement(reply, f"{COMMON}uketsuke_nichiji").text = "2026-01-01T00:00:00+09:00"
        return reply


def _fault() -> etree._Element:
    """A fault as a vendor's system makes it: of nobody's catalogue, with a detail of its own."""
    fault = etree.Element(f"{SOAP}Fault", nsmap={"soap": SOAP[1:-1]})
    etree.SubElement(fault, "faultcode").text = "soap:Server"
    etree.SubElement(fault, "faultstring").text = cases().fault_text
    etree.SubElement(etree.SubElement(fault, "detail"), FAULT_DETAIL).text = "V-0042"
    return fault


@contextmanager
def serving(secret: str) -> Iterator[Provider]:
    """Run a fake provider on a free port until the block ends."""
    provider = Provider(secret)
    expected = "Basic " + base64.b64encode(f"chiikibus:{secret}".encode()).decode("ascii")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            status, body = 401, b""
            if self.headers.get("Authorization") == expected:
                status, body = provider.answer(raw, self.headers.get("Chiikibus-Message-Id", ""))
            self.send_response(status)
            self.send_header("Content-Type", "text/xml; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}/soap"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def told(notices: Path) -> list[dict[str, str]]:
    """The notices that a provider wrote down, item by item."""
    lines = [json.loads(line) for line in notices.read_text("utf-8").splitlines()]
    return [items_of(etree.fromstring(line["xml"].encode())) if "xml" in line else line for line in lines]
