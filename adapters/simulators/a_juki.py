"""A社 住民記録 (simulated): a resident register with fixed-length files and inquiries over framed TCP.

Its folder: ``out/`` notices (IDO_), full (ZEN_) and difference (SABUN_) extracts, each complete when its ``.END`` mark
is there; ``irai/`` requests for extracts; ``a_juki.sqlite`` its own database. The operator's panel is JSON over HTTP
on the loopback: load a synthetic town, let changes happen, make extracts. All data is synthetic.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.population import Event, Resident, Town
from adapters.population.record import Record
from adapters.simulators.a_juki_files import IDO, SABUN, ZENKEN, Records, write_lines
from adapters.simulators.a_juki_items import a_items, seireki, wareki
from adapters.simulators.a_juki_store import Planned, Row, Store
from adapters.transports.file_drop import FileDrop
from adapters.transports.framed_tcp import FramedServer
from adapters.transports.rest import HttpSite, json_object, json_reply

POLL_S = 0.1
HELD = "hold"
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
                web.get("/versions", self._versions),
                web.get("/truth", self._truth),
                web.post("/load", self._load),
                web.post("/changes", self._changes),
                web.post("/extract", self._extract),
                web.post("/release", self._release),
            ]
        )
        self.site = HttpSite(app, port=self.port)
        self.server = FramedServer(self.answer, port=self.tcp_port)

    # what its operator can do

    def load(self, size: int, seed: int) -> dict[str, int]:
        """Replace everything by a synthetic town."""
        self._town = town = Town.generate(size, seed, municipality=self.municipality)
        self.store.begin(keep=False)
        try:
            for resident in town.people.values():
                self._enter(resident)
            self.store.remember("town", {"size": size, "seed": seed, "portions": []})
            self.store.remember("extracted", self.store.last_entry())
        except BaseException:
            self._town = None
            self.store.rollback()
            raise
        self.store.commit()
        return self.store.counts()

    def enter(self, records: Iterable[Record]) -> None:
        """Put records beside what is there, as clerks do. Errors: ValueError for what the system cannot write."""
        self.store.begin()
        try:
            for record in records:
                self.store.add(self._row(record))
        except BaseException:
            self.store.rollback()
            raise
        self.store.commit()

    def change(self, n: int, seed: int | None = None, per_file: int = RECORDS_PER_FILE) -> Counter[str]:
        """Let ``n`` events happen and write them as notice files; how many of each 異動事由 there were."""
        known = self._known()
        seed = known["seed"] if seed is None else seed
        events = [event for change in self.town().changes(n, seed) for event in change.events]
        first = self.store.last_entry() + 1
        self.store.begin()
        try:
            for event in events:
                self._happen(event)
            last = self.store.last_entry()
            number = self.store.files()
            files = [
                Planned(f"IDO_{number + place:08d}.DAT", IDO, start, min(start + per_file - 1, last))
                for place, start in enumerate(range(first, last + 1, per_file), start=1)
            ]
            self.store.plan(files)
            self.store.remember("town", known | {"portions": [*known["portions"], [n, seed]]})
        except BaseException:
            self._town = None
            self.store.rollback()
            raise
        self.store.commit()
        self.write_planned()
        return Counter(event.kind.name for event in events)

    def extract(self, kind: str, name: str = "", *, hold: bool = False) -> str:
        """Write a full extract, or a difference: what changed since the last extract, whichever it was.

        A held extract is made now and handed over by ``release``.
        """
        prefix = "ZEN" if kind == ZENKEN else "SABUN"
        name = name or f"{prefix}_{self.store.files() + 1:08d}.DAT"
        self.store.begin()
        last = self.store.last_entry()
        first = 0 if kind == ZENKEN else int(self.store.memo("extracted", 0))
        self.store.plan([Planned(name, kind, first, last, HELD if hold else "out")])
        self.store.remember("extracted", last)
        self.store.commit()
        self.write_planned()
        return name

    def release(self) -> list[str]:
        """Hand over the extracts that were held."""
        held = sorted(path.name for path in (self.folder / HELD).glob("*.DAT"))
        for name in held:
            (self.folder / HELD / name).replace(self.folder / "out" / name)
            (self.folder / HELD / f"{name}.END").unlink(missing_ok=True)
            (self.folder / "out" / f"{name}.END").touch()
        return held

    def town(self) -> Town:
        """The town with everything that has happened so far, made anew after a restart."""
        if self._town is None:
            known = self._known()
            town = Town.generate(known["size"], known["seed"], municipality=self.municipality)
            for n, seed in known["portions"]:
                deque(town.changes(n, seed), maxlen=0)
            self._town = town
        return self._town

    def _known(self) -> dict[str, Any]:
        found: dict[str, Any] | None = self.store.memo("town")
        if found is None:
            raise LookupError("no town is loaded")
        return found

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
            write_lines(self.folder / planned.folder, planned.name, lines)
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

    async def _versions(self, _request: web.Request) -> web.Response:
        return json_reply({record["atenabango"]: record["rirekibango"] for record in self.town().current()})

    async def _truth(self, request: web.Request) -> web.Response:
        """Records of the standard as the register means them, of now or of a day, in pages by 宛名番号."""
        after, limit = request.query.get("after", ""), int(request.query.get("limit", "500"))
        day = request.query.get("date", "")
        on = date.fromisoformat(day) if day else None
        page = sorted(number for number in self.town().people if number > after)[:limit]
        states = [self.town().state(number, on) for number in page]
        following = page[-1] if len(page) == limit else ""
        return json_reply({"records": [state for state in states if state], "next": following})

    async def _load(self, request: web.Request) -> web.Response:
        asked = await json_object(request)
        return json_reply(self.load(int(asked["size"]), int(asked["seed"])))

    async def _changes(self, request: web.Request) -> web.Response:
        asked = await json_object(request)
        count, seed = int(asked["count"]), asked.get("seed")
        kinds = self.change(count, None if seed is None else int(seed))
        return json_reply({"notices": kinds.total(), "kinds": kinds})

    async def _extract(self, request: web.Request) -> web.Response:
        asked = await json_object(request)
        kind = {"full": ZENKEN, "difference": SABUN}[asked["kind"]]
        return json_reply({"file": self.extract(kind, hold=bool(asked.get("hold", False)))})

    async def _release(self, _request: web.Request) -> web.Response:
        return json_reply({"files": self.release()})


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
