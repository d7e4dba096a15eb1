"""Glyphs that no Unicode text stands for: named beside the Body, held for who cannot read that, never made to fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree

from bus.core.errors import DeliveryError, WireError
from bus.core.nameless import by_stand_in, nameless
from bus.core.ports import HttpReply
from bus.core.repertoire import repertoire
from bus.pipeline import outgoing_body, process
from bus.wire import envelope, glyphs, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import XML, Response
from tests.pipeline.fakes import ENDPOINTS, World, site, world
from tests.pipeline.messages import inquiry, notice, request, resident_reply

NAMES = sorted(nameless())
ONE, OTHER = nameless()[NAMES[0]], nameless()[NAMES[1]]
NAME = f"{ONE.stand_in}田\u3000{OTHER.stand_in}子"


def reading(*names: str) -> World:
    """The town, in which these endpoints read the names of glyphs."""
    return world(site(endpoints=tuple(replace(one, glyphs=one.id in names) for one in ENDPOINTS)))


def code(response: Response) -> str:
    """The code of a fault."""
    read = envelope.read(safe_xml.parse(response.body)) if response.body else None
    return read_fault(read.body).code if read is not None and read.is_fault else ""


def shimei(raw: bytes) -> str:
    """The name in a message as its receiver's program sees it."""
    root = safe_xml.parse(raw)
    read = envelope.read(root)
    glyphs.admitted(root, read.body)
    return read.body.findtext(".//{*}shimei") or ""


def test_what_is_built_names_its_glyphs_and_is_read_as_it_was() -> None:
    """No stand-in leaves; one U+FFFC for each, in order; all nineteen."""
    every = "".join(by_stand_in())
    raw = envelope.build(notice(shimei=every, biko="字"))
    assert glyphs.STAND_IN_BYTES not in raw
    assert raw.count(glyphs.MARK_BYTES) == 19
    assert shimei(raw) == every
    plain = envelope.build(notice())
    assert not glyphs.carries(plain)


async def test_a_notice_reaches_who_reads_names_and_is_held_for_who_does_not() -> None:
    """The same bytes for the one; for the other the delivery fails with a code, and nothing is put in its place."""
    town = reading("juki", "tax")
    raw = envelope.build(notice(shimei=NAME))
    assert (await process(town.house, request(raw, caller="juki"))).status == 200
    to_tax, to_kokuho = town.outbox.handed
    body, _ = outgoing_body(town.house.tables, to_tax.carrying(raw, 1), raw)
    assert shimei(body) == NAME
    with pytest.raises(DeliveryError) as held:
        outgoing_body(town.house.tables, to_kokuho.carrying(raw, 1), raw)
    assert held.value.code == "CB6019"


async def test_an_answer_reaches_only_a_caller_that_reads_names() -> None:
    """Through what the standard withholds, too: the block is written anew for what is left."""
    reply = resident_reply(shimei=NAME, honseki=f"試験{OTHER.stand_in}町")
    for names, wanted in (((), "CB6019"), (("tax",), "")):
        town = reading(*names)
        town.sender.provider = lambda sent: HttpReply(200, XML, reply)
        response = await process(town.house, request(envelope.build(inquiry())))
        assert code(response) == wanted
    assert safe_xml.parse(response.body).find(".//{*}honseki") is None
    assert response.body.count(glyphs.MARK_BYTES) == 2
    assert shimei(response.body) == NAME


def wrong(raw: bytes, kind: str) -> bytes:
    """A message whose names and Body disagree."""
    root = safe_xml.parse(raw)
    block = glyphs.block_of(root)
    assert block is not None
    if kind == "no block":
        block.getparent().remove(block)
    elif kind == "one name too few":
        block.remove(block[1])
    elif kind == "one name too many":
        etree.SubElement(block, glyphs.MOJI, {"komoku": "shimei"}).text = ONE.mj
    elif kind == "another item":
        block[0].set("komoku", "biko")
    elif kind == "a glyph with a text":
        block[0].text = "MJ022335"
    elif kind == "another element":
        block[0].tag = f"{{{glyphs.NAMESPACE}}}ji"
    return bytes(etree.tostring(root))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("no block", "E0002"),
        ("one name too few", "CB6018"),
        ("one name too many", "CB6018"),
        ("another item", "CB6018"),
        ("a glyph with a text", "CB6018"),
        ("another element", "CB6018"),
    ],
)
async def test_a_body_and_names_that_disagree_are_refused(kind: str, expected: str) -> None:
    """By the bus at the door, and by the reader of an adapter."""
    raw = wrong(envelope.build(notice(shimei=NAME)), kind)
    town = reading("juki", "tax", "kokuho")
    assert code(await process(town.house, request(raw, caller="juki"))) == expected
    assert town.outbox.handed == []
    if expected == "CB6018":
        with pytest.raises(WireError):
            shimei(raw)


async def test_a_stand_in_from_outside_is_nobodys_glyph() -> None:
    """Whoever writes the private-use character itself is refused, by bus and adapter, however it is written."""
    plain = envelope.build(notice(shimei="甲田\u3000花子"))
    town = reading("juki", "tax", "kokuho")
    forms = (ONE.stand_in.encode(), b"&#x10FF00;", b"&#1113856;")
    for form in forms:
        raw = plain.replace("甲".encode(), form)
        assert code(await process(town.house, request(raw, caller="juki"))) == "E0002"
        with pytest.raises(WireError):
            shimei(raw)
    read = envelope.read(safe_xml.parse(plain.replace("甲".encode(), forms[1])))
    for encoding in ("utf-16-le", "utf-16-be"):
        raw = f"\ufeff<a>{ONE.stand_in}</a>".encode(encoding)
        assert not glyphs.written_by_name_only(raw, read.body)


async def test_a_standard_character_of_plane_16_passes_unless_the_endpoint_agreed_otherwise() -> None:
    """行政事務標準文字 are the same for everybody: raw or by reference; an agreed set or list has the last word."""
    plain = envelope.build(notice(shimei="甲田\u3000花子"))
    mine = repertoire("mj").extended("standard", ["\U00100123"])
    for form in ("\U00100123".encode(), b"&#x100123;"):
        raw = plain.replace("甲".encode(), form)
        for agreed, expected in ((None, ""), (mine, ""), (repertoire("mj"), "E0002")):
            ends = tuple(replace(one, repertoire=agreed if one.id == "juki" else None) for one in ENDPOINTS)
            town = world(site(endpoints=ends))
            assert code(await process(town.house, request(raw, caller="juki"))) == expected


async def test_a_glyph_is_of_the_sets_that_have_it() -> None:
    """MJ has all nineteen, the family register those with its number, JIS none."""
    mj, koseki, jis = (repertoire(name) for name in ("mj", "koseki", "jisx0213"))
    assert all(mj.admits(one.stand_in) for one in nameless().values())
    assert {one.mj for one in nameless().values() if koseki.admits(one.stand_in)} == {
        one.mj for one in nameless().values() if one.koseki
    }
    assert not any(jis.admits(one.stand_in) for one in nameless().values())
    raw = envelope.build(notice(shimei=NAME))
    for found, expected in ((mj, ""), (jis, "E0002")):
        ends = tuple(replace(one, glyphs=True, repertoire=found if one.id == "juki" else None) for one in ENDPOINTS)
        town = world(site(endpoints=ends))
        assert code(await process(town.house, request(raw, caller="juki"))) == expected
