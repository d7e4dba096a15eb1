"""Behind a held record: what shares its ordering key waits, everybody else goes on, and the order is kept."""

from __future__ import annotations

import json
import sqlite3
from itertools import pairwise, product
from pathlib import Path
from random import Random

import pytest

from adapters.host.store import files, outbox, turns
from adapters.host.store.files import HELD, Setback
from adapters.host.store.outbox import Letter
from adapters.host.store.schema import TABLES, connect, open_store
from adapters.host.store.status import count
from adapters.population import Town
from bus.core.errors import error_entry
from tests.host.place import Place
from tests.host.test_commands import run
from tests.host.test_crash import kill, process
from tests.host.test_file_to_bus import UNKNOWN, error_rows, lines_of, processed, residents, spoil
from tests.support.network import free_port
from tests.support.polling import until_async

NOTICE = "juki.ido_tsuchi"
DECISION = "F9FC,U+845B U+E0101,,字形一致,試験,文字同定担当,2026-01-01,\r\n"


def letter(number: int, lanes: tuple[str, ...]) -> Letter:
    """A letter of record ``number``."""
    return Letter(f"urn:uuid:{number}", "ido", NOTICE, "", "", "file", number, lanes, b"<x/>")


def setback(number: int, lanes: tuple[str, ...]) -> Setback:
    """A record that waits for a character."""
    return Setback(number, "CB6003", (), HELD, b"raw", lanes=lanes)


def waiting(database: sqlite3.Connection) -> list[int]:
    """Record numbers in the order in which the sender would take them."""
    rows = database.execute("SELECT record_no FROM outbox WHERE state = 'waiting' ORDER BY seq")
    return [row["record_no"] for row in rows]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_held_and_released_each_lane_keeps_its_order(tmp_path: Path, seed: int) -> None:
    """Random records over persons and households: nothing is lost, no lane ever goes in another order."""
    random = Random(seed)
    database = open_store(tmp_path / "store.sqlite")
    lanes: dict[int, tuple[str, ...]] = {}
    held: dict[int, int] = {}
    try:
        database.execute("BEGIN")
        for number in range(1, 61):
            lanes[number] = (f"atena={random.randrange(6)}", f"setai={random.randrange(4)}")
            bad = random.random() < 0.2
            one = setback(number, lanes[number]) if bad else letter(number, lanes[number])
            turns.keep(database, "ido", "file", [one], 1.0)
            if bad:
                held[number] = files.held(database, "ido")[-1].id
            if held and random.random() < 0.15:
                released = random.choice(sorted(held))
                turns.settle(database, held.pop(released), letter(released, lanes[released]), 2.0)
            if held and random.random() < 0.05:
                turns.settle(database, held[min(held)], setback(min(held), lanes[min(held)]), 2.0)
        blocked = {lane for number in held for lane in lanes[number]}
        for number in waiting(database):
            earlier = [other for other in held if other < number and {*lanes[other]} & {*lanes[number]}]
            assert not earlier, (number, blocked)
        for number in random.sample(sorted(held), len(held)):
            turns.settle(database, held[number], letter(number, lanes[number]), 3.0)
        order = waiting(database)
        assert sorted(order) == list(range(1, 61))
        assert database.execute("SELECT COUNT(*) FROM turns").fetchone()[0] == 0
    finally:
        database.close()
    for earlier, later in product(range(len(order)), repeat=2):
        if earlier < later and {*lanes[order[earlier]]} & {*lanes[order[later]]}:
            assert order[earlier] < order[later]


def test_a_held_record_that_is_refused_after_all_lets_those_behind_it_go(tmp_path: Path) -> None:
    """Another defect than the character came to light, or a person gave it up: nobody waits for it any more."""
    database = open_store(tmp_path / "store.sqlite")
    try:
        turns.keep(database, "ido", "file", [setback(1, ("a",)), setback(2, ("b",))], 1.0)
        turns.keep(database, "ido", "file", [letter(3, ("a", "b")), letter(4, ("b",)), letter(5, ("c",))], 1.0)
        assert waiting(database) == [5]
        first, second = files.held(database, "ido")
        refused = Setback(1, "CB6006", ())
        assert turns.settle(database, first.id, refused, 2.0) == []
        turns.give_up(database, second.id, "CB6077", [], 2.0)
        assert waiting(database) == [5, 3, 4]
        assert files.counts(database, "ido", "file").refused == 2
    finally:
        database.close()


def test_a_store_of_an_earlier_version_gets_its_turns(tmp_path: Path) -> None:
    """Records that were held before turns existed take a place when they are tried again and stay held."""
    path = tmp_path / "store.sqlite"
    old = connect(path)
    old.executescript(f"{TABLES}PRAGMA user_version=1;")
    files.set_back(old, "ido", "file", [setback(1, ("a",))], 1.0)
    old.close()
    database = open_store(path)
    try:
        turns.settle(database, files.held(database, "ido")[0].id, setback(1, ("a",)), 2.0)
        turns.keep(database, "ido", "file", [letter(2, ("a",)), letter(3, ("b",))], 2.0)
        assert waiting(database) == [3]
    finally:
        database.close()


@pytest.mark.slow
async def test_later_records_of_a_person_wait_behind_the_held_one_over_files_and_a_kill(place: Place) -> None:
    """Real processes, one killed: person and household wait, counted and listed (CB6075); then all go in order."""
    events = [one.record for change in Town.generate(60, 5).changes(240) for one in change.events]
    subject = max({row["atenabango"] for row in events}, key=lambda who: sum(r["atenabango"] == who for r in events))
    mine = [index for index, row in enumerate(events) if row["atenabango"] == subject]
    assert len(mine) > 2
    lines = lines_of(events)
    first = events[mine[0]]
    name = first["shimei"].partition("\u3000")[0][0].encode("cp932")
    lines[mine[0] + 1] = spoil(lines[mine[0] + 1], name, UNKNOWN)
    cut = mine[1] + 1
    both = lines_of(events[:cut]), lines_of(events[cut:])
    both[0][mine[0] + 1] = lines[mine[0] + 1]
    place.ports["a-juki"] = free_port()
    place.write()
    with process(place, "a-juki") as child:
        place.drop("IDO_0001.DAT", b"".join(both[0]))
        await processed(place)
        status = place.status("a-juki", detail=True)
        assert status["held"] == 1
        assert status["behind"] >= 1
        found = {(row["状態"], row["コード"]) for row in await error_rows(place, "IDO_0001.DAT")}
        assert found == {("保留", "CB6003"), ("順番待ち", "CB6075")}
        kill(child)
    with process(place, "a-juki"):
        place.drop("IDO_0002.DAT", b"".join(both[1]))
        await processed(place, files=2)
        status = place.status("a-juki", detail=True)
        behind = status["behind"]
        assert status["held"] == 1
        assert behind >= len(mine) - 1
        assert behind < len(events) // 2
        assert {json.loads(row["detail"])[0]["place"] for row in status["behind_list"]} == {
            f"file=IDO_0001.DAT record={mine[0] + 1}"
        }
        for one in status["file_list"]:
            parts = ("waiting", "behind", "sent", "held", "refused")
            assert one["records"] == sum(one[part] for part in parts)
        assert len(place.bus.taken) == len(events) - 1 - behind
        assert subject not in {one.records[0]["atenabango"] for one in place.bus.taken}
        register = place.folder / "gaiji" / "a-juki.csv"
        register.write_text(register.read_text("utf-8-sig") + DECISION, "utf-8")
        await until_async(lambda: len(place.bus.taken) == len(events), what="the held record and those behind it")
        await place.idle("a-juki")
        errors = place.path("a-juki", "out") / "error"
        await until_async(
            lambda: all(len(path.read_text("utf-8-sig").splitlines()) == 1 for path in errors.glob("*.ERR.csv")),
            what="the error lists to be empty",
        )
    by_lane: dict[str, list[int]] = {}
    number = {(row["atenabango"], row["rirekibango"], row["rirekibango_eda"]): at for at, row in enumerate(events)}
    for one in place.bus.taken:
        row = one.records[0]
        at = number[row["atenabango"], row["rirekibango"], row["rirekibango_eda"]]
        for lane in (row["atenabango"], f"setai {row.get('setaibango', '')}"):
            by_lane.setdefault(lane, []).append(at)
    by_lane.pop("setai ", None)
    assert all(a < b for lane in by_lane.values() for a, b in pairwise(lane))
    assert place.bus.repeats == 0


@pytest.mark.slow
async def test_a_held_record_whose_key_cannot_be_read_is_refused_at_once(place: Place) -> None:
    """CB6076: nobody could say who has to wait behind it; the others go on."""
    rows = residents(4)
    lines = lines_of(rows)
    number = rows[1]["atenabango"].encode("ascii")
    lines[2] = spoil(lines[2], number, UNKNOWN + number[2:])
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines))
        await processed(place)
        codes = {row["コード"] for row in await error_rows(place, "IDO_0001.DAT")}
    status = place.status("a-juki")
    assert (status["held"], status["behind"], status["refused"]) == (0, 0, 1)
    assert {"CB6076", "CB6003"} <= codes
    assert error_entry("CB6076").action_ja
    assert len(place.bus.taken) == 3


@pytest.mark.slow
async def test_giving_up_a_held_record_lets_the_others_go(place: Place) -> None:
    """``adapter give-up`` refuses the record with CB6077; those behind it go; a second time there is none."""
    rows = residents(2)
    later = dict(rows[0], rirekibango=str(int(rows[0]["rirekibango"]) + 1))
    lines = lines_of([rows[0], later, rows[1]])
    name = rows[0]["shimei"].partition("\u3000")[0][0].encode("cp932")
    lines[1] = spoil(lines[1], name, UNKNOWN)
    wanted = ("give-up", "--site", str(place.folder), "--adapter", "a-juki", "--file", "IDO_0001.DAT", "--record", "1")
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines))
        await processed(place)
        assert (place.status("a-juki")["held"], place.status("a-juki")["behind"]) == (1, 1)
        code, text = run(*wanted, "--json")
        assert (code, json.loads(text)) == (0, {"given_up": 1, "went_on": 1})
        await until_async(lambda: len(place.bus.taken) == 2, what="the record behind it")
        code, text = run(*wanted, "--json")
        assert (code, json.loads(text)["error"]["code"]) == (1, "CB6015")
    status = count(place.folder / "var" / "adapters" / "a-juki.sqlite", detail=True)
    assert [row["code"] for row in status["refused_list"]] == ["CB6077"]
    assert (status["held"], status["behind"]) == (0, 0)
    assert outbox.waiting(connect(place.folder / "var" / "adapters" / "a-juki.sqlite", read_only=True), 0, 9) == []
