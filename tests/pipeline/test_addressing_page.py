"""The vendor's page on WS-Addressing: every example is run, and its tables are those of the program."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from lxml import etree

from bus.core.ports import HttpReply
from bus.core.types import Addressing
from bus.wire import envelope, safe_xml
from bus.wire.addressing import MAX_IRI, MAX_PARAMETERS, MAX_PARAMETERS_SIZE
from bus.wire.http import XML
from tests.pipeline.addressed import deliver, post
from tests.pipeline.fakes import Sent, world
from tests.pipeline.messages import JUKI
from tests.support.repository import ROOT

PAGE = (ROOT / "docs" / "standard" / "addressing.md").read_text(encoding="utf-8")
BLOCK = re.compile(
    r"^```xml\n<!-- (?P<kind>要求|応答|配達) (?P<name>\S+?)(?:: (?P<said>.*?))? -->\n(?P<xml>.*?)^```", re.M | re.S
)
SUBCODE = re.compile(r'Problem\("(\w+)"|"((?:Invalid|Missing)[A-Z]\w+)"')


@dataclass(frozen=True, slots=True)
class Example:
    """A request with what the page says comes of it: on the connection, and delivered (to whom, what)."""

    name: str
    request: bytes
    status: int
    response: str
    delivered: Mapping[str, str]


def normal(xml: str | bytes) -> bytes:
    """Exclusive C14N without white space between elements: what two texts must have in common."""
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True)
    raw = xml.encode() if isinstance(xml, str) else xml
    return etree.tostring(etree.fromstring(raw, parser), method="c14n", exclusive=True)


def examples() -> list[Example]:
    """The examples of the page, in order; one without a shown response says 202."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for match in BLOCK.finditer(PAGE):
        found.setdefault(match["name"], {})[match["kind"]] = (match["said"] or "", match["xml"])
    made = []
    for name, parts in found.items():
        said, response = parts.get("応答", ("HTTP 202", ""))
        delivered = dict([parts["配達"]]) if "配達" in parts else {}
        made.append(Example(name, parts["要求"][1].encode(), int(said.removeprefix("HTTP ")), response, delivered))
    return made


def nobody(relates_to: str = "") -> HttpReply:
    """The provider has nobody under this number; ``relates_to`` for one that speaks WS-Addressing."""
    payload = etree.Element(f"{{{JUKI}}}jumin_shokai_kaito", nsmap={"j": JUKI})
    own = Addressing("urn:uuid:9b2f6c1e-0000-4000-8000-000000000009", f"{JUKI}/jumin_shokai_kaito")
    head = Addressing(own.message_id, own.action, relates_to=relates_to) if relates_to else None
    return HttpReply(200, XML, envelope.build(payload, addressing=head), 1.0, 1.01)


def answer(sent: Sent) -> HttpReply:
    """A provider that speaks WS-Addressing."""
    return nobody(envelope.read(safe_xml.parse(sent.body)).addressing.message_id)


async def outcome(example: Example) -> tuple[int, bytes, dict[str, bytes]]:
    """What comes of it: status, body, and what is delivered to whom after a plain provider was asked."""
    town = world()
    town.sender.provider = answer
    response = await post(town, example.request)
    for asked in [each for each in town.outbox.handed if each.sender != "chiikibus"]:
        await deliver(town, asked, nobody())
    told = {each.target: each.raw for each in town.outbox.handed if each.operation.endswith("#kaito")}
    return response.status, response.body, told


def test_the_page_shows_every_way_an_answer_can_take() -> None:
    """On the connection, as a fault, to nobody, elsewhere, a fault elsewhere."""
    shown = examples()
    assert len(shown) >= 6
    assert {(each.status, bool(each.response), bool(each.delivered)) for each in shown} == {
        (200, True, False),
        (500, True, False),
        (202, False, False),
        (202, False, True),
    }


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
async def test_an_example_of_the_page_does_what_the_page_says(example: Example) -> None:
    """The bus that is tested here has a standing clock and counted ids: so has the page."""
    status, body, told = await outcome(example)
    assert status == example.status
    assert bool(body) == bool(example.response)
    if body:
        assert normal(body) == normal(example.response)
    assert {target: normal(raw) for target, raw in told.items()} == {
        target: normal(xml) for target, xml in example.delivered.items()
    }


def test_the_table_of_faults_is_that_of_the_program() -> None:
    """Every subcode the bus can give is explained, and none else."""
    paths = [*(ROOT / "bus" / "pipeline").glob("*.py"), *(ROOT / "bus" / "wire").glob("addressing*.py")]
    program = "".join(path.read_text(encoding="utf-8") for path in paths)
    explained = set(re.findall(r"^\| `wsa:(\w+)` \|", PAGE.partition("## 障害の名前")[2], re.M))
    assert explained == {first or second for first, second in SUBCODE.findall(program)}


def test_the_limits_of_the_page_are_those_of_the_program() -> None:
    """In characters."""
    for limit in (MAX_IRI, MAX_PARAMETERS, MAX_PARAMETERS_SIZE):
        assert f"{limit:,}" in PAGE
