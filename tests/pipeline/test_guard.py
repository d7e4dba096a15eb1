"""The mixing guard on the way of a message: what looks like a 個人番号 is stopped, and nobody is told which."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from bus.core.ports import HttpReply
from bus.core.settings import GuardSettings
from bus.core.types import Attachment, Mode, Package, Right, Route
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import XML
from tests.pipeline.fakes import ENDPOINTS, World, endpoint, site, world
from tests.pipeline.messages import TOWN, edition, request

NUMBER = "1234-5678-9018"
OPERATION = edition().operation("inkan.inkantoroku_shokai")
NOTICE = edition().operation("juki.shiensochi_tsuchi")


def protection(**more: str) -> bytes:
    """A notice of protection: an operation that is not marked 番号利用."""
    assert NOTICE is not None
    space = NOTICE.input.partition("}")[0] + "}"
    body = etree.Element(NOTICE.input)
    record = etree.SubElement(body, f"{space}shiensochi")
    values = {
        "shikuchosonkodo": TOWN, "atenabango": "000000000012345", "rirekibango": "1", "shien_ido": "4",
        "shiensochi_kubun": "0", "shien_shuryonengappi": "2024-04-01", "hakkoyokushifuragu": "0",
        "tagyomusanshofukafuragu": "0", "shorinengappi": "2024-04-01",
    }  # fmt: skip
    unit = edition().units["juki"]
    values |= more
    for item in unit.records["shiensochi"].items:
        if item.name in values:
            etree.SubElement(record, f"{space}{item.name}").text = values[item.name]
    return envelope.build(body)


def town(guard: GuardSettings | None = None, *, opaque: bool = False) -> World:
    """A town in which notices of protection go to the tax."""
    rights = (Right(TOWN, "juki", NOTICE_KEY, ("jumin",)), Right(TOWN, "tax", NOTICE_KEY, ("kazei",)))
    mode = Mode.DIRECT if opaque else Mode.QUEUED
    routes = (Route(TOWN, NOTICE_KEY, ("tax",), mode, opaque=opaque, unfiltered="試験"),)
    made = world(site(rights=rights, routes=routes))
    return made if guard is None else world(replace(site(rights=rights, routes=routes), guard=guard))


NOTICE_KEY = "juki.shiensochi_tsuchi"


async def told(made: World, raw: bytes) -> tuple[str, list[str], bytes]:
    """Code and paths of the refusal of a notice by the register, empty when it was taken; and all that was said."""
    response = await process(made.house, request(raw, caller="juki"))
    read = envelope.read(safe_xml.parse(response.body))
    fault = read_fault(read.body) if read.is_fault else None
    said = response.body + "".join(str(line) for line in made.lines).encode()
    return (fault.code, [one.path for one in fault.findings], said) if fault else ("", [], said)


async def test_a_notice_without_a_number_passes() -> None:
    """Fifteen digits of a 宛名番号 are none."""
    code, _, _ = await told(town(), protection())
    assert code == ""


@pytest.mark.parametrize("text", ["123456789018", NUMBER, "１２３４　５６７８　９０１８"])
async def test_a_number_in_any_field_stops_the_message_and_is_never_told(text: str) -> None:
    """The finding names item and line; neither the fault nor the log nor the journal has the number."""
    made = town()
    raw = protection(sosashaid="X").replace(b">X<", f">{text}<".encode())
    code, paths, said = await told(made, raw)
    assert (code, paths) == ("CB2053", ["sosashaid"])
    assert text.encode() not in said
    (row,) = made.journal.rejected
    assert (row.code, row.raw) == ("CB2053", b"")
    assert made.outbox.handed == []


@pytest.mark.parametrize("place", [b"<!-- x -->", b""])
async def test_an_attribute_or_a_comment_hides_nothing(place: bytes) -> None:
    """Also where the schema would refuse the message anyway: nothing of it is passed on."""
    raw = (
        protection()
        .replace(b"<juki:rirekibango>", b"<juki:rirekibango>")
        .replace(b">1<", b">123456" + place + b"789018<")
    )
    code, paths, _ = await told(town(), raw)
    assert (code, paths) == ("CB2053", ["rirekibango"])


async def test_the_context_is_looked_at_and_the_ids_of_the_protocol_are_not() -> None:
    """An operator's id may not be a number either; a message id is a UUID and may end in twelve digits."""
    header = (
        f'<c:Context xmlns:c="urn:chiikibus:standard:1.0:common"><c:soshinmoto><c:dantaikodo>{TOWN}</c:dantaikodo>'
        f"</c:soshinmoto><c:sosashaid>{NUMBER}</c:sosashaid></c:Context>"
    )
    space = 'xmlns:w="http://www.w3.org/2005/08/addressing"'
    ids = f"<w:MessageID {space}>urn:uuid:00000000-0000-4000-8000-123456789018</w:MessageID>"
    action = f"<w:Action {space}>urn:chiikibus:standard:1.0:juki/shiensochi_tsuchi</w:Action>"
    for block, expected in ((header, ("CB2053", ["sosashaid"])), (ids + action, ("", []))):
        raw = protection().replace(b"<soap:Body>", f"<soap:Header>{block}</soap:Header><soap:Body>".encode(), 1)
        code, paths, _ = await told(town(), raw)
        assert (code, paths) == expected


async def test_an_exempt_item_is_left_alone_by_the_sites_decision() -> None:
    """A municipality whose 宛名番号 has twelve digits has to say so."""
    raw = protection(atenabango="123456789018")
    assert (await told(town(), raw))[0] == "CB2053"
    assert (await told(town(GuardSettings(exempt=frozenset({"atenabango"}))), raw))[0] == ""


async def test_resident_codes_are_stopped_where_the_site_says_so() -> None:
    """住民票コード: eleven digits, off by default."""
    raw = protection(todokedebango="x").replace(b"000000000012345", b"12345678901")
    assert (await told(town(), raw))[0] == ""
    assert (await told(town(GuardSettings(resident_code="digits")), raw))[0] == "CB2053"


async def test_the_text_of_a_providers_fault_is_looked_at() -> None:
    """A provider that quotes what it was asked does not get the number through."""
    inkan = endpoint("inkan", "inkan", "inkan")
    key = "inkan.inkantoroku_shokai"
    made = world(
        site(
            endpoints=(*ENDPOINTS, inkan, endpoint("desk2", "inkan", "inkan")),
            rights=(Right(TOWN, "desk2", key, ("inkan",)),),
            routes=(Route(TOWN, key, ("inkan",), Mode.DIRECT, deadline_s=5.0),),
        )
    )
    fault = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode>'
        f"<faultstring>no such person {NUMBER}</faultstring></s:Fault></s:Body></s:Envelope>"
    ).encode()
    made.sender.provider = lambda sent: HttpReply(500, XML, fault)
    assert OPERATION is not None
    asked = etree.Element(OPERATION.input)
    for name, text in (("atenabango", "000000000012345"), ("kijunbi", "2024-01-01")):
        etree.SubElement(asked, OPERATION.input.partition("}")[0] + "}" + name).text = text
    response = await process(made.house, request(envelope.build(asked), caller="desk2", unit="inkan"))
    assert b"CB2054" in response.body
    assert NUMBER.encode() not in response.body
    assert all(NUMBER.encode() not in each.reply for each in made.journal.transitions)


def test_the_name_of_an_attachment_is_looked_at() -> None:
    """Content-ID and media type are told to the receiver as they are."""
    guard = town().house.tables.home.guards[NOTICE_KEY]
    part = Attachment("<123456789018@x>", "text/csv", "binary", 0, 1, 1, "")
    package = Package("", "", "", 1, "", "", (part,))
    raw = protection()
    body = envelope.read(safe_xml.parse(raw)).body
    with pytest.raises(Exception, match="CB2053"):
        guard.inspect(raw, body, package, "CB2053")


def test_every_operation_without_number_use_has_a_guard_and_no_other() -> None:
    """By the mark in the unit's table alone."""
    guards = town().house.tables.home.guards
    for unit in edition().units.values():
        for operation in unit.operations.values():
            assert (operation.key in guards) == (not operation.number_use)
