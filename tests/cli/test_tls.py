"""``chiikibus tls explain``: real servers with one thing wrong each, and callers judged by their certificates."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.core.certificates import read_certificates
from bus.core.channel import Caller, TlsClient, TlsMaterial
from bus.core.clock import SystemClock
from bus.core.errors import DeliveryError
from bus.core.settings import FrontSettings
from bus.core.tls import server_context
from bus.core.types import Endpoint
from bus.deliver.sender import PooledSender
from bus.ops.certificate_maker import DAY, Authority, Made
from bus.ops.tls_accept import judge
from bus.ops.tls_causes import CAUSES
from bus.ops.tls_explain import Explained, Target, explain
from bus.ops.tls_listening import Listening, readable
from tests.cli.conftest import Cli
from tests.support.network import free_port
from tests.support.pki import HERE, NOW, bound, facts, old_protocol, pki, write
from tests.support.sites import change
from tests.support.tls_server import ANSWER, Serve, hanging_up, plain_http, serving, show, silent, speaking, tls_context

TIMEOUT_S = 5.0
TAX = Endpoint("tax", "990019", "kojinjuminzei", address="https://127.0.0.1/")
REQUIRED = ssl.CERT_REQUIRED
ANY = "*"
"""What a delivery says of a server that sends an alert and is gone depends on which of both is read first."""


def material(made: Made | None = None, **more: Any) -> TlsMaterial:
    """What the bus shows and trusts."""
    shown = TlsMaterial(made.certificate, made.key) if made else TlsMaterial()
    return replace(shown, authorities=pki().servers.pem, **more)


def mutual(made: Made | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> Serve:
    """A server that asks for certificates of the clients' authority."""
    context = tls_context(made, clients=REQUIRED)
    context.maximum_version = version
    return speaking(context)


def seen(port: int, given: TlsMaterial, *, name: str = "127.0.0.1", timeout_s: float = TIMEOUT_S) -> Explained:
    """The explanation of a connection to this machine."""
    return explain(given, Target("127.0.0.1", port, name), lambda: NOW, timeout_s)


def said_by_the_bus(port: int, given: TlsMaterial, name: str, timeout_s: float) -> str:
    """The code that a delivery to the same server would get, ``""`` for an answer."""

    async def post() -> str:
        sender = PooledSender(SystemClock())
        target = replace(TAX, address=f"https://127.0.0.1:{port}/", tls=TlsClient(given, name))
        try:
            await sender.post(target, b"x", (("Content-Type", "text/xml"),), timeout_s)
        except DeliveryError as error:
            return error.code
        finally:
            await sender.close()
        return ""

    return asyncio.run(post())


class Case(NamedTuple):
    """A server, what the bus has, and the cause."""

    serve: Callable[[], Serve]
    material: Callable[[], TlsMaterial]
    cause: str
    name: str = "127.0.0.1"
    delivery: str | None = None
    timeout_s: float = TIMEOUT_S


def server(**how: Any) -> Callable[[], Serve]:
    """A server whose certificate was issued so."""
    return lambda: speaking(tls_context(pki().servers.issue("bus", **{"names": HERE, **how})))


def below_an_old_authority() -> Serve:
    """A good certificate of an intermediate that has ended."""
    between = Authority("between", NOW, days=-0.01, above=pki().servers)
    made = between.issue("bus", names=HERE)
    return speaking(tls_context(replace(made, certificate=made.certificate + between.pem)))


def of_a_stranger() -> Serve:
    """A server of an authority that nobody trusts."""
    return speaking(tls_context(pki().stranger.issue("bus", names=HERE)))


def only(version: ssl.TLSVersion) -> Callable[[], Serve]:
    """A server that speaks no newer protocol."""

    def make() -> Serve:
        context = tls_context()
        if version is ssl.TLSVersion.TLSv1_1:
            with pytest.warns(DeprecationWarning):
                return speaking(old_protocol(context))
        context.maximum_version = version
        return speaking(context)

    return make


def not_serving_this_host() -> Serve:
    """A server with several hosts, none of which is ours."""
    context = tls_context()
    context.sni_callback = lambda *_: ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return speaking(context)


def telling_in_http(status: int) -> Callable[[], Serve]:
    """A server that lets every handshake end well and refuses afterwards."""
    answer = f"HTTP/1.1 {status} No required SSL certificate was sent\r\nContent-Length: 0\r\n\r\n".encode()
    return lambda: speaking(tls_context(clients=ssl.CERT_OPTIONAL), answer)


@cache
def revoked() -> Made:
    """A server's certificate that is on the list."""
    return pki().server()


def listing(*, days: float = 30, from_s: float = -3600) -> Callable[[], TlsMaterial]:
    """The list of the servers' authority."""
    return lambda: material(lists=(pki().servers.revocation_list((revoked().serial,), days=days, from_s=from_s),))


CASES = {
    "all is well": Case(server(), material, "fine"),
    "all is well, mutual": Case(mutual, lambda: material(pki().client("bus")), "fine"),
    "wrong CA": Case(of_a_stranger, material, "unknown-issuer"),
    "expired": Case(server(from_s=-2 * DAY, days=1), material, "expired"),
    "not yet valid": Case(server(from_s=DAY), material, "not-yet-valid"),
    "an intermediate has ended": Case(below_an_old_authority, material, "issuer-dates"),
    "wrong name": Case(server(), material, "wrong-name", name="tax.example"),
    "wrong key usage": Case(server(purposes=("client_auth",)), material, "wrong-usage"),
    "weak key": Case(server(rsa_bits=1024), material, "weak"),
    "revoked": Case(lambda: speaking(tls_context(revoked())), listing(), "revoked"),
    "an old list": Case(server(), listing(days=1, from_s=-2 * DAY), "revocation-unknown"),
    "no client certificate": Case(mutual, material, "no-client-certificate"),
    "no client certificate, 1.2": Case(
        lambda: mutual(version=ssl.TLSVersion.TLSv1_2), material, "no-client-certificate"
    ),
    "no client certificate, said in HTTP": Case(telling_in_http(400), material, "no-client-certificate", delivery=""),
    "no client certificate, gone at once": Case(
        lambda: speaking(tls_context(clients=REQUIRED), rudely=True), material, "no-client-certificate", delivery=ANY
    ),
    "client certificate of another authority": Case(
        mutual, lambda: material(pki().bad_client("wrong authority")), "client-refused"
    ),
    "client certificate has ended": Case(mutual, lambda: material(pki().bad_client("expired")), "client-dates"),
    "client certificate not for clients": Case(
        mutual, lambda: material(pki().bad_client("wrong usage")), "client-refused"
    ),
    "no common version": Case(only(ssl.TLSVersion.TLSv1_2), lambda: material(minimum="1.3"), "nothing-common"),
    "an old server": Case(only(ssl.TLSVersion.TLSv1_1), material, "nothing-common"),
    "no such host": Case(not_serving_this_host, material, "unrecognized-name", name="localhost"),
    "plain HTTP": Case(lambda: plain_http, material, "no-tls"),
    "hangs up": Case(lambda: hanging_up, material, "no-tls", delivery="CB5001"),
    "says nothing": Case(lambda: silent, material, "no-tls", delivery="CB5001", timeout_s=0.3),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_cause_is_named_and_it_is_the_one_that_stops_deliveries(case: Case) -> None:
    """Each server has one thing wrong; explanation and delivery say the same code unless the case says otherwise."""
    with serving(case.serve()) as port:
        found = seen(port, case.material(), name=case.name, timeout_s=case.timeout_s)
        expected = CAUSES[case.cause].code
        assert found.cause == case.cause, found
        delivered = said_by_the_bus(port, case.material(), case.name, case.timeout_s)
        assert case.delivery in {delivered, ANY} or (case.delivery is None and delivered == expected)


def test_what_was_seen_is_shown() -> None:
    """Protocol, cipher, chain with dates and usage, name, trust, revocation, our certificate, status and clock."""
    date = formatdate(NOW + 600, usegmt=True).encode()
    late = ANSWER.replace(b"\r\n\r\n", b"\r\nDate: " + date + b"\r\n\r\n")
    own, lists = pki().client("bus"), (pki().servers.revocation_list(),)
    with serving(speaking(tls_context(clients=REQUIRED), late)) as port:
        found = seen(port, material(own, lists=lists))
    assert (found.protocol, found.cipher) == ("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    leaf = found.chain[0]
    assert (leaf.names, leaf.purposes, leaf.validity) == (HERE, ("server_auth",), "valid")
    assert (found.name_matches, found.trusted, found.revocation) == (True, True, "good")
    assert found.own is not None
    assert (found.own.sha256, found.client, found.http_status) == (facts(own).sha256, "accepted", 405)
    assert found.skew_s is not None
    assert abs(found.skew_s - 600) < 60
    assert found.notes == ["clock"]


def test_a_clock_is_read_even_behind_a_certificate_that_is_refused() -> None:
    """Whoever meets a certificate that is not valid yet wants to know whether it is the clock."""
    date = formatdate(NOW + DAY + 60, usegmt=True).encode()
    late = ANSWER.replace(b"\r\n\r\n", b"\r\nDate: " + date + b"\r\n\r\n")
    made = pki().servers.issue("bus", names=HERE, from_s=DAY)
    with serving(speaking(tls_context(made), late)) as port:
        found = seen(port, material())
    assert (found.cause, found.chain[0].validity, found.protocol) == ("not-yet-valid", "not-yet", "TLSv1.3")
    assert found.skew_s is not None
    assert found.skew_s > DAY


def test_what_ends_soon_is_noted() -> None:
    """Both certificates are looked at while everything still works."""
    soon = pki().clients.issue("bus", purposes=("client_auth",), days=20)
    with serving(mutual(pki().server(days=29))) as port:
        assert seen(port, material(soon)).notes == ["theirs-end-soon", "ours-end-soon"]


@pytest.mark.slow
@given(st.binary(max_size=300), st.sampled_from((0x0303, 0x0304)), st.sampled_from((11, 13)))
def test_hostile_handshake_messages_raise_nothing(data: bytes, version: int, kind: int) -> None:
    """The library hands messages over before it has judged them."""
    listening = Listening(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    listening.hear(None, "read", version, 22, kind, data)
    listening.hear(None, "read", version, 21, 0, data)
    assert listening.spoke
    assert listening.chain == ()
    assert all(readable(name) is not None for name in listening.authorities)


def tls_site(folder: Path, *, clients: str = "optional", lists: str = "") -> None:
    """Give a site folder a listener with TLS, and its tax office a certificate."""
    write(folder / "tls", "bus", pki().server())
    write(folder / "tls", "tax", pki().client("tax"))
    write(folder / "tls", "juki", pki().client("juki"))
    (folder / "tls/ca.pem").write_bytes(pki().clients.pem)
    (folder / "tls/servers.pem").write_bytes(pki().servers.pem)
    change(
        folder / "site.toml",
        "[journal]",
        f'[front.tls]\nlisten = "127.0.0.1:8443"\ncertificate = "tls/bus.pem"\nkey = "tls/bus.key"\n'
        f'client_ca = "tls/ca.pem"\nclient_certificates = "{clients}"\n{lists}\n[journal]',
    )
    change(folder / "site.toml", "[delivery]\n", '[delivery]\ntls = { ca = "tls/servers.pem" }\n')
    path = folder / "endpoints.toml"
    caller = 'purpose = "kazei", caller = { certificates = [{ file = "tls/tax.pem" }] }'
    path.write_text(path.read_text("utf-8").replace('purpose = "kazei"', caller), "utf-8")


@pytest.mark.slow
def test_an_endpoint_and_an_address_are_called_as_the_site_says(cli: Cli, folder: Path) -> None:
    """0 fine, 1 refused, 3 nobody there; one JSON document or lines for a person with the code and what to do."""
    tls_site(folder)
    with serving(speaking(tls_context())) as port:
        path = folder / "endpoints.toml"
        path.write_text(path.read_text("utf-8").replace("http://127.0.0.1:9", f"https://127.0.0.1:{port}", 1), "utf-8")
        fine = cli("tls", "explain", "--site", folder, "--endpoint", "juki", "--json")
        assert (fine.code, fine.document["cause"], fine.document["code"]) == (0, "fine", "")
        address = ("--address", f"127.0.0.1:{port}")
        assert cli("tls", "explain", "--site", folder, *address).code == 0
        refused = cli("tls", "explain", "--site", folder, *address, "--name", "tax.example")
        assert refused.code == 1
        assert "CB2046" in refused.out
        assert "server_name" in refused.out
        assert cli("tls", "explain", *address, "--ca", folder / "tls/servers.pem").code == 0
        assert cli("tls", "explain", *address, "--ca", folder / "tls/ca.pem", "--json").document["code"] == "CB2046"
    nobody = cli("tls", "explain", "--site", folder, "--address", f"127.0.0.1:{free_port()}", "--json")
    assert (nobody.code, nobody.document["code"]) == (3, "CB5001")


@pytest.mark.slow
def test_what_is_shown_may_be_said(cli: Cli, folder: Path) -> None:
    """A vendor without a site tries out how it would call the bus."""
    tls_site(folder)
    files = ("--certificate", folder / "tls/tax.pem", "--key", folder / "tls/tax.key")
    with serving(mutual()) as port:
        calling = ("tls", "explain", "--address", f"127.0.0.1:{port}", "--ca", folder / "tls/servers.pem", "--json")
        assert cli(*calling).document["cause"] == "no-client-certificate"
        assert cli(*calling, *files).document["client"] == "accepted"
        assert cli(*calling, *files[:3], folder / "tls/juki.key").document["error"]["code"] == "CB7043"
        assert cli(*calling, *files[:3], folder / "tls/juki.pem").document["error"]["code"] == "CB7041"
        assert cli(*calling, *files[:2]).document["error"]["code"] == "CB7030"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "CB7030"),
        (("--endpoint", "tax", "--address", "a:1"), "CB7030"),
        (("--endpoint", "tax"), "CB7030"),
        (("--endpoint", "nobody"), "CB7014"),
        (("--from", "nobody"), "CB7014"),
        (("--from", "tax"), "CB7001"),
        (("--address", "here"), "CB7030"),
        (("--address", "here:99999"), "CB7030"),
        (("--address", "here:1", "--ca", "/nowhere"), "CB7030"),
    ],
)
def test_wrong_usage_is_said(cli: Cli, folder: Path, arguments: tuple[str, ...], code: str) -> None:
    """Exit 2, with the code."""
    found = cli("tls", "explain", "--site", folder, *arguments, "--json")
    assert (found.code, found.document["error"]["code"]) == (2, code)


@pytest.mark.slow
def test_callers_are_judged_as_the_front_does(cli: Cli, folder: Path) -> None:
    """The own certificate, that of somebody else, none: exit 0 or 1 with the code that the caller would meet."""
    tls_site(folder)

    def judged(*arguments: str | Path) -> tuple[int, str]:
        found = cli("tls", "explain", "--site", folder, *arguments, "--json")
        return found.code, found.document["code"]

    own = ("--certificate", folder / "tls/tax.pem")
    assert judged("--from", "tax", *own) == (0, "")
    assert judged("--from", "tax", "--certificate", folder / "tls/juki.pem") == (1, "CB2042")
    assert judged("--from", "tax") == (1, "CB2041")
    assert judged("--from", "tax", "--certificate", folder / "tls/bus.pem") == (1, "CB2045")
    assert judged("--from", "juki") == (0, "")
    text = cli("tls", "explain", "--site", folder, "--from", "tax", "--certificate", folder / "tls/juki.pem").out
    assert [line for line in text.splitlines() if "CB2042" in line]
    for name in ("tax", "juki"):
        assert read_certificates((folder / f"tls/{name}.pem").read_bytes())[0].sha256 in text


@pytest.mark.parametrize("kind", ["wrong authority", "expired", "not yet valid", "wrong usage", "weak", "good"])
def test_the_judgement_of_a_certificate_is_that_of_a_handshake(kind: str) -> None:
    """The rules written here and those of the library say the same of every kind of certificate."""
    if kind == "good":
        made = pki().client()
    elif kind == "weak":
        made = pki().clients.issue("tax", purposes=("client_auth",), rsa_bits=1024)
    else:
        made = pki().bad_client(kind)
    tls = pki().front()
    endpoint = replace(TAX, caller=Caller("certificate", certificates=bound(made)))
    found = judge(FrontSettings(tls=tls), tls, endpoint, made.certificate, NOW)
    assert (found.cause == "fine") is (kind == "good") is shakes_hands(made)
    assert kind == "good" or CAUSES[found.cause].code == "CB2045"


def shakes_hands(made: Made) -> bool:
    """Whether the front's context lets a client with this certificate in, without a network."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_verify_locations(cadata=pki().servers.pem.decode())
    show(context, made)
    tls = pki().front()
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(back, there, server_hostname="localhost")
    front = server_context(tls.material, tls.client_certificates).wrap_bio(there, back, server_side=True)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with suppress(ssl.SSLWantReadError):
        front.do_handshake()
    client.do_handshake()
    try:
        front.do_handshake()
    except ssl.SSLError:
        return False
    return True
