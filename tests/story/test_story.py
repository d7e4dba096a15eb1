"""The example's story on real processes: whole, with processes killed at random moments, and shuffled."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "tax-juki"
SEEDS = range(1, 21)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]


def run(script: str, *arguments: str) -> dict[str, Any]:
    """Run a script of the example; its last line."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / script), *arguments], capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_story_ends_with_nothing_lost_doubled_or_different() -> None:
    """Load, changes, inquiries and switch: every notice delivered once, both ledgers agree with the register."""
    line = run("story.py", "--once", "--json", "--free-ports", "--residents", "1500", "--changes", "1000")
    assert line["notices_delivered"] == line["notices_sent"] >= 1000
    assert line["inquiries_answered"] == line["inquiries"] == 200
    assert (line["parked"], line["lost"], line["duplicates"], line["switch_differences"]) == (0, 0, 0, 0)


@pytest.mark.system
def test_the_story_ends_the_same_on_postgresql_and_rabbitmq() -> None:
    """The distributed engines, both started by the example itself: the same account, all zeros."""
    needed = ("--engine", "distributed", "--residents", "400", "--changes", "250", "--inquiries", "50")
    line = run("story.py", "--once", "--json", "--free-ports", *needed)
    assert line["notices_delivered"] == line["notices_sent"] >= 250
    assert line["inquiries_answered"] == line["inquiries"] == 50
    assert (line["parked"], line["lost"], line["duplicates"], line["switch_differences"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_killing_bus_and_adapters_at_random_moments_loses_nothing(seed: int) -> None:
    """kill -9 of the bus, an adapter or both during the story: still nothing lost and no difference."""
    arguments = (
        "--residents",
        "200",
        "--changes",
        "120",
        "--inquiries",
        "40",
        "--chaos",
        str(seed),
        "--seed",
        str(seed),
    )
    line = run("story.py", "--once", "--json", "--free-ports", *arguments)
    assert (line["lost"], line["parked"], line["switch_differences"]) == (0, 0, 0)
    assert line["notices_delivered"] == line["notices_sent"]


def test_notices_shuffled_and_tripled_end_in_the_same_ledger() -> None:
    """Ten thousand notices, shuffled and each sent three times, leave the ledger that the order leaves."""
    line = run("shuffled.py", "--notices", "10000")
    assert line["notices"] == 10_000
    assert line["differences"] == 0
