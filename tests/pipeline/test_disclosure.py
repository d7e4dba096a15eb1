"""What a receiver may not see leaves a message that it can still accept, and a record that tells nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import RightsError, WireError
from bus.core.ports import HttpReply
from bus.core.types import Endpoint, EndpointSecurity, Reduced, Right
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import outgoing_body, process
from bus.pipeline.disclosure import reduced, withhold
from bus.pipeline.veil import Veil
from bus.wire import envelope, safe_xml, withheld
from bus.wire.http import XML
from bus.wire.records import payload
from schemas.model import Protection
from tests.pipeline.fakes import ENDPOINTS, RIGHTS, ROUTES, World, site, world
from tests.pipeline.messages import TOWN, compiled, edition, in_order, inquiry, notice, request, resident_reply
from tests.support.residents import resident

UNIT = edition().units["juki"]
JUMIN = UNIT.records["jumin"]
ADDRESSES = frozenset(item.name for item in JUMIN.items if item.sensitivity == "address")
VEILS = world().house.tables.views
TAX = VEILS.answers[f"{TOWN}/tax", "juki.jumin_shokai", "kazei"]
SUBSCRIBERS = (("tax", "kojinjuminzei", "kazei"), ("nenkin", "nenkin", "nenkin"), ("senkyo", "senkyo", "senkyo"))


def told(notified: etree._Element, names: frozenset[str] = ADDRESSES) -> set[str]:
    """Those of the items that are in the first record."""
    return {etree.QName(item).localname for item in notified[0]} & names


def notified(**changes: str) -> etree._Element:
    """The payload of a 異動通知 about the synthetic resident."""
    return payload(UNIT.operations["ido_tsuchi"].input, carried=(JUMIN, [in_order(resident(**changes))]))


def subscribed(*names: tuple[str, str, str]) -> World:
    """A town whose notices go to these (endpoint, unit, purpose)."""
    endpoints = tuple(Endpoint(name, TOWN, unit, purpose=purpose, address="http://x") for name, unit, purpose in names)
    rights = tuple(Right(TOWN, name, "juki.ido_tsuchi", (purpose,)) for name, _, purpose in names)
    routes = (ROUTES[0], replace(ROUTES[1], targets=tuple(name for name, _, _ in names)))
    own = (ENDPOINTS[0], *endpoints)
    return world(
        site(endpoints=own, rights=(Right(TOWN, "juki", "juki.ido_tsuchi", ("jumin",)), *rights), routes=routes)
    )


async def seen_by(town: World, raw: bytes) -> dict[str, etree._Element]:
    """What each subscriber of a notice gets, parsed."""
    assert (await process(town.house, request(raw, caller="juki"))).status == 200
    found = {}
    for each in town.outbox.handed:
        body, _ = outgoing_body(town.house.tables, each.carrying(each.raw or raw, 1), each.raw or raw)
        found[each.target] = envelope.read(safe_xml.parse(body)).body
    return found


async def test_every_subscriber_gets_its_own_items_and_no_others() -> None:
    """The pension sees its number, the electoral roll its registration, nobody the code of the resident record."""
    more = {"kisonenkinbango": "1234567890", "senkyo_toroku_umu": "1", "juminhyokodo": "12345678901", "biko": "備考"}
    raw = envelope.build(notice(**more))
    got = await seen_by(subscribed(*SUBSCRIBERS), raw)
    names = frozenset(more)
    assert told(got["tax"], names) == set()
    assert told(got["nenkin"], names) == {"kisonenkinbango"}
    assert told(got["senkyo"], names) == {"senkyo_toroku_umu"}
    assert all(compiled()["juki"].validate(each) == () for each in got.values())


async def test_without_a_row_of_disclosure_a_right_is_none() -> None:
    """Default deny: what a site allows, the standard still has to disclose."""
    rights = (*RIGHTS, Right(TOWN, "tax", "juki.jumin_shokai", ("shuno",)))
    tax = replace(ENDPOINTS[1], purpose="shuno")
    town = world(site(endpoints=(tax, *ENDPOINTS[:1]), rights=rights[:1] + rights[-1:], routes=ROUTES[:1]))
    response = await process(town.house, request(envelope.build(inquiry())))
    assert b"CB2051" in response.body
    assert town.sender.sent == []


async def test_a_target_that_lost_its_right_while_a_message_waited_gets_nothing() -> None:
    """Neither whole nor in part: what is waiting is parked."""
    town = world()
    raw = envelope.build(notice())
    await process(town.house, request(raw, caller="juki"))
    kept = tuple(right for right in RIGHTS if (right.endpoint, right.operation) != ("kokuho", "juki.ido_tsuchi"))
    town.with_site(site(rights=kept, routes=(ROUTES[0], replace(ROUTES[1], targets=("tax",)))))
    to_kokuho = town.outbox.handed[1]
    with pytest.raises(RightsError) as refused:
        outgoing_body(town.house.tables, to_kokuho, raw)
    assert refused.value.code == "CB2002"


async def test_the_receiver_learns_which_items_it_does_not_get_and_why_and_no_value() -> None:
    """The block names every item that the tables keep, whether it was there or not; the journal has both digests."""
    town = world()
    reply = resident_reply(juminhyokodo="12345678901", honseki="試験県試験市")
    town.sender.provider = lambda sent: HttpReply(200, XML, reply)
    response = await process(town.house, request(envelope.build(inquiry())))
    read = envelope.read(safe_xml.parse(response.body))
    said = withheld.read(read.headers)
    assert said["kengen"] == {"juminhyokodo"}
    assert {"honseki", "kisonenkinbango", "biko"} <= said["kaiji"]
    assert "12345678901" not in response.body.decode()
    assert "試験県試験市" not in response.body.decode()
    (finding,) = json.loads(town.journal.transitions[-1].detail)
    assert finding["code"] == "CB2050"
    assert finding["expected"] != finding["got"]
    assert "12345678901" not in town.journal.transitions[-1].detail


async def test_nothing_is_said_and_no_byte_changed_where_nothing_was_taken() -> None:
    """An answer without such items comes as it was sent."""
    town = world()
    reply = resident_reply()
    town.sender.provider = lambda sent: HttpReply(200, XML, reply)
    response = await process(town.house, request(envelope.build(inquiry())))
    assert response.body == reply
    assert town.journal.transitions[-1].detail == ""


@pytest.mark.parametrize("flag", ["9", None])
async def test_while_protection_is_unknown_no_subscriber_learns_an_address(flag: str | None) -> None:
    """Unknown is 9 or no flag at all; 9 with an address is refused at the door, without one it goes on."""
    values = {name: value for name, value in resident().items() if name not in {"shiensochi_kubun", "juminhyokodo"}}
    values |= {"shiensochi_kubun": flag} if flag else {}
    body = payload(UNIT.operations["ido_tsuchi"].input, carried=(JUMIN, [in_order(values)]))
    assert told(body)
    if flag:
        response = await process(world().house, request(envelope.build(body), caller="juki"))
        assert b"E0004" in response.body
        return
    for each in (await seen_by(subscribed(*SUBSCRIBERS), envelope.build(body))).values():
        assert told(each) == set()
        assert compiled()["juki"].validate(each) == ()


async def test_somebody_whom_other_businesses_may_not_refer_to_is_no_more_than_identified() -> None:
    """他業務参照不可: the flag goes on, and what a message of the standard cannot do without."""
    body = notified(tagyomusanshofukafuragu="1", shiensochi_kubun="1")
    kept = {"atenabango", "tagyomusanshofukafuragu", "shiensochi_kubun"}
    for each in (await seen_by(subscribed(*SUBSCRIBERS), envelope.build(body))).values():
        assert told(each) == set()
        assert told(each, frozenset(kept | {"shimei_furigana"})) == kept
        assert compiled()["juki"].validate(each) == ()


async def test_one_protected_record_of_a_part_does_not_take_the_addresses_of_the_others() -> None:
    """Protection is a matter of each record."""
    free, unknown = resident(juminhyokodo=""), {**resident(juminhyokodo=""), "shiensochi_kubun": ""}
    rows = [in_order({name: value for name, value in each.items() if value}) for each in (free, unknown)]
    body = payload(UNIT.operations["ikkatsu_soshin"].input, carried=(JUMIN, rows))
    veil = VEILS.deliveries[f"{TOWN}/tax", "juki.ido_tsuchi"]
    gone = withhold(body, veil)
    first, second = body.iter(veil.record)
    assert {etree.QName(item).localname for item in first} & ADDRESSES
    assert not {etree.QName(item).localname for item in second} & ADDRESSES
    assert gone["hogo"] == ADDRESSES - veil.items


async def test_a_signed_message_may_be_refused_rather_than_come_without_its_signature() -> None:
    """The sender's signature cannot survive: the receiver's policy says whether the message may."""
    security = f'<o:Security xmlns:o="{envelope.WSSE}"/>'.encode()
    raw = resident_reply(relates_to="urn:uuid:1", juminhyokodo="12345678901")
    raw = raw.replace(b"</soap:Header>", security + b"</soap:Header>")
    for policy, refused in ((Reduced.RESIGN, False), (Reduced.REFUSE, True)):
        receiver = replace(ENDPOINTS[1], security=EndpointSecurity(reduced=policy))
        body = envelope.read(safe_xml.parse(raw)).body
        if refused:
            with pytest.raises(RightsError) as error:
                reduced(body, TAX, raw, receiver)
            assert error.value.code == "CB2052"
            continue
        got, record = reduced(body, TAX, raw, receiver)
        assert b"Security" not in got
        assert record is not None


def test_a_queued_delivery_records_both_digests_and_every_reason() -> None:
    """What goes out is told to the journal with the outcome."""
    town = world()
    each = _consigned(town, envelope.build(notice(juminhyokodo="12345678901", todokedebango="7")))
    body, _, record = HouseOutgoing(lambda: town.house).request(each, ENDPOINTS[2])
    assert record is not None
    assert record.path.split()[0].startswith("kaiji:")
    assert "kengen:2" in record.path
    assert b"juminhyokodo>" not in body


def test_what_cannot_be_looked_into_is_not_sent_past_a_veil() -> None:
    """Attachments go on unread only where the route says why, and never past a right that withholds."""
    town = world()
    each = replace(_consigned(town, envelope.build(notice())), content_type="multipart/related")
    with pytest.raises(WireError) as refused:
        outgoing_body(town.house.tables, each, each.raw)
    assert refused.value.code == "CB1050"


def _consigned(town: World, raw: bytes) -> object:
    from bus.core.ports import Consignment  # noqa: PLC0415 - only the two tests above make one by hand

    return Consignment("d-0", "d", TOWN, "juki", "kokuho", "juki.ido_tsuchi", "urn:uuid:1", (), 1.0, 2.0, raw=raw)


@given(st.dictionaries(st.sampled_from([item.name for item in JUMIN.items]), st.just("1"), min_size=1))
def test_no_hidden_item_survives_and_no_other_is_touched(values: dict[str, str]) -> None:
    """Whatever is in a record: what is left is what was there without the hidden items, in its order."""
    body = payload(UNIT.operations["ido_tsuchi"].input, carried=(JUMIN, [in_order(values)]))
    before = [(etree.QName(item).localname, item.text) for item in body[0]]
    veil = Veil(TAX.record, TAX.tags, TAX.loose, TAX.by_standard, TAX.by_right)
    withhold(body, veil)
    after = [(etree.QName(item).localname, item.text) for item in body[0]]
    assert after == [pair for pair in before if pair[0] not in TAX.items]


async def test_what_concerns_protection_goes_first_and_the_mark_is_stored_with_the_message() -> None:
    """支援措置中 puts the key of preference beside the person's; an ordinary notice has none."""
    for flag, first in (("0", False), ("1", True)):
        town = world()
        await process(town.house, request(envelope.build(notified(shiensochi_kubun=flag)), caller="juki"))
        assert ("yusen" in town.journal.only().ordering_keys) is first


async def test_a_state_that_nobody_may_learn_stops_its_message() -> None:
    """A mounted table may name values (一時解除) with which no message goes anywhere."""
    row = Protection(
        "ichiji", "jumin", "shiensochi_kubun", frozenset({"2"}), False, "stop", frozenset(), "一時", "lift"
    )
    juki = replace(UNIT, protections=(row,))
    changed = replace(edition(), units={**edition().units, "juki": juki})
    town = world()
    town.house = town.house.reloaded(site(), changed, compiled())
    for flag, code in (("1", b""), ("2", b"CB2055")):
        response = await process(
            town.house, request(envelope.build(notified(shiensochi_kubun=flag, rirekibango=flag)), caller="juki")
        )
        assert code in response.body
    assert len(town.journal.rejected) == 1
