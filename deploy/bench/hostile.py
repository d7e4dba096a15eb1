#!/usr/bin/env python3
"""Hostile requests against the real ``chiikibus serve``: what each costs the bus in processor time and memory.

    deploy/bench/hostile.py [--rounds 3] [--processes 1] [--flood 10000]

Every request is sent ``--rounds`` times; the least processor time and the largest growth of the peak of the resident
memory count, for all processes of the bus. At the end ``--flood`` messages are refused, first with
the same names, then with names never seen before, and the growth of the memory is compared. Prints a table, then one
JSON document.
Exit code: 0 within the marks (50 ms; 20 MB where refused before parsing, else 100 MB; a flat flood), 1 not.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import importlib.util
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("lxml") is None and __name__ == "__main__":
    # Not the project's environment: make or find it, and start again in it.
    again = '. "$0" && ensure_python_environment >&2 && exec "$PYTHON" "$@"'
    os.execvp("bash", ["bash", "-c", again, str(ROOT / "deploy/lib/environment.sh"), *sys.argv])
sys.path.insert(0, str(ROOT))

from harness.bus import serve  # noqa: E402 - the repository has to be found first
from harness.machine import descendants  # noqa: E402 - the same
from harness.peers import Server  # noqa: E402 - the same

MB: Final = 1024 * 1024
CPU_MS: Final = 50.0
BEFORE_MB: Final = 20.0
AFTER_MB: Final = 100.0
FLOOD_MB: Final = 8.0
SOAP: Final = b"http://schemas.xmlsoap.org/soap/envelope/"
JUKI: Final = b"urn:chiikibus:standard:1.0:juki"


@dataclass(frozen=True, slots=True)
class Case:
    """A hostile body: its coding, whether a parser sees it, whether the marks name it."""

    name: str
    make: Callable[[], bytes]
    parsed: bool = False
    marked: bool = True
    coding: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a case cost the bus."""

    name: str
    body_mb: float
    answer: str
    cpu_ms: float
    memory_mb: float
    within: bool


def message(inner: bytes, start: bytes = b"") -> bytes:
    """An inquiry of this content."""
    return (
        b'<s:Envelope xmlns:s="%s"><s:Body><j:jumin_shokai xmlns:j="%s"%s>%s</j:jumin_shokai></s:Body></s:Envelope>'
        % (SOAP, JUKI, start, inner)
    )


def numbered(form: bytes, count: int, start: int = 0) -> bytes:
    """``form`` with numbers."""
    return b"".join(form % number for number in range(start, start + count))


LAUGHS: Final = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
LEAF: Final = b"<j:atenabango>1</j:atenabango>"
CASES: Final = (
    Case("billion laughs", lambda: b'<!DOCTYPE a [<!ENTITY l0 "ha">%s]>' % LAUGHS + message(b"&l9;")),
    Case(
        "quadratic blow-up", lambda: b'<!DOCTYPE a [<!ENTITY a "%s">]>' % (b"x" * 100_000) + message(b"&a;" * 100_000)
    ),
    Case("external entity", lambda: b'<!DOCTYPE a [<!ENTITY a SYSTEM "file:///dev/zero">]>' + message(b"&a;")),
    Case("500,000 attributes", lambda: message(b"", numbered(b" a%d=''", 500_000))),
    Case("2,000,000 elements", lambda: message(b"<a/>" * 2_000_000)),
    Case("gzip bomb", lambda: gzip.compress(bytes(1_000 * MB), 9, mtime=0), coding="gzip"),
    Case("depth 100,000", lambda: message(b"<a>" * 100_000 + b"</a>" * 100_000), parsed=True),
    Case("100,000 namespaces", lambda: message(b"<a xmlns='urn:x'/>" * 100_000)),
    Case("40 namespaces on each", lambda: message(b"<a%s/>" % numbered(b" xmlns:b%d='u'", 40) * 1_000)),
    Case("300,000 names", lambda: message(numbered(b"<n%06d/>", 300_000))),
    Case("one text of 15 MB", lambda: message(b"x" * (15 * MB)), marked=False),
    Case("16 MB of brackets", lambda: b"<" * (16 * MB - 1), marked=False),
    Case("2,000,000 comments", lambda: message(b"<!---->" * 2_000_000), marked=False),
    Case("header of 8 MB", lambda: _header(b"x" * (8 * MB - 1_000)), parsed=True, marked=False),
    Case(
        "190,000 attributes", lambda: message((b"<a%s/>" % numbered(b" b%d=''", 60)) * 3_100), parsed=True, marked=False
    ),
    Case("590,000 empty elements", lambda: message(b"<a/>" * 590_000), parsed=True, marked=False),
    Case("500,000 items too many", lambda: message(LEAF * 500_000), parsed=True, marked=False),
    Case("60 deep, 30 namespaces each", lambda: message(_scopes()), parsed=True, marked=False),
    Case("2,000,000 references", lambda: message(b"&amp;" * 1_500_000), parsed=True, marked=False),
)


def _header(text: bytes) -> bytes:
    block = b'<s:Header><q:a xmlns:q="urn:q">%s</q:a></s:Header><s:Body>' % text
    return message(b"").replace(b"<s:Body>", block)


def _scopes() -> bytes:
    opened = b"".join(b"<a%s>" % numbered(b" xmlns:c%d='u'", 30, 30 * depth) for depth in range(60))
    item = b'<b xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="c1:x"/>'
    return opened + item * 40_000 + b"</a>" * 60


class Watched:
    """The processes of a running bus."""

    def __init__(self, bus: Server) -> None:
        self._bus = bus
        self._pids = [bus.pid, *descendants(bus.pid)]
        host, _, rest = bus.url.removeprefix("http://").partition("/")
        self._address = (host.partition(":")[0], int(host.partition(":")[2]))
        self._path = f"/{rest}"

    def send(self, body: bytes, coding: str = "") -> str:
        """Post one body; status and code of the answer."""
        fields = dict(self._bus.headers) | {
            "Host": "bus",
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": '""',
        }
        fields |= {"Content-Length": str(len(body)), "Connection": "close"}
        if coding:
            fields["Content-Encoding"] = coding
        head = f"POST {self._path} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields.items())
        with socket.create_connection(self._address, timeout=60) as line:
            line.sendall(head.encode() + b"\r\n")
            with contextlib.suppress(OSError):  # refused before it was whole
                line.sendall(body)
            answer = b""
            while piece := line.recv(65536):
                answer += piece
        code = answer.partition(b"kodo>")[2][:6] or answer.partition(b"\r\n\r\n")[2][:6]
        return f"{answer[9:12].decode()} {code.decode('ascii', 'replace')}"

    def cpu_ms(self) -> float:
        """Processor time so far, by the scheduler's own clock."""
        total = 0
        for pid in self._pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                try:
                    total += int((task / "schedstat").read_text().split()[0])
                except OSError:
                    continue
        return total / 1e6

    def forget_peak(self) -> None:
        """The peak of the memory starts anew."""
        for pid in self._pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def memory_mb(self, which: str) -> float:
        """Resident memory now (VmRSS) or at its peak (VmHWM)."""
        total = 0
        for pid in self._pids:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith(which))
        return total / 1024


def measure(bus: Watched, case: Case, rounds: int) -> Cost:
    """Send a case and look at what it cost."""
    body = case.make()
    spent, grown, answer = [], [], ""
    for _ in range(rounds):
        bus.forget_peak()
        cpu, memory = bus.cpu_ms(), bus.memory_mb("VmRSS")
        answer = bus.send(body, case.coding)
        time.sleep(0.05)  # what the bus does after its answer belongs to the cost
        spent.append(bus.cpu_ms() - cpu)
        grown.append(bus.memory_mb("VmHWM") - memory)
    limit = AFTER_MB if case.parsed else BEFORE_MB
    refused = answer[:1] in {"4", "5"} and "CB9001" not in answer
    within = refused and (not case.marked or (min(spent) <= CPU_MS and max(grown) <= limit))
    return Cost(case.name, round(len(body) / MB, 2), answer, round(min(spent), 1), round(max(grown), 1), within)


def flood(bus: Watched, count: int, *, new: bool) -> Cost:
    """Refused messages, each with names of its own or all with the same ones: what the memory grows by."""
    before, cpu = bus.memory_mb("VmRSS"), bus.cpu_ms()
    for number in range(count):
        bus.send(message(numbered(b"<n%06d" % (number if new else 0) + b"_%d/>", 100)))
    grown = bus.memory_mb("VmRSS") - before
    cost = (bus.cpu_ms() - cpu) / max(count, 1)
    return Cost(f"{count} with {'new' if new else 'the same'} names", 0.0, "", round(cost, 2), round(grown, 1), True)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--flood", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        nobody = Server("nobody", "http://127.0.0.1:9/", 0)
        with serve(Path(folder) / "site", nobody, sender="caller", processes=options.processes) as server:
            bus = Watched(server)
            bus.send(message(b""))
            costs = [measure(bus, case, options.rounds) for case in CASES]
            # What refusals cost in the journal is not the price of their names.
            same, new = (flood(bus, options.flood, new=new) for new in (False, True))
            costs += [same, replace(new, within=new.memory_mb <= max(same.memory_mb, 0) + FLOOD_MB)]
    print(f"{'request':30} {'body MB':>8} {'CPU ms':>8} {'memory MB':>10}  answer")
    for cost in costs:
        mark = "" if cost.within else "  <-- beyond its mark"
        print(f"{cost.name:30} {cost.body_mb:8} {cost.cpu_ms:8} {cost.memory_mb:10}  {cost.answer}{mark}")
    print(json.dumps([asdict(cost) for cost in costs]))
    return 0 if all(cost.within for cost in costs) else 1


if __name__ == "__main__":
    raise SystemExit(main())
