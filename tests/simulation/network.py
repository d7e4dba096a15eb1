"""The lines between the bus and the systems that receive, and those systems: an inbox by message id, and faults."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bus.core.basic import basic_header
from bus.core.errors import DeliveryError
from bus.core.ports import HttpReply
from bus.core.types import Endpoint
from bus.wire.http import XML
from tests.simulation import letters
from tests.simulation.loop import VirtualLoop, passing
from tests.simulation.plan import Weather

HTML = b"<html><body>maintenance</body></html>"
FAULT = (
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
    b"<faultcode>soap:Server</faultcode><faultstring>not today</faultstring></soap:Fault></soap:Body></soap:Envelope>"
)


@dataclass(slots=True)
class Effect:
    """Something a receiver did, for good."""

    at: float
    serial: int
    message_id: str
    body: bytes


@dataclass(slots=True)
class Vendor:
    """A receiving system: what it took under an id it takes once, and says so again."""

    town: str
    name: str
    inbox: set[str] = field(default_factory=set)
    effects: list[Effect] = field(default_factory=list)

    @property
    def key(self) -> str:
        """As the bus calls it."""
        return f"{self.town}/{self.name}"


class Network:
    """Implements ``Sender`` for the bus. ``watch`` sees every post before it leaves and everything a vendor does."""

    def __init__(self, loop: VirtualLoop, weather: Weather, watch: Any, vendors: dict[str, Vendor]) -> None:
        self._loop, self._weather, self._watch = loop, weather, watch
        self.vendors = vendors

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once, over a line on which anything may happen."""
        told = dict(headers)
        number = self._watch.posting(endpoint, told, deadline_s)
        failed = True
        try:
            reply = await self._line(endpoint, body, told, deadline_s, number)
            failed = reply.status in (503, 401)
        finally:
            self._watch.posted(endpoint, told, number, failed=failed)
        return reply

    async def post_package(self, *_: Any) -> HttpReply:
        """Nobody sends attachments here."""
        raise AssertionError

    async def _line(
        self, endpoint: Endpoint, body: bytes, headers: dict[str, str], deadline_s: float, number: int
    ) -> HttpReply:
        strikes, throw, later = self._weather.strikes, self._weather.throw, self._loop.later
        key, occasion = endpoint.key, (headers["Chiikibus-Message-Id"], number)
        if strikes("partition", key, *occasion):
            await passing(0.01)
            raise DeliveryError("CB5001")
        answer: asyncio.Future[HttpReply | DeliveryError] = self._loop.create_future()
        way = 0.001 + 0.02 * throw("way", key, *occasion)
        if strikes("hesitant", key, *occasion):
            way += 3 * throw("hesitant", key, *occasion)
        if strikes("slow", key, *occasion):
            way += 25 * throw("slow", key, *occasion)
        sent = self._watch.clock.now()

        def arrive(copy: bool) -> None:
            reply = self._received(endpoint, body, headers, (*occasion, copy))
            if not copy:
                self._answered(answer, reply, key, occasion)

        if not strikes("post_lost", key, *occasion):
            later(way, arrive, False)
        elif throw("noticed", key, *occasion) < 0.5:
            later(way, _settle, answer, DeliveryError("CB5003"))
        if strikes("post_doubled", key, *occasion):
            later(way + 20 * throw("double", key, *occasion), arrive, True)
        try:
            async with asyncio.timeout(deadline_s):
                reply = await answer
        except TimeoutError:
            raise DeliveryError("CB5002") from None
        if isinstance(reply, DeliveryError):
            raise reply
        return HttpReply(reply.status, reply.content_type, reply.body, sent, self._watch.clock.now())

    def _answered(self, answer: asyncio.Future[Any], reply: HttpReply, key: str, occasion: tuple[object, ...]) -> None:
        strikes, throw = self._weather.strikes, self._weather.throw
        back = 0.001 + 0.02 * throw("back", key, *occasion)
        if strikes("reply_lost", key, *occasion) or strikes("partition", key, *occasion, "back"):
            return
        if strikes("reply_cut", key, *occasion):
            self._loop.later(back, _settle, answer, DeliveryError("CB5003"))
        else:
            self._loop.later(back, _settle, answer, reply)

    # -- the systems ------------------------------------------------------------------------------------------

    def _received(
        self, endpoint: Endpoint, body: bytes, headers: dict[str, str], occasion: tuple[object, ...]
    ) -> HttpReply:
        """What the system at the address does with it, and answers."""
        town, _, name = endpoint.address.removeprefix("http://").partition("/")
        vendor = self.vendors[f"{town}/{name}"]
        key, strikes = vendor.key, self._weather.strikes
        if headers["Authorization"] != basic_header("chiikibus", letters.secret_of(town, name)):
            self._watch.wrong(f"{key} got the credential of somebody else", headers["Chiikibus-Message-Id"])
            return HttpReply(401, "", b"")
        if strikes("locked_out", key, *occasion):
            return HttpReply(401, "", b"")
        if strikes("busy", key, *occasion):
            return HttpReply(503, "", b"")
        if strikes("nonsense", key, *occasion):
            return HttpReply(200, "text/html", HTML)
        if strikes("fault", key, *occasion):
            return HttpReply(500, XML, FAULT)
        if name == "juki":
            self._watch.asked(vendor, body, headers)
            return HttpReply(200, XML, letters.resident(body, town))
        self._take(vendor, body, headers)
        if strikes("unsure", key, *occasion):
            return HttpReply(200, "text/html", HTML)
        return HttpReply(200, "", b"")

    def _take(self, vendor: Vendor, body: bytes, headers: dict[str, str]) -> None:
        message_id = headers["Chiikibus-Message-Id"]
        if message_id in vendor.inbox:
            self._watch.trace("known", key=vendor.key, message=message_id)
            return
        vendor.inbox.add(message_id)
        found = letters.SERIAL.search(body)
        effect = Effect(self._loop.time(), int(found.group(1)) if found else 0, message_id, body)
        vendor.effects.append(effect)
        self._watch.effect(vendor, effect, headers)


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
