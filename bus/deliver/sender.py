"""The bus's own HTTP/1.1 client: a bounded pool of kept connections per origin, one write per call."""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from bus.core.channel import TlsMaterial
from bus.core.errors import DeliveryError
from bus.core.ports import Clock, HttpReply
from bus.core.types import Endpoint, Finding, Package
from bus.deliver.connection import Answer, ClientConnection, Deadlines
from bus.deliver.packages import Spills
from bus.deliver.streaming import StreamingConnection
from bus.journal.segments import missing

if TYPE_CHECKING:
    from bus.deliver.tls import ClientTls, Refusal

TLS_AGAIN_S: Final = 60
"""Seconds before a delivery is tried again that failed for a certificate or a cipher."""

ONE_WRITE: Final = 64 * 1024
"""Bodies up to this size are joined with the head into one write."""


class _Origin:
    """The connections to one host and port, with TLS those with the same certificate and the same trust."""

    __slots__ = ("count", "host", "idle", "port", "tls", "waiters")

    def __init__(self, host: str, port: int, tls: ClientTls | None) -> None:
        self.host = host
        self.port = port
        self.tls = tls
        self.idle: list[ClientConnection] = []
        self.count = 0
        self.waiters: deque[asyncio.Future[None]] = deque()


class _Target:
    """An address with the part of the head that never changes."""

    __slots__ = ("head", "origin")

    def __init__(self, origin: _Origin, head: str) -> None:
        self.origin = origin
        self.head = head


class PooledSender:
    """Implements ``bus.core.ports.Sender``.

    A kept connection that turns out to be closed before any byte of an answer came is replaced by a fresh one and
    the request is written again: receivers know a message by its id. Nothing else is repeated here.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        per_origin: int = 256,
        max_reply: int = 16 * 1024 * 1024,
        idle_s: float = 15.0,
        connect_s: float = 5.0,
        spills: Spills | None = None,
    ) -> None:
        """``per_origin`` bounds connections, ``idle_s`` how long an unused one is kept.

        ``spills`` is where answers with attachments go and requests with some come from; without it there are none.
        """
        self._spills = spills
        self._clock = clock
        self._per_origin = per_origin
        self._max_reply = max_reply
        self._idle_s = idle_s
        self._connect_s = connect_s
        self._contexts: dict[str, ClientTls] = {}
        self._origins: dict[tuple[str, int, str], _Origin] = {}
        self._targets: dict[str, _Target] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._deadlines: Deadlines | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once and give the answer, whatever its status.

        Errors: CB5001, CB5002, CB5003, CB1017; with TLS also CB2046 to CB2049.
        """
        target = self._targets.get(endpoint.dial) or self._target(endpoint)
        origin = target.origin
        parts = _request(target.head, headers, body)
        sent_at = self._clock.now()
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        deadline = now + deadline_s
        connection = self._idle(origin, now) if origin.idle else None
        while True:
            if connection is None:
                connection = await self._open(origin, endpoint, deadline)
            try:
                answer = await connection.request(parts, deadline)
            except asyncio.CancelledError:
                # An answer that still comes must not be taken for that of the next request.
                connection.abort()
                raise
            if answer is not None:
                if connection.requests == 1 and origin.tls is not None:
                    origin.tls.remember(connection)
                if answer.spill is not None:
                    return await self._spilled(answer, sent_at)
                return self._reply(answer, sent_at)
            if connection.requests == 1:
                raise self._unanswered(origin, connection, endpoint)
            # A kept connection that had gone stale: the others from before have, too.
            while origin.idle:
                origin.idle.pop().abort()
            connection = None

    def _reply(self, answer: Answer, sent_at: float) -> HttpReply:
        now = self._clock.now()
        again = float(answer.retry_after_s)
        return HttpReply(answer.status, answer.content_type, answer.body, sent_at, now, retry_after_s=again)

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """The same with the bytes of a segment, on a connection of its own."""
        spills = self._spills
        if spills is None:
            raise missing("no folder")
        target = self._targets.get(endpoint.dial) or self._target(endpoint)
        head = head_bytes(target.head, headers, package.size)
        reading = await spills.open(package)
        try:
            sent_at, deadline = self._clock.now(), asyncio.get_running_loop().time() + deadline_s
            connection = await self._connect(target.origin, endpoint, deadline, StreamingConnection)
            assert isinstance(connection, StreamingConnection)
            answer = await connection.stream(head, reading, spills, package.size, deadline_s)
            connection.abort()
        finally:
            reading.close()
        if answer is None:
            raise self._unanswered(target.origin, connection, endpoint)
        if answer.spill is not None:
            return await self._spilled(answer, sent_at)
        return self._reply(answer, sent_at)

    async def _spilled(self, answer: Answer, sent_at: float) -> HttpReply:
        """An answer with attachments, when all of it is durable. Errors: CB1017, CB4001."""
        assert answer.spill is not None
        assert self._spills is not None
        package, root = await self._spills.finish(answer.spill)
        return HttpReply(answer.status, answer.content_type, root, sent_at, self._clock.now(), package)

    @staticmethod
    def _unanswered(origin: _Origin, connection: ClientConnection, endpoint: Endpoint) -> DeliveryError:
        """A fresh connection that ended before an answer: with TLS 1.3 this is how a certificate of ours is refused."""
        if origin.tls is not None and connection.lost is not None:
            refused = origin.tls.refusal(connection.lost)
            if refused is not None:
                return _tls_error(refused, endpoint)
        return _error("CB5003", endpoint, "closed without an answer")

    async def close(self) -> None:
        """Close all kept connections; a call under way ends with its own connection."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        if self._deadlines is not None:
            self._deadlines.rest()
        for origin in self._origins.values():
            while origin.idle:
                origin.idle.pop().abort()
        # The transports report their end in the next turn of the loop.
        await asyncio.sleep(0)

    # -- inside -----------------------------------------------------------------------------------------------

    def _target(self, endpoint: Endpoint) -> _Target:
        url = urlsplit(endpoint.address)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise _error("CB5001", endpoint, "not an http address")
        port = url.port or (443 if url.scheme == "https" else 80)
        tls = self._client_tls(endpoint) if url.scheme == "https" else None
        key = (url.hostname, port, endpoint.dial.partition("#")[2] if tls is not None else "")
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin(url.hostname, port, tls)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.netloc.rpartition("@")[2]
        target = self._targets[endpoint.dial] = _Target(origin, f"POST {path} HTTP/1.1\r\nHost: {host}\r\n")
        return target

    def _client_tls(self, endpoint: Endpoint) -> ClientTls:
        """Shared by all endpoints that are called in the same way; made when first needed."""
        from bus.deliver.tls import ClientTls  # noqa: PLC0415 - only sites with TLS pay for the import

        key = endpoint.dial.partition("#")[2]
        found = self._contexts.get(key)
        if found is None:
            said = endpoint.tls
            found = ClientTls(said.material if said else TlsMaterial(), said.server_name if said else "")
            self._contexts[key] = found
        return found

    def forget(self, kept: Iterable[Endpoint]) -> None:
        """After a reload: let go what no endpoint uses any more; its calls under way end with their connections."""
        dials = {endpoint.dial for endpoint in kept}
        self._targets = {dial: target for dial, target in self._targets.items() if dial in dials}
        used = {id(target.origin) for target in self._targets.values()}
        for key, origin in list(self._origins.items()):
            if id(origin) not in used:
                while origin.idle:
                    origin.idle.pop().abort()
                if not origin.count:
                    del self._origins[key]
        hows = {dial.partition("#")[2] for dial in dials}
        self._contexts = {how: tls for how, tls in self._contexts.items() if how in hows}

    def _idle(self, origin: _Origin, now: float) -> ClientConnection | None:
        oldest = now - self._idle_s
        while origin.idle:
            connection = origin.idle.pop()
            if connection.closed:
                continue
            if connection.idle_since >= oldest:
                return connection
            connection.abort()
        return None

    async def _open(self, origin: _Origin, endpoint: Endpoint, deadline: float) -> ClientConnection:
        """A connection to use: a new one, or one that became free while there was no room for another."""
        loop = asyncio.get_running_loop()
        while origin.count >= self._per_origin:
            waiter: asyncio.Future[None] = loop.create_future()
            origin.waiters.append(waiter)
            try:
                async with asyncio.timeout_at(deadline):
                    await waiter
            except TimeoutError:
                raise _error("CB5002", endpoint, "no free connection") from None
            freed = self._idle(origin, loop.time())
            if freed is not None:
                return freed
        return await self._connect(origin, endpoint, deadline, ClientConnection)

    async def _connect(
        self, origin: _Origin, endpoint: Endpoint, deadline: float, kind: type[ClientConnection]
    ) -> ClientConnection:
        """A new connection, whether there is room for it or not."""
        loop = asyncio.get_running_loop()
        origin.count += 1
        deadlines = self._deadlines
        if deadlines is None:
            deadlines = self._deadlines = Deadlines(loop)
        try:
            async with asyncio.timeout_at(min(deadline, loop.time() + self._connect_s)):
                tls = origin.tls
                _, connection = await loop.create_connection(
                    lambda: kind(loop, self._max_reply, lambda each: self._free(origin, each), deadlines, self._spills),
                    origin.host,
                    origin.port,
                    ssl=tls.context if tls is not None else None,
                    server_hostname=tls.name_for(origin.host) if tls is not None else None,
                )
        except (OSError, TimeoutError) as error:
            self._leave(origin)
            if origin.tls is not None:
                refused = origin.tls.refusal(error)
                if refused is not None:
                    raise _tls_error(refused, endpoint) from error
            raise _error(
                "CB5001", endpoint, type(error).__name__ if isinstance(error, TimeoutError) else _errno(error)
            ) from error
        except asyncio.CancelledError:
            self._leave(origin)
            raise
        connection.opened = True
        if origin.tls is not None:
            problem = origin.tls.admit(connection, self._clock.now())
            if problem is not None:
                connection.abort()
                raise _tls_error(problem, endpoint)
            try:
                await connection.listened()
            except asyncio.CancelledError:
                connection.abort()
                raise
            if connection.closed:
                raise self._unanswered(origin, connection, endpoint)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_s, self._close_idle)
        return connection

    def _free(self, origin: _Origin, connection: ClientConnection) -> None:
        if connection.closed:
            if connection in origin.idle:
                origin.idle.remove(connection)
            if connection.opened:
                self._leave(origin)
            return
        connection.idle_since = connection.loop.time()
        origin.idle.append(connection)
        _wake_one(origin)

    @staticmethod
    def _leave(origin: _Origin) -> None:
        origin.count -= 1
        _wake_one(origin)

    def _close_idle(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_s
        for origin in self._origins.values():
            for connection in origin.idle:
                if connection.idle_since < oldest:
                    connection.abort()
            origin.idle = [connection for connection in origin.idle if not connection.closed]
        any_left = any(origin.count for origin in self._origins.values())
        self._sweep = loop.call_later(self._idle_s, self._close_idle) if any_left else None


def _wake_one(origin: _Origin) -> None:
    while origin.waiters:
        waiter = origin.waiters.popleft()
        if not waiter.done():
            waiter.set_result(None)
            return


def _request(head: str, headers: Sequence[tuple[str, str]], body: bytes) -> list[bytes]:
    """The request as one piece, or as head and body where the body is large."""
    whole = head_bytes(head, headers, len(body))
    return [whole + body] if len(body) <= ONE_WRITE else [whole, body]


def head_bytes(head: str, headers: Sequence[tuple[str, str]], length: int) -> bytes:
    """The head of a request with a body of this length.

    A header value comes from somebody's message: a line break in it must not become another header.
    """
    lines = "\r\n".join([*map(": ".join, headers), ""])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers):
        lines = "".join([f"{name}: {' '.join(value.split())}\r\n" for name, value in headers])
    return f"{head}{lines}Content-Length: {length}\r\n\r\n".encode()


def _error(code: str, endpoint: Endpoint, why: str) -> DeliveryError:
    return DeliveryError(code, [Finding(code, path=endpoint.key, got=why)])


def _tls_error(refused: Refusal, endpoint: Endpoint) -> DeliveryError:
    """Only somebody who changes a certificate mends this: it is tried again seldom."""
    finding = Finding(refused.code, path=endpoint.key, got=refused.reason)
    return DeliveryError(refused.code, [finding], retry_after_s=TLS_AGAIN_S)


def _errno(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)
