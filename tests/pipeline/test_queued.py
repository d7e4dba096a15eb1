"""Queued messages: stored, handed over, and answered with a receipt that can be given again."""

from __future__ import annotations

import pytest

from bus.core.errors import WireError
from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import Finding, Mode, OnPark
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import judge_delivery, outgoing_body, process
from bus.pipeline.receipt import receipt_bytes
from bus.wire import envelope, safe_xml
from bus.wire.context import PREFIX
from bus.wire.fault import fault_bytes
from bus.wire.http import XML
from tests.pipeline.fakes import world
from tests.pipeline.messages import JUKI, addressing, compiled, context, edition, inquiry, notice, request

ACTION = f"{JUKI}/ido_tsuchi"


def tell(message_id: str = "urn:uuid:1", **changed: str) -> bytes:
    """An addressed notice."""
    return envelope.build(notice(**changed), addressing=addressing(message_id, ACTION))


async def test_a_notice_is_stored_handed_over_to_every_subscriber_and_acknowledged() -> None:
    """ACCEPTED with one delivery for each target; the receipt comes after the commit."""
    town = world()
    raw = tell()
    response = await process(town.house, request(raw, caller="juki", action=ACTION))
    stored = town.journal.only()
    assert response.status == 200
    assert (stored.state, stored.mode, stored.targets) == (State.ACCEPTED, Mode.QUEUED, ("tax", "kokuho"))
    assert [(c.target, c.delivery_id, c.raw) for c in town.outbox.handed] == [
        ("tax", f"{stored.exchange_id}-0", raw),
        ("kokuho", f"{stored.exchange_id}-1", raw),
    ]


async def test_the_receipt_is_of_the_standard_and_names_message_and_exchange() -> None:
    """It passes the contract it is judged by."""
    town = world()
    response = await process(town.house, request(tell(), caller="juki"))
    read = envelope.read(safe_xml.parse(response.body))
    assert compiled()["juki"].validate(read.body) == ()
    texts = {str(child.tag).removeprefix(PREFIX): child.text for child in read.body}
    assert texts == {
        "messageid": "urn:uuid:1",
        "uketsukebango": town.journal.only().exchange_id,
        "uketsuke_nichiji": "2023-11-15T07:13:20.000+09:00",
    }
    assert (read.addressing.relates_to, read.addressing.action) == ("urn:uuid:1", f"{ACTION}_uketsuke")


async def test_a_plain_client_gets_a_receipt_without_addressing() -> None:
    """It gets an id all the same."""
    town = world()
    response = await process(town.house, request(envelope.build(notice()), caller="juki"))
    read = envelope.read(safe_xml.parse(response.body))
    assert read.addressing.relates_to == ""
    assert read.body[0].text == town.journal.only().message_id


async def test_order_is_kept_by_person_and_by_household() -> None:
    """The lanes are those of the operation; a key of the context comes beside them."""
    town = world()
    await process(town.house, request(tell(), caller="juki"))
    assert town.journal.only().ordering_keys == ("atena:000000000012345", "setai:000000000067890")
    assert town.outbox.handed[0].ordering_keys == town.journal.only().ordering_keys


async def test_a_key_of_the_context_is_a_lane_of_its_own() -> None:
    """The sender may ask for more order than the standard does."""
    town = world()
    own = context(sender_unit="juki", sender_system="juki", purpose="jumin", ordering_key="A1")
    await process(town.house, request(envelope.build(notice(), context=own), caller="juki"))
    assert town.journal.only().ordering_keys[-1] == "junjo:A1"


async def test_each_receiver_sees_what_its_right_leaves() -> None:
    """The bytes stay as they are for whom nothing is withheld."""
    town = world()
    raw = tell(todokedebango="77")
    await process(town.house, request(raw, caller="juki"))
    for_tax, for_kokuho = town.outbox.handed
    assert outgoing_body(town.house.tables, for_tax, raw)[0] is raw
    filtered, _ = outgoing_body(town.house.tables, for_kokuho, raw)
    assert b"todokedebango>" in raw
    assert b"todokedebango>" not in filtered
    assert envelope.read(safe_xml.parse(filtered)).addressing.message_id == "urn:uuid:1"


NOTICE = edition().units["juki"].operations["ido_tsuchi"]


def receipt(message_id: str = "urn:uuid:1") -> bytes:
    """A receiver's receipt."""
    return receipt_bytes(NOTICE, message_id, "7", 0.0)


FOREIGN_FAULT = (
    f'<E:Envelope xmlns:E="{envelope.SOAP}"><E:Body><E:Fault><faultcode>E:Server</faultcode>'
    "<faultstring>x</faultstring></E:Fault></E:Body></E:Envelope>"
).encode()

ANSWERS = {
    "a receipt": (HttpReply(200, XML, receipt()), State.DELIVERED, ""),
    "an empty 202": (HttpReply(202, "", b""), State.DELIVERED, ""),
    "an empty 200": (HttpReply(200, "", b" \r\n"), State.DELIVERED, ""),
    "a receipt of another message": (HttpReply(200, XML, receipt("urn:uuid:2")), State.PARKED, "CB1017"),
    "another element": (HttpReply(200, XML, envelope.build(inquiry())), State.PARKED, "CB1017"),
    "200 without XML": (HttpReply(200, "text/html", b"<html>"), State.PARKED, "CB1017"),
    "a receipt with 500": (HttpReply(500, XML, receipt()), State.RETRY_WAIT, "CB1017"),
    "a retryable fault": (HttpReply(503, XML, fault_bytes(WireError("E0001"))), State.RETRY_WAIT, "E0001"),
    "a final fault": (HttpReply(500, XML, fault_bytes(WireError("E0001"))), State.PARKED, "E0001"),
    "a foreign fault": (
        HttpReply(
            500,
            XML,
            FOREIGN_FAULT,
        ),
        State.PARKED,
        "CB5004",
    ),
    "503 without envelope": (HttpReply(503, "text/html", b"busy"), State.RETRY_WAIT, "CB5004"),
    "429": (HttpReply(429, "text/plain", b"slow"), State.RETRY_WAIT, "CB5004"),
    "500 without envelope": (HttpReply(500, "", b""), State.RETRY_WAIT, "CB5004"),
    "404": (HttpReply(404, "text/html", b"no"), State.PARKED, "CB5004"),
    "a redirect": (HttpReply(301, "text/html", b"there"), State.PARKED, "CB1017"),
    "a redirect with a receipt": (HttpReply(307, XML, receipt()), State.PARKED, "CB1017"),
    "a fault of another form": (HttpReply(500, XML, FOREIGN_FAULT.replace(b"E:Server", b"")), State.PARKED, "CB5004"),
    "401": (HttpReply(401, "text/plain", b"no"), State.PARKED, "CB5008"),
    "403": (HttpReply(403, "text/plain", b"no"), State.PARKED, "CB5008"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_receivers_answer_means_delivered_again_later_or_parked(name: str) -> None:
    """Parked is what no repetition mends."""
    town = world()
    await process(town.house, request(tell(), caller="juki"))
    reply, state, code = ANSWERS[name]
    assert judge_delivery(town.outbox.handed[0], NOTICE, reply)[:2] == (state, code)
    verdict = await HouseOutgoing(lambda: town.house).judge(town.outbox.handed[0], reply)
    assert (verdict.state, verdict.code) == (state, code)


async def test_the_findings_of_a_receivers_fault_are_kept() -> None:
    """The operator sees which item the receiver refused."""
    town = world()
    await process(town.house, request(tell(), caller="juki"))
    fault = fault_bytes(WireError("E0002", [Finding("E0002", path="jumin/shimei", line=3)]), record_id="9")
    _, _, findings = judge_delivery(town.outbox.handed[0], NOTICE, HttpReply(500, XML, fault))
    assert [(f.code, f.path, f.place) for f in findings] == [
        ("E0002", "faultcode", "9"),
        ("E0002", "jumin/shimei", ""),
    ]


async def test_the_route_says_what_a_parked_message_does_to_later_ones() -> None:
    """A message whose route is gone keeps blocking."""
    town = world()
    await process(town.house, request(tell(), caller="juki"))
    assert HouseOutgoing(lambda: town.house).on_park(town.outbox.handed[0]) is OnPark.BLOCK
