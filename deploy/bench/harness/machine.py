"""What the machine is and does: processor time of processes, foreign load, a calibration figure, versions."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
CALIBRATION_ROUNDS = 20_000


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living and finished children."""
    total = 0.0
    for member in [pid, *descendants(pid)]:
        try:
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        # utime, stime, and those of children already waited for
        total += sum(int(value) for value in fields[11:15]) / TICK
    return total


def main_thread_seconds(pid: int) -> float:
    """User and system time of the main thread of one process."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(value) for value in fields[11:13]) / TICK


def descendants(pid: int) -> list[int]:
    """Process ids of all living descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def busy_seconds() -> float:
    """Processor time the whole machine has spent on anything but idling and waiting."""
    values = [int(value) for value in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle, iowait = values[3], values[4]
    return (sum(values) - idle - iowait) / TICK


def calibration_us() -> float:
    """Microseconds for one round of a fixed piece of work: tells how fast the processor is at this moment."""
    data = b"chiikibus" * 100
    start = time.perf_counter()
    for _ in range(CALIBRATION_ROUNDS):
        hashlib.sha256(data).digest()
    return (time.perf_counter() - start) / CALIBRATION_ROUNDS * 1e6


def disk_sync_us(folder: Path, rounds: int = 50) -> float:
    """Median microseconds to append 1 KB to a file in ``folder`` and sync it: what durability costs here."""
    samples = []
    path = folder / "sync-probe"
    with path.open("wb", buffering=0) as probe:
        for _ in range(rounds):
            start = time.perf_counter()
            probe.write(b"x" * 1024)
            os.fdatasync(probe.fileno())
            samples.append((time.perf_counter() - start) * 1e6)
    path.unlink()
    return sorted(samples)[rounds // 2]


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to compare."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    versions: dict[str, str]


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else ""


def _output(*command: str) -> str:
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def describe() -> Machine:
    """This machine and the versions of what is measured."""
    release = Path("/etc/os-release")
    versions = {"Python": platform.python_version(), "chiikibus": metadata.version("chiikibus")}
    versions |= {name: metadata.version(name) for name in ("uvloop", "httptools", "lxml", "spyne", "zeep")}
    versions["nginx"] = _first(r"nginx/(\S+)", _output("nginx", "-v"))
    versions["wrk"] = _first(r"wrk (?:debian/)?(\S+)", _output("wrk", "-v"))
    return Machine(
        processor=_first(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text()),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=_first(r'^PRETTY_NAME="(.+)"$', release.read_text() if release.exists() else "")
        + " "
        + platform.release(),
        versions=versions,
    )
