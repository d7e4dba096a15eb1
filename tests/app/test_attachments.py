"""Messages with attachments through the composed bus: the same bytes arrive, and nothing stays behind."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from bus.app import build
from bus.app.stores import open_reader
from bus.core.basic import basic_header
from bus.core.config import load_site
from bus.core.types import Finding
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from tests.app.conftest import Town
from tests.attachments.messages import SWA, part, swa
from tests.support.polling import until_async
from tests.support.providers import Received, give_receipt
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change

ID = "urn:uuid:00000000-0000-4000-8000-0000000000aa"
FILE = bytes(range(256)) * 1000

TWO = pytest.param(2, id="two workers", marks=pytest.mark.slow)
pytestmark = pytest.mark.parametrize("town", [pytest.param(1, id="one process"), TWO], indirect=True)


@pytest.fixture
async def open_town(town: Town) -> Town:
    """Its routes carry attachments."""
    change(
        town.folder / "routes.toml", 'mode = "queued" }', 'mode = "queued", attachments = true, unfiltered = "試験" }'
    )
    change(town.folder / "routes.toml", "deadline_s = 2 }", 'deadline_s = 2, attachments = true, unfiltered = "試験" }')
    await town.reload()
    return town


def notice(town: Town, message_id: str = "") -> bytes:
    """The envelope of a 異動通知."""
    return message(town.edition, "juki.ido_tsuchi", RESIDENT, message_id)


async def inquire(town: Town, *parts: bytes, message_id: str = "") -> tuple[int, bytes]:
    """Ask for the resident as tax, with attachments."""
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    body = swa(message(town.edition, "juki.jumin_shokai", values, message_id), *parts)
    return await town.post("tax", "juki.jumin_shokai", body, Content_Type=SWA)


def segments(town: Town) -> list[Path]:
    """The files in the folder of attachments."""
    folder = town.folder / "var/attachments"
    return sorted(folder.iterdir()) if folder.is_dir() else []


def findings_of(raw: bytes) -> tuple[str, tuple[Finding, ...]]:
    """Code and findings of a fault."""
    fault = read_fault(envelope.read(safe_xml.parse(raw)).body)
    return fault.code, fault.findings


def give_back(body: bytes) -> tuple[int, bytes]:
    """An answer of a provider."""
    return 200, body


async def test_a_queued_message_arrives_byte_for_byte_with_its_content_type(open_town: Town) -> None:
    """Both receivers get the very multipart bytes that the sender sent."""
    town = open_town
    body = swa(notice(town), part("extract@juki", FILE, media="text/csv"))
    status, _ = await town.post("juki", "juki.ido_tsuchi", body, Content_Type=SWA)
    assert status == 200
    await until_async(lambda: town.counts() == {"DELIVERED": 2})
    for provider in (town.tax, town.kokuho):
        (received,) = provider.received
        assert received.body == body
        assert received.headers["content-type"] == SWA
    (file,) = segments(town)
    assert file.read_bytes() == body
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@pytest.mark.slow
async def test_the_journal_lists_attachments_without_their_content(open_town: Town) -> None:
    """Name, type, size and digest of each, for the operator's ``messages show``."""
    town = open_town
    body = swa(notice(town), part("extract@juki", FILE, media="text/csv"))
    await town.post("juki", "juki.ido_tsuchi", body, Content_Type=SWA)
    await until_async(lambda: town.counts() == {"DELIVERED": 2})
    reader = open_reader(load_site(town.folder, town.edition))
    (first, *_) = reader.search()
    shown = reader.show(str(first["exchange_id"]))
    reader.close()
    assert shown is not None
    assert shown["size"] == len(body)
    digest = hashlib.sha256(FILE).hexdigest()
    expected = {"of": "request", "content_id": "extract@juki", "content_type": "text/csv"}
    assert shown["attachments"] == [expected | {"size": len(FILE), "sha256": digest}]


async def test_a_direct_call_carries_attachments_both_ways(open_town: Town) -> None:
    """The caller gets the provider's multipart answer byte for byte, under its Content-Type."""
    town = open_town
    plain = town.juki.behaviour

    def with_attachment(received: Received) -> tuple[int, bytes]:
        return 200, swa(plain(received)[1], part("picture@juki", FILE))

    town.juki.behaviour, town.juki.content_type = with_attachment, SWA
    status, raw = await inquire(town, part("form@tax", b"form"))
    assert status == 200
    (received,) = town.juki.received
    assert raw == with_attachment(received)[1]
    assert len(segments(town)) == 2


@pytest.mark.slow
async def test_a_repeated_call_gets_the_stored_answer_with_its_attachments(open_town: Town) -> None:
    """Also after a restart, and although the repetition has another boundary."""
    town = open_town
    plain = town.juki.behaviour
    town.juki.behaviour = lambda received: (200, swa(plain(received)[1], part("picture@juki", FILE)))
    town.juki.content_type = SWA
    first = await inquire(town, part("form@tax", b"form"), message_id=ID)
    await town.restart()
    again = await inquire(town, part("form@tax", b"form"), message_id=ID)
    assert again == first
    assert len(town.juki.received) == 1
    await until_async(lambda: len(segments(town)) == 2, what="the segment of the repetition is gone")


@pytest.mark.slow
async def test_the_same_id_with_another_attachment_is_refused(open_town: Town) -> None:
    """The digest covers the attachments."""
    town = open_town
    assert (await inquire(town, part("form@tax", b"form"), message_id=ID))[0] == 200
    status, raw = await inquire(town, part("form@tax", b"FORM"), message_id=ID)
    assert (status, findings_of(raw)[0]) == (500, "CB3001")
    await until_async(lambda: len(segments(town)) == 1, what="the segment of the refused one is gone")


@pytest.mark.slow
async def test_a_route_that_does_not_say_so_carries_no_attachments(town: Town) -> None:
    """Refused by the head alone; nothing is written."""
    status, raw = await inquire(town, part("form@tax", b"form"))
    assert (status, findings_of(raw)[0]) == (500, "CB1050")
    assert segments(town) == []


@pytest.mark.slow
async def test_an_operation_beside_one_with_attachments_carries_none(town: Town) -> None:
    """The unit has a route with attachments, this operation's has not: refused when the envelope has shown it."""
    change(
        town.folder / "routes.toml", 'mode = "queued" }', 'mode = "queued", attachments = true, unfiltered = "試験" }'
    )
    await town.reload()
    status, raw = await inquire(town, part("form@tax", b"form"))
    assert (status, findings_of(raw)[0]) == (500, "CB1050")
    await until_async(lambda: segments(town) == [])
    assert town.counts() == {"REJECTED": 1}


async def test_a_malformed_message_is_refused_counted_and_leaves_nothing(open_town: Town) -> None:
    """Duplicate Content-IDs, found when the second part begins."""
    town = open_town
    status, raw = await inquire(town, part("a@x", b"1"), part("a@x", b"2"))
    assert (status, findings_of(raw)[0]) == (500, "CB1054")
    assert town.counts() == {"REJECTED": 1}
    await until_async(lambda: segments(town) == [])


async def test_a_provider_whose_answer_is_malformed_is_at_fault(open_town: Town) -> None:
    """CB1017 with the finding of what is wrong; the caller gets nothing of it, and it leaves nothing."""
    town = open_town
    town.juki.behaviour, town.juki.content_type = lambda _: give_back(b"--b\r\nContent-Type: text/xml\r\n\r\nx"), SWA
    status, raw = await inquire(town, part("form@tax", b"form"))
    code, findings = findings_of(raw)
    assert (status, code, findings[0].code) == (500, "CB1017", "CB1051")
    await until_async(lambda: len(segments(town)) == 1)


@pytest.mark.slow
async def test_attachments_wait_with_their_message_for_a_receiver_that_is_down(open_town: Town) -> None:
    """A restart in between changes nothing: the segment is read again for every attempt."""
    town = open_town
    port = town.tax.port
    await town.tax.stop()
    body = swa(notice(town), part("extract@juki", FILE))
    assert (await town.post("juki", "juki.ido_tsuchi", body, Content_Type=SWA))[0] == 200
    await until_async(lambda: town.counts().get("RETRY_WAIT"))
    await town.restart()
    town.tax.behaviour = give_receipt(town.edition, "juki.ido_tsuchi")
    await town.tax.start(port)
    await until_async(lambda: town.counts() == {"DELIVERED": 2})
    assert town.tax.received[-1].body == body


async def test_a_segment_that_is_not_what_was_stored_is_not_delivered(open_town: Town) -> None:
    """One changed byte: the receiver never gets a complete message, the delivery is parked with CB1058."""
    town = open_town
    port = town.tax.port
    await town.tax.stop()
    body = swa(notice(town), part("extract@juki", FILE))
    await town.post("juki", "juki.ido_tsuchi", body, Content_Type=SWA)
    await until_async(lambda: town.counts().get("DELIVERED") == 1 and town.counts().get("RETRY_WAIT"))
    (file,) = segments(town)
    changed = bytearray(file.read_bytes())
    changed[-500] ^= 1
    file.write_bytes(changed)
    await town.tax.start(port)
    await until_async(lambda: town.counts() == {"DELIVERED": 1, "PARKED": 1})
    assert town.tax.received == []


@pytest.mark.slow
async def test_the_start_removes_what_no_row_names_and_nothing_else(open_town: Town) -> None:
    """What a sudden end left behind goes; segments of messages stay, and so do files that are not the bus's."""
    town = open_town
    await inquire(town, part("form@tax", b"form"))
    (kept,) = segments(town)
    orphan, foreign = kept.with_name("0" * 32 + ".mime"), kept.with_name("notes.txt")
    orphan.write_bytes(b"left behind")
    foreign.write_text("not the bus's")
    await town.restart()
    assert segments(town) == sorted([kept, foreign])


@pytest.mark.slow
async def test_a_stop_in_the_middle_of_an_upload_leaves_nothing_after_the_next_start(open_town: Town) -> None:
    """The client sees its connection end; nothing was acknowledged, nothing is stored."""
    town = open_town
    body = swa(notice(town), part("extract@juki", FILE))
    reader, writer = await asyncio.open_connection("127.0.0.1", town.port)
    fields = f"Authorization: {basic_header('juki', 'secret-of-juki')}\r\nContent-Type: {SWA}\r\n"
    head = f"POST /990019/juki/juki HTTP/1.1\r\nHost: h\r\n{fields}Content-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body[:-1000])
    await until_async(lambda: segments(town))
    await town.app.stop(0.2)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    town.app = build(load_site(town.folder, town.edition, need_secrets=True), town.edition)
    await town.app.start()
    assert segments(town) == []
    assert town.counts() == {}
