"""Direct calls: the caller waits, the answer is judged, filtered, stored and then returned."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.core.errors import DeliveryError, WireError
from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import Endpoint, Mode, Right, Route
from bus.pipeline import process
from bus.wire import envelope, safe_xml, splice
from bus.wire.addressing import PREFIX
from bus.wire.fault import fault_bytes, read_fault
from bus.wire.http import XML, Response
from tests.pipeline.fakes import ENDPOINTS, RIGHTS, ROUTES, Provider, Sent, site, world
from tests.pipeline.messages import JUKI, TOWN, addressing, context, inquiry, request, resident_reply, unaddressed

ACTION = f"{JUKI}/jumin_shokai"


def call(message_id: str = "urn:uuid:1", atenabango: str = "000000000012345") -> bytes:
    """An addressed inquiry."""
    return envelope.build(inquiry(atenabango), addressing=addressing(message_id, ACTION))


def code_of(response: Response) -> str:
    """The code of a fault response."""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


def answers(reply: HttpReply) -> Provider:
    """A provider that always answers so."""
    return lambda sent: reply


async def test_the_answer_comes_back_and_both_messages_are_stored() -> None:
    """REPLIED with the provider's bytes, which the caller gets behind a Header; the request with its digest."""
    town = world()
    raw = call()
    response = await process(town.house, request(raw, caller="kokuho", action=ACTION))
    stored = town.journal.only()
    assert (response.status, unaddressed(response.body)) == (200, resident_reply())
    assert stored.raw == raw
    assert town.journal.transitions[-1].reply == resident_reply()
    assert town.journal.state(stored.exchange_id) is State.REPLIED


async def test_the_provider_gets_the_very_bytes_and_the_documented_headers() -> None:
    """Bytes are kept; what receivers need travels beside them."""
    town = world()
    raw = call()
    await process(town.house, request(raw, action=ACTION))
    sent = town.sender.sent[0]
    assert sent.body == raw
    assert sent.headers == {
        "Content-Type": XML,
        "SOAPAction": f'"{ACTION}"',
        "Authorization": "Basic Y2hpaWtpYnVzOnNlY3JldC1vZi1qdWtp",
        "Chiikibus-Message-Id": "urn:uuid:1",
        "Chiikibus-Exchange-Id": town.journal.only().exchange_id,
        "Chiikibus-Sender": f"{TOWN}/tax",
        "Chiikibus-Operation": "juki.jumin_shokai",
        "Chiikibus-Purpose": "kazei",
        "Chiikibus-Attempt": "1",
    }
    assert 0 < sent.deadline_s <= 5.0


async def test_an_item_that_the_right_withholds_never_reaches_the_caller() -> None:
    """The answer is written anew without it, and that is what is stored."""
    town = world()
    town.sender.provider = answers(HttpReply(200, XML, resident_reply(juminhyokodo="12345678901")))
    response = await process(town.house, request(call(), caller="tax"))
    assert b"12345678901" not in response.body
    assert b"juminhyokodo>" not in response.body
    assert b"setaibango" in response.body
    assert town.journal.transitions[-1].reply == splice.without(response.body, lambda tag: tag.startswith(PREFIX))


async def test_an_answer_without_the_withheld_item_keeps_its_bytes() -> None:
    """Writing anew only where something is removed."""
    reply = resident_reply()
    town = world()
    town.sender.provider = answers(HttpReply(200, XML, reply))
    response = await process(town.house, request(call(), caller="tax"))
    assert unaddressed(response.body) == reply


async def test_nothing_leaves_before_it_is_stored() -> None:
    """When the journal fails the provider is not called and the caller may come again."""
    town = world()
    town.journal.failing = True
    response = await process(town.house, request(call()))
    assert (response.status, code_of(response)) == (503, "CB4001")
    assert ("Retry-After", "1") in response.headers
    assert town.sender.sent == []


async def test_an_answer_that_cannot_be_stored_is_not_told() -> None:
    """The caller learns that storing failed; the exchange is still in process."""
    town = world()

    def provider(sent: Sent) -> HttpReply:
        town.journal.failing = True
        return HttpReply(200, XML, resident_reply())

    town.sender.provider = provider
    response = await process(town.house, request(call()))
    assert (response.status, code_of(response)) == (503, "CB4001")


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("CB5001", State.CANCELLED),
        ("CB5002", State.EXPIRED),
        ("CB5003", State.CANCELLED),
        ("CB5005", State.CANCELLED),
    ],
)
async def test_a_failed_call_ends_in_a_final_state_and_a_coded_fault(code: str, state: State) -> None:
    """The deadline is EXPIRED, everything else CANCELLED: the caller has been told."""
    town = world()

    def provider(sent: Sent) -> HttpReply:
        raise DeliveryError(code)

    town.sender.provider = provider
    response = await process(town.house, request(call()))
    assert code_of(response) == code
    assert town.journal.state(town.journal.only().exchange_id) is state
    assert town.journal.transitions[-1].code == code


async def test_a_providers_fault_goes_through_unchanged() -> None:
    """With status 500, stored as REPLIED with CB5004."""
    fault = fault_bytes(WireError("E0001"))
    town = world()
    town.sender.provider = answers(HttpReply(500, XML, fault))
    response = await process(town.house, request(call()))
    assert (response.status, unaddressed(response.body)) == (500, fault)
    assert town.journal.transitions[-1].state is State.REPLIED
    assert town.journal.transitions[-1].code == "CB5004"


@pytest.mark.parametrize("status", [200, 400, 503])
async def test_a_fault_is_a_fault_whatever_its_status(status: int) -> None:
    """R1107: the Body says so; it goes on with 500 (R1126)."""
    fault = fault_bytes(WireError("E0001"))
    town = world()
    town.sender.provider = answers(HttpReply(status, XML, fault))
    response = await process(town.house, request(call()))
    assert (response.status, unaddressed(response.body)) == (500, fault)


SOAP_12 = b"http://www.w3.org/2003/05/soap-envelope"
MUST = b"<soap:Header><q:x xmlns:q='urn:q' soap:mustUnderstand='1'/></soap:Header><soap:Body>"
BAD_REPLIES = {
    "another operation": HttpReply(200, XML, envelope.build(inquiry())),
    "an unknown item": HttpReply(200, XML, resident_reply().replace(b"seibetsu", b"seibetsv")),
    "a wrong code": HttpReply(200, XML, resident_reply(seibetsu="7")),
    "no XML": HttpReply(200, XML, b"OK"),
    "HTML with 502": HttpReply(502, "text/html", b"<html/>"),
    "another media type": HttpReply(200, "application/soap+xml", resident_reply()),
    "a DOCTYPE": HttpReply(200, XML, b"<!DOCTYPE a []><a/>"),
    "a relation to another message": HttpReply(200, XML, resident_reply(relates_to="urn:uuid:other")),
    "an empty 202 for an operation without late answers": HttpReply(202, "", b""),
    "a good body with status 201": HttpReply(201, XML, resident_reply()),
    "a good body with status 500": HttpReply(500, XML, resident_reply()),
    "a redirect": HttpReply(307, XML, resident_reply()),
    "a redirect without body": HttpReply(302, "", b""),
    "nothing": HttpReply(200, XML, b""),
    "no media type": HttpReply(200, "", resident_reply()),
    "two charsets": HttpReply(200, "text/xml; charset=utf-8; charset=shift_jis", resident_reply()),
    "another encoding": HttpReply(200, "text/xml; charset=shift_jis", resident_reply().decode().encode("cp932")),
    "another encoding without a word": HttpReply(200, "text/xml", resident_reply().decode().encode("cp932")),
    "a processing instruction": HttpReply(200, XML, b"<?x y?>" + resident_reply().partition(b"?>")[2]),
    "SOAP 1.2": HttpReply(200, XML, resident_reply().replace(envelope.SOAP.encode(), SOAP_12)),
    "text after the Body": HttpReply(200, XML, resident_reply().replace(b"</soap:Body>", b"</soap:Body>more")),
    "a second Body": HttpReply(200, XML, resident_reply().replace(b"</soap:Body>", b"</soap:Body><soap:Body/>")),
    "a header that must be understood": HttpReply(
        200, XML, resident_reply().replace(b"<soap:Body>", MUST + b"<soap:Body>")
    ),
    "a fault with qualified children": HttpReply(
        500, XML, fault_bytes(WireError("E0001")).replace(b"faultcode>", b"soap:faultcode>")
    ),
    "a fault with an undeclared prefix": HttpReply(
        500, XML, fault_bytes(WireError("E0001")).replace(b"soap:Client", b"env:Client")
    ),
    "a fault and something more": HttpReply(
        500, XML, fault_bytes(WireError("E0001")).replace(b"</soap:Fault>", b"</soap:Fault><x:y xmlns:x='urn:x'/>")
    ),
}


@pytest.mark.parametrize("name", BAD_REPLIES)
async def test_an_answer_that_is_not_of_the_standard_is_cb1017(name: str) -> None:
    """It is not passed on, and the caller learns the findings."""
    town = world()
    town.sender.provider = answers(BAD_REPLIES[name])
    response = await process(town.house, request(call()))
    assert (response.status, code_of(response)) == (500, "CB1017")
    assert town.journal.transitions[-1].state is State.CANCELLED


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_cb5008(status: int) -> None:
    """The operator has to look, repeating does not help."""
    town = world()
    town.sender.provider = answers(HttpReply(status, "text/plain", b"no"))
    assert code_of(await process(town.house, request(call()))) == "CB5008"


async def test_the_deadline_counts_from_reception() -> None:
    """What the steps before took is no longer available to the provider."""
    town = world()

    def later(_: object) -> None:
        town.clock.at += 6.0

    town.journal.before_accept = later
    response = await process(town.house, request(call()))
    assert code_of(response) == "CB5002"
    assert town.sender.sent == []


async def test_a_paused_provider_is_not_called() -> None:
    """CB5005, with 503."""
    paused = Endpoint("juki", TOWN, "juki", address="http://juki.example/", paused=True, secret="s")
    town = world(site(endpoints=(paused, *ENDPOINTS[1:])))
    response = await process(town.house, request(call()))
    assert (response.status, code_of(response)) == (503, "CB5005")


async def test_a_programming_error_in_a_call_is_recorded_before_it_surfaces() -> None:
    """The front answers CB9001; the exchange does not hang."""
    town = world()

    def provider(sent: Sent) -> HttpReply:
        raise ZeroDivisionError

    town.sender.provider = provider
    with pytest.raises(ZeroDivisionError):
        await process(town.house, request(call()))
    assert town.journal.transitions[-1].code == "CB9001"


OPAQUE = site(
    routes=(Route(TOWN, "juki.jumin_shokai", ("juki",), Mode.DIRECT, opaque=True, unfiltered="試験"), *ROUTES[1:]),
    rights=(Right(TOWN, "tax", "juki.jumin_shokai", ("kazei",)), *RIGHTS[1:]),
)
SEALED = envelope.build(etree.Element("{urn:x}Sealed"))


@pytest.mark.parametrize("action", ["", ACTION])
async def test_an_opaque_body_is_carried_unread_and_unkept(action: str) -> None:
    """Only metadata is journalled, in both directions."""
    town = world(OPAQUE)
    town.sender.provider = answers(HttpReply(200, XML, SEALED))
    response = await process(town.house, request(SEALED, action=action))
    assert (response.status, response.body) == (200, SEALED)
    assert town.journal.only().raw == b""
    assert town.journal.only().size == len(SEALED)
    assert town.journal.transitions[-1].reply == b""


async def test_items_cannot_be_withheld_from_a_body_that_is_not_read() -> None:
    """An opaque route and a withholding right exclude each other."""
    town = world(site(routes=OPAQUE.routes))
    assert code_of(await process(town.house, request(SEALED, caller="tax"))) == "CB2002"


async def test_the_context_completes_nothing_but_is_checked() -> None:
    """A full context of the calling endpoint is fine."""
    town = world()
    raw = envelope.build(
        inquiry(),
        context=context(operation="juki.jumin_shokai", receiver_municipality=TOWN, receiver_unit="juki", edition="1.0"),
    )
    assert (await process(town.house, request(raw))).status == 200
