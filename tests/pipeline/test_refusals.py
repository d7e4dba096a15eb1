"""What the steps refuse, with which code, and that every refusal of a known sender is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import Context, Right
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import XML, Response
from tests.pipeline.fakes import RIGHTS, ROUTES, World, site, world
from tests.pipeline.messages import JUKI, TOWN, addressing, context, inquiry, notice, request, resident_reply

ACTION = f"{JUKI}/jumin_shokai"
PLAIN = envelope.build(inquiry())
SECURED = PLAIN.replace(
    b"<soap:Body>",
    b'<soap:Header><w:Security xmlns:w="%s" soap:mustUnderstand="1"/></soap:Header><soap:Body>'
    % envelope.WSSE.encode(),
)


def code_of(response: Response) -> str:
    """The code of a fault or of a refusal in text."""
    if response.content_type.startswith("text/plain"):
        return response.body[:6].decode()
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


def with_context(**more: str) -> bytes:
    """An inquiry with a context that is spoilt."""
    return envelope.build(inquiry(), context=context(**more))


async def refused(town: World, raw: bytes, **how: str) -> str:
    """The code; and exactly one row was kept, of metadata."""
    response = await process(town.house, request(raw, **how))
    assert town.journal.rows == {}
    (row,) = town.journal.rejected
    assert (row.state, row.raw, row.size) == (State.REJECTED, b"", len(raw))
    assert row.code == code_of(response)
    assert town.sender.sent == []
    assert town.lines[-1][1]["code"] == row.code
    return row.code


CASES = {
    "CB1002": (PLAIN, {"content_type": "application/json"}),
    "CB1003": (PLAIN, {"content_type": "text/xml; charset=shift_jis"}),
    "CB1004": (PLAIN[:-5], {}),
    "CB1005": (b"<!DOCTYPE a>" + PLAIN[PLAIN.index(b"<soap:Env") :], {}),
    "CB1007": (PLAIN.replace(b"schemas.xmlsoap.org/soap", b"www.w3.org/2003/05/soap"), {}),
    "CB1008": (PLAIN.replace(b"<soap:Body>", b"<soap:Body><a/>"), {}),
    "CB1009": (SECURED, {}),
    "CB1010": (PLAIN, {"action": "urn:other"}),
    "CB1012": (with_context(edition="9.9"), {}),
    "CB1013": (PLAIN.replace(b"jumin_shokai", b"jumin_shokaj"), {}),
    "CB1016": (PLAIN.replace(b"kijunbi", b"kijunby"), {}),
    "E0001": (PLAIN.replace(b"<j:kijunbi>2023-01-01</j:kijunbi>", b""), {}),
    "E0002": (envelope.build(inquiry(base_date="2023-13-01")), {}),
    "CB2002": (PLAIN, {"caller": "juki"}),
    "CB2003": (with_context(purpose="senkyo"), {}),
    "CB2004": (with_context(receiver_municipality="011002"), {}),
    "CB2005": (PLAIN.replace(b"jumin_shokai", b"setai_shokai").replace(b"atenabango", b"setaibango"), {}),
    "CB2006": (
        envelope.build(inquiry(), addressing=addressing("urn:uuid:1", ACTION, reply_to="http://evil.example/")),
        {},
    ),
    "CB1011": (
        envelope.build(inquiry(), addressing=addressing("", ACTION)),
        {},
    ),
    "CB2007": (with_context(sender_system="juki"), {}),
}


@pytest.mark.parametrize("code", CASES)
async def test_a_refusal_has_its_code_and_leaves_one_row(code: str) -> None:
    """Every step refuses by a coded error; nothing is stored but who, when, which digest and why."""
    raw, how = CASES[code]
    assert await refused(world(), raw, **how) == code


@pytest.mark.parametrize(
    "spoilt",
    [
        context(sender_municipality="011002"),
        context(sender_unit="juki"),
        context(sender_system="kokuho"),
    ],
)
async def test_nobody_speaks_for_somebody_else(spoilt: Context) -> None:
    """The context's sender is the calling endpoint, in each of its parts."""
    assert await refused(world(), envelope.build(inquiry(), context=spoilt)) == "CB2007"


@pytest.mark.parametrize("field", ["receiver_unit", "operation"])
async def test_a_context_that_names_another_operation_is_refused(field: str) -> None:
    """Unit and operation of the context agree with address and body."""
    raw = with_context(receiver_municipality=TOWN, **{field: "kokuho"})
    assert await refused(world(), raw) == "CB1012"


async def test_a_right_to_receive_a_notice_is_no_right_to_send_one() -> None:
    """What goes to consumers comes from the providing unit alone."""
    town = world()
    assert ("tax", "juki.ido_tsuchi") in {(right.endpoint, right.operation) for right in RIGHTS}
    assert await refused(town, envelope.build(notice()), caller="tax") == "CB2002"
    assert town.outbox.handed == []


async def test_a_receiver_that_is_no_target_of_the_route_is_refused() -> None:
    """Naming a system does not make a route."""
    raw = with_context(receiver_municipality=TOWN, receiver_system="kokuho")
    assert await refused(world(), raw) == "CB2005"


@pytest.mark.parametrize(
    ("path", "secret", "code", "status"),
    [
        (f"/{TOWN}/tax/juki", "wrong", "CB2001", 401),
        (f"/{TOWN}/nobody/juki", "", "CB1015", 404),
        (f"/{TOWN}/tax/nothing", "", "CB1015", 404),
        ("/011002/tax/juki", "", "CB1015", 404),
        (f"/{TOWN}/juki/juki", "", "CB2001", 401),
        (f"/{TOWN}/tax/juki/", "", "CB1015", 404),
    ],
)
async def test_an_unknown_caller_is_turned_away_before_anything_is_parsed(
    path: str, secret: str, code: str, status: int
) -> None:
    """And leaves no row: it has no name."""
    town = world()
    response = await process(town.house, replace(request(b"<", secret=secret), path=path))
    assert (response.status, code_of(response)) == (status, code)
    assert town.journal.rejected == []
    assert response.content_type.startswith("text/plain")


async def test_a_credential_is_recognised_in_any_spelling_of_its_scheme() -> None:
    """RFC 7617: the scheme is case-insensitive."""
    given = request(PLAIN)
    spelt = {**given.headers, "authorization": given.header("authorization").replace("Basic", "bAsIc")}
    assert (await process(world().house, replace(given, headers=spelt))).status == 200


async def test_a_target_without_a_right_stops_the_whole_notice() -> None:
    """Nobody gets a part of it, and the operator sees which row is missing."""
    town = world(
        site(
            rights=tuple(
                right for right in RIGHTS if (right.endpoint, right.operation) != ("kokuho", "juki.ido_tsuchi")
            )
        )
    )
    assert await refused(town, envelope.build(notice()), caller="juki") == "CB2002"
    assert town.outbox.handed == []


async def test_a_route_for_other_senders_is_no_route() -> None:
    """``senders`` narrows a route."""
    routes = (replace(ROUTES[0], senders=("kokuho",)), *ROUTES[1:])
    assert await refused(world(site(routes=routes)), PLAIN) == "CB2005"


async def test_two_rows_for_one_purpose_withhold_what_both_withhold() -> None:
    """Nothing is disclosed that one row keeps back."""
    more = Right(TOWN, "tax", "juki.jumin_shokai", ("kazei",), frozenset({"setaibango"}))
    town = world(site(rights=(*RIGHTS, more)))
    reply = resident_reply(juminhyokodo="12345678901")
    town.sender.provider = lambda sent: HttpReply(200, XML, reply)
    response = await process(town.house, request(PLAIN))
    assert response.status == 200
    assert b"setaibango>" not in response.body
    assert b"juminhyokodo>" not in response.body


async def test_a_security_block_that_need_not_be_understood_is_let_through() -> None:
    """Only what must be understood and is not is refused."""
    raw = SECURED.replace(b'"1"/>', b'"0"/>')
    assert (await process(world().house, request(raw))).status == 200


async def test_a_refusal_that_cannot_be_counted_is_not_told() -> None:
    """The sender is asked to come again instead: what comes in is counted."""
    town = world()
    town.journal.failing = True
    response = await process(town.house, request(PLAIN[:-5]))
    assert (response.status, code_of(response)) == (503, "CB4001")


async def test_a_fault_names_the_exchange_and_never_the_value() -> None:
    """The record number leads the operator to the row; personal data stays out of fault texts."""
    town = world()
    response = await process(town.house, request(envelope.build(inquiry(base_date="19901231"))))
    fault = read_fault(envelope.read(safe_xml.parse(response.body)).body)
    assert fault.record_id == town.journal.rejected[0].exchange_id
    assert "19901231" not in response.body.decode()
    assert fault.findings


async def test_large_messages_are_judged_beside_the_event_loop() -> None:
    """The outcome is the same as for small ones."""
    town = world()
    payload = inquiry()
    raw = envelope.build(payload).replace(b"<soap:Body>", b"<soap:Body>" + b" " * 300_000)
    assert (await process(town.house, request(raw))).status == 200
    assert etree.fromstring(raw) is not None
