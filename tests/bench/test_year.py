"""A year in small: the schedule has its seasons, and the real bus takes a few of its messages for two towns."""

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
def nation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module with the table of the year."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("harness.nation")


@pytest.mark.slow
def test_the_year_has_its_seasons_and_repeats_by_seed(nation: ModuleType) -> None:
    """Taxes are assessed in May and June, people move in March and April; the same seed is the same year."""
    _, rows = nation.nation()
    events = nation.year(rows, towns=5, messages=20_000, seconds=120.0, seed=7)
    assert events == nation.year(rows, towns=5, messages=20_000, seconds=120.0, seed=7)
    assert events != nation.year(rows, towns=5, messages=20_000, seconds=120.0, seed=8)
    assert abs(len(events) - 20_000) < 200
    assert all(0 <= each.at < 120 and each.month == int(each.at / 10) for each in events)

    def share(operation: str, *months: int) -> float:
        own = [each for each in events if each.kind.operation == operation]
        return sum(each.month + 1 in months for each in own) / len(own)

    assert share("kojinjuminzei.shotoku_tsuchi", 5, 6) > 0.6
    assert share("juki.ido_tsuchi", 3, 4) > 0.3
    counts = [sum(each.town == town for each in events) for town in range(5)]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.slow
def test_the_nation_is_the_sum_of_its_rows(nation: ModuleType) -> None:
    """What a message really reached replaces what its flow could reach."""
    _, rows = nation.nation()
    whole, one = nation.peaks(rows, {}), nation.peaks(rows, {each.operation: 1.0 for each in rows})
    assert whole["messages"] == one["messages"] == one["deliveries"]
    assert whole["messages"] == sum(each.per_1000 for each in rows) * nation.RESIDENTS / 1000
    assert whole["deliveries"] > 2 * one["deliveries"]
    assert whole["peak_messages_per_s"] > 2 * whole["messages"] / (365 * 86_400)
    assert [nation.town_code(number) for number in (0, 1)] == ["990019", "990027"]


@pytest.mark.slow
@pytest.mark.timeout(220)
def test_a_small_year_passes_through_the_real_bus(tmp_path: Path) -> None:
    """Two towns with all systems: nothing refused, lost or delivered twice."""
    command = [sys.executable, BENCH / "year.py", "play", "--towns", "2", "--messages", "150", "--seconds", "2"]
    done = subprocess.run([*command, "--folder", tmp_path], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["endpoints"] == 44
    assert report["messages"] > 120
    assert sum(each["accepted"] for each in report["months"]) == report["messages"]
