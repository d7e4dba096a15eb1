"""A fake provider and receiver: answers inquiries about one synthetic resident and keeps the notices it gets.

It shares no code with the bus: the standard library's HTTP server, and lxml with names written out.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from lxml import etree

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
JUKI = "{urn:chiikibus:standard:1.0:juki}"
COMMON = "{urn:chiikibus:standard:1.0:common}"

RESIDENT: dict[str, str] = {
    "shikuchosonkodo": "990019",
    "atenabango": "000000000000123",
    "rirekibango": "3",
    "saishinfuragu": "1",
    "setaibango": "000000000000045",
    "juminshubetsu": "1",
    "juminjotai": "1",
    "ido_nengappi": "2025-02-29",
    "ido_jiyu": "19",
    "ido_kubun": "3",
    "shimei": "\u3000葛\U000e0100城\u3000𠮷野\u3000",
    "shimei_furigana": "カツラギ\u3000ヨシノ",
    "seibetsu": "2",
    "seinengappi": "1989-01-08",
    "jusho_shikuchosonkodo": "990019",
    "jusho_choazakodo": "0001002",
    "jusho_todofuken": "架空県",
    "jusho_shikugunchosonmei": "地域市",
    "jusho_choaza": "霞が関二丁目",
    "jumintonattanengappi": "2001-04-01",
    "biko": "\u3000前後の全角空白も値です𩸽辻\U000e0101\u3000",
}
"""Leading zeros, 29 February of a common year, U+3000 at the ends, supplementary plane and variation sequences."""


@dataclass
class Provider:
    """What the fake system was told: ``secret`` is what it demands, ``notices`` what it received, item by item."""

    secret: str
    url: str = ""
    notices: list[dict[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, raw: bytes, message_id: str) -> bytes:
        """The answer envelope to a request envelope; a receipt names the message's id."""
        payload = etree.fromstring(raw).find(f"{SOAP}Body")[0]
        if payload.tag == f"{JUKI}jumin_shokai":
            reply = etree.Element(f"{JUKI}jumin_shokai_kaito")
            if payload.findtext(f"{JUKI}atenabango") == RESIDENT["atenabango"]:
                jumin = etree.SubElement(reply, f"{JUKI}jumin")
                for name, value in RESIDENT.items():
                    etree.SubElement(jumin, f"{JUKI}{name}").text = value
            return envelope(reply)
        with self.lock:
            jumin = payload.find(f"{JUKI}jumin")
            self.notices.append({etree.QName(item).localname: item.text or "" for item in jumin})
        reply = etree.Element(f"{JUKI}ido_tsuchi_uketsuke")
        etree.SubElement(reply, f"{COMMON}messageid").text = message_id
        etree.SubElement(reply, f"{COMMON}uketsukebango").text = f"fake-{len(self.notices)}"
        etree.SubElement(reply, f"{COMMON}uketsuke_nichiji").text = "2026-01-01T00:00:00+09:00"
        return envelope(reply)


def envelope(payload: etree._Element) -> bytes:
    """A SOAP 1.1 envelope around ``payload``."""
    root = etree.Element(f"{SOAP}Envelope")
    etree.SubElement(root, f"{SOAP}Body").append(payload)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


@contextmanager
def serving(secret: str) -> Iterator[Provider]:
    """Run a fake provider on a free port until the block ends."""
    provider = Provider(secret)
    expected = "Basic " + base64.b64encode(f"chiikibus:{secret}".encode()).decode("ascii")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            allowed = self.headers.get("Authorization") == expected
            body = provider.answer(raw, self.headers.get("Chiikibus-Message-Id", "")) if allowed else b""
            self.send_response(200 if allowed else 401)
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
