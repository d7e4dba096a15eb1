"""Bodies with attachments at the front: refused by the head, in the middle, or for want of room; slow senders."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.channel import Caller
from bus.core.ids import SystemIds
from bus.core.ports import HttpReply
from bus.core.settings import AttachmentSettings, FrontSettings
from bus.front.server import Server, serve
from bus.journal.segments import Segments
from bus.journal.spill import Spill
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from tests.attachments.messages import SWA, part, swa
from tests.front.client import Line, chunks, connected, get, post
from tests.pipeline.fakes import ENDPOINTS, ROUTES, World, site, world
from tests.pipeline.messages import inquiry, resident_reply
from tests.support.pki import NOW, bound, pki
from tests.support.polling import until_async

MESSAGE = envelope.build(inquiry())
BODY = swa(MESSAGE, part("form@tax", bytes(range(256)) * 40))
MEDIA = {"Content-Type": SWA}


@asynccontextmanager
async def town(
    tmp_path: Path,
    kept: AttachmentSettings | None = None,
    front: FrontSettings | None = None,
    *,
    limited: bool = False,
    caller: Caller | None = None,
) -> AsyncIterator[tuple[World, Server, Segments]]:
    """A front whose routes carry attachments; nothing withholds anything where they go."""
    routes = tuple(replace(route, attachments=not limited, unfiltered="試験") for route in ROUTES)
    rights = tuple(replace(right, withhold=frozenset()) for right in site().rights)
    endpoints = tuple(replace(one, caller=caller) if caller and one.id == "tax" else one for one in ENDPOINTS)
    made = world(site(endpoints=endpoints, routes=routes, rights=rights))
    made.clock.at = NOW
    settings = replace(kept or AttachmentSettings(min_free=0), folder=tmp_path / "attachments")
    segments = Segments(settings, SystemIds().exchange)
    server = await serve(lambda: made.house, front or FrontSettings(port=0), segments=segments)
    try:
        yield made, server, segments
    finally:
        await server.close(0.5)
        segments.close()


def files(segments: Segments) -> list[Path]:
    """What is in the folder."""
    folder = segments.settings.folder
    return list(folder.iterdir()) if folder.is_dir() else []


async def code_from(line: Line) -> str:
    """The code of the next answer."""
    got = await line.response()
    if got.headers["content-type"].startswith("text/plain"):
        return got.body.decode().split()[0]
    return read_fault(envelope.read(safe_xml.parse(got.body)).body).code


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_message_with_attachments_goes_through_the_steps(tmp_path: Path, *, chunked: bool) -> None:
    """Its package reaches the sender; the connection is kept for the next message."""
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        line.send(post(BODY, more=MEDIA, chunked=chunked))
        assert (await line.response()).status == 200
        line.send(post(MESSAGE))
        assert (await line.response()).status == 200
        package = made.sender.sent[0].package
        assert package is not None
        assert segments.path(package.name).read_bytes() == BODY
        assert made.sender.sent[1].package is None
        assert (server.in_flight, segments.budget.in_flight) == (0, 0)


async def test_a_certificate_brings_attachments(tmp_path: Path) -> None:
    """Who is at the other end is known of the whole package, and of one that is refused in its middle."""
    tax = pki().client("tax")
    caller = Caller("certificate", tls=True, certificates=bound(tax))
    front = FrontSettings(port=0, plain=False, tls=pki().front())
    async with (
        town(tmp_path, front=front, caller=caller) as (made, server, _),
        connected(server, pki().caller(tax)) as line,
    ):
        line.send(post(BODY, more=MEDIA, drop=("Authorization",)))
        assert (await line.response()).status == 200
        assert made.sender.sent[0].package is not None
        line.send(post(BODY.replace(b"form@tax", b"../../tax"), more=MEDIA, drop=("Authorization",)))
        assert await code_from(line) == "CB1054"


async def test_a_client_that_expects_it_is_told_to_go_on(tmp_path: Path) -> None:
    """100 Continue after the head was judged."""
    async with town(tmp_path) as (_, server, _), connected(server) as line:
        whole = post(BODY, more=MEDIA | {"Expect": "100-continue"})
        head, end, body = whole.partition(b"\r\n\r\n")
        line.send(head + end)
        assert (await line.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        line.send(body)
        assert (await line.response()).status == 200


@pytest.mark.parametrize(
    ("kept", "media", "code"),
    [
        (AttachmentSettings(max_size=1000, min_free=0), SWA, "CB1057"),
        (AttachmentSettings(max_in_flight=1000, min_free=0), SWA, "CB4002"),
        (AttachmentSettings(min_free=2**60), SWA, "CB4001"),
        (AttachmentSettings(max_parts=1, min_free=0), SWA, "CB1057"),
        (None, "multipart/related; type=text/xml", "CB1052"),
        (None, "multipart/form-data; boundary=b", "CB1052"),
        (None, "application/soap+xml", "CB1002"),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    tmp_path: Path, kept: AttachmentSettings | None, media: str, code: str
) -> None:
    """Size, room in flight, room on disk, number of parts, type."""
    async with town(tmp_path, kept) as (_, server, segments), connected(server) as line:
        line.send(post(BODY, more={"Content-Type": media}))
        assert await code_from(line) == code
        await until_async(lambda: files(segments) == [])
        await until_async(lambda: (server.in_flight, segments.budget.in_flight) == (0, 0))


async def test_a_chunked_body_reserves_its_room_as_it_comes(tmp_path: Path) -> None:
    """A client that does not say how much comes cannot take more than there is."""
    kept = AttachmentSettings(max_in_flight=5000, min_free=0)
    async with town(tmp_path, kept) as (_, server, segments), connected(server) as line:
        line.send(post(BODY, more=MEDIA, chunked=True))
        assert await code_from(line) == "CB4002"
        await until_async(lambda: (files(segments), segments.budget.in_flight, server.in_flight) == ([], 0, 0))


async def test_a_body_that_is_wrong_in_its_middle_is_answered_before_its_end(tmp_path: Path) -> None:
    """The answer says what is wrong, is counted, and is the last of its connection."""
    wrong = swa(MESSAGE, part("../form", b"x" * 1000), part("b@x", b"y" * 1000))
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        line.send(post(wrong, more=MEDIA)[:-900])
        assert await code_from(line) == "CB1054"
        assert await line.ended()
        assert [each.code for each in made.journal.rejected] == ["CB1054"]
        await until_async(lambda: (files(segments), segments.budget.in_flight) == ([], 0))


async def test_a_route_without_attachments_refuses_by_the_head(tmp_path: Path) -> None:
    """The body is not even read to its end when the client waits for 100."""
    async with town(tmp_path, limited=True) as (_, server, segments), connected(server) as line:
        line.send(post(BODY, more=MEDIA | {"Expect": "100-continue"}).partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        assert await code_from(line) == "CB1050"
        assert files(segments) == []


async def test_where_items_are_withheld_attachments_are_refused(tmp_path: Path) -> None:
    """Nobody can look into them and take an item out."""
    routes = tuple(replace(route, attachments=True, unfiltered="試験") for route in ROUTES)
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        made.with_site(site(routes=routes))
        line.send(post(BODY, more=MEDIA))
        assert await code_from(line) == "CB1050"
        await until_async(lambda: files(segments) == [])


async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    """Room and file are given back."""
    async with town(tmp_path) as (_, server, segments):
        async with connected(server) as line:
            line.send(post(BODY, more=MEDIA)[:-5000])
            await until_async(lambda: files(segments) != [])
        await until_async(lambda: (files(segments), segments.budget.in_flight, server.in_flight) == ([], 0, 0))


async def test_a_sender_that_stops_is_given_up(tmp_path: Path) -> None:
    """400 at the deadline, and nothing is left."""
    front = FrontSettings(port=0, body_timeout_s=0.1)
    async with town(tmp_path, front=front) as (_, server, segments), connected(server) as line:
        line.send(post(BODY, more=MEDIA)[:-5000])
        assert await code_from(line) == "CB1014"
        await until_async(lambda: (files(segments), segments.budget.in_flight, server.in_flight) == ([], 0, 0))


@pytest.mark.slow
async def test_a_sender_that_keeps_the_least_rate_is_waited_for(tmp_path: Path) -> None:
    """A transfer takes longer than the time for a body: it is the rate that counts."""
    front = FrontSettings(port=0, body_timeout_s=0.6)
    kept = AttachmentSettings(min_free=0, min_rate=2000)
    async with town(tmp_path, kept, front) as (_, server, _), connected(server) as line:
        whole = post(BODY, more=MEDIA)
        began = asyncio.get_running_loop().time()
        for start in range(0, len(whole), 1000):
            line.send(whole[start : start + 1000])
            await line.writer.drain()
            await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.15)
        assert (await line.response()).status == 200
        assert asyncio.get_running_loop().time() - began > 2 * front.body_timeout_s


@pytest.mark.slow
async def test_a_sender_below_the_least_rate_is_given_up(tmp_path: Path) -> None:
    """Some bytes now and then do not keep a place for ever."""
    front = FrontSettings(port=0, body_timeout_s=0.3)
    kept = AttachmentSettings(min_free=0, min_rate=1_000_000)
    async with town(tmp_path, kept, front) as (_, server, _), connected(server) as line:
        whole = post(BODY, more=MEDIA)
        answered = asyncio.ensure_future(line.response())
        for start in range(0, len(whole) - 2000, 20):
            line.send(whole[start : start + 20])
            done, _ = await asyncio.wait([answered], timeout=0.05)
            if done:
                break
        assert (await answered).status == 400


async def test_chunks_of_a_body_may_be_of_any_size(tmp_path: Path) -> None:
    """One byte in each chunk is still the same message."""
    body = swa(MESSAGE, part("form@tax", b"0123456789"))
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        whole = post(body, more=MEDIA, chunked=True)
        head = whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        line.send(head + chunks(body, 64))
        assert (await line.response()).status == 200
        package = made.sender.sent[0].package
        assert package is not None
        assert segments.path(package.name).read_bytes() == body


async def answered_with(made: World, segments: Segments, body: bytes) -> None:
    """The provider's answer is this multipart body, kept in a segment."""

    def nothing() -> None:
        return

    spill = Spill(segments, SWA, max_root=10_000, expected=0, pause=nothing, resume=nothing, failed=nothing)
    spill.feed(body)
    package, root = await spill.finish()
    made.sender.provider = lambda _: HttpReply(200, SWA, root, 1.0, 1.1, package)


async def test_an_answer_with_attachments_goes_out_and_the_connection_goes_on(tmp_path: Path) -> None:
    """Byte for byte, with its length, before the answer to the next request."""
    body = swa(resident_reply(), part("b@x", bytes(range(256)) * 20_000))
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        await answered_with(made, segments, body)
        line.send(post(MESSAGE) + get("/health/live"))
        got = await line.response()
        assert (got.status, got.headers["content-type"], got.body) == (200, SWA, body)
        assert (await line.response()).status == 200


async def test_a_client_that_reads_nothing_does_not_fill_the_memory(tmp_path: Path) -> None:
    """What it does not take stays on the disk; when its time is over the connection ends."""
    front = FrontSettings(port=0, idle_timeout_s=0.3)
    body = swa(resident_reply(), part("b@x", bytes(1_000_000) * 30))
    async with town(tmp_path, front=front) as (made, server, segments), connected(server) as line:
        await answered_with(made, segments, body)
        line.writer.transport.pause_reading()
        tracemalloc.start()
        line.send(post(MESSAGE))
        await until_async(lambda: server.connections == 0, what="the connection ends")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 5_000_000
        line.writer.transport.resume_reading()


async def test_an_answer_whose_segment_is_gone_is_an_error_of_ours(tmp_path: Path) -> None:
    """CB1058 instead of half an answer."""
    body = swa(resident_reply(), part("b@x", b"x"))
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        await answered_with(made, segments, body)
        for file in files(segments):
            file.unlink()
        line.send(post(MESSAGE))
        assert await code_from(line) == "CB1058"


async def test_an_answer_whose_segment_was_changed_is_cut_off(tmp_path: Path) -> None:
    """The client never gets a complete answer that is not the provider's."""
    body = swa(resident_reply(), part("b@x", bytes(range(256)) * 4000))
    async with town(tmp_path) as (made, server, segments), connected(server) as line:
        await answered_with(made, segments, body)
        (file,) = files(segments)
        file.write_bytes(body[:-100].replace(b"\x01\x02", b"\x02\x01") + body[-100:])
        line.send(post(MESSAGE))
        with pytest.raises(asyncio.IncompleteReadError):
            await line.response()
