"""A fictitious vendor's systems of many units in one process, with the vendor's own faces. All data is synthetic.

Vendor A (mainframe): fixed-length files in JEF in ``<unit>/out``, ``in``, ``shokai`` and ``kaito``, telegrams over
framed TCP.
Vendor B (cloud): REST and JSON, CSV files in ``<unit>/out`` for what it sends. Vendor C (open systems): CSV in
CP932, its own SOAP service for questions.

The operator's panel (JSON over HTTP, loopback) enters records, sends them, asks others, and shows what came.
"""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from adapters.simulators import open_soap, papers
from adapters.simulators.holdings import Holdings, Interface, Row, interface
from adapters.simulators.host_bytes import text_field, text_of
from adapters.simulators.open_soap import soap_face
from adapters.transports.file_drop import FileDrop, watch, write_file
from adapters.transports.framed_tcp import FramedServer
from adapters.transports.rest import HttpSite, RestClient, authorised, bearer, json_object, json_reply
from bus.core.errors import AdapterError
from schemas.model import Edition, Operation

FOLDERS: Final = ("out", "in", "shokai", "kaito", "irai")
POLL_S: Final = 0.05
ANSWER_S: Final = 60.0
CODE_BYTES: Final = 4
ECHO_BYTES, RESULT_BYTES, ERROR_BYTES = 8, 2, 8
FOUND: Final = "00"
FULL: Final = "full"


class UnknownError(ValueError):
    """A question to a simulated system that it does not understand; the text says what."""


@dataclass(slots=True)
class Estate(ABC):
    """The systems of one vendor in one municipality; ``folder`` holds a folder for each unit."""

    folder: Path
    edition: Edition
    units: tuple[str, ...]
    port: int = 0
    holdings: Holdings = field(init=False)
    site: HttpSite = field(init=False)
    _faces: dict[str, Interface] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    vendor = ""

    def __post_init__(self) -> None:
        for unit, name in itertools.product(self.units, FOLDERS):
            (self.folder / unit / name).mkdir(parents=True, exist_ok=True)
        self.holdings = Holdings(self.folder / "holdings.sqlite")
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.get("/stats", self._stats),
                web.post("/{unit}/own", self._own),
                web.post("/{unit}/send", self._send),
                web.post("/{unit}/ask", self._ask),
                web.get("/{unit}/received/{record}", self._received),
                *self.faces(),
            ]
        )
        self.site = HttpSite(app, port=self.port)

    def faces(self) -> list[web.RouteDef]:
        """HTTP faces that the vendor has beside its panel."""
        return []

    @abstractmethod
    def paper(self, face: Interface, rows: list[Row]) -> bytes:
        """A file of rows as the vendor sends it."""

    @abstractmethod
    async def ask(self, unit: str, operation: Operation, questions: list[Row]) -> list[dict[str, Any]]:
        """Ask another unit's system the vendor's own way: per question ``result`` and ``rows``."""

    @abstractmethod
    async def run(self) -> None:
        """Work until cancelled."""

    suffix = "csv"

    async def take_files(self, pattern: str, rows_of: Callable[[Interface, bytes], list[dict[str, str]]]) -> None:
        """Take the files that come into every unit's folder, each once."""
        drops = {unit: FileDrop(self.folder / unit / "in", (pattern,)) for unit in self.units}
        while True:
            worked = 0
            for unit, drop in drops.items():
                for path in await asyncio.to_thread(drop.complete):
                    face = self.face(path.stem.rpartition("_")[0])
                    self.holdings.receive_file(unit, path.name, face, rows_of(face, drop.read(path)))
                    drop.finish(path)
                    worked += 1
            await asyncio.sleep(0 if worked else POLL_S)

    def face(self, name: str) -> Interface:
        """The interface of ``<unit>.<record>``."""
        if name not in self._faces:
            self._faces[name] = interface(self.vendor, self.edition, name)
        return self._faces[name]

    def operation(self, key: str) -> Operation:
        """The operation. UnknownError."""
        found = self.edition.operation(key)
        if found is None:
            raise UnknownError(key)
        return found

    def answer_to(self, operation: Operation, question: Row) -> list[dict[str, str]]:
        """The own rows that answer a question."""
        asked = self.face(f"{operation.unit}.{operation.request_record}")
        return self.holdings.find(asked, question, self.face(f"{operation.unit}.{operation.record}"))

    async def _stats(self, _request: web.Request) -> web.Response:
        return json_reply(self.holdings.counts())

    async def _own(self, request: web.Request) -> web.Response:
        wanted = await json_object(request)
        self.holdings.put_own(self.face(wanted["record"]), wanted["rows"])
        return json_reply({"rows": len(wanted["rows"])})

    async def _send(self, request: web.Request) -> web.Response:
        wanted = await json_object(request)
        operation = self.operation(wanted["operation"])
        face = self.face(f"{operation.unit}.{operation.record}")
        kind = "ZENKEN_" if wanted.get("kind") == FULL else ""
        name = f"{kind}{operation.key}_{next(self._numbers):06d}.{self.suffix}"
        data = self.paper(face, wanted["rows"])
        await asyncio.to_thread(write_file, self.folder / request.match_info["unit"] / "out", name, data)
        return json_reply({"file": name})

    async def _ask(self, request: web.Request) -> web.Response:
        wanted = await json_object(request)
        answers = await self.ask(request.match_info["unit"], self.operation(wanted["operation"]), wanted["rows"])
        return json_reply({"answers": answers})

    async def _received(self, request: web.Request) -> web.Response:
        found = list(self.holdings.received(request.match_info["unit"], request.match_info["record"]))
        return json_reply({"rows": [row for row, _ in found], "times": [times for _, times in found]})


@dataclass(slots=True)
class HostEstate(Estate):
    """Vendor A. ``tcp_port`` is where its systems answer telegrams."""

    tcp_port: int = 0
    server: FramedServer = field(init=False)

    vendor = "a"
    suffix = "DAT"

    def __post_init__(self) -> None:
        Estate.__post_init__(self)
        self.server = FramedServer(self.telegram, port=self.tcp_port)

    def paper(self, face: Interface, rows: list[Row]) -> bytes:
        """Header, fixed-length records, trailer."""
        return papers.host_file(face, rows)

    async def run(self) -> None:
        """Take files as they come."""
        await self.take_files("*.DAT", papers.rows_of)

    async def telegram(self, payload: bytes) -> bytes:
        """Processing code and question; the answer is status, count and records."""
        number, index = int(payload[:2]), int(payload[2:CODE_BYTES])
        unit = next(one for one in self.edition.units.values() if one.number == number)
        operation = next(itertools.islice(unit.operations.values(), index - 1, None))
        asked = self.face(f"{unit.key}.{operation.request_record}")
        rows = self.answer_to(operation, papers.from_fixed(asked.columns, payload, CODE_BYTES))
        told = self.face(f"{unit.key}.{operation.record}")
        records = [papers.fixed(told.columns, row) for row in rows]
        return (FOUND if records else "01").encode() + b"%04d" % len(records) + b"".join(records)

    async def ask(self, unit: str, operation: Operation, questions: list[Row]) -> list[dict[str, Any]]:
        """By a file, answered by a file."""
        asked = self.face(f"{operation.unit}.{operation.request_record}")
        rest = f"{operation.key}_{next(self._numbers):06d}.DAT"
        lines = [
            text_field("照会番号", f"{number:08d}", ECHO_BYTES) + papers.fixed(asked.columns, row)
            for number, row in enumerate(questions, 1)
        ]
        data = b"".join(lines)
        await asyncio.to_thread(write_file, self.folder / unit / "shokai", f"SHOKAI_{rest}", data)
        drop = FileDrop(self.folder / unit / "kaito", (f"KAITO_{rest}",))
        answer = await come(drop)
        return self._answers(self.face(f"{operation.unit}.{operation.record}"), answer, len(questions))

    def _answers(self, told: Interface, data: bytes, count: int) -> list[dict[str, Any]]:
        answers: list[dict[str, Any]] = [{"result": "", "rows": []} for _ in range(count)]
        head = ECHO_BYTES + RESULT_BYTES + ERROR_BYTES
        columns = [one for one in told.columns if one.kind != "mark"]
        for start in range(0, len(data), head + papers.size(columns)):
            one = answers[int(text_of(data[start : start + ECHO_BYTES])) - 1]
            one["result"] = text_of(data[start + ECHO_BYTES : start + ECHO_BYTES + RESULT_BYTES])
            one["code"] = text_of(data[start + ECHO_BYTES + RESULT_BYTES : start + head])
            if one["result"] == FOUND:
                one["rows"].append(papers.from_fixed(columns, data, start + head))
        return answers


@dataclass(slots=True)
class OpenEstate(Estate):
    """Vendor C: CSV in CP932 for notices and extracts, its own SOAP service for questions, both ways."""

    adapters: Mapping[str, str] = field(default_factory=dict)
    adapter_token: str = field(default="", repr=False)

    vendor = "c"

    def faces(self) -> list[web.RouteDef]:
        """The SOAP services."""
        services = {unit: soap_face(self.edition.units[unit], self.face, self.answer_to) for unit in self.units}
        return [
            web.route(method, f"/soap/{unit}", service.handle)
            for unit, service in services.items()
            if service is not None
            for method in ("GET", "POST")
        ]

    def paper(self, face: Interface, rows: list[Row]) -> bytes:
        """CSV in CP932."""
        return papers.open_file(face, rows)

    async def run(self) -> None:
        """Take files as they come."""
        await self.take_files("*.csv", papers.from_open_file)

    async def ask(self, unit: str, operation: Operation, questions: list[Row]) -> list[dict[str, Any]]:
        """By a call of the adapter's SOAP face."""
        asked = self.face(f"{operation.unit}.{operation.request_record}")
        told = self.face(f"{operation.unit}.{operation.record}")
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{operation.name}"'}
        client = RestClient(self.adapters[unit], bearer(self.adapter_token), deadline_s=ANSWER_S)
        answers: list[dict[str, Any]] = []
        try:
            for row in questions:
                body = open_soap.envelope_of(operation, asked, row)
                try:
                    reply = await client.request("POST", "/madoguchi", body, headers)
                    answers.append(open_soap.answer_of(operation, told.columns, reply.body))
                except AdapterError as error:
                    answers.append({"result": "90", "code": error.code, "rows": []})
        finally:
            await client.close()
        return answers


@dataclass(slots=True)
class CloudEstate(Estate):
    """Vendor B. ``token`` is asked of every adapter; ``adapters`` and ``adapter_token`` are where and how it asks."""

    token: str = field(default="", repr=False)
    adapters: Mapping[str, str] = field(default_factory=dict)
    adapter_token: str = field(default="", repr=False)

    vendor = "b"

    def faces(self) -> list[web.RouteDef]:
        """The REST face."""
        return [
            web.put("/api/v1/{unit}/{record}/{key:.+}", self._put),
            web.post("/api/v1/{unit}/shokai/{operation}", self._question),
        ]

    def paper(self, face: Interface, rows: list[Row]) -> bytes:
        """CSV in UTF-8."""
        return papers.table(face.columns, rows)

    async def run(self) -> None:
        """It only answers."""
        await asyncio.Event().wait()

    def _refused(self, request: web.Request) -> bool:
        return not authorised(request.headers.get("Authorization", ""), bearer(self.token))

    async def _put(self, request: web.Request) -> web.Response:
        if self._refused(request):
            return json_reply({}, status=401)
        face = self.face(request.match_info["record"])
        row = papers.from_document(face.columns, await json_object(request))
        if face.key_of(row) != request.match_info["key"].replace("/", "\x1f"):
            return json_reply({"error": "key"}, status=422)
        self.holdings.receive(request.match_info["unit"], face, row)
        return json_reply({"ok": True})

    async def _question(self, request: web.Request) -> web.Response:
        if self._refused(request):
            return json_reply({}, status=401)
        operation = self.operation(request.match_info["operation"])
        asked = self.face(f"{operation.unit}.{operation.request_record}")
        rows = self.answer_to(operation, papers.from_document(asked.columns, await json_object(request)))
        told = self.face(f"{operation.unit}.{operation.record}")
        documents = [papers.document(told.columns, row) for row in rows]
        return web.Response(body=papers.dumps(documents), status=200 if rows else 404, content_type="application/json")

    async def ask(self, unit: str, operation: Operation, questions: list[Row]) -> list[dict[str, Any]]:
        """Through the adapter's REST face."""
        asked = self.face(f"{operation.unit}.{operation.request_record}")
        told = self.face(f"{operation.unit}.{operation.record}")
        client = RestClient(self.adapters[unit], bearer(self.adapter_token), deadline_s=ANSWER_S)
        answers: list[dict[str, Any]] = []
        try:
            for row in questions:
                body = papers.dumps(papers.document(asked.columns, row, question=True))
                try:
                    value = (await client.request("POST", f"/api/v1/shokai/{operation.key}", body)).value
                except AdapterError as error:
                    value = {"結果": error.code}
                rows = [papers.from_document(told.columns, one) for one in value.get("明細", [])]
                answers.append({"result": value["結果"], "code": value.get("理由", ""), "rows": rows})
        finally:
            await client.close()
        return answers


async def come(drop: FileDrop) -> bytes:
    """The content of the file that is waited for. Errors: TimeoutError."""
    async with asyncio.timeout(ANSWER_S):
        async for _, path in watch([drop], asyncio.Event()):
            data = drop.read(path)
            drop.finish(path)
            return data
    raise TimeoutError


async def serve(estate: Estate, announce: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until cancelled."""
    await estate.site.start()
    addresses = {"panel": estate.site.url}
    if isinstance(estate, HostEstate):
        await estate.server.start()
        addresses["tcp"] = f"127.0.0.1:{estate.server.port}"
    announce(addresses)
    try:
        await estate.run()
    finally:
        if isinstance(estate, HostEstate):
            await estate.server.stop()
        await estate.site.stop()
        estate.holdings.close()
