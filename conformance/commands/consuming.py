"""``run`` for consumers: the mock peer listens, somebody makes the consumer send, and what came is judged."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

import typer

from conformance.driver.consumer import Mock, Trigger, drive, listening, quiet
from conformance.evidence import Bundle
from conformance.oracle import Oracle
from conformance.peer import Peer
from conformance.rooms.consumer import FAILURE, SUCCESS
from conformance.script import SCENARIOS, Scenario
from conformance.standard import Standard

QUIET_S = 1.0
"""How long nothing has to come before a scenario counts as over."""
SCENARIO = "CONFORMANCE_SCENARIO"
ADDRESS = "CONFORMANCE_ADDRESS"


@dataclass(frozen=True, slots=True)
class Program:
    """A command that makes the consumer send one message; exit code 0 success, 1 failure, 2 not known yet."""

    command: str
    address: str
    deadline_s: float

    def __call__(self, scenario: Scenario) -> str:
        """Run it; ``CONFORMANCE_SCENARIO`` and ``CONFORMANCE_ADDRESS`` are in its environment."""
        known = {**os.environ, SCENARIO: scenario.name, ADDRESS: self.address}
        try:
            done = subprocess.run(shlex.split(self.command), env=known, timeout=self.deadline_s, check=False)  # noqa: S603 (the user's own command)
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            typer.echo(f"--trigger: {type(error).__name__}", err=True)
            return ""
        return {0: SUCCESS, 1: FAILURE}.get(done.returncode, "")


def person(scenario: Scenario) -> str:
    """Ask a person to make the consumer send, and how it went."""
    place = list(SCENARIOS).index(scenario.name) + 1
    typer.echo(f"[{place}/{len(SCENARIOS)}] {scenario.name}: {scenario.text_ja} / {scenario.text_en}")
    typer.echo("電文を一つ送ってください / make the consumer send one message")
    told = typer.prompt("結果 / how it went: s=成功 success, f=失敗 failure, Enter=不明 unknown", default="")
    return {"s": SUCCESS, "f": FAILURE}.get(str(told).strip().lower(), "")


def run_consumer(
    by: Standard, unit: str, listen: str, trigger: str, subject: str, deadline_s: float, only: Iterable[str]
) -> Bundle:
    """Play the scenarios with what calls the mock on ``listen`` (``host:port``; port 0: any)."""
    host, _, port = listen.rpartition(":")
    if not port.isdecimal():
        typer.echo(f"--listen: {listen}", err=True)
        raise typer.Exit(2)
    known = by.edition.units[unit]
    mock = Mock(Peer(by.edition, known, oracle=Oracle(by.edition, known)))
    with listening(mock, host or "127.0.0.1", int(port)) as (at, number):
        address = f"http://{at}:{number}/{unit}"
        typer.echo(f"模擬相手 / mock peer: {address}", err=True)
        asks: Trigger = Program(trigger, address, 10 * deadline_s) if trigger else person
        scenarios = [name for name in only if name in SCENARIOS]
        return drive(
            mock, asks, profile=f"{unit}-consumer", subject=subject, only=scenarios,
            settled=quiet(deadline_s, QUIET_S),
        )  # fmt: skip
