"""Whose turn it is: notices that share an ordering key with a held record wait behind it, in the order they came.

A held record takes a place in each of its lanes. A letter of one of these lanes takes the next place and stays
``behind`` in the outbox until every earlier one has left; other lanes never notice. All of it is on the disk, so
that a restart changes nothing.
"""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.host.store import files, outbox
from adapters.host.store.files import HELD, Setback, findings_from
from adapters.host.store.outbox import Letter
from bus.core.types import Finding

Outcome = Letter | Setback


@dataclass(frozen=True, slots=True)
class Moved:
    """A letter whose turn has come, and the file it is of."""

    flow: str
    source: str


def keep(database: sqlite3.Connection, flow: str, source: str, outcomes: Iterable[Outcome], now: float) -> None:
    """Store what became of records, in their order: setbacks are noted, letters go or wait behind a held record."""
    anyone = database.execute("SELECT 1 FROM turns LIMIT 1").fetchone() is not None
    for one in outcomes:
        if isinstance(one, Setback):
            files.set_back(database, flow, source, [one], now)
            if one.state == HELD and one.lanes:
                _take_place(database, one.lanes, held=_held_id(database, flow, source, one.record_no))
                anyone = True
        elif anyone:
            _post(database, one, now)
        else:
            outbox.add(database, [one], now)


def settle(database: sqlite3.Connection, held_id: int, outcome: Outcome, now: float) -> list[Moved]:
    """A held record was tried again: it goes (in its turn), stays, or is refused. Returns the letters let go by it."""
    place = _place_of(database, held_id)
    if isinstance(outcome, Letter):
        files.released(database, held_id, now)
        if place is None:
            _post(database, outcome, now)
            return []
        outbox.add(database, [_behind(database, outcome, place)], now)
        database.execute("UPDATE turns SET held = 0, letter = ? WHERE place = ?", (outcome.message_id, place))
        return _advance(database, [place])
    final = outcome.state != HELD
    files.still_held(database, held_id, outcome.code, outcome.findings, final=final, now=now)
    if final:
        return [] if place is None else _leave(database, place)
    if place is None and outcome.lanes:
        _take_place(database, outcome.lanes, held=held_id)
    return []


def give_up(database: sqlite3.Connection, held_id: int, code: str, findings: Sequence[Finding], now: float) -> None:
    """A person decided not to wait for a held record: it is refused, and what waited behind it goes."""
    place = _place_of(database, held_id)
    files.still_held(database, held_id, code, findings, final=True, now=now)
    if place is not None:
        _leave(database, place)


def _post(database: sqlite3.Connection, letter: Letter, now: float) -> None:
    """Put a letter into the outbox: to be sent, or behind the held record that shares a lane with it."""
    before = _first_before(database, letter.lanes, None)
    if before is None:
        outbox.add(database, [letter], now)
        return
    if outbox.add(database, [outbox.held_back(letter, _wait_for(database, before))], now):
        _take_place(database, letter.lanes, letter=letter.message_id)


def _behind(database: sqlite3.Connection, letter: Letter, place: int) -> Letter:
    before = _first_before(database, letter.lanes, place)
    return outbox.held_back(letter, () if before is None else _wait_for(database, before))


def _wait_for(database: sqlite3.Connection, place: int) -> tuple[Finding, ...]:
    """What a letter waits for: the file and record that holds its lane, never a key or a name."""
    row = database.execute(
        "SELECT held.source, held.record_no FROM turns JOIN held ON held.id = turns.held WHERE turns.place = ?",
        (place,),
    ).fetchone()
    if row is None:
        other = database.execute(
            "SELECT detail FROM turns JOIN outbox ON message_id = letter WHERE place = ?", (place,)
        ).fetchone()
        return findings_from(other["detail"]) or (Finding("CB6075"),)
    named = files.name_of(database, row["source"])
    name = f"file={named[1]} " if named else ""
    return (Finding("CB6075", place=f"{name}record={row['record_no']}"),)


def _held_id(database: sqlite3.Connection, flow: str, source: str, record_no: int) -> int:
    row = database.execute(
        "SELECT id FROM held WHERE flow = ? AND source = ? AND record_no = ?", (flow, source, record_no)
    ).fetchone()
    return int(row["id"])


def _place_of(database: sqlite3.Connection, held_id: int) -> int | None:
    row = database.execute("SELECT place FROM turns WHERE held = ? LIMIT 1", (held_id,)).fetchone()
    return None if row is None else int(row["place"])


def _take_place(database: sqlite3.Connection, lanes: Sequence[str], *, held: int = 0, letter: str = "") -> None:
    """The last place in every lane; a held record that has one keeps it."""
    if held and _place_of(database, held) is not None:
        return
    place = database.execute("SELECT COALESCE(MAX(place), 0) + 1 AS n FROM turns").fetchone()["n"]
    database.executemany(
        "INSERT INTO turns (lane, place, held, letter) VALUES (?,?,?,?)",
        [(lane, place, held, letter) for lane in dict.fromkeys(lanes)],
    )


def _first_before(database: sqlite3.Connection, lanes: Sequence[str], place: int | None) -> int | None:
    """The first held place that any of the lanes waits for (else the first place), before ``place``."""
    marks = ",".join("?" * len(lanes))
    if not lanes:
        return None
    row = database.execute(
        f"SELECT place FROM turns WHERE lane IN ({marks}) AND (? IS NULL OR place < ?)"  # noqa: S608 (adds question marks only)
        " ORDER BY held = 0, place LIMIT 1",
        (*lanes, place, place),
    ).fetchone()
    return None if row is None else int(row["place"])


def _leave(database: sqlite3.Connection, place: int) -> list[Moved]:
    return _advance(database, _freed(database, place))


def _freed(database: sqlite3.Connection, place: int) -> list[int]:
    """Take a place out of its lanes; the places that are first in one of them now."""
    lanes = [row["lane"] for row in database.execute("SELECT lane FROM turns WHERE place = ?", (place,))]
    database.execute("DELETE FROM turns WHERE place = ?", (place,))
    firsts = (
        database.execute("SELECT MIN(place) AS n FROM turns WHERE lane = ?", (lane,)).fetchone() for lane in lanes
    )
    return sorted({int(row["n"]) for row in firsts if row["n"] is not None})


def _advance(database: sqlite3.Connection, places: list[int]) -> list[Moved]:
    """Let every letter among ``places`` go that is first in all its lanes, and then those behind it, in order."""
    moved: list[Moved] = []
    heapq.heapify(places)
    while places:
        place = heapq.heappop(places)
        row = database.execute("SELECT letter FROM turns WHERE place = ? LIMIT 1", (place,)).fetchone()
        if row is None or not row["letter"] or _is_behind(database, place):
            continue
        moved.extend(Moved(*one) for one in outbox.let_go(database, row["letter"]))
        for freed in _freed(database, place):
            heapq.heappush(places, freed)
    return moved


def _is_behind(database: sqlite3.Connection, place: int) -> bool:
    row = database.execute(
        "SELECT 1 FROM turns AS mine JOIN turns AS other ON other.lane = mine.lane AND other.place < mine.place"
        " WHERE mine.place = ? LIMIT 1",
        (place,),
    ).fetchone()
    return row is not None
