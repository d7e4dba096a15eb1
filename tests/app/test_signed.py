"""A running bus whose systems sign, in one process and with two workers: bytes kept, replays refused, keys rotated."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from lxml import etree

from bus.core.config import load_site
from bus.core.types import EndpointSecurity, Inbound
from bus.ops.security_maker import make_keys
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.security import names, username
from bus.wire.security.keys import SigningKey, certificates_of, read_private, signing_key
from bus.wire.security.load import gate_with
from bus.wire.security.sign import Signing, sign
from tests.app.conftest import Town
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("town", [1, 2], indirect=True, ids=["one process", "two workers"]),
]
INQUIRY, NOTICE = "juki.jumin_shokai", "juki.ido_tsuchi"
TAX = 'municipality = "990019"\nendpoint = "tax"\n'


def key_of(folder: Path, name: str) -> SigningKey:
    """The key pair that an endpoint was handed."""
    certificate = certificates_of((folder / f"trust/endpoints/990019-{name}.crt").read_bytes(), name)[0]
    private = read_private((folder / f"secrets/test-only-endpoints/990019-{name}.key").read_bytes(), name)
    return signing_key(name, private, certificate, name)


def signed(town: Town, raw: bytes, name: str = "tax") -> bytes:
    """The message as the endpoint signs it now."""
    root = safe_xml.parse(raw)
    sign(root, Signing(key_of(town.folder, name), time.time(), 300.0, "s1"))
    return etree.tostring(root, encoding="utf-8")


def inquiry(town: Town, number: int = 0) -> bytes:
    """A question of tax; without a number it has no id."""
    message_id = f"urn:uuid:00000000-0000-4000-8000-{number:012x}" if number else ""
    return message(town.edition, INQUIRY, {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}, message_id)


def verified(town: Town, raw: bytes, certificate: str) -> None:
    """Whoever has this certificate signed every part. Errors: SecurityRefusal."""
    policy = EndpointSecurity(inbound=Inbound.SIGNED, certificates=(f"file:{certificate}",))
    root = safe_xml.parse(raw)
    gate = gate_with(load_site(town.folder), policy, "receiver", [])
    gate.check(root, envelope.read(root), time.time(), private=False, encrypted=False)


def code_of(raw: bytes) -> str:
    """The code of a fault."""
    return read_fault(envelope.read(safe_xml.parse(raw)).body).code


async def secure(town: Town) -> None:
    """Make keys for everybody and reload with the policies of tax and juki."""
    made = make_keys(town.folder, [("990019", name) for name in ("tax", "juki", "spare")], time.time() - 60)
    without_spare = made.toml.partition('\n[[policy]]\nmunicipality = "990019"\nendpoint = "spare"')[0]
    (town.folder / "security.toml").write_text(without_spare, "utf-8")
    await town.reload()


async def juki_plain(town: Town) -> None:
    """The register need not sign."""
    path = town.folder / "security.toml"
    signs = 'endpoint = "juki"\ninbound = "signed"'
    change(path, signs, signs.replace("signed", "plain"))
    await town.reload()


async def test_a_signature_still_verifies_at_the_receiver_byte_for_byte(town: Town) -> None:
    """Direct and queued; what nobody signed the bus signs, and an unsigned question is refused."""
    await secure(town)
    await juki_plain(town)
    question = signed(town, inquiry(town, 1))
    status, answer = await town.post("tax", INQUIRY, question)
    assert status == 200
    assert town.juki.received[-1].body == question
    verified(town, town.juki.received[-1].body, "trust/endpoints/990019-tax.crt")
    verified(town, answer, "secrets/security/bus-sign.crt")
    assert code_of((await town.post("tax", INQUIRY, inquiry(town, 2)))[1]) == "CB2020"
    assert len(town.juki.received) == 1


async def test_a_queued_message_keeps_its_senders_signature_and_its_receipt_is_signed(town: Town) -> None:
    """Delivered as it came; the receiver that must sign its receipt and does not is asked again."""
    await secure(town)
    raw = signed(town, message(town.edition, NOTICE, RESIDENT, "urn:uuid:00000000-0000-4000-8000-00000000000a"), "juki")
    status, receipt = await town.post("juki", NOTICE, raw)
    assert status == 200
    verified(town, receipt, "secrets/security/bus-sign.crt")
    await until_async(lambda: bool(town.kokuho.received and town.tax.received), what="both deliveries")
    assert town.kokuho.received[0].body == raw
    verified(town, town.tax.received[0].body, "trust/endpoints/990019-juki.crt")
    await until_async(lambda: town.counts().get("DELIVERED") == 1, what="the delivery to kokuho")
    await until_async(lambda: len(town.tax.received) > 1, what="a second attempt at tax, whose receipt is unsigned")
    assert "DELIVERED" not in {row for row, count in town.counts().items() if count > 1}


async def test_what_counts_once_counts_once_for_all_processes_and_after_a_restart(town: Town) -> None:
    """A signed message without an id, and a nonce."""
    await secure(town)
    await juki_plain(town)
    raw = signed(town, inquiry(town))
    codes = [status for status, _ in [await town.post("tax", INQUIRY, raw) for _ in range(6)]]
    assert sorted(codes) == [200, 500, 500, 500, 500, 500]
    await town.restart()
    assert code_of((await town.post("tax", INQUIRY, raw))[1]) == "CB2020"


async def test_a_username_token_with_its_nonce(town: Town) -> None:
    """The password stands in a file of its own."""
    path = town.folder / "secrets" / "990019-tax-username.key"
    path.write_text("a password\n", "utf-8")
    path.chmod(0o600)
    (town.folder / "security.toml").write_text(f'[[policy]]\n{TAX}inbound = "username"\n', "utf-8")
    await town.reload()
    root = safe_xml.parse(inquiry(town, 3))
    security = etree.SubElement(root[0], names.SECURITY)
    username.write(security, "tax", "a password", b"0123456789abcdef", time.time())
    raw = etree.tostring(root)
    assert (await town.post("tax", INQUIRY, raw))[0] == 200
    again = safe_xml.parse(raw)
    next(again.iter("{*}MessageID")).text = "urn:uuid:00000000-0000-4000-8000-000000000004"
    assert code_of((await town.post("tax", INQUIRY, etree.tostring(again)))[1]) == "CB2020"


async def test_certificates_are_exchanged_with_an_overlap(town: Town) -> None:
    """Old alone, both, new alone: by reloading, without a restart."""
    await secure(town)
    old = '"file:trust/endpoints/990019-tax.crt"'
    path = town.folder / "security.toml"
    await juki_plain(town)
    base = path.read_text("utf-8")
    number = 100
    for listed, accepted in (
        (old, {"tax"}),
        (f'{old}, "file:trust/endpoints/990019-spare.crt"', {"tax", "spare"}),
        ('"file:trust/endpoints/990019-spare.crt"', {"spare"}),
    ):
        path.write_text(base.replace(old, listed), "utf-8")
        await town.reload()
        for name in ("tax", "spare"):
            number += 1
            status, _ = await town.post("tax", INQUIRY, signed(town, inquiry(town, number), name))
            assert (status == 200) is (name in accepted), (listed, name)
