"""Does it grow? Samples of every process of the bus, and the slope of each by linear regression."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.machine import cpu_seconds, descendants

TEN_MINUTES_S = 600.0
MEGA = 1 << 20
CURVE = 20
"""About so many points of the curve are told."""

LAST = 2
"""So many samples at the end of a run are not part of its steady state."""


@dataclass(frozen=True, slots=True)
class Point:
    """One process at one moment: seconds since the start, resident bytes (of which its own, ``anon``), open files."""

    at: float
    resident: int
    anon: int
    files: int
    threads: int


@dataclass(slots=True)
class Samples:
    """The points of every process of the bus by process id, and what each of them runs."""

    points: dict[int, list[Point]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    cpu_s: float = 0.0


def point(pid: int, at: float) -> Point | None:
    """Look at a process; ``None`` when it is gone."""
    try:
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines() if ":" in line
        )
        files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return None
    if "VmRSS" not in status:
        return None
    resident, anon = (int(status[name].split()[0]) * 1024 for name in ("VmRSS", "RssAnon"))
    return Point(at, resident, anon, files, int(status["Threads"]))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The least squares slope: units of the second per unit of the first; 0 for fewer than two moments."""
    count = len(points)
    mean_x, mean_y = (sum(each[place] for each in points) / max(1, count) for place in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0


@contextmanager
def sampled(pid: int, *, every_s: float) -> Iterator[Samples]:
    """Sample a process and all its descendants until the block ends."""
    samples, ended, start = Samples(), threading.Event(), time.monotonic()

    def look() -> None:
        at = time.monotonic() - start
        for each in [pid, *descendants(pid)]:
            found = point(each, at)
            if found is not None:
                samples.points.setdefault(each, []).append(found)
                samples.names.setdefault(each, _name(each))

    def watch() -> None:
        while not ended.wait(every_s):
            look()

    before = cpu_seconds(pid)
    look()
    thread = threading.Thread(target=watch, name="growth", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        ended.set()
        thread.join()
        samples.cpu_s = cpu_seconds(pid) - before


def _name(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
    except OSError:
        return str(pid)
    return " ".join(Path(word).name if word.startswith("/") else word for word in words if word)[:60]


def told(samples: Samples, *, warm: float) -> list[dict[str, object]]:
    """Per process: megabytes at the start, at most and at the end, MB per ten minutes after the first ``warm`` share
    of the time (resident, and what is its own), the curve, open files and threads from least to most in that time."""
    rows: list[dict[str, object]] = []
    for pid, points in samples.points.items():
        # Without the beginning, and without the moment in which the load ends and its connections close.
        settled = [
            each for each in points[: -LAST if len(points) > 2 * LAST else None] if each.at >= warm * points[-1].at
        ]
        growth = {
            name: slope([(each.at, float(getattr(each, name))) for each in settled]) * TEN_MINUTES_S / MEGA
            for name in ("resident", "anon")
        }
        rows.append(
            {
                "process": samples.names[pid],
                "samples": len(points),
                "seconds": round(points[-1].at - points[0].at, 1),
                "first_mb": round(points[0].resident / MEGA, 1),
                "settled_mb": round(settled[0].resident / MEGA, 1),
                "most_mb": round(max(each.resident for each in points) / MEGA, 1),
                "last_mb": round(points[-1].resident / MEGA, 1),
                "anon_settled_mb": round(settled[0].anon / MEGA, 1),
                "anon_most_mb": round(max(each.anon for each in points) / MEGA, 1),
                "anon_last_mb": round(points[-1].anon / MEGA, 1),
                "curve_mb": [round(each.resident / MEGA) for each in points[:: max(1, len(points) // CURVE)]],
                "mb_per_10_min": round(growth["resident"], 3),
                "anon_mb_per_10_min": round(growth["anon"], 3),
                "files": [min(each.files for each in settled), max(each.files for each in settled)],
                "threads": [min(each.threads for each in settled), max(each.threads for each in settled)],
            }
        )
    return rows
