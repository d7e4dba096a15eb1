"""Driving a provider over sockets: the reference peer conforms, a misbehaving one fails, failing hosts are evidence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from conformance.driver.provider import drive, first_inquiry
from conformance.driver.transport import SocketTransport
from conformance.evidence import Bundle, load
from conformance.judge import Judgement, judge
from conformance.oracle import Oracle
from conformance.peer import Peer, serving
from conformance.standard import Standard, load_standard
from conformance.verdicts import Class, Outcome

CLOCK = iter(str(number) for number in range(10**9))


@cache
def standard() -> Standard:
    """The standard, read once for this file."""
    return load_standard()


def peer(*skips: str) -> Peer:
    """The reference peer of juki that leaves steps out."""
    unit = standard().edition.units["juki"]
    return Peer(standard().edition, unit, frozenset(skips), Oracle(standard().edition, unit))


def driven(host: str, port: int, *only: str, deadline_s: float = 30.0) -> Bundle:
    """The evidence of driving what listens there."""
    found = first_inquiry(standard().edition.units["juki"])
    assert found is not None
    base = replace(found, host=f"{host}:{port}", target="/subject")
    return drive(
        base, SocketTransport(host, port, deadline_s), standard().edition, profile="juki-provider",
        subject=f"http://{host}:{port}/subject", clock=lambda: next(CLOCK), only=only,
    )  # fmt: skip


def judged(*skips: str, only: tuple[str, ...] = ()) -> Judgement:
    """The judgement on a peer over sockets."""
    with serving(peer(*skips)) as (host, port):
        return judge(driven(host, port, *only), standard())


@contextmanager
def saying(data: bytes | None) -> Iterator[tuple[str, int]]:
    """A server that answers with these bytes and closes (``None``: it says nothing and keeps the connection)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                if data is not None:
                    connection.sendall(data)
                else:
                    done.wait(60)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()
        finally:
            done.set()
            thread.join()


@pytest.mark.slow
def test_the_reference_peer_conforms_over_sockets() -> None:
    """Every MUST is judged or does not apply, and nothing fails."""
    judgement = judged()
    assert judgement.result is Class.CONFORMS
    assert not [one for one in judgement.verdicts if one.outcome not in (Outcome.PASS, Outcome.NA)]


@pytest.mark.slow
def test_a_peer_that_passes_over_mandatory_headers_fails_for_it() -> None:
    """The clause is the right one, with what was expected and what came."""
    judgement = judged("understand", only=("base", "wsdl", "unknown-header"))
    verdict = judgement.of("BP-R1027")
    assert verdict.outcome is Outcome.FAIL
    assert verdict.places[0].finding.expected == "fault:MustUnderstand"
    assert judgement.result is Class.FAILS


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed"),
        (None, "timeout"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "answered"),
    ],
)
def test_what_the_other_side_does_is_evidence(data: bytes | None, outcome: str) -> None:
    """A connection that ends or hangs is no error of the suite."""
    with saying(data) as (host, port):
        assert (
            SocketTransport(host, port, 0.05 if data is None else 30.0).send(b"GET / HTTP/1.1\r\n\r\n").outcome
            == outcome
        )


def test_nobody_there_is_evidence() -> None:
    """A refused connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert SocketTransport("127.0.0.1", port, 5.0).send(b"").outcome == "refused"


@pytest.mark.slow
def test_run_keeps_evidence_and_a_report_explains_it(tmp_path: Path) -> None:
    """From the command to the report, with expected failures and one line to do it again; credentials are not kept."""
    runner = CliRunner(env={"SECRET": "me:hidden"})
    evidence, known = tmp_path / "e.zip", tmp_path / "known.txt"
    known.write_text("BP-R1027\nBP-R1025  # known\n", "utf-8")
    with serving(peer("understand")) as (host, port):
        common = ["run", "--profile", "juki-provider", "--subject", f"http://{host}:{port}/s"]
        more = ["--only", "BP-R1027", "--only", "BP-R1025", "--out", str(evidence), "--credentials-env", "SECRET"]
        assert runner.invoke(app, [*common, *more]).exit_code == 1
        done = runner.invoke(
            app, [*common, "--only", "BP-R1027", "--only", "BP-R1025", "--expected-failures", str(known)]
        )
    assert done.exit_code == 0
    assert not [name for name, data in load(evidence).files.items() if b"hidden" in data or b"bWU6aGlkZGVu" in data]
    for form, needle in (
        ("html", "curl -sS"),
        ("junit", "<failure"),
        ("sarif", '"level": "error"'),
        ("json", '"fail"'),
    ):
        out = tmp_path / f"report.{form}"
        assert runner.invoke(app, ["report", str(evidence), "--out", str(out), "--format", form]).exit_code == 1
        assert needle in out.read_text("utf-8")


def test_an_unknown_profile_is_told_with_the_nearest(tmp_path: Path) -> None:
    """Usage errors are told before anything is sent."""
    done = CliRunner().invoke(app, ["run", "--profile", "juki-provder", "--subject", "http://localhost:1/"])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())


def test_a_refusal_in_xml_is_no_description() -> None:
    """A fault with status 405 where the description was asked for: there is none, and nothing is judged of its form."""
    body = b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body/></e:Envelope>'
    head = b"HTTP/1.1 405 Method Not Allowed\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % len(body)
    with saying(head + body) as (host, port):
        bundle = driven(host, port, "wsdl")
    assert bundle.circumstances.wsdl == ""
    assert judge(bundle, standard()).of("BP-R0001").outcome is Outcome.FAIL


def test_a_success_where_a_refusal_was_due_breaks_no_rule_on_refusals() -> None:
    """R1125 is about answers that tell of a problem: whoever passes over a malformed head breaks R1113 alone."""
    found = judged("head", only=("get", "json", "garbled-head"))
    assert found.of("BP-R1113").outcome is Outcome.WARNING
    assert found.of("BP-R1125").outcome is Outcome.PASS
