"""The way to the bus: one POST per message with the endpoint's credential, and what the bus answered as a value."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp

from adapters.host.guard import BusGuard
from bus.core.basic import basic_header
from bus.core.errors import ChiikibusError, error_entry
from bus.core.types import Finding
from bus.wire import envelope, fault, glyphs, safe_xml
from bus.wire.attachments.writer import MultipartMessage
from bus.wire.envelope import Envelope

CONTENT_TYPE = "text/xml; charset=utf-8"
WAIT_FOR = frozenset({"CB1015", "CB2001", "CB5008"})
"""Refusals that say nothing about the message: the bus does not know this endpoint or its credential (yet)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a message. ``code`` is empty when the bus took or answered it.

    ``retryable`` says that the same message may succeed later; ``retry_after_s`` is the bus's own wish.
    """

    code: str = ""
    retryable: bool = False
    retry_after_s: float = 0.0
    findings: tuple[Finding, ...] = ()
    record_id: str = ""
    envelope: Envelope | None = field(repr=False, default=None)

    @property
    def taken(self) -> bool:
        """Whether the bus took the message."""
        return not self.code


@dataclass(slots=True)
class BusClient:
    """Posts to ``<base_url>/<municipality>/<endpoint>/<unit>`` over kept connections; failures are answers too."""

    base_url: str
    municipality: str
    endpoint: str
    secret: str = field(repr=False)
    connections: int = 64
    max_reply: int = 32 * 1024 * 1024
    guard: BusGuard | None = None
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    def address(self, unit: str) -> str:
        """Where messages for ``unit`` go; also their wsa:To."""
        return f"{self.base_url}/{self.municipality}/{self.endpoint}/{unit}"

    async def post(
        self, unit: str, action: str, body: bytes, deadline_s: float = 60.0, *, message_id: str = ""
    ) -> Answer:
        """Send once and wait for the answer, at most ``deadline_s`` seconds.

        An answer that says it relates to another message than ``message_id`` is none (CB1017): ask again.
        """
        headers = {"Content-Type": CONTENT_TYPE, "SOAPAction": f'"{action}"'}
        if self.guard is not None:
            try:
                body = self.guard.signed(body)
            except ChiikibusError as error:
                return Answer(error.code, retryable=True, findings=error.findings)
        return await self._post(unit, body, headers, deadline_s, message_id)

    async def post_files(
        self, unit: str, action: str, message: MultipartMessage, deadline_s: float = 600.0, *, message_id: str = ""
    ) -> Answer:
        """The same with attachments, read from their files as the bus takes them.

        A file that cannot be read, or changes while it is sent, breaks the request off (CB5001).
        """
        headers = {
            "Content-Type": message.content_type,
            "Content-Length": str(message.size),
            "SOAPAction": f'"{action}"',
        }
        return await self._post(unit, _pieces(message), headers, deadline_s, message_id)

    async def _post(
        self,
        unit: str,
        body: bytes | AsyncIterator[bytes],
        headers: dict[str, str],
        deadline_s: float,
        message_id: str,
    ) -> Answer:
        """One POST, its answer in memory."""
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._open().post(self.address(unit), data=body, headers=headers, allow_redirects=False) as response,
            ):
                raw = await response.content.read(self.max_reply + 1)
                while not response.content.at_eof() and len(raw) <= self.max_reply:
                    raw += await response.content.read(self.max_reply + 1 - len(raw))
                raw = raw[: self.max_reply + 1]
                if (
                    self.guard is not None
                    and self.guard.verifies
                    and not _by_the_bus(self.guard, response, raw, message_id)
                ):
                    return Answer("CB2032", retryable=True)
                return _judge(response.status, response.headers, raw, message_id)
        except TimeoutError:
            return Answer("CB5002", retryable=True)
        except (aiohttp.ClientError, OSError) as error:
            return Answer("CB5001", retryable=True, findings=(Finding("CB5001", got=type(error).__name__),))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections, keepalive_timeout=30, ssl=self.tls or True),
                headers={"Authorization": basic_header(self.endpoint, self.secret)},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the kept connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def _pieces(message: MultipartMessage) -> AsyncIterator[bytes]:
    """The message piece by piece, its files read beside the event loop."""
    pieces = iter(message)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


def _by_the_bus(guard: BusGuard, response: aiohttp.ClientResponse, raw: bytes, message_id: str) -> bool:
    """Whether the bus signed the answer. What has no place for a signature is asked for again, whatever it says."""
    if response.status == 202 and not raw:
        return True
    try:
        root = safe_xml.parse(raw, response.headers.get("Content-Type", ""))
        read = envelope.read(root)
        guard.check(root, read, message_id)
    except ChiikibusError:
        return False
    return True


def _judge(status: int, headers: Mapping[str, str], raw: bytes, message_id: str) -> Answer:
    wait_s = float(headers.get("Retry-After", "0")) if headers.get("Retry-After", "").isdigit() else 0.0
    if status == 202 and not raw:
        return Answer()
    media = headers.get("Content-Type", "")
    if not media.lower().startswith("text/xml"):
        return _plain(status, raw, wait_s)
    try:
        root = safe_xml.parse(raw, media)
        read = envelope.read(root)
        glyphs.admitted(root, read.body)
    except ChiikibusError as error:
        return Answer("CB1017", retryable=status >= 500, retry_after_s=wait_s, findings=error.findings)
    relates_to = read.addressing.relates_to
    if message_id and relates_to and relates_to != message_id:
        finding = Finding("CB1017", path="wsa:RelatesTo", expected=message_id, got=relates_to)
        return Answer("CB1017", True, wait_s, (finding,))
    if read.is_fault:
        remote = fault.read_fault(read.body)
        code = remote.code or "CB5004"
        retryable = status == 503 or _retryable(code)
        return Answer(code, retryable, wait_s, tuple(remote.findings), remote.record_id, read)
    return Answer(envelope=read) if status < 300 else Answer("CB5004", status >= 500, wait_s)


def _plain(status: int, raw: bytes, wait_s: float) -> Answer:
    """An HTTP-level refusal: its text begins with the code. What has none was not said by the bus (a proxy, say)."""
    words = raw[:200].decode("utf-8", "replace").split()
    known = bool(words) and words[0].startswith(("CB", "E0"))
    code = words[0] if known else "CB5004"
    retryable = not known or code in WAIT_FOR or status in {401, 404, 429} or status >= 500
    return Answer(code, retryable, wait_s, (Finding(code, got=f"HTTP {status}"),))


def _retryable(code: str) -> bool:
    try:
        return error_entry(code).retryable
    except KeyError:
        return False
