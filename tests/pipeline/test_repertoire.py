"""What a system sends keeps to the repertoire agreed with it, where one is agreed."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from bus.core.repertoire import Repertoire, repertoire
from bus.core.types import Endpoint
from bus.pipeline import process
from bus.pipeline.repertoire import MAX_FINDINGS, outside
from bus.wire import envelope
from bus.wire.fault import read_fault
from tests.pipeline.fakes import ENDPOINTS, World, site, world
from tests.pipeline.messages import inquiry, notice, request


def agreed(name: str, found: Repertoire) -> World:
    """The town, with a repertoire agreed with one system."""
    endpoints: tuple[Endpoint, ...] = tuple(
        replace(one, repertoire=found) if one.id == name else one for one in ENDPOINTS
    )
    return world(site(endpoints=endpoints))


async def answered(town: World, body: etree._Element, caller: str) -> str:
    """The code of the refusal, or the status."""
    response = await process(town.house, request(envelope.build(body), caller=caller))
    if response.status == 200:
        return "200"
    return read_fault(envelope.read(etree.fromstring(response.body)).body).code


async def test_a_character_outside_the_senders_set_is_refused_at_the_door() -> None:
    """The sender learns it at once, with the item and the code point; without an agreement nothing is asked."""
    body = notice(shimei="\u9ad9\u6a4b\u3000\u592a\u90ce")
    assert await answered(agreed("juki", repertoire("jisx0208")), body, "juki") == "E0002"
    assert await answered(agreed("juki", repertoire("cp932")), body, "juki") == "200"
    assert await answered(agreed("tax", repertoire("jisx0201")), body, "juki") == "200"
    assert await answered(world(), body, "juki") == "200"


async def test_a_providers_answer_keeps_to_its_own_set() -> None:
    """An answer with another character does not reach the caller."""
    assert await answered(agreed("juki", repertoire("jisx0201")), inquiry(), "tax") == "CB1017"
    assert await answered(agreed("juki", repertoire("jisx0213")), inquiry(), "tax") == "200"


def test_findings_name_item_and_code_point_and_never_the_value() -> None:
    """Blanks between elements are no values; what stands behind a comment is looked at."""
    body = etree.fromstring("<a>\n  <b><c>ABC\u9ad9</c></b>\n  <d>A<!-- x -->\u845b\U000e0102</d></a>")
    found = outside(repertoire("jisx0201"), body)
    assert [(one.code, one.path, one.line) for one in found] == [("E0002", "a/b/c", 2), ("E0002", "a/d", 3)]
    assert "U+9AD9" in found[0].got
    assert "U+845B U+E0102" in found[1].got
    assert all("\u9ad9" not in f"{one.got}{one.expected}" for one in found)
    many = etree.fromstring("<a><b>" + "\u9ad9" * 50 + "</b></a>")
    assert len(outside(repertoire("jisx0201"), many)) == MAX_FINDINGS
