"""Calls over TLS: whom the bus trusts, what it shows, and what a failure is called."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from threading import Event
from typing import cast

import pytest

from bus.core.channel import TlsClient, TlsMaterial
from bus.core.clock import SystemClock
from bus.core.errors import DeliveryError
from bus.core.settings import DeliverySettings
from bus.core.tls import server_context
from bus.core.types import Endpoint
from bus.deliver.breaker import Breaker, Breakers, BreakerState, GuardedSender
from bus.deliver.connection import ClientConnection
from bus.deliver.sender import PooledSender
from bus.deliver.tls import ClientTls, Refusal
from bus.front.handshake import Acceptor, Handshakes
from bus.front.server import bound
from bus.ops.certificate_maker import DAY, Made
from tests.deliver.test_sender import HEADERS, PLAIN, Peer, always, peer
from tests.support.pki import pki
from tests.support.polling import until_async
from tests.support.tls_server import plain_http, refusing_hard, serving, tls_context

PATIENCE_S = 60.0
"""On a machine with much to do a handshake may take long; what a failure is called does not depend on it."""


@pytest.fixture
async def sender() -> AsyncIterator[PooledSender]:
    """A sender, closed at the end."""
    made = PooledSender(SystemClock(), connect_s=PATIENCE_S)
    yield made
    await made.close()


class Answering(asyncio.Protocol):
    """Answers every request at once."""

    def __init__(self, server: Peer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections += 1
        self._server.open += 1
        self._server.most_open = max(self._server.most_open, self._server.open)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count."""
        self._server.open -= 1

    def data_received(self, data: bytes) -> None:
        """One request, however small its body."""
        assert self._transport is not None
        self._server.requests.append(data)
        self._transport.write(PLAIN)


@asynccontextmanager
async def provider(
    made: Made | None = None, *, clients: str = "none", context: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """A provider with TLS that answers everything."""
    shown = made or pki().server()
    material = TlsMaterial(shown.certificate, shown.key, authorities=pki().clients.pem)
    server = Peer(always(PLAIN))
    handshakes = Handshakes(lambda: Answering(server), context or server_context(material, clients), 5.0)
    acceptor = Acceptor(bound("127.0.0.1", 0, listen=True), handshakes)
    server.port = acceptor.address[1]
    try:
        yield server
    finally:
        acceptor.close()
        await handshakes.close()


def target(
    server: Peer,
    made: Made | None = None,
    *,
    server_name: str = "",
    lists: tuple[bytes, ...] = (),
    stale: str = "refuse",
) -> Endpoint:
    """The provider as endpoint; the bus shows ``made``."""
    shown = TlsMaterial(made.certificate, made.key) if made else TlsMaterial()
    material = replace(shown, authorities=pki().servers.pem, lists=lists, stale_lists=stale)
    return replace(server.endpoint(scheme="https"), tls=TlsClient(material, server_name))


async def outcome(sender: PooledSender, endpoint: Endpoint) -> str:
    """An empty text, or the code of the failure."""
    try:
        assert (await sender.post(endpoint, b"x", HEADERS, PATIENCE_S)).body == b"<ok/>"
    except DeliveryError as error:
        return error.code
    return ""


async def test_a_provider_of_a_trusted_authority_is_called_over_kept_connections(sender: PooledSender) -> None:
    """Several calls, one handshake."""
    async with provider() as server:
        for _ in range(3):
            assert await outcome(sender, target(server)) == ""
        assert server.connections == 1


async def test_a_provider_that_nobody_vouches_for_is_refused(sender: PooledSender) -> None:
    """Neither with the authorities of the machine nor with those of the site."""
    stranger = pki().stranger.issue("bus", names=("ip:127.0.0.1",))
    async with provider() as server, provider(stranger) as other:
        assert await outcome(sender, server.endpoint(scheme="https")) == "CB2046"
        assert await outcome(sender, target(other)) == "CB2046"
        assert server.requests == other.requests == []


@pytest.mark.parametrize("kind", ["expired", "other name", "wrong usage"])
async def test_a_bad_certificate_of_a_provider_is_refused(sender: PooledSender, kind: str) -> None:
    """Before a byte of the message leaves."""
    made = {
        "expired": lambda: pki().servers.issue("bus", names=("ip:127.0.0.1",), from_s=-2 * DAY, days=1),
        "other name": lambda: pki().server(names=("dns:other.example",)),
        "wrong usage": lambda: pki().servers.issue("bus", names=("ip:127.0.0.1",), purposes=("client_auth",)),
    }[kind]()
    async with provider(made) as server:
        assert await outcome(sender, target(server)) == "CB2046"
        assert server.requests == []


async def test_the_name_to_be_checked_may_be_said(sender: PooledSender) -> None:
    """For an address that is a number while the certificate has a name."""
    async with provider(pki().server(names=("dns:tax.example",))) as server:
        assert await outcome(sender, target(server, server_name="tax.example")) == ""
        assert await outcome(sender, target(server, server_name="juki.example")) == "CB2046"


async def test_a_revoked_provider_is_refused(sender: PooledSender) -> None:
    """CRL of the site, no network; an old list as the site says."""
    made = pki().server()
    revoked = pki().servers.revocation_list([made.serial])
    old = pki().servers.revocation_list([], from_s=-2 * DAY, days=1)
    async with provider(made) as server:
        assert await outcome(sender, target(server, lists=(revoked,))) == "CB2046"
        assert await outcome(sender, target(server, lists=(old,))) == "CB2046"
        assert await outcome(sender, target(server, lists=(old,), stale="accept")) == ""
        assert await outcome(sender, target(server, lists=(pki().servers.revocation_list([]),))) == ""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_the_bus_shows_its_own_certificate_and_learns_when_it_is_refused(
    sender: PooledSender, version: ssl.TLSVersion
) -> None:
    """Accepted, missing, of a wrong authority, expired; with TLS 1.3 the refusal comes after the handshake."""
    shown = pki().server()
    context = server_context(TlsMaterial(shown.certificate, shown.key, authorities=pki().clients.pem), "required")
    context.maximum_version = version
    async with provider(context=context) as server:
        assert await outcome(sender, target(server, pki().client("bus"))) == ""
        for made in (None, pki().bad_client("wrong authority"), pki().bad_client("expired")):
            assert await outcome(sender, target(server, made)) == "CB2047"
        assert len(server.requests) == 1


async def test_a_refusal_with_a_reset_behind_it_is_still_a_refusal(
    sender: PooledSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process had no turn between its handshake and its request: the alert has come, and so has the reset."""
    refused = Event()
    admit = ClientTls.admit

    def late(tls: ClientTls, connection: ClientConnection, now: float) -> Refusal | None:
        assert refused.wait(PATIENCE_S)
        return admit(tls, connection, now)

    monkeypatch.setattr(ClientTls, "admit", late)
    server = Peer(always(PLAIN))
    with serving(refusing_hard(tls_context(clients=ssl.CERT_REQUIRED), refused)) as server.port:
        assert await outcome(sender, target(server)) == "CB2047"


@pytest.mark.slow
async def test_no_common_version_or_no_tls_at_all_has_a_code_of_its_own(sender: PooledSender) -> None:
    """A provider on TLS 1.2 for a site that wants 1.3, and one that speaks plain HTTP."""
    shown = pki().server()
    context = server_context(TlsMaterial(shown.certificate, shown.key, authorities=pki().clients.pem), "none")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with provider(context=context) as server:
        endpoint = target(server)
        assert endpoint.tls is not None
        strict = replace(endpoint, tls=TlsClient(replace(endpoint.tls.material, minimum="1.3")))
        assert await outcome(sender, strict) == "CB2048"
        assert await outcome(sender, endpoint) == ""
        with serving(plain_http) as server.port:
            assert await outcome(sender, target(server)) == "CB2049"


async def test_a_new_connection_resumes_the_session(sender: PooledSender) -> None:
    """A whole handshake costs a millisecond; the second connection does without."""
    resumed: list[bool] = []

    async def closing(server: Peer, reader: object, writer: object, request: bytes) -> bool:
        resumed.append(writer.get_extra_info("ssl_object").session_reused)
        await always(PLAIN)(server, reader, writer, request)
        return False

    shown = pki().server()
    context = server_context(TlsMaterial(shown.certificate, shown.key, authorities=pki().clients.pem), "required")
    async with peer(closing, tls=context) as server:
        endpoint = target(server, pki().client("bus"))
        for _ in range(3):
            assert await outcome(sender, endpoint) == ""
            await until_async(lambda: server.open == 0)
    assert resumed == [False, True, True]


async def test_two_ways_of_calling_one_address_share_no_connection(sender: PooledSender) -> None:
    """What one endpoint's certificate opened is not used for another endpoint."""
    async with provider(clients="required") as server:
        assert await outcome(sender, target(server, pki().client("a"))) == ""
        assert await outcome(sender, target(server, pki().client("b"))) == ""
        assert await outcome(sender, target(server)) == "CB2047"
        assert server.most_open == 2


async def test_what_no_endpoint_uses_any_more_is_let_go(sender: PooledSender) -> None:
    """After a rotation the connections with the old certificate are closed; the new one is used at once."""
    async with provider(clients="required") as server:
        old, new = target(server, pki().client("bus")), target(server, pki().client("bus"))
        assert await outcome(sender, old) == ""
        sender.forget([new])
        await until_async(lambda: server.open == 0)
        assert await outcome(sender, new) == ""
        assert server.open == 1


async def test_a_failure_of_tls_opens_the_breaker_at_once(sender: PooledSender) -> None:
    """One try, then a pause: the certificate will be the same in a second. A try that goes well closes it."""
    guarded = GuardedSender(sender, Breakers(SystemClock(), DeliverySettings(breaker_failures=5, breaker_open_s=60)))
    async with provider(pki().server(names=("dns:other.example",))) as server:
        codes = []
        for _ in range(2):
            with pytest.raises(DeliveryError) as caught:
                await guarded.post(target(server), b"x", HEADERS, 5)
            codes.append(caught.value.code)
        assert codes == ["CB2046", "CB5005"]
        assert server.requests == []
    breaker = Breaker(SystemClock(), failures=5, open_s=60)
    breaker.failure("CB5001")
    assert breaker.state is BreakerState.CLOSED
    breaker.failure("CB2047")
    assert breaker.state is BreakerState.OPEN
