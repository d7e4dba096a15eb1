"""Messages with attachments on the wire: sent from a segment as the target takes them, answers put into one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.clock import SystemClock
from bus.core.errors import ChiikibusError
from bus.core.ids import SystemIds
from bus.core.settings import AttachmentSettings
from bus.core.types import Package
from bus.deliver.packages import Spills
from bus.deliver.sender import PooledSender
from bus.journal.segments import Segments
from bus.journal.spill import Spill
from tests.attachments.messages import ENVELOPE, SWA, part, swa
from tests.deliver.test_sender import HEADERS, PLAIN, Peer, always, peer
from tests.support.polling import until_async

BODY = swa(ENVELOPE, part("a@x", bytes(range(256)) * 12_000))
"""Three megabytes: more than the buffers of a socket take."""

HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {SWA}\r\n"
ANSWER = swa(ENVELOPE, part("b@x", bytes(range(256)) * 800))
WHOLE = f"{HEAD}Content-Length: {len(ANSWER)}\r\n\r\n".encode() + ANSWER


class Quick(Spills):
    """Gives up sooner than the real one."""

    stall_s = 0.3


@pytest.fixture
async def segments(tmp_path: Path) -> AsyncIterator[Segments]:
    """A folder of segments."""
    made = Segments(AttachmentSettings(folder=tmp_path / "attachments", min_free=0), SystemIds().exchange)
    yield made
    made.close()


@pytest.fixture
async def sender(segments: Segments) -> AsyncIterator[PooledSender]:
    """A sender with a place for attachments."""
    made = PooledSender(SystemClock(), connect_s=2.0, max_reply=100_000, spills=Quick(segments, 10_000))
    yield made
    await made.close()


async def stored(segments: Segments, body: bytes = BODY) -> Package:
    """A segment of the body."""

    def nothing() -> None:
        return

    spill = Spill(segments, SWA, max_root=10_000, expected=0, pause=nothing, resume=nothing, failed=nothing)
    spill.feed(body)
    package, _ = await spill.finish()
    return package


def files(segments: Segments) -> set[str]:
    """What is in the folder."""
    return {each.name for each in segments.settings.folder.iterdir()}


async def code_of(posting: Awaitable[object]) -> str:
    """The code of the error that a post ends with."""
    with pytest.raises(ChiikibusError) as caught:
        await posting
    return caught.value.code


async def test_the_bytes_of_a_segment_are_the_body_of_the_request(segments: Segments, sender: PooledSender) -> None:
    """Complete, under the headers as given, on a connection of its own."""
    package = await stored(segments)
    async with peer(always(PLAIN)) as server:
        reply = await sender.post_package(server.endpoint(), package, HEADERS, 5)
        assert (reply.status, reply.body, reply.package) == (200, b"<ok/>", None)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        assert body == BODY
        assert f"Content-Length: {len(BODY)}".encode() in head
        await until_async(lambda: server.open == 0, what="the connection is closed")


async def test_an_answer_with_attachments_becomes_a_segment(segments: Segments, sender: PooledSender) -> None:
    """To a plain request, too; its connection goes on."""
    async with peer(always(WHOLE)) as server:
        for _ in range(2):
            reply = await sender.post(server.endpoint(), b"x", HEADERS, 5)
            assert (reply.status, reply.content_type, reply.body) == (200, SWA, ENVELOPE)
            assert reply.package is not None
            assert segments.path(reply.package.name).read_bytes() == ANSWER
            assert reply.xml_type == "text/xml; charset=utf-8"
        assert server.connections == 1


async def test_an_answer_in_chunks_or_until_the_end_is_an_answer(segments: Segments, sender: PooledSender) -> None:
    """HTTP says where a body ends in three ways."""
    chunked = f"{HEAD}Transfer-Encoding: chunked\r\n\r\n{len(ANSWER):x}\r\n".encode() + ANSWER + b"\r\n0\r\n\r\n"
    until_end = f"{HEAD}\r\n".encode() + ANSWER
    for whole, keep in ((chunked, True), (until_end, False)):
        async with peer(always(whole, keep=keep)) as server:
            reply = await sender.post(server.endpoint(), b"x", HEADERS, 5)
            assert reply.package is not None
            assert segments.path(reply.package.name).read_bytes() == ANSWER


@pytest.mark.parametrize(
    ("whole", "code"),
    [
        (WHOLE.replace(b"<b@x>", b"<../>"), "CB1017"),
        (WHOLE.replace(b"boundary=b;", b"boundary=c;"), "CB1017"),
        (WHOLE.replace(b"multipart/related", b"multipart/mixedxx"), "CB1017"),
        (WHOLE[:-3000], "CB5003"),
    ],
)
async def test_a_wrong_answer_is_the_providers_error_and_leaves_nothing(
    segments: Segments, sender: PooledSender, whole: bytes, code: str
) -> None:
    """Malformed, of another type, or cut off."""
    segments.settings.folder.mkdir()
    async with peer(always(whole, keep=False)) as server:
        assert await code_of(sender.post(server.endpoint(), b"x", HEADERS, 5)) == code
    await until_async(lambda: files(segments) == set())


async def test_a_disk_that_takes_no_answer_is_not_the_providers_error(tmp_path: Path) -> None:
    """CB4001 is retried; the provider knows the request by its id."""
    settings = AttachmentSettings(folder=tmp_path / "attachments", min_free=2**60)
    segments = Segments(settings, SystemIds().exchange)
    sender = PooledSender(SystemClock(), spills=Spills(segments, 10_000))
    async with peer(always(WHOLE)) as server:
        assert await code_of(sender.post(server.endpoint(), b"x", HEADERS, 5)) == "CB4001"
    await sender.close()
    segments.close()


async def test_an_answer_larger_than_allowed_is_refused_by_its_length(tmp_path: Path) -> None:
    """Nothing of it is read to disk."""
    settings = AttachmentSettings(folder=tmp_path / "attachments", max_size=1000, min_free=0)
    segments = Segments(settings, SystemIds().exchange)
    sender = PooledSender(SystemClock(), spills=Spills(segments, 10_000))
    async with peer(always(WHOLE)) as server:
        assert await code_of(sender.post(server.endpoint(), b"x", HEADERS, 5)) == "CB1017"
    assert not settings.folder.exists()
    await sender.close()
    segments.close()


async def raw_server(behave: object) -> tuple[asyncio.Server, Peer]:
    """A server that sees the stream itself."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await behave(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
    return server, Peer(always(PLAIN), port=server.sockets[0].getsockname()[1])


async def test_a_target_that_answers_early_gets_no_more(segments: Segments, sender: PooledSender) -> None:
    """A refusal by the head: the rest is not sent, the answer counts."""
    package = await stored(segments)
    over = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await over.wait()

    server, target = await raw_server(behave)
    async with asyncio.timeout(5):
        reply = await sender.post_package(target.endpoint(), package, HEADERS, 5)
    assert reply.status == 413
    over.set()
    server.close()


@pytest.mark.parametrize("after", [0, 100_000])
async def test_a_target_that_hangs_up_in_the_middle_is_tried_again(
    segments: Segments, sender: PooledSender, after: int
) -> None:
    """CB5003, which is retried with the same bytes."""
    package = await stored(segments)

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(after)
        writer.transport.abort()

    server, target = await raw_server(behave)
    assert await code_of(sender.post_package(target.endpoint(), package, HEADERS, 5)) == "CB5003"
    server.close()


async def test_a_target_that_stops_reading_is_given_up(segments: Segments, sender: PooledSender) -> None:
    """CB5002 when nothing moves for as long as a transfer may stand still."""
    package = await stored(segments)
    over = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1000)
        await over.wait()

    server, target = await raw_server(behave)
    async with asyncio.timeout(10):
        assert await code_of(sender.post_package(target.endpoint(), package, HEADERS, 0.2)) == "CB5002"
    over.set()
    server.close()


async def test_a_target_that_answers_nothing_is_given_up_after_its_time(
    segments: Segments, sender: PooledSender
) -> None:
    """The time for the answer begins when the last byte is out."""
    package = await stored(segments, swa(ENVELOPE, part("a@x", b"small")))
    over = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    server, target = await raw_server(behave)
    async with asyncio.timeout(10):
        assert await code_of(sender.post_package(target.endpoint(), package, HEADERS, 0.1)) == "CB5002"
    over.set()
    server.close()


@pytest.mark.parametrize("change", ["missing", "shorter", "other"])
async def test_a_segment_that_is_not_what_was_stored_never_arrives_whole(
    segments: Segments, sender: PooledSender, change: str
) -> None:
    """CB1058; the target may have the beginning, never the end."""
    package = await stored(segments)
    path = segments.path(package.name)
    if change == "missing":
        path.unlink()
    elif change == "shorter":
        path.write_bytes(BODY[:-1])
    else:
        package = replace(package, sha256="0" * 64)
    async with peer(always(PLAIN)) as server:
        assert await code_of(sender.post_package(server.endpoint(), package, HEADERS, 5)) == "CB1058"
        await until_async(lambda: server.open == 0)
        assert server.requests == []


async def test_nobody_to_send_to_is_told_as_without_attachments(segments: Segments, sender: PooledSender) -> None:
    """CB5001."""
    package = await stored(segments)
    async with peer(always(PLAIN)) as server:
        gone = server.endpoint()
    assert await code_of(sender.post_package(gone, package, HEADERS, 5)) == "CB5001"
