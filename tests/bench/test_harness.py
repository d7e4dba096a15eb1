"""The benchmark harness runs and verifies; how fast anything is, is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.processes import need
from tests.support.repository import ROOT

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(300)]


def test_the_harness_measures_every_scenario_with_every_answer_verified() -> None:
    """A quick run ends with a row per contestant, no wrong answer and nothing lost, and leaves the document alone."""
    need("nginx", "wrk")
    document = ROOT / "docs/performance.md"
    before = document.read_bytes()
    run = subprocess.run(
        [ROOT / "deploy/bench/run.sh", "--quick", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads(run.stdout)["rows"]
    assert {(row["scenario"], row["contestant"]) for row in rows} >= {
        ("S1", "nginx"),
        ("S1", "bus"),
        ("S3", "nginx"),
        ("S3", "bus"),
        ("S3", "relay"),
        ("S9", "bus"),
    }
    assert [row for row in rows if row["wrong"]] == []
    assert all(row["rate"] > 0 for row in rows)
    assert document.read_bytes() == before


def test_a_wrong_answer_makes_the_run_fail() -> None:
    """The verification of the load generator is itself verified: another expected answer counts every reply wrong."""
    need("nginx", "wrk")
    script = """
import sys, tempfile
from pathlib import Path
sys.path.insert(0, "deploy/bench")
from dataclasses import replace
from harness import peers
from harness.load import drive
from harness.messages import Messages
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    folder.chmod(0o755)
    pair = Messages().inquiry(1024)
    with peers.backend(folder / "backend", pair) as server:
        right = drive(server, pair, folder, clients=2, seconds=1, expected=pair.reply)
        wrong = drive(server, pair, folder, clients=2, seconds=1, expected=pair.reply.replace(b"shimei", b"simmei"))
    print(right.good > 0, right.bad, wrong.good, wrong.bad > 0)
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert run.stdout.split() == ["True", "0", "0", "True"], run.stderr


def test_signed_messages_are_measured_both_ways_without_a_wrong_answer() -> None:
    """S6, quick: both kinds of key, every answer a signed one to its own question, the document left alone."""
    need("nginx", "wrk")
    document = ROOT / "docs/performance.md"
    before = document.read_bytes()
    run = subprocess.run(
        [ROOT / "deploy/bench/run.sh", "--only", "S6", "--quick", "--json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = json.loads(run.stdout.splitlines()[-1])["rows"]
    assert {row["keys"] for row in rows} == {"ECDSA", "RSA"}
    assert all(row["rate"] > 0 and row["wrong"] == 0 for row in rows)
    assert document.read_bytes() == before


def test_this_checkout_is_measured_against_an_earlier_commit() -> None:
    """Both checkouts carry verified answers, the ratio is told, and the earlier checkout is taken away again."""
    need("nginx", "wrk")
    run = subprocess.run(
        [sys.executable, ROOT / "deploy/bench/against.py", "HEAD", "--runs", "1", "--seconds", "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    told = json.loads(run.stdout.splitlines()[-1])
    assert told["wrong"] == 0
    assert told["ratio_rate"] == pytest.approx(told["this_rate"][0] / told["earlier_rate"][0], rel=0.01)
    kept = subprocess.run(["git", "worktree", "list"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "chiikibus-against-" not in kept.stdout


def test_an_unknown_revision_is_refused() -> None:
    """A commit that does not exist ends with code 2 and measures nothing."""
    need("nginx", "wrk")
    run = subprocess.run(
        [sys.executable, ROOT / "deploy/bench/against.py", "no-such-revision"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 2
