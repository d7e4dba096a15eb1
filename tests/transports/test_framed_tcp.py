"""Framed TCP: one frame, one answer, on kept connections, with coded errors for everything that can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.transports.framed_tcp import FramedClient, FramedServer, FrameError, frame, read_frame
from bus.core.errors import AdapterError
from tests.support.network import free_port

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(payload: bytes) -> bytes:
    """The payload backwards."""
    return payload[::-1]


@asynccontextmanager
async def serving(server: FramedServer) -> AsyncIterator[FramedClient]:
    """A client of a running server."""
    await server.start()
    client = FramedClient("127.0.0.1", server.port, deadline_s=5)
    try:
        yield client
    finally:
        await client.close()
        await server.stop()


@asynccontextmanager
async def rude(serve: Serve) -> AsyncIterator[FramedClient]:
    """A client of a peer that does as it likes."""

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    client = FramedClient("127.0.0.1", server.sockets[0].getsockname()[1], deadline_s=1)
    try:
        yield client
    finally:
        await client.close()
        server.close()
        await server.wait_closed()


@given(st.binary(max_size=5000))
def test_every_payload_survives_a_frame(payload: bytes) -> None:
    """Eight digits and the bytes."""

    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(frame(payload))
        reader.feed_eof()
        return await read_frame(reader)

    assert asyncio.run(read()) == payload
    assert frame(payload)[:8] == b"%08d" % len(payload)


async def test_requests_are_answered_over_few_kept_connections() -> None:
    """A hundred requests, eight at a time: at most as many connections as the pool allows."""
    server = FramedServer(echo)
    async with serving(server) as client:
        answers = await asyncio.gather(*(client.request(b"%d" % number) for number in range(100)))
        assert len(server._open) <= client.pool
    assert answers == [str(number).encode()[::-1] for number in range(100)]


async def test_a_connection_closed_while_idle_is_replaced_unnoticed() -> None:
    """The vendor restarts between two inquiries."""
    server = FramedServer(echo)
    await server.start()
    client = FramedClient("127.0.0.1", server.port, deadline_s=5)
    assert await client.request(b"ab") == b"ba"
    await server.stop()
    again = FramedServer(echo, port=server.port)
    await again.start()
    assert await client.request(b"cd") == b"dc"
    await client.close()
    await again.stop()


async def test_nobody_there_is_cb6009() -> None:
    """Retryable."""
    client = FramedClient("127.0.0.1", free_port())
    with pytest.raises(AdapterError) as caught:
        await client.request(b"x")
    assert caught.value.code == "CB6009"
    assert caught.value.entry.retryable


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read and never answer."""
    await reader.read()


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Half an answer."""
    await read_frame(reader)
    writer.write(b"00000010abc")
    await writer.drain()


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """No frame."""
    await read_frame(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    await writer.drain()


async def huge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A frame beyond every limit."""
    await read_frame(reader)
    writer.write(b"99999999")
    await writer.drain()


@pytest.mark.parametrize(("serve", "code"), [(silent, "CB6011"), (cut, "CB6009"), (babble, "CB6010"), (huge, "CB6010")])
async def test_a_peer_that_misbehaves_is_a_coded_error(serve: Serve, code: str) -> None:
    """Silent, cut off, no frame, too large; the pool is not left with a broken connection."""
    async with rude(serve) as client:
        with pytest.raises(AdapterError) as caught:
            await client.request(b"x", deadline_s=0.3)
        assert caught.value.code == code
        assert client._idle == []


async def test_a_length_that_is_none_is_refused_by_the_server() -> None:
    """The connection ends, the server goes on."""
    server = FramedServer(echo)
    async with serving(server) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"abcdefgh")
        assert await reader.read() == b""
        writer.close()
        assert await client.request(b"ok") == b"ko"


async def test_digits_of_another_script_are_no_length() -> None:
    """Eight bytes that look like digits are not enough."""
    reader = asyncio.StreamReader()
    reader.feed_data(b"+0000001x")
    with pytest.raises(FrameError):
        await read_frame(reader)
