"""The listener with TLS: who is let in by a certificate, what no handshake accepts, and how certificates change."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from bus.core.basic import basic_header
from bus.core.channel import Binding, Caller, Channel, TlsServer
from bus.core.errors import RightsError
from bus.core.settings import FrontSettings
from bus.front.management_http import caller_of
from bus.front.server import Server
from bus.ops.certificate_maker import DAY, Made
from bus.wire import envelope
from tests.front.client import Line, connected, get, post, running
from tests.front.test_http import code_of
from tests.pipeline.fakes import ENDPOINTS, World, site, world
from tests.pipeline.messages import inquiry
from tests.support.pki import NOW, bound, facts, old_protocol, pki
from tests.support.polling import until_async

MESSAGE = envelope.build(inquiry())
NO_SECRET = ("Authorization",)
REFUSED = (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)


def certified(*made: Made, credential: str = "certificate") -> Caller:
    """An endpoint that these certificates stand for."""
    return Caller(credential, tls=True, certificates=bound(*made))


@asynccontextmanager
async def protected(
    caller: Caller | None, tls: TlsServer, *, plain: bool = False
) -> AsyncIterator[tuple[World, Server]]:
    """A town whose tax office calls as ``caller`` says, with a listener with TLS."""
    front = FrontSettings(port=0, plain=plain, tls=tls)
    endpoints = tuple(replace(one, caller=caller) if caller and one.id == "tax" else one for one in ENDPOINTS)
    town = world(site(endpoints=endpoints, front=front))
    town.clock.at = NOW
    async with running(town, front) as server:
        yield town, server


async def ask(line: Line, **request: object) -> tuple[int, str]:
    """Status and code of one inquiry of the tax office."""
    line.send(post(MESSAGE, **request))
    got = await line.response()
    return got.status, "" if got.status == 200 else code_of(got)


async def test_a_certificate_opens_the_door_it_is_registered_for_and_no_other() -> None:
    """Its own endpoint without a secret; the endpoint of somebody else never, even with that one's secret."""
    tax, juki = pki().client("tax"), pki().client("juki")
    async with protected(certified(tax), pki().front()) as (town, server):
        async with connected(server, pki().caller(tax)) as line:
            assert await ask(line, drop=NO_SECRET) == (200, "")
            assert await ask(line, caller="kokuho", secret="wrong") == (401, "CB2001")
        async with connected(server, pki().caller(juki)) as line:
            assert await ask(line) == (403, "CB2042")
        assert [fields["code"] for event, fields in town.lines if event == "caller_refused"][-1] == "CB2042"


async def test_a_packed_body_comes_from_the_same_certificate() -> None:
    """Undoing the content coding does not lose who is at the other end."""
    tax = pki().client("tax")
    packed = post(gzip.compress(MESSAGE), drop=NO_SECRET, more={"Content-Encoding": "gzip"})
    async with (
        protected(certified(tax), pki().front()) as (_, server),
        connected(server, pki().caller(tax)) as line,
    ):
        line.send(packed)
        assert (await line.response()).status == 200


async def test_the_management_service_asks_for_the_same() -> None:
    """Of several ways in, none is the easier one: bound certificate, secret, or both as the endpoint says."""
    tax, juki = facts(pki().client("tax")), facts(pki().client("juki"))
    secret = basic_header("tax", "secret-of-tax")
    binding = (Binding(sha256=tax.sha256),)
    own, other = Channel("TLSv1.3", "x", tax), Channel("TLSv1.3", "x", juki)
    cases = (
        (Caller("both", certificates=binding), secret, own, ""),
        (Caller("both", certificates=binding), secret, other, "CB2042"),
        (Caller("both", certificates=binding), secret, None, "CB2040"),
        (Caller("both", certificates=binding), "", own, "CB2001"),
        (Caller("certificate", certificates=binding), "", own, ""),
        (Caller("certificate", certificates=binding), secret, None, "CB2001"),
        (Caller("certificate", certificates=binding), "", other, "CB2001"),
        (Caller(tls=True), secret, Channel("TLSv1.3", "x"), ""),
        (Caller(tls=True), secret, None, "CB2040"),
    )
    for caller, authorization, channel, code in cases:
        endpoints = tuple(replace(one, caller=caller) if one.id == "tax" else one for one in ENDPOINTS)
        tables = world(site(endpoints=endpoints)).house.tables
        if not code:
            assert caller_of(tables, authorization, channel, NOW).id == "tax"
            continue
        with pytest.raises(RightsError) as caught:
            caller_of(tables, authorization, channel, NOW)
        assert caught.value.code == code


async def test_both_means_certificate_and_secret() -> None:
    """Neither is enough."""
    tax = pki().client("tax")
    async with (
        protected(certified(tax, credential="both"), pki().front()) as (_, server),
        connected(server, pki().caller(tax)) as line,
    ):
        assert await ask(line, secret="wrong") == (401, "CB2001")
        assert await ask(line) == (200, "")


async def test_an_optional_certificate_is_asked_for_by_the_endpoint_alone() -> None:
    """Others come over the same listener with their secret; the one that is bound has to show its certificate."""
    tax = pki().client("tax")
    async with (
        protected(certified(tax), pki().front(clients="optional")) as (_, server),
        connected(server, pki().caller()) as line,
    ):
        assert await ask(line) == (403, "CB2041")
        line.send(post(MESSAGE, caller="kokuho"))
        assert (await line.response()).status == 200


async def test_the_plain_listener_refuses_an_endpoint_that_has_to_use_tls() -> None:
    """Beside the protected one it serves the others; health needs neither."""
    async with (
        protected(Caller(tls=True), pki().front(clients="none"), plain=True) as (_, server),
        connected(server) as line,
        connected(server, pki().caller()) as safe,
    ):
        assert await ask(line) == (403, "CB2040")
        assert await ask(safe) == (200, "")
        line.send(post(MESSAGE, caller="kokuho"))
        assert (await line.response()).status == 200
        safe.send(get("/health/live"))
        assert (await safe.response()).status == 200


@pytest.mark.parametrize("kind", ["wrong authority", "expired", "not yet valid", "wrong usage", "none"])
async def test_a_handshake_with_a_bad_certificate_fails(kind: str) -> None:
    """Nothing is answered; others are served on."""
    good = pki().client("tax")
    context = pki().caller(None if kind == "none" else pki().bad_client(kind))
    async with protected(certified(good), pki().front()) as (_, server):
        with pytest.raises(REFUSED):
            async with connected(server, context) as line:
                await ask(line)
        async with connected(server, pki().caller(good)) as line:
            assert await ask(line) == (200, "")


async def test_a_revoked_certificate_is_refused_and_an_old_list_says_nothing() -> None:
    """CB2043 for the revoked one, CB2044 when the list is past its date; ``accept`` lets the latter pass."""
    bad, good = pki().client("tax"), pki().client("tax")
    fresh = pki().clients.revocation_list([bad.serial])
    old = pki().clients.revocation_list([bad.serial], from_s=-2 * DAY, days=1)
    cases = (
        (fresh, "refuse", good, (200, "")),
        (fresh, "refuse", bad, (403, "CB2043")),
        (old, "refuse", good, (503, "CB2044")),
        (old, "accept", good, (200, "")),
        (old, "accept", bad, (403, "CB2043")),
    )
    for crl, stale, made, expected in cases:
        async with (
            protected(certified(bad, good), pki().front(lists=(crl,), stale=stale)) as (_, server),
            connected(server, pki().caller(made)) as line,
        ):
            assert await ask(line, drop=NO_SECRET) == expected


async def test_a_certificate_that_ends_while_its_connection_goes_on_is_refused() -> None:
    """A kept connection does not outlive the certificate."""
    tax = pki().client("tax")
    async with (
        protected(certified(tax), pki().front()) as (town, server),
        connected(server, pki().caller(tax)) as line,
    ):
        assert await ask(line) == (200, "")
        town.clock.at = facts(tax).not_after + 1
        assert await ask(line) == (403, "CB2043")


async def test_a_resumed_session_is_still_somebody() -> None:
    """The certificate belongs to the session: a short handshake lets in nobody that a whole one would not."""
    tax = pki().client("tax")
    context = pki().caller(tax)
    async with protected(certified(tax), pki().front()) as (_, server):
        reused = []
        for _ in range(2):
            async with connected(server, context) as line:
                assert await ask(line, drop=NO_SECRET) == (200, "")
                connection = line.writer.get_extra_info("ssl_object")
                context.remember(connection)
                reused.append(connection.session_reused)
        assert reused == [False, True]


async def test_two_certificates_are_bound_while_one_replaces_the_other() -> None:
    """During the overlap both are let in, before and after only one; subject and issuer cover both at once."""
    old, new = pki().client("tax"), pki().client("tax")
    same = Binding(issuer=facts(old).issuer, subject=facts(old).subject)
    for caller, expected in (
        (certified(old), (200, 403)),
        (certified(old, new), (200, 200)),
        (certified(new), (403, 200)),
        (Caller("certificate", certificates=(same,)), (200, 200)),
    ):
        async with protected(caller, pki().front()) as (_, server):
            for made, status in zip((old, new), expected, strict=True):
                async with connected(server, pki().caller(made)) as line:
                    assert (await ask(line, drop=NO_SECRET))[0] == status


async def test_a_new_server_certificate_is_shown_to_new_connections_and_ends_no_old_one() -> None:
    """Rotation without a gap."""
    tax, first, second = pki().client("tax"), pki().server(name="first"), pki().server(name="second")
    async with (
        protected(certified(tax), pki().front(made=first)) as (_, server),
        connected(server, pki().caller(tax)) as before,
    ):
        assert await ask(before) == (200, "")
        server.renew(pki().front(made=second))
        async with connected(server, pki().caller(tax)) as after:
            shown = after.writer.get_extra_info("ssl_object").getpeercert()
            assert "second" in str(shown["subject"])
            assert await ask(after) == (200, "")
        assert await ask(before) == (200, "")


async def test_a_handshake_that_does_not_go_on_is_ended_and_disturbs_nobody() -> None:
    """Many clients that say nothing, or only the beginning; another one is served meanwhile."""
    tax = pki().client("tax")
    async with protected(certified(tax), pki().front(handshake_timeout_s=0.3)) as (_, server):
        host, port = server.addresses[-1]
        silent = [await asyncio.open_connection(host, port) for _ in range(20)]
        for _, writer in silent[:10]:
            writer.write(b"\x16\x03\x01\x02\x00\x01")
        async with connected(server, pki().caller(tax)) as line:
            assert await ask(line) == (200, "")
        for reader, writer in silent:
            async with asyncio.timeout(5):
                with suppress(ConnectionError):
                    await reader.read()
            writer.close()
        assert server.handshakes is not None
        await until_async(lambda: server.handshakes is not None and server.handshakes.under_way == 0)


async def test_what_is_not_tls_gets_no_answer() -> None:
    """A plain request at the protected listener."""
    async with protected(None, pki().front(clients="none")) as (_, server):
        host, port = server.addresses[-1]
        line = Line(*await asyncio.open_connection(host, port))
        line.send(get("/health/live"))
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert not (await line.reader.read()).startswith(b"HTTP")
        await line.close()


async def test_tls_1_1_is_refused() -> None:
    """And 1.2 is spoken only with forward secrecy."""
    async with protected(None, pki().front(clients="none")) as (_, server):
        with pytest.warns(DeprecationWarning):
            old = old_protocol(pki().caller())
        with pytest.raises(REFUSED):
            async with connected(server, old):
                pass
        new = pki().caller()
        new.maximum_version = ssl.TLSVersion.TLSv1_2
        async with connected(server, new) as line:
            assert line.writer.get_extra_info("cipher")[0].startswith("ECDHE-")
        static = pki().caller()
        static.maximum_version = ssl.TLSVersion.TLSv1_2
        static.set_ciphers("AES128-GCM-SHA256")
        with pytest.raises(REFUSED):
            async with connected(server, static):
                pass


async def test_a_minimum_of_1_3_is_kept() -> None:
    """For a site that wants no 1.2."""
    tls = pki().front(clients="none")
    tls = replace(tls, material=replace(tls.material, minimum="1.3"))
    async with protected(None, tls) as (_, server):
        old = pki().caller()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(REFUSED):
            async with connected(server, old):
                pass
        async with connected(server, pki().caller()) as line:
            assert line.writer.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_a_large_message_comes_whole_and_a_refused_one_gets_its_answer() -> None:
    """Records, not packets: 3 MB arrive; a body beyond the limit is refused although it is still being sent."""
    async with (
        protected(None, pki().front(clients="none")) as (_, server),
        connected(server, pki().caller()) as line,
        connected(server, pki().caller()) as other,
    ):
        line.send(post(MESSAGE.replace(b"</soap:Envelope>", b"</soap:Envelope>" + b" " * 3_000_000)))
        assert (await line.response()).status in {200, 500}
        other.send(post(b"x" * 20_000_000))
        got = await other.response()
        assert (got.status, code_of(got)) == (413, "CB1006")


async def test_http_1_0_over_tls_ends_with_the_answer() -> None:
    """The connection is closed in the manner of TLS, so that a client knows that nothing was cut off."""
    async with (
        protected(None, pki().front(clients="none")) as (_, server),
        connected(server, pki().caller()) as line,
    ):
        line.send(post(MESSAGE).replace(b" HTTP/1.1", b" HTTP/1.0"))
        assert (await line.response()).status == 200
        assert await line.ended()
