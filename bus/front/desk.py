"""What the front does with a request: refuse by its head, hand it to the pipeline, serve documents and health."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Final

import msgspec

from bus.core.budget import Budget
from bus.core.channel import Channel
from bus.core.errors import ChiikibusError, EnvironmentFault, JournalError, RightsError, WireError
from bus.core.settings import FrontSettings
from bus.core.types import Finding
from bus.front.documents import Documents, base_url, load_documents
from bus.journal.segments import Segments
from bus.pipeline import House, Tables, process, refuse
from bus.pipeline.identify import admit
from bus.wire.attachments.media import is_multipart
from bus.wire.coding import coding_of, room, unpack
from bus.wire.fault import error_response
from bus.wire.http import JSON, Request, Response
from bus.wire.safe_xml import charset_of

Handler = Callable[[Request], Awaitable[Response]]
HouseReference = Callable[[], House]
Away = Callable[[House, Request], Awaitable[Response]]

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
CODING: Final = "content-encoding"
BESIDE: Final = 4 * 1024
"""Packed bodies from this size on are unpacked beside the event loop."""

_READING: Final = frozenset({"GET", "HEAD"})


class FrontDesk:
    """One per listener: decides, counts bytes in flight, and knows whether the bus is being stopped."""

    def __init__(
        self,
        house: HouseReference,
        settings: FrontSettings,
        extra: Mapping[str, Handler],
        away: Away | None = None,
        segments: Segments | None = None,
    ) -> None:
        """``away``, in a worker process, is where everything goes but messages that the worker can take itself.

        Without ``segments`` there is no place for attachments, and text/xml is all that is taken.
        """
        self.settings = settings
        self.segments = segments
        self.budget = Budget(settings.max_in_flight)
        self.listening = f"{settings.host}:{settings.port}"
        self.draining = False
        self._house = house
        self._prefixes = tuple(extra)
        self._extra = tuple((prefix, f"{prefix}/", handler) for prefix, handler in extra.items())
        self._away = away
        self._documents: tuple[Tables, Documents] | None = None

    @property
    def min_rate(self) -> int:
        """Bytes per second below which a body with attachments is given up."""
        return self.segments.settings.min_rate if self.segments is not None else 1

    def refuse(
        self, method: str, path: str, headers: Mapping[str, str], channel: Channel | None = None
    ) -> Response | None:
        """The answer to a request whose head already says that its body need not be read, else ``None``."""
        try:
            if self.draining and not path.startswith("/health/"):
                raise JournalError("CB4005", retry_after_s=5)
            if self._handler(path) is not None or method in _READING:
                return None
            if method != "POST" or path in {LIVE, READY}:
                raise WireError("CB1001")
            house = self._house()
            admit(house.tables, path, headers.get("authorization", ""), channel, house.clock.now())
            charset_of_media(headers.get("content-type", ""), attachments=self.segments is not None)
            if CODING in headers:
                coding_of(headers[CODING])
        except ChiikibusError as error:
            if channel is not None and isinstance(error, RightsError):
                self._log_refusal(error)
            return error_response(error)
        return None

    def takes_attachments(self, path: str) -> bool:
        """Whether a message with attachments may be judged at this address at all."""
        return self.segments is not None and path in self._house().tables.doors

    def refuse_attachments(self, path: str) -> None:
        """Errors: CB1050 where no route of the address's unit carries attachments."""
        tables = self._house().tables
        door = tables.doors[path]
        if (door.endpoint.municipality, door.unit) not in tables.with_attachments:
            expected = f"a route of {door.unit} with attachments = true"
            raise WireError("CB1050", [Finding("CB1050", path="routes.toml", expected=expected)])

    async def answer_package(self, request: Request) -> Response:
        """The answer to a request with attachments; its segment goes unless a row holds it now."""
        assert request.package is not None
        assert self.segments is not None
        try:
            return await self.answer(request)
        finally:
            self.segments.discard(request.package)

    async def answer_sent_on(self, request: Request) -> Response:
        """The answer to a request that a worker leaves to the owner, and with it the care for its segment."""
        if request.package is None:
            return await self.answer(request)
        request.package.kept = False
        return await self.answer_package(request)

    async def answer_unreadable(self, request: Request, error: ChiikibusError) -> Response:
        """The answer to a request whose body was refused as it came: counted, then told."""
        return await refuse(self._house(), request, error)

    def _log_refusal(self, error: RightsError) -> None:
        """Somebody with a certificate that the site trusts was refused: the operator wants to know which."""
        found = error.findings[0] if error.findings else Finding(error.code)
        self._house().log("caller_refused", level="warning", code=error.code, endpoint=found.path, got=found.got)

    async def answer(self, request: Request) -> Response:
        """Never raises: an error of the program is logged and answered with CB9001."""
        house = self._house()
        if CODING in request.headers:
            return await self._unpacked(request)
        try:
            if self._away is not None:
                return await self._away(house, request)
            handler = self._handler(request.path)
            if handler is not None:
                return await handler(request)
            return await process(house, request) if request.method == "POST" else self._read(house, request)
        except ChiikibusError as error:
            return error_response(error)
        except Exception as error:  # the door: whatever it is, the sender gets a coded answer
            house.log("internal_error", level="error", **_place(error))
            return error_response(EnvironmentFault("CB9001"))

    async def _unpacked(self, request: Request) -> Response:
        """Undo the content coding within the bytes in flight, then answer."""
        packed = request.body
        taken = 0
        try:
            coding = coding_of(request.headers[CODING])
            headers = {name: text for name, text in request.headers.items() if name != CODING}
            body = packed
            if coding and packed:
                limit = room(len(packed), self.settings.max_body)
                if not self.budget.reserve(limit):
                    raise JournalError("CB4002", retry_after_s=1)
                taken = limit
                beside = len(packed) >= BESIDE
                body = await asyncio.to_thread(unpack, packed, limit) if beside else unpack(packed, limit)
                self.budget.release(limit - len(body))
                taken = len(body)
            plain = replace(request, headers=headers, body=body)
            return await self.answer(plain)
        except ChiikibusError as error:
            return error_response(error)
        finally:
            self.budget.release(taken)

    def _handler(self, path: str) -> Handler | None:
        """The extra handler whose prefix the path has."""
        if not path.startswith(self._prefixes):
            return None
        for prefix, below, handler in self._extra:
            if path == prefix or path.startswith(below):
                return handler
        return None

    def _read(self, house: House, request: Request) -> Response:
        """GET and HEAD: health and normative documents. Errors: CB1015, CB1001."""
        if request.path == LIVE:
            return _json(200, {"status": "ok"})
        if request.path == READY:
            return self._ready(house)
        documents = self._documents
        if documents is None or documents[0] is not house.tables:
            documents = (house.tables, load_documents(house.tables))
            self._documents = documents
        scheme = "http" if request.channel is None else "https"
        url = base_url(self.settings.public_url, request.header("host"), self.listening, scheme)
        found = documents[1].answer(request.path, request.query, url)
        if found is None:
            raise WireError("CB1001" if request.path in house.tables.doors and not request.query else "CB1015")
        return found

    def _ready(self, house: House) -> Response:
        """200 when messages can be stored, else 503 with the code."""
        if self.draining:
            return _json(503, {"status": "draining", "code": "CB4005"})
        try:
            counts = house.journal.counts()
        except JournalError as error:
            return _json(503, {"status": "unavailable", "code": error.code})
        return _json(
            200, {"status": "ready", "journal": "ok", "counts": counts, "tables_hash": house.tables.tables_hash}
        )


def charset_of_media(content_type: str, *, attachments: bool = False) -> None:
    """Refuse a media type other than text/xml before the body comes. Errors: CB1002; a charset is step 2's matter.

    Where there may be ``attachments``, a multipart type is judged when its parts are read.
    """
    try:
        charset_of(content_type)
    except WireError as error:
        if error.code == "CB1002" and not (attachments and is_multipart(content_type)):
            raise


def _json(status: int, value: Mapping[str, object]) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(status, JSON, msgspec.json.encode(value), (("Cache-Control", "no-store"),))


def _place(error: Exception) -> dict[str, str]:
    """Type and place of an unexpected exception; never its text, which may quote a message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = ""
    if trace is not None:
        where = f"{trace.tb_frame.f_globals.get('__name__', '?')}.{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}"
    return {"error": type(error).__name__, "where": where, "code": "CB9001"}
