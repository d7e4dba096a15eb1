"""Message security of an adapter: it signs what it sends and answers, and takes only what the bus signed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lxml import etree

from adapters.host.bus_client import BusClient
from adapters.host.guard import guard_of
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.ids import SystemIds
from bus.core.types import EndpointSecurity, Inbound
from bus.ops.security_maker import make_keys
from bus.wire import envelope, safe_xml
from bus.wire.security.gate import Gate
from bus.wire.security.keys import SigningKey, certificates_of, read_private, signing_key
from bus.wire.security.load import gate_with
from bus.wire.security.sign import Signing, sign
from schemas.model import Edition
from tests.host.place import Caller, Place
from tests.host.test_face import fault_of, notice

ADAPTER, BUS = "file:secrets/security/bus-sign.crt", "file:trust/endpoints/990019-bus.crt"
"""The adapter signs with the pair ``bus-sign``; the bus of this test with the one made for the endpoint ``bus``."""


def keys(place: Place) -> SigningKey:
    """Make the keys, and name them in the adapter's settings; the bus's key."""
    place.write()
    make_keys(place.folder, [("990019", "bus")], time.time() - 600)
    place.settings["a-tax"] |= {"sign": "bus-sign", "bus_certificates": BUS}
    certificate = certificates_of((place.folder / BUS.removeprefix("file:")).read_bytes(), "x")[0]
    private = read_private((place.folder / "secrets/test-only-endpoints/990019-bus.key").read_bytes(), "x")
    return signing_key("bus", private, certificate, "x")


def by_the_bus(raw: bytes, key: SigningKey, name: str = "b1") -> bytes:
    """The message as the bus signs it now."""
    root = safe_xml.parse(raw)
    sign(root, Signing(key, time.time(), 300.0, name))
    return etree.tostring(root)


def at_the_bus(folder: Path) -> Gate:
    """What verifies the adapter's signature."""
    settings = EndpointSecurity(inbound=Inbound.SIGNED, certificates=(ADAPTER,))
    return gate_with(load_site(folder), settings, "tax", [])


def verified(gate: Gate, body: bytes, relates_to: str = "") -> None:
    """The adapter signed it. Errors: SecurityRefusal."""
    root = safe_xml.parse(body)
    gate.check(root, envelope.read(root), time.time(), private=False, encrypted=False, relates_to=relates_to)


@pytest.mark.slow
async def test_the_face_takes_what_the_bus_signed_and_signs_what_it_answers(place: Place, edition: Edition) -> None:
    """Unsigned or changed: a refusal without a reason, itself signed. Signed anew it is the same message."""
    key = keys(place)
    raw = notice(edition)
    async with place.running("a-tax") as host:
        refused = await Caller(host).post(raw)
        status, _, body = await Caller(host).post(by_the_bus(raw, key))
        again = await Caller(host).post(by_the_bus(raw, key, "b2"))
        changed = await Caller(host).post(by_the_bus(raw, key).replace(b"<soap:Body", b"<soap:Body x='1'"))
    gate = at_the_bus(place.folder)
    assert [(each[0], fault_of(each[2]).code) for each in (refused, changed)] == [(500, "CB2020")] * 2
    assert (status, again[0]) == (200, 200)
    for answer in (body, again[2]):
        verified(gate, answer, "urn:uuid:00000000-0000-4000-8000-000000000001")
    assert (place.status("a-tax")["inbox"], sum(place.status("a-tax")["received"].values())) == (1, 1)


async def test_the_client_signs_and_believes_only_the_bus(place: Place, edition: Edition) -> None:
    """An answer that anybody could have made is asked for again; what was sent is signed."""
    keys(place)
    place.write()
    site = load_site(place.folder)
    spec = next(each for each in site.adapters if each.id == "a-tax")
    guard = guard_of(site, spec, SystemClock(), SystemIds())
    assert guard is not None
    client = BusClient(place.bus.url, "990019", "juki", "secret-of-juki", guard=guard)
    try:
        answer = await client.post("juki", "urn:chiikibus:standard:1.0:juki/ido_tsuchi", notice(edition))
    finally:
        await client.close()
    assert (answer.code, answer.retryable) == ("CB2032", True)
    verified(at_the_bus(place.folder), place.bus.taken[-1].raw)


def test_an_adapter_without_such_settings_has_no_guard(place: Place) -> None:
    """And loads none of the libraries."""
    place.write()
    site = load_site(place.folder)
    assert [guard_of(site, spec, SystemClock(), SystemIds()) for spec in site.adapters] == [None] * len(site.adapters)
