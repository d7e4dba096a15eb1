"""TLS to a real RabbitMQ that wants a certificate of its clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bus.broker.amqp.broker import RabbitMqBroker
from bus.broker.amqp.link import Link
from bus.core.channel import TlsMaterial
from bus.core.errors import BrokerError
from bus.core.tls import client_context
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment
from tests.support.pki import pki, write
from tests.support.rabbit_server import rabbitmq_at, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.system]

TAX = f"{MUNICIPALITY}/tax"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A node whose TLS listener refuses whoever shows no certificate of the clients' authority."""
    folder = tmp_path_factory.mktemp("rabbitmq")
    certificate, key = write(folder / "tls", "server", pki().server(name="broker"))
    authority = folder / "tls" / "clients.pem"
    authority.write_bytes(pki().clients.pem)
    options = {
        "certfile": certificate, "keyfile": key, "cacertfile": authority,
        "verify": "verify_peer", "fail_if_no_peer_cert": "true",
    }  # fmt: skip
    with rabbitmq_at(folder, tls="\n".join(f"ssl_options.{name} = {value}" for name, value in options.items())) as node:
        yield node


def material(**changes: bytes) -> TlsMaterial:
    """What the bus shows and trusts, as ``[broker.tls]`` with ca, certificate and key."""
    shown = pki().client("bus")
    whole = {"certificate": shown.certificate, "key": shown.key, "authorities": pki().servers.pem}
    return TlsMaterial(**{**whole, **changes})


def _stranger() -> TlsMaterial:
    made = pki().bad_client("wrong authority")
    return material(certificate=made.certificate, key=made.key)


async def test_both_sides_show_certificates_and_messages_flow(guarded: Any) -> None:
    """With ca, certificate and key the bus publishes and takes over TLS."""
    settings = settings_for(guarded, nodes=(("127.0.0.1", guarded.tls_port),))
    broker = RabbitMqBroker(settings, lambda each: b"body", context=lambda: client_context(material()))
    await broker.open()
    sent = consignment(acceptance())
    await broker.publish([sent])
    (lease,) = await broker.subscribe(TAX).take(1)
    assert lease.consignment.delivery_id == sent.delivery_id
    await broker.close()


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda: material(certificate=b"", key=b""), id="no certificate"),
        pytest.param(_stranger, id="a certificate of another authority"),
        pytest.param(lambda: material(authorities=pki().stranger.pem), id="a server of another authority"),
    ],
)
async def test_whoever_shows_a_wrong_certificate_is_refused(guarded: Any, wrong: Callable[[], TlsMaterial]) -> None:
    """Either side: no connection, and a code that says so."""
    settings = settings_for(guarded, nodes=(("127.0.0.1", guarded.tls_port),), timeout_s=5.0)
    with pytest.raises(BrokerError) as caught:
        await Link.open(settings, client_context(wrong()), "test")
    assert caught.value.code == "CB5010"
