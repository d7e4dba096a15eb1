"""One HTTP/1.1 client connection: a request at a time, its answer parsed by httptools."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import Final, cast

import httptools

from bus.core.errors import ChiikibusError, DeliveryError
from bus.core.types import Finding
from bus.deliver.packages import Spills
from bus.journal.spill import Spill
from bus.wire.attachments.media import is_multipart

MAX_OVERHEAD: Final = 256 * 1024
"""Bytes of an answer that are no body: head, interim answers, chunk sizes, trailers. Eight times the body is free."""

EARLY_S: Final = 0.002
"""The loop's clock moves in milliseconds: a timer may find that it is this much too early."""


TURNS_TO_LISTEN: Final = 8
"""Turns of the loop for what came right behind a handshake: a read, and the three in which its end is passed on."""

_MEANT: Final = frozenset(
    {b"content-type", b"content-length", b"transfer-encoding", b"content-encoding", b"retry-after"}
)
"""The fields of an answer that are looked at."""

MAX_DIGITS: Final = 6
"""A Retry-After of more digits (eleven days) is none."""


class Deadlines:
    """One timer for all requests under way: it stands at the earliest deadline that it knows of.

    Most requests come back in time, so that starting and stopping a timer for each costs more than the rare look
    at all of them.
    """

    __slots__ = ("_alarm", "_at", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: set[ClientConnection] = set()
        self._at = float("inf")
        self._alarm: asyncio.TimerHandle | None = None

    def watch(self, connection: ClientConnection) -> None:
        """Tell the connection when its ``deadline`` has passed, unless it is forgotten before."""
        self._waiting.add(connection)
        if connection.deadline < self._at:
            self._set(connection.deadline)

    def forget(self, connection: ClientConnection) -> None:
        """Its request has ended."""
        self._waiting.discard(connection)

    def rest(self) -> None:
        """Give up the timer if nothing waits for it."""
        if not self._waiting:
            self._clear()

    def _clear(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._at = float("inf")

    def _set(self, when: float) -> None:
        self._clear()
        self._at = when
        self._alarm = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        now = self._loop.time() + EARLY_S
        for connection in [each for each in self._waiting if each.deadline <= now]:
            connection.too_late()
        self._clear()
        if self._waiting:
            self._set(min(each.deadline for each in self._waiting))


class Answer:
    """What came back. ``None`` instead of one means: closed before the first byte of an answer."""

    __slots__ = ("body", "content_type", "retry_after_s", "spill", "status")

    def __init__(
        self, status: int, content_type: str, body: bytes, spill: Spill | None = None, retry_after_s: int = 0
    ) -> None:
        """``spill`` has the body of an answer with attachments, which is still on its way to the disk.

        ``retry_after_s`` are the seconds of Retry-After, 0 where there are none (a date is not read).
        """
        self.retry_after_s = retry_after_s
        self.status = status
        self.content_type = content_type
        self.body = body
        self.spill = spill


class ClientConnection(asyncio.Protocol):
    """Sends a request and resolves one future with its ``Answer``.

    Errors on the future: ``DeliveryError`` CB5002 at the deadline, CB5003 cut off in the middle of an answer,
    CB1017 an answer that is not HTTP or is larger than ``max_reply``.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        max_reply: int,
        on_free: Callable[[ClientConnection], None],
        deadlines: Deadlines,
        spills: Spills | None = None,
    ) -> None:
        """``on_free`` is told when the connection may take the next request or has closed.

        ``spills`` takes answers with attachments; without it none is taken.
        """
        self.loop = loop
        self._max_reply = max_reply
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._future: asyncio.Future[Answer | None] | None = None
        self._deadlines = deadlines
        self._chunks: list[bytes] = []
        self._size = 0
        self._wire_size = 0
        self._content_type = ""
        self._retry_after_s = 0
        self._framed = False
        self._headers_done = False
        self._answering = False
        self._length = 0
        self._spills = spills
        self._spill: Spill | None = None
        self.opened = False
        self.closed = False
        self.lost: Exception | None = None
        self.requests = 0
        self.idle_since = 0.0
        self.deadline = 0.0

    # -- towards the sender -----------------------------------------------------------------------------------

    def request(self, parts: list[bytes], deadline: float) -> asyncio.Future[Answer | None]:
        """Write one request; at most one may be under way. ``deadline`` is on the loop's clock."""
        assert self._transport is not None
        self.requests += 1
        future = self._future = self.loop.create_future()
        self._answering = False
        self._wire_size = 0
        self.deadline = deadline
        self._deadlines.watch(self)
        if len(parts) == 1:
            self._transport.write(parts[0])
        else:
            self._transport.writelines(parts)
        return future

    @property
    def protection(self) -> ssl.SSLObject | None:
        """The TLS object of the connection, ``None`` on a plain one."""
        found = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return cast("ssl.SSLObject | None", found)

    async def listened(self) -> None:
        """Return when what came right behind the handshake has been read, before anything is written.

        With TLS 1.3 the other side judges our certificate when the handshake is over for us. Its alert may have come
        already, and a reset behind it: a write would meet the reset, and the alert would be thrown away unread.
        (uvloop sends the end of the handshake together with the request and so cannot be late; asyncio can.)
        """
        transport = self._transport
        assert transport is not None
        for _ in range(TURNS_TO_LISTEN):
            if self.closed or not (transport.is_closing() or _readable(transport)):
                return
            await asyncio.sleep(0)

    def too_late(self) -> None:
        """The deadline has passed."""
        self._fail("CB5002", "deadline")

    def abort(self) -> None:
        """Close at once; an answer under way is given up."""
        self.closed = True
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; bytes that nobody asked for close the connection."""
        if self._future is None:
            self.abort()
            return
        self._answering = True
        self._wire_size += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail("CB1017", type(error).__name__)
        if self._wire_size > MAX_OVERHEAD + 8 * self._size and self._future is not None:
            self._fail("CB1017", "more head than answer")

    def eof_received(self) -> bool:
        """The other side is done: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Settle what was under way."""
        self.closed = True
        self.lost = exc
        if self._future is not None:
            if self._headers_done and not self._framed and exc is None:
                self._complete()
            elif self._answering:
                self._fail("CB5003", "cut off")
            else:
                self._settle(None)
        self._on_free(self)

    # -- httptools --------------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the content type; notice how the body ends."""
        lower = name.lower()
        if lower not in _MEANT:
            return
        if lower == b"content-type":
            if self._content_type and not self._headers_done:
                self._fail("CB1017", "two Content-Type")
            self._content_type = value.decode("latin-1")
        elif lower == b"content-length":
            self._framed = True
            self._length = int(value) if value.isdigit() else 0
        elif lower == b"transfer-encoding":
            self._framed = True
            if value.strip().lower() != b"chunked":
                self._fail("CB1017", "an unknown transfer coding")
        elif lower == b"retry-after":
            seconds = value.strip()
            self._retry_after_s = int(seconds) if seconds.isdigit() and len(seconds) <= MAX_DIGITS else 0
        elif lower == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            self._fail("CB1017", "a content coding that was not asked for")

    def on_headers_complete(self) -> None:
        """The body begins."""
        self._headers_done = True
        if self._spills is not None and is_multipart(self._content_type) and self._transport is not None:
            try:
                self._spill = self._spills.begin(self._content_type, self._length, self._transport, self._cut_short)
            except ChiikibusError as error:
                self._refuse(error)
        elif self._length > self._max_reply:
            self._fail("CB1017", "reply too large")

    def on_body(self, body: bytes) -> None:
        """Collect the body within its limit."""
        self._size += len(body)
        if self._spill is not None:
            assert self._spills is not None
            self._spill.feed(body)
            self.deadline = self._spills.later(self.deadline, len(body))
        elif self._size > self._max_reply:
            self._fail("CB1017", "reply too large")
        elif self._future is not None:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole; an interim answer (1xx) only announces it."""
        if self._parser.get_status_code() < 200:
            self._forget()
        elif self._future is not None:
            self._complete()

    # -- inside -----------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        status = self._parser.get_status_code()
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        answer = Answer(status, self._content_type, body, self._spill, self._retry_after_s)
        self._spill = None
        reusable = not self.closed and self._framed and self._parser.should_keep_alive()
        self._forget()
        if not reusable:
            self.closed = True
            if self._transport is not None:
                self._transport.close()
        self._settle(answer)
        if reusable:
            self._on_free(self)

    def _forget(self) -> None:
        self._chunks = []
        self._size = self._length = 0
        self._content_type = ""
        self._retry_after_s = 0
        self._framed = False
        self._headers_done = False

    def _cut_short(self) -> None:
        """The rest of an answer with attachments need not be read: what came of it says why."""
        if self._spill is not None:
            self._framed = False
            self._complete()

    def _fail(self, code: str, why: str) -> None:
        self._refuse(DeliveryError(code, [Finding(code, got=why)]))

    def _refuse(self, error: ChiikibusError) -> None:
        future, self._future = self._future, None
        self._deadlines.forget(self)
        if self._spill is not None:
            self._spill.abort()
            self._spill = None
        self.abort()
        if future is not None and not future.done():
            future.set_exception(error)

    def _settle(self, answer: Answer | None) -> None:
        future, self._future = self._future, None
        self._deadlines.forget(self)
        if future is not None and not future.done():
            future.set_result(answer)


def _readable(transport: asyncio.Transport) -> bool:
    """Whether bytes, or the end, wait in the kernel."""
    number = transport.get_extra_info("socket").fileno()
    if number < 0:
        return False
    waiting = select.poll()
    waiting.register(number, select.POLLIN)
    return bool(waiting.poll(0))
