"""A社 住民記録 (simulated): a resident register with fixed-length files and inquiries over framed TCP.

Its folder: ``out/`` notices (IDO_), full (ZEN_) and difference (SABUN_) extracts, each complete when its ``.END`` mark
is there; ``irai/`` requests for extracts; ``a_juki.sqlite`` its own database. The operator's panel is JSON over HTTP
on the loopback: load a synthetic town, let changes happen, make extracts. All data is synthetic.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.population import Event, Resident, Town, residents
from adapters.population.record import Record
from adapters.simulators.a_juki_files import IDO, SABUN, ZENKEN, Records, write_lines
from adapters.simulators.a_juki_items import a_items, seireki, wareki
from adapters.simulators.a_juki_store import Planned, Row, Store
from adapters.transports.file_drop import FileDrop
from adapters.transports.framed_tcp import FramedServer
from adapters.transports.rest import HttpSite, json_object, json_reply

POLL_S = 0.1
RECORDS_PER_FILE = 250
FOUND, NONE, ERROR = b"00", b"01", b"90"
_REQUEST = re.compile(r"CHUSHUTSU_(?P<id>.+)\.REQ\Z")
_JUMIN = re.compile(rb"(?P<atena>[0-9 ]{15})(?P<on>[0-9]{7})\Z")
_SETAI = re.compile(rb"(?P<setai>[0-9 ]{15})(?P<atena>[0-9 ]{15})(?P<on>[0-9]{7})\Z")


@dataclass(slots=True)
class AJuki:
    """The system. ``port`` is its panel's, ``tcp_port`` that of its inquiries; 0 lets the machine choose."""

    folder: Path
    municipality: str
    port: int = 0
    tcp_port: int = 0
    store: Store = field(init=False)
    site: HttpSite = field(init=False)
    server: FramedServer = field(init=False)
    _records: Records = field(default_factory=Records)
    _town: Town | None = None

    def __post_init__(self) -> None:
        self.store = Store(self.folder / "a_juki.sqlite")
        app = web.Application()
        app.add_routes(
            [
                web.get("/stats", self._stats),
                web.get("/bango", self._numbers),
                web.post("/load", self._load),
                web.post("/changes", self._changes),
                web.post("/zenken", self._full),
                web.post("/sabun", self._difference),
            ]
        )
        self.site = HttpSite(app, port=self.port)
        self.server = FramedServer(self.answer, port=self.tcp_port)

    # what its operator can do

    def load(self, size: int, seed: int) -> dict[str, int]:
        """Replace everything by a synthetic town."""
        self._town = None
        self.store.begin(keep=False)
        try:
            for resident in residents(size, seed, municipality=self.municipality):
                self._enter(resident)
            self.store.remember("town", {"size": size, "seed": seed, "portions": []})
            self.store.remember("extracted", self.store.last_entry())
        except BaseException:
            self.store.rollback()
            raise
        self.store.commit()
        return self.store.counts()

    def change(self, n: int, per_file: int = RECORDS_PER_FILE) -> list[str]:
        """Let ``n`` events happen and write them as notice files; the names of the files."""
        town = self.town()
        events = [event for change in town.changes(n) for event in change.events]
        known = self.store.memo("town")
        first = self.store.last_entry() + 1
        self.store.begin()
        try:
            for event in events:
                self._happen(event)
            last = self.store.last_entry()
            starts = range(first, last + 1, per_file)
            number = self.store.files()
            files = [
                Planned(f"IDO_{number + place:08d}.DAT", IDO, start, min(start + per_file - 1, last))
                for place, start in enumerate(starts, start=1)
            ]
            self.store.plan(files)
            self.store.remember("town", known | {"portions": [*known["portions"], n]})
        except BaseException:
            self._town = None
            self.store.rollback()
            raise
        self.store.commit()
        self.write_planned()
        return [one.name for one in files]

    def extract(self, kind: str, name: str = "") -> str:
        """Write a full or difference extract; a difference holds what changed since the last extract."""
        prefix = "ZEN" if kind == ZENKEN else "SABUN"
        name = name or f"{prefix}_{self.store.files() + 1:08d}.DAT"
        self.store.begin()
        last = self.store.last_entry()
        first = 0 if kind == ZENKEN else int(self.store.memo("extracted", 0))
        self.store.plan([Planned(name, kind, first, last)])
        self.store.remember("extracted", last)
        self.store.commit()
        self.write_planned()
        return name

    def town(self) -> Town:
        """The town with everything that has happened so far, made anew after a restart."""
        if self._town is None:
            known = self.store.memo("town")
            if known is None:
                raise LookupError("no town is loaded")
            town = Town.generate(known["size"], known["seed"], municipality=self.municipality)
            for n in known["portions"]:
                for _ in town.changes(n):
                    pass
            self._town = town
        return self._town

    # files

    def write_planned(self) -> None:
        """Write every file that is still owed, then note it as written."""
        for planned in self.store.planned():
            records = (
                self.store.entries(planned.first, planned.last)
                if planned.kind == IDO
                else self.store.current(planned.first)
            )
            made = (wareki(date.today().isoformat()), "090000")
            lines = self._records.lines(planned.kind, self.municipality, made, records)
            write_lines(self.folder / "out", planned.name, lines)
            self.store.written(planned.name)

    async def run(self) -> None:
        """Answer requests for extracts until cancelled."""
        drop = FileDrop(self.folder / "irai", ("CHUSHUTSU_*.REQ",))
        while True:
            for path in drop.complete():
                wanted = drop.read(path).decode("ascii", "replace").split(",")[0]
                matched = _REQUEST.fullmatch(path.name)
                number = matched["id"] if matched else path.stem
                kind, prefix = (ZENKEN, "ZEN") if wanted == "1" else (SABUN, "SABUN")
                self.extract(kind, f"{prefix}_{number}.DAT")
                drop.finish(path)
            await asyncio.sleep(POLL_S)

    # inquiries

    async def answer(self, payload: bytes) -> bytes:
        """One inquiry: operation code, fixed record; the answer is status, count and records."""
        operation, request = payload[:2], payload[2:]
        try:
            if operation == b"01" and (asked := _JUMIN.match(request)):
                found = self.store.state(_text(asked["atena"]), _day(asked["on"]))
                return _reply([found] if found else [])
            if operation == b"02" and (asked := _SETAI.match(request)):
                on = _day(asked["on"])
                setai = _text(asked["setai"]) or self.store.household_of(_text(asked["atena"]), on)
                return _reply(self.store.household(setai, on) if setai else [])
        except (StopIteration, ValueError):
            return ERROR + b"0000"
        return ERROR + b"0000"

    # its database

    def _enter(self, resident: Resident) -> None:
        for record in resident.history:
            self.store.add(self._row(record))

    def _happen(self, event: Event) -> None:
        before = self.store.newest(event.atenabango)
        if before:
            self.store.replace(before[0], self._records.outdated(before[1]))
        self.store.add(self._row(event.record))

    def _row(self, record: Record) -> Row:
        return Row(
            record["atenabango"],
            int(record["rirekibango"]),
            record["ido_nengappi"],
            record["setaibango"],
            record["juminjotai"] == "1",
            int(record.get("kisaijuni", "0")),
            record["saishinfuragu"] == "1",
            self._records.pack(a_items(record)),
        )

    # its panel

    async def _stats(self, _request: web.Request) -> web.Response:
        return json_reply(self.store.counts() | {"town": self.store.memo("town")})

    async def _numbers(self, request: web.Request) -> web.Response:
        step = max(1, int(request.query.get("step", "1")))
        return json_reply({"bango": list(islice(self.store.numbers(), 0, None, step))})

    async def _load(self, request: web.Request) -> web.Response:
        asked = await json_object(request)
        return json_reply(self.load(int(asked["size"]), int(asked["seed"])))

    async def _changes(self, request: web.Request) -> web.Response:
        asked = await json_object(request)
        files = self.change(int(asked["n"]), int(asked.get("per_file", RECORDS_PER_FILE)))
        return json_reply({"records": int(asked["n"]), "files": files})

    async def _full(self, _request: web.Request) -> web.Response:
        return json_reply({"file": self.extract(ZENKEN)})

    async def _difference(self, _request: web.Request) -> web.Response:
        return json_reply({"file": self.extract(SABUN)})


def native_file(records: Iterable[Mapping[str, str]], municipality: str, kind: str = ZENKEN) -> Iterable[bytes]:
    """A's own file for records of the population, in pieces."""
    mine = Records()
    made = (wareki("2025-12-01"), "090000")
    return mine.lines(kind, municipality, made, (mine.pack(a_items(record)) for record in records))


async def serve(system: AJuki, announce: Callable[[Mapping[str, str]], None]) -> None:
    """Start the panel and the inquiry server, write what is owed, and take requests until cancelled."""
    system.write_planned()
    await system.site.start()
    await system.server.start()
    announce({"panel": system.site.url, "tcp": f"{system.server.host}:{system.server.port}"})
    try:
        await system.run()
    finally:
        await system.server.stop()
        await system.site.stop()
        system.store.close()


def _reply(records: list[bytes]) -> bytes:
    return (FOUND if records else NONE) + b"%04d" % len(records) + b"".join(records)


def _text(field_bytes: Any) -> str:
    return bytes(field_bytes).decode("ascii").strip()


def _day(field_bytes: Any) -> str:
    return seireki(_text(field_bytes))
