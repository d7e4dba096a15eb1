"""Inquiries in both directions: over framed TCP, REST, request files, and with a late answer."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Mapping
from datetime import date

import aiohttp
import pytest
from aiohttp import web

from adapters.population import Town
from adapters.simulators.a_juki import AJuki
from adapters.simulators.a_juki import serve as serve_juki
from adapters.simulators.a_tax import SHOTOKU_COLUMNS, ATax, write_csv
from adapters.simulators.a_tax import serve as serve_a_tax
from adapters.simulators.b_tax import BTax
from adapters.simulators.b_tax import serve as serve_b_tax
from adapters.transports.file_drop import write_file
from adapters.transports.framed_tcp import FramedServer
from adapters.transports.rest import bearer
from bus.core.errors import ChiikibusError
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.records import carried_elements, from_element, payload
from schemas.model import Edition
from tests.host.fake_bus import FakeBus, Taken, fault, xml
from tests.host.place import Caller, Place
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, message, resident

ASK = "juki.jumin_shokai"
HOUSEHOLD = "juki.setai_shokai"
INCOME = "kojinjuminzei.shotoku_shokai"
MUNICIPALITY = "990019"


def rows_of(edition: Edition, operation: str, body: bytes) -> list[dict[str, str]]:
    """The records of a reply."""
    found = edition.operation(operation)
    assert found is not None
    read = envelope.read(safe_xml.parse(body))
    assert not read.is_fault, read_fault(read.body)
    assert read.body.tag == found.output
    return [from_element(one) for one in carried_elements(read.body, found)]


def code_of(body: bytes) -> str:
    """The code of a fault."""
    return read_fault(envelope.read(safe_xml.parse(body)).body).code


@pytest.fixture
async def register(place: Place) -> AsyncIterator[AJuki]:
    """A社's register with residents, answering over framed TCP."""
    system = AJuki(place.folder / "sim", MUNICIPALITY)
    system.load(40, 6)
    ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_juki(system, ready.set_result))
    found = await asyncio.wait_for(ready, 10)
    place.settings["a-juki"]["tcp"] = found["tcp"]
    yield system
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_inquiry_is_answered_over_framed_tcp(place: Place, edition: Edition, register: AJuki) -> None:
    """The resident as the register has it; a household has several; nobody is a reply without records."""
    truth = {row["atenabango"]: row for row in Town.generate(40, 6).current()}
    number, known = next(iter(truth.items()))
    home = known["setaibango"]
    async with place.running("a-juki") as host:
        caller = Caller(host, "juki")
        asked = {"atenabango": number, "kijunbi": "2026-01-01"}
        _, _, one = await caller.post(message(edition, ASK, asked, "urn:uuid:q-1"))
        asked = {"setaibango": home, "kijunbi": "2026-01-01"}
        _, _, all_of_home = await caller.post(message(edition, HOUSEHOLD, asked, "urn:uuid:q-2"))
        asked = {"atenabango": "999999999999999", "kijunbi": "2026-01-01"}
        _, _, nobody = await caller.post(message(edition, ASK, asked, "urn:uuid:q-3"))
    found = rows_of(edition, ASK, one)
    assert [row["shimei"] for row in found] == [known["shimei"]]
    members = {row["atenabango"] for row in truth.values() if row["setaibango"] == home}
    assert {row["atenabango"] for row in rows_of(edition, HOUSEHOLD, all_of_home)} == members
    assert rows_of(edition, ASK, nobody) == []


async def test_a_vendor_that_is_away_is_a_retryable_fault(place: Place, edition: Edition) -> None:
    """CB6009 with 503; the same question is answered when the vendor is back."""
    asked = message(edition, ASK, {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}, "urn:uuid:q-1")
    async with place.running("a-juki") as host:
        status, _, body = await Caller(host, "juki").post(asked)
    assert (status, code_of(body)) == (503, "CB6009")
    assert place.status("a-juki")["inbox"] == 0


@pytest.mark.parametrize(
    ("answer", "code"),
    [(b"90", "CB6010"), (b"000001abc", "CB6010"), (b"", "CB6010"), (b"00xxxx", "CB6010")],
)
async def test_an_answer_that_is_not_understood_is_a_coded_fault(
    place: Place, edition: Edition, answer: bytes, code: str
) -> None:
    """An error status, a wrong length, nothing, a count that is none."""

    async def reply(_request: bytes) -> bytes:
        return answer

    server = FramedServer(reply)
    await server.start()
    place.settings["a-juki"]["tcp"] = f"127.0.0.1:{server.port}"
    asked = message(edition, ASK, {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}, "urn:uuid:q-1")
    async with place.running("a-juki") as host:
        status, _, body = await Caller(host, "juki").post(asked)
    await server.stop()
    assert (status, code_of(body)) == (500, code)


def answering(bus: FakeBus, edition: Edition, known: Mapping[str, dict[str, str]]) -> None:
    """Let the fake bus answer resident inquiries from ``known``."""
    operation = edition.operation(ASK)
    assert operation is not None
    record = edition.units["juki"].records["jumin"]

    async def behave(taken: Taken) -> web.Response | None:
        if taken.operation.key != ASK:
            return None
        number = taken.items["atenabango"]
        if number == "000000000000099":
            return fault(ChiikibusError("CB2002"))
        rows = [known[number]] if number in known else []
        return xml(payload(operation.output, carried=(record, rows)))

    bus.behaviour = behave


SHOKAI = "照会番号,宛名番号,基準日\r\n{rows}"


def question_file(*numbers: str, day: str = "R08.01.01") -> bytes:
    """A request file of A社税."""
    rows = "".join(f"{index:08d},{number},{day}\r\n" for index, number in enumerate(numbers, 1))
    return SHOKAI.format(rows=rows).encode("cp932")


def answer_rows(place: Place, name: str) -> list[dict[str, str]]:
    """A reply file of A社税."""
    path = place.path("a-tax", "kaito") / name
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("cp932"))))


async def test_a_request_file_is_answered_line_by_line(place: Place, edition: Edition) -> None:
    """In the order of the questions: found, none, and the code of an error in the vendor's own column."""
    answering(place.bus, edition, {ATENABANGO: resident()})
    async with place.running("a-tax"):
        data = question_file(ATENABANGO, "000000000000042", "000000000000099", ATENABANGO)
        path = write_file(place.path("a-tax", "shokai"), "SHOKAI_000001.CSV", data)
        await until_async(lambda: not path.exists())
    rows = answer_rows(place, "KAITO_000001.CSV")
    assert [(row["照会番号"], row["結果"], row["結果コード"]) for row in rows] == [
        ("00000001", "00", ""),
        ("00000002", "01", ""),
        ("00000003", "90", "CB2002"),
        ("00000004", "00", ""),
    ]
    assert [row["宛名番号"] for row in rows] == [ATENABANGO, "", "", ATENABANGO]
    status = place.status("a-tax")
    assert status["counters"] == {"shokai.answered": 3, "shokai.failed": 1}
    assert status["files"] == {"done": 1}


async def test_a_question_that_is_wrong_is_answered_with_its_code(place: Place, edition: Edition) -> None:
    """A date that is none: the other questions are put all the same."""
    answering(place.bus, edition, {ATENABANGO: resident()})
    async with place.running("a-tax"):
        data = question_file(ATENABANGO) + question_file(ATENABANGO, day="R08.99.99").split(b"\r\n", 1)[1]
        path = write_file(place.path("a-tax", "shokai"), "SHOKAI_000001.CSV", data)
        await until_async(lambda: not path.exists())
    rows = answer_rows(place, "KAITO_000001.CSV")
    assert rows[0]["結果"] == "00"
    assert rows[1]["結果"] == "90"
    assert rows[1]["結果コード"] in {"CB6006", "E0002"}


async def test_questions_of_a_file_wait_for_a_bus_that_is_away(place: Place, edition: Edition) -> None:
    """The vendor gets answers, not a file of errors."""
    answering(place.bus, edition, {ATENABANGO: resident()})
    async with place.running("a-tax"):
        await place.bus.stop()
        path = write_file(place.path("a-tax", "shokai"), "SHOKAI_000001.CSV", question_file(ATENABANGO))
        await until_async(lambda: place.status("a-tax")["files"] == {"reading": 1})
        await place.bus.start()
        await until_async(lambda: not path.exists(), within_s=20)
    assert [row["結果"] for row in answer_rows(place, "KAITO_000001.CSV")] == ["00"]


async def test_the_vendor_asks_through_the_adapters_rest_face(place: Place, edition: Edition) -> None:
    """JSON in, JSON out: found, none, wrong question, refused, no credential."""
    answering(place.bus, edition, {ATENABANGO: resident()})
    headers = {"Authorization": bearer("token-face")}
    got = []
    async with place.running("b-tax") as host, aiohttp.ClientSession() as session:
        url = f"{host.web.url}/api/v1/juki/shokai"
        for number, sent in (
            (ATENABANGO, headers),
            ("000000000000042", headers),
            ("000000000000099", headers),
            (ATENABANGO, {}),
        ):
            question = {"宛名番号": number, "基準日": "2026/01/01"}
            async with session.post(url, json=question, headers=sent) as answer:
                body = await answer.json()
                got.append((answer.status, body["結果"], len(body["住民"])))
        async with session.post(url, data=b"[", headers=headers) as answer:
            got.append((answer.status, (await answer.json())["結果"], 0))
    assert got == [(200, "00", 1), (200, "01", 0), (502, "90", 0), (401, "90", 0), (400, "90", 0)]


@pytest.fixture
async def rest_vendor(place: Place) -> AsyncIterator[BTax]:
    """B社's tax system."""
    system = BTax(place.folder / "sim-b", MUNICIPALITY, "token-rest")
    ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve_b_tax(system, ready.set_result))
    found = await asyncio.wait_for(ready, 10)
    place.settings["b-tax"]["rest"] = found["panel"]
    yield system
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def income_question(edition: Edition, number: str, message_id: str) -> bytes:
    """An income inquiry for the year of today."""
    return message(edition, INCOME, {"atenabango": number, "kazeinendo": str(date(2025, 1, 1).year)}, message_id)


async def test_an_income_inquiry_is_answered_by_rest(place: Place, edition: Edition, rest_vendor: BTax) -> None:
    """200 gives the record; the answer keeps the contract."""
    async with place.running("b-tax") as host:
        replies = [
            await Caller(host).post(income_question(edition, f"{number:015d}", f"urn:uuid:i-{number}"))
            for number in range(1, 9)
        ]
    assert {status for status, _, _ in replies} == {200}
    counts = [len(rows_of(edition, INCOME, body)) for _, _, body in replies]
    assert set(counts) <= {0, 1}
    assert 1 in counts


async def test_a_late_inquiry_is_acknowledged_and_answered_by_file(place: Place, edition: Edition) -> None:
    """202 once durable; the vendor's answer file becomes a reply with RelatesTo, posted to the bus once."""
    system = ATax(place.folder / "sim", MUNICIPALITY)
    ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    ids = [f"urn:uuid:00000000-0000-4000-8000-{number:012d}" for number in range(1, 9)]
    async with place.running("a-tax") as host:
        for number, message_id in enumerate(ids, 1):
            answer = await Caller(host).post(income_question(edition, f"{number:015d}", message_id))
            assert (answer[0], answer[2]) == (202, b"")
        again = await Caller(host).post(income_question(edition, f"{1:015d}", ids[0]))
        assert again[0] == 202
        task = asyncio.create_task(serve_a_tax(system, ready.set_result))
        await until_async(lambda: len(place.bus.taken) == len(ids))
        await place.idle("a-tax")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert {one.envelope.addressing.relates_to for one in place.bus.taken} == set(ids)
    operation = edition.operation(INCOME)
    assert operation is not None
    assert {one.envelope.addressing.action for one in place.bus.taken} == {operation.reply_action}
    assert {one.path for one in place.bus.taken} == {"/990019/tax/kojinjuminzei"}
    assert any(one.records for one in place.bus.taken)
    status = place.status("a-tax")
    assert status["received"] == {"done": len(ids)}


async def test_an_answer_that_nobody_asked_for_is_noted(place: Place, edition: Edition) -> None:
    """CB6015 in the file's error list; an error status is sent back as a fault of the request."""
    async with place.running("a-tax") as host:
        assert (await Caller(host).post(income_question(edition, ATENABANGO, "urn:uuid:late-1")))[0] == 202
        await until_async(lambda: list(place.path("a-tax", "shotoku").glob("SHOTOKU_*.CSV.END")))
        data = write_csv(SHOTOKU_COLUMNS, [{"依頼番号": "77", "結果": "01"}, {"依頼番号": "1", "結果": "90"}])
        write_file(place.path("a-tax", "shotoku_kai"), "SHOTOKUKAI_0000000001.CSV", data)
        await until_async(lambda: len(place.bus.taken) == 1)
        listed = place.path("a-tax", "shotoku_kai") / "error" / "SHOTOKUKAI_0000000001.CSV.ERR.csv"
        await until_async(listed.exists)
    assert place.bus.taken[0].envelope.is_fault
    assert place.bus.taken[0].envelope.addressing.relates_to == "urn:uuid:late-1"
    assert b"CB6015" in listed.read_bytes()
