"""``[adapter.tls]``: the face asks the bus for its certificate, and with the same certificate the adapter calls it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.host import process
from adapters.host.process import Host
from bus.core.basic import basic_header
from bus.core.channel import TlsClient, TlsMaterial
from bus.core.clock import SystemClock
from bus.core.errors import ConfigurationError, DeliveryError
from bus.core.tls import server_context
from bus.core.types import Endpoint
from bus.deliver.sender import PooledSender
from bus.ops.certificate_maker import Made
from schemas.model import Edition
from tests.host.fake_bus import FakeBus
from tests.host.place import Place, ido_file
from tests.host.test_face import NOTICE, notice
from tests.support.pki import HERE, facts, pki, write
from tests.support.polling import until_async
from tests.support.residents import resident

pytestmark = pytest.mark.slow
TABLE = """[adapter.tls]
certificate = "tls/adapter.pem"
key = "tls/adapter.key"
ca = "tls/ca.pem"
"""
BOTH = ("server_auth", "client_auth")


def protect(place: Place) -> Made:
    """Give every adapter of the site the same certificate; trusted are the bus as client and as server."""
    made = pki().servers.issue("adapter", names=HERE, purposes=BOTH)
    write(place.folder / "tls", "adapter", made)
    (place.folder / "tls/ca.pem").write_bytes(pki().clients.pem + pki().servers.pem)
    place.tls = TABLE
    return made


async def delivered(host: Host, body: bytes, made: Made | None, *, scheme: str = "https") -> str:
    """An empty text, or the code that a delivery of the bus to this face gets."""
    shown = TlsMaterial(made.certificate, made.key) if made else TlsMaterial()
    tls = TlsClient(replace(shown, authorities=pki().servers.pem)) if scheme == "https" else None
    address = f"{scheme}://127.0.0.1:{host.web.port}/soap/990019/tax"
    sender = PooledSender(SystemClock())
    headers = (
        ("Content-Type", "text/xml; charset=utf-8"),
        ("Authorization", basic_header("chiikibus", "secret-of-tax")),
        ("Chiikibus-Sender", "990019/juki"),
    )
    try:
        reply = await sender.post(Endpoint("tax", "990019", "x", address=address, tls=tls), body, headers, 10)
    except DeliveryError as error:
        return error.code
    finally:
        await sender.close()
    assert reply.status == 200
    return ""


async def test_the_face_takes_only_what_comes_with_a_certificate_it_trusts(place: Place, edition: Edition) -> None:
    """The bus with its certificate; nobody without one, with a strange one, or over plain HTTP."""
    protect(place)
    async with place.running("a-tax") as host:
        assert host.web.url.startswith("https://")
        body = notice(edition)
        assert await delivered(host, body, pki().client("bus")) == ""
        for made in (None, pki().bad_client("wrong authority"), pki().bad_client("expired")):
            assert await delivered(host, body, made) in {"CB2047", "CB5003"}
        assert await delivered(host, body, pki().client("bus"), scheme="http") == "CB5003"


async def test_an_adapter_shows_its_certificate_to_the_bus(place: Place, bus: FakeBus) -> None:
    """A file goes out over TLS; the bus sees the adapter's certificate with every message."""
    made = protect(place)
    await restart(bus, pki().server())
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file([resident()]))
        await until_async(lambda: len(bus.of(NOTICE)) == 1, what="the notice")
    assert set(bus.callers) == {facts(made).sha256}


async def test_an_adapter_tells_nothing_to_a_bus_it_does_not_trust(place: Place, bus: FakeBus) -> None:
    """The message waits; when the right bus is there, it arrives once."""
    attempts: list[bool] = []
    protect(place)
    await restart(bus, pki().stranger.issue("bus", names=HERE))
    assert bus.tls is not None
    bus.tls.sni_callback = lambda *_: attempts.append(True)
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file([resident()]))
        await until_async(lambda: len(attempts) > 1, what="the adapter to try again")
        assert place.status("a-juki")["outbox"] == {"waiting": 1}
        assert bus.taken == []
        await restart(bus, pki().server())
        await until_async(lambda: len(bus.of(NOTICE)) == 1, within_s=30, what="the notice")
    assert bus.repeats == 0


async def test_a_certificate_for_one_purpose_is_refused_before_anything_starts(place: Place) -> None:
    """An adapter is a server and a client with the same certificate: CB7046 names what is missing."""
    protect(place)
    write(place.folder / "tls", "adapter", pki().server())
    place.write()
    with pytest.raises(ConfigurationError) as caught:
        await asyncio.to_thread(process.load, place.folder, "a-tax")
    found = {(each.code, each.path) for each in caught.value.findings}
    assert found == {("CB7046", f"adapters.toml: adapter[{number}].tls.certificate") for number in range(3)}


async def restart(bus: FakeBus, shown: Made) -> None:
    """The bus with TLS, on its port."""
    await bus.stop()
    both = pki().clients.pem + pki().servers.pem
    bus.tls = server_context(TlsMaterial(shown.certificate, shown.key, authorities=both), "required")
    await bus.start()
