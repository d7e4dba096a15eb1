"""The whole protocol by a source of sockets and texts, against a bus that is killed in the middle."""

from __future__ import annotations

import ast
import importlib.util
import re
import socket
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.network import accepts, free_port
from tests.support.polling import until
from tests.support.processes import running
from tests.support.sites import change, write_site

PROGRAM = Path(__file__).parent / "programs" / "raw" / "reliable_source.py"
RECEIPT = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
    '<j:ido_tsuchi_uketsuke xmlns:j="urn:chiikibus:standard:1.0:juki" xmlns:c="urn:chiikibus:standard:1.0:common">'
    "<c:messageid>{message_id}</c:messageid><c:uketsukebango>1</c:uketsukebango>"
    "<c:uketsuke_nichiji>2026-01-01T09:00:00+09:00</c:uketsuke_nichiji></j:ido_tsuchi_uketsuke></s:Body></s:Envelope>"
)


def raw() -> ModuleType:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("reliable_source", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(slots=True)
class System:
    """A system that takes what it is posted, gives a receipt for it and remembers it."""

    came: list[str] = field(default_factory=list)
    socket: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=64))

    def __post_init__(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.socket.getsockname()[1])

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(10)
                self._one(connection)

    def _one(self, connection: socket.socket) -> None:
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head.lower())
        assert length is not None
        while len(body) < int(length[1]):
            body += connection.recv(65536)
        self.came.append(body.decode())
        told = re.search(r"chiikibus-message-id: *(\S+)", head.decode().lower())
        answer = RECEIPT.format(message_id=told[1]).encode() if told else b""
        status = "200 OK" if answer else "202 Accepted"
        fields = f"HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(answer)}\r\n"
        connection.sendall(f"{fields}Connection: close\r\n\r\n".encode() + answer)

    def persons(self) -> list[int]:
        """The persons of the notices, in the order in which they came first."""
        found = [re.search(r"atenabango>(\d{15})<", body) for body in self.came]
        return list(dict.fromkeys(int(each[1]) for each in found if each))


@dataclass(slots=True)
class Town:
    """A bus as a process that can be killed, the system behind it and the sender's own address."""

    folder: Path
    port: int
    tax: System
    own: System
    stack: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        """Start it, again if need be."""
        command = [sys.executable, "-m", "bus.cli", "serve", "--site", self.folder]
        ready = running(command, log=self.folder / "log", ready=lambda: accepts(self.port), within_s=60)
        self.process = self.stack.enter_context(ready)

    def end(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait(10)

    def kill(self) -> None:
        """SIGKILL, and start again."""
        self.end()
        self.start()

    process: object = None


@pytest.fixture
def town(tmp_path: Path) -> object:
    """A running town in which notices go to the tax system alone."""
    tax, own = System(), System()
    port = free_port()
    folder = write_site(tmp_path / "site", port=port, juki=own.port, tax=tax.port)
    change(folder / "routes.toml", 'to = ["tax", "kokuho"]', 'to = ["tax"]')
    made = Town(folder, port, tax, own)
    with made.stack:
        made.start()
        yield made


def test_the_source_knows_nothing_of_the_bus() -> None:
    """It imports the standard library and nothing else: what it understands, it understands by itself."""
    tree = ast.parse(PROGRAM.read_text("utf-8"))
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_the_whole_protocol_through_a_sudden_end_of_the_bus(town: Town) -> None:
    """Created with an offer, sent with a gap, killed, asked, closed, terminated; every fault by its name."""
    program = raw()
    source = program.Source(town.port, "/990019/juki/juki", "juki", "secret-of-juki")
    created = source.create(offer="urn:uuid:offered", message_id="urn:uuid:create")
    assert (created.status, created.action) == (200, f"{program.RM}/CreateSequenceResponse")
    assert created.relates_to == "urn:uuid:create"
    assert source.name.startswith("urn:uuid:")
    assert re.search(r"<\w+:Accept>", created.text)
    assert source.create(offer="urn:uuid:offered", message_id="urn:uuid:create").identifier == created.identifier

    first = source.notice(1)
    assert (first.code, first.status, first.ranges, first.final) == ("", 200, [(1, 1)], False), first.text
    assert first.relates_to == source.ids[1]
    assert "urn:uuid:offered" in first.text
    assert source.notice(3).ranges == [(1, 1), (3, 3)]
    town.kill()
    asked = source.ask()
    assert (asked.status, asked.ranges) == (200, [(1, 1), (3, 3)])
    assert asked.action == f"{program.RM}/SequenceAcknowledgement"
    again = source.notice(3)
    assert (again.status, again.ranges) == (200, [(1, 1), (3, 3)])
    assert source.notice(3, person=99).code == "CB3018"
    town.kill()
    assert source.notice(2).ranges == [(1, 3)]
    until(lambda: len(town.tax.persons()) == 3, what="all notices at the tax system")
    assert town.tax.persons() == [1, 2, 3]

    told = program.ACKNOWLEDGED.format(name="urn:uuid:offered", low=1, high=2)
    assert source.notice(4, blocks=told).ranges == [(1, 4)]
    wrong = program.ACKNOWLEDGED.format(name="urn:uuid:offered", low=1, high=99)
    beside = source.notice(5, blocks=wrong)
    assert (beside.status, beside.fault, beside.ranges[0]) == (200, "InvalidAcknowledgement", (1, 5))
    alone = source.send(f"{program.RM}/SequenceAcknowledgement", "", wrong)
    assert (alone.status, alone.fault) == (500, "InvalidAcknowledgement")
    assert source.notice(2**63).fault == "MessageNumberRollover"
    assert source.notice(0).code == "CB3010"
    assert source.send("urn:x", "", "<r:Sequence/>").code == "CB3010"

    closed = source.end("Close", 5)
    assert (closed.action, closed.ranges, closed.final) == (f"{program.RM}/CloseSequenceResponse", [(1, 5)], True)
    late = source.notice(6)
    assert (late.status, late.fault, late.final) == (500, "SequenceClosed", True)
    assert source.notice(4).status == 200
    town.kill()
    ended = source.end("Terminate", 5)
    assert (ended.action, ended.ranges) == (f"{program.RM}/TerminateSequenceResponse", [(1, 5)])
    assert source.notice(6).fault == "UnknownSequence"
    source.name = "urn:uuid:nobodys"
    assert source.ask().fault == "UnknownSequence"
    refused = source.create("http://127.0.0.1:9/elsewhere")
    assert (refused.code, refused.fault) == ("CB3016", "CreateSequenceRefused")
    until(lambda: len(town.tax.persons()) == 5, what="the last notice")
    assert town.tax.persons() == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_acknowledgements_come_to_the_address_of_the_source(town: Town) -> None:
    """None with the answers; after a sudden end of the bus everything is told once more."""
    program = raw()
    source = program.Source(town.port, "/990019/juki/juki", "juki", "secret-of-juki")
    source.create(f"http://127.0.0.1:{town.own.port}/soap")
    answer = source.notice(1)
    assert (answer.status, answer.ranges) == (200, [])
    until(lambda: town.own.came, what="an acknowledgement")
    assert program.Answer(200, town.own.came[-1]).ranges == [(1, 1)]
    assert program.Answer(200, town.own.came[-1]).action == f"{program.RM}/SequenceAcknowledgement"
    town.own.came.clear()
    town.kill()
    until(lambda: town.own.came, what="the acknowledgement once more")
    assert program.Answer(200, town.own.came[-1]).ranges == [(1, 1)]
    source.end("Terminate", 1)
    until(lambda: program.Answer(200, town.own.came[-1]).final, what="the last acknowledgement")
    assert source.notice(2).fault == "UnknownSequence"
    until(lambda: program.Answer(200, town.own.came[-1]).fault == "UnknownSequence", what="the fault")
