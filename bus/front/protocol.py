"""One HTTP/1.1 connection on httptools: limits before bodies, answers in the order of requests, deadlines.

An own protocol instead of an ASGI server: 8 microseconds per request instead of 35.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, cast

import httptools

from bus.core.channel import Channel
from bus.core.errors import JournalError, WireError
from bus.front import head
from bus.front.intake import Intake, take_in, wanted
from bus.front.outflow import pour
from bus.front.responses import CONTINUE, encode
from bus.front.turn import NAMES, ONCE, Turn
from bus.wire.fault import error_response
from bus.wire.http import Request, Response

if TYPE_CHECKING:
    from bus.front.server import Listener

MAX_HEAD: Final = 32 * 1024
"""Bytes of request line and fields; with TLS and proxies in front 4 KB are usual."""

MAX_FIELDS: Final = 100
"""Header fields per request; real clients send 5 to 20."""

MAX_OVERHEAD: Final = 256 * 1024
"""Bytes of chunk sizes, extensions and trailers; beyond that, up to eight times the body: chunks of one byte."""

MAX_PIECES: Final = 65_536
"""Pieces in which a body may arrive; 16 MB in packets of a slow line are 11,000."""

MAX_PIPELINED: Final = 16
"""Requests read ahead per connection; then reading pauses."""

MAX_DISCARD: Final = 1024 * 1024
"""A refused body up to this size is read and thrown away, so that the connection can be kept."""

LINGER_S: Final = 2.0
"""After an answer that ends the connection, what still comes is thrown away for this long, so that it arrives."""


class Connection(asyncio.Protocol):
    """Parser callbacks collect one request; turns are worked off one after the other."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._desk = listener.desk
        self._settings = listener.desk.settings
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._channel: Channel | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._turns: deque[Turn] = deque()
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._deaf = False
        self._ended = False
        self._lingering = False
        self._malformed = self._resumed = False
        self._in_message = False
        self._in_head = False
        self._continue_due = False
        self._begin()
        self.deadline = self._loop.time() + self._settings.idle_timeout_s

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register with the listener."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) and len(peer) > 1 else ""
        if self._listener.channel_of is not None:
            protected = transport.get_extra_info("ssl_object")
            self._channel = None if protected is None else self._listener.channel_of(protected)
        self._listener.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The message that is being worked on is finished all the same: it may be accepted already."""
        del exc
        self._listener.remove(self)
        self._deaf = True
        self._drop_body()
        self._transport = None
        self.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a request that is no HTTP/1.1 ends the connection with 400."""
        if self._deaf:
            return
        if self._in_head or not self._in_message:
            self._head_size += len(data)
        elif self._chunked:
            self._wire_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data, upgrade)
        except httptools.HttpParserError:
            self._end_with(error_response(WireError("CB1014")))
        if (self._in_head and self._head_size > MAX_HEAD) or self._wire_size > MAX_OVERHEAD + 8 * self._size:
            self._end_with(error_response(WireError("CB1014")))

    def eof_received(self) -> bool:
        """A client that has sent everything still gets its answers; a part of a request is dropped."""
        self._ended = True
        return bool(self._turns) or self._task is not None

    def pause_writing(self) -> None:
        """The client reads too slowly: no further turn until it has caught up or its time is over."""
        if self._writable is None:
            self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on with the turns."""
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    # The parser's side

    def on_message_begin(self) -> None:
        """A request starts: its head has a deadline."""
        if not self._deaf and not self._resumed:
            self._in_message = self._in_head = True
            self.deadline = self._loop.time() + self._settings.header_timeout_s

    def on_url(self, url: bytes) -> None:
        """The request target, possibly in pieces."""
        if not self._resumed:
            self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field; those that must be unique make the request malformed when they are not. Trailers are dropped."""
        if not self._in_head:
            return
        key = NAMES.get(name) or name.decode("latin-1").lower()
        text = value.decode("latin-1").rstrip()
        headers = self._headers
        before = headers.get(key)
        if before is not None:
            self._malformed = self._malformed or key in ONCE
            self._repeated += 1
            text = f"{before}, {text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        """Judge the head; reserve room for the body; tell a waiting client to go on."""
        if self._deaf or self._resumed:
            return
        self._in_head = False
        self._head_size = 0
        headers = self._headers
        self._method = self._parser.get_method().decode("ascii")
        version = self._parser.get_http_version()
        self._keep_alive = self._parser.should_keep_alive() and not self._desk.draining
        self._announce = version == "1.0"
        self._chunked = "transfer-encoding" in headers
        target = head.target(self._target.decode("latin-1"))
        self._path, self._query = target or ("", "")
        wrong = "CB1014"
        if target is not None and not self._malformed and self._within_limits():
            wrong = head.problem(self._method, self._path, version, headers)
        length = int(headers.get("content-length") or 0)
        self.deadline = self._loop.time() + self._settings.body_timeout_s
        if wrong:
            self._end_with(error_response(WireError(wrong)))
        elif length > self._settings.max_body and not wanted(headers):
            self._refuse(error_response(WireError("CB1006")), length)
        else:
            refused = self._desk.refuse(self._method, self._path, headers, self._channel)
            if refused is not None:
                self._refuse(refused, length)
            elif wanted(headers) and self._desk.takes_attachments(self._path):
                self._take_in(length)
            elif not self._desk.budget.reserve(length):
                self._refuse(error_response(JournalError("CB4002", retry_after_s=1)), length)
            else:
                self._reserved = length
                self._announced = length
                self._continue_due = headers.get("expect", "").lower() == "100-continue"
                self._go_on()

    def on_body(self, body: bytes) -> None:
        """Collect the body within what was reserved; a chunked body reserves as it comes."""
        if self._deaf:
            return
        self._size += len(body)
        if self._intake is not None:
            self._intake.feed(body)
            earned = self.deadline + len(body) / self._desk.min_rate
            self.deadline = min(earned, self._loop.time() + self._settings.body_timeout_s)
            return
        if self._refusal is not None:
            if self._size > MAX_DISCARD:
                self._end_with(self._refusal)
            return
        if self._size > self._announced:
            if self._size > self._settings.max_body:
                self._drop_body()
                self._refuse(error_response(WireError("CB1006")), MAX_DISCARD + 1)
                return
            if not self._desk.budget.reserve(len(body)):
                self._drop_body()
                self._refuse(error_response(JournalError("CB4002", retry_after_s=1)), 0)
                return
            self._reserved += len(body)
        self._chunks.append(body)
        if len(self._chunks) > MAX_PIECES:
            self._end_with(error_response(WireError("CB1014")))

    def on_message_complete(self) -> None:
        """The request is whole: it takes its turn."""
        if self._deaf or (self._parser.should_upgrade() and not self._resumed):
            return
        request = None
        if self._refusal is None and self._intake is None:
            body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            request = Request(
                self._method, self._path, self._headers, body, self._query, self._peer, None, self._channel
            )
        turn = Turn(
            request, self._refusal, self._method, self._keep_alive, self._announce, self._reserved, self._intake
        )
        self._begin()
        self._turns.append(turn)
        self._take_turns()

    # Own steps

    def _begin(self) -> None:
        """Nothing is known of the next request."""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._repeated = 0
        self._malformed = False
        self._method = self._path = self._query = ""
        self._keep_alive = self._announce = False
        self._chunks: list[bytes] = []
        self._size = self._announced = self._reserved = 0
        self._head_size = self._wire_size = 0
        self._chunked = False
        self._refusal: Response | None = None
        self._intake: Intake | None = None
        self._resumed = False
        self._in_message = self._in_head = self._continue_due = False
        self.deadline = float("inf")

    def _within_limits(self) -> bool:
        """Number and size of fields and the length of the target."""
        headers = self._headers
        size = len(self._target) + sum(map(len, headers)) + sum(map(len, headers.values()))
        return len(headers) + self._repeated <= MAX_FIELDS and size <= MAX_HEAD

    def _refuse(self, response: Response, length: int) -> None:
        """Answer in turn; a short body is thrown away first, a long one or a waiting client ends the connection."""
        self._refusal = response
        if length > MAX_DISCARD or "expect" in self._headers:
            self._end_with(response)

    def _take_in(self, length: int) -> None:
        """The body has attachments: it goes to the disk as it comes."""
        head = Request(self._method, self._path, self._headers, b"", self._query, self._peer, None, self._channel)
        taken = take_in(self._desk, self._transport, head, length, self._cut_short)
        if isinstance(taken, Response):
            self._refuse(taken, length)
            return
        self._intake = taken
        self._continue_due = self._headers.get("expect", "").lower() == "100-continue"
        self._go_on()

    def _cut_short(self, intake: Intake) -> None:
        """A body that cannot be taken: if it is still coming, its answer is the last of this connection."""
        if intake is self._intake:
            turn = Turn(None, None, self._method, False, False, 0, intake)
            self._begin()
            self._deaf = True
            self._turns.append(turn)
            self._take_turns()

    def _go_on(self) -> None:
        """100 Continue, but not before the answers to earlier requests."""
        if self._continue_due and not self._turns and self._task is None and self._transport is not None:
            self._continue_due = False
            if not self._size:
                self._transport.write(CONTINUE)

    def _ignore_upgrade(self, data: bytes, upgrade: httptools.HttpParserUpgrade) -> None:
        """A client may offer another protocol (Java offers h2c); the bus stays with HTTP/1.1 (RFC 9110, 7.8).

        The parser leaves off after such a head. A new one is brought to the same place by a head without the offer,
        of which it tells nothing, and reads the body.
        """
        self._parser = httptools.HttpRequestParser(self)
        if self._deaf:
            return
        chunked = "transfer-encoding" in self._headers
        coding = (
            "Transfer-Encoding: chunked" if chunked else f"Content-Length: {self._headers.get('content-length', 0)}"
        )
        self._resumed = True
        self._parser.feed_data(f"POST / HTTP/1.1\r\nHost: h\r\n{coding}\r\n\r\n".encode("ascii"))
        rest = data[upgrade.args[0] :]
        if rest:
            self.data_received(rest)

    def _end_with(self, response: Response) -> None:
        """The last answer of this connection; nothing more is read."""
        self._drop_body()
        method = self._method
        self._begin()
        self._deaf = True
        self._turns.append(Turn(None, response, method, False, False, 0))
        self._take_turns()

    def _drop_body(self) -> None:
        """Forget what was collected and give its room back."""
        self._desk.budget.release(self._reserved)
        self._reserved = 0
        self._chunks = []
        if self._intake is not None:
            self._intake.abort()
            self._intake = None

    def _take_turns(self) -> None:
        """Work on the first turn; answers that are known already need no task."""
        while self._task is None and self._turns and self._turns[0].response is not None and self._writable is None:
            turn = self._turns.popleft()
            assert turn.response is not None
            self._write(turn, turn.response)
        if self._task is None and self._turns:
            self._task = self._loop.create_task(self._work())
        if len(self._turns) >= MAX_PIPELINED and self._transport is not None:
            self._transport.pause_reading()

    async def _work(self) -> None:
        """One turn after the other until none is left."""
        try:
            while self._turns:
                turn = self._turns.popleft()
                response = turn.response
                if turn.request is not None:
                    try:
                        response = await self._desk.answer(turn.request)
                    finally:
                        self._desk.budget.release(turn.reserved)
                elif turn.intake is not None:
                    response = await turn.intake.answer()
                assert response is not None
                if response.package is None:
                    self._write(turn, response)
                else:
                    await self._pour(turn, response)
                await self._taken()
        finally:
            self._task = None
        if self._transport is not None and not self._deaf:
            self._transport.resume_reading()
            self._go_on()
            if self._ended and not self._turns:
                self._transport.close()
            elif not self._in_message:
                self.deadline = self._loop.time() + self._settings.idle_timeout_s

    def _write(self, turn: Turn, response: Response) -> None:
        """Send an answer; the last one closes the connection without losing it."""
        transport = self._transport
        if transport is None or self._lingering:
            return
        close = not turn.keep_alive or (self._desk.draining and not self._turns)
        transport.write(
            encode(
                response,
                self._listener.date,
                close=close,
                announce_keep_alive=turn.announce,
                head=turn.method == "HEAD",
            )
        )
        if close and response.package is None:
            self._linger(transport)

    async def _pour(self, turn: Turn, response: Response) -> None:
        """An answer with attachments, as fast as the client takes it."""
        poured = await pour(self._desk, response, lambda: self._write(turn, response), self._taken)
        if poured is not None:
            self._write(turn, poured)
        elif self._transport is not None and (not turn.keep_alive or (self._desk.draining and not self._turns)):
            self._linger(self._transport)

    async def _taken(self) -> asyncio.Transport | None:
        """Where to write the next piece, when the client has taken most of the last; ``None`` when it is gone."""
        while self._writable is not None:
            self.deadline = self._loop.time() + self._settings.idle_timeout_s
            await self._writable
        return None if self._lingering else self._transport

    def _linger(self, transport: asyncio.Transport) -> None:
        """Close in two steps, so that data still on its way does not destroy the answer."""
        self._deaf = self._lingering = True
        for turn in self._turns:
            self._desk.budget.release(turn.reserved)
            if turn.intake is not None:
                turn.intake.abort()
        self._turns.clear()
        self.deadline = self._loop.time() + LINGER_S
        if self._channel is not None:
            transport.close()  # TLS has its own end in two steps, which throws away what still comes
            return
        if transport.can_write_eof():
            transport.write_eof()
        transport.resume_reading()

    @property
    def idle(self) -> bool:
        """Neither in the middle of a request nor with an answer to give."""
        return not self._in_message and not self._turns and self._task is None

    def close_when_idle(self) -> None:
        """The bus stops: end now, or after the answers that are due."""
        if self.idle and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End now; work that goes on is cancelled and found again in the journal."""
        if self._task is not None:
            self._task.cancel()
        if self._transport is not None:
            self._transport.abort()

    def expire(self) -> None:
        """A deadline passed: of a head or body, of an idle connection, or of a client that does not read."""
        if self._transport is None:
            return
        if self._lingering or self._writable is not None or self.idle:
            self._transport.abort()
        elif self._turns or self._task is not None or (self._intake is not None and self._intake.waiting):
            self.deadline = self._loop.time() + self._settings.body_timeout_s
        else:
            self._end_with(error_response(WireError("CB1014")))
