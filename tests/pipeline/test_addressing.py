"""What WS-Addressing brings about: where answers and faults go, what they carry, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bus.core.errors import JournalError, WireError
from bus.core.ports import HttpReply
from bus.core.settings import FrontSettings
from bus.core.states import State
from bus.core.types import Mode
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import ANSWER_SUFFIX, outgoing_body
from bus.wire import envelope, safe_xml
from bus.wire.addressing import ANONYMOUS, NAMESPACE, NONE, PREFIX
from bus.wire.addressing_fault import FAULT_ACTION, SOAP_FAULT_ACTION
from bus.wire.fault import fault_bytes, read_fault
from bus.wire.http import XML
from tests.pipeline.addressed import (
    ACTION,
    DESK,
    HERE,
    INQUIRY,
    OWN,
    PARAMETERS,
    ask,
    deliver,
    echo_of,
    fault_of,
    post,
    read_of,
    tell,
)
from tests.pipeline.fakes import site, world
from tests.pipeline.messages import JUKI, addressing, inquiry, notice, resident_reply

# -- To ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to", ["", ANONYMOUS, HERE, f"https://proxy.example:8443{HERE[18:]}", f"http://p/x{HERE[18:]}"]
)
async def test_a_destination_under_any_host_name_is_this_one(to: str) -> None:
    """A proxy in front gives the bus another name; the path says whose door it is."""
    assert (await post(world(), ask(to=to))).status == 200


@pytest.mark.parametrize(
    "to", [NONE, OWN, "urn:somebody", f"urn:x{HERE[18:]}", HERE + "?x", HERE.replace("tax", "kokuho"), HERE + "/"]
)
async def test_another_destination_is_unreachable(to: str) -> None:
    """The fault names it."""
    town = world()
    response = await post(town, ask(to=to))
    fault = fault_of(response.body)
    assert (response.status, fault.code, fault.faultcode) == (500, "CB1031", "DestinationUnreachable")
    assert safe_xml.parse(response.body).findtext(f".//{PREFIX}ProblemIRI") == to
    assert town.sender.sent == []


@pytest.mark.parametrize(
    ("to", "status"),
    [(f"http://bus.example{HERE[18:]}", 200), (f"http://127.0.0.1:8480{HERE[18:]}", 200), (HERE + "#", 500),
     (f"http://other.example{HERE[18:]}", 500), (ANONYMOUS, 200)],
)  # fmt: skip
async def test_an_exact_destination_is_one_of_the_addresses_of_the_bus(to: str, status: int) -> None:
    """Where a site wants it so."""
    town = world(site(front=FrontSettings(public_url="http://bus.example", wsa_to="exact")))
    assert (await post(town, ask(to=to))).status == status


# -- Action and MessageID ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("soap_action", "action", "code", "subcode"),
    [
        (f"{JUKI}/setai_shokai", ACTION, "CB1010", "ActionMismatch"),
        (ACTION, f"{JUKI}/setai_shokai", "CB1010", "ActionMismatch"),
        ("", f"{JUKI}/setai_shokai", "CB1010", "ActionNotSupported"),
        ("urn:nani", "urn:nani", "CB1010", "ActionNotSupported"),
    ],
)
async def test_an_action_that_does_not_fit_has_its_own_name(
    soap_action: str, action: str, code: str, subcode: str
) -> None:
    """Mismatch of the two, or one that is not known here."""
    response = await post(world(), ask(action=action), action=soap_action)
    fault = fault_of(response.body)
    assert (fault.code, fault.faultcode) == (code, subcode)
    assert safe_xml.parse(response.body).findtext(f".//{PREFIX}ProblemAction/{PREFIX}Action") == action


async def test_a_request_without_message_id_cannot_be_answered() -> None:
    """Core 3.4: an answer could not say what it answers."""
    response = await post(world(), ask(message_id=""))
    fault = fault_of(response.body)
    assert (fault.code, fault.faultcode) == ("CB1011", "MessageAddressingHeaderRequired")
    assert safe_xml.parse(response.body).findtext(f".//{PREFIX}ProblemHeaderQName") == "wsa:MessageID"


async def test_who_wants_no_answer_needs_no_message_id() -> None:
    """Nothing will have to relate to it."""
    town = world()
    assert (await post(town, tell(reply_to=NONE).replace(b"urn:uuid:1", b"urn:uuid:2"), caller="juki")).status == 202
    raw = envelope.build(notice(), addressing=addressing("", f"{JUKI}/ido_tsuchi", reply_to=NONE))
    assert (await post(town, raw, caller="juki")).status == 202


async def test_another_message_under_a_known_id_is_a_duplicate_message_id() -> None:
    """Its fault does not take the place of the first answer."""
    town = world()
    await post(town, ask())
    response = await post(town, ask(base_date="2022-01-01"))
    assert (fault_of(response.body).code, fault_of(response.body).faultcode) == ("CB3001", "DuplicateMessageID")


# -- receipts and faults on the connection ----------------------------------------------------------


async def test_a_receipt_is_related_and_echoes_the_reference_parameters() -> None:
    """And is the same, byte for byte, when the notice comes again."""
    town = world()
    raw = tell(reply_to=ANONYMOUS, reply_parameters=PARAMETERS)
    response = await post(town, raw, caller="juki")
    head = read_of(response.body).addressing
    exchange_id = town.journal.only().exchange_id
    assert (head.relates_to, head.action) == ("urn:uuid:1", f"{JUKI}/ido_tsuchi_uketsuke")
    assert (head.message_id, head.to) == (f"urn:chiikibus:uketsuke:{exchange_id}", "")
    assert echo_of(response.body) == "7"
    assert (await post(town, raw, caller="juki")).body == response.body


async def test_a_fault_on_the_connection_is_related_and_echoes_the_parameters_of_fault_to() -> None:
    """FaultTo before ReplyTo."""
    raw = ask(
        base_date="x",
        reply_to=ANONYMOUS,
        reply_parameters=PARAMETERS.replace("7", "8"),
        fault_to=ANONYMOUS,
        fault_parameters=PARAMETERS,
    )
    response = await post(world(), raw)
    head = read_of(response.body).addressing
    assert (response.status, head.action, head.relates_to) == (500, SOAP_FAULT_ACTION, "urn:uuid:1")
    assert head.message_id.startswith("urn:chiikibus:shogai:")
    assert echo_of(response.body) == "7"


async def test_a_message_whose_addressing_is_wrong_is_answered_by_what_is_right_of_it() -> None:
    """Two To: the fault still relates to the MessageID."""
    raw = ask(to=HERE).replace(b"<wsa:To>", b"<wsa:To>urn:x</wsa:To><wsa:To>")
    response = await post(world(), raw)
    read = read_of(response.body)
    assert (read_fault(read.body).code, read_fault(read.body).faultcode) == ("CB1011", "InvalidCardinality")
    assert (read.addressing.relates_to, read.addressing.action) == ("urn:uuid:1", FAULT_ACTION)


async def test_a_message_of_whose_addressing_nothing_is_right_is_answered_in_kind_all_the_same() -> None:
    """Everything twice, as a careless plugin writes it: the name of the fault is still that of WS-Addressing."""
    raw = ask(to=HERE)
    head = raw[raw.index(b"<wsa:MessageID>") : raw.index(b"</soap:Header>")]
    response = await post(world(), raw.replace(head, head * 2))
    read = read_of(response.body)
    assert read_fault(read.body).faultcode == "InvalidCardinality"
    assert (read.addressing.relates_to, read.addressing.action) == ("", FAULT_ACTION)


async def test_a_reply_address_that_stands_twice_is_used_for_nothing() -> None:
    """The refusal comes back on the connection."""
    reply_to = f"<wsa:ReplyTo><wsa:Address>{DESK}</wsa:Address></wsa:ReplyTo>".encode()
    town = world()
    response = await post(town, ask(reply_to=OWN).replace(b"<wsa:ReplyTo>", reply_to + b"<wsa:ReplyTo>", 1))
    assert (response.status, fault_of(response.body).faultcode) == (500, "InvalidCardinality")
    assert town.outbox.handed == []


async def test_a_plain_client_sees_no_addressing() -> None:
    """Neither in its receipt nor in its fault."""
    town = world()
    good = await post(town, envelope.build(notice()), caller="juki")
    bad = await post(town, envelope.build(inquiry(base_date="x")))
    assert NAMESPACE.encode() not in good.body + bad.body


# -- nobody -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["tax", "juki"])
async def test_nothing_is_sent_to_nobody(caller: str) -> None:
    """ReplyTo none: 202, and the outcome is in the journal only; the same when it comes again."""
    town = world()
    raw = ask(reply_to=NONE) if caller == "tax" else tell(reply_to=NONE)
    for _ in range(2):
        response = await post(town, raw, caller=caller)
        assert (response.status, response.body, response.content_type) == (202, b"", "")
    (row,) = town.journal.rows.values()
    assert row.states[0] is (State.REPLIED if caller == "tax" else State.ACCEPTED)


async def test_a_fault_is_sent_to_nobody_either() -> None:
    """FaultTo none, or ReplyTo none without FaultTo; the refusal is counted."""
    town = world()
    for number, more in enumerate(({"fault_to": NONE}, {"reply_to": NONE}, {"reply_to": OWN, "fault_to": NONE})):
        response = await post(town, ask(message_id=f"urn:uuid:{number}", base_date="x", **more))
        assert (response.status, response.body) == (202, b"")
        assert len(town.journal.rejected) == number + 1
    assert town.outbox.handed == []


async def test_a_fault_of_the_provider_is_sent_to_nobody_either() -> None:
    """And its answer comes back as ever."""
    town = world()
    assert (await post(town, ask(message_id="urn:uuid:0", fault_to=NONE))).status == 200
    town.sender.provider = lambda sent: HttpReply(500, XML, fault_bytes(WireError("E0001")))
    response = await post(town, ask(fault_to=NONE))
    assert (response.status, response.body) == (202, b"")
    assert town.journal.transitions[-1].state is State.REPLIED


async def test_what_was_not_stored_is_not_called_accepted_whoever_wants_to_know() -> None:
    """503 without a message: the sender still has it."""
    town = world()
    town.journal.failing = True
    response = await post(town, tell(reply_to=NONE), caller="juki")
    assert (response.status, response.body) == (503, b"")
    assert "Retry-After" in dict(response.headers)


# -- elsewhere --------------------------------------------------------------------------------------


async def test_an_inquiry_with_a_reply_address_is_answered_there() -> None:
    """202 now; the provider is asked through the queue, and its answer goes on to the registered address."""
    town = world()
    response = await post(town, ask(reply_to=OWN, reply_parameters=PARAMETERS))
    assert (response.status, response.body) == (202, b"")
    (asked,) = town.outbox.handed
    assert (asked.target, asked.operation, town.journal.only().mode) == ("juki", INQUIRY, Mode.QUEUED)
    reply = resident_reply(juminhyokodo="12345678901")
    assert await deliver(town, asked, HttpReply(200, XML, reply)) is State.REPLIED
    _, answered = town.outbox.handed
    read = read_of(answered.raw)
    assert (answered.target, answered.operation) == ("tax", INQUIRY + ANSWER_SUFFIX)
    assert (read.addressing.relates_to, read.addressing.to) == ("urn:uuid:1", OWN)
    assert (read.addressing.action, read.body.tag) == (f"{ACTION}_kaito", f"{{{JUKI}}}jumin_shokai_kaito")
    assert echo_of(answered.raw) == "7"
    assert answered.raw.endswith(reply.partition(b"<soap:Body>")[2]), "not a byte of the provider is changed"
    withheld, _ = outgoing_body(town.house.tables, answered, answered.raw)
    assert b"juminhyokodo>" in answered.raw
    assert b"juminhyokodo>" not in withheld, "withheld there too"


async def test_the_bytes_of_an_answer_that_says_what_it_answers_are_kept() -> None:
    """A provider that speaks WS-Addressing keeps its own words, and its signature."""
    town = world()
    await post(town, ask(reply_to=DESK), caller="kokuho")
    raw = resident_reply(relates_to="urn:uuid:1")
    assert await deliver(town, town.outbox.handed[0], HttpReply(200, XML, raw)) is State.REPLIED
    assert town.outbox.handed[1].raw == raw


async def test_a_fault_of_the_provider_goes_where_the_request_wants_faults() -> None:
    """FaultTo before ReplyTo, with the parameters of the one; it is the answer."""
    town = world()
    await post(town, ask(reply_to=OWN, fault_to=OWN, fault_parameters=PARAMETERS))
    fault = HttpReply(500, XML, fault_bytes(WireError("E0001")))
    assert await deliver(town, town.outbox.handed[0], fault) is State.REPLIED
    told = town.outbox.handed[1]
    assert (told.target, fault_of(told.raw).code, echo_of(told.raw)) == ("tax", "E0001", "7")
    assert read_of(told.raw).addressing.relates_to == "urn:uuid:1"


async def test_a_fault_that_blames_the_provider_waits_for_an_operator() -> None:
    """Mended and sent again, the inquiry may still be answered."""
    town = world()
    await post(town, ask(reply_to=OWN))
    fault = HttpReply(500, XML, fault_bytes(WireError("E0001")).replace(b"E0001", b"CB9001"))
    assert await deliver(town, town.outbox.handed[0], fault) is State.PARKED
    assert len(town.outbox.handed) == 1


async def test_an_answer_that_comes_later_to_an_inquiry_that_waits_for_it_is_taken_there() -> None:
    """The provider answered 202 and posts the answer; To names the reply address, as Core 3.4 has it."""
    town = world()
    await post(town, ask(reply_to=OWN))
    assert await deliver(town, town.outbox.handed[0], HttpReply(202, "", b"")) is State.DELIVERED
    read = read_of(resident_reply(relates_to="urn:uuid:1"))
    head = replace(read.addressing, message_id="urn:uuid:9", to=OWN)
    response = await post(town, envelope.build(read.body, addressing=head), caller="juki")
    assert response.status == 202
    assert (town.outbox.handed[1].target, town.journal.transitions[-1].state) == ("tax", State.REPLIED)


async def test_a_refusal_goes_to_the_registered_fault_address() -> None:
    """202 on the connection; the fault is a message of its own, stored before that is said."""
    town = world()
    response = await post(town, ask(base_date="x", fault_to=OWN, fault_parameters=PARAMETERS))
    assert (response.status, response.body) == (202, b"")
    (told,) = town.outbox.handed
    read = read_of(told.raw)
    record_id = read_fault(read.body).record_id
    assert (told.target, told.sender, told.operation) == ("tax", "chiikibus", INQUIRY + ANSWER_SUFFIX)
    assert (told.message_id, read.addressing.message_id) == (f"urn:chiikibus:shogai:{record_id}",) * 2
    assert (read.addressing.to, read.addressing.relates_to) == (OWN, "urn:uuid:1")
    assert (read_fault(read.body).code, echo_of(told.raw)) == ("E0002", "7")
    assert town.journal.rows[told.exchange_id].acceptance.relates_to == "urn:uuid:1"
    assert [row.code for row in town.journal.rejected] == ["E0002"]


async def test_a_failed_call_is_told_at_the_fault_address_once() -> None:
    """The stored outcome is told again under the same id, and so goes no second time."""
    town = world()
    town.sender.provider = lambda sent: HttpReply(200, XML, resident_reply().replace(b"kaito", b"kotae"))
    raw = ask(fault_to=OWN)
    for _ in range(2):
        assert (await post(town, raw)).status == 202
    assert [(each.target, fault_of(each.raw).code) for each in town.outbox.handed] == [("tax", "CB1017")]


async def test_a_fault_of_the_provider_in_a_direct_call_is_passed_on_to_the_fault_address() -> None:
    """Its bytes are kept."""
    town = world()
    raw = fault_bytes(WireError("E0001"))
    town.sender.provider = lambda sent: HttpReply(500, XML, raw)
    assert (await post(town, ask(fault_to=OWN))).status == 202
    assert [each.raw for each in town.outbox.handed] == [raw]


async def test_come_again_is_said_on_the_connection() -> None:
    """Nothing was stored that another message could be about."""
    town = world()
    town.journal.failing = True
    response = await post(town, ask(fault_to=OWN))
    assert (response.status, fault_of(response.body).faultcode) == (503, "EndpointUnavailable")
    assert town.outbox.handed == []


async def test_a_fault_that_cannot_be_stored_is_told_on_the_connection() -> None:
    """The refusal is kept, and then the disk is full."""
    town = world()
    accept = town.journal.accept

    async def once(acceptance):
        town.journal.accept = accept
        known = await accept(acceptance)
        town.journal.failing = True
        return known

    town.journal.accept = once
    response = await post(town, ask(base_date="x", fault_to=OWN))
    assert (response.status, fault_of(response.body).code) == (503, "CB4001")


@pytest.mark.parametrize("name", ["reply_to", "fault_to"])
async def test_an_unregistered_address_gets_nothing(name: str) -> None:
    """The refusal comes back on the connection, and names the header and the address."""
    town = world()
    response = await post(town, ask(**{name: "http://evil.example/"}))
    fault = fault_of(response.body)
    assert (fault.code, fault.faultcode) == ("CB2006", "InvalidAddress")
    assert safe_xml.parse(response.body).findtext(f".//{PREFIX}ProblemIRI") == "http://evil.example/"
    assert (town.sender.sent, town.outbox.handed) == ([], [])


@pytest.mark.parametrize("name", ["reply_to", "fault_to"])
async def test_an_endpoint_without_the_right_gets_nothing(name: str) -> None:
    """Nobody has answers or faults sent to somebody who may not ask."""
    town = world()
    response = await post(town, ask(**{name: "http://juki.example/soap"}))
    assert fault_of(response.body).code == "CB2002"
    assert town.outbox.handed == []


async def test_a_receipt_goes_back_on_the_connection_only() -> None:
    """A notice is acknowledged where it was handed in."""
    town = world()
    response = await post(town, tell(reply_to="http://juki.example/soap"), caller="juki")
    # The refusal itself goes where the notice wants its answers.
    assert response.status == 202
    (told,) = town.outbox.handed
    assert (fault_of(told.raw).code, fault_of(told.raw).faultcode) == ("CB1011", "OnlyAnonymousAddressSupported")


async def test_a_request_that_expires_is_told_at_the_fault_address_once() -> None:
    """Nobody will answer it any more: CB5006, related to it, with the echoes of FaultTo."""
    town = world()
    await post(town, ask(reply_to=OWN, fault_to=OWN, fault_parameters=PARAMETERS))
    (asked,) = town.outbox.handed
    outgoing = HouseOutgoing(lambda: town.house)
    for _ in range(2):
        await outgoing.given_up(asked, "CB5006")
    _, told = town.outbox.handed
    head = read_of(told.raw).addressing
    assert (told.target, fault_of(told.raw).code, echo_of(told.raw)) == ("tax", "CB5006", "7")
    assert (head.relates_to, fault_of(told.raw).record_id) == ("urn:uuid:1", asked.exchange_id)


async def test_who_named_no_place_and_who_sent_a_notice_is_told_nothing_later() -> None:
    """The outcome is in the journal, and the operator has it."""
    town = world()
    await post(town, tell(fault_to="http://juki.example/soap"), caller="juki")
    waiting = list(town.outbox.handed)
    assert len(waiting) == 2
    for each in waiting:
        await HouseOutgoing(lambda: town.house).given_up(each, "CB5006")
    assert town.outbox.handed == waiting


async def test_a_request_whose_end_cannot_be_told_now_has_not_ended_yet() -> None:
    """The delivery tries again to record it."""
    town = world()
    await post(town, ask(reply_to=OWN))
    town.journal.failing = True
    with pytest.raises(JournalError):
        await HouseOutgoing(lambda: town.house).given_up(town.outbox.handed[0], "CB5006")
