"""REST: deadlines, limits and statuses as coded errors; credentials compared; paths filled safely."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from adapters.transports.rest import HttpSite, RestClient, authorised, bearer, fill, guard, json_object, json_reply
from bus.core.basic import basic_header
from bus.core.errors import AdapterError
from tests.support.network import free_port


@pytest.fixture
async def site() -> AsyncIterator[HttpSite]:
    """A vendor's face with a few behaviours."""
    app = web.Application(middlewares=[guard(bearer("token"), realm="x", open_paths=frozenset({"/open"}))])

    async def answer(request: web.Request) -> web.Response:
        kind = request.match_info["kind"]
        if kind == "slow":
            await asyncio.Event().wait()
        if kind == "large":
            return web.Response(body=b"x" * 10_000)
        if kind == "text":
            return web.Response(text="hello")
        if kind == "moved":
            raise web.HTTPFound("/echo")
        if kind.isdigit():
            return json_reply({"status": kind}, int(kind))
        return json_reply(await json_object(request) if request.can_read_body else {"path": request.path})

    app.router.add_route("*", "/{kind}", answer)
    made = HttpSite(app, drain_s=0.1)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def client(site: HttpSite) -> AsyncIterator[RestClient]:
    """A client with the right token."""
    made = RestClient(site.url, bearer("token"), deadline_s=2, max_reply=5_000)
    yield made
    await made.close()


async def test_json_goes_and_comes(client: RestClient) -> None:
    """Objects, bytes as they are, and a request without a body."""
    assert (await client.request("PUT", "/echo", {"氏名": "架空"})).value == {"氏名": "架空"}
    assert (await client.request("PUT", "/echo", b'{"a":1}')).value == {"a": 1}
    assert (await client.request("GET", "/echo")).value == {"path": "/echo"}


async def test_a_status_of_the_client_side_is_the_callers_to_judge(client: RestClient) -> None:
    """404 and 422 come back as they are; a redirect is not followed."""
    assert (await client.request("GET", "/404")).status == 404
    assert (await client.request("GET", "/422")).value == {"status": "422"}
    assert (await client.request("GET", "/moved")).status == 302


@pytest.mark.parametrize(
    ("path", "code"), [("/500", "CB6009"), ("/503", "CB6009"), ("/429", "CB6064"), ("/large", "CB6010")]
)
async def test_a_vendor_in_trouble_is_a_coded_error(client: RestClient, path: str, code: str) -> None:
    """For now, or not to be understood."""
    with pytest.raises(AdapterError) as caught:
        await client.request("GET", path)
    assert caught.value.code == code


async def test_no_answer_in_time_is_cb6011(site: HttpSite) -> None:
    """Every wait has a deadline."""
    client = RestClient(site.url, bearer("token"), deadline_s=0.2)
    with pytest.raises(AdapterError) as caught:
        await client.request("GET", "/slow")
    await client.close()
    assert caught.value.code == "CB6011"


async def test_nobody_there_is_cb6009() -> None:
    """Retryable."""
    client = RestClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(AdapterError) as caught:
        await client.request("GET", "/")
    await client.close()
    assert caught.value.code == "CB6009"


async def test_an_answer_that_is_no_json_is_cb6010(client: RestClient) -> None:
    """Only when it is asked for its value."""
    reply = await client.request("GET", "/text")
    assert reply.status == 200
    with pytest.raises(AdapterError) as caught:
        _ = reply.value
    assert caught.value.code == "CB6010"


async def test_the_guard_asks_for_the_credential(site: HttpSite) -> None:
    """401 for none and for another; open paths are open."""
    for header, path, expected in (("", "/echo", 401), (bearer("other"), "/echo", 401), ("", "/open", 200)):
        client = RestClient(site.url, header)
        assert (await client.request("GET", path)).status == expected
        await client.close()


def test_credentials_are_compared_by_scheme_and_value() -> None:
    """The scheme's case does not matter, the value's does."""
    assert authorised("bearer abc", bearer("abc"))
    assert authorised("BASIC " + basic_header("u", "s").split(" ")[1], basic_header("u", "s"))
    assert not authorised("Bearer ABC", bearer("abc"))
    assert not authorised("", bearer("abc"))
    assert not authorised("Bearer あ", bearer("abc"))


def test_a_path_is_filled_with_encoded_values() -> None:
    """A value cannot leave its place; a missing one is CB6010."""
    assert fill("/kojin/{宛名番号}/{年}", {"宛名番号": "1/../2?x", "年": "2025"}) == "/kojin/1%2F..%2F2%3Fx/2025"
    with pytest.raises(AdapterError) as caught:
        fill("/kojin/{宛名番号}", {"宛名番号": ""})
    assert caught.value.code == "CB6010"


async def test_a_taken_address_is_an_error_at_once(site: HttpSite) -> None:
    """Two cannot listen on one port."""
    other = HttpSite(web.Application(), port=site.port)
    with pytest.raises(OSError, match="in use"):
        await other.start()
