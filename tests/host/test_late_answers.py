"""Questions of request files whose answers come later, as messages of their own: matched, kept, given up in time."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import aiohttp
import pytest
from aiohttp import web
from lxml import etree

from adapters.codecs.delimited import DelimitedCodec
from adapters.host.definition import VENDORS
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.transports.file_drop import write_file
from bus.cli import run
from bus.core.basic import basic_header
from bus.core.errors import ChiikibusError
from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.addressing_fault import SOAP_FAULT_ACTION
from bus.wire.fault import fault_bytes
from bus.wire.records import payload
from schemas.model import Edition
from tests.host.fake_bus import Taken, xml
from tests.host.place import Caller, Place
from tests.host.test_crash import kill, process, site
from tests.host.test_inquiries import ASK, INCOME, answer_rows, code_of, question_file
from tests.support.network import free_port
from tests.support.polling import until_async
from tests.support.residents import resident

__all__ = ["site"]
pytestmark = pytest.mark.slow
NAMES = ("SHOKAI_000001.CSV", "KAITO_000001.CSV")
NUMBERS = tuple(f"{number:015d}" for number in (11, 22, 33, 44))


@dataclass(slots=True)
class Later:
    """A bus that takes questions and answers them when the test says so. ``at_once`` are answered on the connection."""

    place: Place
    edition: Edition
    at_once: frozenset[str] = frozenset()
    asked: dict[str, str] = field(default_factory=dict)
    repeats: int = 0
    most: int = 1_000_000
    """So many questions are answered; who asks more waits for ``go``."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    _bodies: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place.bus.behaviour = self.behave

    async def behave(self, taken: Taken) -> web.Response | None:
        """202 for each question, the same bytes under the same id every time."""
        assert self._bodies.setdefault(taken.message_id, taken.raw) == taken.raw
        self.repeats += taken.message_id in self.asked
        self.asked[taken.message_id] = taken.items["atenabango"]
        if len(self.asked) >= self.most:
            await self.go.wait()
        if taken.items["atenabango"] in self.at_once:
            return xml(self.answer(taken.items["atenabango"]))
        return web.Response(status=202)

    def answer(self, number: str, name: str = "架空　花子") -> etree._Element:
        """The answer's payload: one resident."""
        operation = self.edition.operation(ASK)
        assert operation is not None
        record = self.edition.units["juki"].records["jumin"]
        return payload(operation.output, carried=(record, [resident(atenabango=number, shimei=name)]))

    def message(self, question: str, name: str = "架空　花子", message_id: str = "") -> bytes:
        """The late answer to a question."""
        operation = self.edition.operation(ASK)
        assert operation is not None
        own = Addressing(message_id or f"{question}-a", operation.reply_action, relates_to=question)
        return envelope.build(self.answer(self.asked[question], name), addressing=own)

    def question(self, number: str) -> str:
        """The id of the question about somebody."""
        return next(one for one, asked in self.asked.items() if asked == number)


def fault_about(question: str, code: str) -> bytes:
    """A fault that comes later, as the bus sends it."""
    about = Addressing(question, "urn:a", reply_to="http://x")
    raw = fault_bytes(ChiikibusError(code), record_id="1", request=about)
    assert SOAP_FAULT_ACTION.encode() in raw
    return raw


def drop(place: Place, *numbers: str, name: str = NAMES[0]) -> Path:
    """A request file about these people."""
    return write_file(place.path("a-tax", "shokai"), name, question_file(*numbers))


def own_definition(place: Place, tmp_path: Path, **keys: str) -> None:
    """The tax adapter of A社 with more keys in its request-file flow."""
    folder = tmp_path / "definition"
    shutil.copytree(VENDORS / "a" / "kojinjuminzei", folder)
    path = folder / "adapter.toml"
    more = "".join(f"{key} = {value}\n" for key, value in keys.items())
    text = path.read_text("utf-8").replace('code_field = "結果コード"\n', f'code_field = "結果コード"\n{more}')
    path.write_text(text, "utf-8")
    place.settings["a-tax"]["definition"] = str(folder)


def told(place: Place, name: str = NAMES[1]) -> list[tuple[str, str, str]]:
    """Question number, code and person of every line of an answer file."""
    return [(row["照会番号"], row["結果コード"] or row["結果"], row["宛名番号"]) for row in answer_rows(place, name)]


async def test_the_answer_file_is_written_when_the_last_answer_came(place: Place, edition: Edition) -> None:
    """In the order of the questions, whatever the order of the answers; the request file is away before that."""
    later = Later(place, edition, at_once=frozenset(NUMBERS[1:2]))
    async with place.running("a-tax") as host:
        path = drop(place, *NUMBERS)
        await until_async(lambda: not path.exists() and len(later.asked) == 4)
        for number in (NUMBERS[3], NUMBERS[0]):
            assert (await Caller(host).post(later.message(later.question(number))))[0] == 202
        assert place.status("a-tax")["questions"] == {"answered": 3, "later": 1}
        assert not (place.path("a-tax", "kaito") / NAMES[1]).exists()
        assert not place.status("a-tax")["idle"]
        assert (await Caller(host).post(later.message(later.question(NUMBERS[2]))))[0] == 202
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
        await place.idle("a-tax")
    assert told(place) == [(f"{at:08d}", "00", number) for at, number in enumerate(NUMBERS, 1)]
    assert place.status("a-tax")["counters"]["shokai.answered"] == 4
    assert later.repeats == 0


async def test_a_repeated_answer_changes_nothing(place: Place, edition: Edition) -> None:
    """Neither the same message again nor another one about the same question, before and after the file is written."""
    later = Later(place, edition)
    async with place.running("a-tax") as host:
        drop(place, *NUMBERS[:2])
        await until_async(lambda: len(later.asked) == 2)
        first, second = (later.question(number) for number in NUMBERS[:2])
        for raw in (later.message(first), later.message(first), later.message(first, "架空　別人", "urn:uuid:other")):
            assert (await Caller(host).post(raw))[0] == 202
        await Caller(host).post(later.message(second))
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
        before = (place.path("a-tax", "kaito") / NAMES[1]).read_bytes()
        assert (await Caller(host).post(later.message(second, "架空　別人", "urn:uuid:more")))[0] == 202
        await place.idle("a-tax")
    assert "別人".encode("cp932") not in before
    assert (place.path("a-tax", "kaito") / NAMES[1]).read_bytes() == before
    assert not (place.path("a-tax", "kaito") / "late").exists()
    assert place.status("a-tax")["duplicates"] == 2


async def test_a_fault_that_comes_later_is_the_answer(place: Place, edition: Edition) -> None:
    """Its code stands in the vendor's column, and the other questions keep theirs."""
    later = Later(place, edition)
    async with place.running("a-tax") as host:
        drop(place, *NUMBERS[:2])
        await until_async(lambda: len(later.asked) == 2)
        assert (await Caller(host).post(fault_about(later.question(NUMBERS[0]), "CB5006")))[0] == 202
        await Caller(host).post(later.message(later.question(NUMBERS[1])))
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert told(place) == [("00000001", "CB5006", ""), ("00000002", "00", NUMBERS[1])]


async def test_what_is_no_answer_to_a_question_is_refused_and_the_question_waits_on(
    place: Place, edition: Edition
) -> None:
    """Nobody asked, another operation's answer, one that breaks the contract: coded, and kept by the bus."""
    later = Later(place, edition)
    income = edition.operation(INCOME)
    assert income is not None
    async with place.running("a-tax") as host:
        drop(place, NUMBERS[0])
        await until_async(lambda: place.status("a-tax")["questions"] == {"later": 1})
        question = later.question(NUMBERS[0])
        good = later.message(question)
        related = Addressing("urn:uuid:1", income.reply_action, relates_to=question)
        got = [
            code_of((await Caller(host).post(raw))[2])
            for raw in (
                good.replace(question.encode(), b"urn:uuid:nobody"),
                envelope.build(payload(income.output), addressing=related),
                good.replace(b"seibetsu>2<", b"seibetsu>99<"),
            )
        ]
        assert got[:2] == ["CB1011", "CB1010"]
        assert got[2][:2] in {"E0", "CB"}
        assert got[2] not in {"CB1010", "CB1011", ""}
        assert place.status("a-tax")["questions"] == {"later": 1}
        assert (await Caller(host).post(later.message(question, message_id="urn:uuid:good")))[0] == 202
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert told(place) == [("00000001", "00", NUMBERS[0])]


async def test_an_answer_that_does_not_come_is_told_with_its_code_and_laid_aside_when_it_does(
    place: Place, edition: Edition, tmp_path: Path
) -> None:
    """CB6078 in the answer file; the answer itself, hours later, lies in the same form in the folder ``late``."""
    own_definition(place, tmp_path, answer_within_s="0.3")
    later = Later(place, edition, at_once=frozenset(NUMBERS[:1]))
    async with place.running("a-tax") as host:
        drop(place, *NUMBERS[:2])
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
        assert told(place) == [("00000001", "00", NUMBERS[0]), ("00000002", "CB6078", "")]
        assert (await Caller(host).post(later.message(later.question(NUMBERS[1]))))[0] == 202
        aside = place.path("a-tax", "kaito") / "late" / "KAITO_000001.1.2.CSV"
        await until_async(aside.exists)
        await place.idle("a-tax")
        again = later.message(later.question(NUMBERS[1]), message_id="urn:uuid:again")
        assert (await Caller(host).post(again))[0] == 202
    assert told(place, "late/KAITO_000001.1.2.CSV") == [("00000002", "00", NUMBERS[1])]
    counters = place.status("a-tax")["counters"]
    assert (counters["shokai.expired"], counters["shokai.overdue"], counters["shokai.duplicate"]) == (1, 1, 1)


async def test_an_answer_after_its_time_still_counts_while_others_are_waited_for(
    place: Place, edition: Edition, tmp_path: Path
) -> None:
    """Nothing is laid aside that can still be told in its place."""
    own_definition(place, tmp_path, answer_within_s="0.3")
    later = Later(place, edition)
    held = asyncio.Event()

    async def behave(taken: Taken) -> web.Response | None:
        if taken.items["atenabango"] == NUMBERS[1]:
            await held.wait()
        return await later.behave(taken)

    place.bus.behaviour = behave
    async with place.running("a-tax") as host:
        drop(place, *NUMBERS[:2])
        await until_async(lambda: place.status("a-tax")["questions"] == {"expired": 1, "open": 1})
        assert (await Caller(host).post(later.message(later.question(NUMBERS[0]))))[0] == 202
        held.set()
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert told(place) == [("00000001", "00", NUMBERS[0]), ("00000002", "CB6078", "")]


async def test_an_answer_may_be_quicker_than_the_acknowledgement(place: Place, edition: Edition) -> None:
    """It arrives while the bus's 202 is still under way: it is the answer, and the 202 does not undo it."""
    later = Later(place, edition)
    async with place.running("a-tax") as host:

        async def behave(taken: Taken) -> web.Response | None:
            response = await later.behave(taken)
            assert (await Caller(host).post(later.message(taken.message_id)))[0] == 202
            return response

        place.bus.behaviour = behave
        drop(place, *NUMBERS[:1])
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert told(place) == [("00000001", "00", NUMBERS[0])]


async def test_the_same_file_again_is_asked_again_and_waits_for_the_first_answer_file(
    place: Place, edition: Edition
) -> None:
    """New ids; CB6080 while the vendor has not taken the answers of that name, then the new ones follow."""
    later = Later(place, edition)
    answers = place.path("a-tax", "kaito")
    async with place.running("a-tax") as host:
        for name in ("架空　一郎", "架空　二郎"):
            asked = len(later.asked)
            path = drop(place, NUMBERS[0])
            await until_async(lambda path=path, asked=asked: len(later.asked) > asked and not path.exists())
            (*_, newest) = later.asked
            assert (await Caller(host).post(later.message(newest, name)))[0] == 202
        await until_async((answers / f"{NAMES[1]}.END").exists)
        assert "一郎".encode("cp932") in (answers / NAMES[1]).read_bytes()
        assert not place.status("a-tax")["questions"].get("later")
        (answers / NAMES[1]).unlink()
        (answers / f"{NAMES[1]}.END").unlink()
        await until_async((answers / f"{NAMES[1]}.END").exists)
    assert len(later.asked) == 2
    assert "二郎".encode("cp932") in (answers / NAMES[1]).read_bytes()


async def test_a_file_that_changes_while_it_is_read_is_not_asked(
    place: Place, edition: Edition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read again as what it became; of the first reading nothing is left waiting."""
    later = Later(place, edition)
    path = place.path("a-tax", "shokai") / NAMES[0]
    decode, changed = DelimitedCodec.decode, []

    def changing(self: DelimitedCodec, source: BinaryIO, name: str = "") -> Iterator[VendorRecord | BadRecord]:
        yield from decode(self, source, name)
        if name == NAMES[0] and not changed:
            changed.append(name)
            path.write_bytes(question_file(*NUMBERS[:3]))

    monkeypatch.setattr(DelimitedCodec, "decode", changing)
    async with place.running("a-tax"):
        drop(place, *NUMBERS[:2])
        await until_async(lambda: not path.exists())
    assert sorted(later.asked.values()) == sorted(NUMBERS[:3])
    assert place.status("a-tax")["questions"] == {"later": 3}


@pytest.mark.parametrize("code", ["CB3002", "CB4001", "CB4005"])
async def test_a_bus_that_says_come_again_is_asked_again(place: Place, edition: Edition, code: str) -> None:
    """The question is under way from before a crash, or was not stored: neither is an answer for the vendor."""
    later = Later(place, edition, at_once=frozenset(NUMBERS))
    turned_away: list[str] = []

    async def behave(taken: Taken) -> web.Response | None:
        if len(turned_away) < 2:
            turned_away.append(taken.message_id)
            error = ChiikibusError(code)
            return web.Response(status=503, body=fault_bytes(error), headers={"Content-Type": "text/xml"})
        return await later.behave(taken)

    place.bus.behaviour = behave
    async with place.running("a-tax"):
        drop(place, NUMBERS[0])
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert set(turned_away) == set(later.asked)
    assert told(place) == [("00000001", "00", NUMBERS[0])]


async def test_a_late_answer_that_the_vendor_cannot_hold_is_told_with_its_code(place: Place, edition: Edition) -> None:
    """A character that its files do not have: the code in its line, the others as ever, nothing parked."""
    later = Later(place, edition)
    async with place.running("a-tax") as host:
        drop(place, *NUMBERS[:2])
        await until_async(lambda: len(later.asked) == 2)
        for number, name in zip(NUMBERS[:2], ("架空　\U0002000b子", "架空　花子"), strict=True):
            assert (await Caller(host).post(later.message(later.question(number), name)))[0] == 202
        await until_async((place.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists)
    assert [code for _, code, _ in told(place)] == ["CB6007", "00"]


async def test_a_late_answer_with_an_attachment_is_refused(place: Place, edition: Edition) -> None:
    """No answer file could carry it: CB1050, and the question waits on."""
    later = Later(place, edition)
    async with place.running("a-tax") as host:
        drop(place, NUMBERS[0])
        await until_async(lambda: place.status("a-tax")["questions"] == {"later": 1})
        raw = later.message(later.question(NUMBERS[0]))
        part = b"--b\r\nContent-Type: text/xml; charset=utf-8\r\nContent-ID: <r@x>\r\n\r\n" + raw + b"\r\n"
        part += b"--b\r\nContent-Type: application/octet-stream\r\nContent-ID: <a@x>\r\n\r\nabc\r\n--b--\r\n"
        caller = Caller(host, content_type='multipart/related; boundary="b"; type="text/xml"; start="<r@x>"')
        status, _, body = await caller.post(part)
    assert (status, code_of(body)) == (500, "CB1050")
    assert place.status("a-tax")["questions"] == {"later": 1}


async def test_what_is_waited_for_is_listed_without_anybodys_data(
    place: Place, edition: Edition, capsys: pytest.CaptureFixture[str]
) -> None:
    """File, record, state and time; never a number of a person."""
    later = Later(place, edition)
    async with place.running("a-tax"):
        drop(place, *NUMBERS[:2])
        await until_async(lambda: place.status("a-tax")["questions"] == {"later": 2})
        assert run(["adapter", "status", "--site", str(place.folder), "--adapter", "a-tax", "--detail"]) == 0
        shown = capsys.readouterr().out
        listed = place.status("a-tax", detail=True)["question_list"]
    assert NAMES[0] in shown
    assert [(one["name"], one["record_no"], one["state"]) for one in listed] == [
        (NAMES[0], 1, "later"),
        (NAMES[0], 2, "later"),
    ]
    assert not any(number in shown or number in str(listed) for number in later.asked.values())


async def post(place: Place, raw: bytes) -> int:
    """Post to the adapter as the bus does; 0 when nobody answers."""
    url = f"http://127.0.0.1:{place.ports['a-tax']}/soap/990019/tax"
    headers: Mapping[str, str] = {
        "Content-Type": "text/xml; charset=utf-8",
        "Authorization": basic_header("chiikibus", "secret-of-tax"),
    }
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=raw, headers=headers) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientError:
        return 0


@pytest.mark.parametrize("seed", [1])
async def test_questions_and_late_answers_survive_kills(site: Place, edition: Edition, seed: int) -> None:
    """Killed while asking and while answers come: every question under one id, every line of the answer file right."""
    dice = random.Random(seed)
    site.ports = {name: free_port() for name in site.ports}
    site.write()
    later = Later(site, edition, at_once=frozenset({f"{7:015d}"}))
    numbers = [f"{number:015d}" for number in range(1, 121)]
    path = drop(site, *numbers)
    for _ in range(2):
        later.most = dice.randrange(len(later.asked) + 5, len(later.asked) + 40)
        with process(site, "a-tax") as child:
            await until_async(lambda: len(later.asked) >= later.most, within_s=30)
            kill(child)
    later.most = 1_000_000
    later.go.set()
    with process(site, "a-tax") as child:
        await until_async(lambda: not path.exists(), within_s=30)
        waiting = [one for one, number in later.asked.items() if number not in later.at_once]
        dice.shuffle(waiting)
        for one in waiting[:50]:
            assert await post(site, later.message(one)) == 202
        last = asyncio.create_task(post(site, later.message(waiting[50])))
        await asyncio.sleep(0)
        kill(child)
        await last
    with process(site, "a-tax") as child:
        for one in waiting[30:]:
            assert await post(site, later.message(one)) == 202
        kill(child)
    with process(site, "a-tax"):
        await until_async((site.path("a-tax", "kaito") / f"{NAMES[1]}.END").exists, within_s=30)
        await site.idle("a-tax")
    assert sorted(later.asked.values()) == numbers
    assert told(site) == [(f"{at:08d}", "00", number) for at, number in enumerate(numbers, 1)]
    assert site.status("a-tax")["counters"]["shokai.answered"] == len(numbers)
