"""Bulk transfers: an extract goes out in parts with digests, comes in part by part, and both sides agree or say so."""

from __future__ import annotations

import csv
import io
from itertools import islice
from pathlib import Path

import pytest

from adapters.host.identity import canonical_line, identify, totals, uuid_of
from adapters.host.process import Host
from adapters.population import Town
from adapters.simulators.a_juki_files import SABUN, ZENKEN
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.records import from_element, payload
from bus.wire.withheld import announce
from schemas.model import Edition
from tests.host.fake_bus import Taken
from tests.host.place import Caller, Place, ido_file
from tests.host.test_file_to_bus import UNKNOWN, lines_of, residents, spoil
from tests.support.polling import until_async
from tests.support.residents import message

PART = "juki.ikkatsu_soshin"
CONFIRM = "juki.ikkatsu_kakunin"
ASK = "juki.ikkatsu_irai"


async def extract(place: Place, rows: list[dict[str, str]], name: str = "ZEN_0001.DAT", kind: str = ZENKEN) -> None:
    """Let the register write an extract, and wait until its last part is with the bus."""
    before = len(place.bus.of(PART))
    place.drop(name, ido_file(rows, kind))
    await until_async(lambda: any(one.items["saishufuragu"] == "1" for one in place.bus.of(PART)[before:]), within_s=30)


async def deliver(host: Host, parts: list[Taken]) -> None:
    """Bring parts to a receiver as the bus does."""
    for one in parts:
        status, _, body = await Caller(host).post(one.raw)
        assert status == 200, body


def expected_totals(edition: Edition, rows: list[dict[str, str]]) -> tuple[str, str, str]:
    """Count and digests, computed from the records themselves."""
    record = edition.units["juki"].records["jumin"]
    lines = [(identify(record, row).event, canonical_line(record, identify(record, row).event, row)) for row in rows]
    found = totals(lines)
    return str(found.records), found.keys, found.content


async def test_an_extract_goes_out_in_parts_with_totals_on_the_last(place: Place, edition: Edition) -> None:
    """250 records: parts of 100, 100 and 50 of one transfer; the digests are those of the records sent."""
    async with place.running("a-juki"):
        await extract(place, residents(250))
        await place.idle("a-juki")
    parts = place.bus.of(PART)
    assert [one.items["bunkatsubango"] for one in parts] == ["1", "2", "3"]
    assert [len(one.records) for one in parts] == [100, 100, 50]
    assert len({one.items["ikkatsuid"] for one in parts}) == 1
    assert ["sokensu" in one.items for one in parts] == [False, False, True]
    last = parts[-1].items
    rows = [row for one in parts for row in one.records]
    assert (last["sokensu"], last["kagidaijesuto"], last["naiyodaijesuto"]) == expected_totals(edition, rows)
    assert place.status("a-juki")["outbox_records"] == {"sent": 250}


async def test_a_truncated_extract_sends_nothing(place: Place) -> None:
    """A bulk transfer is whole or not at all: the file goes to error/ with CB6001."""
    lines = lines_of(residents(130))
    async with place.running("a-juki"):
        place.drop("ZEN_0001.DAT", b"".join(lines[:120]))
        await until_async(lambda: place.status("a-juki")["files"] == {"error": 1})
        await place.idle("a-juki")
    assert place.bus.taken == []
    assert place.status("a-juki", detail=True)["file_list"][0]["code"] == "CB6001"
    assert place.status("a-juki")["bulk"] == []


async def test_an_empty_extract_is_a_transfer_of_nothing(place: Place) -> None:
    """One part, the last, with a total of 0."""
    async with place.running("a-juki"):
        await extract(place, [])
    assert [(one.items["kensu"], one.items["sokensu"]) for one in place.bus.of(PART)] == [("0", "0")]


async def test_a_difference_names_the_transfer_it_continues(place: Place) -> None:
    """Written right after one another, full and difference go out in the vendor's order."""
    async with place.running("a-juki"):
        place.drop("ZEN_0001.DAT", ido_file(residents(30), ZENKEN))
        place.drop("SABUN_0001.DAT", ido_file(residents(5), SABUN))
        await until_async(lambda: len(place.bus.of(PART)) == 2)
    full, difference = sorted(place.bus.of(PART), key=lambda one: one.items["ikkatsu_shubetsu"])
    assert difference.items["ikkatsu_shubetsu"] == "2"
    assert difference.items["zenkai_ikkatsuid"] == full.items["ikkatsuid"]


async def test_a_difference_without_a_full_transfer_before_is_refused(place: Place) -> None:
    """E0004: there is nothing it could continue."""
    async with place.running("a-juki"):
        place.drop("SABUN_0001.DAT", ido_file(residents(5), SABUN))
        await until_async(lambda: place.status("a-juki")["files"] == {"error": 1})
    assert place.status("a-juki", detail=True)["file_list"][0]["code"] == "E0004"
    assert place.bus.taken == []


@pytest.mark.slow
async def test_a_held_record_of_an_extract_follows_as_a_difference(place: Place) -> None:
    """The transfer goes without it and says so; once the character is registered a difference transfer brings it."""
    rows = residents(12)
    lines = lines_of(rows)
    lines[3] = spoil(lines[3], rows[2]["shimei"][0].encode("cp932"), UNKNOWN)
    register = place.folder / "gaiji" / "a-juki.csv"
    async with place.running("a-juki"):
        place.drop("ZEN_0001.DAT", b"".join(lines))
        await until_async(lambda: len(place.bus.of(PART)) == 1)
        first = place.bus.of(PART)[0]
        assert (first.items["sokensu"], place.status("a-juki")["held"]) == ("11", 1)
        text = register.read_text("utf-8-sig")
        register.write_text(text + "F9FC,U+845B U+E0101,,字形一致,試験,文字同定担当,2026-01-01,\r\n", "utf-8")
        await until_async(lambda: len(place.bus.of(PART)) == 2)
        await place.idle("a-juki")
    second = place.bus.of(PART)[1]
    assert second.items["ikkatsu_shubetsu"] == "2"
    assert second.items["zenkai_ikkatsuid"] == first.items["ikkatsuid"]
    assert [row["atenabango"] for row in second.records] == [rows[2]["atenabango"]]
    assert place.status("a-juki")["held"] == 0


async def test_a_received_transfer_is_compared_and_confirmed(place: Place) -> None:
    """All parts in any order and repeated: one confirmation, 一致, with the receiver's own digests."""
    async with place.running("a-juki"):
        await extract(place, residents(230))
    parts = place.bus.of(PART)
    async with place.running("a-tax") as host:
        await deliver(host, [parts[2], parts[0], parts[0], parts[1], parts[2]])
        await until_async(lambda: len(place.bus.of(CONFIRM)) == 1)
        await place.idle("a-tax")
    confirmed, last = place.bus.of(CONFIRM)[0].items, parts[-1].items
    assert (confirmed["kakuninkekka"], confirmed["sokensu"], confirmed["horyukensu"]) == ("1", "230", "0")
    assert confirmed["kagidaijesuto"] == last["kagidaijesuto"]
    assert confirmed["naiyodaijesuto"] == last["naiyodaijesuto"]
    assert place.bus.of(CONFIRM)[0].path == "/990019/tax/juki"
    assert place.status("a-tax")["received"] == {"done": 230}
    assert [one["state"] for one in place.status("a-tax")["bulk"]] == ["agreed"]


async def test_a_transfer_with_other_content_is_reported_as_different(place: Place) -> None:
    """A total that does not fit: 不一致 to the sender, CB6013 at the receiver, and at the sender when it is told."""
    async with place.running("a-juki") as sender:
        await extract(place, residents(40))
        part = place.bus.of(PART)[0]
        wrong = part.raw.replace(part.items["naiyodaijesuto"].encode(), b"0" * 64)
        async with place.running("a-tax") as receiver:
            assert (await Caller(receiver).post(wrong))[0] == 200
            await until_async(lambda: len(place.bus.of(CONFIRM)) == 1)
        confirmation = place.bus.of(CONFIRM)[0]
        assert confirmation.items["kakuninkekka"] == "2"
        status, _, _ = await Caller(sender, "juki").post(confirmation.raw)
        assert status == 200
    assert [(one["state"], one["code"]) for one in place.status("a-tax")["bulk"]] == [("differs", "CB6013")]
    assert [(one["state"], one["code"]) for one in place.status("a-juki")["bulk"]] == [("differs", "CB6013")]


async def test_the_sender_records_that_the_receiver_agrees(place: Place) -> None:
    """The circle closes: extract, parts, confirmation, agreed."""
    async with place.running("a-juki") as sender:
        await extract(place, residents(25))
        async with place.running("a-tax") as receiver:
            await deliver(receiver, place.bus.of(PART))
            await until_async(lambda: len(place.bus.of(CONFIRM)) == 1)
        status, _, _ = await Caller(sender, "juki").post(place.bus.of(CONFIRM)[0].raw)
        assert status == 200
    assert [(one["direction"], one["state"], one["result"]) for one in place.status("a-juki")["bulk"]] == [
        ("out", "agreed", "1")
    ]


async def test_items_that_the_rights_withhold_do_not_spoil_the_comparison(place: Place) -> None:
    """The receiver compares keys and count where the bus says that it keeps items from it."""
    async with place.running("a-juki"):
        await extract(place, residents(20))
    part = place.bus.of(PART)[0]
    tree = safe_xml.parse(part.raw)
    for element in list(tree.iter("{*}shimei_furigana")):
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
    read = envelope.read(tree)
    spoilt = envelope.serialise(read.body).replace(read.addressing.message_id.encode(), b"urn:uuid:another")
    announce(tree, {"kengen": ["shimei_furigana"]})
    withheld = envelope.serialise(envelope.read(tree).body)
    assert withheld != part.raw
    old = part.items["ikkatsuid"].encode()
    assert await confirmed(place, withheld, 1) == "1"
    assert await confirmed(place, spoilt.replace(old, old[::-1]), 2) == "2", "nobody said that something is missing"


async def confirmed(place: Place, part: bytes, number: int) -> str:
    """The 確認結果 after the only part of transfer ``number`` came."""
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(part, f"urn:uuid:part-of-{number}")
        assert status == 200, answer
        await until_async(lambda: len(place.bus.of(CONFIRM)) == number)
    return place.bus.of(CONFIRM)[-1].items["kakuninkekka"]


@pytest.mark.slow
async def test_a_record_that_the_vendor_cannot_hold_is_held_and_follows(place: Place, edition: Edition) -> None:
    """A character outside A社税's set: the others go, the confirmation counts it, a register entry frees it."""
    rows = residents(6)
    rows[4]["shimei"] = rows[4]["shimei"][:-1] + "\U0002a6d6"
    rows[4].pop("na_nihonjin", None)
    rows[4].pop("uji_nihonjin", None)
    body = part_message(edition, rows)
    register = place.folder / "gaiji" / "a-tax.csv"
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(body, "urn:uuid:part-1")
        assert status == 200, answer
        await until_async(lambda: len(place.bus.of(CONFIRM)) == 1)
        assert place.bus.of(CONFIRM)[0].items["horyukensu"] == "1"
        assert place.status("a-tax")["held"] == 1
        text = register.read_text("utf-8-sig")
        register.write_text(text + "F9FB,U+2A6D6,,字形一致,試験,文字同定担当,2026-01-01,\r\n", "utf-8")
        await until_async(lambda: len(place.bus.of(CONFIRM)) == 2)
        await place.idle("a-tax")
    assert place.bus.of(CONFIRM)[1].items["horyukensu"] == "0"
    assert place.status("a-tax")["received"] == {"done": 6}
    written = b"".join(path.read_bytes() for path in sorted(place.path("a-tax", "in").glob("IDO*.CSV")))
    assert b"\xf9\xfb" in written


def part_message(edition: Edition, rows: list[dict[str, str]]) -> bytes:
    """A whole transfer in one part."""

    operation = edition.operation(PART)
    assert operation is not None
    unit = edition.units["juki"]
    count, keys, content = expected_totals(edition, rows)
    values = {
        "ikkatsuid": uuid_of("test", keys),
        "ikkatsu_shubetsu": "1",
        "kijunnichiji": "2026-01-01T00:00:00+09:00",
        "bunkatsubango": "1",
        "saishufuragu": "1",
        "kensu": count,
        "sokensu": count,
        "kagidaijesuto": keys,
        "naiyodaijesuto": content,
    }
    return envelope.build(
        payload(operation.input, unit.records["ikkatsu_soshin"], values, (unit.records["jumin"], rows))
    )


async def test_a_request_for_a_transfer_becomes_the_vendors_request_file(place: Place, edition: Edition) -> None:
    """一括依頼: CHUSHUTSU_<id>.REQ is written once; the extract that quotes the id is sent as this transfer."""
    body = message(edition, ASK, {"ikkatsu_shubetsu": "1"}, "urn:uuid:00000000-0000-4000-8000-00000000000a")
    async with place.running("a-juki") as host:
        first = await Caller(host, "juki").post(body)
        second = await Caller(host, "juki").post(body)
        assert first == second
        assert first[0] == 200
        ikkatsuid = from_element(envelope.read(safe_xml.parse(first[2])).body)["ikkatsuid"]
        asked = list(place.path("a-juki", "irai").glob("*.REQ"))
        assert [path.name for path in asked] == [f"CHUSHUTSU_{ikkatsuid}.REQ"]
        assert place.status("a-juki")["bulk"][0]["state"] == "requested"
        await extract(place, residents(8), f"ZEN_{ikkatsuid}.DAT")
    assert place.bus.of(PART)[0].items["ikkatsuid"] == ikkatsuid


async def test_a_confirmation_of_an_unknown_transfer_is_refused(place: Place, edition: Edition) -> None:
    """CB6015: nobody here sent it."""
    values = {"ikkatsuid": uuid_of("nobody"), "kakuninkekka": "1", "sokensu": "1", "horyukensu": "0"}
    values |= {"kagidaijesuto": "0" * 64, "naiyodaijesuto": "0" * 64}
    async with place.running("a-juki") as host:
        status, _, answer = await Caller(host, "juki").post(message(edition, CONFIRM, values, "urn:uuid:c-1"))
    assert status == 500
    assert read_fault(envelope.read(safe_xml.parse(answer)).body).code == "CB6015"


@pytest.mark.slow
async def test_an_extract_after_notices_does_not_put_the_vendor_back(place: Place) -> None:
    """A notice of history 2 came first: the extract's history 1 of that person is superseded."""
    town = Town.generate(20, 9)
    before = list(town.current())
    changes = [event.record for change in islice(town.changes(10), 10) for event in change.events]
    changed = {row["atenabango"] for row in changes} & {row["atenabango"] for row in before}
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(changes))
        await until_async(lambda: len(place.bus.of("juki.ido_tsuchi")) == len(changes))
        await extract(place, before)
    async with place.running("a-tax") as host:
        await deliver(host, place.bus.of("juki.ido_tsuchi"))
        await deliver(host, place.bus.of(PART))
        await place.idle("a-tax")
    assert place.status("a-tax")["superseded"] == len(changed)
    latest: dict[str, int] = {}
    for path in sorted(place.path("a-tax", "in").glob("IDO*.CSV")):
        for row in csv.DictReader(io.StringIO(read_cp932(path))):
            assert int(row["履歴番号"]) >= latest.get(row["宛名番号"], 0)
            latest[row["宛名番号"]] = int(row["履歴番号"])
    expected = {row["atenabango"]: int(row["rirekibango"]) for row in [*before, *changes]}
    assert latest == expected


def read_cp932(path: Path) -> str:
    """A file of A社税 without its gaiji."""
    return path.read_bytes().decode("cp932", "replace")
