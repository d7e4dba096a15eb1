"""Answers of providers that do not address, to callers that do: the bus adds the properties and keeps the bytes."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import HttpReply
from bus.wire import envelope, safe_xml, splice
from bus.wire.addressing import ANONYMOUS
from bus.wire.addressing_fault import SOAP_FAULT_ACTION
from bus.wire.fault import fault_bytes
from bus.wire.http import XML
from tests.pipeline.addressed import PARAMETERS, ask, echo_of, post, read_of
from tests.pipeline.fakes import World, world
from tests.pipeline.messages import JUKI, inquiry, resident_reply, unaddressed

ANSWER = f"{JUKI}/jumin_shokai_kaito"


def replying(reply: HttpReply) -> World:
    """A town whose provider always answers so."""
    town = world()
    town.sender.provider = lambda sent: reply
    return town


async def test_a_plain_answer_is_related_and_has_an_action_and_an_id() -> None:
    """Every byte of the provider stays, it is what the journal holds, and a repetition is the same answer."""
    town = replying(HttpReply(200, XML, resident_reply()))
    response = await post(town, ask(reply_to=ANONYMOUS, reply_parameters=PARAMETERS))
    head = read_of(response.body).addressing
    exchange_id = town.journal.only().exchange_id
    assert (head.relates_to, head.action, head.to) == ("urn:uuid:1", ANSWER, "")
    assert head.message_id == f"urn:chiikibus:kaito:{exchange_id}"
    assert echo_of(response.body) == "7"
    assert unaddressed(response.body) == resident_reply() == town.journal.transitions[-1].reply
    again = await post(town, ask(reply_to=ANONYMOUS, reply_parameters=PARAMETERS))
    assert again.body == response.body
    assert len(town.sender.sent) == 1


@pytest.mark.parametrize("fault_to", [{}, {"fault_to": ANONYMOUS, "fault_parameters": PARAMETERS}])
async def test_a_plain_fault_is_related_and_has_the_action_of_faults(fault_to: dict[str, str]) -> None:
    """With the reference parameters of the place that faults go to."""
    fault = fault_bytes(WireError("E0001"))
    response = await post(replying(HttpReply(500, XML, fault)), ask(**fault_to))
    head = read_of(response.body).addressing
    assert (response.status, head.relates_to, head.action) == (500, "urn:uuid:1", SOAP_FAULT_ACTION)
    assert echo_of(response.body) == ("7" if fault_to else None)
    assert unaddressed(response.body) == fault


async def test_an_answer_in_another_encoding_keeps_it() -> None:
    """The Header is written in the encoding of the answer."""
    plain = resident_reply().decode().replace("encoding='utf-8'", "encoding='utf-16'")
    raw = plain.encode("utf-16")
    media = "text/xml; charset=utf-16"
    response = await post(replying(HttpReply(200, media, raw)), ask())
    assert response.content_type == media
    assert envelope.read(safe_xml.parse(response.body, media)).addressing.relates_to == "urn:uuid:1"
    start = response.body.index("<soap:Body".encode("utf-16-le"))
    assert raw.endswith(response.body[start:])


async def test_an_answer_that_is_addressed_already_keeps_every_byte() -> None:
    """Whoever addresses has said what it wanted to say; to one that says only its action the rest is added."""
    whole = resident_reply(relates_to="urn:uuid:1")
    assert (await post(replying(HttpReply(200, XML, whole)), ask())).body == whole
    without = splice.without(whole, lambda tag: tag.endswith("}RelatesTo"))
    response = await post(replying(HttpReply(200, XML, without)), ask())
    head = read_of(response.body).addressing
    assert (head.relates_to, head.action) == ("urn:uuid:1", ANSWER)
    assert response.body.count(b"Action>") == 2


async def test_an_answer_with_other_blocks_keeps_them() -> None:
    """The properties come behind them."""
    own = etree.Element("{urn:x-example}own")
    raw = splice.inserted(resident_reply(), [own])
    response = await post(replying(HttpReply(200, XML, raw)), ask())
    assert read_of(response.body).addressing.relates_to == "urn:uuid:1"
    wsa = {block.tag for block in splice.blocks(response.body)} - {own.tag}
    assert splice.without(response.body, wsa.__contains__) == raw


async def test_what_a_provider_signed_stays_altogether_as_it_is() -> None:
    """A receiver may hold it to every header block being signed."""
    raw = splice.inserted(resident_reply(), [etree.Element(envelope.SECURITY)])
    response = await post(replying(HttpReply(200, XML, raw)), ask())
    assert response.body == raw


async def test_a_caller_that_does_not_address_gets_the_answer_as_it_is() -> None:
    """Nothing is added for a plain client."""
    response = await post(replying(HttpReply(200, XML, resident_reply())), envelope.build(inquiry()))
    assert (response.status, response.body) == (200, resident_reply())
