"""HTTP/1.1 as the front speaks it: keep-alive, order, both body codings, and what is refused before a body."""

from __future__ import annotations

import asyncio

import pytest

from bus.core.errors import ChiikibusError
from bus.core.ports import HttpReply
from bus.core.settings import FrontSettings
from bus.pipeline.house import House
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import XML, Request, Response
from tests.front.client import Got, Line, chunks, connected, get, post, running
from tests.pipeline.fakes import Sent, world
from tests.pipeline.messages import JUKI, TOWN, addressing, inquiry, resident_reply
from tests.support.polling import until_async

MESSAGE = envelope.build(inquiry())


def code_of(got: Got) -> str:
    """The code of a fault or of a refusal in text."""
    if got.headers["content-type"].startswith("text/plain"):
        return got.body[:6].decode()
    return read_fault(envelope.read(safe_xml.parse(got.body)).body).code


def numbered(number: int) -> bytes:
    """An inquiry with an id of its own."""
    return envelope.build(inquiry(), addressing=addressing(f"urn:uuid:{number}", f"{JUKI}/jumin_shokai"))


async def test_a_message_is_answered_and_the_connection_kept() -> None:
    """The second message goes over the same connection."""
    async with running(world()) as server, connected(server) as line:
        for _ in range(2):
            line.send(post(MESSAGE))
            got = await line.response()
            assert (got.status, got.headers["content-type"]) == (200, XML)
            assert b"jumin_shokai_kaito" in got.body
        assert "date" in got.headers
        assert server.connections == 1


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
async def test_a_chunked_message_is_put_together(size: int) -> None:
    """However small its chunks, and whatever trailers follow."""
    async with running(world()) as server, connected(server) as line:
        head = post(b"", chunked=True).removesuffix(b"0\r\n\r\n")
        line.send(head + chunks(MESSAGE, size).removesuffix(b"\r\n") + b"Authorization: none\r\n\r\n")
        assert (await line.response()).status == 200


async def test_a_message_that_comes_byte_by_byte_is_put_together() -> None:
    """No assumption about packets."""
    async with running(world()) as server, connected(server) as line:
        for byte in post(MESSAGE):
            line.send(bytes([byte]))
            await line.writer.drain()
        assert (await line.response()).status == 200


async def test_answers_come_in_the_order_of_the_requests() -> None:
    """Even when a later one could be answered at once."""
    town = world()
    async with running(town) as server, connected(server) as line:
        line.send(post(MESSAGE) + get("/health/live") + post(MESSAGE, secret="wrong") + post(b"<", caller="kokuho"))
        statuses = [(await line.response()).status for _ in range(4)]
    assert statuses == [200, 200, 401, 500]


async def test_forty_requests_in_one_write_are_all_answered() -> None:
    """Reading pauses, nothing is lost."""
    town = world()
    async with running(town) as server, connected(server) as line:
        line.send(b"".join(post(numbered(number)) for number in range(40)))
        assert [(await line.response()).status for _ in range(40)] == [200] * 40
    assert len(town.journal.rows) == 40


async def test_a_waiting_client_is_told_to_go_on() -> None:
    """100 Continue after the head was accepted, then the answer."""
    async with running(world()) as server, connected(server) as line:
        raw = post(MESSAGE, more={"Expect": "100-continue"})
        line.send(raw.removesuffix(MESSAGE))
        assert await line.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.send(MESSAGE)
        assert (await line.response()).status == 200


async def test_a_waiting_client_without_a_right_to_send_is_told_so_instead() -> None:
    """The body is never asked for."""
    async with running(world()) as server, connected(server) as line:
        raw = post(MESSAGE, secret="wrong", more={"Expect": "100-continue"})
        line.send(raw.removesuffix(MESSAGE))
        assert (await line.response()).status == 401
        assert await line.ended()


REFUSED = {
    "a wrong secret": (post(MESSAGE, secret="x"), 401, "CB2001"),
    "no credential": (post(MESSAGE, drop=("Authorization",)), 401, "CB2001"),
    "an unknown address": (post(MESSAGE, path="/990019/nobody/juki"), 404, "CB1015"),
    "the root": (post(MESSAGE, path="/"), 404, "CB1015"),
    "the root of another host": (post(MESSAGE, path="http://other.example"), 404, "CB1015"),
    "PUT": (post(MESSAGE).replace(b"POST", b"PUT", 1), 405, "CB1001"),
    "DELETE": (get(f"/{TOWN}/tax/juki", "DELETE"), 405, "CB1001"),
    "GET of a message address": (get(f"/{TOWN}/tax/juki"), 405, "CB1001"),
    "JSON": (post(MESSAGE, more={"Content-Type": "application/json"}), 415, "CB1002"),
    "no media type": (post(MESSAGE, drop=("Content-Type",)), 415, "CB1002"),
    "a document that is not there": (get(f"/{TOWN}/tax/juki?xsd=passwd"), 404, "CB1015"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_of_http_is_a_short_text_and_keeps_the_connection(name: str) -> None:
    """Code, Japanese and English; the next message is served."""
    raw, status, code = REFUSED[name]
    async with running(world()) as server, connected(server) as line:
        line.send(raw)
        got = await line.response()
        assert (got.status, code_of(got)) == (status, code)
        assert got.headers["content-type"] == "text/plain; charset=utf-8"
        assert " / " in got.body.decode()
        line.send(post(MESSAGE))
        assert (await line.response()).status == 200


async def test_refusals_carry_the_fields_their_status_asks_for() -> None:
    """401 says how to authenticate, 405 what is allowed."""
    async with running(world()) as server, connected(server) as line:
        line.send(post(MESSAGE, secret="x"))
        assert (await line.response()).headers["www-authenticate"].startswith("Basic")
        line.send(get(f"/{TOWN}/tax/juki"))
        assert "POST" in (await line.response()).headers["allow"]


MALFORMED = {
    "no HTTP": b"hello\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no Host": post(MESSAGE, drop=("Host",)),
    "two lengths": post(MESSAGE).replace(b"Content-Length", b"Content-Length: 5\r\nContent-Length", 1),
    "length and chunks": post(MESSAGE, more={"Transfer-Encoding": "chunked"}),
    "an unknown transfer coding": post(MESSAGE, drop=("Content-Length",), more={"Transfer-Encoding": "gzip"}),
    "a length that is no number": post(MESSAGE, more={"Content-Length": "1e3"}),
    "a negative length": post(MESSAGE, more={"Content-Length": "-1"}),
    "two credentials": post(MESSAGE).replace(b"Host:", b"Authorization: Basic eA==\r\nHost:", 1),
    "two hosts": post(MESSAGE).replace(b"Host:", b"Host: evil.example\r\nHost:", 1),
    "white space before the colon": post(MESSAGE).replace(b"Host:", b"Host :", 1),
    "a folded field": post(MESSAGE).replace(b"Host: bus", b"Host: bus\r\n .example", 1),
    "101 fields": post(MESSAGE, more={f"X-{number}": "1" for number in range(101)}),
    "fields of 40 KB": post(MESSAGE, more={"X-Long": "x" * 40_000}),
    "an address of 40 KB": post(MESSAGE, path="/" + "x" * 40_000),
    "an address of another protocol": post(MESSAGE, path="ftp://other.example/"),
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    "a chunk size that is no number": post(b"", chunked=True).replace(b"0\r\n\r\n", b"zz\r\n"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_is_400_and_ends_the_connection(name: str) -> None:
    """Whatever follows could be a second request in disguise: it is not read."""
    town = world()
    async with running(town) as server, connected(server) as line:
        line.send(MALFORMED[name] + post(MESSAGE))
        got = await line.response()
        assert (got.status, code_of(got)) == (400, "CB1014")
        assert got.headers["connection"] == "close"
        assert await line.ended()
    assert town.sender.sent == []
    assert server.in_flight == 0


async def test_a_body_over_the_limit_is_refused_before_it_is_sent() -> None:
    """413 by the announced length."""
    async with running(world(), FrontSettings(port=0, max_body=1000)) as server, connected(server) as line:
        line.send(post(b"x" * 2000))
        assert (await line.response()).status == 413


async def test_an_endless_chunked_body_is_cut_off() -> None:
    """413 as soon as the limit is passed, and the connection ends."""
    async with running(world(), FrontSettings(port=0, max_body=1000)) as server, connected(server) as line:
        line.send(post(b"", chunked=True).removesuffix(b"0\r\n\r\n") + b"fffff\r\n" + b"x" * 5000)
        got = await line.response()
        assert (got.status, code_of(got)) == (413, "CB1006")
        assert await line.ended()
        assert server.in_flight == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_beyond_the_bytes_in_flight_the_sender_is_asked_to_wait(chunked: bool) -> None:
    """503 with Retry-After and a SOAP fault; the room is given back."""
    settings = FrontSettings(port=0, max_in_flight=len(MESSAGE) + 10)
    town = world()
    waiting = asyncio.Event()
    release = asyncio.Event()

    async def slow(request: Request) -> Response:
        waiting.set()
        await release.wait()
        return Response(200)

    async with (
        running(town, settings, {"/slow": slow}) as server,
        connected(server) as first,
        connected(server) as second,
    ):
        first.send(post(MESSAGE, path="/slow"))
        await waiting.wait()
        second.send(post(MESSAGE, chunked=chunked))
        got = await second.response()
        assert (got.status, code_of(got), got.headers["retry-after"]) == (503, "CB4002", "1")
        release.set()
        assert (await first.response()).status == 200
        second.send(post(MESSAGE))
        assert (await second.response()).status == 200
        assert server.in_flight == 0


OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}


@pytest.mark.parametrize("chunked", [False, True])
async def test_the_offer_of_another_protocol_is_passed_over(chunked: bool) -> None:
    """Java's client offers h2c with every first request; bodies and the next requests stay in step."""
    raw = post(MESSAGE, more=OFFER, chunked=chunked)
    async with running(world()) as server, connected(server) as line:
        line.send(raw + raw + get("/health/live").replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost"))
        assert [(await line.response()).status for _ in range(3)] == [200, 200, 200]
        for byte in raw:
            line.send(bytes([byte]))
            await line.writer.drain()
        assert (await line.response()).status == 200


async def test_a_client_that_wants_to_close_is_closed_after_its_answer() -> None:
    """Connection: close."""
    async with running(world()) as server, connected(server) as line:
        line.send(post(MESSAGE, more={"Connection": "close"}))
        got = await line.response()
        assert (got.status, got.headers["connection"]) == (200, "close")
        assert await line.ended()


@pytest.mark.parametrize(("keep", "kept"), [("keep-alive", True), ("", False)])
async def test_http_1_0_is_served(keep: str, kept: bool) -> None:
    """With keep-alive only where asked for."""
    async with running(world()) as server, connected(server) as line:
        raw = post(MESSAGE, more={"Connection": keep} if keep else {}).replace(b"HTTP/1.1", b"HTTP/1.0", 1)
        line.send(raw)
        got = await line.response()
        assert (got.status, got.headers["connection"]) == (200, "keep-alive" if kept else "close")


async def test_a_client_that_closes_its_half_still_gets_its_answer() -> None:
    """Some scripts write, shut down and read."""
    async with running(world()) as server, connected(server) as line:
        line.send(post(MESSAGE))
        line.writer.write_eof()
        assert (await line.response()).status == 200
        assert await line.ended()


async def test_a_client_that_goes_away_does_not_stop_its_message() -> None:
    """It may be accepted already: it is finished and stored."""
    town = world()
    gate = asyncio.Event()
    house = town.house

    class Waiting:
        """A sender that waits for the test."""

        async def post(self, *given: object) -> HttpReply:
            """Wait, then answer."""
            await gate.wait()
            return HttpReply(200, XML, resident_reply())

    town.house = House(house.tables, house.journal, Waiting(), house.outbox, house.clock, house.ids, house.log)
    async with running(town) as server:
        async with connected(server) as line:
            line.send(post(MESSAGE))
            await until_async(lambda: bool(town.journal.rows))
        gate.set()
        await until_async(lambda: [t.state for t in town.journal.transitions] == ["REPLIED"])
        await until_async(lambda: server.in_flight == 0 and server.connections == 0)


async def test_an_error_of_the_program_is_a_coded_answer() -> None:
    """CB9001, a line in the log without the error's text, and the connection goes on."""
    town = world()

    def broken(sent: Sent) -> HttpReply:
        raise ZeroDivisionError("personal data")

    town.sender.provider = broken
    async with running(town) as server, connected(server) as line:
        line.send(post(MESSAGE))
        got = await line.response()
        assert (got.status, code_of(got)) == (500, "CB9001")
        (logged,) = [fields for event, fields in town.lines if event == "internal_error"]
        assert logged["error"] == "ZeroDivisionError"
        assert "personal data" not in str(town.lines)


async def test_a_handler_of_its_own_prefix_answers() -> None:
    """The management service is wired so; a coded error of it becomes a fault."""

    async def echo(request: Request) -> Response:
        if request.query == "fail":
            raise ChiikibusError("CB4004")
        return Response(200, "text/plain", request.body or request.path.encode())

    async with running(world(), extra={"/management": echo}) as server, connected(server) as line:
        line.send(get("/management/x"))
        assert (await line.response()).body == b"/management/x"
        line.send(post(b"hello", path="/management"))
        assert (await line.response()).body == b"hello"
        line.send(get("/management?fail"))
        assert code_of(await line.response()) == "CB4004"
        line.send(post(MESSAGE, path="/managementx"))
        assert (await line.response()).status == 404


async def test_a_slow_reader_does_not_pile_up_answers() -> None:
    """No further turn while the client does not read."""
    town = world()
    started = 0
    size = 4_000_000

    async def big(request: Request) -> Response:
        nonlocal started
        started += 1
        return Response(200, "text/plain", b"x" * size)

    async with running(town, extra={"/big": big}) as server, connected(server) as line:
        line.send(get("/big") * 10)
        await until_async(lambda: started > 0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert started < 10
        received = [len((await line.response()).body) for _ in range(10)]
    assert received == [size] * 10


async def refused_line(line: Line) -> bool:
    """Whether the connection ends."""
    return await line.ended()


async def test_deadlines_end_slow_heads_slow_bodies_and_idle_connections() -> None:
    """400 where a request has begun, a plain end where none has."""
    settings = FrontSettings(port=0, header_timeout_s=0.1, body_timeout_s=0.1, idle_timeout_s=0.1)
    async with running(world(), settings) as server:
        async with connected(server) as idle:
            assert await refused_line(idle)
        async with connected(server) as slow_head:
            slow_head.send(b"POST / HT")
            assert (await slow_head.response()).status == 400
        async with connected(server) as slow_body:
            slow_body.send(post(MESSAGE)[:-10])
            assert (await slow_body.response()).status == 400
            assert await slow_body.ended()
        assert server.in_flight == 0
