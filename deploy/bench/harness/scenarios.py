"""The cells: which contestants are measured against which load, and what counts as wrong."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness import bus, paced, peers
from harness.children import HarnessError
from harness.load import Load, drive
from harness.machine import busy_seconds, calibration_us, cpu_seconds, main_thread_seconds
from harness.messages import KB, SEQUENCE_DIGITS, Messages, Pair, content

WARM_S = 1
DRAIN_S = 180.0
PACED_RATE = 500


@dataclass(frozen=True, slots=True)
class Cell:
    """One scenario at one size with one number of clients."""

    scenario: str
    size_kb: int
    clients: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contestant in one cell. Rates per second, latency in ms, processor seconds per 1,000 messages
    (of all its processes and threads, and of the main thread alone)."""

    scenario: str
    size_kb: int
    clients: int
    contestant: str
    repetition: int
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_per_1000: float
    main_per_1000: float
    foreign: float
    calibration_us: float
    wrong: int
    request_bytes: int
    reply_bytes: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often; ``change`` alters the site folder of a queued scenario before the bus starts.

    ``rate``: messages a second of the steady run.
    """

    seconds: int
    repetitions: int
    processes: tuple[int, ...] = (1,)
    change: Callable[[Path], None] | None = None
    rate: int = PACED_RATE


class Bench:
    """Runs cells in a scratch folder; ``say`` tells a person what is going on."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.plan = plan
        self.say = say
        self.messages = Messages()
        self._number = 0

    def run(self, cell: Cell) -> Iterator[Sample]:
        """All samples of a cell, the contestants in turn within each repetition."""
        if cell.scenario == "S9":
            pair = self.messages.notice(cell.size_kb * KB)
            for repetition in range(self.plan.repetitions):
                for processes in self.plan.processes:
                    yield self._queued(cell, pair, repetition, processes)
            if cell.size_kb == 1 and cell.clients <= 20:
                yield self._steady(cell, pair)
        else:
            opaque = cell.scenario == "S1"
            pair = (self.messages.opaque if opaque else self.messages.inquiry)(cell.size_kb * KB)
            yield from self._direct(cell, pair, opaque=opaque)

    def _place(self, name: str) -> Path:
        self._number += 1
        return self.folder / f"{self._number:03d}-{name}"

    def _direct(self, cell: Cell, pair: Pair, *, opaque: bool) -> Iterator[Sample]:
        with ExitStack() as servers:
            backend = servers.enter_context(peers.backend(self._place("backend"), pair))
            contestants = [
                servers.enter_context(peers.proxy(self._place("nginx"), backend)),
                *(
                    servers.enter_context(
                        bus.serve(self._place("bus"), backend, sender="caller", opaque=opaque, processes=processes)
                    )
                    for processes in self.plan.processes
                ),
            ]
            if not opaque and cell.clients <= 20:
                contestants.append(servers.enter_context(peers.relay(self._place("relay"), backend)))
            expected = {server.name: pair.reply for server in contestants}
            if not opaque:
                for server in contestants[1:]:
                    if server.name.startswith("bus"):
                        expected[server.name] = kept_answer(server, pair)
            if "relay" in expected:
                # It writes the same items as other bytes: its first answer is the pattern for the rest.
                expected["relay"] = first_answer(contestants[-1], pair)
            for server in contestants:
                drive(server, pair, self.folder, clients=cell.clients, seconds=WARM_S, expected=expected[server.name])
            for repetition in range(self.plan.repetitions):
                for server in contestants:
                    yield self._measure(cell, pair, repetition, server, expected[server.name])

    def _measure(self, cell: Cell, pair: Pair, repetition: int, server: peers.Server, expected: bytes) -> Sample:
        meter = Meter(server.pid)
        load = drive(server, pair, self.folder, clients=cell.clients, seconds=self.plan.seconds, expected=expected)
        return self._sample(cell, pair, repetition, server.name, load, load.good / load.seconds, meter.read())

    def _sample(
        self, cell: Cell, pair: Pair, repetition: int, name: str, load: Load, rate: float, spent: Spent, *,
        note: str = "", lost: int = 0,
    ) -> Sample:  # fmt: skip
        wrong = load.bad + load.broken + load.timeouts + lost
        thousands = max(1, load.good) / 1000
        sample = Sample(
            scenario=cell.scenario,
            size_kb=cell.size_kb,
            clients=cell.clients,
            contestant=name,
            repetition=repetition,
            rate=round(rate, 1),
            p50_ms=round(load.p50_us / 1e3, 2),
            p99_ms=round(load.p99_us / 1e3, 2),
            cpu_per_1000=round(spent.cpu / thousands, 4),
            main_per_1000=round(spent.main / thousands, 4),
            foreign=round(spent.foreign, 3),
            calibration_us=round(spent.calibration_us, 3),
            wrong=wrong,
            request_bytes=len(pair.request),
            reply_bytes=len(pair.reply),
            note=note,
        )
        seen = f"{cell.scenario} {cell.size_kb:3} KB x {cell.clients:3}  {name:11} {rate:9,.0f}/s"
        seen += f"  {sample.cpu_per_1000:.3f} CPU s per 1,000"
        self.say(seen + (f"  WRONG {wrong}: {load.sample}" if wrong else ""))
        return sample

    def _queued(self, cell: Cell, pair: Pair, repetition: int, processes: int) -> Sample:
        places = self._place("receiver"), self._place("bus")
        with peers.receiver(places[0], pair) as receiver:
            with bus.serve(
                places[1], receiver, sender="register", processes=processes, change=self.plan.change
            ) as server:
                meter = Meter(server.pid)
                load = drive(
                    server, pair, self.folder, clients=cell.clients, seconds=self.plan.seconds, expected=None,
                    digits=SEQUENCE_DIGITS,
                )  # fmt: skip
                first, last = settle(places[1])
                spent = meter.read()
            states, _, _ = bus.delivered(places[1])
        counts = peers.received(places[0])
        delivered = states.get("DELIVERED", 0)
        # wrk stops with requests in flight: those may be accepted without having been counted as answered.
        lost = max(0, load.good - delivered) + counts["wrong"] + sum(states.values()) - delivered
        note = f"accepted {load.good / load.seconds:,.0f}/s, {delivered} delivered, {counts['repeated']} repeated"
        rate = delivered / max(1e-9, last - first)
        name = bus.name_of(processes)
        return self._sample(cell, pair, repetition, name, load, rate, spent, note=note, lost=lost)

    def _steady(self, cell: Cell, pair: Pair) -> Sample:
        places = self._place("receiver"), self._place("bus")
        with (
            peers.receiver(places[0], pair) as receiver,
            bus.serve(places[1], receiver, sender="register", change=self.plan.change) as server,
        ):
            paced.drive(server, pair, rate=self.plan.rate, seconds=WARM_S)
            settle(places[1])
            meter, begun = Meter(server.pid), time.time()
            load = paced.drive(server, pair, rate=self.plan.rate, seconds=self.plan.seconds)
            settle(places[1])
            spent = meter.read()
            p50, p99 = bus.latencies(places[1], since=begun)
        note = f"steady {self.plan.rate}/s: "
        note += f"accepted after p50 {load.p50_us / 1e3:.1f} ms, p99 {load.p99_us / 1e3:.1f} ms; "
        note += f"delivered after p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms"
        counted = Load(load.good, load.bad, "", self.plan.seconds, 0, 0, p50 * 1e6, p99 * 1e6, 0)
        return self._sample(cell, pair, 0, "bus, steady", counted, self.plan.rate, spent, note=note)


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds of a contestant and of its main thread, share of the machine used by others, calibration."""

    cpu: float
    main: float
    foreign: float
    calibration_us: float


class Meter:
    """What one contestant and everything foreign use between construction and ``read``."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.calibration_us = calibration_us()
        self.start = self._now()

    def _now(self) -> tuple[float, float, float, float, float]:
        ours = cpu_seconds(os.getpid())
        return time.perf_counter(), cpu_seconds(self.pid), main_thread_seconds(self.pid), ours, busy_seconds()

    def read(self) -> Spent:
        """What was used."""
        wall, own, main, ours, busy = (now - then for now, then in zip(self._now(), self.start, strict=True))
        foreign = max(0.0, busy - ours) / (wall * len(os.sched_getaffinity(0)))
        return Spent(own, main, foreign, (self.calibration_us + calibration_us()) / 2)


def settle(site: Path) -> tuple[float, float]:
    """Wait until everything accepted is delivered; the times of the first acceptance and the last delivery."""
    end = time.monotonic() + DRAIN_S
    while True:
        states, first, last = bus.delivered(site)
        if states and set(states) == {"DELIVERED"}:
            return first, last
        if time.monotonic() > end:
            raise HarnessError(f"not everything was delivered after {DRAIN_S} s: {states}")
        time.sleep(0.2)


def kept_answer(server: peers.Server, pair: Pair) -> bytes:
    """The answer of a bus: the provider's Body byte for byte, below what the bus says of its disclosure."""
    answer = first_answer(server, pair)
    if content(answer) != content(pair.reply):
        raise HarnessError(f"the bus changed the Body: {answer[-500:]!r}")
    return answer


def first_answer(server: peers.Server, pair: Pair) -> bytes:
    """One answer of a contestant, fetched without the load generator."""
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{pair.action}"', **dict(server.headers)}
    request = urllib.request.Request(server.url, data=pair.request, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        body: bytes = answer.read()
        return body
