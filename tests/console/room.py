"""A console over a filled journal, asked without a socket. All persons, names and numbers are synthetic."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette

from bus.console.app import COOKIE, make_app
from bus.console.openers import Openers
from bus.console.people import read_console
from bus.core.config import load_site
from bus.core.ports import Acceptance
from bus.core.states import State
from bus.journal.reader import SqliteReader
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from schemas.catalog import load_edition
from tests.support.deliveries import NOW, SteppedClock, acceptance, refusal, step
from tests.support.residents import message, resident
from tests.support.sites import change, write_site

PASSWORD = "a synthetic passphrase"
CANARY = "金糸雀　鳴子"
NUMBER = "918273645546372"
ELSEWHERE = "990027"

PEOPLE = """\
[console]
listen = "127.0.0.1:0"
idle_minutes = 10
tries = 3

[[person]]
name = "all"
password = "{stored}"
rights = ["metadata", "body", "act"]
municipalities = ["*"]

[[person]]
name = "watcher"
password = "{stored}"
municipalities = ["990019"]

[[person]]
name = "reader"
password = "{stored}"
rights = ["metadata", "body"]
municipalities = ["990027"]
"""


@dataclass(slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The page."""
        return self.body.decode()

    @property
    def data(self) -> Any:
        """The JSON twin."""
        return json.loads(self.body)


@dataclass(slots=True)
class Visitor:
    """A browser of ours: keeps its cookie, knows the key of its forms."""

    app: Starlette
    cookie: str = ""
    form_key: str = ""
    language: str = ""

    async def get(self, path: str, **query: str) -> Answer:
        """GET."""
        return await self.ask("GET", path + (f"?{urlencode(query)}" if query else ""))

    async def post(
        self, path: str, *, key: str | None = None, headers: Mapping[str, str] | None = None, **form: str
    ) -> Answer:
        """POST a form with this session's key, or with ``key``."""
        fields = {**form, "form_key": self.form_key if key is None else key}
        return await self.ask("POST", path, urlencode(fields).encode(), headers or {})

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request through the application."""
        target, _, query = path.partition("?")
        sent = {"host": "127.0.0.1:8490", **({"cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {})}
        if method == "POST":
            sent |= {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
        sent |= headers or {}
        scope = {
            "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": target,
            "raw_path": quote(target).encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "server": ("127.0.0.1", 8490), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        parts: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop()
            await asyncio.Event().wait()
            raise AssertionError("never")

        async def send(part: Any) -> None:
            parts.append(part)

        await self.app(scope, receive, send)
        found = {name.decode(): value.decode() for name, value in parts[0]["headers"]}
        kept = found.get("set-cookie", "")
        if kept.startswith(f"{COOKIE}="):
            self.cookie = kept.split(";")[0].split("=", 1)[1].strip('"')
        return Answer(parts[0]["status"], found, b"".join(part.get("body", b"") for part in parts[1:]))

    async def sign_in(self, name: str, password: str = PASSWORD) -> Answer:
        """Sign in, and read the key of the forms from the first page."""
        answer = await self.post("/sign-in", name=name, password=password, next="/")
        if answer.status == 303:
            page = (await self.get("/")).text
            self.form_key = page.split('name="form_key" value="')[1].split('"')[0]
        return answer


@dataclass(slots=True)
class Room:
    """A site with a journal: one notice delivered, two parked, one refused, one of another municipality."""

    folder: Path
    clock: SteppedClock
    journal: SqliteJournal
    app: Starlette
    notices: list[Acceptance] = field(default_factory=list)
    refused: Acceptance | None = None
    elsewhere: Acceptance | None = None

    async def visitor(self, name: str) -> Visitor:
        """Somebody who is signed in."""
        visitor = Visitor(self.app)
        assert (await visitor.sign_in(name)).status == 303
        return visitor


async def make_room(folder: Path, stored: str) -> Room:
    """``stored`` is the password of everybody as it lies in the file."""
    write_site(folder)
    change(
        folder / "site.toml",
        'name = "地域市（架空）"\n',
        f'name = "地域市（架空）"\n\n[[municipality]]\ncode = "{ELSEWHERE}"\nname = "隣町（架空）"\n',
    )
    (folder / "console.toml").write_text(PEOPLE.replace("{stored}", stored), "utf-8")
    site = load_site(folder)
    site.journal.path.parent.mkdir(exist_ok=True)
    clock, edition = SteppedClock(), load_edition()
    journal = SqliteJournal(site.journal.path, clock=clock)
    await journal.open()
    raw = message(edition, "juki.ido_tsuchi", resident(shimei=CANARY, atenabango=NUMBER))
    notices = [acceptance(received_at=NOW + at, raw=raw, size=len(raw)) for at in range(3)]
    refused = refusal("urn:refused", received_at=NOW + 30)
    elsewhere = acceptance(municipality=ELSEWHERE, received_at=NOW + 40, raw=raw)
    for each in (*notices, refused, elsewhere):
        await journal.accept(each)
    outcomes = ((State.DELIVERED, ""), (State.PARKED, "CB5004"), (State.PARKED, "CB5007"))
    for each, (outcome, code) in zip(notices, outcomes, strict=True):
        times = {"attempt": 1, "request_out": NOW + 1, "response_in": NOW + 2}
        await journal.record([step(each, State.DISPATCHING, at=NOW + 1, attempt=1)])
        await journal.record([step(each, outcome, at=NOW + 3, code=code, **times)])
    openers = Openers(lambda: SqliteReader(site.journal.path), lambda: SqliteSide(site.journal.path))
    app = make_app(site, read_console(site), edition, openers, clock)
    clock.at = NOW + 100
    return Room(folder, clock, journal, app, notices, refused, elsewhere)
