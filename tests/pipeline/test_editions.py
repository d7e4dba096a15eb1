"""Two editions side by side: an endpoint speaks the one it is pinned to, and what it gets is written in that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from lxml import etree

from bus.core.errors import WireError
from bus.core.ports import Consignment, HttpReply
from bus.core.states import State
from bus.core.types import Endpoint
from bus.deliver.outgoing import HouseOutgoing
from bus.front.documents import load_documents
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import XML
from tests.pipeline.fakes import ENDPOINTS, World, site, world
from tests.pipeline.messages import (
    JUKI,
    TOWN,
    addressing,
    context,
    in_order,
    inquiry,
    record,
    request,
    resident_reply,
    resident_values,
)  # fmt: skip
from tests.support.second_edition import GONE, NEW, SHORTER, SPACE, second_edition

NUMBER = "12345678901"
"""A 住民票コード as only its form is known here."""


def town(*pinned: str) -> World:
    """A town where these endpoints speak edition 1.1."""
    endpoints = tuple(
        replace(one, edition="1.1", edition_until="2030-03-31") if one.id in pinned else one for one in ENDPOINTS
    )
    return world(replace(site(endpoints=endpoints), editions={"1.1": second_edition()}))


def new_inquiry() -> etree._Element:
    """The payload of a resident inquiry of edition 1.1."""
    payload = etree.Element(f"{{{SPACE}}}jumin_shokai", nsmap={None: SPACE})
    for item in inquiry():
        etree.SubElement(payload, f"{{{SPACE}}}{etree.QName(item).localname}").text = item.text
    return payload


def notice(space: str, **more: str) -> bytes:
    """A 異動通知 of either edition."""
    payload = etree.Element(f"{{{space}}}ido_tsuchi", nsmap={"j": space})
    record(payload, space, "jumin", in_order({**resident_values(), **more}))
    return envelope.build(payload)


def items(body: bytes, space: str) -> dict[str, str]:
    """The items of the first record of a message of this edition; there is nothing of another in it."""
    payload = envelope.read(safe_xml.parse(body)).body
    assert {etree.QName(one).namespace for one in payload.iter()} == {space}
    return {etree.QName(one).localname: one.text or "" for one in payload[0]}


def consignments(given: World) -> Iterator[tuple[Consignment, Endpoint]]:
    """What waits for delivery, with its bytes."""
    for one in given.outbox.handed:
        endpoint = given.house.tables.endpoints[TOWN, one.target]
        yield replace(one, raw=given.journal.rows[one.exchange_id].acceptance.raw), endpoint


async def delivered(given: World, raw: bytes, space: str) -> dict[str, tuple[bytes, dict[str, str]]]:
    """A notice of the resident register as each of its targets gets it, with the headers."""
    response = await process(given.house, request(raw, caller="juki", action=f"{space}/ido_tsuchi"))
    assert response.status == 200, response.body
    outgoing = HouseOutgoing(lambda: given.house)
    found = {}
    for consignment, endpoint in consignments(given):
        body, headers, _ = outgoing.request(consignment, endpoint)
        found[endpoint.id] = (body, dict(headers))
    return found


async def test_an_inquiry_of_the_new_edition_is_answered_by_a_provider_of_the_old() -> None:
    """Each side sees its own edition only: payload, SOAPAction, wsa:Action and the edition in the context."""
    given = town("tax")
    given.sender.provider = lambda sent: HttpReply(
        200, XML, resident_reply(juminhyokodo=NUMBER, **{SHORTER: "備考"}), 1.0, 1.1
    )
    action = f"{SPACE}/jumin_shokai"
    raw = envelope.build(new_inquiry(), addressing=addressing("urn:uuid:1", action), context=context(edition="1.1"))
    response = await process(given.house, request(raw, action=action))
    sent = given.sender.sent[0]
    asked = envelope.read(safe_xml.parse(sent.body))
    assert asked.body.tag == f"{{{JUKI}}}jumin_shokai"
    assert [one.text for one in asked.body] == [one.text for one in inquiry()]
    assert (asked.addressing.action, asked.context.edition) == (f"{JUKI}/jumin_shokai", "1.0")
    assert sent.headers["SOAPAction"] == f'"{JUKI}/jumin_shokai"'
    assert response.status == 200, response.body
    seen = items(response.body, SPACE)
    assert (seen["atenabango"], seen[SHORTER]) == ("000000000012345", "備考")
    assert "juminhyokodo" not in seen
    stored = given.journal.only()
    assert (stored.raw, stored.edition) == (raw, "1.1")
    assert given.journal.state(stored.exchange_id) is State.REPLIED


async def test_a_notice_reaches_each_target_in_its_own_edition() -> None:
    """The old edition gets the very bytes, the new one the same items without the one that it no longer has."""
    given = town("tax")
    raw = notice(JUKI, **{GONE: "1", SHORTER: "備考"})
    found = await delivered(given, raw, JUKI)
    told = items(found["tax"][0], SPACE)
    assert GONE not in told
    assert told == {name: value for name, value in items(raw, JUKI).items() if name != GONE}
    assert found["tax"][1]["SOAPAction"] == f'"{SPACE}/ido_tsuchi"'
    assert items(found["kokuho"][0], JUKI)[GONE] == "1"
    assert found["kokuho"][1]["SOAPAction"] == f'"{JUKI}/ido_tsuchi"'


@pytest.mark.slow
async def test_what_only_the_new_edition_has_is_left_out_for_the_old_one() -> None:
    """A provider may change first; nothing else of the record changes."""
    given = town("juki")
    raw = notice(SPACE, **{NEW: "追加"})
    found = await delivered(given, raw, SPACE)
    assert items(found["tax"][0], JUKI) == {name: value for name, value in items(raw, SPACE).items() if name != NEW}


@pytest.mark.slow
async def test_between_two_of_the_new_edition_everything_stays() -> None:
    """The site's own edition is not a bottleneck."""
    given = town("juki", "tax")
    raw = notice(SPACE, **{NEW: "追加"})
    found = await delivered(given, raw, SPACE)
    assert found["tax"][0] == raw
    assert found["tax"][1]["SOAPAction"] == f'"{SPACE}/ido_tsuchi"'


@pytest.mark.parametrize("pinned", [("kokuho",), ("juki",), ("juki", "kokuho")])
async def test_what_a_right_withholds_is_withheld_in_every_edition(pinned: tuple[str, ...]) -> None:
    """Changing the edition of one side or of both opens nothing."""
    given = town(*pinned)
    space = SPACE if "juki" in pinned else JUKI
    raw = notice(space, juminhyokodo=NUMBER, todokedebango="77")
    found = await delivered(given, raw, space)
    body = found["kokuho"][0]
    assert NUMBER.encode() not in body
    assert {"juminhyokodo", "todokedebango"} & set(items(body, SPACE if "kokuho" in pinned else JUKI)) == set()


async def test_a_value_that_the_other_edition_does_not_allow_is_not_cut_but_refused() -> None:
    """E0003 names the item and the edition; nothing is sent."""
    given = town("tax")
    with pytest.raises(WireError) as caught:
        await delivered(given, notice(JUKI, **{SHORTER: "長い備考です"}), JUKI)
    assert caught.value.code == "E0003"
    assert (caught.value.findings[0].path.rpartition("/")[2], caught.value.findings[0].place) == (
        SHORTER,
        "edition 1.1",
    )


@pytest.mark.slow
async def test_an_answer_that_the_caller_cannot_hold_is_not_cut_either() -> None:
    """CB1017 to the caller, as for any answer that is not of the standard."""
    given = town("tax")
    given.sender.provider = lambda sent: HttpReply(200, XML, resident_reply(**{SHORTER: "長い備考です"}), 1.0, 1.1)
    response = await process(given.house, request(envelope.build(new_inquiry()), action=f"{SPACE}/jumin_shokai"))
    assert read_fault(envelope.read(safe_xml.parse(response.body)).body).code == "CB1017"


async def test_an_endpoint_is_judged_by_its_own_edition_alone() -> None:
    """A message of the old edition is none of the new one."""
    given = town("tax")
    response = await process(given.house, request(envelope.build(inquiry()), action=f"{JUKI}/jumin_shokai"))
    assert read_fault(envelope.read(safe_xml.parse(response.body)).body).code == "CB1013"


@pytest.mark.slow
def test_each_endpoint_is_served_the_description_of_its_edition() -> None:
    """What a vendor's stack downloads is what it may send."""
    documents = load_documents(town("tax").house.tables)
    for name, space in (("tax", SPACE), ("kokuho", JUKI)):
        found = documents.answer(f"/{TOWN}/{name}/juki", "wsdl", "http://bus.example")
        assert found is not None
        assert f'targetNamespace="{space}"'.encode() in found.body
        schema = documents.answer(f"/{TOWN}/{name}/juki", "xsd=juki.xsd", "http://bus.example")
        assert schema is not None
        assert (f'name="{NEW}"'.encode() in schema.body) == (space == SPACE)
