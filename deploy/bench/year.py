"""A year of the nation in small: towns with all 22 systems, the year's messages in minutes, through the real bus.

    .venv/bin/python deploy/bench/year.py play [--towns 20] [--messages 20000] [--seconds 240] [--seed 1]
    .venv/bin/python deploy/bench/year.py towns [--counts 10,20,40] [--broker memory|rabbitmq]

``play``: the real ``chiikibus serve`` with the routes and rights of all flows for every town takes the messages of
``year.csv`` in their seasons and hours; months are told one by one, and what it would be for the nation is computed
from what was measured. ``towns``: what a bus, its queues and its connections cost by the number of towns. Last line:
JSON. Exit code: 0, or 1 when something was refused, lost or delivered twice. What is assumed: docs/scale.md.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from harness.children import child, free_port
from harness.engines import Engines, asked
from harness.growth import MEGA, point, sampled
from harness.machine import cpu_seconds, descendants
from harness.nation import (
    MUNICIPALITIES,
    Event,
    Letters,
    nation,
    peaks,
    town_code,
    write_site,
    year,
)

HERE = Path(__file__).resolve().parent
LINES = 48
DRAIN_S = 300.0
START_S = 600.0
FANS = "SELECT e.operation, count(*) AS k FROM exchange e JOIN delivery d ON d.n / 4096 = e.n GROUP BY e.n, e.operation"
QUEUED = "SELECT count(*) FROM delivery d JOIN exchange e ON e.n = d.n / 4096 WHERE e.mode = 'queued'"


@dataclass(slots=True)
class Month:
    """What happened in one month of the year."""

    accepted: int = 0
    refused: int = 0
    latencies: list[float] = field(default_factory=list)
    cpu_s: float = 0.0


class Player:
    """Sends the events when they are due, over a number of kept connections."""

    def __init__(self, port: int, letters: Letters, keys: dict[str, str], pid: int) -> None:
        self._port, self._letters, self._keys, self._pid = port, letters, keys, pid
        self.months = [Month() for _ in range(12)]
        self.refusals: dict[str, int] = {}
        self._start = 0.0

    async def run(self, events: list[Event]) -> None:
        """The whole year."""
        due: asyncio.Queue[tuple[int, Event] | None] = asyncio.Queue()
        self._start = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(LINES):
                tasks.create_task(self._line(due))
            month, spent = -1, cpu_seconds(self._pid)
            for number, event in enumerate(events):
                await asyncio.sleep(max(0.0, self._start + event.at - time.perf_counter()))
                if event.month != month:
                    now = cpu_seconds(self._pid)
                    self.months[max(month, 0)].cpu_s += now - spent
                    month, spent = event.month, now
                due.put_nowait((number, event))
            for _ in range(LINES):
                due.put_nowait(None)
        self.months[month].cpu_s += cpu_seconds(self._pid) - spent

    async def _line(self, due: asyncio.Queue[tuple[int, Event] | None]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (found := await due.get()) is not None:
            number, event = found
            writer.write(self._request(number, event))
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
            month = self.months[event.month]
            month.latencies.append(time.perf_counter() - self._start - event.at)
            if head.split(b" ", 2)[1] == b"200" and b"Fault>" not in body:
                month.accepted += 1
            else:
                month.refused += 1
                code = body[body.find(b"CB") :][:6].decode("ascii", "replace")
                what = f"{event.kind.operation} {code}"
                self.refusals[what] = self.refusals.get(what, 0) + 1
        writer.close()

    def _request(self, number: int, event: Event) -> bytes:
        kind, town = event.kind, town_code(event.town)
        unit = kind.operation.partition(".")[0]
        sender = "kojinjuminzei" if kind.asked else unit
        body = self._letters.body(kind, town, event.person)
        credential = base64.b64encode(f"{sender}:{self._keys[f'{town}/{sender}']}".encode()).decode("ascii")
        head = (
            f"POST /{town}/{sender}/{unit} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: "{self._letters.pairs[kind.operation].action}"\r\nAuthorization: Basic {credential}\r\n'
            f"Chiikibus-Message-Id: urn:uuid:00000000-0000-4000-9000-{number:012x}\r\nContent-Length: {len(body)}\r\n"
        )
        return head.encode("ascii") + b"\r\n" + body


def play(stack: ExitStack, given: argparse.Namespace, folder: Path) -> tuple[dict[str, object], bool]:
    """The year."""
    edition, rows = nation()
    letters = Letters(edition, rows)
    events = year(rows, towns=given.towns, messages=given.messages, seconds=given.seconds, seed=given.seed)
    place, port, inbox = folder / "receiver", free_port(), free_port()
    place.mkdir()
    (place / "reply.xml").write_bytes(letters.pairs["juki.jumin_shokai"].reply)
    stack.enter_context(
        child([sys.executable, HERE / "year_receiver.py", str(inbox), place], inbox, place / "output.log")
    )
    site = folder / "site"
    keys = write_site(site, edition, given.towns, port=port, target=f"http://127.0.0.1:{inbox}/")
    pid = stack.enter_context(child(_serve(site), port, folder / "output.log", START_S))
    empty = _size(site)
    player = Player(port, letters, keys, pid)
    with sampled(pid, every_s=1.0) as samples:
        uvloop.run(player.run(events))
        end = time.monotonic() + DRAIN_S
        while _count(site, "SELECT count(*) FROM delivery WHERE open IS NOT NULL") and time.monotonic() < end:
            time.sleep(0.2)
    time.sleep(1.5)  # the receiver writes its counts every second
    counts = json.loads((place / "counts.json").read_text("utf-8"))
    states = dict(asked(site, "SELECT state, count(*) FROM delivery GROUP BY state"))
    deliveries = _count(site, QUEUED)
    reached = {
        str(name): round(float(targets), 2)
        for name, targets in asked(
            site, "SELECT operation, 1.0 * sum(k) / count(*) FROM (" + FANS + ") f GROUP BY operation"
        )
    }
    sound = (
        not player.refusals
        and counts == {"notices": deliveries, "inquiries": states.get("REPLIED", 0), "again": 0}
        and states == {"DELIVERED": deliveries, "REPLIED": counts["inquiries"]}
    )
    cpu, bytes_ = samples.cpu_s / len(events), (_size(site) - empty) / len(events)
    whole = peaks(rows, reached)
    report: dict[str, object] = {
        "event": "year", "sound": sound, "towns": given.towns, "endpoints": given.towns * len(edition.units),
        "messages": len(events), "deliveries": deliveries, "seconds": given.seconds, "seed": given.seed,
        "targets_per_message": reached, "refusals": player.refusals, "receiver": counts, "states": states,
        "months": [_told(each) for each in player.months],
        "cpu_us_per_message": round(cpu * 1e6),
        "cpu_us_per_transfer": round(samples.cpu_s * 1e6 / max(1, deliveries + counts["inquiries"])),
        "journal_bytes_per_message": round(bytes_),
        "resident_mb": round(max(each.resident for each in samples.points[pid]) / MEGA, 1),
        "nation": {
            **{name: round(value, 1) for name, value in whole.items()},
            "mean_cores": round(whole["messages"] * cpu / (365 * 86_400), 2),
            "peak_cores": round(whole["peak_messages_per_s"] * cpu, 2),
            "journal_tb_per_year": round(whole["messages"] * bytes_ / 1e12, 2),
            "journal_gb_per_town_and_year": round(whole["messages"] * bytes_ / 1e9 / MUNICIPALITIES, 2),
        },
    }  # fmt: skip
    return report, sound


def towns(stack: ExitStack, given: argparse.Namespace, folder: Path) -> tuple[dict[str, object], bool]:
    """What each number of towns costs a bus that does nothing."""
    rows = []
    for count in (int(each) for each in given.counts.split(",")):
        with ExitStack() as inner:
            place = folder / f"towns-{count}"
            place.mkdir()
            rows.append(_idle(inner, given, place, count))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {"event": "towns", "broker": given.broker, "rows": rows}, True


def _idle(stack: ExitStack, given: argparse.Namespace, place: Path, count: int) -> dict[str, object]:
    edition, _ = nation()
    engines = Engines(place, journal="sqlite", broker=given.broker)
    stack.callback(engines.stop)
    port, site = free_port(), place / "site"
    write_site(site, edition, count, port=port, target="http://127.0.0.1:9/")
    if not engines.embedded:
        engines.name(site)
    before = _broker_mb(engines)
    start = time.monotonic()
    pid = stack.enter_context(child(_serve(site), port, place / "output.log", START_S))
    ready = time.monotonic() - start
    row: dict[str, object] = {"towns": count, "endpoints": count * len(edition.units), "start_s": round(ready, 1)}
    if engines.broker is not None:
        _settled(engines)
        queues = engines.broker.control("list_queues", "--silent", "name").split("\n")
        connections = engines.broker.control("list_connections", "--silent", "name").strip().split("\n")
        channels = engines.broker.control("list_channels", "--silent", "name").strip().split("\n")
        row |= {"queues": len([each for each in queues if each.strip()]), "connections": len(connections)}
        row |= {"channels": len(channels), "broker_mb": round(_broker_mb(engines) - before, 1)}
    found = point(pid, 0.0)
    assert found is not None
    return row | {"bus_mb": round(found.resident / MEGA, 1), "cpu_s": round(cpu_seconds(pid), 1)}


def _settled(engines: Engines) -> None:
    before, end = -1, time.monotonic() + 120
    while time.monotonic() < end:
        now = len(engines.broker.control("list_queues", "--silent", "name").split("\n"))
        if now == before:
            return
        before = now
        time.sleep(1.0)


def _broker_mb(engines: Engines) -> float:
    if engines.broker is None:
        return 0.0
    pids = [engines.broker.process.pid, *descendants(engines.broker.process.pid)]
    return sum(found.resident for each in pids if (found := point(each, 0.0)) is not None) / MEGA


def _serve(site: Path) -> list[str | Path]:
    return [Path(sys.executable).with_name("chiikibus"), "serve", "--json", "--site", site]


def _size(site: Path) -> int:
    return sum(path.stat().st_size for path in (site / "var").rglob("*") if path.is_file())


def _count(site: Path, statement: str) -> int:
    return int(asked(site, statement)[0][0])


def _told(month: Month) -> dict[str, object]:
    ordered = sorted(month.latencies) or [0.0]
    return {
        "accepted": month.accepted, "refused": month.refused, "cpu_s": round(month.cpu_s, 2),
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 1),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 1),
    }  # fmt: skip


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=["play", "towns"])
    parser.add_argument("--towns", type=int, default=20)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=240.0, help="so long the year lasts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--counts", default="10,20,40", help="numbers of towns, with commas")
    parser.add_argument("--broker", choices=["memory", "rabbitmq"], default="memory")
    parser.add_argument("--folder", type=Path, help="where the run keeps its files; they are removed at the end")
    given = parser.parse_args()
    with ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="year-", dir=given.folder or None))
        folder = Path(name)
        folder.chmod(0o755)
        report, sound = (play if given.run == "play" else towns)(stack, given, folder)
    print(json.dumps({"at": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(), **report}, ensure_ascii=False))
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
