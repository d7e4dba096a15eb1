"""Unknown gaiji among ten thousand records: nobody's name is substituted, one row of work per code, order kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.characters.decide import decide
from adapters.characters.history import History, history_path
from adapters.characters.mj import mj
from adapters.characters.register import Gaiji
from adapters.population import Town
from tests.host.place import Place, ido_file, record_size
from tests.support.polling import until_async

COUNT = 10_000
CODES = {"F9FA": "MJ022335", "F9FB": "MJ028902", "F9FC": "MJ022337"}
"""Codes that no register knows, and who they turn out to be."""
SUBSTITUTES = ("\u3013", "?", "\uff1f", "\ufffd", "\u25a1", "\u30fb")


def spoilt(lines: list[bytes], names: list[str]) -> dict[int, str]:
    """Put an unknown code in the place of the first kanji of every tenth record's name; record index to code."""
    codes = list(CODES)
    found: dict[int, str] = {}
    for index in range(0, len(names), 10):
        first = names[index][0].encode("cp932")
        line = lines[index + 1]
        if len(first) == 2 and names[index].encode("cp932") in line:
            code = codes[len(found) % len(codes)]
            name = names[index].encode("cp932")
            lines[index + 1] = line.replace(name, bytes.fromhex(code) + name[2:], 1)
            found[index] = code
    return found


def decided(register: Path, code: str) -> None:
    """A person's decision."""
    row = Gaiji(code, "", CODES[code], "字形一致", "照合票（合成）", "文字同定担当", "2026-01-10", "")
    decide(register, History(history_path(register), b"k" * 32), "990019/juki", row, at="2026-01-10T09:00:00+09:00")


def version(record: Mapping[str, str]) -> tuple[str, int, int]:
    """Whom a record is about, and which of that person's versions it is."""
    return record["atenabango"], int(record["rirekibango"]), int(record["rirekibango_eda"])


def settled(place: Place) -> tuple[int, int, int]:
    """How many records were sent, are held, and wait behind a held one."""
    status = place.status("a-juki")
    return status["outbox"].get("sent", 0), status["held"], status["behind"]


@pytest.mark.slow
@pytest.mark.timeout(420)
async def test_ten_thousand_records_with_unknown_gaiji(place: Place) -> None:
    """No substitute goes out; a worklist row per code; then all of a person or household goes in order."""
    rows = [event.record for change in Town.generate(400, 5).changes(COUNT) for event in change.events][:COUNT]
    assert len(rows) == COUNT
    data = ido_file(rows)
    size = record_size()
    lines = [data[start : start + size] for start in range(0, len(data), size)]
    names = [row["shimei"].partition("\u3000")[0] for row in rows]
    bad = spoilt(lines, names)
    assert len(bad) > 500
    register = place.folder / "gaiji" / "a-juki.csv"
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", b"".join(lines))
        await until_async(
            lambda: sum(settled(place)) >= COUNT,
            within_s=300,
            what="everything sent or held or behind",
        )
        status = place.status("a-juki", detail=True)
        assert {row["character"]: row["state"] for row in status["worklist_list"]} == dict.fromkeys(CODES, "open")
        assert status["held"] == len(bad)
        assert 0 < status["behind"] < COUNT // 2
        held_of: dict[str, list[int]] = {}
        for index in bad:
            held_of.setdefault(rows[index]["atenabango"], []).append(index)
        sent = [one.records[0] for one in place.bus.taken]
        keys = {version(row): index for index, row in enumerate(rows)}
        for record in sent:
            index = keys[version(record)]
            assert index not in bad
            assert not any(other < index for other in held_of.get(rows[index]["atenabango"], ()))
            assert record["shimei"] == rows[index]["shimei"]
        for code in CODES:
            decided(register, code)
        await until_async(lambda: len(place.bus.taken) == COUNT, within_s=60, what="the held records")
        await until_async(
            lambda: place.status("a-juki")["worklist"] == {"decided": len(CODES)}, within_s=60, what="the decisions"
        )
    released = [keys[version(one.records[0])] for one in place.bus.taken[len(sent) :]]
    assert len(released) == len(bad) + status["behind"]
    assert set(released) >= set(bad)
    by_lane: dict[str, list[int]] = {}
    for one in place.bus.taken:
        index = keys[version(one.records[0])]
        for lane in (f"atena {rows[index]['atenabango']}", f"setai {rows[index].get('setaibango', '')}"):
            by_lane.setdefault(lane, []).append(index)
    by_lane.pop("setai ", None)
    assert all(indices == sorted(indices) for indices in by_lane.values())
    for one in place.bus.taken:
        assert not any(mark in one.records[0]["shimei"] for mark in SUBSTITUTES)
    for one, index in zip(place.bus.taken[len(sent) :], released, strict=True):
        if index not in bad:
            continue
        glyph = mj().by_mj(CODES[bad[index]])
        assert glyph is not None
        assert one.records[0]["shimei"].startswith(glyph.carrier())
