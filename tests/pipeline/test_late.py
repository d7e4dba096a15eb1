"""Late answers: asked now, answered hours later, forwarded or polled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import Acceptance, HttpReply
from bus.core.states import State
from bus.core.types import Known, Mode, Right, Route
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import ANSWER_SUFFIX, judge_delivery, outgoing_body, process
from bus.wire import envelope, safe_xml
from bus.wire.fault import fault_bytes, read_fault
from bus.wire.http import XML, Response
from tests.pipeline.fakes import ENDPOINTS, RIGHTS, ROUTES, World, endpoint, site, world
from tests.pipeline.messages import TAX, TOWN, addressing, edition, request, tax_answer, tax_inquiry, unaddressed

ACTION = f"{TAX}/shotoku_shokai"
REPLY_TO = "http://kokuho.example/soap"
LATE = "kojinjuminzei.shotoku_shokai"


def code_of(response: Response) -> str:
    """The code of a fault response."""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


def ask(reply_to: str = REPLY_TO, message_id: str = "urn:uuid:q") -> bytes:
    """An income inquiry that names where to answer."""
    return envelope.build(tax_inquiry(), addressing=addressing(message_id, ACTION, reply_to=reply_to))


def answer(message_id: str = "urn:uuid:a", relates_to: str = "urn:uuid:q", action: str = f"{ACTION}_kaito") -> bytes:
    """The provider's late answer."""
    return envelope.build(tax_answer(), addressing=addressing(message_id, action, relates_to=relates_to))


async def asked(town: World, reply_to: str = REPLY_TO, state: State = State.DELIVERED) -> str:
    """A stored inquiry that the provider has received; its exchange id."""
    response = await process(town.house, request(ask(reply_to), caller="kokuho", unit="kojinjuminzei"))
    assert (response.status, response.body) == (202, b"")
    exchange_id = next(iter(town.journal.rows))
    town.journal.rows[exchange_id].states[0] = state
    town.outbox.handed.clear()
    return exchange_id


def tax_answer_in(raw: bytes) -> bool:
    """Whether a message carries the empty answer."""
    found = envelope.read(safe_xml.parse(raw)).body
    return etree.tostring(found, method="c14n", exclusive=True) == etree.tostring(
        tax_answer(), method="c14n", exclusive=True
    )


async def give(town: World, raw: bytes, caller: str = "tax") -> Response:
    """The provider posts."""
    return await process(town.house, request(raw, caller=caller, unit="kojinjuminzei"))


async def test_a_reply_address_makes_the_inquiry_queued_and_answers_202() -> None:
    """The back channel stays empty."""
    town = world()
    await asked(town)
    assert town.journal.only().mode is Mode.QUEUED
    assert town.sender.sent == []


async def test_a_late_answer_is_kept_with_its_request_and_forwarded() -> None:
    """REPLIED for the request, a queued delivery for the requester."""
    town = world()
    exchange_id = await asked(town)
    response = await give(town, answer())
    assert (response.status, response.body) == (202, b"")
    assert town.journal.state(exchange_id) is State.REPLIED
    assert town.journal.transitions[-1].reply == answer()
    (forwarded,) = town.outbox.handed
    assert (forwarded.target, forwarded.operation, forwarded.raw) == ("kokuho", LATE + ANSWER_SUFFIX, answer())
    assert town.journal.rows[forwarded.exchange_id].acceptance.relates_to == "urn:uuid:q"


@pytest.mark.parametrize(
    "state",
    [State.ACCEPTED, State.PUBLISHED, State.DISPATCHING, State.DELIVERED, State.RETRY_WAIT, State.PARKED],
)
async def test_an_answer_proves_that_the_request_arrived(state: State) -> None:
    """Whatever the bus believed: a cut line, a parked request."""
    town = world()
    exchange_id = await asked(town, state=state)
    assert (await give(town, answer())).status == 202
    assert town.journal.state(exchange_id) is State.REPLIED


@pytest.mark.parametrize("state", [State.EXPIRED, State.CANCELLED])
async def test_an_answer_to_a_request_that_was_given_up_is_refused(state: State) -> None:
    """The provider learns it."""
    town = world()
    await asked(town, state=state)
    assert code_of(await give(town, answer())) == "CB5006"


async def test_the_same_answer_again_is_acknowledged_again() -> None:
    """And neither stored nor forwarded twice."""
    town = world()
    await asked(town)
    await give(town, answer())
    assert (await give(town, answer())).status == 202
    assert len(town.outbox.handed) == 1


async def test_a_second_answer_to_one_request_is_refused() -> None:
    """One request, one answer."""
    town = world()
    await asked(town)
    await give(town, answer())
    assert code_of(await give(town, answer("urn:uuid:b"))) == "CB3001"


async def test_a_record_that_a_crash_left_out_is_made_up_for() -> None:
    """The answer was stored, the request not yet marked: the provider's repetition mends it."""
    town = world()
    exchange_id = await asked(town)
    await give(town, answer())
    town.journal.rows[exchange_id].states[0] = State.DELIVERED
    assert (await give(town, answer())).status == 202
    assert town.journal.state(exchange_id) is State.REPLIED


def fail_after_accepting(town: World) -> Callable[[], None]:
    """The journal stores the next message and then fails; the result mends it."""
    accept = town.journal.accept

    async def accept_then_fail(acceptance: Acceptance) -> Known | None:
        known = await accept(acceptance)
        town.journal.failing = True
        return known

    def mend() -> None:
        town.journal.accept, town.journal.failing = accept, False

    town.journal.accept = accept_then_fail
    return mend


async def test_an_answer_whose_record_fails_is_on_its_way_all_the_same() -> None:
    """The provider is asked to come again, and the second time makes up for the record alone."""
    town = world()
    exchange_id = await asked(town)
    mend = fail_after_accepting(town)
    assert (await give(town, answer())).status == 503
    mend()
    assert (await give(town, answer())).status == 202
    assert town.journal.state(exchange_id) is State.REPLIED
    assert len(town.outbox.handed) == 1


async def test_an_answer_to_be_polled_whose_record_fails_is_made_up_for_too() -> None:
    """Nothing stays in process."""
    town = world()
    town.sender.provider = lambda sent: HttpReply(202, "", b"")
    raw = envelope.build(tax_inquiry(), addressing=addressing("urn:uuid:q", ACTION))
    await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))
    mend = fail_after_accepting(town)
    assert (await give(town, answer())).status == 503
    mend()
    assert (await give(town, answer())).status == 202
    assert town.journal.interrupted_calls() == []
    assert {row.states[0] for row in town.journal.rows.values()} == {State.REPLIED, State.DELIVERED}


@pytest.mark.parametrize(
    ("raw", "caller", "code"),
    [
        (answer(relates_to="urn:uuid:unknown"), "tax", "CB1011"),
        (answer(), "kokuho", "CB2002"),
        (answer(action="urn:other"), "tax", "CB1010"),
        (answer().replace(b"shotoku_shokai_kaito xmlns", b"ikkatsu_irai_kaito xmlns"), "tax", "CB1010"),
        (answer().replace(b"kaito xmlns", b"kaito x='1' xmlns"), "tax", "CB1016"),
    ],
)
async def test_only_the_endpoint_that_was_asked_gives_the_answer_that_was_asked_for(
    raw: bytes, caller: str, code: str
) -> None:
    """Default deny holds for answers too."""
    town = world()
    await asked(town)
    assert code_of(await give(town, raw, caller)) == code


async def test_a_requester_whose_right_is_gone_gets_no_answer() -> None:
    """Rights of today decide what is disclosed today."""
    town = world()
    await asked(town)
    town.with_site(site(rights=tuple(right for right in RIGHTS if right.operation != LATE)))
    assert code_of(await give(town, answer())) == "CB2002"


async def test_a_late_fault_is_an_answer_too() -> None:
    """It is stored with CB5004 and forwarded."""
    town = world()
    exchange_id = await asked(town)
    fault = fault_bytes(WireError("E0001"))
    header = envelope.build(
        tax_answer(), addressing=addressing("urn:uuid:a", "urn:fault", relates_to="urn:uuid:q")
    ).partition(b"<soap:Header>")[2]
    raw = fault.replace(
        b"<soap:Body>", b"<soap:Header>" + header.partition(b"</soap:Header>")[0] + b"</soap:Header><soap:Body>"
    )
    raw = raw.replace(b"<soap:Envelope ", b'<soap:Envelope xmlns:wsa="http://www.w3.org/2005/08/addressing" ')
    assert (await give(town, raw)).status == 202
    assert (town.journal.state(exchange_id), town.journal.transitions[-1].code) == (State.REPLIED, "CB5004")
    assert len(town.outbox.handed) == 1


async def test_what_the_requesters_right_withholds_is_left_out_of_the_stored_and_the_forwarded_answer() -> None:
    """The stored answer can be polled: it is as filtered as the delivered one."""
    rights = tuple(
        replace(right, withhold=frozenset({"shotoku_shokai_kaito_biko"})) if right.operation == LATE else right
        for right in RIGHTS
    )
    town = world(site(rights=rights))
    await asked(town)
    await give(town, answer())
    (forwarded,) = town.outbox.handed
    assert outgoing_body(town.house.tables, forwarded, forwarded.raw) == (answer(), None)


async def test_an_unregistered_reply_address_is_refused() -> None:
    """Replies go only to registered addresses."""
    town = world()
    response = await process(town.house, request(ask("http://evil.example/"), caller="kokuho", unit="kojinjuminzei"))
    assert code_of(response) == "CB2006"


async def test_a_reply_address_of_another_endpoint_needs_a_right_of_its_own() -> None:
    """Nobody has answers sent to somebody who may not ask."""
    town = world()
    response = await process(
        town.house, request(ask("http://juki.example/soap"), caller="kokuho", unit="kojinjuminzei")
    )
    assert code_of(response) == "CB2002"


async def test_a_reply_address_needs_a_message_id() -> None:
    """Otherwise the answer could not say what it answers."""
    town = world()
    raw = envelope.build(tax_inquiry(), addressing=addressing("", ACTION, reply_to=REPLY_TO))
    assert code_of(await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))) == "CB1011"


async def test_without_a_reply_address_the_provider_may_answer_directly() -> None:
    """Within the deadline, like any inquiry."""
    town = world()
    town.sender.provider = lambda sent: HttpReply(200, XML, envelope.build(tax_answer()))
    raw = envelope.build(tax_inquiry(), addressing=addressing("urn:uuid:q", ACTION))
    response = await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))
    assert (response.status, unaddressed(response.body)) == (200, envelope.build(tax_answer()))


async def test_without_a_reply_address_an_answer_that_comes_later_is_polled() -> None:
    """202 now; the answer is stored with the request and goes nowhere; asking again under the id gives it."""
    town = world()
    town.sender.provider = lambda sent: HttpReply(202, "", b"")
    raw = envelope.build(tax_inquiry(), addressing=addressing("urn:uuid:q", ACTION))
    first = await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))
    exchange_id = next(iter(town.journal.rows))
    assert (first.status, town.journal.state(exchange_id)) == (202, State.DELIVERED)
    assert (await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))).status == 202
    assert (await give(town, answer())).status == 202
    assert town.journal.state(exchange_id) is State.REPLIED
    assert town.outbox.handed == []
    polled = await process(town.house, request(raw, caller="kokuho", unit="kojinjuminzei"))
    assert (polled.status, polled.body) == (200, answer())
    assert town.journal.interrupted_calls() == []


async def test_a_requester_without_an_address_polls_what_was_queued() -> None:
    """A system that only calls can use operations whose route is queued."""
    routes = (*ROUTES[:2], Route(TOWN, LATE, ("tax",), Mode.QUEUED))
    endpoints = (*ENDPOINTS[:2], endpoint("kokuho", "kokuho", "kokuho", address=False))
    rights = tuple(right for right in RIGHTS if (right.endpoint, right.operation) != ("kokuho", "juki.ido_tsuchi"))
    town = world(site(routes=(routes[0], routes[2]), endpoints=endpoints, rights=rights))
    exchange_id = await asked(town, reply_to="")
    assert (await give(town, answer())).status == 202
    assert town.journal.state(exchange_id) is State.REPLIED
    assert town.outbox.handed == []


async def test_a_queued_request_that_is_answered_at_once_is_forwarded_before_it_counts_as_answered() -> None:
    """The verdict REPLIED comes after the durable acceptance of the answer, and only once."""
    town = world()
    await process(town.house, request(ask(), caller="kokuho", unit="kojinjuminzei"))
    (consignment,) = town.outbox.handed
    town.outbox.handed.clear()
    reply = HttpReply(200, XML, envelope.build(tax_answer()))
    outgoing = HouseOutgoing(lambda: town.house)
    verdict = await outgoing.judge(consignment, reply)
    assert verdict.state is State.REPLIED
    assert verdict.reply is not None
    await outgoing.judge(consignment, reply)
    (forwarded,) = town.outbox.handed
    assert (forwarded.target, forwarded.operation) == ("kokuho", LATE + ANSWER_SUFFIX)
    assert forwarded.raw == verdict.reply.body
    assert tax_answer_in(forwarded.raw)
    assert judge_delivery(town.outbox.handed[0], None, HttpReply(202, "", b""))[0] is State.DELIVERED


async def test_an_answer_at_once_that_cannot_be_stored_is_fetched_again() -> None:
    """The request stays open: the provider knows it by its id."""
    town = world()
    await process(town.house, request(ask(), caller="kokuho", unit="kojinjuminzei"))
    town.journal.failing = True
    verdict = await HouseOutgoing(lambda: town.house).judge(
        town.outbox.handed[0], HttpReply(200, XML, envelope.build(tax_answer()))
    )
    assert (verdict.state, verdict.code) == (State.RETRY_WAIT, "CB4001")


async def test_an_answer_at_once_that_breaks_the_standard_parks_the_request() -> None:
    """With its findings."""
    town = world()
    await process(town.house, request(ask(), caller="kokuho", unit="kojinjuminzei"))
    bad = envelope.build(tax_answer()).replace(b"kaito xmlns", b"kaito x='1' xmlns")
    verdict = await HouseOutgoing(lambda: town.house).judge(town.outbox.handed[0], HttpReply(200, XML, bad))
    assert (verdict.state, verdict.code) == (State.PARKED, "CB1017")


def test_the_example_operation_is_one_that_may_be_answered_late() -> None:
    """These tests stand on the standard's own table."""
    operation = edition().operation(LATE)
    assert operation is not None
    assert operation.pattern == "late"
    assert Right(TOWN, "kokuho", LATE, ("kokuho",)) in RIGHTS
