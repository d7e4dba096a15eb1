"""The normative files byte for byte, health for machines, and the end of the front."""

from __future__ import annotations

import asyncio
import re

import msgspec
import pytest

from bus.core.settings import FrontSettings
from bus.front.desk import FrontDesk
from bus.wire import envelope
from bus.wire.http import Request, Response
from schemas.catalog import load_edition
from tests.front.client import connected, get, post, running
from tests.pipeline.fakes import site, world
from tests.pipeline.messages import TOWN, edition, inquiry

MESSAGE = envelope.build(inquiry())
ADDRESS = re.compile(rb'location="([^"]*)"')


@pytest.mark.parametrize("unit", sorted(load_edition().units))
async def test_the_served_wsdl_is_the_normative_file_but_for_its_address(unit: str) -> None:
    """Replacing the address by the file's own gives the file back."""
    normative = edition().units[unit].wsdl.read_bytes()
    async with running(world()) as server, connected(server) as line:
        line.send(get(f"/{TOWN}/tax/{unit}?wsdl"))
        got = await line.response()
    (own,) = ADDRESS.findall(normative)
    (served,) = ADDRESS.findall(got.body)
    assert served == f"http://bus.example:8480/{TOWN}/tax/{unit}".encode()
    assert got.body.replace(served, own) == normative
    assert got.headers["content-type"] == "text/xml; charset=utf-8"


async def test_the_public_address_wins_over_the_host_field() -> None:
    """Behind a proxy the bus is known by another name."""
    settings = FrontSettings(port=0, public_url="https://bus.city.example/b&c/")
    async with running(world(), settings) as server, connected(server) as line:
        line.send(get(f"/{TOWN}/tax/juki?WSDL"))
        body = (await line.response()).body
    assert b'location="https://bus.city.example/b&amp;c/990019/tax/juki"' in body


async def test_a_strange_host_field_does_not_get_into_the_wsdl() -> None:
    """What is no host is refused; where HTTP/1.0 names none, the listener's own address is written."""
    wsdl = get(f"/{TOWN}/tax/juki?wsdl")
    async with running(world()) as server:
        host, port = server.addresses[0]
        async with connected(server) as line:
            line.send(wsdl.replace(b"bus.example:8480", b'x"/><evil a="'))
            got = await line.response()
        assert (got.status, b"evil" in got.body) == (400, False)
        async with connected(server) as line:
            line.send(wsdl.replace(b"HTTP/1.1\r\nHost: bus.example:8480", b"HTTP/1.0"))
            body = (await line.response()).body
    assert f'location="http://{host}:{port}/{TOWN}/tax/juki"'.encode() in body


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (f"/{TOWN}/tax/juki?xsd=juki.xsd", "juki/juki.xsd"),
        (f"/{TOWN}/tax/juki?xsd=common.xsd", "common/common.xsd"),
        (f"/{TOWN}/tax/juki?xsd=../common/common.xsd", "common/common.xsd"),
        (f"/{TOWN}/tax/juki.xsd", "juki/juki.xsd"),
        (f"/{TOWN}/common/common.xsd", "common/common.xsd"),
        (f"/{TOWN}/tax/../common/common.xsd", "common/common.xsd"),
    ],
)
async def test_schemas_are_found_by_name_and_by_the_relative_imports(path: str, file: str) -> None:
    """Clients resolve imports in different ways; all arrive at the normative file."""
    async with running(world()) as server, connected(server) as line:
        line.send(get(path))
        got = await line.response()
    assert got.body == (edition().folder / file).read_bytes()


@pytest.mark.parametrize("path", ["/../../etc/passwd", f"/{TOWN}/tax/juki?xsd=../../../setup.cfg", "/common.xsd"])
async def test_nothing_else_is_served(path: str) -> None:
    """Only files of the edition, never a path of the machine."""
    async with running(world()) as server, connected(server) as line:
        line.send(get(path))
        assert (await line.response()).status == 404


async def test_head_gets_the_fields_without_the_body() -> None:
    """And the connection stays in step."""
    async with running(world()) as server, connected(server) as line:
        line.send(get(f"/{TOWN}/tax/juki?wsdl", "HEAD"))
        got = await line.response(head=True)
        assert (got.status, got.body) == (200, b"")
        assert int(got.headers["content-length"]) > 1000
        line.send(get("/health/live"))
        assert (await line.response()).status == 200


async def test_a_reload_changes_who_is_known_at_once() -> None:
    """The house is asked anew with every request."""
    town = world()
    async with running(town) as server, connected(server) as line:
        line.send(post(MESSAGE))
        assert (await line.response()).status == 200
        town.with_site(site(endpoints=(), rights=(), routes=()))
        line.send(post(MESSAGE) + get(f"/{TOWN}/tax/juki?wsdl"))
        assert (await line.response()).status == 404
        assert (await line.response()).status == 404


async def test_health_says_alive_and_ready_with_counts() -> None:
    """Readiness is that messages can be stored."""
    town = world()
    async with running(town) as server, connected(server) as line:
        line.send(get("/health/live"))
        assert msgspec.json.decode((await line.response()).body) == {"status": "ok"}
        line.send(post(MESSAGE))
        await line.response()
        line.send(get("/health/ready"))
        ready = msgspec.json.decode((await line.response()).body)
    assert ready["status"] == "ready"
    assert ready["counts"]["accepted_messages"] == 1


@pytest.mark.slow
async def test_what_is_under_way_is_answered_before_the_end() -> None:
    """Idle connections end at once, the request in process gets its answer, then its connection ends."""
    town = world()
    gate, inside = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> Response:
        inside.set()
        await gate.wait()
        return Response(200, "text/plain", b"done")

    async with running(town, extra={"/slow": slow}) as server, connected(server) as busy, connected(server) as idle:
        busy.send(get("/slow"))
        await inside.wait()
        closing = asyncio.create_task(server.close(10.0))
        assert await idle.ended()
        gate.set()
        got = await busy.response()
        assert (got.status, got.body, got.headers["connection"]) == (200, b"done", "close")
        assert await busy.ended()
        await asyncio.wait_for(closing, 10.0)


def test_while_the_bus_stops_new_messages_are_asked_to_come_again() -> None:
    """503 with Retry-After on connections that are still there; health goes on answering."""
    town = world()
    desk = FrontDesk(lambda: town.house, FrontSettings(), {})
    desk.draining = True
    refused = desk.refuse("POST", f"/{TOWN}/tax/juki", {})
    assert refused is not None
    assert refused.status == 503
    assert ("Retry-After", "5") in refused.headers
    assert desk.refuse("GET", "/health/live", {}) is None


async def test_what_does_not_end_in_time_is_cut() -> None:
    """The grace period is kept."""
    town = world()
    inside = asyncio.Event()

    async def stuck(request: Request) -> Response:
        inside.set()
        await asyncio.Event().wait()
        return Response(200)

    async with running(town, extra={"/stuck": stuck}) as server, connected(server) as line:
        line.send(get("/stuck"))
        await inside.wait()
        await asyncio.wait_for(server.close(0.05), 5.0)
        assert await line.ended()
        assert server.connections == 0
