"""A foreign source of WS-ReliableMessaging, gSOAP's own plugin, against a bus that is killed while it sends."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bus.core.basic import basic_header
from tests.interop.stacks import PROGRAMS, Workshop, output_of
from tests.interop.test_reliable_raw import Town, town
from tests.support.polling import until
from tests.support.processes import need

__all__ = ["town"]

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

GSOAP = Path("/usr/share/gsoap")
PLUGINS = ("plugin/wsrmapi.c", "plugin/wsaapi.c", "plugin/threads.c", "custom/duration.c")
COUNT = 9


def program(workshop: Workshop) -> Path:
    """The compiled source; made once per test run."""
    need("soapcpp2", "gcc")
    with workshop.alone("gsoap-reliable") as place:
        if not (place / "reliable").exists():
            for name in ("reliable.h", "reliable.c"):
                shutil.copy(PROGRAMS / "gsoap" / name, place)
            folders = [f"-I{GSOAP}", f"-I{GSOAP}/import"]
            output_of(["soapcpp2", "-c", "-C", "-a", "-L", "-x", *folders, "reliable.h"], place)
            sources = ["reliable.c", "soapC.c", "soapClient.c", *(GSOAP / each for each in PLUGINS)]
            folders += [f"-I{place}", f"-I{GSOAP}/plugin"]
            output_of(["gcc", "-O0", "-w", *folders, *sources, "-lgsoap", "-lpthread", "-o", "reliable"], place)
    return place / "reliable"


@contextmanager
def losing(port: int) -> Iterator[None]:
    """A line on which messages are taken and lost; where nobody listens gSOAP keeps nothing to send again."""

    def lose() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(5)
                connection.recv(65536)
                connection.close()

    listener = socket.create_server(("127.0.0.1", port))
    taking = threading.Thread(target=lose, daemon=True)
    taking.start()
    yield
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    taking.join(5)


def test_gsoap_sends_a_sequence_through_a_sudden_end_of_the_bus(workshop: Workshop, town: Town) -> None:
    """Created, sent, killed, sent in vain, resent, closed and terminated: everything arrives once and in order."""
    url = f"http://127.0.0.1:{town.port}/990019/juki/juki"
    command = [program(workshop), url, basic_header("juki", "secret-of-juki"), str(COUNT)]
    lines: list[str] = []

    def go(number: int) -> None:
        """Let the next message go, and wait until the source has done with it."""
        assert source.stdin is not None
        source.stdin.write(".")
        source.stdin.flush()
        until(lambda: any(line.startswith(f"sent {number} ") for line in lines), within_s=30, what=f"message {number}")

    pipe = subprocess.PIPE
    with subprocess.Popen([str(part) for part in command], stdin=pipe, stdout=pipe, stderr=pipe, text=True) as source:
        reading = threading.Thread(target=lambda: lines.extend(iter(source.stdout.readline, "")), daemon=True)
        reading.start()
        try:
            for number in range(1, 5):
                go(number)
            town.end()
            with losing(town.port):
                go(5)
                go(6)
            assert "0" not in [line.split()[3] for line in lines[-2:]], lines
            town.start()
            for number in range(7, COUNT + 1):
                go(number)
            assert source.wait(60) == 0, "".join(lines)
        finally:
            source.kill()
        reading.join(10)
        said = "".join(lines) + source.stderr.read()
    assert lines[0] == "created 0 error 0\n", said
    assert "closed 0 error 0\n" in lines, said
    assert lines[-1] == "terminated error 0\n", said
    until(lambda: len(town.tax.persons()) == COUNT, what="all notices")
    assert town.tax.persons() == list(range(1, COUNT + 1))
