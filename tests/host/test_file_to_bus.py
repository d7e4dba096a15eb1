"""file-to-bus: every record of a file is sent, held or refused, and counted; nothing is sent twice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from itertools import islice

import pytest

from adapters.host.flows.shape import accepted_path
from adapters.population import Town
from adapters.simulators.a_juki import native_file
from adapters.simulators.a_juki_files import GAIJI, IDO
from tests.host.place import Place, ido_file, record_size
from tests.support.polling import until_async
from tests.support.sites import MUNICIPALITY

NOTICE = "juki.ido_tsuchi"
UNKNOWN = b"\xf9\xfc"
"""A code of the user area that no register of the tests knows."""


def residents(count: int, seed: int = 7) -> list[dict[str, str]]:
    """Present records of synthetic residents."""
    return list(islice(Town.generate(count, seed).current(), count))


def lines_of(rows: list[dict[str, str]]) -> list[bytes]:
    """A file of A社 住民記録 by lines, header and trailer included."""
    data = ido_file(rows)
    size = record_size()
    return [data[start : start + size] for start in range(0, len(data), size)]


def spoil(line: bytes, old: bytes, new: bytes) -> bytes:
    """Replace the first occurrence of bytes by others of the same length."""
    assert old in line
    assert len(old) == len(new)
    return line.replace(old, new, 1)


async def processed(place: Place, files: int = 1) -> dict[str, int]:
    """Wait until so many files were read and nothing waits; the states of the files."""

    def ready() -> dict[str, int] | None:
        status = place.status("a-juki")
        states: Mapping[str, int] = status["files"]
        whole = sum(states.values()) - states.get("reading", 0) >= files and status["idle"]
        return dict(states) if whole else None

    found = await until_async(ready, within_s=30, what="the files to be processed")
    assert found is not None
    return found


async def error_rows(place: Place, name: str) -> list[dict[str, str]]:
    """The error list of a file, as soon as it is there: it is written after the counts are durable."""
    path = place.path("a-juki", "out") / "error" / f"{name}.ERR.csv"
    await until_async(path.exists, what=path.name)
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))


async def test_every_record_becomes_one_notice_with_full_addressing_and_context(place: Place) -> None:
    """Content, sender and purpose arrive; the file is in done/ and its end mark is gone."""
    sent = residents(40)
    async with place.running("a-juki"):
        path = place.drop("IDO_0001.DAT", ido_file(sent))
        assert await processed(place) == {"done": 1}
        await until_async(lambda: not path.exists())
    keys = ("atenabango", "rirekibango", "shimei", "seinengappi", "jusho_choaza")
    got = {tuple(one.records[0].get(key) for key in keys) for one in place.bus.of(NOTICE)}
    assert got == {tuple(one.get(key) for key in keys) for one in sent}
    first = place.bus.taken[0]
    assert (first.user, first.path) == ("juki", "/990019/juki/juki")
    assert first.envelope.addressing.action == first.operation.action
    assert first.envelope.addressing.to.endswith("/990019/juki/juki")
    assert first.envelope.context.purpose == "jumin"
    assert (first.envelope.context.sender_unit, first.envelope.context.sender_system) == ("juki", "juki")
    assert (path.parent / "done" / path.name).exists()
    assert not (path.parent / f"{path.name}.END").exists()
    assert not (path.parent / "error").exists()


@pytest.mark.parametrize("count", [300, pytest.param(3_000, marks=pytest.mark.slow)])
async def test_a_long_file_is_sent_whole(place: Place, count: int) -> None:
    """Count in = count out, each record once."""
    sent = residents(count)
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(sent))
        await processed(place)
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": count}, within_s=90)
    assert len(place.bus.of(NOTICE)) == count
    assert place.bus.repeats == 0


async def test_events_of_one_person_reach_the_bus_in_their_order(place: Place) -> None:
    """Whatever runs beside: per 宛名番号 the history numbers rise, across files too."""
    town = Town.generate(60, 5)
    events = [event.record for change in town.changes(240) for event in change.events]
    async with place.running("a-juki"):
        place.drop("IDO_0002.DAT", ido_file(events[120:240]))
        place.drop("IDO_0001.DAT", ido_file(events[:120]))
        await processed(place, files=2)
    last: dict[str, int] = {}
    for one in place.bus.of(NOTICE):
        row = one.records[0]
        assert int(row["rirekibango"]) > last.get(row["atenabango"], 0)
        last[row["atenabango"]] = int(row["rirekibango"])
    assert len(place.bus.taken) == 240


async def test_a_file_that_comes_again_sends_nothing_again(place: Place) -> None:
    """The same bytes under another name are known by their digest."""
    data = ido_file(residents(20))
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", data)
        await processed(place)
        place.drop("IDO_0009.DAT", data)
        await processed(place, files=2)
        await until_async(lambda: not place.path("a-juki", "out").joinpath("IDO_0009.DAT").exists())
    assert len(place.bus.taken) == 20
    assert place.bus.repeats == 0


async def test_a_file_is_left_alone_until_its_end_mark_is_there(place: Place) -> None:
    """Without the mark nothing is read; with it the file goes."""
    async with place.running("a-juki"):
        out = place.path("a-juki", "out")
        out.mkdir(parents=True, exist_ok=True)
        (out / "IDO_0002.DAT").write_bytes(ido_file(residents(3)))
        place.drop("IDO_0001.DAT", ido_file(residents(2, seed=8)))
        await processed(place)
        assert len(place.bus.taken) == 2
        (out / "IDO_0002.DAT.END").touch()
        await processed(place, files=2)
    assert len(place.bus.taken) == 5


async def test_a_truncated_file_goes_to_error_and_its_whole_records_go_on(place: Place) -> None:
    """CB6001 names the file; the records before the break are sent; the count agrees."""
    lines = lines_of(residents(10))
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines[:8]) + lines[8][:100])
        assert await processed(place) == {"error": 1}
        await until_async((place.path("a-juki", "out") / "error" / "IDO_0001.DAT").exists)
    status = place.status("a-juki", detail=True)
    assert status["file_list"][0]["code"] == "CB6001"
    assert len(place.bus.taken) == 7
    assert {row["コード"] for row in await error_rows(place, "IDO_0001.DAT")} == {"CB6001"}


async def test_a_wrong_record_is_refused_with_its_place_and_the_rest_goes_on(place: Place) -> None:
    """A wrong record type and a wrong length: coded rows in the error list; all other records are sent."""
    rows = residents(10)
    lines = lines_of(rows)
    lines[4] = b"7" + lines[4][1:]  # another record type
    lines[6] = lines[6][:-12] + b"\r\n"
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines))
        await processed(place)
    status = place.status("a-juki")
    assert status["refused"] == 2
    assert status["outbox"] == {"sent": 8}
    found = await error_rows(place, "IDO_0001.DAT")
    assert {row["レコード番号"] for row in found} == {"4", "6"}
    assert {row["コード"] for row in found} == {"CB6014"}
    assert all("IDO_0001.DAT" in row["位置"] and row["対処"] for row in found)


async def test_an_unknown_gaiji_holds_its_record_until_the_register_knows_it(place: Place) -> None:
    """CB6003: a worklist row, no replacement character; after the register entry the record goes by itself."""
    rows = residents(6)
    lines = lines_of(rows)
    name = rows[2]["shimei"].partition("\u3000")[0][0].encode("cp932")
    lines[3] = spoil(lines[3], name, UNKNOWN)
    register = place.folder / "gaiji" / "a-juki.csv"
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines))
        await processed(place)
        status = place.status("a-juki", detail=True)
        assert (status["held"], len(place.bus.taken)) == (1, 5)
        assert [(row["character"], row["state"]) for row in status["worklist_list"]] == [("F9FC", "open")]
        assert (await error_rows(place, "IDO_0001.DAT"))[0]["状態"] == "保留"
        text = register.read_text("utf-8-sig")
        register.write_text(text + "F9FC,U+845B U+E0101,,字形一致,試験,文字同定担当,2026-01-01,\r\n", "utf-8")
        await until_async(lambda: len(place.bus.taken) == 6, what="the held record")
        decided = {"decided": 1}
        await until_async(lambda: place.status("a-juki")["worklist"] == decided, within_s=30, what="the decision")
        status = await place.idle("a-juki")
    assert (status["held"], status["released"]) == (0, 1)
    released = place.bus.taken[-1].records[0]
    assert released["atenabango"] == rows[2]["atenabango"]
    assert "\u845b\U000e0101" in released["shimei"]


async def test_known_gaiji_arrive_as_their_registered_characters(place: Place) -> None:
    """The register of the site decides what F040 is."""
    rows = residents(1)
    rows[0]["shimei"] = GAIJI[0] + rows[0]["shimei"][1:]
    rows[0]["uji_nihonjin"] = rows[0]["shimei"].partition("\u3000")[0]
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(native_file(rows, MUNICIPALITY, IDO)))
        await processed(place)
    assert place.bus.taken[0].records[0]["shimei"].startswith(GAIJI[0])


async def test_what_waits_while_the_bus_is_away_is_sent_when_it_is_back(place: Place) -> None:
    """The file is done before the bus takes anything: its records are durable in the outbox."""
    await place.bus.stop()
    async with place.running("a-juki"):
        path = place.drop("IDO_0001.DAT", ido_file(residents(30)))
        await until_async(lambda: not path.exists())
        assert place.status("a-juki")["outbox"] == {"waiting": 30}
        await place.bus.start()
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 30}, within_s=20)
    assert len(place.bus.taken) == 30


async def test_what_waits_survives_a_restart_of_the_adapter(place: Place) -> None:
    """A stopped adapter goes on with its outbox."""
    await place.bus.stop()
    async with place.running("a-juki"):
        path = place.drop("IDO_0001.DAT", ido_file(residents(12)))
        await until_async(lambda: not path.exists())
    await place.bus.start()
    async with place.running("a-juki"):
        await until_async(lambda: len(place.bus.taken) == 12)
    assert place.bus.repeats == 0


async def test_a_notice_that_the_bus_refuses_is_listed_and_the_others_go(place: Place) -> None:
    """A final refusal makes the row refused with the bus's code, and a row of the file's error list."""
    rows = residents(8)
    place.bus.refusals = {rows[1]["atenabango"]: "CB2002"}
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(rows))
        await processed(place)
        listed = place.path("a-juki", "out") / "error" / "IDO_0001.DAT.ERR.csv"
        await until_async(listed.exists)
    status = place.status("a-juki", detail=True)
    assert status["outbox"] == {"refused": 1, "sent": 7}
    assert status["refused"] == 1
    assert [row["code"] for row in status["refused_list"]] == ["CB2002"]
    assert [(row["レコード番号"], row["コード"]) for row in await error_rows(place, "IDO_0001.DAT")] == [
        ("2", "CB2002")
    ]


async def test_a_refusal_for_now_is_repeated_with_the_same_id_and_bytes(place: Place) -> None:
    """503 with a retryable code: sent again until taken."""
    rows = residents(3)
    place.bus.refusals = {rows[0]["atenabango"]: "CB4002"}
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(rows))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 2, "waiting": 1})
        place.bus.refusals = {}
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 3})
    assert place.bus.changed == 0


async def test_a_hostile_file_is_refused_and_the_next_one_goes(place: Place) -> None:
    """Random bytes and an empty file go to error/, a file of UTF-8 is refused record by record; nothing stops there."""
    good = ido_file(residents(4))
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", bytes(range(256)) * 40)
        place.drop("IDO_0002.DAT", b"")
        place.drop("IDO_0003.DAT", good.decode("cp932").encode("utf-8"))
        place.drop("IDO_0004.DAT", good)
        states = await processed(place, files=4)
    assert states == {"done": 2, "error": 2}
    assert {row["コード"] for row in await error_rows(place, "IDO_0001.DAT")} <= {"CB6001", "CB6014"}
    assert {row["コード"] for row in await error_rows(place, "IDO_0002.DAT")} == {"CB6001"}
    assert {row["コード"] for row in await error_rows(place, "IDO_0003.DAT")} <= {"CB6002", "CB6014"}
    assert len({row["レコード番号"] for row in await error_rows(place, "IDO_0003.DAT")}) == 4
    assert len(place.bus.taken) == 4
    assert {one.records[0]["atenabango"] for one in place.bus.taken} == {row["atenabango"] for row in residents(4)}


@pytest.mark.slow
async def test_a_file_of_another_shape_stays_until_its_shape_is_accepted(place: Place) -> None:
    """Every record two bytes longer: named before and after, nothing moved, nothing sent; then the operator decides."""
    data = ido_file(residents(12))
    size = record_size()
    longer = b"".join(data[at : at + size - 2] + b"  \r\n" for at in range(0, len(data), size))
    async with place.running("a-juki"):
        path = place.drop("IDO_0001.DAT", longer)
        rows = await error_rows(place, "IDO_0001.DAT")
        assert [(row["コード"], row["期待 expected"], row["実際 got"]) for row in rows] == [
            ("CB6040", str(size - 2), str(size))
        ]
        assert path.exists()
        assert place.status("a-juki")["files"] == {}
        accepted = {"records": 12, "shape": {"bytes": str(size), "charset": "cp932"}}
        store = place.folder / "var" / "adapters" / "a-juki.sqlite"
        accepted_path(store, "ido").write_text(json.dumps(accepted), "utf-8")
        assert await processed(place) == {"error": 1}
    assert not path.exists()
    assert place.bus.of(NOTICE) == []
