"""An inquiry answered later: the requester, which cannot listen, polls the management service until it is there."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.core.basic import basic_header
from bus.core.types import Addressing
from bus.front.management import NAMESPACE
from bus.wire import envelope, safe_xml
from bus.wire.records import payload
from tests.app.conftest import Town, post
from tests.support.residents import ATENABANGO, message
from tests.support.sites import change

MESSAGE_ID = "urn:uuid:00000000-0000-4000-8000-00000000000c"
OPERATION = "kojinjuminzei.shotoku_shokai"
ROUTE = f'{{ municipality = "990019", operation = "{OPERATION}", to = ["tax"] }}'
RIGHT = f'{{ municipality = "990019", endpoint = "kokuho", operation = "{OPERATION}", purposes = ["kokuho"] }}'
TWO = pytest.param(2, id="two workers", marks=pytest.mark.slow)
pytestmark = pytest.mark.parametrize("town", [pytest.param(1, id="one process"), TWO], indirect=True)


async def poll(town: Town) -> tuple[str, list[str]]:
    """State and the names below ``naiyo``, as kokuho asks for them."""
    question = etree.Element(f"{{{NAMESPACE}}}kaito_shutoku")
    etree.SubElement(question, f"{{{NAMESPACE}}}messageid").text = MESSAGE_ID
    headers = {"Authorization": basic_header("kokuho", "secret-of-kokuho")}
    status, raw = await post(town.port, "/management", envelope.build(question), headers)
    assert status == 200, raw
    result = envelope.read(safe_xml.parse(raw)).body[0]
    content = result.find("{*}naiyo")
    names = [etree.QName(child).localname for child in content] if content is not None else []
    return result.findtext("{*}jotai") or "", names


@pytest.mark.slow
async def test_a_late_answer_is_polled(town: Town) -> None:
    """First the provider only takes the question (202); when its answer comes, the poll gives it."""
    change(town.folder / "routes.toml", "route = [", f"route = [ {ROUTE},")
    change(town.folder / "rights.toml", "right = [", f"right = [ {RIGHT},")
    await town.reload()
    town.tax.behaviour = lambda _received: (202, b"")
    values = {"atenabango": ATENABANGO, "kazeinendo": "2026"}
    question = message(town.edition, OPERATION, values, MESSAGE_ID)
    status, raw = await town.post("kokuho", OPERATION, question)
    assert status == 202, raw
    assert await poll(town) == ("DELIVERED", [])
    found = town.edition.operation(OPERATION)
    assert found is not None
    addressing = Addressing(message_id=MESSAGE_ID.replace("c", "d"), action=found.reply_action, relates_to=MESSAGE_ID)
    answer = envelope.build(payload(found.output), addressing=addressing)
    headers = {"Authorization": basic_header("tax", "secret-of-tax"), "SOAPAction": f'"{found.reply_action}"'}
    status, raw = await post(town.port, "/990019/tax/kojinjuminzei", answer, headers)
    assert status == 202, raw
    assert await poll(town) == ("REPLIED", ["shotoku_shokai_kaito"])
