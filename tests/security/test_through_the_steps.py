"""Message security on the way of a message: refusals look alike, bytes are kept, answers signed, nothing replayed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from bus.core.channel import Channel
from bus.core.ports import HttpReply
from bus.core.settings import SecuritySettings
from bus.core.types import EndpointSecurity, Inbound, Outbound
from bus.deliver.outgoing import HouseOutgoing
from bus.wire import envelope, safe_xml
from bus.wire.http import XML, Response
from bus.wire.security import names
from bus.wire.security.encryption import encrypt
from bus.wire.security.keys import certificates_of, recipient
from bus.wire.security.username import write
from tests.pipeline.fakes import RIGHTS, ROUTES, Sent, site
from tests.pipeline.messages import JUKI, addressing, inquiry, notice, resident_reply
from tests.security.ground import NOW, accept, gate, ring, settings, signed
from tests.security.signing import sign_again
from tests.security.site import SIGNED, fault_of, question, secured, signed_question, tree, write_keys

BOTH = replace(SIGNED, outbound=Outbound.SIGNED)
ENCRYPTED = replace(SIGNED, inbound=Inbound.ENCRYPTED)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site folder with the ring's keys."""
    return write_keys(tmp_path)


def encrypted(raw: bytes) -> bytes:
    """The Body encrypted to the bus, after it was signed."""
    root = safe_xml.parse(raw)
    security = next(root.iter(names.SECURITY))
    encrypt(root, security, recipient(ring().bus_decrypt.certificate, "x"), "e1")
    return etree.tostring(root, encoding="utf-8")


async def test_a_signed_message_reaches_the_provider_byte_for_byte(folder: Path) -> None:
    """The sender's signature still verifies at the receiver."""
    town = secured(folder, tax=SIGNED)
    raw = signed_question()
    response = await town.post(raw)
    assert response.status == 200
    assert town.world.sender.sent[0].body == raw
    accept(town.world.sender.sent[0].body, now=NOW + 2)


KINDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "unsigned": ("CB2021", question),
    "two signatures": ("CB2022", lambda: doubled(signed_question())),
    "sha-1": ("CB2023", lambda: signed_question().replace(b"xmldsig-more#rsa-sha256", b"xmldsig#rsa-sha1")),
    "uncovered": ("CB2024", lambda: uncovered(signed_question())),
    "digest": ("CB2025", lambda: signed_question().replace(b"000000000012345", b"000000000054321")),
    "value": ("CB2025", lambda: re.sub(rb"<ds:SignatureValue>....", b"<ds:SignatureValue>AAAA", signed_question())),
    "stranger": ("CB2027", lambda: signed_question(key=ring().stranger)),
    "old": ("CB2028", lambda: signed_question(now=NOW - 86400)),
    "future": ("CB2028", lambda: signed_question(now=NOW + 86400)),
    "not decryptable": ("CB2031", lambda: broken(encrypted(signed_question()), b"ED-e1")),
    "key not decryptable": ("CB2031", lambda: broken(encrypted(signed_question()), b"EK-e1")),
}


def doubled(raw: bytes) -> bytes:
    """A second signature."""
    root = tree(raw)
    security = next(root.iter(names.SECURITY))
    security.append(tree(raw).find(f".//{names.SIGNATURE}"))
    return etree.tostring(root)


def uncovered(raw: bytes) -> bytes:
    """A FaultTo that nobody signed."""
    root = tree(raw)
    block = etree.SubElement(root[0], "{http://www.w3.org/2005/08/addressing}FaultTo")
    etree.SubElement(block, "{http://www.w3.org/2005/08/addressing}Address").text = "http://juki.example/soap"
    return etree.tostring(root)


def broken(raw: bytes, identifier: bytes) -> bytes:
    """One character of a cipher value changed."""
    start = raw.index(b"CipherValue>", raw.index(identifier)) + len(b"CipherValue>") + 40
    return raw[:start] + (b"A" if raw[start : start + 1] != b"A" else b"B") + raw[start + 1 :]


def shape(response: Response) -> bytes:
    """The answer without record number and time."""
    body = re.sub(rb"[0-9a-f]{32}", b"#", response.body)
    body = re.sub(rb"[0-9T:.-]{20,}Z", b"#", body)
    return re.sub(rb"(SignatureValue>|DigestValue>)[^<]+", rb"\1#", body)


@pytest.mark.parametrize(
    "policy", [SIGNED, pytest.param(BOTH, marks=pytest.mark.slow)], ids=["plain answers", "signed answers"]
)
async def test_every_failure_is_answered_alike_and_journalled_by_its_reason(
    folder: Path, policy: EndpointSecurity
) -> None:
    """One code, one text, one length; the operator's code differs."""
    shapes = set()
    for code, make in KINDS.values():
        town = secured(folder, tax=policy)
        response = await town.post(make())
        assert (town.reason, fault_of(response).code) == (code, "CB2020")
        assert (fault_of(response).faultcode, fault_of(response).findings) == ("FailedCheck", ())
        assert not town.world.sender.sent
        lines = [fields for event, fields in town.world.lines if event == "security_refused"]
        assert [line["code"] for line in lines] == [code]
        shapes.add((response.status, response.headers, shape(response)))
    assert len(shapes) == 1


async def test_nothing_an_unverified_message_says_decides_where_its_fault_goes(folder: Path) -> None:
    """A FaultTo of a registered endpoint, or nobody: the answer stays on the connection."""
    for address in ("http://juki.example/soap", "http://www.w3.org/2005/08/addressing/none"):
        town = secured(folder, tax=SIGNED)
        raw = uncovered(signed_question()).replace(b"http://juki.example/soap", address.encode())
        response = await town.post(raw)
        assert fault_of(response).code == "CB2020"
        assert not town.world.outbox.handed


async def test_a_signed_message_again_gets_the_stored_answer(folder: Path) -> None:
    """Its id is signed: a replay does nothing, and a client may sign each attempt anew."""
    town = secured(folder, tax=SIGNED)
    first = await town.post(signed_question())
    again = await town.post(signed_question())
    anew = await town.post(signed_question(now=NOW + 1, name="b2", key=ring().tax_ec))
    assert first.body == again.body == anew.body
    assert len(town.world.sender.sent) == 1
    other = signed(raw=question("urn:uuid:1", "000000000054321"))
    assert fault_of(await town.post(other)).code == "CB3001"


async def test_a_signed_message_without_an_id_counts_once(folder: Path) -> None:
    """What was signed is remembered for as long as it would be accepted."""
    town = secured(folder, tax=SIGNED)
    raw = signed(raw=envelope.build(inquiry()))
    assert (await town.post(raw)).status == 200
    assert fault_of(await town.post(raw)).code == "CB2020"
    assert town.reason == "CB2029"
    assert (await town.post(signed(raw=envelope.build(inquiry()), now=NOW + 0.5))).status == 200
    assert len(town.world.sender.sent) == 2


async def test_an_encrypted_body_is_opened_judged_and_forwarded_with_its_signature(folder: Path) -> None:
    """The journal keeps what came; the provider gets what was signed."""
    town = secured(folder, tax=ENCRYPTED)
    raw = encrypted(signed_question())
    assert b"atenabango" not in raw
    response = await town.post(raw)
    assert response.status == 200
    sent = town.world.sender.sent[0].body
    assert b"atenabango" in sent
    assert b"EncryptedKey" not in sent
    accept(sent, now=NOW + 2)
    assert town.world.journal.only().raw == raw
    assert (await town.post(raw)).body == response.body


async def test_a_policy_that_asks_for_encryption_refuses_a_readable_body(folder: Path) -> None:
    """The downgrade that costs confidentiality."""
    town = secured(folder, tax=ENCRYPTED)
    assert fault_of(await town.post(signed_question())).code == "CB2020"
    assert town.reason == "CB2021"


async def test_an_encrypted_body_that_breaks_the_standard_is_told_like_any_other(folder: Path) -> None:
    """Decryption is authenticated: what comes after it tells nothing of the key."""
    town = secured(folder, tax=ENCRYPTED)
    bad = signed(raw=question().replace(b"2023-01-01", b"2023-13-01"))
    assert fault_of(await town.post(encrypted(bad))).code in {"CB1016", "E0002"}


async def test_answers_receipts_and_faults_are_signed_by_the_bus(folder: Path) -> None:
    """Whoever asks for it can verify everything that the bus says."""
    town = secured(folder, tax=BOTH)
    at_client = gate(settings(), ring().bus)
    answer = await town.post(signed_question())
    read = accept(answer.body, at_client, NOW + 2)
    assert read.body.tag.endswith("jumin_shokai_kaito")
    fault = await town.post(question("urn:uuid:2"))
    assert accept(fault.body, at_client, NOW + 2).is_fault


async def test_a_provider_that_signs_keeps_its_signature_and_others_cannot_answer_for_it(folder: Path) -> None:
    """The reply is verified, must relate to the request, and goes to the caller byte for byte."""
    juki = replace(SIGNED, certificates=("file:tax-ec.crt",))
    outcomes = {}
    good = signed(ring().tax_ec, raw=resident_reply(relates_to="urn:uuid:1"))
    for name, reply in {
        "good": good,
        "unsigned": resident_reply(relates_to="urn:uuid:1"),
        "of another question": signed(ring().tax_ec, raw=resident_reply(relates_to="urn:uuid:9")),
        "without relation": signed(ring().tax_ec, raw=resident_reply()),
        "of another system": signed(ring().tax, raw=resident_reply(relates_to="urn:uuid:1")),
        "changed": good.replace(b"2023-04-01", b"2024-04-01"),
        "nothing": b"",
    }.items():
        town = secured(folder, juki=juki)

        def answer(_sent: Sent, reply: bytes = reply) -> HttpReply:
            return HttpReply(200, XML, reply, 1.0, 1.01)

        town.world.sender.provider = answer
        response = await town.post(question())
        outcomes[name] = "passed" if response.status == 200 else fault_of(response).code
        if response.status != 200:
            assert fault_of(response).findings == ()
    assert outcomes.pop("good") == "passed"
    assert set(outcomes.values()) == {"CB2032"}


async def test_what_goes_to_an_endpoint_is_signed_or_encrypted_as_its_policy_says(folder: Path) -> None:
    """An unsigned message gets the bus's signature; encrypted to the endpoint, only it can read the body."""
    for outbound in (Outbound.SIGNED, Outbound.ENCRYPTED):
        juki = EndpointSecurity(
            outbound=outbound, encrypt_to="secrets/security/bus-decrypt.crt" if "+" in outbound else ""
        )
        town = secured(folder, juki=juki)
        assert (await town.post(question())).status == 200
        sent = town.world.sender.sent[0].body
        assert (b"atenabango" in sent) is (outbound is Outbound.SIGNED)
        inbound = Inbound.SIGNED if outbound is Outbound.SIGNED else Inbound.ENCRYPTED
        read = accept(sent, gate(settings(inbound=inbound), ring().bus), NOW + 2)
        assert read.body.tag.endswith("jumin_shokai")


async def test_a_username_token_is_checked_and_its_nonce_counts_once(folder: Path) -> None:
    """Name, digest, time and nonce; the password itself only where nobody else listens."""

    def with_token(name: str = "tax", password: str = "p", nonce: bytes = b"0123456789", **more: object) -> bytes:
        root = tree(question())
        security = etree.SubElement(root[0], names.SECURITY)
        write(
            security, name, password, nonce, float(str(more.get("created", NOW))), digest=bool(more.get("digest", True))
        )
        return etree.tostring(root)

    policy = EndpointSecurity(inbound=Inbound.USERNAME, passwords=("digest", "text"), password="p")
    here, there = "127.0.0.1:40000", "192.0.2.7:40000"
    for raw, peer, reason in (
        (with_token(), here, ""),
        (with_token(), there, "CB2030"),
        (with_token(digest=False), here, ""),
        (with_token(digest=False), there, "CB2030"),
        (with_token(digest=False), "", "CB2030"),
        (with_token(name="juki"), here, "CB2030"),
        (with_token(password="q"), here, "CB2030"),
        (with_token(nonce=b"short"), here, "CB2030"),
        (with_token(created=NOW - 4000), here, "CB2028"),
        (with_token(created=NOW + 4000), here, "CB2028"),
        (question(), here, "CB2021"),
    ):
        town = secured(folder, tax=policy)
        response = await town.post(raw, peer=peer)
        assert (response.status == 200) is (not reason)
        if reason:
            assert (town.reason, fault_of(response).code) == (reason, "CB2020")
    town = secured(folder, tax=policy)
    assert (await town.post(with_token(), peer=here)).status == 200
    assert fault_of(await town.post(with_token(), peer=here)).code == "CB2020"
    assert town.reason == "CB2029"


async def test_a_password_may_travel_over_tls_from_afar(folder: Path) -> None:
    """Text and digest; what else is wrong with the token is refused all the same."""

    def with_token(password: str = "p", *, digest: bool = False) -> bytes:
        root = tree(question())
        write(etree.SubElement(root[0], names.SECURITY), "tax", password, b"0123456789", NOW, digest=digest)
        return etree.tostring(root)

    there, tls = "192.0.2.7:40000", Channel("TLSv1.3", "TLS_AES_256_GCM_SHA384")
    both = EndpointSecurity(inbound=Inbound.USERNAME, passwords=("digest", "text"), password="p")
    digest_only = replace(both, passwords=("digest",))
    for policy, raw, channel, reason in (
        (both, with_token(), tls, ""),
        (both, with_token(digest=True), tls, ""),
        (both, with_token(), None, "CB2030"),
        (both, with_token(digest=True), None, "CB2030"),
        (both, with_token("q"), tls, "CB2030"),
        (digest_only, with_token(), tls, "CB2030"),
    ):
        town = secured(folder, tax=policy)
        response = await town.post(raw, peer=there, channel=channel)
        assert (response.status, "" if response.status == 200 else town.reason) == (500 if reason else 200, reason)


async def test_a_body_encrypted_to_somebody_else_is_not_for_this_bus(folder: Path) -> None:
    """Without an opaque route there is no such operation, whoever signed it; with the key beside it, it is refused."""
    made = ring().authority.issue("receiver", purposes=(), rsa_bits=2048, digital_signature=False)
    target = recipient(certificates_of(made.certificate, "x")[0], "x")
    root = tree(question())
    encrypt(root, etree.Element(names.SECURITY), target, "e1")
    town = secured(folder, tax=SIGNED)
    assert fault_of(await town.post(signed(raw=etree.tostring(root)))).code == "CB1013"
    root = tree(signed_question())
    encrypt(root, next(root.iter(names.SECURITY)), target, "e1")
    assert fault_of(await town.post(etree.tostring(root))).code == "CB2020"


@pytest.mark.slow
def test_a_plain_site_does_not_load_the_libraries() -> None:
    """Most sites sign nothing: they spend neither the time nor the memory."""
    program = (
        "import sys; from tests.pipeline.fakes import world; town = world();"
        "print('bus.wire.security.verify' in sys.modules, 'bus.wire.security.keys' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    root = Path(__file__).parents[2]
    found = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root, env={"PYTHONPATH": str(root)})
    assert found.stdout.split() == ["False", "False"]


async def test_large_messages_are_verified_beside_the_event_loop(folder: Path) -> None:
    """The outcome is the same as for small ones; prefix lists are honoured in another thread, too."""
    town = secured(folder, tax=SIGNED)
    large = question().replace(b"<soap:Body>", b"<soap:Body>" + b" " * 300_000)
    assert (await town.post(signed(raw=large))).status == 200
    assert fault_of(await town.post(large)).code == "CB2020"
    listed = sign_again(tree(signed(raw=large.replace(b"urn:uuid:1", b"urn:uuid:2"))), ring().tax, prefixes="cb soap")
    assert (await town.post(listed)).status == 200


async def test_a_signed_answer_says_to_which_question_it_belongs(folder: Path) -> None:
    """Also where the provider did not: it could otherwise be played again to another question."""
    town = secured(folder, tax=BOTH)
    answer = accept((await town.post(signed_question("urn:uuid:7"))).body, gate(settings(), ring().bus), NOW + 2)
    assert answer.addressing.relates_to == "urn:uuid:7"
    assert answer.addressing.action.endswith("jumin_shokai_kaito")
    nameless = accept(
        (await town.post(signed(raw=envelope.build(inquiry())))).body, gate(settings(), ring().bus), NOW + 2
    )
    assert nameless.addressing.relates_to == ""


async def test_where_items_are_withheld_the_signature_goes_and_the_bus_signs(folder: Path) -> None:
    """kokuho may not see the resident record code: what it gets is not what the register signed."""
    juki = replace(SIGNED, certificates=("file:tax-ec.crt",))
    town = secured(folder, juki=juki, kokuho=EndpointSecurity(outbound=Outbound.SIGNED))
    told = envelope.build(notice(todokedebango="77"), addressing=addressing("urn:uuid:n", f"{JUKI}/ido_tsuchi"))
    raw = signed(ring().tax_ec, raw=told)
    assert (await town.post(raw, caller="juki")).status == 200
    outgoing = HouseOutgoing(lambda: town.world.house)
    bodies = {}
    for each in town.world.outbox.handed:
        endpoint = town.world.house.tables.endpoints[each.municipality, each.target]
        bodies[each.target], _, _ = outgoing.request(each.carrying(each.raw or raw, 1), endpoint)
    assert bodies["tax"] == raw
    assert b"todokedebango>" in raw
    assert b"todokedebango>" not in bodies["kokuho"]
    accept(bodies["kokuho"], gate(settings(), ring().bus), NOW + 2)


async def test_what_is_encrypted_for_the_receiver_passes_an_opaque_route_untouched(folder: Path) -> None:
    """The bus verifies the signature over what is encrypted and cannot read it."""
    town = secured(folder, tax=replace(SIGNED, inbound=Inbound.ENCRYPTED))
    routes = tuple(replace(each, opaque=each.operation == "juki.jumin_shokai", unfiltered="試験") for each in ROUTES)
    rights = tuple(replace(each, withhold=frozenset()) for each in RIGHTS)
    now = town.world.house.tables
    endpoints = tuple(now.endpoints.values())
    given = replace(
        site(endpoints=endpoints, routes=routes, rights=rights),
        folder=folder,
        security=SecuritySettings(sign=("bus",), decrypt=("bus-decrypt",)),
    )
    town.world.with_site(given)
    made = ring().authority.issue("receiver", purposes=(), rsa_bits=2048, digital_signature=False)
    root = tree(question())
    encrypt(root, etree.Element(names.SECURITY), recipient(certificates_of(made.certificate, "x")[0], "x"), "e1")
    raw = signed(raw=etree.tostring(root, encoding="utf-8"))
    assert (await town.post(raw)).status == 200
    assert town.world.sender.sent[0].body == raw
    assert (
        fault_of(await town.post(raw.replace(b"CipherValue>A", b"CipherValue>B").replace(b"e1", b"e2"))).code
        == "CB2020"
    )
