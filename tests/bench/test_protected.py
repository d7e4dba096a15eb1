"""The measurement of TLS runs, takes all contestants in turn and verifies every answer; no time is judged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.processes import need
from tests.support.repository import ROOT

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(120)]


def test_plain_and_protected_calls_are_measured_in_the_same_run() -> None:
    """Three contestants over kept connections, three ways of one call per connection; the document stays."""
    need("nginx", "wrk")
    document = ROOT / "docs/performance.md"
    before = document.read_bytes()
    command = [sys.executable, ROOT / "deploy/bench/protected.py", "--seconds", "1", "--repetitions", "1"]
    run = subprocess.run(
        [*command, "--connections", "5"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    measured = json.loads(run.stdout.splitlines()[-1])
    assert [row["kind"] for row in measured["kept"]] == ["plain", "TLS in", "TLS in and out"]
    assert all(row["wrong"] == 0 and row["rate"] > 0 for row in measured["kept"])
    assert [row["kind"] for row in measured["once"]] == ["plain", "whole handshake", "resumed"]
    assert document.read_bytes() == before
