"""The composed bus does its main job over real sockets, and loses nothing on the way."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from lxml import etree

from bus.app import build
from bus.app.stores import open_operator, open_reader
from bus.core.basic import basic_header
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.errors import ConfigurationError, EnvironmentFault
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.records import from_element
from schemas.model import Edition
from tests.app.conftest import Town, post
from tests.support.polling import until_async
from tests.support.providers import give_receipt, refuse
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change, write_secret

NOTICE_ID = "urn:uuid:00000000-0000-4000-8000-00000000000a"


TWO = pytest.param(2, id="two workers", marks=pytest.mark.slow)
pytestmark = pytest.mark.parametrize("town", [pytest.param(1, id="one process"), TWO], indirect=True)


def payload_of(raw: bytes) -> etree._Element:
    """The payload of an answer."""
    return envelope.read(safe_xml.parse(raw)).body


def code_of(raw: bytes) -> str:
    """The code of a fault."""
    return read_fault(payload_of(raw)).code


async def inquire(town: Town) -> tuple[int, bytes]:
    """Ask for the resident as tax."""
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    return await town.post("tax", "juki.jumin_shokai", message(town.edition, "juki.jumin_shokai", values))


async def test_a_direct_call_brings_the_providers_answer(town: Town) -> None:
    """Tax asks juki through the bus; juki sees who asks and under which credential."""
    status, raw = await inquire(town)
    assert status == 200
    assert from_element(payload_of(raw)[0]) == dict(RESIDENT)
    (received,) = town.juki.received
    assert received.headers["chiikibus-sender"] == "990019/tax"
    assert received.headers["authorization"] == basic_header("chiikibus", "secret-of-juki")
    assert town.counts() == {"REPLIED": 1}


async def test_a_queued_notice_reaches_every_subscriber_with_the_same_bytes(town: Town) -> None:
    """One acceptance, two deliveries; the sender's bytes arrive unchanged."""
    sent = message(town.edition, "juki.ido_tsuchi", RESIDENT, NOTICE_ID)
    status, raw = await town.post("juki", "juki.ido_tsuchi", sent)
    assert status == 200
    assert etree.QName(payload_of(raw)).localname == "ido_tsuchi_uketsuke"
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="both deliveries")
    assert [provider.received[0].body for provider in (town.tax, town.kokuho)] == [sent, sent]


async def test_the_same_notice_again_is_answered_without_a_second_delivery(town: Town) -> None:
    """At least once on the wire, one effect."""
    first = await town.notify(NOTICE_ID)
    again = await town.notify(NOTICE_ID)
    assert (first[0], again[0]) == (200, 200)
    assert payload_of(first[1])[1].text == payload_of(again[1])[1].text
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="both deliveries")
    assert len(town.tax.received) == 1


async def test_a_target_that_is_down_is_tried_again_until_it_is_back(town: Town) -> None:
    """The other subscriber is not held up; the retry brings the same message."""
    port = town.tax.port
    await town.tax.stop()
    assert (await town.notify())[0] == 200
    await until_async(lambda: len(town.kokuho.received) == 1, what="the other subscriber")
    await until_async(lambda: town.counts().get("RETRY_WAIT") == 1, what="a failed attempt")
    await town.tax.start(port)
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, within_s=20, what="the retry")


async def test_a_refused_message_is_parked_and_resent_by_the_operator(town: Town) -> None:
    """Parking names the cause; after the cause is gone a resend delivers, and the record says who did it."""
    town.tax.behaviour = refuse("CB6016")
    await town.notify(NOTICE_ID)
    await until_async(lambda: town.counts() == {"DELIVERED": 1, "PARKED": 1}, what="parking")
    site = load_site(town.folder, town.edition)
    reader = open_reader(site)
    (group,) = reader.parked()
    assert (group["target"], group["code"], group["count"]) == ("tax", "CB6016", 1)
    town.tax.behaviour = give_receipt(town.edition, "juki.ido_tsuchi")
    operator = open_operator(site, SystemClock(), "cli:test")
    (decision,) = operator.resend(operator.parked_ids(target="tax"))
    assert decision.done
    operator.close()
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="the resend")
    exchange = str(reader.search(message_id=NOTICE_ID)[0]["exchange_id"])
    assert "cli:test" in {event["actor"] for event in reader.iterate_events(exchange)}
    reader.close()


async def test_what_waits_is_delivered_by_the_next_process(town: Town) -> None:
    """The queues are refilled from the journal at start; order of one person is kept."""
    port = town.tax.port
    await town.tax.stop()
    for number in range(1, 6):
        assert (await town.notify(rirekibango=str(number)))[0] == 200
    await until_async(lambda: len(town.kokuho.received) == 5, what="the other subscriber")
    await town.restart()
    assert town.app.metrics().counts["accepted_messages"] == 5
    await town.tax.start(port)
    await until_async(lambda: town.counts() == {"DELIVERED": 10}, within_s=20, what="all deliveries")
    seen = [payload_of(one.body)[0].findtext("{*}rirekibango") for one in town.tax.received]
    assert list(dict.fromkeys(seen)) == ["1", "2", "3", "4", "5"]


async def test_a_reload_takes_over_rights_and_keeps_the_queue(town: Town) -> None:
    """A right taken away is refused at once, a paused endpoint waits, a new one is known; nothing is lost."""
    change(town.folder / "endpoints.toml", 'id = "kokuho", ', 'id = "kokuho", paused = true, ')
    row = 'endpoint = "tax", operation = "juki.jumin_shokai", purposes = ["kazei"]'
    change(town.folder / "rights.toml", row, row.replace('"tax"', '"kokuho"').replace("kazei", "kokuho"))
    await town.reload()
    status, raw = await inquire(town)
    assert (status, code_of(raw)) == (500, "CB2002")
    await town.notify()
    await until_async(lambda: len(town.tax.received) == 1, what="the active subscriber")
    assert town.kokuho.received == []
    change(town.folder / "endpoints.toml", "paused = true, ", "")
    await town.reload()
    await until_async(lambda: town.counts() == {"DELIVERED": 2, "REJECTED": 1}, what="the paused subscriber")


async def test_a_reload_moves_an_endpoint_to_its_new_address(town: Town) -> None:
    """The vendor switch: what waited for the old address goes to the new one."""
    old = town.tax.port
    await town.tax.stop()
    await town.notify()
    await until_async(lambda: town.counts().get("RETRY_WAIT") == 1, what="a failed attempt")
    new = await town.tax.start()
    assert new != old
    change(town.folder / "endpoints.toml", f"127.0.0.1:{old}/", f"127.0.0.1:{new}/")
    await town.reload()
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="the delivery to the new address")


async def test_a_reload_adds_a_system(town: Town) -> None:
    """A new endpoint calls right after the reload."""
    change(town.folder / "endpoints.toml", "endpoint = [", 'endpoint = [ { id = "nenkin", municipality = "990019", '
           'unit = "nenkin", purpose = "nenkin" },')  # fmt: skip
    change(town.folder / "rights.toml", "right = [", 'right = [ { municipality = "990019", endpoint = "nenkin", '
           'operation = "juki.jumin_shokai", purposes = ["nenkin"] },')  # fmt: skip
    write_secret(town.folder, "nenkin")
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    body = message(town.edition, "juki.jumin_shokai", values)
    assert (await town.post("nenkin", "juki.jumin_shokai", body))[0] == 404
    await town.reload()
    assert (await town.post("nenkin", "juki.jumin_shokai", body))[0] == 200


async def test_health_says_what_is_open(town: Town) -> None:
    """Live, ready and, with a credential, the counters of the caller's municipality."""
    await town.notify()
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="both deliveries")
    assert (await post(town.port, "/health/live", b"", {}, "GET"))[0] == 200
    assert (await post(town.port, "/health/ready", b"", {}, "GET"))[0] == 200
    assert (await post(town.port, "/health/detail", b"", {}, "GET"))[0] == 401
    headers = {"Authorization": basic_header("tax", "secret-of-tax")}
    status, raw = await post(town.port, "/health/detail", b"", headers, "GET")
    detail = json.loads(raw)
    assert status == 200
    assert detail["open_deliveries"] == 0
    assert {one["endpoint"] for one in detail["endpoints"]} == {"990019/juki", "990019/tax", "990019/kokuho"}


async def test_an_engine_that_does_not_exist_is_told_before_anything_starts(town: Town, edition: Edition) -> None:
    """A folder that asks for an unknown engine is a configuration error, not a silent default."""
    change(town.folder / "site.toml", 'engine = "memory"', 'engine = "kafka"')
    with pytest.raises(ConfigurationError) as caught:
        load_site(town.folder, edition)
    assert [finding.code for finding in caught.value.findings] == ["CB7012"]


async def test_two_buses_cannot_share_an_address(town: Town, edition: Edition, tmp_path: Path) -> None:
    """The second one ends with CB9003 and leaves nothing open behind."""
    change(town.folder / "site.toml", "127.0.0.1:0", f"127.0.0.1:{town.port}")
    change(town.folder / "site.toml", "var/journal.sqlite", str(tmp_path / "other.sqlite"))
    second = build(load_site(town.folder, edition, need_secrets=True), edition)
    with pytest.raises(EnvironmentFault) as caught:
        await second.start()
    assert caught.value.code == "CB9003"


async def test_many_calls_at_once_are_all_answered(town: Town) -> None:
    """Concurrency is bounded by admission, not by luck."""
    results = await asyncio.gather(*(inquire(town) for _ in range(50)))
    assert {status for status, _ in results} == {200}
    assert town.counts() == {"REPLIED": 50}
