"""Any combination of WS-Addressing properties has exactly one outcome."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.addressing import ANONYMOUS, NONE
from tests.pipeline.addressed import ACTION, DESK, HERE, OWN, fault_of, post
from tests.pipeline.fakes import world
from tests.pipeline.messages import TOWN, inquiry, notice

PLACES = st.sampled_from(["", ANONYMOUS, NONE, OWN, DESK, "http://juki.example/soap", "http://evil.example/"])
REQUESTS = st.builds(
    Addressing,
    message_id=st.sampled_from(["", "urn:uuid:1"]),
    action=st.sampled_from(["", ACTION, "urn:other"]),
    to=st.sampled_from(["", ANONYMOUS, NONE, HERE, "urn:other"]),
    relates_to=st.sampled_from(["", "urn:uuid:0"]),
    reply_to=PLACES,
    fault_to=PLACES,
    source=PLACES,
)


@settings(max_examples=150)
@given(
    request_of=REQUESTS,
    payload=st.sampled_from(["good", "bad", "notice"]),
    twice=st.sampled_from(["", "To", "ReplyTo"]),
)
async def test_any_combination_of_properties_has_exactly_one_outcome(
    request_of: Addressing, payload: str, twice: str
) -> None:
    """Answered, accepted for elsewhere, or refused with a code; told in one place; nothing to strangers."""
    town = world()
    body = notice() if payload == "notice" else inquiry(base_date="x" if payload == "bad" else "2023-01-01")
    raw = envelope.build(body, addressing=request_of)
    if twice and (block := f"<wsa:{twice}>".encode()) in raw:
        end = f"</wsa:{twice}>".encode()
        part = raw[raw.index(block) : raw.index(end) + len(end)]
        raw = raw.replace(part, part * 2)
    response = await post(town, raw, caller="juki" if payload == "notice" else "tax")
    accepted = [row.acceptance for row in town.journal.rows.values() if row.acceptance.sender != "chiikibus"]
    refused = town.journal.rejected
    assert len(accepted) + len(refused) == 1
    assert response.status in {200, 202, 500}
    assert bool(response.body) == (response.status != 202)
    faults = [each for each in town.outbox.handed if each.sender == "chiikibus"]
    if refused:
        told = [fault_of(raw).code for raw in (*(each.raw for each in faults), response.body) if raw]
        assert told in ([], [refused[0].code])
        if not told:
            assert NONE in {request_of.reply_to, request_of.fault_to}
    else:
        assert faults == []
    registered = {each.address for each in town.house.tables.endpoints.values()}
    assert {sent.endpoint.address for sent in town.sender.sent} <= registered
    for each in town.outbox.handed:
        target = town.house.tables.endpoints[TOWN, each.target]
        if each.sender == "chiikibus":
            assert target.address in {request_of.reply_to, request_of.fault_to}
            etree.fromstring(each.raw)
