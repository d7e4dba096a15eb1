"""Driving a consumer: the reference consumer conforms over sockets, and a command drives one from a terminal."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from conformance.consumer import Consumer
from conformance.driver.consumer import Mock, drive, listening, quiet
from conformance.driver.provider import first_inquiry
from conformance.evidence import load
from conformance.judge import judge
from conformance.mutants.consumers import ModelClock
from conformance.mutants.peers import base_of
from conformance.peer import Peer
from conformance.script import SCENARIOS
from conformance.standard import Standard, load_standard
from conformance.verdicts import Class, Outcome
from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow]

CALLER = """
import os, socket, sys
from urllib.parse import urlsplit
url = urlsplit(os.environ["CONFORMANCE_ADDRESS"])
body = open(sys.argv[1], "rb").read()
head = "POST /x HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: text/xml; charset=utf-8\\r\\nSOAPAction: \\"%s\\"\\r\\n"
head = (head % sys.argv[2]).encode() + b"Connection: close\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body)
with socket.create_connection((url.hostname, url.port)) as peer:
    peer.sendall(head + body)
    answer = peer.makefile("rb").read()
sys.exit(0 if answer.startswith(b"HTTP/1.1 200") else 1)
"""


def peer(standard: Standard) -> Peer:
    """The reference provider that the mock answers with."""
    return Peer(standard.edition, standard.edition.units["juki"], frozenset({"validate"}))


def test_the_reference_consumer_conforms_over_sockets() -> None:
    """Every scenario over real connections and in real time; nothing that is judged fails."""
    standard = load_standard()
    mock = Mock(peer(standard))
    with listening(mock) as address:

        def send(raw: bytes) -> bytes:
            with socket.create_connection(address, 30.0) as connection:
                connection.sendall(raw)
                return connection.makefile("rb").read()

        consumer = Consumer(base_of(standard.edition), send, time.sleep)
        evidence = drive(
            mock, lambda _: consumer.call(), profile="juki-consumer", subject="reference", settled=quiet(30.0, 0.1)
        )
    judgement = judge(evidence, standard)
    assert judgement.result is Class.CONFORMS
    assert [one for one in judgement.verdicts if one.outcome not in (Outcome.PASS, Outcome.NA)] == []
    assert {one.case for one in evidence.circumstances.exchanges} == set(SCENARIOS)


def test_a_scenario_in_which_nothing_was_sent_is_no_pass() -> None:
    """The verdict says what to supply; the class is incomplete."""
    standard, clock = load_standard(), ModelClock()
    mock = Mock(peer(standard), clock.now, clock.wait)
    judgement = judge(drive(mock, lambda _: "", profile="juki-consumer", subject="nobody"), standard)
    assert judgement.of("CON-105").outcome is Outcome.MISSING
    assert judgement.result is Class.INCOMPLETE


def test_a_command_makes_the_consumer_send(tmp_path: Path) -> None:
    """The program of ``--trigger`` sends and tells by its exit code; a consumer that looks at the status only fails."""
    base = first_inquiry(load_standard().edition.units["juki"])
    assert base is not None
    (tmp_path / "caller.py").write_text(CALLER, "utf-8")
    (tmp_path / "message.xml").write_bytes(base.body())
    command = [sys.executable, str(tmp_path / "caller.py"), str(tmp_path / "message.xml"), base.operation.action]
    wanted = ["success", "half", "client-fault", "CON-106", "CON-108"]
    arguments = ["run", "--profile", "juki-consumer", "--trigger", " ".join(command), "--deadline-s", "2"]
    done = CliRunner(env={"PYTHONPATH": str(ROOT)}).invoke(
        app, [*arguments, *(part for name in wanted for part in ("--only", name)), "--out", str(tmp_path / "e.zip")]
    )
    assert done.exit_code == 1
    judgement = judge(load(tmp_path / "e.zip"), load_standard())
    assert judgement.of("CON-106").outcome is Outcome.FAIL
    assert judgement.of("CON-108").outcome is Outcome.PASS
