"""Same id and same content: the same answer. Same id and other content: refused."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bus.core.errors import DeliveryError, WireError
from bus.core.ports import Acceptance, HttpReply
from bus.core.states import State
from bus.pipeline import process
from bus.pipeline.deduplicate import FORGOTTEN_S
from bus.wire import envelope, safe_xml
from bus.wire.fault import fault_bytes, read_fault
from bus.wire.http import XML, Response
from tests.pipeline.fakes import Provider, Sent, World, world
from tests.pipeline.messages import JUKI, addressing, inquiry, notice, request, resident_reply, unaddressed


def code_of(response: Response) -> str:
    """The code of a fault response."""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


def call(atenabango: str = "000000000012345") -> bytes:
    """An inquiry, always under the same id."""
    return envelope.build(inquiry(atenabango), addressing=addressing("urn:uuid:1", f"{JUKI}/jumin_shokai"))


def tell(**changed: str) -> bytes:
    """A notice, always under the same id."""
    return envelope.build(notice(**changed), addressing=addressing("urn:uuid:1", f"{JUKI}/ido_tsuchi"))


def always(reply: HttpReply) -> Provider:
    """A provider that answers so, whatever comes."""
    return lambda sent: reply


async def test_a_call_sent_again_gets_the_stored_answer_and_the_provider_hears_nothing() -> None:
    """Byte for byte, even when the provider would answer otherwise by now."""
    town = world()
    first = await process(town.house, request(call()))
    town.sender.provider = lambda sent: HttpReply(200, XML, resident_reply(seibetsu="2"))
    again = await process(town.house, request(call()))
    assert (again.status, again.body, again.content_type) == (first.status, first.body, first.content_type)
    assert len(town.sender.sent) == 1


async def test_a_notice_sent_again_gets_the_same_receipt_and_is_not_delivered_twice() -> None:
    """At any later time: the receipt is made of what is stored."""
    town = world()
    first = await process(town.house, request(tell(), caller="juki"))
    town.clock.at += 3600
    again = await process(town.house, request(tell(), caller="juki"))
    assert again == first
    assert len(town.outbox.handed) == 2
    assert len(town.journal.rows) == 1


async def test_a_plain_client_may_name_its_message_beside_it() -> None:
    """A bus before this one does: its repetition is known, and the id goes on to the receiver."""
    town = world()
    plain = request(envelope.build(notice()), caller="juki")
    plain = replace(plain, headers={**plain.headers, "chiikibus-message-id": "urn:uuid:9"})
    first = await process(town.house, plain)
    again = await process(town.house, plain)
    assert again == first
    assert [row.acceptance.message_id for row in town.journal.rows.values()] == ["urn:uuid:9"]


async def test_the_id_in_the_message_comes_before_the_one_beside_it() -> None:
    """What is signed counts."""
    town = world()
    addressed = request(tell(), caller="juki")
    await process(town.house, replace(addressed, headers={**addressed.headers, "chiikibus-message-id": "urn:uuid:9"}))
    assert [row.acceptance.message_id for row in town.journal.rows.values()] == ["urn:uuid:1"]


@pytest.mark.parametrize("given", ["9", "urn:uuid:9 x", "urn:" + "9" * 255, "urn:名"])
async def test_an_id_beside_the_message_is_an_iri(given: str) -> None:
    """CB1011: it travels in headers and receipts."""
    plain = request(envelope.build(notice()), caller="juki")
    response = await process(world().house, replace(plain, headers={**plain.headers, "chiikibus-message-id": given}))
    assert code_of(response) == "CB1011"


async def test_the_same_id_with_other_content_is_refused() -> None:
    """CB3001, counted as a refusal, and the first one stands."""
    town = world()
    await process(town.house, request(tell(), caller="juki"))
    response = await process(town.house, request(tell(seibetsu="2"), caller="juki"))
    assert code_of(response) == "CB3001"
    assert [row.code for row in town.journal.rejected] == ["CB3001"]


async def test_the_same_id_of_another_sender_is_another_message() -> None:
    """Ids belong to their sender."""
    town = world()
    assert (await process(town.house, request(call(), caller="tax"))).status == 200
    assert (await process(town.house, request(call(), caller="kokuho"))).status == 200
    assert len(town.journal.rows) == 2


async def test_a_call_that_is_still_out_asks_for_patience() -> None:
    """503 with Retry-After, and no row: it is the same message that comes again."""
    town = world()
    within: list[Response] = []

    def provider(sent: Sent) -> HttpReply:
        coroutine = process(town.house, request(call()))
        try:
            coroutine.send(None)
        except StopIteration as done:
            within.append(done.value)
        return HttpReply(200, XML, resident_reply())

    town.sender.provider = provider
    await process(town.house, request(call()))
    assert (within[0].status, code_of(within[0])) == (503, "CB3002")
    assert town.journal.rejected == []


async def test_two_at_the_same_moment_are_one() -> None:
    """The journal decides the race; the loser gets the receipt of the winner."""
    town = world()
    other: list[Response] = []

    def overtake(_: Acceptance) -> None:
        coroutine = process(town.house, request(tell(), caller="juki"))
        try:
            coroutine.send(None)
        except StopIteration as done:
            other.append(done.value)

    town.journal.before_accept = overtake
    mine = await process(town.house, request(tell(), caller="juki"))
    assert mine.body == other[0].body
    assert len(town.journal.rows) == 1


async def test_many_at_the_same_time_end_in_one_exchange() -> None:
    """All get the same receipt."""
    town = world()
    responses = await asyncio.gather(*(process(town.house, request(tell(), caller="juki")) for _ in range(20)))
    assert len({response.body for response in responses}) == 1
    assert len(town.journal.rows) == 1


async def test_a_call_that_failed_for_a_passing_reason_may_be_sent_again_under_its_id() -> None:
    """It goes out again with the same id; the provider's inbox decides."""
    town = world()

    def unreachable(sent: Sent) -> HttpReply:
        raise DeliveryError("CB5001")

    town.sender.provider = unreachable
    assert code_of(await process(town.house, request(call()))) == "CB5001"
    assert code_of(await process(town.house, request(call()))) == "CB5001"
    town.sender.provider = lambda sent: HttpReply(200, XML, resident_reply())
    third = await process(town.house, request(call()))
    assert third.status == 200
    assert {sent.headers["Chiikibus-Message-Id"] for sent in town.sender.sent} == {"urn:uuid:1"}
    assert [row.acceptance.message_id for row in town.journal.rows.values()] == [
        "urn:uuid:1",
        "urn:uuid:1#2",
        "urn:uuid:1#3",
    ]
    again = await process(town.house, request(call()))
    assert again.body == third.body
    assert len(town.sender.sent) == 3


async def test_other_content_is_refused_however_often_the_call_failed() -> None:
    """The digest binds the id from the first call on."""
    town = world()

    def unreachable(sent: Sent) -> HttpReply:
        raise DeliveryError("CB5001")

    town.sender.provider = unreachable
    await process(town.house, request(call()))
    assert code_of(await process(town.house, request(call("000000000099999")))) == "CB3001"


async def test_a_call_that_failed_for_good_is_answered_as_before() -> None:
    """A bad answer does not become better by asking again."""
    town = world()
    town.sender.provider = lambda sent: HttpReply(200, XML, b"OK")
    assert code_of(await process(town.house, request(call()))) == "CB1017"
    town.sender.provider = lambda sent: HttpReply(200, XML, resident_reply())
    assert code_of(await process(town.house, request(call()))) == "CB1017"
    assert len(town.sender.sent) == 1


async def test_a_providers_passing_fault_is_asked_for_again_and_a_final_one_is_not() -> None:
    """By the code inside the fault."""
    for code, calls in (("CB6009", 2), ("E0001", 1)):
        town = world()
        fault = fault_bytes(WireError("E0001")).replace(b"E0001", code.encode())
        town.sender.provider = always(HttpReply(500, XML, fault))
        first = await process(town.house, request(call()))
        again = await process(town.house, request(call()))
        assert unaddressed(first.body) == unaddressed(again.body) == fault
        assert len(town.sender.sent) == calls


async def test_a_call_that_the_end_of_the_bus_interrupted_may_be_sent_again() -> None:
    """Nobody was told its outcome."""
    town = world()
    await process(town.house, request(call()))
    exchange_id = town.journal.only().exchange_id
    town.journal.rows[exchange_id].states[0] = State.CANCELLED
    town.journal.rows[exchange_id].last[0] = None
    assert (await process(town.house, request(call()))).status == 200
    assert len(town.sender.sent) == 2


async def test_a_call_whose_answer_could_not_be_stored_may_be_sent_again_once_it_is_surely_over() -> None:
    """Until then it counts as being in process."""
    town = world()

    def provider(sent: Sent) -> HttpReply:
        town.journal.failing = True
        return HttpReply(200, XML, resident_reply())

    town.sender.provider = provider
    assert code_of(await process(town.house, request(call()))) == "CB4001"
    town.journal.failing = False
    assert code_of(await process(town.house, request(call()))) == "CB3002"
    town.clock.at += FORGOTTEN_S
    town.sender.provider = always(HttpReply(200, XML, resident_reply()))
    assert (await process(town.house, request(call()))).status == 200


async def test_a_refused_message_may_come_again_under_its_id() -> None:
    """A refusal does not use up the id: mend the right, send the same message."""
    town: World = world()
    spoilt = envelope.build(inquiry(base_date="x"), addressing=addressing("urn:uuid:1", f"{JUKI}/jumin_shokai"))
    assert code_of(await process(town.house, request(spoilt))) == "E0002"
    assert (await process(town.house, request(call()))).status == 200
