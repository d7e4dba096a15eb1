"""A large attachment through the real program: other bytes than were sent, or memory in step with them, fail it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.repository import ROOT


def measured(*arguments: str) -> dict[str, dict[str, float]]:
    """What ``deploy/bench/attachment.py`` prints."""
    run = subprocess.run(
        [sys.executable, ROOT / "deploy/bench/attachment.py", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    found: dict[str, dict[str, float]] = json.loads(run.stdout)
    return found


@pytest.mark.slow
def test_five_megabytes_go_through_and_come_back() -> None:
    """The command works and the same bytes arrive on both sides."""
    found = measured("--mb", "5", "--only", "direct")["direct"]
    assert found["right"]
    assert found["mb_moved"] == 10


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_hundred_megabytes_take_less_than_twenty_of_memory(processes: int) -> None:
    """There, back, and through the queue, with one process and with workers."""
    found = measured("--mb", "100", "--processes", str(processes))
    for way in ("direct", "queued"):
        assert found[way]["right"]
        assert found[way]["growth_mb"] < 20
