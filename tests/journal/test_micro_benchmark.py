"""The micro-benchmark runs and loses nothing; how fast anything is, is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT


@pytest.mark.slow
def test_the_micro_benchmark_reports_every_figure() -> None:
    """A small run ends with one JSON line that names what was measured."""
    run = subprocess.run(
        [sys.executable, ROOT / "deploy/bench/micro_journal.py", "--messages", "300", "--callers", "8", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)["results"]
    names = {result["name"] for result in results}
    assert {"durable accept", "HTTP post", "store and forward"} <= names
    assert all(result["per_s"] > 0 for result in results)
