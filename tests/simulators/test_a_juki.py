"""A社 住民記録 (simulated): its files, its inquiries, its panel, and that it goes on after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date
from pathlib import Path

import aiohttp
import pytest

from adapters.population import Town
from adapters.simulators.a_juki import AJuki, serve
from adapters.simulators.a_juki_files import SABUN, ZENKEN, Records
from adapters.simulators.a_juki_items import a_items, half_width, seireki, wareki
from adapters.transports.file_drop import write_file
from adapters.transports.framed_tcp import FramedClient
from tests.support.polling import until_async

SIZE, SEED = 160, 4


@pytest.fixture
def system(tmp_path: Path) -> Iterator[AJuki]:
    """A loaded system that does not listen."""
    made = AJuki(tmp_path, "990019")
    made.load(SIZE, SEED)
    yield made
    made.store.close()


@pytest.fixture
async def running(system: AJuki) -> AsyncIterator[AJuki]:
    """A loaded system that serves."""
    ready: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(serve(system, ready.set_result))
    await asyncio.wait_for(ready, 10)
    yield system
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def lines(path: Path) -> list[bytes]:
    """The records of a file, header and trailer included."""
    parts = path.read_bytes().split(b"\r\n")
    assert parts.pop() == b""
    return parts


def test_a_full_extract_holds_everybody_once_between_header_and_trailer(system: AJuki) -> None:
    """The trailer counts the data records; each record has the declared length."""
    name = system.extract(ZENKEN)
    records = Records()
    found = lines(system.folder / "out" / name)
    assert {len(line) for line in found} == {records.size}
    assert found[0][:1] == b"1"
    assert found[-1][:9] == b"9%08d" % SIZE
    numbers = [records.item(line, "宛名コード") for line in found[1:-1]]
    assert len(set(numbers)) == SIZE
    assert (system.folder / "out" / f"{name}.END").exists()


def test_changes_are_written_as_notice_files_in_their_order(system: AJuki) -> None:
    """Exactly as many records as asked for; 異動連番 of a person rise."""
    kinds = system.change(120, per_file=50)
    files = sorted((system.folder / "out").glob("IDO_*.DAT"))
    records = Records()
    data = [line for path in files for line in lines(path)[1:-1]]
    assert len(files) == 3
    assert len(data) == kinds.total() == 120
    last: dict[str, int] = {}
    for line in data:
        number, version = records.item(line, "宛名コード"), int(records.item(line, "異動連番"))
        assert version > last.get(number, 0)
        last[number] = version


def test_a_difference_holds_what_changed_since_the_last_extract(system: AJuki) -> None:
    """Each changed person once, in the present state; afterwards nothing is left."""
    system.extract(ZENKEN)
    system.change(30)
    records = Records()
    town = Town.generate(SIZE, SEED)
    changed = {event.atenabango for change in town.changes(30) for event in change.events}
    first = lines(system.folder / "out" / system.extract(SABUN))[1:-1]
    assert {records.item(line, "宛名コード") for line in first} == changed
    assert len(first) == len(changed)
    assert lines(system.folder / "out" / system.extract(SABUN))[1:-1] == []


def test_a_held_extract_appears_when_it_is_released(system: AJuki) -> None:
    """It shows the state of the moment it was made."""
    name = system.extract(ZENKEN, hold=True)
    assert not (system.folder / "out" / name).exists()
    system.change(10)
    assert system.release() == [name]
    assert len(lines(system.folder / "out" / name)) == SIZE + 2
    assert (system.folder / "out" / f"{name}.END").exists()


def test_a_restart_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Two portions with a restart between give the same state as without."""
    first = AJuki(tmp_path / "one", "990019")
    first.load(SIZE, SEED)
    first.change(40)
    first.store.close()
    again = AJuki(tmp_path / "one", "990019")
    again.change(25, seed=9)
    other = AJuki(tmp_path / "two", "990019")
    other.load(SIZE, SEED)
    other.change(40)
    other.change(25, seed=9)
    assert list(again.store.current()) == list(other.store.current())
    assert list(again.town().current()) == list(other.town().current())
    again.store.close()
    other.store.close()


def test_files_owed_at_a_crash_are_written_at_the_next_start(system: AJuki) -> None:
    """What was planned with the change is written again, byte for byte."""
    system.change(20)
    (path,) = (system.folder / "out").glob("IDO_*.DAT")
    before = path.read_bytes()
    path.unlink()
    system.store._db.execute("UPDATE shukko SET written = 0")
    system.write_planned()
    assert path.read_bytes() == before


async def test_an_inquiry_gives_the_state_at_the_base_date(system: AJuki) -> None:
    """Over framed TCP, the record in force on that day, for everybody and several days, as the population says."""
    system.change(200)
    await system.server.start()
    client = FramedClient("127.0.0.1", system.server.port)
    records = Records()
    town = system.town()
    for number in list(town.people)[::3]:
        for day in (date(2025, 11, 30), date(2025, 12, 10), date(2026, 1, 1)):
            request = f"01{number}{wareki(day.isoformat())}".encode()
            answer = await client.request(request)
            truth = town.state(number, day)
            if truth is None:
                assert answer == b"010000"
            else:
                assert answer == b"000001" + records.pack(a_items(truth))
    await client.close()
    await system.server.stop()


async def test_a_household_inquiry_gives_its_residents_in_their_order(system: AJuki) -> None:
    """By 世帯番号, or by the 宛名番号 of a member."""
    town, records = system.town(), Records()
    setaibango = next(name for name, members in town.households.items() if len(members) > 2)
    expected = [records.pack(a_items(record)) for record in town.household_state(setaibango, date(2026, 1, 1))]
    by_household = await system.answer(f"02{setaibango:15}{'':15}5080101".encode())
    member = town.households[setaibango][0]
    by_member = await system.answer(f"02{'':15}{member}5080101".encode())
    assert by_household == by_member == b"00%04d" % len(expected) + b"".join(expected)


@pytest.mark.parametrize("request_bytes", [b"", b"01", b"03" + b"0" * 22, b"01" + b"0" * 15 + b"9991399", b"01abc"])
async def test_what_is_no_inquiry_is_answered_with_an_error(system: AJuki, request_bytes: bytes) -> None:
    """Status 90 and no records."""
    assert await system.answer(request_bytes) == b"900000"


async def test_a_request_for_an_extract_is_answered_with_a_file_that_quotes_it(running: AJuki) -> None:
    """CHUSHUTSU_<id>.REQ gives ZEN_<id>.DAT."""
    write_file(running.folder / "irai", "CHUSHUTSU_abc-1.REQ", b"1,,\r\n")
    mark = running.folder / "out" / "ZEN_abc-1.DAT.END"
    await until_async(mark.exists, what="the extract asked for")
    assert len(lines(running.folder / "out" / "ZEN_abc-1.DAT")) == SIZE + 2


async def test_the_panel_loads_changes_extracts_and_tells_the_truth(running: AJuki) -> None:
    """The operator's buttons, as JSON."""
    async with aiohttp.ClientSession(running.site.url) as session:

        async def post(path: str, value: object) -> dict[str, object]:
            async with session.post(path, json=value) as answer:
                assert answer.status == 200
                return dict(await answer.json())

        async def get(path: str) -> dict[str, object]:
            async with session.get(path) as answer:
                assert answer.status == 200
                return dict(await answer.json())

        assert (await post("/load", {"size": 120, "seed": 2}))["people"] == 120
        told = await post("/changes", {"count": 15, "seed": 3})
        assert told["notices"] == 15
        assert str((await post("/extract", {"kind": "full", "hold": True}))["file"]).startswith("ZEN_")
        assert len(list((await post("/release", {})).values())) == 1
        versions = await get("/versions")
        truth = await get("/truth?limit=1000")
        records = truth["records"]
        assert isinstance(records, list)
        assert truth["next"] == ""
        assert {one["atenabango"]: one["rirekibango"] for one in records} == versions
        assert (await get("/stats"))["people"] == len(versions)


def test_half_width_and_era_dates_are_written_as_vendor_a_does() -> None:
    """A few by hand."""
    assert half_width("ソウム\u3000ショウコ") == "ｿｳﾑ ｼｮｳｺ"
    assert half_width("ヴァパー") == "ｳﾞｧﾊﾟｰ"
    assert wareki("2025-12-01") == "5071201"
    assert wareki("1912-07-30", "1") == "1450730"
    assert wareki("1912-07-30") == "2010730"
    assert seireki("5080101") == "2026-01-01"
    assert wareki("0000-01-01") == "0000000"
