"""WS-Addressing at the adapter's side: its face answers in kind, its answers go back as asked, its client checks."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from lxml import etree

from adapters.host.compose import Composer
from adapters.host.store import received
from bus.core.clock import SystemClock
from bus.core.errors import WireError
from bus.core.types import Addressing, Endpoint
from bus.wire import envelope, safe_xml
from bus.wire.addressing import ANONYMOUS, IS_REFERENCE_PARAMETER, NAMESPACE
from bus.wire.addressing_fault import FAULT_ACTION, SOAP_FAULT_ACTION
from bus.wire.fault import fault_bytes, read_fault
from schemas.model import Edition
from tests.host.fake_bus import Taken
from tests.host.place import Caller, Place, ido_file
from tests.host.test_face import ID, NOTICE, notice
from tests.host.test_file_to_bus import residents
from tests.host.test_inquiries import INCOME, income_question
from tests.support.polling import until_async

PLACE = "http://127.0.0.1:9/soap"
PARAMETERS = (
    f'<wsa:ReferenceParameters xmlns:wsa="{NAMESPACE}"><k:key xmlns:k="urn:k">7</k:key></wsa:ReferenceParameters>'
)


def addressed(raw: bytes, **more: str) -> bytes:
    """The message with more properties."""
    read = envelope.read(safe_xml.parse(raw))
    said = read.addressing
    return envelope.build(read.body, addressing=Addressing(said.message_id, said.action, **more))


def echo_of(raw: bytes) -> str | None:
    """The echoed reference parameter, if it is marked as one."""
    found = safe_xml.parse(raw)[0].find("{urn:k}key")
    return None if found is None or found.get(IS_REFERENCE_PARAMETER) != "true" else found.text


async def test_a_receipt_echoes_the_reference_parameters(place: Place, edition: Edition) -> None:
    """And relates to the notice, with an id of its own."""
    raw = addressed(notice(edition), reply_to=ANONYMOUS, reply_parameters=PARAMETERS)
    async with place.running("a-tax") as host:
        _, _, body = await Caller(host).post(raw)
    head = envelope.read(safe_xml.parse(body)).addressing
    assert (head.relates_to, head.to, echo_of(body)) == (ID, "", "7")
    assert head.message_id.startswith("urn:uuid:")


@pytest.mark.parametrize(
    ("spoil", "code", "faultcode", "action"),
    [
        (b"<wsa:MessageID>urn:uuid:2</wsa:MessageID>", "CB1011", "InvalidCardinality", FAULT_ACTION),
        (b'<x:y xmlns:x="urn:x" soap:mustUnderstand="1"/>', "CB1009", "MustUnderstand", SOAP_FAULT_ACTION),
    ],
)
async def test_a_refused_message_is_answered_in_kind(
    place: Place, edition: Edition, spoil: bytes, code: str, faultcode: str, action: str
) -> None:
    """By what could be read of its properties."""
    raw = notice(edition).replace(b"<soap:Header>", b"<soap:Header>" + spoil)
    async with place.running("a-tax") as host:
        status, _, body = await Caller(host).post(raw)
    read = envelope.read(safe_xml.parse(body))
    fault = read_fault(read.body)
    assert (status, fault.code, fault.faultcode, read.addressing.action) == (500, code, faultcode, action)
    assert read.addressing.relates_to == ("" if code == "CB1011" else ID)


async def test_a_plain_message_is_refused_plainly(place: Place, edition: Edition) -> None:
    """No header that its sender would have to know."""
    raw = envelope.build(etree.Element("{urn:nani}mono"))
    async with place.running("a-tax") as host:
        _, _, body = await Caller(host).post(raw, "urn:uuid:plain")
    assert NAMESPACE.encode() not in body
    assert read_fault(envelope.read(safe_xml.parse(body)).body).code == "CB1013"


def composer(edition: Edition) -> Composer:
    """An endpoint's composer."""
    return Composer(Endpoint("tax", "990019", "kojinjuminzei"), edition, SystemClock(), "http://bus.example")


@pytest.mark.parametrize("is_fault", [False, True])
def test_a_late_answer_goes_as_its_request_asked(edition: Edition, is_fault: bool) -> None:
    """To is the endpoint reference for this kind of answer, and its parameters come along."""
    operation = edition.operation(INCOME)
    assert operation is not None
    fault = envelope.read(safe_xml.parse(fault_bytes(WireError("E0001")))).body
    payload = fault if is_fault else etree.Element(operation.output)
    other = PARAMETERS.replace("7", "8")
    request = Addressing("urn:uuid:q", operation.action, "", "", PLACE, PLACE + "/fault", "", PARAMETERS, other)
    raw = composer(edition).late_reply(operation, payload, "urn:uuid:a", request, "kazei")
    head = envelope.read(safe_xml.parse(raw)).addressing
    assert (head.to, echo_of(raw)) == ((PLACE + "/fault", "8") if is_fault else (PLACE, "7"))
    assert (head.relates_to, head.action) == ("urn:uuid:q", SOAP_FAULT_ACTION if is_fault else operation.reply_action)


def test_a_late_answer_to_a_plain_request_names_the_bus(edition: Edition) -> None:
    """Nothing else is known."""
    operation = edition.operation(INCOME)
    assert operation is not None
    payload = etree.Element(operation.output)
    raw = composer(edition).late_reply(operation, payload, "urn:uuid:a", Addressing("urn:uuid:q"), "kazei")
    assert envelope.read(safe_xml.parse(raw)).addressing.to == "http://bus.example/990019/tax/kojinjuminzei"


async def test_where_an_answer_is_wanted_is_kept_with_the_request(place: Place, edition: Edition) -> None:
    """It may be days until the vendor's file is there."""
    raw = addressed(income_question(edition, "000000000000001", "urn:uuid:late"), reply_to=PLACE)
    async with place.running("a-tax") as host:
        assert (await Caller(host).post(raw))[0] == 202
        waiting = received.find(host._environment.store.reader, "shotoku", 1)
    assert waiting is not None
    assert json.loads(waiting.context)["reply_to"] == PLACE


async def test_an_answer_that_relates_to_another_message_is_not_believed(place: Place) -> None:
    """The letter is sent again until its own receipt comes."""
    answers: list[str] = []

    async def behave(taken: Taken) -> web.Response | None:
        answers.append(taken.message_id)
        if len(answers) > 1:
            return None
        body = envelope.build(
            etree.Element(taken.operation.output), addressing=Addressing("urn:1", "urn:a", relates_to="urn:uuid:other")
        )
        return web.Response(body=body, headers={"Content-Type": "text/xml; charset=utf-8"})

    place.bus.behaviour = behave
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(residents(1)))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 1})
    assert len(answers) == 2
    assert len(set(answers)) == 1
    assert place.bus.taken[0].operation.key == NOTICE
