"""Driving a consumer: somebody sends one operation for each scenario, the mock peer answers by script and records.

Who makes the consumer send is the *trigger*: a program, or a person who reads what to do. It may tell how the consumer
took the answer: ``success``, ``failure``, or nothing.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from conformance.driver.provider import SUITE, Clock, described_by, now, versions
from conformance.evidence import Bundle, Circumstances, Exchange, masked
from conformance.http1 import parse
from conformance.peer import Peer
from conformance.rooms.consumer import OUTCOMES
from conformance.script import SCENARIOS, Scenario, answer_to, pause_of

ROLES = ("consumer", "data")
Settled = Callable[["Mock", str], None]
"""Is told the mock and how the consumer said that it went."""
Trigger = Callable[[Scenario], str]
PIECE = 65536
SILENCE_S = 30.0


@dataclass(slots=True)
class Mock:
    """Answers by the script of the scenario that is on and keeps everything as evidence.

    ``seen`` counts the requests of the scenario. ``pause`` waits; a model of time may stand in.
    """

    peer: Peer
    clock: Clock = now
    pause: Callable[[float], None] = time.sleep
    files: dict[str, bytes] = field(default_factory=dict)
    exchanges: list[Exchange] = field(default_factory=list)
    scenario: Scenario = SCENARIOS["success"]
    seen: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, scenario: Scenario) -> None:
        """From now on this scenario is on."""
        with self._lock:
            self.scenario, self.seen = scenario, 0

    @property
    def done(self) -> bool:
        """Whether the script has come to its last answer."""
        return self.seen >= len(self.scenario.steps)

    def answer(self, raw: bytes) -> bytes:
        """The answer to the bytes of one request; none: the connection ends."""
        came = self.clock()
        with self._lock:
            scenario, number = self.scenario, self.seen
            self.seen += 1
        step = scenario.step(number)
        answered = answer_to(step, raw, self.peer)
        if pause_of(step):
            self.pause(pause_of(step))
        name = f"exchanges/{scenario.name}-{number + 1}"
        with self._lock:
            self.files[f"{name}.request"] = masked(raw)
            if answered:
                self.files[f"{name}.response"] = masked(answered)
            self.exchanges.append(
                Exchange(
                    f"{scenario.name}-{number + 1}", scenario.name, f"{name}.request",
                    f"{name}.response" if answered else "", "subject", "suite", step, came, self.clock(),
                )
            )  # fmt: skip
        return answered


def drive(
    mock: Mock, trigger: Trigger, *, profile: str, subject: str, only: Iterable[str] = (),
    settled: Settled = lambda _mock, _told: None,
) -> Bundle:  # fmt: skip
    """Play every scenario (or those of ``only``). ``settled`` waits until nothing more is to come of one.

    The messages are judged against the description of the edition.
    """
    started = mock.clock()
    wanted = frozenset(only)
    outcomes: dict[str, str] = {}
    for scenario in SCENARIOS.values():
        if not wanted or scenario.name in wanted:
            mock.begin(scenario)
            outcomes[scenario.name] = trigger(scenario)
            settled(mock, outcomes[scenario.name])
    unit, edition = mock.peer.unit, mock.peer.edition
    files = {**mock.files, OUTCOMES: json.dumps(outcomes, indent=1, sort_keys=True).encode() + b"\n"}
    listed = tuple(sorted(mock.exchanges, key=lambda one: (list(SCENARIOS).index(one.case), one.started, one.id)))
    main = described_by(files, unit.wsdl.read_bytes(), unit, edition)
    circumstances = Circumstances(
        profile, ROLES, subject, SUITE, edition.version, 0, started, mock.clock(), unit.key, main,
        versions(), listed,
    )  # fmt: skip
    return Bundle(circumstances, files)


def quiet(patience_s: float, quiet_s: float) -> Settled:
    """Waits until it is told how it went, or the script or patience ended, and nothing came for ``quiet_s``."""

    def settled(mock: Mock, told: str) -> None:
        end = time.monotonic() + patience_s
        last, since = mock.seen, time.monotonic()
        while time.monotonic() < end:
            if mock.seen != last:
                last, since = mock.seen, time.monotonic()
            if (told or mock.done) and time.monotonic() - since >= quiet_s:
                return
            time.sleep(0.02)

    return settled


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], mock: Mock) -> None:
        super().__init__(address, _Handler)
        self.mock = mock


class _Handler(socketserver.StreamRequestHandler):
    """Reads one request of a connection whole, answers it by the script and ends the connection."""

    timeout = SILENCE_S

    def handle(self) -> None:
        """One request, one answer (or none)."""
        raw = b""
        try:
            while not _complete(raw):
                piece = self.request.recv(PIECE)
                if not piece:
                    return
                raw += piece
            if isinstance(self.server, _Server):
                self.wfile.write(self.server.mock.answer(raw))
        except OSError:
            return


def _complete(raw: bytes) -> bool:
    parsed = parse(raw, request=True) if b"\r\n\r\n" in raw else None
    return parsed is not None and parsed.complete


@contextmanager
def listening(mock: Mock, host: str = "127.0.0.1", port: int = 0) -> Iterator[tuple[str, int]]:
    """Serve the mock in a thread; yields its address."""
    with _Server((host, port), mock) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield str(server.server_address[0]), int(server.server_address[1])
        finally:
            server.shutdown()
            thread.join()
