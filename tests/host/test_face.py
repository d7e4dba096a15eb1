"""The SOAP face: who may post, what is refused how, and that a repeat gets the answer of the first time."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from adapters.host.flows.base import Reply, Request
from adapters.host.process import Host
from bus.wire import envelope, safe_xml
from bus.wire.fault import RemoteFault, read_fault
from bus.wire.records import from_element
from schemas.model import Edition
from tests.host.place import Caller, Place
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, message, resident

ID = "urn:uuid:00000000-0000-4000-8000-000000000001"
NOTICE = "juki.ido_tsuchi"
GAIJI_ROW = "F0FC,U+2A6D6,,字形一致,試験,文字同定担当,2026-01-01,\r\n"


def notice(edition: Edition, message_id: str = ID, **changes: str) -> bytes:
    """A notice about the synthetic resident."""
    return message(edition, NOTICE, resident(**changes), message_id)


def fault_of(body: bytes) -> RemoteFault:
    """The fault in an answer."""
    read = envelope.read(safe_xml.parse(body))
    assert read.is_fault
    return read_fault(read.body)


async def test_a_notice_is_answered_with_a_receipt_that_names_it(place: Place, edition: Edition) -> None:
    """200, the operation's receipt, RelatesTo and the reply's action."""
    async with place.running("a-tax") as host:
        status, media, body = await Caller(host).post(notice(edition))
    read = envelope.read(safe_xml.parse(body))
    operation = edition.operation(NOTICE)
    assert operation is not None
    assert (status, media) == (200, "text/xml")
    assert read.body.tag == operation.output
    assert from_element(read.body)["messageid"] == ID
    assert read.addressing.relates_to == ID
    assert read.addressing.action == operation.reply_action


async def test_a_plain_message_is_known_by_the_bus_header(place: Place, edition: Edition) -> None:
    """Without WS-Addressing the id comes from Chiikibus-Message-Id, and the answer carries no addressing."""
    async with place.running("a-tax") as host:
        status, _, body = await Caller(host).post(message(edition, NOTICE, resident()), "urn:uuid:plain-1")
    read = envelope.read(safe_xml.parse(body))
    assert status == 200
    assert from_element(read.body)["messageid"] == "urn:uuid:plain-1"
    assert read.addressing.action == ""


async def test_a_repeat_gets_the_same_bytes_and_has_no_effect(place: Place, edition: Edition) -> None:
    """The stored answer, also after a restart of the adapter."""
    async with place.running("a-tax") as host:
        first = await Caller(host).post(notice(edition))
        second = await Caller(host).post(notice(edition))
    async with place.running("a-tax") as host:
        third = await Caller(host).post(notice(edition))
    status = place.status("a-tax")
    assert first == second == third
    assert (status["inbox"], sum(status["received"].values())) == (1, 1)


async def test_the_same_id_with_other_content_is_refused(place: Place, edition: Edition) -> None:
    """CB3001; nothing of it is taken."""
    async with place.running("a-tax") as host:
        await Caller(host).post(notice(edition))
        status, _, body = await Caller(host).post(notice(edition, rirekibango="2"))
    assert (status, fault_of(body).code) == (500, "CB3001")
    assert sum(place.status("a-tax")["received"].values()) == 1


class SlowFlow:
    """Answers only when the test lets it."""

    operations = (NOTICE,)

    def __init__(self, host: Host) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self._inner = host._face.flows[NOTICE]

    async def answer(self, request: Request) -> Reply:
        """Wait, then answer as the real flow does."""
        self.begun.set()
        await self.go.wait()
        return await self._inner.answer(request)


async def test_a_repeat_of_a_message_in_work_is_put_off(place: Place, edition: Edition) -> None:
    """CB3002 with 503 while the first is in work; other content is CB3001 at once."""
    async with place.running("a-tax") as host:
        slow = SlowFlow(host)
        host._face.flows = {NOTICE: slow}
        first = asyncio.create_task(Caller(host).post(notice(edition)))
        await slow.begun.wait()
        status, _, body = await Caller(host).post(notice(edition))
        other_status, _, other = await Caller(host).post(notice(edition, rirekibango="2"))
        slow.go.set()
        assert (await first)[0] == 200
    assert (status, fault_of(body).code) == (503, "CB3002")
    assert (other_status, fault_of(other).code) == (500, "CB3001")


@pytest.mark.parametrize(
    ("change", "expected", "code"),
    [
        ({"secret": "wrong"}, 401, "CB2001"),
        ({"user": "somebody"}, 401, "CB2001"),
        ({"path": "/soap/990019/other"}, 404, "CB1015"),
        ({"content_type": "application/json"}, 415, "CB1002"),
    ],
)
async def test_an_http_level_refusal_is_a_short_text(
    place: Place, edition: Edition, change: dict[str, str], expected: int, code: str
) -> None:
    """A wrong credential, address or media type."""
    async with place.running("a-tax") as host:
        status, media, body = await Caller(host, **change).post(notice(edition))
    assert (status, media) == (expected, "text/plain")
    assert body.startswith(code.encode())


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<a>", "CB1004"),
        (b"<!DOCTYPE a><a/>", "CB1005"),
        (b"<a/>", "CB1007"),
    ],
)
async def test_what_is_not_a_soap_message_is_a_fault(place: Place, body: bytes, code: str) -> None:
    """The hardened parser and the envelope's rules stand before everything."""
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(body, ID)
    assert (status, fault_of(answer).code) == (500, code)


async def test_an_operation_that_no_flow_answers_is_unknown(place: Place, edition: Edition) -> None:
    """CB1013 names it."""
    body = message(edition, "juki.jumin_shokai", {"atenabango": "000000000000018", "kijunbi": "2026-01-01"}, ID)
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(body)
    assert (status, fault_of(answer).code) == (500, "CB1013")


async def test_content_that_breaks_the_contract_is_refused_with_its_item(place: Place, edition: Edition) -> None:
    """The finding names the item and its Japanese name; nothing is stored."""
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(notice(edition, seibetsu="X"))
    found = fault_of(answer)
    assert (status, found.code) == (500, "E0002")
    assert found.findings[0].path.endswith("seibetsu")
    assert place.status("a-tax")["inbox"] == 0


async def test_a_notice_that_the_vendor_cannot_hold_is_refused_before_it_is_accepted(
    place: Place, edition: Edition
) -> None:
    """A character outside the vendor's set: CB6007, so that the bus parks the notice and nothing is lost."""
    async with place.running("a-tax") as host:
        status, _, answer = await Caller(host).post(notice(edition, shimei="架空　花\U0002a6d6"))
    found = fault_of(answer)
    assert (status, found.code) == (500, "CB6007")
    assert place.status("a-tax")["inbox"] == 0
    assert place.status("a-tax")["received"] == {}


@pytest.mark.slow
async def test_a_notice_refused_for_a_character_puts_it_on_the_worklist(place: Place, edition: Edition) -> None:
    """Once for the message, however often it comes; the register decides it, and then the notice is taken."""
    raw = notice(edition, shimei="架空　花\U0002a6d6")
    register = place.folder / "gaiji" / "a-tax.csv"
    async with place.running("a-tax") as host:
        assert fault_of((await Caller(host).post(raw))[2]).code == "CB6007"
        assert fault_of((await Caller(host).post(raw))[2]).code == "CB6007"
        status = place.status("a-tax", detail=True)
        listed = [(row["character"], row["count"], row["state"]) for row in status["worklist_list"]]
        assert listed == [("U+2A6D6", 1, "open")]
        assert (status["returned"], status["held"], status["inbox"]) == (1, 0, 0)
    async with place.running("a-tax") as host:
        assert place.status("a-tax")["worklist"] == {"open": 1}, "a restart decides nothing"
        register.write_text(register.read_text("utf-8-sig") + GAIJI_ROW, "utf-8")
        await until_async(lambda: place.status("a-tax")["worklist"] == {"decided": 1}, within_s=30, what="the decision")
        assert (await Caller(host).post(raw))[0] == 200
        status = place.status("a-tax")
    assert (status["returned"], status["inbox"], status["worklist"]) == (0, 1, {"decided": 1})


@pytest.mark.slow
async def test_a_trial_says_what_would_become_of_a_message_and_takes_nothing(place: Place, edition: Edition) -> None:
    """Taken, known, or the code of its refusal; no row is written, no vendor told; strangers learn nothing."""
    sound, strange = notice(edition), notice(edition, ID[:-1] + "2", shimei="架空　花\U0002a6d6")
    async with place.running("a-tax") as host:
        trial, caller = Caller(host, path="/trial/990019/tax"), Caller(host)

        async def said(raw: bytes) -> object:
            return json.loads((await trial.post(raw))[2])

        assert await said(sound) == {"taken": True, "known": False}
        assert await said(strange) == {"taken": False, "code": "CB6007"}
        assert await said(b"<no/>") == {"taken": False, "code": "CB1007"}
        status = place.status("a-tax")
        assert (status["inbox"], status["received"], status["returned"], status["worklist"]) == (0, {}, 0, {})
        assert (await caller.post(sound))[0] == 200
        assert await said(sound) == {"taken": True, "known": True}
        stranger = Caller(host, path="/trial/990019/tax", secret="wrong")
        assert json.loads((await stranger.post(sound))[2]) == {"taken": False, "code": "CB2001"}
        inquiry = message(edition, "juki.jumin_shokai", {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}, ID)
    async with place.running("a-juki") as host:
        asked = Caller(host, "juki", path="/trial/990019/juki")
        assert (await asked.post(inquiry))[0] == 501


async def test_health_says_live_and_ready(place: Place) -> None:
    """What the supervisor and the bus ask."""

    async with place.running("a-tax") as host, aiohttp.ClientSession() as session:
        for name in ("live", "ready"):
            async with session.get(f"{host.web.url}/health/{name}") as answer:
                assert answer.status == 200
        host._face.drain()
        async with session.get(f"{host.web.url}/health/ready") as answer:
            assert answer.status == 503


async def test_while_draining_a_message_is_put_off(place: Place, edition: Edition) -> None:
    """CB4005 with 503: the bus keeps it and comes again."""
    async with place.running("a-tax") as host:
        host._face.drain()
        status, _, body = await Caller(host).post(notice(edition))
    assert (status, fault_of(body).code) == (503, "CB4005")
