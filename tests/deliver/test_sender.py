"""The pooled HTTP client against a server that behaves as told, byte by byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bus.core.clock import SystemClock
from bus.core.errors import DeliveryError
from bus.core.types import Endpoint
from bus.deliver.sender import PooledSender
from tests.support.polling import until_async

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 5\r\n\r\n<ok/>"
HEADERS = [("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '"urn:x"')]

Behave = Callable[["Peer", asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[bool]]


@dataclass
class Peer:
    """A server; ``behave`` answers one request and says whether the connection goes on."""

    behave: Behave
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most_open: int = 0
    port: int = 0

    def endpoint(self, path: str = "/soap/990019/tax?a=b", *, scheme: str = "http") -> Endpoint:
        """An endpoint with this server's address."""
        return Endpoint("tax", "990019", "kojinjuminzei", address=f"{scheme}://127.0.0.1:{self.port}{path}")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                request = head + await reader.readexactly(length)
                self.requests.append(request)
                if not await self.behave(self, reader, writer, request):
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            writer.close()


async def answer(writer: asyncio.StreamWriter, *parts: bytes) -> None:
    """Write the parts one by one."""
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0)


def always(*parts: bytes, keep: bool = True) -> Behave:
    """The same answer to every request."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        await answer(writer, *parts)
        return keep

    return behave


@asynccontextmanager
async def peer(behave: Behave, tls: ssl.SSLContext | None = None) -> AsyncIterator[Peer]:
    """A running server."""
    peer = Peer(behave)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0, ssl=tls)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()


@pytest.fixture
async def sender() -> AsyncIterator[PooledSender]:
    """A sender that is closed afterwards."""
    sender = PooledSender(SystemClock(), connect_s=2.0, max_reply=100_000)
    yield sender
    await sender.close()


async def code_of(posting: Awaitable[object]) -> str:
    """The code of the error that a post ends with."""
    with pytest.raises(DeliveryError) as caught:
        await posting
    return caught.value.code


async def test_a_post_carries_path_headers_and_exact_bytes(sender: PooledSender) -> None:
    """What is sent is a complete HTTP/1.1 request with the body as given; what comes back is given as it is."""
    async with peer(always(PLAIN)) as server:
        reply = await sender.post(server.endpoint(), b"<a>\x00\xff</a>", HEADERS, 5)
        assert (reply.status, reply.content_type, reply.body) == (200, "text/xml; charset=utf-8", b"<ok/>")
        assert 0 < reply.sent_at <= reply.answered_at
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /soap/990019/tax?a=b HTTP/1.1"
        assert f"Host: 127.0.0.1:{server.port}".encode() in lines
        assert b'SOAPAction: "urn:x"' in lines
        assert body == b"<a>\x00\xff</a>"


async def test_connections_are_kept_and_shared(sender: PooledSender) -> None:
    """One after the other uses one connection; side by side use as many as needed, and then they are reused."""
    async with peer(always(PLAIN)) as server:
        for _ in range(5):
            await sender.post(server.endpoint(), b"x", HEADERS, 5)
        assert server.connections == 1
        await asyncio.gather(*(sender.post(server.endpoint(), b"x", HEADERS, 5) for _ in range(10)))
        await asyncio.gather(*(sender.post(server.endpoint(), b"x", HEADERS, 5) for _ in range(10)))
        assert server.connections == 10


async def test_large_bodies_go_out_whole(sender: PooledSender) -> None:
    """A body above the one-write limit arrives byte for byte."""
    body = bytes(range(256)) * 2000
    async with peer(always(PLAIN)) as server:
        await sender.post(server.endpoint(), body, HEADERS, 5)
        assert server.requests[0].partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n<o", b"k\r\n2\r\n/>\r\n0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<ok/>"],
        [bytes([byte]) for byte in PLAIN],
        [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX: y\r\n\r\n", b"<", b"ok", b"/>"],
    ],
    ids=["chunked", "interim answer", "byte by byte", "in pieces"],
)
async def test_every_legal_framing_is_understood(sender: PooledSender, parts: list[bytes]) -> None:
    """Chunks, lengths and interim answers give the same body, and the connection goes on."""
    async with peer(always(*parts)) as server:
        for _ in range(3):
            reply = await sender.post(server.endpoint(), b"x", HEADERS, 5)
            assert (reply.status, reply.body) == (200, b"<ok/>")
        assert server.connections == 1


@pytest.mark.parametrize(
    "parts",
    [
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n<ok/>"],
        [b"HTTP/1.1 200 OK\r\n\r\n<ok/>"],
        [b"HTTP/1.0 200 OK\r\n\r\n<ok/>"],
    ],
    ids=["said so", "until the end", "HTTP/1.0"],
)
async def test_a_connection_that_the_peer_closes_is_not_reused(sender: PooledSender, parts: list[bytes]) -> None:
    """The answer counts, the next request takes a fresh connection."""
    async with peer(always(*parts, keep=False)) as server:
        for count in (1, 2, 3):
            assert (await sender.post(server.endpoint(), b"x", HEADERS, 5)).body == b"<ok/>"
            assert server.connections == count


@pytest.mark.parametrize("status", [202, 401, 500, 503])
async def test_any_status_is_an_answer(sender: PooledSender, status: int) -> None:
    """Judging is not the sender's business."""
    async with peer(always(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)) as server:
        reply = await sender.post(server.endpoint(), b"x", HEADERS, 5)
        assert (reply.status, reply.body) == (status, b"")


async def test_a_stale_connection_is_replaced_once(sender: PooledSender) -> None:
    """A kept connection that the peer closed meanwhile costs nothing: the request goes out on a fresh one."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        if len(peer.requests) == 2:
            return False
        await answer(writer, PLAIN)
        return True

    async with peer(behave) as server:
        await sender.post(server.endpoint(), b"1", HEADERS, 5)
        reply = await sender.post(server.endpoint(), b"2", HEADERS, 5)
        assert reply.body == b"<ok/>"
        assert server.connections == 2
        assert [request[-1:] for request in server.requests] == [b"1", b"2", b"2"]


async def test_a_fresh_connection_that_is_closed_is_not_tried_again(sender: PooledSender) -> None:
    """Nothing is repeated on a connection made for this request: the delivery decides about that."""
    async with peer(always(keep=False)) as server:
        assert await code_of(sender.post(server.endpoint(), b"x", HEADERS, 5)) == "CB5003"
        assert len(server.requests) == 1


async def test_an_answer_that_breaks_off_is_cut_off(sender: PooledSender) -> None:
    """Once a byte of an answer came, the request is not written again even on a kept connection."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        first = len(peer.requests) == 1
        await answer(writer, PLAIN if first else PLAIN[:-3])
        return first

    async with peer(behave) as server:
        await sender.post(server.endpoint(), b"1", HEADERS, 5)
        assert await code_of(sender.post(server.endpoint(), b"2", HEADERS, 5)) == "CB5003"
        assert len(server.requests) == 2


async def test_the_deadline_ends_the_wait(sender: PooledSender) -> None:
    """CB5002, and the late answer is never taken for that of the next request."""

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        if len(peer.requests) == 1:
            await reader.read()
            return False
        await answer(writer, PLAIN)
        return True

    async with peer(behave) as server:
        assert await code_of(sender.post(server.endpoint(), b"1", HEADERS, 0.05)) == "CB5002"
        assert (await sender.post(server.endpoint(), b"2", HEADERS, 5)).body == b"<ok/>"
        assert server.connections == 2


async def test_a_caller_that_goes_away_closes_its_connection(sender: PooledSender) -> None:
    """The answer to a cancelled call belongs to nobody."""
    arrived = asyncio.Event()

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        if len(peer.requests) == 1:
            arrived.set()
            await reader.read()
            return False
        await answer(writer, PLAIN)
        return True

    async with peer(behave) as server:
        leaving = asyncio.create_task(sender.post(server.endpoint(), b"1", HEADERS, 5))
        await arrived.wait()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await sender.post(server.endpoint(), b"2", HEADERS, 5)).body == b"<ok/>"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "http://name.invalid/", "ftp://127.0.0.1/", "nonsense"])
async def test_what_cannot_be_reached_is_unreachable(sender: PooledSender, address: str) -> None:
    """Refused, unknown or no HTTP address at all: CB5001."""
    endpoint = Endpoint("tax", "990019", "kojinjuminzei", address=address)
    assert await code_of(sender.post(endpoint, b"x", HEADERS, 5)) == "CB5001"


@pytest.mark.parametrize(
    "parts",
    [
        [b"this is not HTTP at all\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"9C40\r\n" + b"x" * 40000 + b"\r\n"] * 1
        + [b"9C40\r\n" + b"x" * 40000 + b"\r\n"] * 2,
        [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000],
        [b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000],
        [b"HTTP/1.1 102 Processing\r\n\r\n" * 15_000],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 300_000],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 300_000],
        [PLAIN.replace(b"Content-Length", b"Content-Type: text/html\r\nContent-Length")],
        [PLAIN.replace(b"Content-Length", b"Content-Encoding: gzip\r\nContent-Length")],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n<ok/>"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n<ok/>"],
        [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"],
    ],
    ids=[
        "no HTTP",
        "announced too large",
        "grows too large",
        "fields without end",
        "a field without end",
        "interim answers without end",
        "a chunk extension without end",
        "a trailer without end",
        "two media types",
        "a content coding",
        "two transfer codings",
        "two framings",
        "two lengths",
        "another protocol",
    ],
)
async def test_an_answer_that_is_no_answer_is_refused(sender: PooledSender, parts: list[bytes]) -> None:
    """CB1017: no repetition mends it, and memory stays bounded."""
    async with peer(always(*parts)) as server:
        assert await code_of(sender.post(server.endpoint(), b"x", HEADERS, 5)) == "CB1017"


async def test_bytes_that_nobody_asked_for_close_the_connection(sender: PooledSender) -> None:
    """A peer that answers twice cannot slip an answer to the next request."""
    async with peer(always(PLAIN + PLAIN.replace(b"<ok/>", b"<no/>"))) as server:
        assert (await sender.post(server.endpoint(), b"1", HEADERS, 5)).body == b"<ok/>"
        assert (await sender.post(server.endpoint(), b"2", HEADERS, 5)).body == b"<ok/>"


async def test_connections_are_bounded_and_waited_for() -> None:
    """More callers than connections wait for a free one; past their deadline they give up with CB5002."""
    gate = asyncio.Event()

    async def behave(peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> bool:
        await gate.wait()
        await answer(writer, PLAIN)
        return True

    sender = PooledSender(SystemClock(), per_origin=2)
    async with peer(behave) as server:
        waiting = [asyncio.create_task(sender.post(server.endpoint(), b"x", HEADERS, 5)) for _ in range(6)]
        assert await code_of(sender.post(server.endpoint(), b"late", HEADERS, 0.05)) == "CB5002"
        gate.set()
        assert {reply.status for reply in await asyncio.gather(*waiting)} == {200}
        assert server.most_open == 2
        await sender.close()


async def test_idle_connections_are_closed() -> None:
    """A connection unused for the idle time is not kept."""
    sender = PooledSender(SystemClock(), idle_s=0.02)
    async with peer(always(PLAIN)) as server:
        await sender.post(server.endpoint(), b"1", HEADERS, 5)
        await until_async(lambda: server.open == 0)
        await sender.post(server.endpoint(), b"2", HEADERS, 5)
        assert server.connections == 2
        await sender.close()


async def test_a_line_break_in_a_value_becomes_no_header(sender: PooledSender) -> None:
    """A message id comes from somebody else: it cannot add headers of its own."""
    async with peer(always(PLAIN)) as server:
        await sender.post(server.endpoint(), b"x", [*HEADERS, ("Chiikibus-Message-Id", "a\r\nX-Evil: 1\nY: 2")], 5)
        head = server.requests[0].partition(b"\r\n\r\n")[0]
        assert b"Chiikibus-Message-Id: a X-Evil: 1 Y: 2" in head.split(b"\r\n")
        assert not any(line.startswith((b"X-Evil", b"Y:")) for line in head.split(b"\r\n"))
