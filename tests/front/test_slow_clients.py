"""Slow, lying and many clients: each costs only itself, and what they hold is bounded."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from bus.core.settings import FrontSettings
from bus.front.server import Server
from bus.wire import envelope
from bus.wire.http import Request, Response
from tests.front.client import Line, chunks, connected, get, post, running
from tests.pipeline.fakes import world
from tests.pipeline.messages import inquiry
from tests.support.polling import until_async

MESSAGE = envelope.build(inquiry())
SHORT = FrontSettings(port=0, header_timeout_s=0.3, body_timeout_s=0.3, idle_timeout_s=0.3)
BEGUN = replace(SHORT, idle_timeout_s=30)
"""Only what was begun has a short time: on a busy machine a client may be slow to begin."""
HEAD = post(b"x" * 100_000).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
UNFINISHED = {
    "a head that never ends": b"POST / HTTP/1.1\r\nHost: bus.example\r\nX-A: ",
    "a request line that never ends": b"POST /",
    "a body that never comes": HEAD,
    "a body that stops": HEAD + b"x" * 500,
    "a chunk that stops": post(b"", chunked=True).removesuffix(b"0\r\n\r\n") + b"ff\r\nx",
    "chunks that never end": post(b"", chunked=True).removesuffix(b"0\r\n\r\n") + b"5\r\nhello\r\n",
    "an upgrade that stops": HEAD.replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost"),
}


async def served(server: Server) -> bool:
    """Whether somebody else's message is answered."""
    async with connected(server) as line:
        line.send(post(MESSAGE))
        return (await line.response()).status == 200


@pytest.mark.parametrize("name", UNFINISHED)
async def test_forty_clients_that_do_not_go_on_disturb_nobody_and_are_ended(name: str) -> None:
    """Others are served meanwhile; at the deadline each gets 400 and its room is given back."""
    async with running(world(), BEGUN) as server, AsyncExitStack() as stack:
        slow = []
        for _ in range(40):
            slow.append(await stack.enter_async_context(connected(server)))
            slow[-1].send(UNFINISHED[name])
        assert await served(server)
        for line in slow:
            assert (await line.response()).status == 400
            assert await line.ended()
        assert server.in_flight == 0


async def drip(line: Line, data: bytes) -> int:
    """Send a byte whenever nothing has come back for a moment; the status that ends it."""
    for byte in data:
        line.send(bytes([byte]))
        try:
            start = await asyncio.wait_for(line.reader.readline(), 0.02)
        except TimeoutError:
            continue
        return int(start.split()[1])
    return 0


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_client_that_sends_byte_by_byte_does_not_win_time(part: str) -> None:
    """The deadline counts from the first byte of the head, and from its last, not from byte to byte."""
    async with running(world(), BEGUN) as server, connected(server) as line:
        if part == "body":
            line.send(HEAD)
        assert await drip(line, HEAD if part == "head" else b"x" * 1000) == 400
        assert server.in_flight == 0


async def test_a_client_that_never_reads_is_ended_and_its_answers_are_dropped() -> None:
    """A full window holds one answer; then its time is over."""

    async def big(request: Request) -> Response:
        del request
        return Response(200, "text/plain", b"x" * 8_000_000)

    async with running(world(), SHORT, {"/big": big}) as server:
        async with connected(server) as line:
            line.send(get("/big") * 8)
            assert await served(server)
            await until_async(lambda: server.connections == 0)
        assert server.in_flight == 0


async def test_the_time_in_which_the_bus_stood_still_is_not_counted_against_a_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An hour without a turn (a suspended machine): who was connected before is heard after it."""
    looks = 0

    def date_line() -> str:
        nonlocal looks
        looks += 1
        return "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"

    monkeypatch.setattr("bus.front.server._date_line", date_line)
    async with running(world(), SHORT) as server, connected(server) as line:
        await until_async(lambda: server.connections == 1)
        loop, before = asyncio.get_running_loop(), looks
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + 3600)
        await until_async(lambda: looks > before)
        line.send(post(MESSAGE))
        assert (await line.response()).status == 200


@pytest.mark.parametrize(
    "raw",
    [
        post(MESSAGE, more={"Content-Length": str(len(MESSAGE) - 20)}),
        post(MESSAGE, more={"Content-Length": str(len(MESSAGE) + 20)}),
        post(b"", chunked=True).removesuffix(b"0\r\n\r\n") + chunks(MESSAGE).replace(b"64\r\n", b"65\r\n", 1),
    ],
    ids=["too short", "too long", "a wrong chunk size"],
)
async def test_a_client_that_lies_about_its_length_is_not_accepted(raw: bytes) -> None:
    """No message is made of what is left, and nothing goes to a provider."""
    town = world()
    async with running(town, BEGUN) as server:
        async with connected(server) as line:
            line.send(raw)
            assert (await line.response()).status in {400, 500}
            left = await line.reader.read()  # what is behind a message that was too short is no request
            assert left == b"" or left.startswith(b"HTTP/1.1 400 ")
        assert await served(server)
        assert (len(town.sender.sent), server.in_flight) == (1, 0)


@pytest.mark.slow
async def test_five_hundred_large_messages_at_once_are_answered_or_asked_to_wait() -> None:
    """What is held at once stays within its limit; nobody gets an error but 503, and in the end all are served."""
    padded = MESSAGE.replace(b"</soap:Body>", b" " * 100_000 + b"</soap:Body>")
    settings = FrontSettings(port=0, max_in_flight=2_000_000)
    most, asked_to_wait = 0, 0

    async def client(server: Server) -> None:
        nonlocal most, asked_to_wait
        while True:
            async with connected(server) as line:
                line.send(post(padded))
                got = await line.response()
            most = max(most, server.in_flight)
            assert got.status in {200, 503}
            if got.status == 200:
                return
            asked_to_wait += 1
            assert got.headers["retry-after"] == "1"

    async with running(world(), settings) as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(500):
                group.create_task(client(server))
        assert most <= settings.max_in_flight
        assert server.in_flight == 0
    assert asked_to_wait > 0
