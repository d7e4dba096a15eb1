"""The HTTP side of the page: this machine only, a token in every address, one strict content policy.

Requests with another ``Host`` than the address listened on are refused, so that no page of elsewhere reaches it under a
name of its own; what changes anything is a POST of JSON, which no form and no other origin can send unasked.
"""

from __future__ import annotations

import hmac
import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from conformance.evidence import write
from conformance.peer import serving
from conformance.reports.html import report
from conformance.serve.page import CONTENT_POLICY, REPORT_POLICY, page
from conformance.serve.runs import Refused, Run, Runs
from conformance.standard import Standard
from conformance.trying import known_steps, ready_peer

MAX_BODY: Final = 64 * 1024
ASSETS: Final = {"/page.js": "text/javascript; charset=utf-8", "/page.css": "text/css; charset=utf-8"}
HTML: Final = "text/html; charset=utf-8"
JSON: Final = "application/json; charset=utf-8"


class LocalServer(ThreadingHTTPServer):
    """Listens on the loopback interface; ends its peer when it is closed."""

    daemon_threads = True

    def __init__(self, port: int, standard: Standard, token: str) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.standard, self.token, self.runs = standard, token, Runs(standard)
        self.skips = known_steps()
        self.peer = ExitStack()

    @property
    def url(self) -> str:
        """The address to open, with its token."""
        return f"http://127.0.0.1:{self.server_port}/?token={self.token}"

    def start_peer(self, unit: str, skip: str) -> str:
        """A reference provider in place of the one before; its address. Errors: Refused."""
        edition = self.standard.edition
        if unit not in edition.units or (skip and skip not in self.skips):
            raise Refused("serve_bad_profile")
        self.peer.close()
        host, port = self.peer.enter_context(serving(ready_peer(edition, unit, {skip} - {""})))
        return f"http://{host}:{port}/{unit}"

    def server_close(self) -> None:
        """Stop listening, and the peer too."""
        self.peer.close()
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request of the page."""

    server: LocalServer
    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged: addresses hold the token."""

    def do_GET(self) -> None:
        """The page, its files, events, reports and evidence."""
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path in ASSETS and self._from_here():
            self._send(200, ASSETS[url.path], (files("conformance.serve") / url.path[1:]).read_bytes())
        elif self._allowed(asked):
            self._get(url.path, asked)

    def _get(self, path: str, asked: Mapping[str, str]) -> None:
        language = "en" if asked.get("lang") == "en" else "ja"
        if path == "/":
            server = self.server
            units = server.standard.edition.units.values()
            self._send(200, HTML, page(units, server.skips, server.token, language))
            return
        _, _, rest = path.partition("/runs/")
        number, _, what = rest.partition("/")
        run = self.server.runs.get(int(number)) if number.isdigit() and len(number) < 10 else None
        if run is None:
            self._tell(404, {"reason": "serve_unknown"})
        elif what == "events":
            self._events(run)
        elif what == "report" and run.judgement is not None and run.bundle is not None:
            made = report(run.judgement, self.server.standard.rows, run.bundle, language)
            self._send(200, HTML, made, policy=REPORT_POLICY)
        elif what == "evidence.zip" and run.bundle is not None:
            self._send(200, "application/zip", _zipped(run))
        else:
            self._tell(404, {"reason": "serve_unknown"})

    def do_POST(self) -> None:
        """Start a run or a peer."""
        url = urlsplit(self.path)
        if not self._allowed({name: values[0] for name, values in parse_qs(url.query).items()}):
            return
        body = self._json()
        if body is None:
            self._tell(400, {"reason": "serve_unknown"})
            return
        try:
            if url.path == "/runs":
                only = tuple(str(one) for one in body.get("only") or ())
                run = self.server.runs.start(str(body.get("profile")), str(body.get("subject")), only)
                self._tell(200, {"number": run.number})
            elif url.path == "/peer":
                address = self.server.start_peer(str(body.get("unit")), str(body.get("skip") or ""))
                self._tell(200, {"url": address})
            else:
                self._tell(404, {"reason": "serve_unknown"})
        except Refused as error:
            self._tell(409, {"reason": str(error)})

    def _json(self) -> dict[str, Any] | None:
        """The body as a JSON object, ``None`` for anything else."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            return None
        raw = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            return None
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _from_here(self) -> bool:
        """Whether the request names this address; refuses it otherwise."""
        here = {f"127.0.0.1:{self.server.server_port}", f"localhost:{self.server.server_port}"}
        origin = self.headers.get("Origin")
        if self.headers.get("Host") in here and (origin is None or origin.removeprefix("http://") in here):
            return True
        self.close_connection = True
        self._tell(403, {"reason": "serve_refused"})
        return False

    def _allowed(self, asked: Mapping[str, str]) -> bool:
        if not self._from_here():
            return False
        if hmac.compare_digest(asked.get("token", "").encode(), self.server.token.encode()):
            return True
        self.close_connection = True
        self._tell(403, {"reason": "serve_refused"})
        return False

    def _events(self, run: Run) -> None:
        """The events of a run as they come (server-sent events)."""
        last = self.headers.get("Last-Event-ID", "")
        self.send_response(200)
        self._headers("text/event-stream; charset=utf-8", CONTENT_POLICY)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for number, event in run.follow(int(last) + 1 if last.isdigit() else 0):
                text = (
                    ": wait\n\n"
                    if event is None
                    else f"id: {number}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n"
                )
                self.wfile.write(text.encode("utf-8", "backslashreplace"))
                self.wfile.flush()
        except OSError:
            return  # the reader has gone

    def _tell(self, status: int, told: dict[str, Any]) -> None:
        self._send(status, JSON, json.dumps(told, ensure_ascii=False).encode())

    def _send(self, status: int, media: str, data: bytes, *, policy: str = CONTENT_POLICY) -> None:
        self.send_response(status)
        self._headers(media, policy)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _headers(self, media: str, policy: str) -> None:
        for name, value in (
            ("Content-Type", media), ("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
            ("Cross-Origin-Resource-Policy", "same-origin"), ("Cross-Origin-Opener-Policy", "same-origin"),
        ):  # fmt: skip
            self.send_header(name, value)


def _zipped(run: Run) -> bytes:
    assert run.bundle is not None
    with tempfile.TemporaryDirectory(prefix="conformance-serve-") as name:
        path = Path(name) / "evidence.zip"
        write(run.bundle, path)
        return path.read_bytes()
