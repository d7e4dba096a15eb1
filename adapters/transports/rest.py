"""REST/JSON: the client that asks a vendor system, and the pieces to serve a face of one's own."""

from __future__ import annotations

import asyncio
import hmac
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from bus.core.errors import AdapterError
from bus.core.types import Finding

MAX_REPLY = 16 * 1024 * 1024
MAX_WAIT_S = 3600
_PLACE = re.compile(r"\{([^{}]+)\}")


def bearer(token: str) -> str:
    """The value of an Authorization header with a bearer token."""
    return f"Bearer {token}"


def authorised(header: str, expected: str) -> bool:
    """Whether an Authorization header is the expected one, compared in constant time; the scheme in any case."""
    scheme, _, rest = header.partition(" ")
    given = f"{scheme.title()} {rest.strip()}"
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode("utf-8"))


def fill(template: str, values: Mapping[str, str]) -> str:
    """A path with its ``{item}`` places filled, percent-encoded; AdapterError CB6010 when a value is missing."""

    def put(match: re.Match[str]) -> str:
        value = values.get(match[1], "")
        if not value:
            raise AdapterError("CB6010", [Finding("CB6010", path=match[1], expected="a value for the address")])
        return quote(value, safe="")

    return _PLACE.sub(put, template)


class Authoriser(Protocol):
    """Gives a header that may have to be renewed (``adapters.transports.oauth``)."""

    async def header(self) -> str:
        """The Authorization header to send now."""
        ...

    def refused(self, header: str) -> bool:
        """The header was answered with 401; whether another one may do."""
        ...


def retry_after(headers: Mapping[str, str], now: float) -> int:
    """Seconds of a Retry-After header (a number or an HTTP date), at most an hour; 0 without one."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(int(text[:9]), MAX_WAIT_S)
    try:
        return max(0, min(int(parsedate_to_datetime(text).timestamp() - now), MAX_WAIT_S)) if text else 0
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class RestReply:
    """Status, body and headers (names in lower case) of an answer."""

    status: int
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def value(self) -> Any:
        """The body as JSON, ``None`` when it is empty; AdapterError CB6010 when it is not JSON."""
        try:
            return msgspec.json.decode(self.body) if self.body else None
        except msgspec.DecodeError as error:
            raise AdapterError("CB6010", [Finding("CB6010", expected="JSON")]) from error


@dataclass(slots=True)
class RestClient:
    """Asks a vendor's REST face over kept connections, each call with a deadline.

    Errors: ``AdapterError`` CB6009 unreachable, cut off or answering 5xx, CB6010 answer too large, CB6011 no answer in
    time, CB6064 the vendor asks to wait (429; ``retry_after_s`` says how long). Every other status is the caller's to
    judge. With an ``authoriser`` a 401 is tried once more with a new header.
    """

    base_url: str
    authorization: str = field(default="", repr=False)
    deadline_s: float = 10.0
    connections: int = 16
    max_reply: int = MAX_REPLY
    authoriser: Authoriser | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Authorization": self.authorization} if self.authorization else {}
            connector = aiohttp.TCPConnector(limit=self.connections, keepalive_timeout=30)
            # no redirects, proxies or cookies: a vendor system is where the settings say
            self._session = aiohttp.ClientSession(
                connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
            )
        return self._session

    async def request(
        self, method: str, path: str, value: Any = None, headers: Mapping[str, str] | None = None
    ) -> RestReply:
        """Send ``value`` as JSON (bytes as they are, nothing when ``None``) and return the answer."""
        data = value if value is None or isinstance(value, bytes) else msgspec.json.encode(value)
        sent = {} if data is None else {"Content-Type": "application/json; charset=utf-8"}
        async with self.stream(method, path, data, sent | dict(headers or {}), self.deadline_s) as answer:
            return RestReply(answer.status, await self.body(answer), _lower(answer.headers))

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        data: Any,
        headers: Mapping[str, str],
        deadline_s: float | None,
        *,
        faults: bool = False,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer whose body the caller reads. ``deadline_s`` covers all of it; ``None``: only its stalls count.

        ``faults``: the body of a 500 says what is wrong and is the caller's to judge.
        """
        stalls = aiohttp.ClientTimeout(total=None, sock_connect=self.deadline_s, sock_read=self.deadline_s)
        try:
            async with asyncio.timeout(deadline_s):
                for attempt in (1, 2):
                    own = await self.authoriser.header() if self.authoriser is not None else ""
                    async with self._open().request(
                        method,
                        self.base_url.rstrip("/") + path,
                        data=data() if callable(data) else data,
                        headers=dict(headers) | ({"Authorization": own} if own else {}),
                        allow_redirects=False,
                        timeout=stalls,
                        ssl=True if self.tls is None else self.tls,
                    ) as answer:
                        if answer.status == 401 and attempt == 1 and own and self._renewed(own):
                            continue
                        self._judge(answer, faults=faults)
                        yield answer
                        return
        except TimeoutError as error:
            raise self._finding("CB6011", f"> {self.deadline_s:g} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise self._finding("CB6009", type(error).__name__) from error

    def _renewed(self, header: str) -> bool:
        return self.authoriser is not None and self.authoriser.refused(header)

    def _judge(self, answer: aiohttp.ClientResponse, *, faults: bool) -> None:
        wait_s = retry_after(answer.headers, time.time())
        if answer.status == 429:
            raise self._finding("CB6064", f"HTTP {answer.status}", max(wait_s, 1))
        if answer.status > 500 or (answer.status == 500 and not faults):
            raise self._finding("CB6009", f"HTTP {answer.status}", wait_s)

    async def body(self, answer: aiohttp.ClientResponse) -> bytes:
        """All of an answer's body; CB6010 when it is too large."""
        body = bytearray()
        async for chunk in answer.content.iter_chunked(65536):
            body += chunk
            if len(body) > self.max_reply:
                raise self._finding("CB6010", f"> {self.max_reply} bytes")
        return bytes(body)

    def _finding(self, code: str, got: str, wait_s: int = 0) -> AdapterError:
        return AdapterError(code, [Finding(code, path=self.base_url, got=got)], retry_after_s=wait_s)

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _lower(headers: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({name.lower(): value for name, value in headers.items()})


def guard(expected: str, *, realm: str, open_paths: frozenset[str] = frozenset()) -> Middleware:
    """A middleware that answers 401 unless the Authorization header is ``expected``."""

    @web.middleware
    async def check(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if request.path not in open_paths and not authorised(request.headers.get("Authorization", ""), expected):
            return json_reply({"code": "CB2001"}, status=401, headers={"WWW-Authenticate": f'Basic realm="{realm}"'})
        return await handler(request)

    return check


async def json_object(request: web.Request) -> dict[str, Any]:
    """The request's JSON object; AdapterError CB6010 for anything else."""
    try:
        value = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise AdapterError("CB6010", [Finding("CB6010", path=request.path, expected="JSON")]) from error
    if not isinstance(value, dict):
        raise AdapterError("CB6010", [Finding("CB6010", path=request.path, expected="a JSON object")])
    return value


def json_reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer in UTF-8."""
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers=headers,
    )


@dataclass(slots=True)
class HttpSite:
    """Serves an aiohttp application; port 0 lets the system choose, ``port`` is the real one after ``start``."""

    app: web.Application
    host: str = "127.0.0.1"
    port: int = 0
    drain_s: float = 10.0
    tls: ssl.SSLContext | None = None
    _runner: web.AppRunner | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """``http://host:port``, with TLS ``https``."""
        return f"{'http' if self.tls is None else 'https'}://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen. Raises ``OSError`` when the address is taken."""
        runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=self.drain_s)
        await runner.setup()
        try:
            listener = socket.create_server((self.host, self.port), backlog=512)
        except OSError:
            await runner.cleanup()
            raise
        self.port = listener.getsockname()[1]
        self._runner = runner
        await web.SockSite(runner, listener, backlog=512, ssl_context=self.tls).start()

    async def stop(self) -> None:
        """Stop listening, let requests in progress finish, close."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
