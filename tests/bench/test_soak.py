"""Long runs, short: the driver, the receiver and the samples count what they say; how much grows is no matter here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.repository import ROOT

BENCH = ROOT / "deploy/bench"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> object:
    """Loads a module of the harness by its name."""
    monkeypatch.syspath_prepend(str(BENCH))

    def named(name: str) -> ModuleType:
        return importlib.import_module(name)

    return named


def run(*arguments: str, folder: Path) -> dict[str, object]:
    """The report of a run, which has to be sound."""
    command = [sys.executable, BENCH / "soak.py", *arguments, "--every", "0.1", "--people", "64", "--folder", folder]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.timeout(220)
def test_a_backlog_is_accepted_while_nobody_receives_and_drained_in_order(tmp_path: Path) -> None:
    """Every notice once, each person's in order, the journal of the same opinion; every process sampled."""
    report = run("backlog", "--messages", "320", folder=tmp_path)
    assert report["receiver"] == {"received": 320, "repeated": 0, "skipped": 0, "wrong": 0, "people": 64}
    assert report["states"] == {"DELIVERED": 320}
    growth = report["growth"]
    assert isinstance(growth, dict)
    assert all(row["samples"] > 0 and row["most_mb"] > 10 for phase in growth.values() for row in phase)


@pytest.mark.slow
@pytest.mark.timeout(220)
def test_a_steady_run_goes_on_at_its_rate(tmp_path: Path) -> None:
    """What was sent arrived, and the slope of every process is told."""
    report = run("steady", "--minutes", "0.02", "--rate", "160", folder=tmp_path)
    assert report["accepted"] == report["steady_messages"]
    assert report["accepted"] >= 128
    growth = report["growth"]
    assert isinstance(growth, dict)
    assert {"mb_per_10_min", "anon_mb_per_10_min", "files"} <= set(growth["running"][0])


@pytest.mark.slow
def test_the_receiver_sees_what_is_lost_repeated_overtaken_or_altered(load: object, tmp_path: Path) -> None:
    """One number per person is enough to tell."""
    ordered, messages = load("harness.ordered"), load("harness.messages")
    pair = messages.Messages().notice(1024)
    (tmp_path / "request.xml").write_bytes(pair.request)
    (tmp_path / "reply.xml").write_bytes(pair.reply)
    counts = load("ordered_receiver").Ordered(tmp_path)
    for serial in (1, 2, 2, 4, 3):
        counts.take(ordered.notice_of(pair, 7, serial), b"")
    counts.take(ordered.notice_of(pair, 8, 1), b"")
    assert (counts.received, counts.repeated, counts.skipped, counts.wrong) == (4, 2, 1, 0)
    counts.take(ordered.notice_of(pair, 8, 2).replace("翔子".encode(), "翔太".encode()), b"")
    counts.take(b"<nothing/>", b"")
    assert (counts.received, counts.wrong) == (4, 2)


def test_the_slope_is_that_of_the_least_squares(load: object) -> None:
    """A line's own slope; a constant has none; neither has a single moment."""
    slope = load("harness.growth").slope
    assert slope([(x, 3.0 * x + 1) for x in range(10)]) == pytest.approx(3.0)
    assert slope([(x, 5.0) for x in range(10)]) == 0
    assert slope([(1.0, 5.0)]) == 0
    assert slope([(0, 0.0), (1, 1.0), (2, 0.0), (3, 1.0)]) == pytest.approx(0.2)
