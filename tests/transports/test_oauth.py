"""OAuth2 client credentials: one token for many calls, renewed in time, and answers that are no tokens refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from adapters.transports.oauth import ClientCredentials
from adapters.transports.rest import HttpSite, RestClient, json_reply, retry_after
from bus.core.basic import basic_header
from bus.core.errors import AdapterError


@dataclass(slots=True)
class Service:
    """A token service and the resource behind it. ``answer`` is what it gives to the next callers."""

    answer: Any = None
    status: int = 200
    asked: list[tuple[str, str]] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    site: HttpSite = field(init=False)

    def __post_init__(self) -> None:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_get("/data", self._data)
        self.site = HttpSite(app, drain_s=0.1)

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append((request.headers["Authorization"], await request.text()))
        if self.answer is not None:
            body = self.answer if isinstance(self.answer, bytes) else None
            headers = {"Retry-After": "7"}
            if body is not None:
                return web.Response(body=body, status=self.status, headers=headers)
            return json_reply(self.answer, self.status, headers)
        token = f"t{len(self.asked)}"
        self.good.add(f"Bearer {token}")
        return json_reply({"access_token": token, "token_type": "Bearer", "expires_in": 100})

    async def _data(self, request: web.Request) -> web.Response:
        known = request.headers.get("Authorization", "") in self.good
        return json_reply({"ok": known}, 200 if known else 401)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    """A running service."""
    made = Service()
    await made.site.start()
    yield made
    await made.site.stop()


@dataclass(slots=True)
class Hand:
    """A clock set by hand."""

    at: float = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.at


def account(service: Service, clock: Hand | None = None, scope: str = "") -> ClientCredentials:
    """The account of the tests; its id needs encoding."""
    return ClientCredentials(f"{service.site.url}/token", "id:x", "s e", scope, 2, monotonic=clock or Hand())


async def test_one_token_serves_many_callers_until_shortly_before_its_end(service: Service) -> None:
    """Asked for once although ten ask at once; again when 30 s are left; the account as RFC 6749 encodes it."""
    clock = Hand()
    made = account(service, clock, "juki.read")
    assert set(await asyncio.gather(*(made.header() for _ in range(10)))) == {"Bearer t1"}
    clock.at = 69.9
    assert await made.header() == "Bearer t1"
    clock.at = 70.0
    assert await made.header() == "Bearer t2"
    form = "grant_type=client_credentials&scope=juki.read"
    assert service.asked == [(basic_header("id%3Ax", "s+e"), form)] * 2


async def test_a_token_that_ended_early_is_renewed_once(service: Service) -> None:
    """A 401 forgets it and the call goes again; a second 401 is the caller's to judge."""
    made = account(service)
    client = RestClient(service.site.url, deadline_s=2, authoriser=made)
    assert (await client.request("GET", "/data")).status == 200
    service.good.clear()
    assert (await client.request("GET", "/data")).status == 200
    assert len(service.asked) == 2
    service.good.clear()
    service.answer = {"access_token": "wrong", "token_type": "bearer"}
    assert (await client.request("GET", "/data")).status == 401
    assert len(service.asked) == 3
    await client.close()


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [
        (400, {"error": "invalid_client"}, "CB6061"),
        (401, b"<html>", "CB6061"),
        (429, {}, "CB6064"),
        (503, {}, "CB6009"),
        (200, {}, "CB6065"),
        (200, b"no json", "CB6065"),
        (200, b'{"access_token":"' + b"x" * 70_000 + b'","token_type":"bearer"}', "CB6065"),
        (200, {"access_token": "a\r\nX-Evil: 1", "token_type": "bearer"}, "CB6065"),
        (200, {"access_token": "a", "token_type": "mac"}, "CB6065"),
        (200, {"access_token": "a", "token_type": "bearer", "expires_in": -1}, "CB6065"),
        (302, {"access_token": "a", "token_type": "bearer"}, "CB6065"),
    ],
)
async def test_what_is_no_token_has_its_code(service: Service, status: int, answer: Any, code: str) -> None:
    """Refused, away, asked to wait, or an answer that would smuggle a header."""
    service.status, service.answer = status, answer
    with pytest.raises(AdapterError) as caught:
        await account(service).header()
    assert caught.value.code == code
    assert caught.value.retry_after_s == (7 if status in {429, 503} else 0)
    assert "s e" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("5", 5),
        ("999999999999", 3600),
        ("-5", 0),
        ("soon", 0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0),
    ],
)
def test_retry_after_is_a_number_or_a_date_within_an_hour(text: str, seconds: int) -> None:
    """Anything else asks for nothing; no server holds a caller for longer than an hour."""
    assert retry_after({"Retry-After": text} if text else {}, 10.0) == seconds
