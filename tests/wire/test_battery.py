"""A battery of raw requests against a whole running bus: every answer is the one that its line asks for."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from xml.etree import ElementTree

import pytest
import uvloop

from bus.app import build
from bus.core.config import load_site
from schemas.catalog import load_edition
from tests.support.providers import FakeProvider, answer_inquiry
from tests.support.residents import RESIDENT
from tests.support.sites import write_site
from tests.wire.battery import NUMBER, Attack, attacks

ATTACKS = attacks()
NUMBERS = count()
WITHIN_S = 20.0
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"
COMMON = "{urn:chiikibus:standard:1.0:common}"
ALIVE = b"GET /health/live HTTP/1.1\r\nHost: bus.example\r\n\r\n"
# What no answer may tell: places of the program or the machine, its inside, credentials, and what was planted.
TOLD = re.compile(
    r"Traceback|File \"|\.py\b|/usr/|/tmp/|/home/|/etc/|site-packages|sqlite|SELECT |INSERT |\bNone\b|Exception"
    rf"|object at|secret|秘密|花子|{NUMBER}|1' OR"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back first."""

    status: int
    headers: dict[str, str]
    body: bytes


class Bus(threading.Thread):
    """A whole bus with its journal and a provider in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self._folder = folder
        self._listening = threading.Event()
        self._ending: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.port = 0
        self.in_flight = -1

    def run(self) -> None:
        """Until ``end``."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        edition = load_edition()
        resident = {**RESIDENT, "atenabango": NUMBER}
        juki = FakeProvider(answer_inquiry(edition, "juki.jumin_shokai", resident))
        folder = write_site(self._folder, juki=await juki.start())
        app = build(load_site(folder, edition, need_secrets=True), edition)
        await app.start()
        self.port = app.addresses[0][1]
        self._listening.set()
        await self._ending.wait()
        await app.stop()
        await juki.stop()

    def begin(self) -> None:
        """Start, and wait until it listens."""
        self.start()
        assert self._listening.wait(WITHIN_S)

    def end(self) -> None:
        """Stop."""
        assert self._loop is not None
        assert self._ending is not None
        self._loop.call_soon_threadsafe(self._ending.set)
        self.join(WITHIN_S)


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """One bus for all requests: none of them may spoil it for the next."""
    running = Bus(tmp_path_factory.mktemp("battery") / "site")
    running.begin()
    yield running
    running.end()


@pytest.fixture(scope="module")
def listener() -> Iterator[socket.socket]:
    """A server whose name the requests mention: nobody may ever call."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def read_answer(line: socket.socket, *, head: bool) -> Answer | None:
    """The next answer that is not an interim one, or ``None`` when the connection ends."""
    stream = line.makefile("rb", buffering=0)
    while True:
        start = stream.readline()
        if not start:
            return None
        headers: dict[str, str] = {}
        while (field := stream.readline().rstrip(b"\r\n")) != b"":
            name, _, value = field.decode("latin-1").partition(": ")
            headers[name.lower()] = value
        status = int(start.split()[1])
        if status < 200:
            continue
        body, length = b"", 0 if head else int(headers["content-length"])
        while len(body) < length:
            body += stream.read(length - len(body)) or b""
        return Answer(status, headers, body)


def send(line: socket.socket, raw: bytes) -> None:
    """Write all; a server that has answered may have stopped reading."""
    try:
        line.sendall(raw)
    except OSError:
        return


def told(answer: Answer) -> tuple[str, str]:
    """Code and fault code of a refusal, whose form is judged on the way."""
    if answer.headers["content-type"] == "text/plain; charset=utf-8":
        assert re.fullmatch(r"CB[0-9]{4} .* / .*\n", answer.body.decode())
        return answer.body[:6].decode(), ""
    assert answer.headers["content-type"] == "text/xml; charset=utf-8"
    root = ElementTree.fromstring(answer.body)
    fault = root.find(f"{SOAP}Body/{SOAP}Fault")
    assert fault is not None
    assert [child.tag for child in fault] == ["faultcode", "faultstring", "detail"]
    shogai = fault.find(f"detail/{COMMON}shogai")
    assert shogai is not None
    for name in ("kodo", "bunmen_ja", "bunmen_en", "taisho_ja", "taisho_en"):
        assert shogai.findtext(f"{COMMON}{name}")
    assert fault.findtext("faultstring") == " / ".join(
        shogai.findtext(f"{COMMON}bunmen_{each}", "") for each in ("ja", "en")
    )
    return shogai.findtext(f"{COMMON}kodo", ""), fault.findtext("faultcode", "").partition(":")[2]


def kept(line: socket.socket) -> bool:
    """Whether the connection serves another request; otherwise it has to end without a word."""
    send(line, ALIVE)
    try:
        answer = read_answer(line, head=False)
    except ConnectionError:
        return False
    return answer is not None and answer.status == 200


def differences(attack: Attack, bus: Bus, listener: socket.socket) -> list[str]:
    """What is not as the line of the request says; nothing, if all is well."""
    host, port = listener.getsockname()
    raw = attack.raw(next(NUMBERS), f"{host}:{port}")
    with socket.create_connection(("127.0.0.1", bus.port), timeout=WITHIN_S) as line:
        send(line, raw)
        if not attack.status:
            line.shutdown(socket.SHUT_WR)
        answer = read_answer(line, head="= HEAD" in attack.head)
        if answer is None:
            return ["no answer"] if attack.status else []
        code, faultcode = told(answer) if answer.status != 200 and answer.body else ("", "")
        found = [
            f"{name}: {got!r} instead of {want!r}"
            for name, got, want in (
                ("status", answer.status, attack.status),
                ("code", code, attack.code),
                ("fault code", faultcode, faultcode if attack.faultcode == "*" else attack.faultcode),
                ("kept", kept(line), attack.kept),
            )
            if got != want
        ]
        if answer.status != 200 and (tell := TOLD.search(answer.body.decode())):
            found.append(f"told: {tell[0]!r}")
    return found


@pytest.mark.parametrize("size", ["small", pytest.param("large", marks=pytest.mark.slow)])
@pytest.mark.parametrize("file", sorted({attack.file for attack in ATTACKS}))
def test_every_request_gets_the_answer_of_its_line(file: str, size: str, bus: Bus, listener: socket.socket) -> None:
    """Status, code, fault code, and whether the connection goes on; no answer tells what is nobody's business."""
    chosen = [attack for attack in ATTACKS if attack.file == file and attack.is_large == (size == "large")]
    wrong = {attack.name: found for attack in chosen if (found := differences(attack, bus, listener))}
    assert wrong == {}
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_the_battery_is_broad() -> None:
    """At least 200 requests that are to be refused, every code of the wire, and no name twice."""
    assert len([attack for attack in ATTACKS if attack.status != 200]) >= 200
    assert len({(attack.file, attack.name) for attack in ATTACKS}) == len(ATTACKS)
    codes = {attack.code for attack in ATTACKS}
    assert {f"CB10{number:02d}" for number in (*range(1, 16), *range(18, 23)) if number != 14} <= codes
