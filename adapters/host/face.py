"""The standard SOAP face: one address per endpoint, an inbox against duplicates, receipts, replies and faults."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from aiohttp import web

from adapters.host.attached import Enclosures, Posted
from adapters.host.flows.base import Answering, Reply, Request, Trying
from adapters.host.guard import BusGuard
from adapters.host.late_desk import LateDesk
from adapters.host.store import Store, inbox
from adapters.host.store.inbox import Answered
from bus.core import log
from bus.core.basic import BUS_USER, read_basic, same_secret
from bus.core.errors import ChiikibusError, DuplicateError, EnvironmentFault, JournalError, RightsError, WireError
from bus.core.ports import Clock, Ids
from bus.core.types import Addressing, Endpoint, Finding
from bus.wire import envelope, fault, http, safe_xml, withheld
from bus.wire.addressing import NO_ADDRESSING
from bus.wire.addressing_fault import answer
from bus.wire.contract import UnitContract
from bus.wire.glyphs import admitted
from bus.wire.limits import MAX_BYTES
from schemas.model import Operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGE = 64 * 1024
"""Bytes from which a message is parsed and checked beside the event loop: a bulk part costs milliseconds."""


def error_response(error: ChiikibusError, record_id: str = "", request: Addressing = NO_ADDRESSING) -> web.Response:
    """The answer that the bus would give to the same error: fault or refusal, status and fields."""
    response = fault.error_response(error, record_id=record_id, request=request)
    headers = {"Content-Type": response.content_type, **dict(response.headers)}
    if "Allow" in headers:
        headers["Allow"] = "POST"
    return web.Response(status=response.status, body=response.body, headers=headers)


@dataclass(slots=True)
class _Turn:
    """One request while it is answered: its number, and what it says of WS-Addressing once that was read."""

    record_id: str
    addressing: Addressing = NO_ADDRESSING


@dataclass(slots=True)
class Face:
    """Takes what the bus posts to ``/soap/<municipality>/<endpoint>``.

    ``operations`` are those of the edition by payload element; ``flows`` answer them by key. Nothing is answered
    positively before the inbox entry and the flow's own rows are on disk, in one transaction. ``with_files`` are the
    operations whose flows take attachments, which ``enclosures`` receives; a flow moves away what it keeps. ``late``
    takes the answers to what this adapter asked.
    """

    endpoint: Endpoint
    operations: Mapping[str, Operation]
    contracts: Mapping[str, UnitContract]
    flows: Mapping[str, Answering]
    store: Store
    clock: Clock
    ids: Ids
    ready: Callable[[], bool]
    enclosures: Enclosures
    with_files: frozenset[str] = frozenset()
    guard: BusGuard | None = None
    late: LateDesk | None = None
    _working: dict[str, str] = field(default_factory=dict, init=False)
    _draining: bool = field(default=False, init=False)

    def application(self, routes: Sequence[tuple[str, str, Handler]] = ()) -> web.Application:
        """The web application: the SOAP address, health, and what flows serve on their own (method, path, handler)."""
        self.enclosures.clear()
        app = web.Application(client_max_size=MAX_BYTES)
        app.router.add_route("*", f"/soap/{self.endpoint.municipality}/{self.endpoint.id}", self.handle)
        app.router.add_route("*", f"/trial/{self.endpoint.municipality}/{self.endpoint.id}", self.try_out)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._ready)
        for method, path, handler in routes:
            app.router.add_route(method, path, handler)
        app.router.add_route("*", "/{tail:.*}", self._nothing)
        return app

    def drain(self) -> None:
        """Take nothing more: what comes now is refused with CB4005 and comes again later."""
        self._draining = True

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _request: web.Request) -> web.Response:
        ready = self.ready() and not self._draining
        return web.json_response({"status": "ready" if ready else "starting"}, status=200 if ready else 503)

    async def _nothing(self, request: web.Request) -> web.Response:
        return error_response(WireError("CB1015", [Finding("CB1015", path=request.path)]))

    async def handle(self, request: web.Request) -> web.Response:
        """One POST from the bus."""
        turn = _Turn(self.ids.exchange())
        return self._signed(await self._handle(request, turn))

    async def _handle(self, request: web.Request, turn: _Turn) -> web.Response:
        record_id = turn.record_id
        try:
            self._admit(request)
            posted = await self.enclosures.receive(request, record_id)
            try:
                return await self._take(request, posted, turn)
            finally:
                posted.remove()
        except ChiikibusError as error:
            log.warn(
                "request_refused",
                code=error.code,
                record_id=record_id,
                message_id=request.headers.get("Chiikibus-Message-Id", ""),
                exchange_id=request.headers.get("Chiikibus-Exchange-Id", ""),
                operation=request.headers.get("Chiikibus-Operation", ""),
            )
            return error_response(error, record_id, turn.addressing)
        except Exception:
            log.logger().exception("internal_error", record_id=record_id)
            return error_response(EnvironmentFault("CB9001"), record_id, turn.addressing)

    def _signed(self, response: web.Response) -> web.Response:
        """The answer with the adapter's signature, where its settings ask for one."""
        body = response.body
        if self.guard is None or response.content_type != "text/xml" or not isinstance(body, bytes):
            return response
        try:
            response.body = self.guard.signed(body)
        except ChiikibusError as error:
            log.warn("request_refused", code=error.code)
        return response

    def _admit(self, request: web.Request) -> None:
        if request.method != "POST":
            raise WireError("CB1001")
        credential = read_basic(request.headers.get("Authorization", ""))
        secret = self.endpoint.secret
        if credential is None or credential.user != BUS_USER or not same_secret(credential.secret, secret):
            raise RightsError("CB2001")
        if self._draining:
            raise JournalError("CB4005", retry_after_s=1)

    async def _take(self, http_request: web.Request, posted: Posted, turn: _Turn) -> web.Response:
        headers = http_request.headers
        read, message_id, digest, large = await self._opened(headers, posted, turn)
        known = inbox.find(self.store.reader, message_id, digest)
        if known is not None:
            return _response(known)
        if message_id in self._working:
            if self._working[message_id] != digest:
                raise DuplicateError("CB3001", [Finding("CB3001", path="wsa:MessageID")])
            raise DuplicateError("CB3002", retry_after_s=1)
        self._working[message_id] = digest
        try:
            request = await self._valid(read, message_id, headers, posted, large=large)
            answered = await self._answer(request, digest)
        finally:
            del self._working[message_id]
        log.line("request_answered", operation=request.operation.key, message_id=message_id, record_id=turn.record_id)
        return _response(answered)

    async def _opened(
        self, headers: Mapping[str, str], posted: Posted, turn: _Turn
    ) -> tuple[envelope.Envelope, str, str, bool]:
        """The envelope, the message's id and digest, and whether it is large."""
        raw, media = posted.raw, posted.media
        large = len(raw) > LARGE
        root = await asyncio.to_thread(safe_xml.parse, raw, media) if large else safe_xml.parse(raw, media)
        try:
            read = envelope.read(root)
        except WireError:
            turn.addressing = envelope.salvage(root)
            raise
        if self.guard is not None:
            if self.guard.verifies and posted.package is not None:
                raise RightsError("CB2020")
            self.guard.check(root, read)
        turn.addressing = read.addressing
        admitted(root, read.body)
        message_id = read.addressing.message_id or headers.get("Chiikibus-Message-Id", "")
        if not message_id:
            raise WireError("CB1011", [Finding("CB1011", path="wsa:MessageID", expected="1", got="0")])
        digest = posted.digest if self.guard is None else self.guard.digest(raw, posted.digest)
        return read, message_id, digest, large

    async def _valid(
        self, read: envelope.Envelope, message_id: str, headers: Mapping[str, str], posted: Posted, *, large: bool
    ) -> Request:
        """What a flow gets. Errors: CB1013, CB1050; those of the contract."""
        request = self._request(read, message_id, headers, posted)
        if not read.is_fault:
            posted.follow(read.body, self.contracts[request.operation.unit].places)
            validate = self.contracts[request.operation.unit].validate
            findings = await asyncio.to_thread(validate, read.body) if large else validate(read.body)
            if findings:
                raise WireError(findings[0].code, findings)
        return request

    async def try_out(self, request: web.Request) -> web.Response:
        """What would become of a message that the bus may send: as JSON, and nothing of it is stored.

        ``taken`` as things stand; ``known``: it is here already and would be answered as it was; ``code`` why not.
        An operation that nobody can say it of is answered with 501.
        """
        turn = _Turn(self.ids.exchange())
        try:
            self._admit(request)
            posted = await self.enclosures.receive(request, turn.record_id)
            try:
                read, message_id, digest, large = await self._opened(request.headers, posted, turn)
                if inbox.find(self.store.reader, message_id, digest) is not None:
                    return web.json_response({"taken": True, "known": True})
                asked = await self._valid(read, message_id, request.headers, posted, large=large)
                flow: object = None if asked.late else self.flows[asked.operation.key]
                if not isinstance(flow, Trying):
                    return web.json_response({"taken": False, "code": ""}, status=501)
                await flow.trial(asked)
            finally:
                posted.remove()
        except ChiikibusError as error:
            return web.json_response({"taken": False, "code": error.code})
        except Exception:
            log.logger().exception("internal_error", record_id=turn.record_id)
            return web.json_response({"taken": False, "code": "CB9001"}, status=500)
        return web.json_response({"taken": True, "known": False})

    def _request(self, read: envelope.Envelope, message_id: str, headers: Mapping[str, str], posted: Posted) -> Request:
        operation, late = self.operations.get(str(read.body.tag)), False
        if self.late is not None and operation is None and read.addressing.relates_to:
            operation, late = self.late.operation(read.body, read.addressing.relates_to), True
        if operation is None or not (late or operation.key in self.flows):
            tag = str(read.body.tag)
            raise WireError("CB1013", [Finding("CB1013", path="Body", got=tag.rpartition("}")[2][:64])])
        if posted.package is not None and (late or operation.key not in self.with_files):
            raise WireError("CB1050", [Finding("CB1050", path=operation.key, expected="a message without attachments")])
        return Request(
            message_id=message_id,
            operation=operation,
            payload=read.body,
            addressing=read.addressing,
            context=read.context,
            purpose=headers.get("Chiikibus-Purpose", "") or read.context.purpose,
            sender=headers.get("Chiikibus-Sender", ""),
            files=posted.files,
            withheld=bool(withheld.read(read.headers)),
            late=late,
        )

    async def _answer(self, request: Request, digest: str) -> Answered:
        flow = self.late if self.late is not None and request.late else self.flows[request.operation.key]
        reply = await flow.answer(request)
        answered = Answered(200, self._bytes(request, reply)) if reply.payload is not None else Answered(202, b"")
        now = self.clock.now()
        key = request.operation.key

        def store(database: sqlite3.Connection) -> None:
            inbox.add(database, request.message_id, digest, answered, operation=key, sender=request.sender, now=now)
            if reply.store is not None:
                reply.store(database)

        await self.store.write(store)
        if reply.after is not None:
            reply.after()
        return answered

    def _bytes(self, request: Request, reply: Reply) -> bytes:
        assert reply.payload is not None
        if not request.addressing.action:
            if self.guard is None:
                return envelope.build(reply.payload)
            # A signed answer says to which question, or it could be played again to another.
            related = Addressing(relates_to=request.message_id, action=request.operation.reply_action)
            return envelope.build(reply.payload, addressing=related)
        asked = replace(request.addressing, message_id=request.message_id)
        properties, parameters = answer(asked, request.operation.reply_action, self.ids.message(), fault=False)
        return envelope.build(reply.payload, addressing=properties, parameters=parameters)


def _response(answered: Answered) -> web.Response:
    headers = {"Content-Type": http.XML} if answered.reply else {}
    return web.Response(status=answered.status, body=answered.reply, headers=headers)
